"""The command of :mod:`etudes.recipes.tcn_vae`: train, choose, meet the test hymns, write.

The idea in a sentence: which head plays is chosen on validation hymns; test excerpts are loaded
when everything has been trained and chosen. Chapter 18.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import torch

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation import validation_duets
from etudes.recipes.tcn_vae import (
    on_company,
    on_duets,
    on_latents,
    on_others,
    on_second_seed,
    on_trials,
)
from etudes.recipes.tcn_vae.networks import (
    COMMITTED,
    NETWORKS,
    load_network,
    separate,
    train_network,
)
from etudes.recipes.tcn_vae.report import COMMAND

PARTS: dict[str, Callable[[], object]] = {
    **{name: partial(on_duets.train, name) for name in COMMITTED},
    "duets": on_duets.measure,
    "masks-alone": on_duets.measure_masks_alone,
    "second-seed": on_second_seed.measure,
    "reach": on_latents.measure_reach,
    "latents": on_latents.measure_latents,
    "company": on_company.measure,
    "votes": on_company.measure_votes,
    "strangers": on_duets.measure_strangers,
    "speed": on_duets.measure_speed,
    "trials": on_trials.measure,
    "quartet": on_others.measure_quartet,
    "speakers": on_others.measure_speakers,
}
"""What ``--full`` does, in this order; any of them can be asked for alone."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose, measure, and with ``--full`` write checkpoints, cards and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.tcn_vae")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        metavar="PART",
        help=f"with --full: these parts and nothing else: {', '.join(PARTS)}",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if not options.full:
        _quick()
        return
    for name in options.only or PARTS:
        PARTS[name]()


def _quick() -> None:
    """Brief trainings for one duet, and the committed networks on three validation excerpts."""
    some = validation_duets("choir-sb")[:3]
    for name in NETWORKS:
        steps = 10 if name == "conv-tasnet" else 60
        model, _ = train_network(name, steps, 16, validate=False, duets=("choir-sb",))
        found = evaluate_separator(lambda m, n=model: separate(n, m.mixture, "choir-sb"), some)
        print(f"{name + ', briefly':<26}{found.mean:+.1f} dB", flush=True)
    for duet in DUETS:
        for name in COMMITTED:
            model = load_network(name)
            found = evaluate_separator(
                lambda m, n=model, d=duet: separate(n, m.mixture, d), validation_duets(duet)[:3]
            )
            print(f"{duet:<14}{name:<22}{found.mean:+.1f} dB", flush=True)
    print(f"the committed sizes: {COMMAND}")
