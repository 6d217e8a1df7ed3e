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

import zlib

import numpy as np

from etudes.checks import check_array, check_in
from etudes.data.tunes import Tune, TuneSet

__all__ = [
    "BLOCKS",
    "N_STATISTICS",
    "block_columns",
    "melody_statistics",
    "note_arrays",
    "statistics_matrix",
]

LONGEST = 1000  # notes that are looked at
_KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
_PROFILES = np.array(
    [np.roll((p - np.mean(p)) / np.std(p), s) for p in np.array(_KRUMHANSL) for s in range(12)]
)
_PERIODS = (1 / 4, 1 / 3, 1 / 2, 3 / 4, 1, 1.5, 2, 3, 4, 4.5, 6, 8, 12, 16)  # quarter notes
_ACCENT_LAGS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 36, 48)  # sixteenths
_PITCH_LAGS = (2, 4, 6, 8, 12, 16, 18, 24, 32, 36, 48, 64)
_BARS = ((1, 12), (1.5, 12), (2, 8), (3, 12), (4, 16))  # period in quarters, bins

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
    "beat_strength": (len(_PERIODS), "measure"),
    "accent_repetition": (len(_ACCENT_LAGS), "measure"),
    "pitch_repetition": (len(_PITCH_LAGS), "measure"),
    "summary": (39, "measure"),
    "register": (3, "measure"),
    **{f"bar_of_{period:g}": (n_bins // 2, "measure") for period, n_bins in _BARS},
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
    key = int(np.argmax(_PROFILES @ _histogram(p % 12, 12, held)))
    blocks = {**_pitch_blocks(p, held, key), **_rhythm_blocks(p, step)}
    blocks = {name: np.sqrt(values) for name, values in blocks.items()}
    blocks.update(_beat_blocks(p, onset, np.sqrt(held)))
    blocks["summary"] = _summary(p, onset, length, step, key)
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


def _histogram(index: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Relative frequencies of the numbers 0…size−1."""
    counts = np.bincount(index, weights=weights, minlength=size).astype(float)
    return counts / max(counts.sum(), 1e-9)


def _runs(symbols: np.ndarray, n_symbols: int, order: int) -> np.ndarray:
    """Relative frequencies of runs of `order` symbols, the first one most significant."""
    n = len(symbols) - order + 1
    index = sum(symbols[i : i + n] * n_symbols ** (order - 1 - i) for i in range(order))
    return _histogram(np.asarray(index), n_symbols**order)


def _pitch_blocks(p: np.ndarray, held: np.ndarray, key: int) -> dict[str, np.ndarray]:
    """Histograms of pitch: relative to the final, to the key found, absolute, and of intervals."""
    leap, tonic = np.diff(p), key % 12
    from_final, degree = (p - p[-1]) % 12, (p - tonic) % 12
    nine = np.searchsorted((-7.5, -4.5, -2.5, -0.5, 0.5, 2.5, 4.5, 7.5), leap)
    five = np.searchsorted((-2.5, -0.5, 0.5, 2.5), leap)
    return {
        "degree_from_final": _histogram(from_final, 12, held),
        "degree": _histogram(degree, 12, held),
        "degree_counts": _histogram(degree, 12),
        "degree_pairs": _runs(degree, 12, 2),
        "degree_from_final_pairs": _runs(from_final, 12, 2),
        "pitch": _histogram(np.clip(p - 48, 0, 47), 48),
        "pitch_from_final": _histogram(np.clip(p - p[-1] + 18, 0, 39), 40),
        "interval": _histogram(np.clip(leap, -12, 12) + 12, 25),
        "interval_size": _histogram(np.minimum(abs(leap), 12), 13),
        "interval_pairs": _runs(nine, 9, 2),
        "interval_triples": _runs(five, 5, 3),
        "contour_quadruples": _runs(np.sign(leap) + 1, 3, 4),
    }


def _rhythm_blocks(p: np.ndarray, step: np.ndarray) -> dict[str, np.ndarray]:
    """Histograms of duration in half octaves, of ratios, and of ratio with contour."""
    size = np.round(2 * np.log2(step)).astype(int)
    kind = np.clip(size + 6, 0, 11)
    relative = np.clip(np.round(2 * np.log2(step / np.median(step))).astype(int) + 4, 0, 8)
    change = np.log2(step[1:] / step[:-1])
    nine = np.clip(np.round(2 * np.log2(step[1:] / step[:-1])).astype(int), -4, 4) + 4
    five = np.searchsorted((-1.2, -0.3, 0.3, 1.2), change)
    three = np.searchsorted((-0.3, 0.3), change)
    leap = np.diff(p)
    return {
        "duration": _histogram(kind, 12),
        "duration_from_median": _histogram(relative, 9),
        "ratio": _histogram(nine, 9),
        "ratio_pairs": _runs(nine, 9, 2),
        "ratio_triples": _runs(five, 5, 3),
        "rhythm_quadruples": _runs(three, 3, 4),
        "duration_pairs": _runs(kind, 12, 2),
        "interval_and_ratio": _histogram(
            np.searchsorted((-2.5, -0.5, 0.5, 2.5), leap) * 5 + five, 25
        ),
        "contour_and_rhythm_pairs": _runs((np.sign(leap) + 1) * 3 + three, 9, 2),
    }


def _beat_blocks(p: np.ndarray, onset: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """How the notes lie on regular beats and bars: the metre, heard and not read."""
    turns = [np.abs(weight @ np.exp(2j * np.pi * onset / period)) for period in _PERIODS]
    last = round(float(onset[-1]) / 0.25)
    slot = np.minimum(np.round(onset / 0.25).astype(int), last)
    accent = np.zeros(last + 1)
    np.maximum.at(accent, slot, weight)
    sounding = np.searchsorted(onset, np.arange(last + 1) * 0.25 + 1e-6) - 1
    blocks = {
        "beat_strength": np.array(turns) / weight.sum(),
        "accent_repetition": _autocorrelation(accent, _ACCENT_LAGS),
        "pitch_repetition": _autocorrelation(
            p[np.clip(sounding, 0, None)].astype(float), _PITCH_LAGS
        ),
    }
    for period, n_bins in _BARS:
        place = np.round(onset % period / period * n_bins).astype(int) % n_bins
        blocks[f"bar_of_{period:g}"] = abs(np.fft.rfft(_histogram(place, n_bins, weight)))[1:]
    return blocks


def _autocorrelation(x: np.ndarray, lags: tuple[int, ...]) -> np.ndarray:
    """Autocorrelation at some lags, 0 beyond the end."""
    x = x - x.mean()
    energy = x @ x + 1e-9
    return np.array([x[:-lag] @ x[lag:] / energy if lag < len(x) else 0.0 for lag in lags])


def _summary(
    p: np.ndarray, onset: np.ndarray, length: np.ndarray, step: np.ndarray, key: int
) -> np.ndarray:
    """Single measures: compass, motion, length, speed, rests, repetition, key, first and last."""
    leap, span = np.diff(p), onset[-1] + 1
    size, median, change = abs(leap), np.median(step), np.abs(np.log2(step[1:] / step[:-1]))
    direction, rests = np.sign(leap), np.maximum(step - length, 0)
    text = (np.clip(leap, -15, 15) + 16).astype(np.uint8).tobytes()

    def repeated(n: int) -> float:
        runs = [text[i : i + n] for i in range(len(text) - n + 1)]
        return 1 - len(set(runs)) / max(1, len(runs))

    fit = _PROFILES[key] @ _histogram(p % 12, 12, np.clip(length, 0, 4))
    compass = [
        p.max() - p.min(),
        p.std(),
        p.mean() - p[-1],
        p[0] - p[-1],
        p.max() - p[-1],
        p.min() - p[-1],
    ]
    motion = [
        (size == 0).mean(),
        ((size > 0) & (size < 3)).mean(),
        ((size > 2) & (size < 5)).mean(),
        (size > 4).mean(),
        (size > 7).mean(),
        size.mean(),
        (leap > 0).mean(),
    ]
    extent = [
        np.log(len(p)),
        np.log(span),
        np.log(len(p) / span),
        np.log2(step).mean(),
        np.log2(step).std(),
        (rests > 0.1).mean(),
        rests.sum() / span,
    ]
    repetition = [
        repeated(3),
        repeated(4),
        repeated(6),
        repeated(8),
        len(zlib.compress(text)) / len(text),
    ]
    variety = [
        len(set(p)),
        len(set(p % 12)),
        len(set(np.round(2 * np.log2(step)))),
        key >= 12,
        10 * fit,
        (p[-1] - key) % 12 == 0,
    ]
    edges = [
        np.log2(step[-1] / median),
        np.log2(step[0] / median),
        (direction[1:] != direction[:-1]).mean(),
        (change > 0.3).mean(),
        leap[-1],
        leap[-2],
        leap[0],
        leap[1],
    ]
    return np.array(compass + motion + extent + repetition + variety + edges, dtype=float)
