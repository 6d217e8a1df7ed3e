"""Two networks trained once more, from other weights on other crops, on duets and in new company.

The idea in a sentence: an interval over hymns says nothing of other trainings; a second one says
at least something. Chapter 18.
"""

from __future__ import annotations

import time
from functools import partial

from etudes.evaluate import evaluate_separator
from etudes.recipes.gan_and_vae import SOURCES_OF
from etudes.recipes.tcn_vae import report, report_latents
from etudes.recipes.tcn_vae.on_duets import train
from etudes.recipes.tcn_vae.on_latents import on_duet, tell
from etudes.recipes.tcn_vae.who_sings import NEW_COMPANY, new_company, who_sings
from etudes.separators.tcn_vae import HEADS


def measure() -> None:
    """Train both, and measure what the chapter claims of them."""
    models, seconds = {}, 0.0
    for name in ("tcn-vae", "masks-alone"):
        models[name], history = train(name, seed=1)
        seconds += history.seconds
    begun, again = time.perf_counter() - seconds, models["tcn-vae"]
    for duet, names in SOURCES_OF.items():
        heads = {f"tcn-vae-{h}": partial(again.separate, sources=names, head=h) for h in HEADS}
        heads["masks-alone"] = partial(models["masks-alone"].separate, sources=names)
        results = {name: on_duet(duet, separate) for name, separate in heads.items()}
        tell(duet, results)
        report.write_second_seed(duet, results, time.perf_counter() - begun)
    for name, names in NEW_COMPANY.items():
        results = {
            f"tcn-vae-{h}": evaluate_separator(
                lambda m, k=names, h=h: again.separate(m.mixture, k, h), new_company(name)
            )
            for h in HEADS
        }
        tell(name, results)
        where = report_latents.told_of(name)
        report.write_second_seed(name, results, time.perf_counter() - begun, where)
        right, told = who_sings(again, new_company(name), names)
        print(f"{name}: {right['ten']} {told}", flush=True)
        found = {"ten-seed-1": right["ten"]}
        report_latents.write_who_sings(name, found, told, time.perf_counter() - begun)
