"""How far two sounds lie apart, spectrum by spectrum, in decibels.

Gray and Markel, "Distance measures for speech processing" (IEEE Transactions on Acoustics, Speech,
and Signal Processing 24, 1976): the root mean square difference of log spectra. Chapter 03.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array


def log_spectral_distance(a: Any, b: Any) -> np.ndarray:
    """Root mean square difference of levels, moment by moment, averaged over moments.

    Parameters
    ----------
    a, b : array_like
        Levels in bels (logarithms of power to base ten), shape ``(..., n_times, n_bands)``.

    Returns
    -------
    numpy.ndarray
        Decibels, shape ``(...)``: 0 when they are equal.

    Raises
    ------
    TypeError, ValueError
        When they are not finite, have fewer than two dimensions, or differ in shape.

    Examples
    --------
    >>> float(log_spectral_distance(np.zeros((16, 40)), np.full((16, 40), 0.1)))
    1.0
    """
    x, y = check_array(a, "a").astype(np.float64), check_array(b, "b").astype(np.float64)
    if x.ndim < 2 or x.shape != y.shape:
        raise ValueError(
            f"a and b must have one shape (..., n_times, n_bands), got {x.shape} and {y.shape}"
        )
    return 10 * np.sqrt(((x - y) ** 2).mean(axis=-1)).mean(axis=-1)
