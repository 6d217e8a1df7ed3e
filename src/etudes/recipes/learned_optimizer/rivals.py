"""The rivals: gradient descent, momentum and Adam, each with its best step size.

The idea in a sentence: an optimizer without tuning is a straw man, so every rival tries nine step
sizes on validation notes, at the number of steps at which it will be compared. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from etudes.checks import check_in
from etudes.generators.harmonic_noise import NoteNetwork
from etudes.learners.meta_network import descend
from etudes.recipes.learned_optimizer.tasks import Batch

Make = Callable[[list[torch.Tensor]], torch.optim.Optimizer]


def _sgd(lr: float) -> Make:
    return lambda weights: torch.optim.SGD(weights, lr=lr)


def _momentum(lr: float) -> Make:
    return lambda weights: torch.optim.SGD(weights, lr=lr, momentum=0.9)


def _adam(lr: float) -> Make:
    return lambda weights: torch.optim.Adam(weights, lr=lr)


RIVALS: dict[str, tuple[Callable[[float], Make], bool, tuple[float, ...]]] = {
    "sgd": (_sgd, False, (0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)),
    "momentum": (_momentum, False, (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)),
    "adam": (_adam, False, (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)),
    "adam-decay": (_adam, True, (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)),
}
"""Name → how to make it from a step size, whether the step size falls to zero along a straight
line, and the step sizes that are tried."""


@dataclass(frozen=True)
class Tuned:
    """A rival with its best step size.

    Attributes
    ----------
    name
        One of :data:`RIVALS`.
    lr
        The step size that did best.
    n_steps
        At this step.
    tried
        Step size → mean validation loss there; infinite where it diverged.
    """

    name: str
    lr: float
    n_steps: int
    tried: dict[float, float]

    def run(
        self,
        batch: Batch,
        network: NoteNetwork,
        start: torch.Tensor | None = None,
        keep: Sequence[int] = (),
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """Fit some notes.

        Parameters
        ----------
        batch
            The notes.
        network
            The inner network.
        start
            Weights to begin with; the batch's own by default.
        keep
            Steps whose weights are wanted.

        Returns
        -------
        tuple
            As from :func:`~etudes.learners.meta_network.descend`.
        """
        start = batch.start(network) if start is None else start
        return _run(self.name, self.lr, batch, network, start, self.n_steps, keep)


def _run(
    name: str,
    lr: float,
    batch: Batch,
    network: NoteNetwork,
    start: torch.Tensor,
    n_steps: int,
    keep: Sequence[int] = (),
) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    make, decays, _ = RIVALS[name]
    schedule = (lambda step: 1 - step / n_steps) if decays else None
    return descend(make(lr), batch.loss(network), start, n_steps, keep, schedule)


def tune(
    name: str,
    batch: Batch,
    network: NoteNetwork,
    n_steps: int,
    start: torch.Tensor | None = None,
    rates: Sequence[float] | None = None,
) -> Tuned:
    """Choose a rival's step size by the mean loss of validation notes after some steps.

    Parameters
    ----------
    name
        One of :data:`RIVALS`.
    batch
        Validation notes.
    network
        The inner network.
    n_steps
        When to look.
    start
        Weights to begin with; the batch's own by default.
    rates
        Step sizes to try; the rival's nine by default.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        When there is no such rival, or every step size diverged.
    """
    rates = RIVALS[check_in(name, "name", RIVALS)][2] if rates is None else rates
    start = batch.start(network) if start is None else start
    tried = {}
    for lr in rates:
        losses, _ = _run(name, lr, batch, network, start, n_steps)
        final = float(losses[:, -1].mean())
        tried[lr] = final if np.isfinite(final) else np.inf
    best = min(tried, key=lambda lr: tried[lr])
    if not np.isfinite(tried[best]):
        raise ValueError(f"rates must hold one that does not diverge, got {list(rates)}")
    return Tuned(name, best, n_steps, tried)
