"""Spectra as the ear divides them: few broad bands, on a logarithmic scale, and back.

Stevens, Volkmann and Newman, "A scale for the measurement of the psychological magnitude pitch"
(JASA 8, 1937). Chapter 01 builds the bands from scratch; most networks of the book listen to them.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import librosa
import numpy as np

from etudes.checks import check_array, check_positive_int, check_sample_rate
from etudes.features.phases import griffin_lim
from etudes.features.spectra import check_sizes, check_waveforms, magnitude

#: The smallest mel magnitude: quieter is raised to it, so that silence has a logarithm, −11.5.
LOG_FLOOR = 1e-5

#: Waveforms transformed at once, so that a data set does not need gigabytes.
CHUNK = 64


@lru_cache(maxsize=16)
def mel_filterbank(sample_rate: int, n_fft: int = 1024, n_mels: int = 64) -> np.ndarray:
    """Triangular filters, spaced as the ear spaces pitch: narrow in the bass, wide in the treble.

    Parameters
    ----------
    sample_rate : int
        Samples per second, Hz.
    n_fft : int
        Window length of the spectrum that it is for.
    n_mels : int
        Number of bands between 0 Hz and half the sample rate.

    Returns
    -------
    numpy.ndarray
        Float32, read-only, shape ``(n_mels, n_fft // 2 + 1)``: ``filterbank @ magnitude`` is the
        mel spectrum. Each filter has unit area (in Hz), so wide ones are lower.

    Raises
    ------
    TypeError, ValueError
        When there are so many bands that one holds no frequency of the spectrum.

    Notes
    -----
    Stevens, Volkmann and Newman, "A scale for the measurement of the psychological magnitude pitch"
    (JASA 8, 1937), in the version of Slaney's Auditory Toolbox (1998), as in librosa.
    """
    rate = check_sample_rate(sample_rate)
    check_sizes(n_fft, 1)
    check_positive_int(n_mels, "n_mels")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters")
        bank = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels)
    empty = int((bank.max(axis=1) == 0).sum())
    if empty:
        raise ValueError(
            f"n_mels must be smaller for n_fft = {n_fft} at {rate} Hz: of {n_mels} bands, {empty} "
            "would hold no frequency"
        )
    bank.setflags(write=False)
    return bank


def log_mel(
    waveform: Any, sample_rate: int, n_fft: int = 1024, hop_length: int = 256, n_mels: int = 64
) -> np.ndarray:
    """Natural logarithm of the mel spectrum: what most networks in this book listen to.

    Parameters
    ----------
    waveform : array_like
        Shape ``(n_samples,)`` or ``(n, n_samples)``.
    sample_rate : int
        Samples per second, Hz.
    n_fft, hop_length : int
        As in :func:`stft`.
    n_mels : int
        Number of mel bands.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_mels, n_frames)`` or ``(n, n_mels, n_frames)``: log of the mel-weighted
        *magnitude* (not power), at least ``log(1e-5)`` = −11.5.

    Raises
    ------
    TypeError, ValueError
        As :func:`stft` and :func:`mel_filterbank` do.

    Examples
    --------
    >>> log_mel(np.zeros((3, 16000)), 16000).shape
    (3, 64, 63)
    """
    x = check_waveforms(waveform)
    bank = mel_filterbank(check_sample_rate(sample_rate), n_fft, n_mels)
    many = x if x.ndim == 2 else x[None]
    parts = [
        np.log(np.maximum(bank @ magnitude(many[i : i + CHUNK], n_fft, hop_length), LOG_FLOOR))
        for i in range(0, len(many), CHUNK)
    ]
    whole = np.concatenate(parts)
    return whole if x.ndim == 2 else whole[0]


def mel_to_waveform(
    log_mel: Any,
    sample_rate: int,
    n_fft: int = 1024,
    hop_length: int = 256,
    n_iter: int = 32,
    seed: int = 0,
    length: int | None = None,
) -> np.ndarray:
    """A waveform with about this log-mel spectrum, by undoing its steps one after the other.

    The mel filters are undone by non-negative least squares, the missing phase is found by
    :func:`griffin_lim`. What was lost twice over is heard twice over: that is the lesson of chapter
    01 and the reason for chapter 15.

    Parameters
    ----------
    log_mel : array_like
        Shape ``(n_mels, n_frames)``, as from :func:`log_mel`.
    sample_rate, n_fft, hop_length : int
        As they were in :func:`log_mel`.
    n_iter, seed, length
        As in :func:`griffin_lim`.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_samples,)``.

    Raises
    ------
    TypeError, ValueError
        When the spectrum is not finite or of another rank, or sizes do not fit.
    """
    x = check_array(log_mel, "log_mel", shape=("n_mels", "n_frames"))
    if x.max() > 20:
        raise ValueError(f"log_mel must be a natural logarithm, at most 20, got {x.max():.4g}")
    bank = mel_filterbank(check_sample_rate(sample_rate), n_fft, x.shape[0])
    linear = librosa.util.nnls(bank, np.exp(x.astype(np.float32)))
    return griffin_lim(linear, n_iter, hop_length, seed, length)
