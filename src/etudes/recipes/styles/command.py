"""The command of :mod:`etudes.recipes.styles`: choose, learn, meet the test styles, write down.

The idea in a sentence: the order of steps is the honesty of the result; test styles are loaded when
everything has been chosen and learned. Chapter 06.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from etudes.evaluate import FewShotResult, evaluate, evaluation_mode, paired_difference
from etudes.learners.centroid import NearestCentroid
from etudes.learners.finetune import FineTuned
from etudes.learners.melody import N_STATISTICS
from etudes.learners.melody_encoder import MelodyReader
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.style_space import DualLogistic, ShrunkenDiscriminant, StyleSpace
from etudes.recipes.instruments.networks import encoded_once
from etudes.recipes.styles.choosing import other_splits
from etudes.recipes.styles.comparers import COMPARERS, Together, learn, make_comparer
from etudes.recipes.styles.learners import Reader, hand_crafted, learned
from etudes.recipes.styles.naive import naive_failure
from etudes.recipes.styles.reader import pretrain_reader
from etudes.recipes.styles.report import save_checkpoints, write_choice, write_rows
from etudes.recipes.styles.tunes import TEST_SEED, Tunes, describe, fit_space, load_tunes
from etudes.recipes.work import work_folder
from etudes.train import load_weights

COMMAND = "python -m etudes.recipes.styles --full"
READER_STEPS = 1200
SETTINGS = ((5, 5, 2400), (5, 1, 600), (8, 5, 600))
"""Ways, shots and tasks; more tasks where the difference to the baseline is asked for."""


def compare(
    learners: dict[str, Any],
    data: Tunes,
    x: torch.Tensor,
    n_way: int = 5,
    k_shot: int = 5,
    n_tasks: int = 600,
    seed: int = TEST_SEED,
    show: bool = True,
) -> dict[str, FewShotResult]:
    """Give every learner the same episodes, and print what it makes of them.

    Parameters
    ----------
    learners
        Name → learner, or a pair of learner and its own description of the tunes.
    data, x
        Tunes and their description.
    n_way, k_shot
        Of the episodes; 10 queries a class.
    n_tasks
        Episodes.
    seed
        Of the episodes.
    show
        Print a line for each learner.

    Returns
    -------
    dict
        Name → result.
    """
    results = {}
    for name, entry in learners.items():
        learner, items = mapped_once(*(entry if isinstance(entry, tuple) else (entry, x)))
        sampler = data.sampler(items, n_way, k_shot, seed)
        results[name] = evaluate(learner, sampler, n_tasks, progress=False)
        if show:
            print(f"  {name:24s} {results[name]}", flush=True)
    return results


def mapped_once(learner: Any, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Map every tune into the learner's space once, not once for every task.

    The answers are the same, since no tune's place depends on another's.

    Parameters
    ----------
    learner
        Any learner; one that is not known to have a space is left as it is.
    x
        Description of the tunes, shape ``(n_tunes, n_inputs)``.

    Returns
    -------
    tuple
        A learner and the items that it wants.
    """
    with torch.no_grad(), evaluation_mode(learner):
        if isinstance(learner, Together):
            head = copy.deepcopy(learner)
            head.prototypes.encoder.space = nn.Identity()
            return head, learner.prototypes.encoder.space(x)
        if isinstance(learner, DualLogistic | ShrunkenDiscriminant):
            head = copy.copy(learner)
            head.space = nn.Identity()
            return head, learner.space(x)
        return encoded_once(learner, x)


def quick_learner(training: Tunes, steps: int = 600, progress: bool = True) -> Together:
    """What mends the naive failure, in the time that a chapter has: no reader, statistics alone.

    Parameters
    ----------
    training
        Training tunes.
    steps
        Episodes for the prototypes.
    progress
        Show a progress bar.

    Returns
    -------
    Together
        Answers episodes of ``describe(tunes)``.
    """
    x = describe(training)
    return learn(training, x, fit_space(training, x), steps, progress)["together"]


def load_trained() -> tuple[MelodyReader, Together]:
    """Load the committed learner: ``together`` answers episodes of ``describe(tunes, reader)``.

    Returns
    -------
    MelodyReader, Together

    Raises
    ------
    ValueError
        When the weights are missing or damaged.
    """
    reader = MelodyReader()
    load_weights(reader, "06-styles-reader")
    space = StyleSpace(N_STATISTICS + reader.n_features, 250 + reader.n_features)
    prototypes = make_comparer("prototypical", space)
    assert isinstance(prototypes, PrototypicalNetwork)
    together = Together(prototypes)
    load_weights(together, "06-styles-together")
    return reader.eval(), together.eval()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose on validation styles, and with ``--full`` compare on test styles and write.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.styles")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--choose", action="store_true", help="compare methods on other splits")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    training, validation = load_tunes("train", unlabelled=True), load_tunes("validation")
    if options.choose:
        other_splits(training + validation)
    elif options.full:
        _full(training, validation, started)
    else:
        naive = naive_failure(training, validation)
        print("naive:", {name: f"{result.mean:.3f}" for name, result in naive.items()})
        scaled = fit_space(training, describe(training), smoothing=None)
        learners = {**hand_crafted(scaled), "together": quick_learner(training)}
        compare(learners, validation, describe(validation), n_tasks=200, seed=1)


