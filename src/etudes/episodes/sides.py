"""Which side of an episode a group goes to, so that near-copies never meet across support and
query.

The rules are told in :mod:`etudes.episodes`, chapter 02; this is the drawing of lots behind them.
Only ``random()`` of a PCG64 generator is ever used: its stream is the same in every numpy.
"""

from __future__ import annotations

import numpy as np

#: How often :func:`separate` draws lots before it gives up.
MAX_ATTEMPTS = 100


def generator(*words: int) -> np.random.Generator:
    """Random numbers that depend on ``words`` and on nothing else, on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def shuffled(n: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers 0…n−1 in random order, by a recipe that no library version changes."""
    return np.argsort(rng.random(n), kind="stable")


def can_be_parted(sizes: list[int], k_shot: int, n_query: int) -> bool:
    """Whether groups of these sizes can form two heaps of at least ``k_shot`` and ``n_query``."""
    sums = 1  # bit s is set when some of the groups hold s items together
    for size in sizes:
        sums |= sums << size
    return any(sums >> s & 1 for s in range(k_shot, sum(sizes) - n_query + 1))


def separate(
    rows: list[np.ndarray],
    group_of: np.ndarray,
    k_shot: int,
    n_query: int,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
    """Choose support and query rows of every class so that no group is on both sides.

    Looks at the first few (shuffled) rows of every class and gives each group among them a side;
    when that cannot fill the episode, looks at twice as many rows and tries again.

    Parameters
    ----------
    rows : list of numpy.ndarray
        The rows of each class of the episode, in random order.
    group_of : numpy.ndarray
        The group of every row of the data set, integers.
    k_shot, n_query : int
        Support and query items per class.
    rng : numpy.random.Generator
        Draws the lots.

    Returns
    -------
    tuple of two lists of numpy.ndarray, or None
        Support and query rows of each class; None when no way was found.
    """
    for attempt in range(MAX_ATTEMPTS):
        pools = [r[: (k_shot + n_query) * 2 ** min(attempt + 1, 30)] for r in rows]
        groups = [group_of[pool].tolist() for pool in pools]
        side = choose_sides(groups, k_shot, n_query, rng)
        if side is not None:
            marks = [np.array([side[g] for g in members]) for members in groups]
            pairs = list(zip(pools, marks, strict=True))
            return (
                [pool[mark][:k_shot] for pool, mark in pairs],
                [pool[~mark][:n_query] for pool, mark in pairs],
            )
    return None


def choose_sides(
    groups: list[list[int]], k_shot: int, n_query: int, rng: np.random.Generator
) -> dict[int, bool] | None:
    """Give every group a side (True is support) such that each class can fill both.

    Groups come in random order. Each goes to a side with a chance proportional to what its classes
    still need there, unless that would leave a class short of items for the other side. Where every
    group is a single item, this draws support and query uniformly without replacement.

    Parameters
    ----------
    groups : list of lists of int
        For each class the group of each of its items.
    k_shot, n_query : int
        Support and query items per class.
    rng : numpy.random.Generator
        Draws the lots.

    Returns
    -------
    dict or None
        Side of each group; None when these lots did not work out.
    """
    held: dict[int, dict[int, int]] = {}  # group -> class -> number of items
    for c, members in enumerate(groups):
        for group in members:
            counts = held.setdefault(group, {})
            counts[c] = counts.get(c, 0) + 1
    names = sorted(held)
    left = [len(members) for members in groups]  # items whose group has no side yet
    support_need, query_need = [k_shot] * len(groups), [n_query] * len(groups)
    side: dict[int, bool] = {}
    lots = rng.random(len(names)).tolist()
    for j, u in zip(shuffled(len(names), rng).tolist(), lots, strict=True):
        counts = held[names[j]]
        support_wish = query_wish = 0
        support_possible = query_possible = True
        for c, n in counts.items():
            s, q = max(0, support_need[c]), max(0, query_need[c])
            support_wish, query_wish = support_wish + s, query_wish + q
            support_possible &= left[c] - n >= max(0, s - n) + q
            query_possible &= left[c] - n >= s + max(0, q - n)
        if not (support_possible or query_possible):
            return None
        if support_wish + query_wish == 0:
            support_wish, query_wish = k_shot, n_query
        chance = support_wish / (support_wish + query_wish)
        to_support = support_possible and (not query_possible or u < chance)
        side[names[j]] = to_support
        need = support_need if to_support else query_need
        for c, n in counts.items():
            need[c] -= n
            left[c] -= n
    return side
