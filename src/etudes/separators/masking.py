"""Taking a mixture apart with masks: one number for each source, frequency and moment.

The idea in a sentence: two sounds seldom are loud at the same frequency and moment, so multiplying
the mixture's spectrum by numbers between 0 and 1 lets one of them through; the phase stays that of
the mixture. Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_waveform
from etudes.features import istft, stft
from etudes.features.spectra import check_sizes

N_FFT, HOP_LENGTH = 512, 128
"""Window and hop of chapters 16 to 18: 64 ms and 16 ms at 8 kHz."""


def check_mixture(mixture: Any, n_fft: int = N_FFT) -> np.ndarray:
    """Check that something can be taken apart, and return it as float32.

    Parameters
    ----------
    mixture : array_like
        Waveform, shape ``(n_samples,)``.
    n_fft : int
        A window; a shorter mixture is refused.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_samples,)``, float32.

    Raises
    ------
    TypeError, ValueError
        When it is not a mono waveform, holds NaN, is shorter than a window, or silent.
    """
    x = check_waveform(mixture, "mixture")
    if x.size < n_fft:
        raise ValueError(f"mixture must have {n_fft} samples or more, one window, got {x.size}")
    if not x.any():
        raise ValueError("mixture must not be silent: there is nothing in it to take apart")
    return x


def check_sounds(sounds: Any, name: str, n_samples: int | None = None) -> np.ndarray:
    """Check several sounds of one length, and return them as float32.

    Parameters
    ----------
    sounds : array_like
        Shape ``(n_sounds, n_samples)``.
    name : str
        What the caller calls them.
    n_samples : int, optional
        How many samples the mixture has.

    Returns
    -------
    numpy.ndarray
        The same, float32.

    Raises
    ------
    TypeError, ValueError
        When they hold NaN, or are not as long as the mixture.
    """
    x = check_array(sounds, name, shape=("n_sources", "n_samples"))
    if n_samples is not None and x.shape[1] != n_samples:
        raise ValueError(
            f"{name} must be as long as the mixture, {n_samples} samples, got {x.shape[1]}"
        )
    return np.stack([check_waveform(sound, f"{name}[{k}]") for k, sound in enumerate(x)])


def check_stems(stems: Any) -> np.ndarray:
    """Check the sounds that a mixture was made of, and return them as float32.

    Parameters
    ----------
    stems : array_like
        Shape ``(n_sources, n_samples)``, two sources or more.

    Returns
    -------
    numpy.ndarray
        The same, float32.

    Raises
    ------
    TypeError, ValueError
        When there are fewer than two, or they hold NaN.
    """
    x = check_sounds(stems, "stems")
    if len(x) < 2:
        raise ValueError(f"stems must be two or more, got {len(x)}")
    return x


def shares(parts: np.ndarray) -> np.ndarray:
    """Masks that give each part its share of every place.

    Parameters
    ----------
    parts : numpy.ndarray
        How strong each is, 0 or more, shape ``(n_parts, n_freq, n_frames)``.

    Returns
    -------
    numpy.ndarray
        Within 0…1, of the same shape and type, adding up to 1 over parts; equal shares where
        nothing sounds.
    """
    whole, even = parts.sum(axis=0), np.full_like(parts, 1 / len(parts))
    return np.clip(np.divide(parts, whole, out=even, where=whole > 0), 0, 1)


def apply_masks(mixture: Any, masks: Any, hop_length: int = HOP_LENGTH) -> np.ndarray:
    """Let each source through its mask.

    Parameters
    ----------
    mixture : array_like
        Waveform, shape ``(n_samples,)``.
    masks : array_like
        Shape ``(n_sources, n_fft // 2 + 1, n_frames)``, from 0 to 1.
    hop_length : int
        Samples from one window to the next.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_sources, n_samples)``. Masks that add up to 1 everywhere give estimates
        that add up to the mixture.

    Raises
    ------
    TypeError, ValueError
        When the mixture or the masks do not fit, or a mask leaves 0…1.
    """
    m = check_array(masks, "masks", shape=("n_sources", "n_fft // 2 + 1", "n_frames"))
    n_fft = 2 * (m.shape[1] - 1)
    check_sizes(n_fft, hop_length)
    x = check_mixture(mixture, n_fft)
    spectrum = stft(x, n_fft, hop_length)
    if m.shape[1:] != spectrum.shape:
        raise ValueError(f"masks must be of shape (n_sources, *{spectrum.shape}), got {m.shape}")
    if m.min() < 0 or m.max() > 1:
        raise ValueError(f"masks must lie within 0…1, got {m.min():g} to {m.max():g}")
    return np.stack([istft(mask * spectrum, hop_length, x.size) for mask in m.astype(np.float32)])
