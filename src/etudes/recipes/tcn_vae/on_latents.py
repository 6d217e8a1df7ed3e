"""What the trained TCN-VAE hears, what its latents say, and who sings: measured on test hymns.

The idea in a sentence: nothing is trained here; every question has its control. Chapter 18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.recipes import gan_and_vae
from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF, load_vae
from etudes.recipes.masks import ANY_ORDER
from etudes.recipes.separation import measured, test_duets
from etudes.recipes.tcn_vae import networks, report_latents
from etudes.recipes.tcn_vae import who_sings as asking
from etudes.recipes.tcn_vae.latents import nats_told, probe, separate_by_draw
from etudes.recipes.tcn_vae.networks import COMMITTED, load_network
from etudes.recipes.tcn_vae.reach import FRAMES, PAST, separate_within
from etudes.recipes.tcn_vae.who_sings import (
    NEW_COMPANY,
    classify,
    likeliest,
    new_company,
    who_sings,
)
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import OracleMask, VAESeparator, apply_masks, by_higher_note


def measure_reach() -> None:
    """The committed TCN-VAE, when it hears but a few frames at a time."""
    model, begun = load_network("tcn-vae"), time.perf_counter()
    for duet in DUETS:
        within = partial(separate_within, model, sources=SOURCES_OF[duet])
        results = {"tcn-vae-mask": on_duet(duet, partial(model.separate, sources=SOURCES_OF[duet]))}
        for n in FRAMES:
            results[f"hearing-{n}"] = on_duet(duet, partial(within, n_frames=n))
        for n in PAST:
            results[f"hearing-{n}-past"] = on_duet(
                duet, partial(within, n_frames=n, past_only=True)
            )
        tell(duet, results)
        report_latents.write_reach(duet, results, time.perf_counter() - begun)


def on_duet(duet: str, separate: Callable[[np.ndarray], np.ndarray]) -> SeparationResult:
    """What a function of a waveform does to the test excerpts of a duet."""
    return evaluate_separator(lambda m: separate(m.mixture), test_duets(duet))


def measure_latents() -> None:
    """Notes in latents and in what masks leave; how many latents speak; latents drawn at random."""
    begun, model = time.perf_counter(), load_network("tcn-vae")
    nats = {}
    for duet, names in SOURCES_OF.items():
        found = probe(model, load_network("tcn-mask"), duet)
        for name, one in found.items():
            print(f"{duet:<14}{name:<14}{one}", flush=True)
        report_latents.write_probe(duet, found, time.perf_counter() - begun)
        nats[duet], n = nats_told(model, duet), len(test_duets(duet))
        report_latents.write_nats(duet, names, nats[duet], n, time.perf_counter() - begun)
        results = {
            "tcn-vae-wiener": on_duet(duet, partial(model.separate, sources=names, head="wiener")),
            "tcn-vae-wiener-drawn": on_duet(duet, partial(separate_by_draw, model, sources=names)),
        }
        tell(duet, results)
        report_latents.write_drawn(duet, results, time.perf_counter() - begun)
    report_latents.write_shared(nats, n, time.perf_counter() - begun)


def measure_company() -> None:
    """Who sings, and how two voices come apart that were never heard together."""
    begun, model = time.perf_counter(), load_network("tcn-vae")
    answers = Remembered(work_folder() / "tcn-vae-company.json", _stamp())
    classified = classify(model, {duet: test_duets(duet) for duet in DUETS})
    for duet in DUETS:
        right, told = who_sings(model, test_duets(duet), SOURCES_OF[duet])
        print(f"{duet}: {right} {told}", flush=True)
        right["classifier"] = classified[duet]
        report_latents.write_who_sings(duet, right, told, time.perf_counter() - begun)
    for name, names in NEW_COMPANY.items():
        right, told = who_sings(model, new_company(name), names)
        print(f"{name}: {right} {told}", flush=True)
        report_latents.write_who_sings(name, right, told, time.perf_counter() - begun)
        results = {
            method: measured(
                answers, f"{name} {method}", separate, new_company(name), method in ANY_ORDER
            )
            for method, separate in methods_for(name).items()
        }
        tell(name, results)
        report_latents.write_company(name, results, time.perf_counter() - begun)


def _stamp() -> str:
    """What every answer in new company depends on: code and weights."""
    used = weights_digest(*map(load_network, COMMITTED), *map(load_vae, SOURCES))
    return f"{code_of(evaluate, features, separators, networks, asking)} {used}"


def tell(name: str, results: Mapping[str, SeparationResult]) -> None:
    """Print results of one kind of mixtures, method by method."""
    for method, result in results.items():
        print(f"{name:<24}{method:<28}{result}", flush=True)


def methods_for(name: str) -> dict[str, Callable[[Mixture], np.ndarray]]:
    """Methods that can be asked for a pair of voices, as functions of a mixture.

    Parameters
    ----------
    name
        Of :data:`~etudes.recipes.tcn_vae.who_sings.NEW_COMPANY`.

    Returns
    -------
    dict
        Those that cannot be told who sings keep the higher voice first, or any order.
    """
    model, names = load_network("tcn-vae"), NEW_COMPANY[name]
    methods: dict[str, Callable[[Mixture], np.ndarray]] = {
        "tcn-vae-wiener": lambda m: model.separate(m.mixture, names, "wiener"),
        "tcn-vae-mask": lambda m: model.separate(m.mixture, names),
        "tcn-vae-as-told": lambda m: model.separate(
            m.mixture, likeliest(model, m.mixture), "wiener"
        ),
        "tcn-mask": lambda m: load_network("tcn-mask").separate(m.mixture),
        "conv-tasnet": lambda m: load_network("conv-tasnet").separate(m.mixture),
        "deep-clustering": gan_and_vae.separate_by("deep-clustering", "choir-sb"),
        "lstm-vae": fitted_vaes(names),
        "irm-2048": lambda m: OracleMask(m.stems, "ratio", 2048, 512).separate(m.mixture),
    }
    if names[0] == "choir-alto":
        choir = SOURCES_OF["choir-sa"]
        methods["tcn-vae-as-choir-sa"] = lambda m: model.separate(m.mixture, choir, "wiener")
    return methods


def fitted_vaes(names: tuple[str, str]) -> Callable[[Mixture], np.ndarray]:
    """Chapter 17's VAEs of two voices, fitted to a mixture from the better of two starts.

    Parameters
    ----------
    names
        Of the voices.

    Returns
    -------
    callable
        ``separate(mixture) -> (2, n_samples)``.
    """
    separator = VAESeparator([load_vae(one) for one in names])

    def separate(m: Mixture) -> np.ndarray:
        starts = {"first guess": None, "higher note": by_higher_note(m.mixture)}
        best = separator.best_start(m.mixture, starts)
        return apply_masks(m.mixture, separator.fit(m.mixture, starts[best])[0])

    return separate
