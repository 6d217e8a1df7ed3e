"""Classes to learn from and classes to be tested on: parts that share none, and the proof of it.

A learner that met a test class in training is tested on memory. Chapter 02.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etudes.checks import check_positive_int
from etudes.episodes.items import as_names, chosen_classes
from etudes.episodes.sampler import EpisodeSampler
from etudes.episodes.sides import generator, shuffled


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
    names = chosen_classes(as_names(flat, "labels", flat.size), None)
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


def _groups_used(sampler: EpisodeSampler) -> list[Any]:
    """The groups of the rows that a sampler draws from, none when it has no groups."""
    if sampler.groups is None:
        return []
    mine = np.isin(sampler.labels, np.array(sampler.classes))
    return np.unique(sampler.groups[mine]).tolist()
