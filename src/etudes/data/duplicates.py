"""Find the tunes that are one tune: the same melody in another key, book or spelling.

The idea in one sentence: two tunes that share a good part of their short runs of intervals belong to one group, and
a split that keeps groups together cannot leak.

The method is w-shingling with a containment measure (A. Z. Broder, "On the resemblance and containment of
documents", *Compression and Complexity of Sequences*, 1997), on intervals instead of words, followed by
single linkage.  Used by every chapter that splits tunes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

__all__ = ["near_duplicate_groups", "shared_shingles", "shingles"]

N_INTERVALS = 8
CONTAINMENT = 0.3
FEWEST_SHARED = 5
COMMONPLACE = 100


def shingles(pitches: np.ndarray, n_intervals: int = N_INTERVALS) -> np.ndarray:
    """Return the set of runs of `n_intervals` intervals of a melody, as sorted whole numbers.

    Repeated notes are merged and intervals are folded into one octave (-6 to 5 semitones), so that neither the key,
    nor the octave, nor the number of syllables, nor repeats change the set.

    Parameters
    ----------
    pitches : numpy.ndarray
        (n_notes,) MIDI numbers.
    n_intervals : int
        Length of a run, 1 to 17.

    Returns
    -------
    numpy.ndarray
        (n_shingles,) int64, each at most once; empty for a melody with too few different notes.
    """
    pitches = np.asarray(pitches, dtype=np.int64)
    steps = np.diff(pitches)
    steps = (steps[steps != 0] + 6) % 12
    if len(steps) < n_intervals:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(steps, n_intervals)
    return np.unique(windows @ 12 ** np.arange(n_intervals, dtype=np.int64))


def shared_shingles(
    sets: Sequence[np.ndarray], commonplace: int = COMMONPLACE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count what every two sets share, leaving out what more than `commonplace` of them hold.

    Returns
    -------
    first, second : numpy.ndarray
        (n_pairs,) positions in `sets`, first < second, of pairs that share anything.
    shared : numpy.ndarray
        (n_pairs,) how many.
    """
    _, column = np.unique(np.concatenate(sets), return_inverse=True)
    row = np.repeat(np.arange(len(sets)), [len(held) for held in sets])
    holds = sparse.csr_matrix((np.ones(len(row), dtype=np.int32), (row, column)))
    holds.resize(len(sets), holds.shape[1])
    holds = holds[:, np.asarray(holds.sum(axis=0)).ravel() <= commonplace]
    pairs = sparse.triu(holds @ holds.T, k=1).tocoo()
    return pairs.row, pairs.col, pairs.data


def near_duplicate_groups(
    pitches: np.ndarray, starts: np.ndarray, same: Sequence[tuple[int, int]] = ()
) -> np.ndarray:
    """Number the groups of near-duplicates.

    Parameters
    ----------
    pitches : numpy.ndarray
        MIDI numbers of all tunes end to end.
    starts : numpy.ndarray
        (n_tunes + 1,) where each tune begins.
    same : sequence of (int, int)
        Pairs of tunes known to be one from elsewhere.

    Returns
    -------
    numpy.ndarray
        (n_tunes,) int64 group numbers from 0.
    """
    sets = [shingles(pitches[a:b]) for a, b in zip(starts[:-1], starts[1:], strict=True)]
    first, second, shared = shared_shingles(sets)
    size = np.array([max(len(held), 1) for held in sets])
    alike = shared / np.minimum(size[first], size[second])
    linked = (alike >= CONTAINMENT) & (shared >= FEWEST_SHARED)
    known = np.array(list(same), dtype=np.int64).reshape(-1, 2)
    row = np.concatenate([first[linked], known[:, 0]])
    column = np.concatenate([second[linked], known[:, 1]])
    links = sparse.coo_matrix((np.ones(len(row)), (row, column)), shape=(len(sets), len(sets)))
    return connected_components(links, directed=False)[1].astype(np.int64)
