"""Inner training without a graph: what a learned optimizer, or Adam, does with some tasks.

Chapter 03 compares them with the same starts, the same tasks and the same number of gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from etudes.checks import check_positive_int, describe
from etudes.learners.meta_network.unroll import Loss, check_losses, check_weights

Rule = nn.Module | Callable[[list[torch.Tensor]], torch.optim.Optimizer]


def descend(
    rule: Rule,
    loss: Loss,
    weights: torch.Tensor,
    n_steps: int,
    keep: Collection[int] = (),
    schedule: Callable[[int], float] | None = None,
) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    """Train many small networks at once, each on its own task.

    Parameters
    ----------
    rule : torch.nn.Module or callable
        A learned optimizer, ``rule(gradient, state) -> (step, state)``; or a function that makes a
        torch optimizer from a list of parameters, such as ``lambda p: torch.optim.Adam(p, 0.1)``.
        Adam, momentum and plain descent treat every number by itself, so one optimizer serves all
        tasks and none of them notices the others.
    loss : callable
        ``loss(weights) -> (n_tasks,)``; a task's loss must depend on its own row alone.
    weights : torch.Tensor
        Where the tasks start, shape ``(n_tasks, n_weights)``; left as they are.
    n_steps : int
        Steps to take.
    keep : collection of int
        Steps after which to keep the weights; 0 is the start.
    schedule : callable, optional
        For torch optimizers: ``schedule(step)`` is the factor on the learning rate.

    Returns
    -------
    tuple
        Losses of shape ``(n_tasks, n_steps + 1)``, before the first step and after each; and a dict
        from each step in `keep` to weights. A step size that is too large shows as losses that are
        infinite or NaN, and raises nothing.

    Raises
    ------
    TypeError, ValueError
        When weights are not a finite matrix, the loss does not give one number for each task, or
        `keep` names a step that is not taken.
    """
    check_weights(weights)
    check_positive_int(n_steps, "n_steps")
    if not callable(rule):
        raise TypeError(f"rule must be a module or make a torch optimizer, got {describe(rule)}")
    if wrong := [step for step in keep if not 0 <= step <= n_steps]:
        raise ValueError(f"keep must name steps from 0 to {n_steps}, got {wrong[0]}")
    current = weights.detach().clone().requires_grad_()
    learned: Any = rule if isinstance(rule, nn.Module) else None
    textbook: Any = rule([current]) if not isinstance(rule, nn.Module) else None
    base_rate = textbook.param_groups[0]["lr"] if textbook is not None else 0.0
    losses: list[torch.Tensor] = []
    kept: dict[int, torch.Tensor] = {}
    memory: Any = None
    for step in range(n_steps + 1):
        with torch.enable_grad():
            value = check_losses(loss(current), len(weights))
            (gradient,) = torch.autograd.grad(value.sum(), current)
        losses.append(value.detach())
        if step in keep:
            kept[step] = current.detach().clone()
        if step == n_steps:
            break
        with torch.no_grad():
            if learned is not None:
                change, memory = learned(gradient, memory)
                current += change
            else:
                current.grad = gradient
                if schedule is not None:
                    textbook.param_groups[0]["lr"] = base_rate * schedule(step)
                textbook.step()
    return torch.stack(losses, dim=1), kept
