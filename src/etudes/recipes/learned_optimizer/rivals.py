"""The rivals: gradient descent, momentum, Adam and Rprop, each with its best settings.

The idea in a sentence: an optimizer without tuning is a straw man, so every rival tries nine step
sizes or more on validation notes, at the number of steps at which it will be compared. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from etudes.checks import check_in
from etudes.generators.harmonic_noise import NoteNetwork
from etudes.learners.meta_network import descend
from etudes.recipes.learned_optimizer.tasks import Batch

Make = Callable[[list[torch.Tensor]], torch.optim.Optimizer]
Setting = tuple[float, ...]
"""A step size, and whatever else a rival can be told."""


def _sgd(lr: float) -> Make:
    return lambda weights: torch.optim.SGD(weights, lr=lr)


def _momentum(lr: float, momentum: float = 0.9) -> Make:
    return lambda weights: torch.optim.SGD(weights, lr=lr, momentum=momentum)


def _adam(lr: float, beta1: float = 0.9, beta2: float = 0.999) -> Make:
    return lambda weights: torch.optim.Adam(weights, lr=lr, betas=(beta1, beta2))


def _rprop(lr: float, shrink: float = 0.5, grow: float = 1.2) -> Make:
    return lambda weights: torch.optim.Rprop(weights, lr=lr, etas=(shrink, grow))


def _settings(*choices: Sequence[float]) -> tuple[Setting, ...]:
    return tuple(product(*choices))


RATES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)

BETAS = ((0.5, 0.6, 0.7, 0.8, 0.9), (0.95, 0.999))
"""Adam's decay rates: of the mean gradient, and of its mean square."""

FACTORS = ((0.4, 0.5, 0.6, 0.7), (1.05, 1.1, 1.2))
"""By what Rprop multiplies a step when the slope has turned its sign, and when it has not."""

RIVALS: dict[str, tuple[Callable[..., Make], bool, tuple[Setting, ...]]] = {
    "sgd": (_sgd, False, _settings((0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0))),
    "momentum": (
        _momentum,
        False,
        _settings((0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0), (0.5, 0.7, 0.8, 0.9)),
    ),
    "adam": (_adam, False, _settings(RATES)),
    "adam-decay": (_adam, True, _settings((*RATES[1:], 0.5))),
    "adam-betas": (_adam, False, _settings(RATES, *BETAS)),
    "rprop": (_rprop, False, _settings(RATES, *FACTORS)),
}
"""Name → how to make it from a setting, whether its step size falls to zero along a straight line,
and the settings that are tried: step sizes; with momentum also how much of it; for ``adam-betas``
also both of Adam's decay rates, which hardly anybody tunes; for ``rprop`` both of its factors.
Rprop (Riedmiller and Braun 1993) steps by the sign of a gradient alone, for gradients without
noise, which these are."""


@dataclass(frozen=True)
class Tuned:
    """A rival with its best setting.

    Attributes
    ----------
    name
        One of :data:`RIVALS`.
    setting
        What did best: the step size, and what else the rival can be told.
    n_steps
        At this step.
    tried
        Setting → mean validation loss there; infinite where it diverged.
    """

    name: str
    setting: Setting
    n_steps: int
    tried: dict[Setting, float]

    @property
    def lr(self) -> float:
        """The best step size."""
        return self.setting[0]

    @property
    def loss(self) -> float:
        """Mean validation loss of the best setting."""
        return self.tried[self.setting]

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
            As from :func:`~etudes.learners.meta_network.descent.descend`.
        """
        start = batch.start(network) if start is None else start
        return _run(self.name, self.setting, batch, network, start, self.n_steps, keep)


def _run(
    name: str,
    setting: Setting,
    batch: Batch,
    network: NoteNetwork,
    start: torch.Tensor,
    n_steps: int,
    keep: Sequence[int] = (),
) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    make, decays, _ = RIVALS[name]
    schedule = (lambda step: 1 - step / n_steps) if decays else None
    return descend(make(*setting), batch.loss(network), start, n_steps, keep, schedule)


def tune(
    name: str,
    batch: Batch,
    network: NoteNetwork,
    n_steps: int,
    start: torch.Tensor | None = None,
    settings: Sequence[Setting] | None = None,
) -> Tuned:
    """Choose a rival's setting by the mean loss of validation notes after some steps.

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
    settings
        What to try, such as ``[(0.1,), (0.2,)]``; the rival's own list by default.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        When there is no such rival, or every setting diverged.
    """
    check_in(name, "name", RIVALS)
    start = batch.start(network) if start is None else start
    tried: dict[Setting, float] = {}
    for setting in RIVALS[name][2] if settings is None else settings:
        losses, _ = _run(name, setting, batch, network, start, n_steps)
        final = float(losses[:, -1].mean())
        tried[setting] = final if np.isfinite(final) else np.inf
    best = min(tried, key=lambda setting: tried[setting], default=None)
    if best is None or not np.isfinite(tried[best]):
        raise ValueError(f"settings must hold one that does not diverge, got {list(tried)}")
    return Tuned(name, best, n_steps, tried)
