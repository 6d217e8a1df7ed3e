"""The command of :mod:`etudes.recipes.instruments`: train from several seeds, compare, write down.

The idea in a sentence: one training is one draw, so each network is trained again from other seeds,
and every learner answers the same test episodes. Chapter 06.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from etudes.evaluate import FewShotResult, evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid, envelope, time_average
from etudes.learners.classical import KNearest, LogisticRegression
from etudes.learners.finetune import FineTuned
from etudes.recipes.instruments.networks import TRAINED, encoded_once, make_prototypical
from etudes.recipes.instruments.notes import Notes, load_notes
from etudes.recipes.instruments.report import DIFFERENCES, save, write_rows, write_seeds
from etudes.recipes.instruments.training import train
from etudes.recipes.work import work_folder
from etudes.train import History

COMMAND = "python -m etudes.recipes.instruments --full"

SETTINGS: tuple[tuple[int, int], ...] = ((5, 5), (5, 1), (10, 5))
"""Ways and shots that are reported."""

RUNS = {
    "prototypical": ("prototypical", 16, 2e-3),
    "relation": ("relation", 8, 1e-3),
    "relation-cross-entropy": ("relation-cross-entropy", 8, 1e-3),
    "prototypical-8-way": ("prototypical", 8, 2e-3),
}
"""What is trained: which network, on tasks of how many classes, with what step size. A relation
network pays for every pair and gets fewer classes; the last run gives prototypes no more."""


@dataclass(frozen=True)
class Budget:
    """How much to spend: what differs between the quick run and the full one.

    Attributes
    ----------
    n_notes
        Training notes for each instrument.
    steps
        Training steps of each network, one episode a step.
    n_tasks
        Test episodes.
    seeds
        Trainings of each network.
    """

    n_notes: int
    steps: int
    n_tasks: int
    seeds: int


QUICK = Budget(n_notes=20, steps=400, n_tasks=200, seeds=1)
FULL = Budget(n_notes=98, steps=1800, n_tasks=600, seeds=3)


def all_learners(trained: dict[str, Any]) -> dict[str, Any]:
    """Everything that is compared, by the name it has in the ledger.

    Parameters
    ----------
    trained
        The trained networks by name.

    Returns
    -------
    dict
        Name → learner.
    """
    learners: dict[str, Any] = {
        "nearest-centroid": NearestCentroid(),
        "nearest-centroid-spectrum": NearestCentroid(time_average),
        "nearest-centroid-envelope": NearestCentroid(envelope),
        "k-nearest": KNearest(3),
        "logistic-regression": LogisticRegression(),
        "untrained": make_prototypical().eval(),
        **trained,
    }
    for name in ("prototypical", "relation"):
        if name in trained:
            learners[f"{name}-fine-tuned"] = FineTuned(trained[name], steps=5, lr=3e-4)
    return learners


def compare(
    learners: dict[str, Any],
    notes: Notes,
    n_way: int = 5,
    k_shot: int = 5,
    n_tasks: int = 600,
    seed: int = 2018,
    progress: bool = True,
) -> dict[str, FewShotResult]:
    """Give every learner the same episodes.

    Parameters
    ----------
    learners
        Name → learner.
    notes
        Notes of instruments that none of them was trained on.
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
    for name, learner in learners.items():
        learner, x = encoded_once(learner, notes.x)
        sampler = Notes(x, notes.program, notes.pitch).sampler(n_way, k_shot, 10, seed)
        results[name] = evaluate(learner, sampler, n_tasks, progress)
    return results


def train_all(
    size: Budget, seed: int = 0, work: Path | None = None, progress: bool = True
) -> dict[str, tuple[Any, History]]:
    """Train everything in :data:`RUNS`.

    Parameters
    ----------
    size
        How much to spend.
    seed
        Of weights and episodes.
    work
        Folder for the state of unfinished runs.
    progress
        Show bars.

    Returns
    -------
    dict
        Name → network and its history.
    """
    notes, validation = load_notes("train", size.n_notes), load_notes("validation")
    trained = {}
    for name, (network, n_way, lr) in RUNS.items():
        model = TRAINED[network](seed=seed)
        history = train(
            model,
            notes,
            size.steps,
            validation=validation,
            n_way=n_way,
            lr=lr,
            checkpoint=None if work is None else work / f"instruments-{name}-{seed}.safetensors",
            seed=seed,
            progress=progress,
        )
        best = history.best_validation
        print(f"{name}, seed {seed}: validation {best:.3f} in {history.seconds:.0f} s", flush=True)
        trained[name] = (model.eval(), history)
    return trained


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compare, and with ``--full`` write checkpoints and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.instruments")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    size, work = QUICK, None
    if options.full:
        size, work = FULL, work_folder()
    runs = [train_all(size, seed, work) for seed in range(size.seeds)]
    _report(runs, size, write=options.full)


def _report(runs: list[dict[str, tuple[Any, History]]], size: Budget, write: bool) -> None:
    """Compare everything on the test instruments; print, and write rows where that is wanted."""
    started = time.perf_counter()
    trained_s = sum(history.seconds for run in runs for _, history in run.values())
    networks = [{name: model for name, (model, _) in run.items()} for run in runs]
    everything = all_learners(networks[0])
    validated = {name: history.best_validation for name, (_, history) in runs[0].items()}
    best = max(TRAINED, key=lambda name: validated[name])
    print(f"best on the validation instruments: {best}")
    if write:
        for name in TRAINED:
            save(name, *runs[0][name], {"command": COMMAND, "n_notes": size.n_notes})
    test = load_notes("test")
    for n_way, k_shot in SETTINGS:
        learners = {
            name: learner
            for name, learner in everything.items()
            if n_way == 5 or not isinstance(learner, FineTuned)  # dear, and asked about at 5 ways
        }
        results = compare(learners, test, n_way, k_shot, size.n_tasks)
        for name, result in results.items():
            print(f"{name:28s} {result}", flush=True)
        for a, b in DIFFERENCES:
            if a in results and b in results:
                print(f"{a} over {b}: {paired_difference(results[a], results[b])}")
        again = [compare(run, test, n_way, k_shot, size.n_tasks) for run in networks]
        seeds = {name: [result[name].mean for result in again] for name in RUNS}
        print("seeds:", {name: [round(v, 3) for v in values] for name, values in seeds.items()})
        if write:
            seconds = trained_s + time.perf_counter() - started
            write_rows(results, best, COMMAND, seconds, seed=0)
            write_seeds(seeds, f"{n_way}way-{k_shot}shot", COMMAND, seconds)
