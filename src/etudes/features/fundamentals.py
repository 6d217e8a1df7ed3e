"""Which notes sound: the fundamental frequencies that explain the strong places of a spectrum.

The idea in a sentence: a note's partials stand at whole multiples of its fundamental, so lay a comb
of such multiples on the spectrum for every possible fundamental and keep the one under which most
lies; then take its partials away and look again. Klapuri, "Multiple fundamental frequency
estimation by summing harmonic amplitudes" (ISMIR 2006). Chapter 16 sorts partials with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int, check_sample_rate

LOWEST, HIGHEST = 70.0, 890.0
"""Fundamentals that are looked for, in Hz: a low bass to a high soprano."""

PER_SEMITONE = 4
N_PARTIALS, DECAY = 8, 0.7  # of a comb, and how much less each partial counts than the one below
_HALF_WIDTH = 1.5  # of a comb's tooth, in bins: about that of a window's main lobe
_LEFT = 0.2  # of what a found note explains, when the next is looked for


def fundamentals(magnitudes: Any, sample_rate: int, n_pitches: int = 1) -> np.ndarray:
    """The notes that sound in each frame, the one found first leading.

    Parameters
    ----------
    magnitudes : array_like
        0 or more, shape ``(n_fft // 2 + 1, n_frames)``. A window of 100 ms or more tells low notes
        apart.
    sample_rate : int
        In Hz.
    n_pitches : int
        How many to look for; so many are found in every frame, whether they sound or not.

    Returns
    -------
    numpy.ndarray
        In Hz, shape ``(n_pitches, n_frames)``, from 70 to 890.

    Raises
    ------
    TypeError, ValueError
        When magnitudes are negative, not finite, of another rank, or of one bin only.

    Examples
    --------
    >>> from etudes.features import magnitude
    >>> time = np.arange(4000) / 8000
    >>> tone = sum(np.sin(2 * np.pi * 220 * h * time) / h for h in (1, 2, 3, 4))
    >>> round(float(np.median(fundamentals(magnitude(tone), 8000))))
    220
    """
    left = check_array(magnitudes, "magnitudes", shape=("n_fft // 2 + 1", "n_frames"))
    if left.min() < 0:
        raise ValueError(f"magnitudes must be 0 or more, got {left.min():g}")
    if len(left) < 2:
        raise ValueError(f"magnitudes must have 2 bins or more, got {len(left)}")
    rate = check_sample_rate(sample_rate)
    candidates = LOWEST * 2 ** (np.arange(0, 12 * np.log2(HIGHEST / LOWEST), 1 / PER_SEMITONE) / 12)
    combs = harmonic_combs(candidates, left.shape[0], rate)
    left, found = np.sqrt(left), []
    for _ in range(check_positive_int(n_pitches, "n_pitches")):
        best = (combs @ left).argmax(axis=0)
        found.append(candidates[best])
        left = np.where(combs[best].T > 0, _LEFT * left, left)
    return np.stack(found)


def harmonic_combs(candidates: np.ndarray, n_freq: int, sample_rate: int) -> np.ndarray:
    """For each fundamental, how much each bin speaks for it.

    Parameters
    ----------
    candidates : numpy.ndarray
        Fundamentals in Hz, shape ``(n_candidates,)``.
    n_freq : int
        Bins, from 0 Hz to half the sample rate.
    sample_rate : int
        In Hz.

    Returns
    -------
    numpy.ndarray
        From 0 to 1, shape ``(n_candidates, n_freq)``: teeth at the first eight multiples, each
        0.7 times as high as the one below.
    """
    hertz_per_bin = sample_rate / 2 / (n_freq - 1)
    combs = np.zeros((len(candidates), n_freq))
    for partial in range(1, N_PARTIALS + 1):
        middle = candidates[:, None] * partial / hertz_per_bin
        tooth = np.maximum(0, 1 - np.abs(np.arange(n_freq) - middle) / _HALF_WIDTH)
        combs = np.maximum(combs, DECAY ** (partial - 1) * tooth)
    return combs
