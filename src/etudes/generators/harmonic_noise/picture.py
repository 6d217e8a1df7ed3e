"""What a fit sees of a note: sixteen moments, forty mel bands, levels in bels.

The moments lie close together at the onset, where a note says most about itself, and far apart
later. Loudness is taken out: levels are relative to the note's own mean power. Chapter 03.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from etudes.checks import check_waveform
from etudes.features import magnitude, mel_filterbank

SAMPLE_RATE, N_FFT, HOP_LENGTH = 16_000, 1024, 256
N_BANDS = 40
FLOOR = 1e-4
"""Added to every power, relative to the note's mean: 40 dB below it is the end of hearing here."""

TIME_EDGES = (0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 29, 36, 43, 50, 54, 63)
"""Frames of 16 ms that are averaged together."""

N_TIMES = len(TIME_EDGES) - 1
N_SAMPLES = SAMPLE_RATE

TIMES = np.array(
    [(first + last - 1) / 2 * HOP_LENGTH / SAMPLE_RATE for first, last in pairwise(TIME_EDGES)],
    np.float32,
)
"""The middle of each moment, in seconds, shape (16,)."""


def note_picture(waveform: Any) -> np.ndarray:
    """The levels of a note of one second.

    Parameters
    ----------
    waveform : array_like
        Shape ``(16000,)`` or ``(n, 16000)``, at 16 kHz.

    Returns
    -------
    numpy.ndarray
        Levels in bels relative to the note's mean power, −4 or more; shape ``(16, 40)`` or
        ``(n, 16, 40)``, float32: moments, mel bands.

    Raises
    ------
    TypeError, ValueError
        When a waveform is silent, not finite, or of another length.
    """
    x = np.asarray(waveform)
    if x.ndim != 2:
        return note_picture(check_waveform(x)[None])[0]
    if x.shape[1] != N_SAMPLES:
        raise ValueError(
            f"waveform must have {N_SAMPLES} samples (one second at 16 kHz), got {x.shape[1]}"
        )
    bank = mel_filterbank(SAMPLE_RATE, N_FFT, N_BANDS)
    pictures = []
    for first in range(0, len(x), 64):  # in parts: the spectra of thousands of notes are gigabytes
        power = bank @ magnitude(x[first : first + 64], N_FFT, HOP_LENGTH) ** 2
        mean = power.mean(axis=(1, 2), keepdims=True)
        if not (mean > 0).all():
            raise ValueError(f"waveform must not be silent, got note {first + int(mean.argmin())}")
        edges = pairwise(TIME_EDGES)
        moments = [(power / mean)[:, :, a:b].mean(axis=2) for a, b in edges]
        pictures.append(np.log10(np.stack(moments, axis=1) + FLOOR).astype(np.float32))
    return np.concatenate(pictures)
