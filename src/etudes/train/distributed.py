"""Several processes that train one model together, when ``torchrun`` started them.

Each process works through its share of a step's batches; the sum of their gradients is what one
process would have found alone. See :func:`etudes.train.fit`.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn


def world() -> tuple[int, int]:
    """Number of this process and number of processes; joins the group on first use.

    Returns
    -------
    tuple of int
        ``(0, 1)`` unless ``torchrun`` started several.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not dist.is_available():
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def share_from_first(tensors: list[torch.Tensor]) -> None:
    """Give every process the tensors of process 0, in place."""
    if world()[1] == 1:
        return
    for tensor in tensors:
        copy = tensor.detach().cpu()
        dist.broadcast(copy, 0)
        tensor.data.copy_(copy)


def share_number(value: float) -> float:
    """Give every process the number that process 0 found."""
    box = torch.tensor([value], dtype=torch.float64)
    share_from_first([box])
    return float(box)


def sum_gradients(model: nn.Module, loss: float) -> float:
    """Add up gradients over all processes, in place, and the loss with them.

    A parameter that no process used keeps no gradient, as in one process.

    Parameters
    ----------
    model : torch.nn.Module
        After ``backward``.
    loss : float
        This process's share of the loss.

    Returns
    -------
    float
        The loss over all processes.
    """
    if world()[1] == 1:
        return loss
    parameters = [p for p in model.parameters() if p.requires_grad]
    used = torch.tensor([float(p.grad is not None) for p in parameters])
    flat = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten().cpu() for p in parameters]
    )
    total = torch.tensor([loss], dtype=torch.float64)
    for tensor in (used, flat, total):
        dist.all_reduce(tensor)
    for p, gradient, n in zip(
        parameters, flat.split([p.numel() for p in parameters]), used, strict=True
    ):
        p.grad = gradient.view_as(p).to(p) if n else None
    return float(total)


def wait_for_all() -> None:
    """Wait until every process has come here."""
    if world()[1] > 1:
        dist.barrier()
