"""Encoders: networks that turn an item into numbers that a few examples suffice to compare.

Four convolution blocks are the field's common yardstick ("conv-4": Vinyals et al. 2016, Snell et
al. 2017). Here they stride instead of pooling, because a chapter has to run on one CPU core, and
use group normalisation (Wu and He 2018), because batch normalisation lets the queries of a task see
one another (chapter 06 shows by how much). Chapters 02 and 06.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from etudes.checks import check_in, check_positive_int
from etudes.learners.blocks import (
    NORMS,
    average_frames,
    conv_block,
    normalisation,
    spread_of_frames,
)

__all__ = ["ConvEncoder", "MelodyEncoder"]

OUTPUTS = ("vector", "maps")


class ConvEncoder(nn.Module):
    """Convolution blocks over a log-mel spectrogram.

    Parameters
    ----------
    in_channels : int
        Channels of an item; 1 for a spectrogram.
    channels : int or sequence of int
        Channels of each block; one number means the same for all.
    n_blocks : int
        Number of blocks.
    norm : str
        ``"group"``, ``"batch"`` or ``"none"``.
    strides : int, tuple or sequence of these
        Step of each block's convolution; one number means the same for all.
    pools : int or sequence of int
        Side of each block's max-pooling, 1 for none. Four blocks with ``strides=1, pools=2`` are
        the papers' conv-4.
    kernels : int or sequence of int
        Side of each block's kernel.
    output : str
        ``"vector"`` gives ``(n, d)``; ``"maps"`` gives ``(n, c, h, w)``, which a relation network
        needs.
    n_features : int, optional
        With ``"vector"``, end with a linear layer to this many numbers; otherwise the maps are
        flattened. Needs ``item_shape``.
    item_shape : tuple of int, optional
        ``(n_mels, n_frames)`` of the items.
    input_range : float, optional
        Level the input: subtract each item's maximum, cut what lies more than this below it, and
        scale to about −1…1. In natural-log power units 14 is 61 dB. An instrument then counts as
        the same played loud and soft. None leaves items as they are.
    frame_edges : sequence of int, optional
        Before the first block, replace the frames between these by their mean and, as further
        channels, their spread; see :func:`~etudes.learners.blocks.average_frames` and
        :func:`~etudes.learners.blocks.spread_of_frames`.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, a list has another length than ``n_blocks``, a name is
        unknown, or ``n_features`` comes without ``item_shape``.

    Examples
    --------
    >>> import torch
    >>> ConvEncoder(channels=8, strides=2)(torch.zeros(3, 64, 63)).shape
    torch.Size([3, 128])
    """

    def __init__(
        self,
        in_channels: int = 1,
        channels: int | Sequence[int] = 64,
        n_blocks: int = 4,
        norm: str = "group",
        strides: Any = 2,
        pools: int | Sequence[int] = 1,
        kernels: int | Sequence[int] = 3,
        output: str = "vector",
        n_features: int | None = None,
        item_shape: tuple[int, int] | None = None,
        input_range: float | None = None,
        frame_edges: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_positive_int(in_channels, "in_channels")
        self.output = check_in(output, "output", OUTPUTS)
        check_in(norm, "norm", NORMS)
        n_blocks = check_positive_int(n_blocks, "n_blocks")
        widths = _per_block(channels, n_blocks, "channels")
        steps = _per_block(strides, n_blocks, "strides")
        pool_sides = _per_block(pools, n_blocks, "pools")
        kernel_sides = _per_block(kernels, n_blocks, "kernels")
        self.input_range = input_range
        self.frame_edges = None if frame_edges is None else tuple(frame_edges)
        before = [in_channels if frame_edges is None else 2 * in_channels, *widths[:-1]]
        self.blocks = nn.Sequential(
            *(
                conv_block(i, o, kernel=k, stride=s, pool=p, norm=norm)
                for i, o, k, s, p in zip(before, widths, kernel_sides, steps, pool_sides)
            )
        )
        self.project: nn.Module = nn.Identity()
        if n_features is not None:
            check_positive_int(n_features, "n_features")
            if item_shape is None or output != "vector":
                raise ValueError("n_features needs item_shape and output='vector'")
            c, h, w = self.map_shape(item_shape)
            self.project = nn.Linear(c * h * w, n_features)

    def map_shape(self, item_shape: tuple[int, int]) -> tuple[int, int, int]:
        """Shape of the feature maps for items of a given shape.

        Parameters
        ----------
        item_shape : tuple of int
            ``(n_mels, n_frames)``.

        Returns
        -------
        tuple of int
            ``(channels, bands, frames)``.

        Raises
        ------
        ValueError
            When the items are too small for the blocks.
        """
        try:
            with torch.no_grad():
                was_training = self.training
                self.eval()
                weight = next(self.parameters())
                maps = self.blocks(self._front(weight.new_zeros(1, self.in_channels, *item_shape)))
                self.train(was_training)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"item_shape {tuple(item_shape)} is too small: {error}") from None
        return tuple(maps.shape[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode items.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, n_mels, n_frames)`` or ``(n, in_channels, n_mels, n_frames)``.

        Returns
        -------
        torch.Tensor
            ``(n, d)`` or ``(n, c, h, w)``, by ``output``.

        Raises
        ------
        ValueError
            When ``x`` has another shape.
        """
        if x.ndim == 3 and self.in_channels == 1:
            x = x[:, None]
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"x must have shape (n, {self.in_channels}, n_mels, n_frames)"
                f"{' or (n, n_mels, n_frames)' if self.in_channels == 1 else ''}, "
                f"got {tuple(x.shape)}"
            )
        maps = self.blocks(self._front(x))
        return maps if self.output == "maps" else self.project(maps.flatten(1))

    def _front(self, x: torch.Tensor) -> torch.Tensor:
        """What happens before the first block: level, then mean and spread of stretches."""
        if self.input_range is not None:
            half = self.input_range / 2
            x = (x - x.amax((1, 2, 3), keepdim=True)).clamp(min=-self.input_range)
            x = (x + half) / half
        if self.frame_edges is None:
            return x
        edges = self.frame_edges
        return torch.cat([average_frames(x, edges), 2 * spread_of_frames(x, edges)], dim=1)


