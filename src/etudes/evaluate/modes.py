"""Find the networks inside a learner and put them into evaluation mode; see :mod:`etudes.evaluate`.

A learner may be a module, an object that holds some, or a function written in a notebook that uses
one. Batch-norm left in training mode by oversight is worth ten points (chapter 06, failure
museum), so all of them are found.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn


@contextmanager
def evaluation_mode(learner: object, batch_statistics: bool = False) -> Iterator[None]:
    """Put the torch modules inside a learner into evaluation mode, and back.

    Parameters
    ----------
    learner : object
        A module, an object that holds modules, or a function that uses some.
    batch_statistics : bool
        Leave batch-norm in training mode, without letting it keep its running averages.

    Yields
    ------
    None
    """
    modules = [m for found in modules_in(learner) for m in found.modules()]
    before = [(m, m.training) for m in modules]
    norms = [m for m in modules if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    averages = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    try:
        for module in modules:
            module.training = batch_statistics and module in norms
        yield
    finally:
        for module, training in before:
            module.training = training
        for buffer, value in averages:
            buffer.copy_(value)


def modules_in(thing: object, depth: int = 4) -> list[nn.Module]:
    """The torch modules that something is, holds, or (a function) uses, each once.

    Parameters
    ----------
    thing : object
        Usually a learner.
    depth : int
        How many wrappings to look through.

    Returns
    -------
    list of torch.nn.Module
    """
    if isinstance(thing, nn.Module):
        return [thing]
    parts: list[object] = []
    if isinstance(thing, partial):
        parts += [thing.func, *thing.args, *thing.keywords.values()]
    elif isinstance(thing, types.MethodType):
        parts += [thing.__self__]
    elif isinstance(thing, types.FunctionType):
        parts += [cell.cell_contents for cell in thing.__closure__ or ()]
        parts += [thing.__globals__.get(name) for name in thing.__code__.co_names]
    elif isinstance(thing, (list, tuple)):
        parts += thing
    elif isinstance(thing, dict):
        parts += thing.values()
    elif not isinstance(thing, (type, types.ModuleType)):
        parts += getattr(thing, "__dict__", {}).values()
    found: list[nn.Module] = []
    for part in parts if depth else []:
        found += [m for m in modules_in(part, depth - 1) if all(m is not f for f in found)]
    return found


def device_of(learner: object) -> torch.device:
    """Where the first parameter inside a learner lies; the CPU when there is none."""
    for module in modules_in(learner):
        for parameter in module.parameters():
            return parameter.device
    return torch.device("cpu")
