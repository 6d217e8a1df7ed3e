"""Know a new musical style from five tunes: train, compare and write down (chapter 06).

The idea in a sentence: counting what happens in a melody tells styles apart better than a network
that has memorised a few of them, and what training styles are good for is to say which of those
counts to trust.  The command trains everything, compares it on the same test episodes, and writes
checkpoints and ledger rows::

    python -m etudes.recipes.styles --full     # the committed checkpoints and rows, half an hour
    python -m etudes.recipes.styles            # quick: on validation styles, nothing written

Training, validation and test styles are disjoint, and so are their near-duplicate groups
(:func:`etudes.data.scores.split_folk_tunes`).  Everything was chosen on validation styles, or on
other splits of the training and validation styles; the test styles are met in :func:`compare`
alone.  Header fields are questions asked of the reader about training tunes; no learner is shown
them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from etudes.evaluate import FewShotResult, evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid
from etudes.learners.finetune import FineTuned
from etudes.learners.melody import N_STATISTICS
from etudes.learners.melody_encoder import MelodyReader
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.style_space import StyleSpace
from etudes.recipes.style_learners import (
    COMPARERS,
    TEST_SEED,
    Reader,
    Together,
    hand_crafted,
    learned,
    make_comparer,
    naive_failure,
    train_comparer,
)
from etudes.recipes.style_report import save_checkpoints, write_rows
from etudes.recipes.style_training import Tunes, describe, fit_space, load_tunes, pretrain_reader
from etudes.train import load_weights

READER_STEPS = 1200
SETTINGS = ((5, 5), (5, 1), (8, 5))


def compare(
    learners: dict[str, Any],
    data: Tunes,
    x: torch.Tensor,
    n_way: int = 5,
    k_shot: int = 5,
    n_tasks: int = 600,
    seed: int = TEST_SEED,
    progress: bool = False,
) -> dict[str, FewShotResult]:
    """Give every learner the same episodes.

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
    progress
        Show a bar for each learner.

    Returns
    -------
    dict
        Name → result.
    """
    results = {}
    for name, entry in learners.items():
        learner, items = entry if isinstance(entry, tuple) else (entry, x)
        results[name] = evaluate(
            learner, data.sampler(items, n_way, k_shot, seed), n_tasks, progress
        )
        print(f"  {name:32s} {results[name]}", flush=True)
    return results


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


def learn(
    training: Tunes,
    x: torch.Tensor,
    space: StyleSpace,
    steps: int = 1200,
    progress: bool = False,
    kinds: Sequence[str] = ("prototypical",),
) -> dict[str, Any]:
    """Train what compares points of a space.

    Parameters
    ----------
    training, x
        Training tunes and their description.
    space
        Of that description.
    steps
        Episodes of each.
    progress
        Show progress bars.
    kinds
        Of :data:`~etudes.recipes.style_learners.COMPARERS`, ``"prototypical"`` among them.

    Returns
    -------
    dict
        The comparers by name, and ``"together"``.
    """
    learners: dict[str, Any] = {kind: make_comparer(kind, space) for kind in kinds}
    for model in learners.values():
        train_comparer(model, training, x, steps, progress)
    return {**learners, "together": Together(learners["prototypical"]).eval()}


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
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    training, validation = load_tunes("train", unlabelled=True), load_tunes("validation")
    if not options.full:
        print(
            "naive:", {k: f"{r.mean:.3f}" for k, r in naive_failure(training, validation).items()}
        )
        quick = quick_learner(training)
        scaled = fit_space(training, describe(training), smoothing=None)
        learners = {**hand_crafted(scaled), "together": quick}
        compare(learners, validation, describe(validation), n_tasks=200, seed=1)
        return
    from etudes.data.cache import cache_dir

    work = cache_dir() / "recipes"
    work.mkdir(parents=True, exist_ok=True)
    _full(training, validation, work, started)


def _full(training: Tunes, validation: Tunes, work: Path, started: float) -> None:
    """Choose without the validation styles, learn anew with them, meet the test styles, write."""
    command = "python -m etudes.recipes.styles --full"
    reader, history = pretrain_reader(
        training, READER_STEPS, validation, checkpoint=work / "styles-reader-train-only.safetensors"
    )
    earlier = max(0.0, history.seconds - (time.perf_counter() - started))  # of a run cut short
    x, x_validation = describe(training, reader), describe(validation, reader)
    scaled = fit_space(training, x[:, :N_STATISTICS], smoothing=None)
    space, statistics = fit_space(training, x), fit_space(training, x[:, :N_STATISTICS])
    methods = {**learned(space, statistics), **learn(training, x, space, kinds=COMPARERS)}
    baselines = hand_crafted(scaled)
    print("validation styles")
    chosen = compare({**baselines, **methods}, validation, x_validation, seed=77)
    baseline = max(baselines, key=lambda name: chosen[name].mean)
    best = max(methods, key=lambda name: chosen[name].mean)
    print(f"chosen on validation: {best}, baseline {baseline}", flush=True)

    everything = training + validation
    begun = time.perf_counter()
    final, history = pretrain_reader(
        everything, READER_STEPS, checkpoint=work / "styles-reader.safetensors"
    )
    earlier += max(0.0, history.seconds - (time.perf_counter() - begun))
    started -= earlier
    x_all = describe(everything, final)
    space_all = fit_space(everything, x_all)
    comparers = learn(everything, x_all, space_all, kinds=COMPARERS)
    test = load_tunes("test")
    x_test, x_test_train_only = describe(test, final), describe(test, reader)
    torch.manual_seed(1)
    untrained = describe(test, MelodyReader())
    learners: dict[str, Any] = {
        **baselines,
        **learned(space_all, fit_space(everything, x_all[:, :N_STATISTICS])),
        **comparers,
        "prototypical-untrained": make_comparer("prototypical", space_all, seed=1),
        "relation-untrained": make_comparer("relation", space_all, seed=1),
        "relation-fine-tuned": FineTuned(comparers["relation"], steps=10, lr=1e-3),
        "prototypical-fine-tuned": FineTuned(comparers["prototypical"], steps=10, lr=1e-3),
        "untrained-reader-centroid": (NearestCentroid(Reader()), untrained),
        "space-train-only": (methods["space"], x_test_train_only),
        "together-train-only": (methods["together"], x_test_train_only),
    }
    naive = naive_failure(training, test, 4000, n_tasks=600, tunes_per_style=None, progress=False)
    for n_way, k_shot in SETTINGS:
        print(f"test styles, {n_way}-way {k_shot}-shot", flush=True)
        results = compare(learners, test, x_test, n_way, k_shot)
        print(f"  margin: {paired_difference(results[best], results[baseline])}", flush=True)
        if (n_way, k_shot) == (5, 5):
            results.update({f"naive-{name}": result for name, result in naive.items()})
            print(results[best].classes, results[best].confusion, results[best].per_class, sep="\n")
        write_rows(results, best, baseline, command, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    save_checkpoints(
        final,
        comparers["together"],
        everything,
        command,
        chosen,
        best,
        baseline,
        READER_STEPS,
        seconds,
    )


if __name__ == "__main__":
    main()
