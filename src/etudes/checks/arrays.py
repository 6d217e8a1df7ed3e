"""Checks of arrays: the right kind of numbers, in the right shape, none of them missing.

Chapter 01 hands waveforms to them first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks.words import describe, shape_text


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
                f"got {array.ndim}: shape {shape_text(array.shape)}"
            )
    if shape is not None and not _fits(array.shape, shape):
        raise ValueError(
            f"{name} must have shape {shape_text(shape)}, got {shape_text(array.shape)}"
        )
    if array.size == 0 and not allow_empty:
        raise ValueError(f"{name} must not be empty, got shape {shape_text(array.shape)}")
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
            f"{name} must have shape (n_samples,), got {shape_text(array.shape)}{hint}"
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
