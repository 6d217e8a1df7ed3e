"""What can be counted in a melody: pitches, durations and their patterns, beats, single measures.

Each function takes the notes of one melody and gives some of the blocks that
:mod:`etudes.learners.melody` lays side by side. The key is found by C. Krumhansl's profiles
(*Cognitive Foundations of Musical Pitch*, Oxford 1990). Chapter 06.
"""

from __future__ import annotations

import zlib

import numpy as np

_KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
#: Row ``k`` is the key on pitch class ``k % 12``: major below 12, minor from there.
KEY_PROFILES = np.array(
    [np.roll((p - np.mean(p)) / np.std(p), s) for p in np.array(_KRUMHANSL) for s in range(12)]
)

PERIODS = (1 / 4, 1 / 3, 1 / 2, 3 / 4, 1, 1.5, 2, 3, 4, 4.5, 6, 8, 12, 16)  # quarter notes
ACCENT_LAGS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 36, 48)  # sixteenths
PITCH_LAGS = (2, 4, 6, 8, 12, 16, 18, 24, 32, 36, 48, 64)
BARS = ((1, 12), (1.5, 12), (2, 8), (3, 12), (4, 16))  # period in quarters, bins


def pitch_blocks(p: np.ndarray, held: np.ndarray, key: int) -> dict[str, np.ndarray]:
    """Histograms of pitch: relative to the final, to the key found, absolute, and of intervals."""
    leap, tonic = np.diff(p), key % 12
    from_final, degree = (p - p[-1]) % 12, (p - tonic) % 12
    nine = np.searchsorted((-7.5, -4.5, -2.5, -0.5, 0.5, 2.5, 4.5, 7.5), leap)
    five = np.searchsorted((-2.5, -0.5, 0.5, 2.5), leap)
    return {
        "degree_from_final": histogram(from_final, 12, held),
        "degree": histogram(degree, 12, held),
        "degree_counts": histogram(degree, 12),
        "degree_pairs": _runs(degree, 12, 2),
        "degree_from_final_pairs": _runs(from_final, 12, 2),
        "pitch": histogram(np.clip(p - 48, 0, 47), 48),
        "pitch_from_final": histogram(np.clip(p - p[-1] + 18, 0, 39), 40),
        "interval": histogram(np.clip(leap, -12, 12) + 12, 25),
        "interval_size": histogram(np.minimum(abs(leap), 12), 13),
        "interval_pairs": _runs(nine, 9, 2),
        "interval_triples": _runs(five, 5, 3),
        "contour_quadruples": _runs(np.sign(leap) + 1, 3, 4),
    }


def rhythm_blocks(p: np.ndarray, step: np.ndarray) -> dict[str, np.ndarray]:
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
        "duration": histogram(kind, 12),
        "duration_from_median": histogram(relative, 9),
        "ratio": histogram(nine, 9),
        "ratio_pairs": _runs(nine, 9, 2),
        "ratio_triples": _runs(five, 5, 3),
        "rhythm_quadruples": _runs(three, 3, 4),
        "duration_pairs": _runs(kind, 12, 2),
        "interval_and_ratio": histogram(
            np.searchsorted((-2.5, -0.5, 0.5, 2.5), leap) * 5 + five, 25
        ),
        "contour_and_rhythm_pairs": _runs((np.sign(leap) + 1) * 3 + three, 9, 2),
    }


def beat_blocks(p: np.ndarray, onset: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """How the notes lie on regular beats and bars: the metre, heard and not read."""
    turns = [np.abs(weight @ np.exp(2j * np.pi * onset / period)) for period in PERIODS]
    last = round(float(onset[-1]) / 0.25)
    slot = np.minimum(np.round(onset / 0.25).astype(int), last)
    accent = np.zeros(last + 1)
    np.maximum.at(accent, slot, weight)
    sounding = np.searchsorted(onset, np.arange(last + 1) * 0.25 + 1e-6) - 1
    blocks = {
        "beat_strength": np.array(turns) / weight.sum(),
        "accent_repetition": _autocorrelation(accent, ACCENT_LAGS),
        "pitch_repetition": _autocorrelation(
            p[np.clip(sounding, 0, None)].astype(float), PITCH_LAGS
        ),
    }
    for period, n_bins in BARS:
        place = np.round(onset % period / period * n_bins).astype(int) % n_bins
        blocks[f"bar_of_{period:g}"] = abs(np.fft.rfft(histogram(place, n_bins, weight)))[1:]
    return blocks


def summary(
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

    fit = KEY_PROFILES[key] @ histogram(p % 12, 12, np.clip(length, 0, 4))
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


def histogram(index: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Relative frequencies of the numbers 0…size−1."""
    counts = np.bincount(index, weights=weights, minlength=size).astype(float)
    return counts / max(counts.sum(), 1e-9)


def _runs(symbols: np.ndarray, n_symbols: int, order: int) -> np.ndarray:
    """Relative frequencies of runs of `order` symbols, the first one most significant."""
    n = len(symbols) - order + 1
    index = sum(symbols[i : i + n] * n_symbols ** (order - 1 - i) for i in range(order))
    return histogram(np.asarray(index), n_symbols**order)


def _autocorrelation(x: np.ndarray, lags: tuple[int, ...]) -> np.ndarray:
    """Autocorrelation at some lags, 0 beyond the end."""
    x = x - x.mean()
    energy = x @ x + 1e-9
    return np.array([x[:-lag] @ x[lag:] / energy if lag < len(x) else 0.0 for lag in lags])
