"""Argument checks: say at the door what is wrong, in the same words everywhere.

Every public function of the package hands what it was given to one of these checks and works with
what comes back. The message always names the argument, says what came and what was wanted, for
example ``waveform must have shape (n_samples,), got (2, 16000)``.  A wrong *kind* of thing raises
:class:`TypeError`, a wrong *value* raises :class:`ValueError`.  Chapter 01 shows why: most
surprises in audio code are an array of the right type and the wrong shape.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = [
    "check_array",
    "check_fraction",
    "check_in",
    "check_positive_float",
    "check_positive_int",
    "check_sample_rate",
    "check_waveform",
    "describe",
]

#: The sample rates (Hz) that the book accepts: telephones use 8 kHz, studios at most 192 kHz.
LOWEST_SAMPLE_RATE, HIGHEST_SAMPLE_RATE = 1_000, 192_000


def describe(value: object) -> str:
    """Say in a few words what a value is, for an error message.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        ``"an array of shape (2, 3)"`` for things with a shape, otherwise type and a short repr.
    """
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {_shape_text(shape)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def check_array(
    x: Any,
    name: str,
    ndim: int | tuple[int, ...] | None = None,
    shape: tuple[int | str | None, ...] | None = None,
    finite: bool = True,
    allow_empty: bool = False,
) -> np.ndarray:
    """Check that ``x`` is a numeric array of the wanted shape.

    Parameters
    ----------
    x : array_like
        An array, a (nested) list of numbers, or a CPU tensor.
    name : str
        What the caller calls it; appears in every message.
    ndim : int or tuple of int, optional
        The number (or numbers) of dimensions allowed.
    shape : tuple, optional
        The wanted shape. A number must match; a string (``"n_frames"``) or ``None`` stands for any
        size, and the string appears in the message.
    finite : bool
        Refuse NaN and infinity.
    allow_empty : bool
        Accept an array without elements.

    Returns
    -------
    numpy.ndarray
        ``x`` as an array of its own dtype; not copied when it was an array already.

    Raises
    ------
    TypeError
        When ``x`` is not an array of numbers.
    ValueError
        When the shape is wrong, it is empty, or it holds NaN or infinity.
    """
    array = _as_array(x, name)
    if ndim is not None:
        wanted = (ndim,) if isinstance(ndim, int) else tuple(ndim)
        if array.ndim not in wanted:
            text = " or ".join(str(n) for n in wanted)
            raise ValueError(
                f"{name} must have {text} dimension{'s' if text != '1' else ''}, "
                f"got {array.ndim}: shape {_shape_text(array.shape)}"
            )
    if shape is not None and not _fits(array.shape, shape):
        raise ValueError(
            f"{name} must have shape {_shape_text(shape)}, got {_shape_text(array.shape)}"
        )
    if array.size == 0 and not allow_empty:
        raise ValueError(f"{name} must not be empty, got shape {_shape_text(array.shape)}")
    if finite and array.dtype.kind in "fc":
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise ValueError(
                f"{name} must be finite, got {bad} NaN or infinite value{'s' if bad > 1 else ''} "
                f"among {array.size}"
            )
    return array


def check_waveform(waveform: Any, name: str = "waveform") -> np.ndarray:
    """Check that something is a mono waveform, and return it as float32.

    Parameters
    ----------
    waveform : array_like
        Sound pressure over time, shape ``(n_samples,)``, floating point, nominally in −1…1 (a
        louder one is accepted: sums of sounds pass through here before they are scaled).
    name : str
        What the caller calls it.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_samples,)``, dtype float32.

    Raises
    ------
    TypeError
        When it is not an array of real floating-point numbers; 16-bit integers must be divided by
        32768 first.
    ValueError
        When it is not one-dimensional, is empty, or holds NaN or infinity.
    """
    array = _as_array(waveform, name)
    if array.ndim != 1:
        hint = ""
        if array.ndim == 2 and 2 in array.shape:
            axis = array.shape.index(2)
            hint = f" (stereo? average the two channels: {name}.mean(axis={axis}))"
        raise ValueError(
            f"{name} must have shape (n_samples,), got {_shape_text(array.shape)}{hint}"
        )
    if array.dtype.kind == "c":
        raise TypeError(f"{name} must be real, got complex numbers ({array.dtype})")
    if array.dtype.kind in "iu" and array.size and int(np.abs(array.astype(np.int64)).max()) > 1:
        raise TypeError(
            f"{name} must be floating point in -1..1, got {array.dtype} with a peak of "
            f"{int(np.abs(array.astype(np.int64)).max())}; divide 16-bit samples by 32768"
        )
    array = check_array(array, name)
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, dtype=np.float32)
    return check_array(single, name) if array.dtype == np.float64 else single


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


def check_in(value: Any, name: str, allowed: Iterable[Any]) -> Any:
    """Check that ``value`` is one of the allowed ones; suggest the nearest when it is not.

    Parameters
    ----------
    value : object
        Usually a string.
    name : str
        What the caller calls it.
    allowed : iterable
        The values accepted.

    Returns
    -------
    object
        ``value``, unchanged.

    Raises
    ------
    ValueError
        With the nearest allowed name, and the list of those allowed (the first twenty).
    """
    options = list(allowed)
    if value in options:
        return value
    names = [str(option) for option in options]
    near = difflib.get_close_matches(str(value).lower(), [n.lower() for n in names], n=1)
    suggestion = ""
    if near:
        best = names[[n.lower() for n in names].index(near[0])]
        suggestion = f"; did you mean {best!r}?"
    shown = ", ".join(repr(option) for option in options[:20])
    more = f" and {len(options) - 20} more" if len(options) > 20 else ""
    raise ValueError(f"{name} must be one of {shown}{more}, got {value!r}{suggestion}")


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


def _as_array(x: Any, name: str) -> np.ndarray:
    """Turn ``x`` into a numeric array, or say why not."""
    if x is None or isinstance(x, (str, bytes, dict, set)):
        raise TypeError(f"{name} must be an array of numbers, got {describe(x)}")
    if hasattr(x, "detach"):  # a torch tensor, without importing torch
        x = x.detach().cpu().numpy()
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(
            f"{name} must be a rectangular array, got rows of different lengths"
        ) from None
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be an array of numbers, got {describe(x)} ({array.dtype})")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | str | None, ...]) -> bool:
    """Whether a shape agrees with a pattern of sizes, names and None."""
    return len(shape) == len(wanted) and all(
        not isinstance(size, int) or size == actual
        for actual, size in zip(shape, wanted, strict=True)
    )


def _shape_text(shape: Iterable[Any]) -> str:
    """A shape as text, names without quotes: ``(n_mels, 10)``."""
    parts = ["*" if size is None else str(size) for size in shape]
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
