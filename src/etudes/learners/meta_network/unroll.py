"""The unroll: some steps of inner training, laid out so that they can be differentiated.

The weights after step 20 depend on the outer network through all twenty steps, so the gradient of
the inner losses goes back through all of them. The outer network reads gradients; whether *those*
are differentiated too (second order) or taken as given, as in the paper, is a choice. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from etudes.checks import check_positive_int, describe

Loss = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Unrolled:
    """What came of some steps.

    Attributes
    ----------
    losses
        Shape ``(n_tasks, n_steps + 1)``, before the first step and after each.
    weights
        Shape ``(n_tasks, n_weights)``, after the last step.
    state
        The outer network's memory after the last step.
    """

    losses: torch.Tensor
    weights: torch.Tensor
    state: Any

    def detached(self) -> Unrolled:
        """The same numbers without their history: where the next, truncated, unroll begins."""
        memory = [tuple(part.detach() for part in layer) for layer in self.state]
        return Unrolled(self.losses.detach(), self.weights.detach(), memory)


def unroll(
    optimizer: nn.Module,
    loss: Loss,
    weights: torch.Tensor,
    n_steps: int,
    state: Sequence[Any] | None = None,
    second_order: bool = False,
) -> Unrolled:
    """Let an outer network train inner ones for some steps, and keep the graph.

    Parameters
    ----------
    optimizer : torch.nn.Module
        ``optimizer(gradient, state) -> (step, state)``, such as a
        :class:`~etudes.learners.meta_network.LearnedOptimizer`.
    loss : callable
        ``loss(weights) -> (n_tasks,)``; a task's loss must depend on its own row alone.
    weights : torch.Tensor
        Where the tasks start, shape ``(n_tasks, n_weights)``.
    n_steps : int
        Steps to take.
    state : list, optional
        The outer network's memory, when this unroll goes on from another.
    second_order : bool
        Differentiate the inner gradients too. Without it they are taken as given, as in the paper:
        cheaper, and the outer gradient is that of a slightly different function.

    Returns
    -------
    Unrolled
        With losses that can be differentiated by the outer network's parameters.

    Raises
    ------
    TypeError, ValueError
        When weights are not a finite matrix, or the loss does not give one number for each task.
    """
    check_weights(weights)
    check_positive_int(n_steps, "n_steps")
    current = weights.detach().clone().requires_grad_()
    losses = []
    memory: Any = state
    with torch.enable_grad():
        for step in range(n_steps + 1):
            losses.append(check_losses(loss(current), len(weights)))
            if step == n_steps:
                break
            (gradient,) = torch.autograd.grad(
                losses[-1].sum(), current, create_graph=second_order, retain_graph=True
            )
            change, memory = optimizer(gradient, memory)
            current = current + change
    return Unrolled(torch.stack(losses, dim=1), current, memory)


def check_weights(weights: Any) -> None:
    """Inner weights are a finite matrix."""
    if not isinstance(weights, torch.Tensor):
        raise TypeError(f"weights must be a tensor, got {describe(weights)}")
    if weights.ndim != 2 or not weights.numel():
        raise ValueError(
            f"weights must have shape (n_tasks, n_weights), got {tuple(weights.shape)}"
        )
    if not bool(torch.isfinite(weights).all()):
        raise ValueError("weights must be finite, got NaN or infinite values")


def check_losses(losses: Any, n_tasks: int) -> torch.Tensor:
    """A loss gives one number for each task."""
    if not isinstance(losses, torch.Tensor) or losses.shape != (n_tasks,):
        raise ValueError(
            f"loss must return one number for each of {n_tasks} tasks, got {describe(losses)}"
        )
    return losses
