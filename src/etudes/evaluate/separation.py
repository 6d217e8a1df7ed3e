"""How well a sound was taken out of a mixture: the scale-invariant signal-to-distortion ratio.

Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?" (ICASSP 2019). The estimate
is cut in two: the part that is the target, made louder or softer, and the rest; the ratio of their
energies, in decibels, asks neither how loud the estimate is nor, since a sum of errors is a number,
what the rest sounds like. Chapter 16 hears what it cannot see; chapters 16 to 18 measure with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from etudes.checks import check_array
from etudes.checks.words import shape_text

__all__ = ["best_order", "si_sdr", "si_sdr_improvement"]


def si_sdr(estimate: Any, target: Any) -> np.ndarray:
    """Scale-invariant signal-to-distortion ratio, in decibels.

    Parameters
    ----------
    estimate, target : array_like
        Waveforms, shape ``(..., n_samples)``; the shapes before the last axis are broadcast.

    Returns
    -------
    numpy.ndarray
        Float64, shape ``(...)``: infinite where the estimate is a multiple of the target, minus
        infinite where it is at right angles to it or silent.

    Raises
    ------
    TypeError, ValueError
        When they are not finite, have different numbers of samples, or a target is silent: nothing
        can be said of how much of silence an estimate holds.

    Notes
    -----
    Nothing is subtracted from the waveforms first; torchmetrics' ``zero_mean=False``.

    Examples
    --------
    >>> target = np.sin(np.arange(1000) / 5)
    >>> noise = np.cos(np.arange(1000) / 5)  # as loud, and at right angles
    >>> float(np.round(si_sdr(3 * (target + 0.1 * noise), target)))
    20.0
    """
    x, s = (_waveforms(sound, name) for sound, name in ((estimate, "estimate"), (target, "target")))
    if x.shape[-1] != s.shape[-1]:
        raise ValueError(
            f"estimate and target must have equally many samples, got shapes {shape_text(x.shape)} "
            f"and {shape_text(s.shape)}"
        )
    energy = (s * s).sum(axis=-1)
    if (energy == 0).any():
        raise ValueError(
            f"target must not be silent, got {(energy == 0).sum()} silent of {s.shape}"
        )
    wanted = ((x * s).sum(axis=-1) / energy)[..., None] * s
    good, bad = (wanted**2).sum(axis=-1), ((x - wanted) ** 2).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(good > 0, 10 * np.log10(good / bad), -np.inf)


def si_sdr_improvement(estimates: Any, stems: Any, mixture: Any) -> np.ndarray:
    """How much nearer to the stems the estimates are than the mixture was, in decibels.

    Parameters
    ----------
    estimates, stems : array_like
        Shape ``(n_sources, n_samples)``, in the same order.
    mixture : array_like
        Shape ``(n_samples,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_sources,)``.

    Raises
    ------
    TypeError, ValueError
        As from :func:`si_sdr`, or when there are not as many estimates as stems.
    """
    found, wanted = _pairs(estimates, stems)
    return si_sdr(found, wanted) - si_sdr(_waveforms(mixture, "mixture"), wanted)


def best_order(estimates: Any, stems: Any) -> np.ndarray:
    """Which estimate is meant for which stem, where a separator cannot know the order.

    Parameters
    ----------
    estimates, stems : array_like
        Shape ``(n_sources, n_samples)``.

    Returns
    -------
    numpy.ndarray
        Integers, shape ``(n_sources,)``: ``estimates[best_order(estimates, stems)]`` has the
        highest mean SI-SDR of all orders.

    Raises
    ------
    TypeError, ValueError
        As from :func:`si_sdr_improvement`.

    Notes
    -----
    The stems are looked at, so a figure that is measured after this says how good the separation
    is, not that anybody knew which part was whose.
    """
    found, wanted = _pairs(estimates, stems)
    value = np.clip(si_sdr(found[None], wanted[:, None]), -300, 300)  # infinities cannot be added
    return linear_sum_assignment(value, maximize=True)[1]


def _pairs(estimates: Any, stems: Any) -> tuple[np.ndarray, np.ndarray]:
    """As many estimates as stems, both (n_sources, n_samples)."""
    found, wanted = _waveforms(estimates, "estimates"), _waveforms(stems, "stems")
    if found.ndim != 2 or found.shape != wanted.shape:
        counted = ""
        if found.ndim == wanted.ndim == 2 and len(found) != len(wanted):
            counted = f": {len(wanted)} estimates are wanted, one of each source, got {len(found)}"
        raise ValueError(
            "estimates and stems must have one shape (n_sources, n_samples), got "
            f"{shape_text(found.shape)} and {shape_text(wanted.shape)}{counted}"
        )
    return found, wanted


def _waveforms(sound: Any, name: str) -> np.ndarray:
    """Finite real numbers with samples along the last axis, float64."""
    array = check_array(sound, name)
    if array.ndim == 0 or array.dtype.kind == "c":
        raise ValueError(
            f"{name} must be real, shape (..., n_samples), got {array.dtype} {array!r}"
        )
    return array.astype(np.float64)
