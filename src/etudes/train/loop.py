"""The loop: batch, loss, gradient, step; every so often a validation and a checkpoint.

What it promises, and why it can, is told in :mod:`etudes.train`; chapter 06 trains with it.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from tqdm import tqdm

from etudes.checks import check_positive_float, check_positive_int, describe
from etudes.evaluate import evaluation_mode
from etudes.train.distributed import (
    share_from_first,
    share_number,
    sum_gradients,
    wait_for_all,
    world,
)
from etudes.train.machine import pick_device
from etudes.train.run import Generators, History, Run
from etudes.train.weights import copy_of

Optimizer = torch.optim.Optimizer


class Batches(Protocol):
    """Anything with numbered batches: a sampler, ``sampler.batches(4)``, a long enough list."""

    def __getitem__(self, i: int, /) -> Any:
        """Batch number ``i``."""


def fit(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], torch.Tensor],
    batches: Batches,
    *,
    steps: int,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
    schedule: Callable[[int], float] | None = None,
    batches_per_step: int = 1,
    validate: Callable[..., float] | None = None,
    every: int = 100,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = True,
    device: torch.device | str | None = None,
    progress: bool = True,
    seed: int = 0,
    clip: float | None = None,
) -> History:
    """Train a model; it ends with its best weights.

    Parameters
    ----------
    model : torch.nn.Module
        Trained in place.
    loss : callable
        ``loss(model, batch)``, a scalar tensor, lower is better.
    batches : indexable
        ``batches[i]`` for i = 0, 1, …: an :class:`~etudes.episodes.EpisodeSampler` will do. Tensors
        and episodes (also in lists, tuples and dicts) are moved to the device.
    steps : int
        Optimizer steps.
    optimizer : callable, optional
        Makes the optimizer from the parameters; ``torch.optim.Adam`` at 1e-3 by default. For
        another rate: ``lambda p: torch.optim.AdamW(p, lr=3e-4)``.
    schedule : callable, optional
        ``schedule(step)`` is the factor on the learning rate, such as :func:`cosine_schedule`.
    batches_per_step : int
        The gradient of a step is the mean over so many batches. Under ``torchrun`` the processes
        share them out, so the result does not depend on the number of processes.
    validate : callable, optional
        ``validate(model)`` (or ``validate()``) returns a number, higher is better. The model is in
        evaluation mode and gradients are off.
    every : int
        Validate and write the checkpoint after so many steps, and at the end.
    patience : int, optional
        Stop when so many validations in a row have brought nothing better.
    checkpoint : path, optional
        Where to keep the state of the run, written atomically. Call ``fit`` again with the same
        arguments to go on after an interruption; the end is the same as without one. A finished run
        is not run again. More ``steps`` make a finished run go on.
    resume : bool
        ``False`` starts anew and overwrites the checkpoint.
    device : torch.device or str, optional
        :func:`pick_device` by default. The model is left there.
    progress : bool
        Show a progress bar.
    seed : int
        Of all random numbers drawn inside ``loss`` by torch, numpy and Python. The generators are
        put back afterwards as they were.
    clip : float, optional
        Largest norm of the gradient.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        When arguments do not fit, the loss is not a scalar, or a checkpoint is of another model or
        seed.
    FloatingPointError
        When the loss or its gradient becomes infinite or NaN; the step is named, and the model
        keeps the weights from before that step.
    """
    _check_arguments(model, loss, optimizer, validate, patience, clip)
    steps, every = check_positive_int(steps, "steps"), check_positive_int(every, "every")
    check_positive_int(batches_per_step, "batches_per_step")
    check_positive_int(seed, "seed", allow_zero=True)
    rank, n_processes = world()
    device = torch.device(device) if device is not None else pick_device()
    model.to(device)
    share_from_first([*model.parameters(), *model.buffers()])
    make = optimizer or (lambda p: torch.optim.Adam(p, lr=1e-3))
    optim = make([p for p in model.parameters() if p.requires_grad])
    base_rates = [group["lr"] for group in optim.param_groups]
    run = Run(model, optim, History(), copy_of(model), 0)
    path = None if checkpoint is None else Path(checkpoint)
    for reader in range(n_processes):  # one after the other: the first sets aside a damaged file
        if rank == reader and path is not None and resume and path.exists():
            run.load(path, seed)
        wait_for_all()

    history, started, spent = run.history, time.perf_counter(), run.history.seconds
    generators = Generators()
    was_training = model.training
    model.train()
    bar = tqdm(
        total=steps,
        initial=history.steps,
        disable=not progress or rank > 0,
        desc="training",
        unit="step",
        leave=False,
    )
    try:
        while history.steps < steps and not history.stopped_early:
            step = history.steps
            factor = 1.0 if schedule is None else float(schedule(step))
            for group, rate in zip(optim.param_groups, base_rates, strict=True):
                group["lr"] = rate * factor
            optim.zero_grad(set_to_none=True)
            total = 0.0
            for j in range(rank, batches_per_step, n_processes):
                number = step * batches_per_step + j
                generators.seed(seed, number)
                value = loss(model, _moved(_batch(batches, number), device))
                _check_loss(value)
                (value / batches_per_step).backward()
                total += value.item() / batches_per_step
            total = sum_gradients(model, total)
            _check_finite(model, total, clip, f"step {step} (batch {step * batches_per_step})")
            optim.step()
            history.losses.append(total)
            bar.update()
            checked = history.steps % every == 0 or history.steps == steps
            if checked:
                share_from_first(list(model.buffers()))
                if validate is not None:
                    generators.seed(seed, 0)
                    run.record(_validated(model, validate, rank), patience)
                history.seconds = spent + time.perf_counter() - started
                if path is not None and rank == 0:
                    run.save(path, seed)
                wait_for_all()
            bar.set_postfix(_postfix(history), refresh=checked)
    finally:
        bar.close()
        generators.restore()
        model.train(was_training)
    if history.best_validation is None:
        history.best_step = history.steps
    else:
        model.load_state_dict(run.best)
    return history


def _validated(model: nn.Module, validate: Callable[..., float], rank: int) -> float:
    """The validation measure that process 0 finds."""
    value = 0.0
    if rank == 0:
        takes_model = len(inspect.signature(validate).parameters) > 0
        with evaluation_mode(model), torch.no_grad():
            value = float(validate(model) if takes_model else validate())
    value = share_number(value)
    if not isfinite(value):
        raise ValueError(f"validate must return a finite number, got {value}")
    return value


def _batch(batches: Batches, number: int) -> Any:
    """Batch ``number``, or say that there are too few."""
    try:
        return batches[number]
    except IndexError:
        raise ValueError(
            f"batches must reach to the last step, got none numbered {number}: a sampler never ends"
        ) from None


def _moved(batch: Any, device: torch.device) -> Any:
    """A batch on the device, whatever it is made of."""
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: _moved(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [_moved(value, device) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _check_loss(value: Any) -> None:
    """A loss must be a scalar that remembers how it was computed."""
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise TypeError(f"loss must return a scalar tensor, got {describe(value)}")
    if not value.requires_grad:
        raise ValueError("loss must depend on the model's parameters, got a constant")


def _check_finite(model: nn.Module, loss: float, clip: float | None, where: str) -> None:
    """Clip the gradient; stop with the number of the step when loss or gradient is not finite."""
    gradients = [p for p in model.parameters() if p.grad is not None]
    norm = float(nn.utils.clip_grad_norm_(gradients, clip if clip is not None else float("inf")))
    for what, value in (("loss", loss), ("gradient", norm)):
        if not isfinite(value):
            raise FloatingPointError(
                f"{what} became {value} at {where}: lower the learning rate, set clip, or look for "
                "silence and missing values in the batch"
            )


def _check_arguments(
    model: Any, loss: Any, optimizer: Any, validate: Any, patience: Any, clip: Any
) -> None:
    """Name the argument that is not what it should be."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch module, got {describe(model)}")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model must have parameters to train, got none")
    for name, value in (("loss", loss), ("optimizer", optimizer), ("validate", validate)):
        if not callable(value) and not (value is None and name != "loss"):
            raise TypeError(f"{name} must be callable, got {describe(value)}")
    if patience is not None:
        check_positive_int(patience, "patience")
        if validate is None:
            raise ValueError("patience needs validate: without it nothing says when to stop")
    if clip is not None:
        check_positive_float(clip, "clip")


def _postfix(history: History) -> dict[str, str]:
    """What the progress bar says: mean loss of the last steps, and validation."""
    recent = history.losses[-20:]
    words = {"loss": f"{sum(recent) / len(recent):.4f}"}
    if history.validation:
        words["validation"] = f"{history.validation[-1][1]:.4f}"
        words["best"] = f"{history.best_validation:.4f} at {history.best_step}"
    return words
