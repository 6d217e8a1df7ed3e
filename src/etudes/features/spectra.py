"""Sound as spectra: how strong each frequency is, window by window, and back.

Allen and Rabiner, "A unified approach to short-time Fourier analysis and synthesis" (Proceedings of
the IEEE 65, 1977). Chapter 01 builds it from scratch.
"""

from __future__ import annotations

import warnings
from typing import Any

import librosa
import numpy as np

from etudes.checks import check_array, check_positive_int, check_waveform


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
    x = check_waveforms(waveform)
    check_sizes(n_fft, hop_length)
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
    check_sizes(n_fft, hop_length)
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


def check_waveforms(waveform: Any) -> np.ndarray:
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


def check_sizes(n_fft: int, hop_length: int) -> None:
    """Window and hop that fit each other."""
    check_positive_int(n_fft, "n_fft")
    check_positive_int(hop_length, "hop_length")
    if n_fft % 2:
        raise ValueError(f"n_fft must be even, got {n_fft}")
    if hop_length > n_fft:
        raise ValueError(f"hop_length must be at most n_fft, {n_fft}, got {hop_length}")