class MelodyEncoder(nn.Module):
    """One-dimensional convolution blocks over a sequence of notes.

    Parameters
    ----------
    in_channels : int
        Numbers that describe a note (for example one-hot intervals and durations).
    channels : int
        Channels of every block.
    n_blocks : int
        Number of blocks; each halves the length.
    kernel : int
        Notes that a kernel spans.
    norm : str
        ``"group"``, ``"batch"`` or ``"none"``.
    output : str
        ``"vector"``: the mean over time, ``(n, channels)``. ``"maps"``, for a relation network:
        ``(n, channels, 1, length)``.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive or a name is unknown.

    Examples
    --------
    >>> import torch
    >>> MelodyEncoder(in_channels=40, channels=16)(torch.zeros(3, 40, 64)).shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 64,
        n_blocks: int = 3,
        kernel: int = 5,
        norm: str = "group",
        output: str = "vector",
    ) -> None:
        super().__init__()
        self.in_channels = check_positive_int(in_channels, "in_channels")
        self.output = check_in(output, "output", OUTPUTS)
        check_positive_int(channels, "channels")
        check_positive_int(kernel, "kernel")
        layers: list[nn.Module] = []
        for block in range(check_positive_int(n_blocks, "n_blocks")):
            n_in = in_channels if block == 0 else channels
            layers += [
                nn.Conv1d(n_in, channels, kernel, stride=2, padding=kernel // 2),
                normalisation(norm, channels, n_dims=1),
                nn.ReLU(),
            ]
        self.blocks = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode melodies.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, in_channels, n_notes)``.

        Returns
        -------
        torch.Tensor
            ``(n, channels)`` or ``(n, channels, 1, length)``, by ``output``.

        Raises
        ------
        ValueError
            When ``x`` has another shape.
        """
        if x.ndim != 3 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"x must have shape (n, {self.in_channels}, n_notes), got {tuple(x.shape)}"
            )
        z = self.blocks(x)
        return z.mean(-1) if self.output == "vector" else z[:, :, None]


def _per_block(value: Any, n_blocks: int, name: str) -> list[Any]:
    """One setting for each block: a number is repeated, a list must have the right length."""
    if isinstance(value, int):
        return [check_positive_int(value, name)] * n_blocks
    values = list(value)
    if len(values) != n_blocks:
        raise ValueError(f"{name} must have one entry per block ({n_blocks}), got {len(values)}")
    for entry in values:
        for number in entry if isinstance(entry, tuple) else (entry,):
            check_positive_int(number, name)
    return values
