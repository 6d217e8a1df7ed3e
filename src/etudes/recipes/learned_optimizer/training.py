"""Outer training: an optimizer, a hypernetwork, and a common start, each on training notes.

The idea in a sentence: take a handful of notes, let the outer network train their inner networks
for twenty steps, and change it so that next time the losses on the way are lower. Chapter 03.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from etudes.checks import check_in, check_positive_int
from etudes.generators.harmonic_noise import N_BANDS, N_TIMES, NoteNetwork
from etudes.generators.harmonic_noise.partials import HIGHEST_PITCH, LOWEST_PITCH
from etudes.learners.meta_network import HyperNetwork, LearnedOptimizer, descend, unroll
from etudes.recipes.learned_optimizer.tasks import Batch, NoteTasks, TaskBatches
from etudes.train import History, cosine_schedule, fit, load_weights

N_STEPS = 20
"""Steps of an unroll, and the step at which everything is compared."""

OBJECTIVES = ("log", "mean")

N_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1


def train_optimizer(
    optimizer: LearnedOptimizer,
    tasks: NoteTasks,
    steps: int,
    *,
    validation: NoteTasks | None = None,
    horizon: int = N_STEPS,
    objective: str = "log",
    hidden: int = 16,
    n_tasks: int = 2,
    lr: float = 3e-3,
    seed: int = 0,
    every: int = 300,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """Train an optimizer on the training of notes.

    A horizon of more than twenty steps is cut into unrolls of twenty (*truncated*): a batch that
    stands at segment two first takes forty steps that are not differentiated.

    Parameters
    ----------
    optimizer
        Trained in place.
    tasks
        Training notes.
    steps
        Outer steps, one batch of notes each.
    validation
        Notes of other instruments; the optimizer with the lowest loss at the horizon's end is kept.
    horizon
        Inner steps that the optimizer is trained for, a multiple of 20.
    objective
        ``"log"``: the mean logarithm of the losses of an unroll, which minds small losses as much
        as large ones. ``"mean"``: the mean loss, as in the paper.
    hidden
        Units of the inner network.
    n_tasks
        Notes in a batch. On validation notes, three times as many batches of two did better than
        batches of eight in about the same time.
    lr
        Largest step size of Adam, the outer optimizer; it falls along a cosine.
    seed
        Of notes and starts.
    every
        Outer steps between validations.
    checkpoint
        Where to keep the state of the run.
    progress
        Show a bar.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        When the horizon is not a multiple of 20, or the objective unknown.
    """
    check_in(objective, "objective", OBJECTIVES)
    check_positive_int(horizon, "horizon")
    if horizon % N_STEPS:
        raise ValueError(f"horizon must be a multiple of {N_STEPS}, got {horizon}")
    network = NoteNetwork(hidden)

    def outer_loss(model: nn.Module, batch: Batch) -> torch.Tensor:
        weights, state = batch.start(network), None
        for _ in range(batch.segment):
            past = unroll(model, batch.loss(network), weights, N_STEPS, state).detached()
            weights, state = past.weights, past.state
        losses = unroll(model, batch.loss(network), weights, N_STEPS, state).losses[:, 1:]
        return torch.log(losses + 1e-3).mean() if objective == "log" else losses.mean()

    def validate(model: nn.Module) -> float:
        assert seen is not None
        losses, _ = descend(model, seen.loss(network), seen.start(network), horizon)
        return -float(torch.log10(losses[:, -1]).mean())

    seen = None if validation is None else validation.everything(every=4, seed=10_000)
    return fit(
        optimizer,
        outer_loss,
        TaskBatches(tasks, n_tasks, horizon // N_STEPS, seed),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=lr),
        schedule=cosine_schedule(steps, min(20, steps // 4)),
        validate=validate if seen is not None else None,
        every=every,
        checkpoint=checkpoint,
        seed=seed,
        clip=1.0,
        progress=progress,
    )


class CommonStart(nn.Module):
    """One start for all notes: what a hypernetwork is without eyes.

    Parameters
    ----------
    start
        Shape ``(n_weights,)``.
    """

    def __init__(self, start: torch.Tensor) -> None:
        super().__init__()
        self.start = nn.Parameter(start.clone())

    def forward(self, example: torch.Tensor) -> torch.Tensor:
        """The same weights for every example, shape ``(n, n_weights)``."""
        return self.start.expand(len(example), -1)


def make_hypernetwork(hidden: int = 16, seed: int = 0) -> HyperNetwork:
    """A hypernetwork for notes, with fresh weights.

    Parameters
    ----------
    hidden
        Units of the inner network.
    seed
        Of the weights, and of the start that it proposes before training.

    Returns
    -------
    HyperNetwork
    """
    torch.manual_seed(seed)
    start = NoteNetwork(hidden).start(1, seed)[0]
    return HyperNetwork(N_TIMES * N_BANDS + N_PITCHES, start)


def train_start(
    model: HyperNetwork | CommonStart,
    tasks: NoteTasks,
    steps: int,
    *,
    validation: NoteTasks | None = None,
    hidden: int = 16,
    n_tasks: int = 64,
    lr: float = 2e-3,
    seed: int = 0,
    every: int = 300,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """Train a hypernetwork, or a common start, so that notes sound right before any inner step.

    Parameters
    ----------
    model
        Trained in place.
    tasks, validation, hidden, n_tasks, lr, seed, every, checkpoint, progress
        As for :func:`train_optimizer`.
    steps
        Steps, one batch of notes each.

    Returns
    -------
    History
    """
    network = NoteNetwork(hidden)

    def losses(outer: nn.Module, batch: Batch) -> torch.Tensor:
        return batch.loss(network)(outer(batch.example()))

    def validate(outer: nn.Module) -> float:
        assert seen is not None
        return -float(torch.log10(losses(outer, seen)).mean())

    seen = None if validation is None else validation.everything(every=2, seed=10_000)
    return fit(
        model,
        lambda outer, batch: torch.log(losses(outer, batch) + 1e-3).mean(),
        TaskBatches(tasks, n_tasks, 1, seed),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=lr),
        schedule=cosine_schedule(steps, min(100, steps // 4)),
        validate=validate if seen is not None else None,
        every=every,
        checkpoint=checkpoint,
        seed=seed,
        clip=1.0,
        progress=progress,
    )


TRAINED = {
    "learned": LearnedOptimizer,
    "learned-100": LearnedOptimizer,
    "hypernetwork": make_hypernetwork,
}
"""The outer networks whose checkpoints are committed, by name (after ``03-notes-``)."""


def load_trained(name: str = "learned") -> nn.Module:
    """An outer network with the committed weights, in evaluation mode.

    Parameters
    ----------
    name
        One of :data:`TRAINED`.

    Returns
    -------
    LearnedOptimizer or HyperNetwork

    Raises
    ------
    ValueError
        When there is no such network, or its weights are missing or damaged.
    """
    model: nn.Module = TRAINED[check_in(name, "name", TRAINED)]()
    load_weights(model, f"03-notes-{name}")
    return model.eval()
