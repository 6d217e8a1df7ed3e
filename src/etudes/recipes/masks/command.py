"""The command of :mod:`etudes.recipes.masks`: choose, train, meet the test hymns, write.

The idea in a sentence: test excerpts are loaded when everything has been chosen and trained.
Chapter 16.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, evaluate_separator, separation_difference
from etudes.recipes.masks import methods
from etudes.recipes.masks.choosing import choose
from etudes.recipes.masks.methods import ANY_ORDER, METHODS, Settings, separate_by
from etudes.recipes.masks.report import PAIRS, save, write_choices, write_repeated, write_rows
from etudes.recipes.masks.training import train
from etudes.recipes.separation import (
    ELSEWHERE,
    elsewhere,
    measured,
    test_duets,
    validation_duets,
)
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import DeepClustering
from etudes.train import History

STEPS = 6000

METHODS_ELSEWHERE = ("irm", "best-mask", "deep-clustering")
"""What is measured on sources that deep clustering has not been trained on."""


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
    parser.add_argument("--seeds", type=int, default=1, help="trainings of deep clustering (1)")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be 1 or more, got {options.seeds}")
    torch.set_num_threads(1)
    if options.full:
        _full(options.duets, options.seeds)
    else:
        _quick()


def _full(names: Sequence[str], n_seeds: int) -> None:
    """Everything; what was finished in an earlier run is remembered."""
    work = work_folder()
    stamp = code_of(evaluate, features, separators, methods)
    answers = Remembered(work / "masks-answers.json", stamp)
    (model, history), *others = (_trained(seed, work) for seed in range(n_seeds))
    save(model, history)
    settings, choices = choose(answers)
    write_choices(choices)
    again = sum(other.seconds for _, other in others)
    for name in names:
        results = _results(METHODS, name, settings, test_duets(name), model, answers)
        for a, b in PAIRS:
            print(f"{name:<14}{a} over {b}: {separation_difference(results[a], results[b])}")
        write_rows(name, results, history.seconds + answers.seconds)
        if others:
            values = [results["deep-clustering"].mean]
            values += [_of_seed(other, name, answers).mean for other, _ in others]
            print(f"{name:<14}seeds: {[round(value, 2) for value in values]}", flush=True)
            write_repeated(name, values, history.seconds + again + answers.seconds)
    for name in ELSEWHERE:
        results = _results(METHODS_ELSEWHERE, name, settings, elsewhere(name), model, answers)
        write_rows(name, results, history.seconds + answers.seconds)


def _trained(seed: int, work: Path) -> tuple[DeepClustering, History]:
    """The network from one seed; that of seed 0 is committed."""
    ending = f"-{seed}" if seed else ""
    checkpoint = work / f"masks-deep-clustering{ending}.safetensors"
    model, history = train(STEPS, seed=seed, checkpoint=checkpoint)
    best = history.best_validation
    print(f"deep clustering, seed {seed}: {history.seconds:.0f} s, validation {best:.2f} dB")
    return model, history


def _results(
    asked: Sequence[str],
    name: str,
    settings: Settings,
    mixtures: Sequence[Mixture],
    model: nn.Module,
    answers: Remembered,
) -> dict[str, SeparationResult]:
    """What some methods do on the same mixtures; `model` has been saved."""
    results = {}
    for method in asked:
        key = f"{name} {method} {settings}"
        if method == "deep-clustering":
            key = f"{key} {weights_digest(model)}"
        how, any_order = separate_by(method, name, settings), method in ANY_ORDER
        results[method] = measured(answers, key, how, mixtures, any_order)
        print(f"{name:<14}{method:<26}{results[method]}", flush=True)
    return results


def _of_seed(model: DeepClustering, name: str, answers: Remembered) -> SeparationResult:
    """What deep clustering does on a duet, trained from another seed."""
    key = f"{name} deep-clustering {weights_digest(model)}"
    return measured(answers, key, lambda m: model.separate(m.mixture), test_duets(name), True)


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
