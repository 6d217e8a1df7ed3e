"""The command of :mod:`etudes.recipes.learned_optimizer`: train, tune the rivals, compare, write.

The idea in a sentence: outer networks train on training notes, every step size is chosen on
validation notes, and the test notes are fitted once by everybody from the same starts. Chapter 03.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from etudes.generators.harmonic_noise import NoteNetwork
from etudes.learners.meta_network import LearnedOptimizer
from etudes.recipes.learned_optimizer.compare import compare, compare_sizes
from etudes.recipes.learned_optimizer.report import save, write_rows
from etudes.recipes.learned_optimizer.tasks import load_tasks
from etudes.recipes.learned_optimizer.training import (
    CommonStart,
    make_hypernetwork,
    train_optimizer,
    train_start,
)
from etudes.recipes.work import work_folder
from etudes.train import History

COMMAND = "python -m etudes.recipes.learned_optimizer --full"


@dataclass(frozen=True)
class Budget:
    """How much to spend: what differs between the quick run and the full one.

    Attributes
    ----------
    n_notes
        Training notes rendered for each instrument.
    outer_steps
        Steps of training an optimizer on unrolls of 20.
    long_steps
        Steps of training one for a horizon of 100, each of which costs three times as much.
    start_steps
        Steps of training a hypernetwork and a common start.
    seeds
        Trainings of the optimizer.
    """

    n_notes: int
    outer_steps: int
    long_steps: int
    start_steps: int
    seeds: int


QUICK = Budget(n_notes=20, outer_steps=100, long_steps=50, start_steps=300, seeds=1)
FULL = Budget(n_notes=98, outer_steps=6000, long_steps=3000, start_steps=3000, seeds=3)


def train_all(
    size: Budget, work: Path | None = None, progress: bool = True
) -> dict[str, tuple[Any, History]]:
    """Train optimizers for both horizons, the first from several seeds, and both starts.

    Parameters
    ----------
    size
        How much to spend.
    work
        Folder for the state of unfinished runs.
    progress
        Show bars.

    Returns
    -------
    dict
        Name → outer network and its history; other seeds as ``learned-seed-1`` and so on.
    """
    notes, validation = load_tasks("train", size.n_notes), load_tasks("validation")

    def place(name: str) -> Path | None:
        return None if work is None else work / f"notes-{name}.safetensors"

    trained: dict[str, tuple[Any, History]] = {}
    runs = [("learned", 20, 0), ("learned-100", 100, 0)]
    runs += [(f"learned-seed-{seed}", 20, seed) for seed in range(1, size.seeds)]
    for name, horizon, seed in runs:
        torch.manual_seed(seed)
        model: Any = LearnedOptimizer()
        history = train_optimizer(
            model,
            notes,
            size.outer_steps if horizon == 20 else size.long_steps,
            validation=validation,
            horizon=horizon,
            seed=seed,
            checkpoint=place(name),
            progress=progress,
        )
        trained[name] = (model.eval(), history)
    starts = {
        "hypernetwork": (make_hypernetwork(), 5e-4),
        "common-start": (CommonStart(NoteNetwork().start(1, 0)[0]), 1e-2),
    }
    for name, (model, lr) in starts.items():
        history = train_start(
            model,
            notes,
            size.start_steps,
            validation=validation,
            lr=lr,
            checkpoint=place(name),
            progress=progress,
        )
        trained[name] = (model.eval(), history)
    for name, (_, history) in trained.items():
        best = history.best_validation
        print(f"{name}: validation {best:.3f} in {history.seconds:.0f} s", flush=True)
    return trained


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compare, and with ``--full`` write checkpoints and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.learned_optimizer")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    size, work = QUICK, None
    if options.full:
        size, work = FULL, work_folder()
    trained = train_all(size, work)
    started = time.perf_counter()
    networks = {name: model for name, (model, _) in trained.items()}
    validation, test = load_tasks("validation"), load_tasks("test")
    results = compare(networks, validation, test)
    sizes = compare_sizes(networks["learned"], validation, test)
    for line in (*results.lines(), *sizes.lines()):
        print(line, flush=True)
    if options.full:
        seconds = sum(history.seconds for _, history in trained.values())
        seconds += time.perf_counter() - started
        for name in ("learned", "learned-100", "hypernetwork"):
            save(name, *trained[name], {"command": COMMAND, "n_notes": size.n_notes})
        write_rows(results, sizes, COMMAND, seconds)
