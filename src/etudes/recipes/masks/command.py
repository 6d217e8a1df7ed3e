"""The command of :mod:`etudes.recipes.masks`: choose, train, meet the test hymns, write.

The idea in a sentence: test excerpts are loaded when everything has been chosen and trained.
Chapter 16.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import torch

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator, separation_difference
from etudes.recipes.masks.choosing import choose
from etudes.recipes.masks.methods import ANY_ORDER, METHODS, Settings, separate_by
from etudes.recipes.masks.report import PAIRS, save, write_choices, write_elsewhere, write_rows
from etudes.recipes.masks.training import train
from etudes.recipes.separation import test_duets, validation_duets
from etudes.recipes.work import work_folder

STEPS = 6000


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose, train, measure, and with ``--full`` write checkpoint and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.masks")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--duets", nargs="+", choices=tuple(DUETS), default=tuple(DUETS))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if not options.full:
        _quick()
        return
    begun = time.perf_counter()
    model, history = train(STEPS, checkpoint=work_folder() / "masks-deep-clustering.safetensors")
    print(f"deep clustering: {history.seconds:.0f} s, validation {history.best_validation:.2f} dB")
    save(model, history)
    settings, trials = choose(work_folder() / "masks-trials.json")
    write_choices(trials, time.perf_counter() - begun)
    for duet in options.duets:
        results = {}
        for method in METHODS:
            results[method] = evaluate_separator(
                separate_by(method, duet, settings), test_duets(duet), method in ANY_ORDER
            )
            print(f"{duet:<14}{method:<26}{results[method]}", flush=True)
        for a, b in PAIRS:
            print(f"{duet:<14}{a} over {b}: {separation_difference(results[a], results[b])}")
        write_rows(duet, results, time.perf_counter() - begun + history.seconds)
    write_elsewhere(model, time.perf_counter() - begun + history.seconds)


def _quick() -> None:
    """A hundred steps of deep clustering and every method on three validation excerpts."""
    model, _ = train(100, n_excerpts=16, validate=False)
    for duet in DUETS:
        some = validation_duets(duet)[:3]
        own = evaluate_separator(lambda m: model.separate(m.mixture), some, any_order=True)
        print(f"{duet:<14}{'deep-clustering, briefly':<26}{own.mean:+.1f} dB")
        for method in METHODS:
            how = separate_by(method, duet, Settings())
            found = evaluate_separator(how, some, method in ANY_ORDER)
            print(f"{duet:<14}{method:<26}{found.mean:+.1f} dB", flush=True)
