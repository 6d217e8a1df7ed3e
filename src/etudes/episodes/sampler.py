"""Endlessly many episodes of a data set, each the same whenever it is asked for.

Episode ``i`` depends on ``(seed, i)`` and on nothing else. Chapter 02 builds such a sampler from
scratch; training (:func:`etudes.train.fit`) and evaluation draw from it by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from etudes.checks import check_positive_int, describe
from etudes.episodes.episode import Episode
from etudes.episodes.items import as_items, as_names, chosen_classes
from etudes.episodes.sides import can_be_parted, generator, separate, shuffled


class EpisodeIndex(NamedTuple):
    """Which rows make up an episode: ``n_way`` class names, support rows and query rows."""

    classes: tuple[Any, ...]
    support: np.ndarray
    query: np.ndarray


class EpisodeSampler:
    """An endless, random-access list of episodes: ``sampler[i]`` is always the same task.

    Parameters
    ----------
    x : torch.Tensor or numpy.ndarray
        The items, shape ``(n_items, *item_shape)``. Doubles become float32, other types stay.
    labels : array_like
        The class of each item, shape ``(n_items,)``, strings or integers.
    groups : array_like, optional
        The group of each item, shape ``(n_items,)``. No group is ever on both sides of an episode,
        even where one group holds items of several classes.
    n_way, k_shot, n_query : int
        Classes per task, support items per class, query items per class.
    seed : int
        Zero or more. Another seed gives other episodes.
    classes : sequence, optional
        Draw from these classes only; all by default. Their order does not matter.
    transform : callable, optional
        ``transform(items, rng) -> items``, applied to support and query items separately, for
        augmentation. ``rng`` is a :class:`numpy.random.Generator` of the episode's own, so
        augmented episodes repeat too.

    Raises
    ------
    TypeError, ValueError
        When arrays do not fit together, ``x`` holds NaN, there are fewer classes than ``n_way``, or
        a class has too few items or groups (it is named, with its counts).

    Examples
    --------
    >>> import numpy as np
    >>> x, labels = np.random.rand(60, 8), np.repeat(["oboe", "harp", "viola"], 20)
    >>> episode = EpisodeSampler(x, labels, n_way=2, k_shot=1, n_query=5)[7]
    >>> episode.support_x.shape, episode.query_y.shape
    (torch.Size([2, 8]), torch.Size([10]))
    """

    def __init__(
        self,
        x: torch.Tensor | np.ndarray,
        labels: Any,
        *,
        groups: Any = None,
        n_way: int = 5,
        k_shot: int = 5,
        n_query: int = 10,
        seed: int = 0,
        classes: Sequence[Any] | None = None,
        transform: Callable[[torch.Tensor, np.random.Generator], torch.Tensor] | None = None,
    ) -> None:
        self.x = as_items(x)
        self.labels = as_names(labels, "labels", len(self.x))
        self.groups = None if groups is None else as_names(groups, "groups", len(self.x))
        self.n_way = check_positive_int(n_way, "n_way")
        self.k_shot = check_positive_int(k_shot, "k_shot")
        self.n_query = check_positive_int(n_query, "n_query")
        self.seed = check_positive_int(seed, "seed", allow_zero=True)
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be callable, got {describe(transform)}")
        self.transform = transform
        self.classes = chosen_classes(self.labels, classes)
        if self.n_way > len(self.classes):
            raise ValueError(
                f"n_way must be at most the number of classes, {len(self.classes)}, got {n_way}"
            )
        self._rows = [np.flatnonzero(self.labels == name) for name in self.classes]
        self._group_of = (
            np.arange(len(self.x))
            if self.groups is None
            else np.unique(self.groups, return_inverse=True)[1].reshape(-1)
        )
        for name, rows in zip(self.classes, self._rows, strict=True):
            self._check_class(name, rows)

    def __getitem__(self, i: int) -> Episode:
        """Episode number ``i`` (0 or more): the same for the same seed, always and everywhere."""
        classes, support, query = self.index(i)
        support_x, query_x = self.x[torch.from_numpy(support)], self.x[torch.from_numpy(query)]
        if self.transform is not None:
            rng = generator(self.seed, i, 1)
            support_x, query_x = self.transform(support_x, rng), self.transform(query_x, rng)
        task_label = {name: label for label, name in enumerate(classes)}
        return Episode(
            support_x=support_x,
            support_y=torch.tensor([task_label[name] for name in self.labels[support].tolist()]),
            query_x=query_x,
            query_y=torch.tensor([task_label[name] for name in self.labels[query].tolist()]),
            support_index=support,
            query_index=query,
            classes=classes,
            support_groups=None if self.groups is None else self.groups[support],
            query_groups=None if self.groups is None else self.groups[query],
        )

    def index(self, i: int) -> EpisodeIndex:
        """The rows of episode ``i``, without fetching the items.

        Parameters
        ----------
        i : int
            Number of the episode, 0 or more.

        Returns
        -------
        EpisodeIndex
            ``classes`` in the order of their task labels; ``support`` ordered by class; ``query``
            in random order.

        Raises
        ------
        ValueError
            When the groups of the classes drawn cannot be put on two sides; the tightest class is
            named.
        """
        rng = generator(self.seed, check_positive_int(i, "episode number", allow_zero=True), 0)
        drawn = shuffled(len(self.classes), rng)[: self.n_way]
        rows = [self._rows[c][shuffled(len(self._rows[c]), rng)] for c in drawn]
        if self.groups is None:
            support = [r[: self.k_shot] for r in rows]
            query = [r[self.k_shot : self.k_shot + self.n_query] for r in rows]
        else:
            sides = separate(rows, self._group_of, self.k_shot, self.n_query, rng)
            if sides is None:
                raise ValueError(
                    f"episode {i} cannot have k_shot = {self.k_shot} and n_query = {self.n_query} "
                    "items of each class with no group on both sides, because groups hold items of "
                    f"several classes; the tightest class is {self._tightest(rows)}"
                )
            support, query = sides
        asked = np.concatenate(query)
        return EpisodeIndex(
            tuple(self.classes[c] for c in drawn),
            np.concatenate(support),
            asked[shuffled(len(asked), rng)],
        )

    def batches(self, n: int) -> EpisodeBatches:
        """The same episodes, ``n`` at a time: ``batches(4)[0]`` is a list of episodes 0 to 3.

        Parameters
        ----------
        n : int
            Episodes per batch.

        Returns
        -------
        EpisodeBatches
            Indexed by training step, which is what :func:`etudes.train.fit` wants.
        """
        return EpisodeBatches(self, check_positive_int(n, "n"))

    def _check_class(self, name: Any, rows: np.ndarray) -> None:
        """Say which class cannot fill one episode, and why."""
        need = self.k_shot + self.n_query
        wanted = f"k_shot + n_query = {self.k_shot} + {self.n_query}"
        if len(rows) < need:
            raise ValueError(
                f"class {name!r} has too few items: {len(rows)}, an episode needs {wanted} = {need}"
            )
        if self.groups is None:
            return
        sizes = np.unique(self._group_of[rows], return_counts=True)[1]
        if not can_be_parted(sizes.tolist(), self.k_shot, self.n_query):
            raise ValueError(
                f"class {name!r} has too few groups: {len(rows)} items in {len(sizes)} group(s), "
                f"which cannot be parted into {wanted} items with no group on both sides"
            )

    def _tightest(self, rows: list[np.ndarray]) -> str:
        """The class of an episode with the fewest groups, in words."""
        fewest = min(rows, key=lambda r: len(np.unique(self._group_of[r])))
        n_groups = len(np.unique(self._group_of[fewest]))
        return f"{self.labels[fewest[0]].item()!r}, with {len(fewest)} items in {n_groups} groups"


@dataclass(frozen=True)
class EpisodeBatches:
    """A sampler's episodes, ``n`` at a time: ``batches[step]`` is a list of ``n`` episodes.

    Parameters
    ----------
    sampler : EpisodeSampler
        Where the episodes come from.
    n : int
        Episodes per batch.
    """

    sampler: EpisodeSampler
    n: int

    def __getitem__(self, step: int) -> list[Episode]:
        """The episodes of training step ``step`` (0 or more)."""
        return [self.sampler[step * self.n + j] for j in range(self.n)]
