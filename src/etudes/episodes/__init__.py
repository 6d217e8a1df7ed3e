"""What a few-shot task is: a few labelled examples, and questions that share nothing with them.

An *episode* draws ``n_way`` classes, shows ``k_shot`` examples of each (the support set) and asks
about ``n_query`` others of each (the query set); a learner that answers many episodes well has
learned to learn.  The idea of training on such episodes is Vinyals et al., "Matching networks for
one shot learning" (NeurIPS 2016).  Chapter 02 builds a sampler from scratch, and its failure museum
shows what every check in this module is for.

The rules that this module keeps, so that nobody else has to remember them:

* support and query share no item, and no *group* (recording, tune, player: whatever makes two items
  near-copies), over all classes of the episode; :class:`Episode` itself refuses to exist otherwise;
* episode ``i`` of a sampler depends on ``(seed, i)`` and on nothing else: not on what was drawn
  before, not on the machine;
* which class is called 0, 1, … is drawn anew for every task, so a network cannot remember it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from etudes.checks import check_in, check_positive_int, describe
from etudes.episodes.sides import can_be_parted, generator, separate, shuffled

__all__ = [
    "Episode",
    "EpisodeBatches",
    "EpisodeIndex",
    "EpisodeSampler",
    "check_disjoint",
    "split_classes",
]


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
        self.x = _as_items(x)
        self.labels = _as_names(labels, "labels", len(self.x))
        self.groups = None if groups is None else _as_names(groups, "groups", len(self.x))
        self.n_way = check_positive_int(n_way, "n_way")
        self.k_shot = check_positive_int(k_shot, "k_shot")
        self.n_query = check_positive_int(n_query, "n_query")
        self.seed = check_positive_int(seed, "seed", allow_zero=True)
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be callable, got {describe(transform)}")
        self.transform = transform
        self.classes = _chosen_classes(self.labels, classes)
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


def split_classes(
    labels: Any, parts: Sequence[float] | Sequence[int], seed: int = 0
) -> tuple[tuple[Any, ...], ...]:
    """Share the classes out among disjoint parts, such as training, validation and test.

    Parameters
    ----------
    labels : array_like
        The class of every item (or each class once), shape ``(n_items,)``.
    parts : sequence
        Either counts (integers, for example ``(14, 4, 8)``; classes left over go nowhere) or
        fractions that sum to one (``(0.6, 0.2, 0.2)``).
    seed : int
        Which classes go where; the same on every machine.

    Returns
    -------
    tuple of tuples
        One sorted tuple of class names for each part; no class is in two.

    Raises
    ------
    ValueError
        When there are too few classes, or a part would be empty.

    Examples
    --------
    >>> split_classes(["a", "b", "c", "d", "a"], (2, 1, 1))
    (('c', 'd'), ('b',), ('a',))
    """
    flat = np.asarray(labels)
    names = _chosen_classes(_as_names(flat, "labels", flat.size), None)
    if not len(parts):
        raise ValueError("parts must name at least one part, got none")
    if all(isinstance(part, (int, np.integer)) for part in parts):
        counts = [check_positive_int(part, "parts") for part in parts]
        if sum(counts) > len(names):
            raise ValueError(
                f"parts must sum to at most the number of classes, {len(names)}, got {tuple(parts)}"
            )
    else:
        if abs(sum(parts) - 1) > 1e-6 or min(parts) <= 0:
            raise ValueError(f"parts must be fractions that sum to 1, got {tuple(parts)}")
        edges = [round(len(names) * sum(parts[: j + 1])) for j in range(len(parts))]
        counts = [edge - before for before, edge in zip([0, *edges[:-1]], edges, strict=True)]
        if min(counts) < 1:
            raise ValueError(
                f"parts {tuple(parts)} leave a part without a class: there are only {len(names)}"
            )
    check_positive_int(seed, "seed", allow_zero=True)
    order = shuffled(len(names), generator(seed)).tolist()
    split = []
    for count in counts:
        split.append(tuple(names[j] for j in sorted(order[:count])))
        order = order[count:]
    return tuple(split)


def check_disjoint(*samplers: EpisodeSampler) -> None:
    """Check that samplers (training, validation, test) share no class and no group.

    Parameters
    ----------
    *samplers : EpisodeSampler
        Two or more. Groups are compared where both samplers have them; their names must mean the
        same in both.

    Raises
    ------
    ValueError
        Naming the classes or groups shared.
    """
    for j, one in enumerate(samplers):
        for other in samplers[j + 1 :]:
            for what, mine, theirs in (
                ("class(es)", one.classes, other.classes),
                ("group(s)", _groups_used(one), _groups_used(other)),
            ):
                shared = sorted(set(mine) & set(theirs))
                if shared:
                    raise ValueError(
                        f"samplers must be disjoint, got {len(shared)} {what} in both, "
                        f"for example {shared[0]!r}"
                    )


def _as_items(x: Any) -> torch.Tensor:
    """Items as a finite tensor, one row each."""
    if not isinstance(x, (torch.Tensor, np.ndarray)):
        raise TypeError(f"x must be a tensor or an array of items, got {describe(x)}")
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "biuf":
            raise TypeError(f"x must hold real numbers, got {x.dtype}")
        x = torch.from_numpy(x if x.flags.writeable else x.copy())
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"x must have shape (n_items, ...) and items, got {tuple(x.shape)}")
    if x.dtype == torch.float64:
        x = x.float()
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x.reshape(len(x), -1)).all(1)).nonzero()[0])
        raise ValueError(f"x must be finite, got NaN or infinite values, first in row {bad}")
    return x


def _as_names(values: Any, name: str, n_items: int) -> np.ndarray:
    """Labels or groups as a one-dimensional array of integers or strings."""
    if isinstance(values, torch.Tensor):
        values = values.cpu().numpy()
    array = np.asarray(values)
    if array.dtype == object and array.size and all(isinstance(v, str) for v in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "iuU":
        raise TypeError(f"{name} must be integers or strings, got {array.dtype}")
    if array.shape != (n_items,):
        raise ValueError(f"{name} must have shape (n_items,) = ({n_items},), got {array.shape}")
    if n_items == 0:
        raise ValueError(f"{name} must not be empty")
    return array


def _chosen_classes(labels: np.ndarray, classes: Sequence[Any] | None) -> tuple[Any, ...]:
    """The classes to draw from, sorted, each one known."""
    known = np.unique(labels).tolist()
    if classes is None:
        return tuple(known)
    if isinstance(classes, str):
        raise TypeError(f"classes must be a sequence of class names, got the string {classes!r}")
    chosen = [
        check_in(c.item() if isinstance(c, np.generic) else c, "classes", known) for c in classes
    ]
    repeated = [name for name, count in Counter(chosen).items() if count > 1]
    if repeated:
        raise ValueError(f"classes must be distinct, got {repeated[0]!r} twice")
    return tuple(sorted(chosen))


def _groups_used(sampler: EpisodeSampler) -> list[Any]:
    """The groups of the rows that a sampler draws from, none when it has no groups."""
    if sampler.groups is None:
        return []
    mine = np.isin(sampler.labels, np.array(sampler.classes))
    return np.unique(sampler.groups[mine]).tolist()


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
