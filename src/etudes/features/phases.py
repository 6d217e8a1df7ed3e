"""A waveform from magnitudes alone: the phase that was thrown away is guessed and improved.

Griffin and Lim, "Signal estimation from modified short-time Fourier transform" (IEEE Transactions
on Acoustics, Speech, and Signal Processing 32, 1984). Chapter 01 lets one hear what it cannot find.
"""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np

from etudes.checks import check_array, check_positive_int
from etudes.features.spectra import check_sizes


def griffin_lim(
    magnitude: Any,
    n_iter: int = 32,
    hop_length: int = 256,
    seed: int = 0,
    length: int | None = None,
) -> np.ndarray:
    """A waveform whose spectrum has about this magnitude: guess the phase, then improve it.

    Goes back and forth between waveform and spectrum; each time it keeps the phase that it finds
    and puts back the magnitude that was wanted.

    Parameters
    ----------
    magnitude : array_like
        At least 0, shape ``(n_fft // 2 + 1, n_frames)``.
    n_iter : int
        How often.
    hop_length : int
        As it was in :func:`stft`.
    seed : int
        Of the random phases at the beginning.
    length : int, optional
        Samples wanted.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_samples,)``; the same for the same seed.

    Raises
    ------
    TypeError, ValueError
        When the magnitude is negative, not finite or of another rank, or sizes do not fit.

    Notes
    -----
    Griffin and Lim (1984), see :func:`istft`; accelerated as by Perraudin, Balazs and Søndergaard,
    "A fast Griffin-Lim algorithm" (WASPAA 2013).
    """
    x = check_array(magnitude, "magnitude", shape=("n_fft // 2 + 1", "n_frames"))
    if x.dtype.kind == "c" or x.min() < 0:
        least = "complex numbers" if x.dtype.kind == "c" else f"{x.min():.4g}"
        raise ValueError(f"magnitude must be real and at least 0, got {least}")
    check_sizes(2 * (x.shape[0] - 1), hop_length)
    check_positive_int(n_iter, "n_iter")
    check_positive_int(seed, "seed", allow_zero=True)
    if length is not None:
        check_positive_int(length, "length")
    return librosa.griffinlim(
        x.astype(np.float32), n_iter=n_iter, hop_length=hop_length, random_state=seed, length=length
    )
