"""One few-shot task: a support set, and a query set that shares nothing with it.

Whoever makes an episode, by hand or with a sampler, cannot make one that leaks: it refuses to
exist. Vinyals et al., "Matching networks for one shot learning" (NeurIPS 2016); chapter 02.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from etudes.checks import describe


@dataclass(frozen=True, eq=False)
class Episode:
    """One few-shot task: a support set to learn from and a query set to answer.

    Parameters
    ----------
    support_x : torch.Tensor
        Shape ``(n_way * k_shot, *item_shape)``, ordered by class: first the ``k_shot`` items of
        class 0, then class 1, …
    support_y : torch.Tensor
        Shape ``(n_way * k_shot,)``, int64, task labels 0…n_way−1.
    query_x : torch.Tensor
        Shape ``(n_way * n_query, *item_shape)``, in random order, so that a position says nothing
        about the answer.
    query_y : torch.Tensor
        Shape ``(n_way * n_query,)``, int64.
    support_index, query_index : numpy.ndarray
        The row of the data set that each item came from, int64.
    classes : tuple
        ``classes[i]`` is the data set's own name for task label ``i``.
    support_groups, query_groups : numpy.ndarray, optional
        The group of each item, when the data has groups.

    Raises
    ------
    ValueError
        When support and query share an item or a group, an item is repeated, or shapes and labels
        do not fit.
    """

    support_x: torch.Tensor
    support_y: torch.Tensor
    query_x: torch.Tensor
    query_y: torch.Tensor
    support_index: np.ndarray
    query_index: np.ndarray
    classes: tuple[Any, ...]
    support_groups: np.ndarray | None = None
    query_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse an episode that leaks or does not fit together."""
        for side in ("support", "query"):
            _check_side(self, side)
        if self.support_y.tolist() != [c for c in range(self.n_way) for _ in range(self.k_shot)]:
            raise ValueError("support_y must be ordered: k_shot zeros, then k_shot ones, ...")
        if self.support_x.shape[1:] != self.query_x.shape[1:]:
            raise ValueError(
                "support_x and query_x must hold items of one shape, "
                f"got {tuple(self.support_x.shape[1:])} and {tuple(self.query_x.shape[1:])}"
            )
        shared = np.intersect1d(self.support_index, self.query_index)
        if len(shared):
            raise ValueError(
                f"support and query share {len(shared)} item(s), for example row {shared[0]}: "
                "a query that was seen in the support set measures memory, not learning"
            )
        if (self.support_groups is None) != (self.query_groups is None):
            raise ValueError("support_groups and query_groups must both be given, or neither")
        if self.support_groups is not None and self.query_groups is not None:
            shared = np.intersect1d(self.support_groups, self.query_groups)
            if len(shared):
                raise ValueError(
                    f"support and query share {len(shared)} group(s), for example {shared[0]!r}: "
                    "pieces of one recording or tune must stay on one side"
                )

    @property
    def n_way(self) -> int:
        """Number of classes in the task."""
        return len(self.classes)

    @property
    def k_shot(self) -> int:
        """Number of support items per class."""
        return len(self.support_y) // self.n_way

    @property
    def n_query(self) -> int:
        """Number of query items per class."""
        return len(self.query_y) // self.n_way

    def to(self, device: torch.device | str) -> Episode:
        """The same episode with its tensors on another device.

        Parameters
        ----------
        device : torch.device or str
            For example ``"cuda"``.

        Returns
        -------
        Episode
            Itself when it is there already.
        """
        names = ("support_x", "support_y", "query_x", "query_y")
        if all(getattr(self, name).device == torch.device(device) for name in names):
            return self
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def _check_side(episode: Episode, side: str) -> None:
    """Check the tensors and row numbers of one side of an episode."""
    x, y = getattr(episode, f"{side}_x"), getattr(episode, f"{side}_y")
    rows, groups = getattr(episode, f"{side}_index"), getattr(episode, f"{side}_groups")
    for name, value in ((f"{side}_x", x), (f"{side}_y", y)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} must be a tensor, got {describe(value)}")
    n_way = len(episode.classes)
    if n_way < 1 or len(set(episode.classes)) != n_way:
        raise ValueError(f"classes must be distinct and at least one, got {episode.classes}")
    if y.dtype != torch.int64 or y.ndim != 1:
        raise TypeError(f"{side}_y must be int64 of shape (n,), got {y.dtype} {tuple(y.shape)}")
    sizes = {f"{side}_x": len(x), f"{side}_y": len(y), f"{side}_index": len(rows)}
    if groups is not None:
        sizes[f"{side}_groups"] = len(groups)
    if len(set(sizes.values())) != 1:
        text = ", ".join(f"{name} {n}" for name, n in sizes.items())
        raise ValueError(f"every part of the {side} set must have one length, got {text}")
    counts = Counter(y.tolist())
    if sorted(counts) != list(range(n_way)) or len(set(counts.values())) != 1:
        raise ValueError(
            f"{side}_y must hold the labels 0 to {n_way - 1} equally often, "
            f"got counts {dict(sorted(counts.items()))}"
        )
    if len(np.unique(rows)) != len(rows):
        raise ValueError(f"{side}_index must not repeat a row: one item was drawn twice")