def _full(training: Tunes, validation: Tunes, started: float) -> None:
    """Choose without the test styles, learn with all others, meet the test styles, write."""
    work = work_folder()
    everything = training + validation

    choice = other_splits(everything)
    baselines = hand_crafted(fit_space(training, describe(training), smoothing=None))
    best = max((name for name in choice if name not in baselines), key=lambda n: choice[n].mean())
    print(f"best learned method over {len(choice[best])} other splits: {best}", flush=True)
    chosen, earlier = _validate(training, validation, baselines, work)

    begun = time.perf_counter()
    reader, history = pretrain_reader(
        everything, READER_STEPS, checkpoint=work / "styles-reader.safetensors"
    )
    earlier += max(0.0, history.seconds - (time.perf_counter() - begun))  # of a run cut short
    started -= earlier
    x = describe(everything, reader)
    learners = _finished(everything, x, baselines)
    write_choice(choice, best, COMMAND, time.perf_counter() - started)

    test = load_tunes("test")
    x_test = describe(test, reader)
    learners |= _relative(everything, test)
    torch.manual_seed(1)
    untrained = describe(test, MelodyReader())
    learners["untrained-reader-centroid"] = (NearestCentroid(Reader()), untrained)
    naive = naive_failure(training, test, 4000, n_tasks=600, tunes_per_style=None, progress=False)
    for n_way, k_shot, n_tasks in SETTINGS:
        print(f"test styles, {n_way}-way {k_shot}-shot", flush=True)
        results = compare(learners, test, x_test, n_way, k_shot, n_tasks)
        baseline = max(baselines, key=lambda name: results[name].mean)
        margin = paired_difference(results[best], results[baseline])
        print(f"  {best} over {baseline}: {margin}", flush=True)
        if (n_way, k_shot) == (5, 5):
            results.update({f"naive-{name}": result for name, result in naive.items()})
            print(results[best].classes, results[best].confusion, results[best].per_class, sep="\n")
        write_rows(results, best, baseline, COMMAND, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    save_checkpoints(
        reader, learners["together"], everything, COMMAND, chosen, READER_STEPS, seconds
    )


def _validate(
    training: Tunes, validation: Tunes, baselines: dict[str, Any], work: Path
) -> tuple[dict[str, FewShotResult], float]:
    """What reader and space reach on validation styles when they have not learned from these."""
    begun = time.perf_counter()
    reader, history = pretrain_reader(
        training, READER_STEPS, validation, checkpoint=work / "styles-reader-train-only.safetensors"
    )
    earlier = max(0.0, history.seconds - (time.perf_counter() - begun))
    print("validation styles", flush=True)
    learners = _finished(training, describe(training, reader), baselines)
    return compare(learners, validation, describe(validation, reader), seed=77), earlier


def _finished(data: Tunes, x: torch.Tensor, baselines: dict[str, Any]) -> dict[str, Any]:
    """Baselines, spaces, and everything that practises in them; fine-tuned and untrained too."""
    statistics = x[:, :N_STATISTICS]
    space, of_statistics = fit_space(data, x), fit_space(data, statistics)
    comparers = learn(data, x, space, kinds=COMPARERS)
    alone = learn(data, statistics, of_statistics)["together"]
    return {
        **baselines,
        **learned(space, of_statistics),
        **comparers,
        "together-statistics": _on_statistics(alone),
        "prototypical-untrained": make_comparer("prototypical", space, seed=1),
        "relation-untrained": make_comparer("relation", space, seed=1),
        "relation-fine-tuned": FineTuned(comparers["relation"], steps=10, lr=1e-3),
        "prototypical-fine-tuned": FineTuned(comparers["prototypical"], steps=10, lr=1e-3),
    }


def _on_statistics(learner: Any) -> Any:
    """The learner, shown the statistics alone of items that hold more."""

    def answer(episode: Any) -> torch.Tensor:
        return learner(
            replace(
                episode,
                support_x=episode.support_x[:, :N_STATISTICS],
                query_x=episode.query_x[:, :N_STATISTICS],
            )
        )

    return answer


def _relative(everything: Tunes, test: Tunes) -> dict[str, Any]:
    """Learners where absolute pitch and absolute note values are gone."""
    data, new = everything.relative(), test.relative()
    x, x_new = describe(data), describe(new)
    learners = {
        **hand_crafted(fit_space(data, x, smoothing=None)),
        "together": learn(data, x, fit_space(data, x))["together"],
    }
    return {f"{name}-relative": (learner, x_new) for name, learner in learners.items()}
