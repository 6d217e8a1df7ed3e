"""Samples as one of few numbers, finely graded where sound is soft, and back.

ITU-T G.711, as van den Oord et al., "WaveNet: A generative model for raw audio" (2016), use it.
Chapter 01 hears it beside even steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int


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


def _check_levels(n_levels: int) -> int:
    """Number of codes, at least two."""
    if check_positive_int(n_levels, "n_levels") < 2:
        raise ValueError(f"n_levels must be 2 or more, got {n_levels}")
    return n_levels
