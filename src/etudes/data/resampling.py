"""Change the sample rate of a waveform without aliasing.

The idea in a sentence: insert zeros, take away with a low-pass filter all that the lower of the two
rates cannot hold, and keep only every so many samples (a polyphase filter; Crochiere and Rabiner,
*Multirate Digital Signal Processing*, 1983). Chapter 1 shows what happens without the filter.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from etudes.checks import check_sample_rate, check_waveform


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Bring a waveform from one sample rate to another.

    Parameters
    ----------
    waveform
        Shape (n_samples,).
    from_rate, to_rate
        In Hz.

    Returns
    -------
    np.ndarray
        Shape ``(ceil(n_samples * to_rate / from_rate),)``, float32; unchanged when the rates are
        equal. A filter can overshoot: the peak may be slightly above that of `waveform`.

    Raises
    ------
    ValueError
        When the waveform is not one-dimensional and finite, or a rate is not between 1,000 and
        192,000 Hz.
    TypeError
        When an argument is not of the right kind.
    """
    waveform = check_waveform(waveform)
    from_rate = check_sample_rate(from_rate, "from_rate")
    to_rate = check_sample_rate(to_rate, "to_rate")
    common = math.gcd(from_rate, to_rate)
    return polyphase(waveform, to_rate // common, from_rate // common)


def polyphase(waveform: np.ndarray, up: int, down: int) -> np.ndarray:
    """Resample by the fraction ``up / down``, without checks.

    Parameters
    ----------
    waveform
        Shape (n_samples,), float32.
    up, down
        Positive whole numbers without a common factor.

    Returns
    -------
    np.ndarray
        Shape ``(ceil(n_samples * up / down),)``, float32.
    """
    if up == down:
        return waveform
    from scipy.signal import resample_poly

    return resample_poly(waveform, up, down, window=_low_pass(max(up, down))).astype(np.float32)


@functools.lru_cache(maxsize=16)
def _low_pass(factor: int) -> np.ndarray:
    """Filter coefficients; computing them takes longer than filtering a second of sound."""
    from scipy.signal import firwin

    return firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0)).astype(np.float32)
