"""A melody as a fixed row of numbers: what can be counted in it, whatever its length or key.

The idea in one sentence: count pitches, intervals, durations and the patterns they form, measure
how the notes lie on a regular beat, and a tune of any length becomes 1,416 numbers that any
classifier can use.

Everything is computed from pitch, onset and duration.  Header fields (metre, key, rhythm, title,
origin) are never looked at: they would give the style away.  Histograms enter as square roots, so
that the Euclidean distance between two of them is Hellinger's.  Counting intervals and durations to
tell folk styles apart goes back to W. Steinbeck, *Struktur und Ähnlichkeit* (Kassel 1982);
jSymbolic (C. McKay and I. Fujinaga, ISMIR 2006) holds a much longer list.  The key is found by C.
Krumhansl's profiles (*Cognitive Foundations of Musical Pitch*, Oxford 1990). Chapter 06 uses these
numbers, alone and beside learned ones.
"""

from __future__ import annotations

import numpy as np

from etudes.checks import check_array, check_in
from etudes.data.tunes import Tune, TuneSet
from etudes.learners.melody_counts import (
    ACCENT_LAGS,
    BARS,
    KEY_PROFILES,
    PERIODS,
    PITCH_LAGS,
    beat_blocks,
    histogram,
    pitch_blocks,
    rhythm_blocks,
    summary,
)

__all__ = [
    "BLOCKS",
    "N_STATISTICS",
    "block_columns",
    "melody_statistics",
    "note_arrays",
    "statistics_matrix",
]

LONGEST = 1000  # notes that are looked at

#: Name, number of columns and kind of every block of statistics, in their order.  Histograms are
#: square roots of relative frequencies; measures are plain numbers on scales of their own.
BLOCKS: dict[str, tuple[int, str]] = {
    "degree_from_final": (12, "histogram"),
    "degree": (12, "histogram"),
    "degree_counts": (12, "histogram"),
    "degree_pairs": (144, "histogram"),
    "degree_from_final_pairs": (144, "histogram"),
    "pitch": (48, "histogram"),
    "pitch_from_final": (40, "histogram"),
    "interval": (25, "histogram"),
    "interval_size": (13, "histogram"),
    "interval_pairs": (81, "histogram"),
    "interval_triples": (125, "histogram"),
    "contour_quadruples": (81, "histogram"),
    "duration": (12, "histogram"),
    "duration_from_median": (9, "histogram"),
    "ratio": (9, "histogram"),
    "ratio_pairs": (81, "histogram"),
    "ratio_triples": (125, "histogram"),
    "rhythm_quadruples": (81, "histogram"),
    "duration_pairs": (144, "histogram"),
    "interval_and_ratio": (25, "histogram"),
    "contour_and_rhythm_pairs": (81, "histogram"),
    "beat_strength": (len(PERIODS), "measure"),
    "accent_repetition": (len(ACCENT_LAGS), "measure"),
    "pitch_repetition": (len(PITCH_LAGS), "measure"),
    "summary": (39, "measure"),
    "register": (3, "measure"),
    **{f"bar_of_{period:g}": (n_bins // 2, "measure") for period, n_bins in BARS},
}
#: Columns of the matrix that :func:`statistics_matrix` returns.
N_STATISTICS = sum(width for width, _ in BLOCKS.values())


def block_columns(kind: str | None = None, names: tuple[str, ...] | None = None) -> np.ndarray:
    """Return which columns hold the blocks of a kind, or the named blocks.

    Parameters
    ----------
    kind : {"histogram", "measure"}, optional
        All kinds by default.
    names : tuple of str, optional
        Keys of :data:`BLOCKS`; all by default.

    Returns
    -------
    numpy.ndarray
        Sorted int64 column numbers.

    Raises
    ------
    ValueError
        If the kind or a name is unknown.
    """
    if kind is not None:
        check_in(kind, "kind", ("histogram", "measure"))
    for name in names or ():
        check_in(name, "names", tuple(BLOCKS))
    columns, start = [np.zeros(0, dtype=np.int64)], 0
    for name, (width, block_kind) in BLOCKS.items():
        if (kind is None or block_kind == kind) and (names is None or name in names):
            columns.append(np.arange(start, start + width))
        start += width
    return np.concatenate(columns)


def melody_statistics(pitches: np.ndarray, onsets: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Measure one melody.

    Parameters
    ----------
    pitches : numpy.ndarray
        (n_notes,) MIDI numbers, at least 5 notes; the first 1,000 count.
    onsets : numpy.ndarray
        (n_notes,) quarter notes, rising.
    durations : numpy.ndarray
        (n_notes,) quarter notes, greater than 0.

    Returns
    -------
    numpy.ndarray
        (1416,) float32, laid out as :data:`BLOCKS` says.

    Raises
    ------
    ValueError
        If there are fewer than 5 notes, the lengths differ, onsets do not rise or a duration is not
        positive.
    """
    p = np.asarray(check_array(pitches, "pitches", ndim=1))[:LONGEST].astype(int)
    onset = np.asarray(check_array(onsets, "onsets", shape=(len(pitches),)), float)[:LONGEST]
    length = np.asarray(check_array(durations, "durations", shape=(len(pitches),)), float)[:LONGEST]
    if len(p) < 5:
        raise ValueError(f"pitches must hold at least 5 notes, got {len(p)}")
    if np.any(np.diff(onset) <= 0):
        raise ValueError("onsets must rise from note to note")
    if length.min() <= 0:
        raise ValueError(f"durations must be greater than 0, got {length.min()}")
    onset = onset - onset[0]
    step = np.clip(np.append(np.diff(onset), length[-1]), 1 / 32, 16)  # from onset to onset
    held = np.clip(length, 0, 4)
    key = int(np.argmax(KEY_PROFILES @ histogram(p % 12, 12, held)))
    blocks = {**pitch_blocks(p, held, key), **rhythm_blocks(p, step)}
    blocks = {name: np.sqrt(values) for name, values in blocks.items()}
    blocks.update(beat_blocks(p, onset, np.sqrt(held)))
    blocks["summary"] = summary(p, onset, length, step, key)
    blocks["register"] = np.array([p.mean(), p[-1], p[0]])
    return np.concatenate([blocks[name] for name in BLOCKS]).astype(np.float32)


def note_arrays(tunes: TuneSet, position: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitches, onsets and durations of one tune of a set, without building a :class:`Tune`.

    Many times quicker than ``tunes[position]`` where every tune is wanted.
    """
    row = tunes.rows[position]
    here = slice(*tunes.columns["starts"][row : row + 2])
    durations = tunes.columns["durations"][here].astype(np.float64)
    steps = np.maximum(tunes.columns["rests"][here].astype(np.float64), 0)
    steps[1:] += durations[:-1]
    return tunes.columns["pitches"][here].astype(np.int64), np.cumsum(steps), durations


def statistics_matrix(tunes: TuneSet | list[Tune]) -> np.ndarray:
    """Measure every tune of a set; about three milliseconds each.

    Parameters
    ----------
    tunes : TuneSet or list of Tune
        Each of at least 5 notes.

    Returns
    -------
    numpy.ndarray
        (n_tunes, 1416) float32.

    Raises
    ------
    ValueError
        If there is no tune.
    """
    if len(tunes) == 0:
        raise ValueError("tunes must hold at least one tune, got none")
    tune_set = tunes if isinstance(tunes, TuneSet) else TuneSet.from_tunes(tunes)
    rows = [melody_statistics(*note_arrays(tune_set, i)) for i in range(len(tune_set))]
    return np.stack(rows)
