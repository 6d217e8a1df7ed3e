"""Checks of single numbers: counts, lengths, fractions and sample rates.

Chapter 01 hands sample rates to them first.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from etudes.checks.words import describe


def check_positive_int(value: Any, name: str, allow_zero: bool = False) -> int:
    """Check that ``value`` is a whole number of at least one (or zero).

    Parameters
    ----------
    value : int
        A Python or numpy integer; ``3.0`` and ``True`` are refused.
    name : str
        What the caller calls it.
    allow_zero : bool
        Accept 0.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        When it is not an integer.
    ValueError
        When it is too small.
    """
    wanted = "an integer of 0 or more" if allow_zero else "a positive integer"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {wanted}, got {describe(value)}")
    if value < (0 if allow_zero else 1):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return int(value)


def check_positive_float(value: Any, name: str, allow_zero: bool = False) -> float:
    """Check that ``value`` is a finite number above zero (or at zero).

    Parameters
    ----------
    value : float
        A Python or numpy real number; ``True`` is refused.
    name : str
        What the caller calls it.
    allow_zero : bool
        Accept 0.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        When it is not a real number.
    ValueError
        When it is negative, zero, NaN or infinite.
    """
    wanted = "a finite number of 0 or more" if allow_zero else "a finite number above 0"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {wanted}, got {describe(value)}")
    number = float(value)
    if not np.isfinite(number) or number < 0 or (number == 0 and not allow_zero):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return number


def check_fraction(value: Any, name: str) -> float:
    """Check that ``value`` lies in 0…1, both ends included.

    Parameters
    ----------
    value : float
        A real number.
    name : str
        What the caller calls it.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        When it is not a real number.
    ValueError
        When it lies outside 0…1.
    """
    number = check_positive_float(value, name, allow_zero=True)
    if number > 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    return number


#: The sample rates (Hz) that the book accepts: telephones use 8 kHz, studios at most 192 kHz.
LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 1_000, 192_000


def check_sample_rate(
    sample_rate: Any, name: str = "sample_rate", expected: int | None = None
) -> int:
    """Check a sample rate in Hz.

    Parameters
    ----------
    sample_rate : int
        Samples per second; a float is accepted when it is whole (``16000.0``).
    name : str
        What the caller calls it.
    expected : int, optional
        The one rate that the caller can work with.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        When it is not a number.
    ValueError
        When it is not whole, lies outside 1,000…192,000 Hz, or is not the expected one.
    """
    if isinstance(sample_rate, (bool, np.bool_)) or not isinstance(sample_rate, numbers.Real):
        raise TypeError(f"{name} must be a whole number of Hz, got {describe(sample_rate)}")
    number = float(sample_rate)
    if not np.isfinite(number) or number != int(number):
        raise ValueError(f"{name} must be a whole number of Hz, got {sample_rate}")
    rate = int(number)
    if not LOWEST_SAMPLE_RATE <= rate <= HIGHEST_SAMPLE_RATE:
        hint = " (did you give kHz?)" if 0 < rate < 200 else ""
        raise ValueError(
            f"{name} must lie between {LOWEST_SAMPLE_RATE} and {HIGHEST_SAMPLE_RATE} Hz, "
            f"got {rate}{hint}"
        )
    if expected is not None and rate != expected:
        raise ValueError(f"{name} must be {expected} Hz, got {rate} Hz: resample first")
    return rate
