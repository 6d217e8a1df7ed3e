"""Building blocks of encoders: normalisation, a convolution block, uneven averaging of frames.

Group normalisation is Wu and He's (ECCV 2018), batch normalisation Ioffe and Szegedy's (ICML 2015).
Used by :mod:`etudes.learners.encoders` and :mod:`etudes.learners.relation`; chapter 06 shows why
the choice of normalisation matters in few-shot learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from etudes.checks import check_in

__all__ = ["average_frames", "check_edges", "conv_block", "normalisation", "spread_of_frames"]

NORMS = ("group", "batch", "none")


def normalisation(norm: str, channels: int, n_dims: int = 2) -> nn.Module:
    """A normalisation layer by name.

    Parameters
    ----------
    norm : str
        ``"group"``: over groups of channels within one item. ``"batch"``: over the items of a
        batch, as in the papers. ``"none"``.
    channels : int
        Channels to normalise.
    n_dims : int
        1 for sequences, 2 for maps; matters for batch normalisation.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        When ``norm`` is unknown.
    """
    check_in(norm, "norm", NORMS)
    if norm == "group":
        groups = next(g for g in (8, 4, 2, 1) if g == 1 or (channels % g == 0 and channels > g))
        return nn.GroupNorm(groups, channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels) if n_dims == 2 else nn.BatchNorm1d(channels)
    return nn.Identity()


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    kernel: int = 3,
    stride: int | tuple[int, int] = 1,
    pool: int = 1,
    norm: str = "group",
    padding: int | None = None,
) -> nn.Sequential:
    """Convolution, normalisation, ReLU and, where wanted, max-pooling.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels in and out.
    kernel : int
        Side of the square kernel.
    stride : int or tuple of int
        Step of the convolution over (bands, frames).
    pool : int
        Side of the max-pooling after it; 1 for none.
    norm : str
        See :func:`normalisation`.
    padding : int, optional
        Zeros around the map; half the kernel by default, which keeps its size.

    Returns
    -------
    torch.nn.Sequential
        Maps ``(n, in_channels, h, w)`` to ``(n, out_channels, h', w')``.
    """
    padding = kernel // 2 if padding is None else padding
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding),
        normalisation(norm, out_channels),
        nn.ReLU(),
    ]
    if pool > 1:
        layers.append(nn.MaxPool2d(pool))
    return nn.Sequential(*layers)


def average_frames(x: torch.Tensor, edges: Sequence[int]) -> torch.Tensor:
    """Average the last axis over stretches of unequal length.

    A note's first milliseconds say more about its instrument than its middle: narrow stretches at
    the onset and wide ones later keep what matters in a quarter of the frames, and every
    convolution after it costs a quarter.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(..., n_frames)``.
    edges : sequence of int
        Rising frame numbers from 0 to ``n_frames``; stretch ``i`` is ``edges[i]`` to
        ``edges[i + 1]``, its end not included.

    Returns
    -------
    torch.Tensor
        Shape ``(..., len(edges) - 1)``.

    Raises
    ------
    ValueError
        When edges do not rise from 0 to ``n_frames``.
    """
    return torch.stack([x[..., a:b].mean(-1) for a, b in pairwise(check_edges(edges, x))], -1)


def spread_of_frames(x: torch.Tensor, edges: Sequence[int]) -> torch.Tensor:
    """The standard deviation over stretches of unequal length: what averaging takes away.

    Vibrato, tremolo, beating and noise make a held note move; a mean hides it.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(..., n_frames)``.
    edges : sequence of int
        As for :func:`average_frames`.

    Returns
    -------
    torch.Tensor
        Shape ``(..., len(edges) - 1)``, 0 or more; 0 where a stretch is one frame.
    """
    parts = [x[..., a:b].var(-1, correction=0) for a, b in pairwise(check_edges(edges, x))]
    return (torch.stack(parts, -1) + 1e-6).sqrt() - 1e-3  # the root alone has no slope at 0


def check_edges(edges: Sequence[int], x: torch.Tensor) -> list[int]:
    """Check that edges rise from 0 to the number of frames.

    Parameters
    ----------
    edges : sequence of int
        Frame numbers.
    x : torch.Tensor
        Shape ``(..., n_frames)``.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        When they do not.
    """
    edges = list(edges)
    if len(edges) < 2 or edges[0] != 0 or any(b <= a for a, b in pairwise(edges)):
        raise ValueError(f"edges must rise from 0, got {edges}")
    if edges[-1] != x.shape[-1]:
        raise ValueError(f"edges must end at the number of frames, {x.shape[-1]}, got {edges[-1]}")
    return edges
