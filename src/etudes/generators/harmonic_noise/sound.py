"""From levels to sound: sine waves at multiples of a pitch, and noise through moving filters.

Serra and Smith, "Spectral modeling synthesis" (Computer Music Journal 14, 1990). Chapter 03.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int
from etudes.features import istft, stft
from etudes.generators.harmonic_noise.partials import (
    LOWEST_PITCH,
    N_PARTIALS,
    N_SOURCES,
    frequency,
    hats,
    powers,
)
from etudes.generators.harmonic_noise.picture import (
    HOP_LENGTH,
    N_BANDS,
    N_FFT,
    N_SAMPLES,
    SAMPLE_RATE,
)

N_FRAMES = 1 + N_SAMPLES // HOP_LENGTH
PEAK = 0.5


def render_levels(levels: Any, pitch: int, seed: int = 0) -> np.ndarray:
    """Play 32 partials and 40 bands of noise.

    Parameters
    ----------
    levels : array_like
        Bels, shape ``(63, 72)``: every 16 ms, partials and then bands.
    pitch : int
        MIDI note number, 48 to 84.
    seed : int
        Of the noise and of the partials' phases.

    Returns
    -------
    numpy.ndarray
        One second at 16 kHz, shape ``(16000,)``, float32, peak 0.5.

    Raises
    ------
    TypeError, ValueError
        When levels are not finite or of another shape, or the pitch is out of range.
    """
    x = check_array(levels, "levels", shape=(N_FRAMES, N_SOURCES)).astype(np.float64)
    rng = np.random.default_rng(check_positive_int(seed, "seed", allow_zero=True))
    x = x - x.max()  # loudness is free; what matters is how sources compare
    waveform = _partials(x[:, :N_PARTIALS], pitch, rng) + _noise(x[:, N_PARTIALS:], rng)
    return (PEAK * waveform / np.abs(waveform).max()).astype(np.float32)


def _partials(levels: np.ndarray, pitch: int, rng: np.random.Generator) -> np.ndarray:
    """Sine waves whose power in the picture is that of their levels."""
    full = powers(pitch)[:N_PARTIALS].sum(axis=1)
    seconds = np.arange(N_SAMPLES) / SAMPLE_RATE
    moments = np.arange(N_FRAMES) * HOP_LENGTH / SAMPLE_RATE
    phases = rng.uniform(0, 2 * np.pi, N_PARTIALS)
    sound = np.zeros(N_SAMPLES)
    for k in np.flatnonzero(full > 0):
        bels = np.interp(seconds, moments, levels[:, k])
        amplitude = np.sqrt(N_BANDS * 10**bels / full[k])
        sound += amplitude * np.sin(2 * np.pi * (k + 1) * frequency(pitch) * seconds + phases[k])
    return sound


def _noise(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise with the power wanted in each band, at each frame."""
    full = powers(LOWEST_PITCH)[N_PARTIALS:].sum(axis=1)  # the same at every pitch
    spectrum = stft(rng.standard_normal(N_SAMPLES))
    white = 3 / 8 * N_FFT  # power that white noise has in each bin, under a Hann window
    wanted = (N_BANDS * 10**levels / full) @ hats()  # power in each bin, (63, 513)
    return istft(spectrum * np.sqrt(wanted.T / white), length=N_SAMPLES).astype(np.float64)
