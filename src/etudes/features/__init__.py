"""Sound to numbers and back: spectra, mel bands, quantised samples and piano-rolls.

Every representation keeps something and loses something; most functions here come in pairs, so that
one can hear what was lost. Waveforms are float32 in −1…1 of shape ``(n_samples,)``; a function that
says so also takes many of one length, ``(n, n_samples)``. The transforms are librosa's (McFee et
al., "librosa: Audio and music signal analysis in Python", SciPy 2015), with one set of defaults
for the whole book: 1,024-point Hann windows every 256 samples, 64 mel bands, natural logarithms.

Chapter 01 builds each of them from scratch.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import librosa
import numpy as np

from etudes.checks import (
    check_array,
    check_positive_int,
    check_sample_rate,
    check_waveform,
)
from etudes.features.rolls import notes_from_piano_roll, piano_roll

__all__ = [
    "LOG_FLOOR",
    "griffin_lim",
    "istft",
    "log_mel",
    "magnitude",
    "mel_filterbank",
    "mel_to_waveform",
    "mu_law_decode",
    "mu_law_encode",
    "notes_from_piano_roll",
    "piano_roll",
    "stft",
]

#: The smallest mel magnitude: quieter is raised to it, so that silence has a logarithm, −11.5.
LOG_FLOOR = 1e-5

#: Waveforms transformed at once, so that a data set does not need gigabytes.
CHUNK = 64


def stft(waveform: Any, n_fft: int = 1024, hop_length: int = 256) -> np.ndarray:
    """Short-time Fourier transform: how strong each frequency is, window by window.

    Parameters
    ----------
    waveform : array_like
        Shape ``(n_samples,)`` or ``(n, n_samples)``.
    n_fft : int
        Window length in samples, even. Longer windows tell frequencies apart, shorter ones moments.
    hop_length : int
        Samples from one window to the next, at most ``n_fft``.

    Returns
    -------
    numpy.ndarray
        Complex64, shape ``(n_fft // 2 + 1, n_frames)`` (or with ``n`` before it), where
        ``n_frames = 1 + n_samples // hop_length``. Frame ``t`` is centred on sample
        ``t * hop_length``; row ``k`` is the frequency ``k * sample_rate / n_fft``.

    Raises
    ------
    TypeError, ValueError
        When the waveform is empty, not finite or of another rank, or sizes do not fit.

    Notes
    -----
    Allen and Rabiner, "A unified approach to short-time Fourier analysis and synthesis"
    (Proceedings of the IEEE 65, 1977). Hann window; the ends are padded with zeros.

    Examples
    --------
    >>> stft(np.zeros(16000)).shape
    (513, 63)
    """
    x = _check_waveforms(waveform)
    _check_sizes(n_fft, hop_length)
    with warnings.catch_warnings():  # shorter than a window: padded, and that is fine
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        return librosa.stft(x, n_fft=n_fft, hop_length=hop_length)


def istft(spectrum: Any, hop_length: int = 256, length: int | None = None) -> np.ndarray:
    """The waveform whose short-time Fourier transform is nearest to a given one.

    Parameters
    ----------
    spectrum : array_like
        Complex, shape ``(n_fft // 2 + 1, n_frames)``.
    hop_length : int
        As it was in :func:`stft`.
    length : int, optional
        Samples wanted; without it up to ``hop_length`` samples are missing at the end.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_samples,)``. ``istft(stft(x), length=len(x))`` is ``x`` to about 1e-6.

    Raises
    ------
    TypeError, ValueError
        When the spectrum is not finite or of another rank, or sizes do not fit.

    Notes
    -----
    Griffin and Lim, "Signal estimation from modified short-time Fourier transform" (IEEE
    Transactions on Acoustics, Speech, and Signal Processing 32, 1984), equation 6.
    """
    x = check_array(spectrum, "spectrum", shape=("n_fft // 2 + 1", "n_frames"))
    n_fft = 2 * (x.shape[0] - 1)
    _check_sizes(n_fft, hop_length)
    if length is not None:
        check_positive_int(length, "length")
    return librosa.istft(x.astype(np.complex64), n_fft=n_fft, hop_length=hop_length, length=length)


def magnitude(waveform: Any, n_fft: int = 1024, hop_length: int = 256) -> np.ndarray:
    """Magnitude of the short-time Fourier transform: the phase is thrown away.

    Parameters
    ----------
    waveform : array_like
        Shape ``(n_samples,)`` or ``(n, n_samples)``.
    n_fft, hop_length : int
        As in :func:`stft`.

    Returns
    -------
    numpy.ndarray
        Float32, at least 0, shape as from :func:`stft`.

    Raises
    ------
    TypeError, ValueError
        As :func:`stft` does.
    """
    return np.abs(stft(waveform, n_fft, hop_length))


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
    _check_sizes(n_fft, 1)
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
    x = _check_waveforms(waveform)
    bank = mel_filterbank(check_sample_rate(sample_rate), n_fft, n_mels)
    many = x if x.ndim == 2 else x[None]
    parts = [
        np.log(np.maximum(bank @ magnitude(many[i : i + CHUNK], n_fft, hop_length), LOG_FLOOR))
        for i in range(0, len(many), CHUNK)
    ]
    whole = np.concatenate(parts)
    return whole if x.ndim == 2 else whole[0]


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
    _check_sizes(2 * (x.shape[0] - 1), hop_length)
    check_positive_int(n_iter, "n_iter")
    check_positive_int(seed, "seed", allow_zero=True)
    if length is not None:
        check_positive_int(length, "length")
    return librosa.griffinlim(
        x.astype(np.float32), n_iter=n_iter, hop_length=hop_length, random_state=seed, length=length
    )


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


def mu_law_encode(waveform: Any, n_levels: int = 256) -> np.ndarray:
    """Samples as one of few numbers, finely graded where sound is soft.

    Parameters
    ----------
    waveform : array_like
        Within −1…1, any shape.
    n_levels : int
        Number of codes, 2 or more; 256 for a byte.

    Returns
    -------
    numpy.ndarray
        Int64, 0…n_levels−1, the same shape.

    Raises
    ------
    TypeError, ValueError
        When a sample is not finite or lies outside −1…1.

    Notes
    -----
    ITU-T G.711 companding with µ = ``n_levels`` − 1, as van den Oord et al., "WaveNet: A generative
    model for raw audio" (2016), section 2.2, use it.

    Examples
    --------
    >>> mu_law_encode([-1.0, 0.0, 1.0])
    array([  0, 128, 255])
    """
    x = check_array(waveform, "waveform").astype(np.float64)
    mu = _check_levels(n_levels) - 1
    if np.abs(x).max() > 1:
        raise ValueError(f"waveform must lie within -1..1, got a peak of {np.abs(x).max():.4g}")
    squeezed = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    return np.floor((squeezed + 1) / 2 * mu + 0.5).astype(np.int64)


def mu_law_decode(codes: Any, n_levels: int = 256) -> np.ndarray:
    """Samples from their codes: the inverse of :func:`mu_law_encode`, up to its rounding.

    Parameters
    ----------
    codes : array_like
        Integers 0…n_levels−1, any shape.
    n_levels : int
        Number of codes, as it was when encoding.

    Returns
    -------
    numpy.ndarray
        Float32 within −1…1, the same shape.

    Raises
    ------
    TypeError, ValueError
        When codes are not integers, or lie outside 0…n_levels−1.
    """
    x = check_array(codes, "codes")
    mu = _check_levels(n_levels) - 1
    if x.dtype.kind not in "iu":
        raise TypeError(f"codes must be integers, got {x.dtype}")
    if x.min() < 0 or x.max() > mu:
        raise ValueError(f"codes must lie within 0..{mu}, got {x.min()} to {x.max()}")
    squeezed = 2 * x.astype(np.float64) / mu - 1
    return (np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(mu)) / mu).astype(np.float32)


def _check_waveforms(waveform: Any) -> np.ndarray:
    """One waveform or several of one length, float32."""
    x = check_array(waveform, "waveform", ndim=(1, 2))
    if x.ndim == 1:
        return check_waveform(waveform)
    if x.shape[1] <= 2:
        raise ValueError(
            f"waveform must have shape (n_samples,) or (n, n_samples), got {x.shape}: "
            "samples come last"
        )
    return check_waveform(x.reshape(-1)).reshape(x.shape)


def _check_sizes(n_fft: int, hop_length: int) -> None:
    """Window and hop that fit each other."""
    check_positive_int(n_fft, "n_fft")
    check_positive_int(hop_length, "hop_length")
    if n_fft % 2:
        raise ValueError(f"n_fft must be even, got {n_fft}")
    if hop_length > n_fft:
        raise ValueError(f"hop_length must be at most n_fft, {n_fft}, got {hop_length}")


def _check_levels(n_levels: int) -> int:
    """Number of codes, at least two."""
    if check_positive_int(n_levels, "n_levels") < 2:
        raise ValueError(f"n_levels must be 2 or more, got {n_levels}")
    return n_levels
