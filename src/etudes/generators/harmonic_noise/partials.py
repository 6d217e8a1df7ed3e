"""Where the power of each partial, and of each band of noise, falls among the mel bands.

A steady sine wave shows in a spectrum as the shape of the window around its frequency; a sum of
sine waves and noise has, on average, the sum of their powers. So the picture of a note is a matrix
product: powers of 72 sources times the shapes of this file. Chapter 03.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from etudes.checks import check_positive_int
from etudes.features import mel_filterbank
from etudes.generators.harmonic_noise.picture import N_BANDS, N_FFT, SAMPLE_RATE

N_PARTIALS = 32
N_SOURCES = N_PARTIALS + N_BANDS
HIGHEST = 7_900.0
"""Partials above this frequency, in Hz, are left out: nothing higher survives at 16 kHz."""

LOWEST_PITCH, HIGHEST_PITCH = 48, 84
"""C3 to C6. Below, neighbouring partials share bands and the picture does not tell them apart."""


def frequency(pitch: int) -> float:
    """Frequency of a MIDI note number, Hz.

    Raises
    ------
    TypeError, ValueError
        When the pitch is not a whole number from 48 to 84.
    """
    check_positive_int(pitch, "pitch")
    if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
        raise ValueError(f"pitch must be {LOWEST_PITCH} to {HIGHEST_PITCH}, got {pitch}")
    return 440.0 * 2 ** ((pitch - 69) / 12)


@lru_cache(maxsize=1)
def hats() -> np.ndarray:
    """Power of each band of noise in each bin of the spectrum, shape ``(40, 513)``, read-only.

    One at the centre of its own mel band, falling along a straight line to zero at the centres of
    its neighbours: a sum of such bands joins the levels at the centres by straight lines, which is
    what noise can be filtered to.
    """
    bank = mel_filterbank(SAMPLE_RATE, N_FFT, N_BANDS)
    bins = np.arange(bank.shape[1])
    centres = (bank @ bins) / bank.sum(axis=1)
    table = np.stack([np.interp(bins, centres, row) for row in np.eye(N_BANDS)])
    table.flags.writeable = False
    return table


@lru_cache(maxsize=64)
def powers(pitch: int) -> np.ndarray:
    """Power in each mel band of each source at full scale, shape ``(72, 40)``, read-only.

    A partial is a sine wave of amplitude one. A band of noise is white noise of power one in each
    bin of the spectrum, shaped by :func:`hats`: since mel bands overlap, it shows in its neighbours
    too. Partials above 7.9 kHz are rows of zeros.
    """
    bank = mel_filterbank(SAMPLE_RATE, N_FFT, N_BANDS)
    window, n = np.hanning(N_FFT + 1)[:-1], np.arange(N_FFT)
    table = np.zeros((N_SOURCES, N_BANDS))
    for k in range(1, N_PARTIALS + 1):
        if k * frequency(pitch) < HIGHEST:
            wave = np.sin(2 * np.pi * k * frequency(pitch) * n / SAMPLE_RATE + 0.3)
            table[k - 1] = bank @ np.abs(np.fft.rfft(window * wave)) ** 2
    table[N_PARTIALS:] = hats() @ bank.T
    table.flags.writeable = False
    return table


def shapes(pitch: int) -> np.ndarray:
    """How the power of each source is spread over the mel bands.

    Parameters
    ----------
    pitch : int
        MIDI note number, 48 to 84.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(72, 40)``: 32 partials and then 40 bands of noise. Every row sums to 40
        (so a source at level 0, spread evenly, would lie at level 0 in every band), or to 0 for a
        partial above 7.9 kHz.

    Raises
    ------
    TypeError, ValueError
        When the pitch is not a whole number from 48 to 84.
    """
    table = powers(pitch)
    total = table.sum(axis=1, keepdims=True)
    return (N_BANDS * table / np.where(total > 0, total, 1)).astype(np.float32)
