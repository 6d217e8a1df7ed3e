"""What is likely to be wrong with an array: not "wrong", but transposed, negated, twice too large.

The slips are tried from the outside in: kind, rank and shape first, then NaN, then values. A slip
is named only when undoing it gives the right answer, so that a diagnosis can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etudes.checks import describe
from etudes.exercises.slips import SLIPS, close, common_factor, factor_text, number


def as_array(value: Any) -> np.ndarray | None:
    """An array of numbers from an array, tensor (torch or TensorFlow), list or number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    numpy.ndarray or None
        None when it is not numbers in a rectangular arrangement.
    """
    if hasattr(value, "detach"):  # torch, without importing it
        value = value.detach().cpu()
        value = value.resolve_conj().resolve_neg() if hasattr(value, "resolve_conj") else value
    if not isinstance(value, np.ndarray) and hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, (list, tuple)):
        rows = [as_array(part) for part in value]
        if any(row is None for row in rows):
            return None
        value = rows
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "biufc" else None


def finite(value: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """An answer with whose numbers a grader can go on without care.

    Parameters
    ----------
    value : object
        Anything.
    shape : tuple of int
        That of the right answer.

    Returns
    -------
    numpy.ndarray or None
        Floats, or complex numbers where they were; None when `value` is not numbers, has another
        shape, or holds NaN or infinity.
    """
    got = as_array(value)
    if got is None or got.shape != shape or not np.isfinite(got).all():
        return None
    return got if got.dtype.kind == "c" else got.astype(float)


def diagnose(
    got: Any,
    want: Any,
    what: str = "your answer",
    *,
    axes: Sequence[str] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> str | None:
    """Compare an answer with the right one, and name the slip that explains the difference.

    Parameters
    ----------
    got : object
        The answer: an array, tensor, list or number.
    want : array_like
        The right one.
    what : str
        What to call the answer in the message, such as ``"the spectrum"``.
    axes : sequence of str, optional
        Names of the axes, such as ``("n_mels", "n_frames")``, for the message about shapes.
    rtol, atol : float
        Allowed difference, relative to the largest magnitude of `want`, and absolute.

    Returns
    -------
    str or None
        A sentence or two; None when the answer is right.
    """
    right = np.asarray(as_array(want))
    answer = as_array(got)
    if answer is None:
        return f"{_start(what)} should be numbers; it is {describe(got)}."
    if np.iscomplexobj(answer) and not np.iscomplexobj(right):
        if answer.shape == right.shape and close(np.abs(answer), right, rtol, atol):
            return f"{_start(what)} is complex; take its magnitude with `np.abs`."
        if np.iscomplexobj(answer) and np.abs(answer.imag).max(initial=0) == 0:
            answer = answer.real
        else:
            return f"{_start(what)} is complex and should be real."
    wrong_shape = _diagnose_shape(answer, right, what, axes, rtol, atol)
    if wrong_shape:
        return wrong_shape
    if right.size == 0:
        return None
    bad = answer.size - int(np.isfinite(answer).sum())
    if bad and np.isfinite(right).all():
        many = "nothing but" if bad == answer.size else f"{bad} of {answer.size} values are"
        return (
            f"{_start(what)}: {many} NaN or infinite. Look for a division by zero, or the "
            "logarithm or root of a number that is zero or negative."
        )
    if close(answer, right, rtol, atol):
        return None
    return _diagnose_values(answer, right, what, rtol, atol)


def _diagnose_shape(
    answer: np.ndarray,
    right: np.ndarray,
    what: str,
    axes: Sequence[str] | None,
    rtol: float,
    atol: float,
) -> str | None:
    """Name what is wrong with a shape, or return None when it fits."""
    if answer.shape == right.shape:
        return None
    named = f" ({', '.join(axes)})" if axes else ""
    both = f"{_start(what)} has shape {answer.shape}, wanted is {right.shape}{named}."
    if right.ndim == 0:
        return f"{_start(what)} should be one number; it has shape {answer.shape}."
    if answer.ndim == 0:
        return f"{_start(what)} is one number; wanted is an array of shape {right.shape}{named}."
    if answer.T.shape == right.shape:
        return f"{both} Its axes are swapped: `.T` swaps them back."
    if np.squeeze(answer).shape == np.squeeze(right).shape:
        more = "An axis of length 1 is too many: take `[0]` or `squeeze()`."
        less = "An axis of length 1 is missing: add it with `[None]` or `keepdims=True`."
        return f"{both} {more if answer.ndim > right.ndim else less}"
    if answer.ndim != right.ndim:
        dimensions = f"{answer.ndim} dimension{'s' if answer.ndim > 1 else ''}"
        return f"{both} It has {dimensions} instead of {right.ndim}."
    off = [i for i in range(right.ndim) if answer.shape[i] != right.shape[i]]
    if len(off) == 1:
        axis = off[0]
        name = f"`{axes[axis]}`" if axes else f"axis {axis}"
        difference = answer.shape[axis] - right.shape[axis]
        if abs(difference) == 1:
            few = "many" if difference > 0 else "few"
            return f"{both} One too {few} along {name}: check where the counting starts and ends."
        if answer.shape[axis] and right.shape[axis] in (
            2 * answer.shape[axis],
            answer.shape[axis] // 2,
        ):
            half = "half" if difference < 0 else "twice"
            return f"{both} Along {name} it is {half} as long as it should be."
    return both


def _diagnose_values(
    answer: np.ndarray, right: np.ndarray, what: str, rtol: float, atol: float
) -> str:
    """Name the slip that turns `answer` into `right`; otherwise say where they differ most."""
    start = _start(what)
    if answer.dtype.kind == "b" and right.dtype.kind != "b":
        return f"{start} is true or false; numbers are asked for."
    if right.dtype.kind == "b":
        answer, right = answer.astype(float), right.astype(float)
        if close(1 - answer, right, rtol, atol):
            return (
                f"{start} is true exactly where it should be false: the condition is the wrong way."
            )
    if not np.any(answer):
        return f"{start} is zero{' everywhere' if answer.size > 1 else ''}."
    if answer.dtype.kind in "iu" and any(
        np.array_equal(answer, rounded) for rounded in (np.trunc(right.real), np.round(right.real))
    ):
        return (
            f"{start} has lost what comes after the point: a whole-number type, `//` or rounding?"
        )
    for undo, message in SLIPS:
        with np.errstate(all="ignore"):
            undone = undo(answer)
        if undone is not None and undone.shape == right.shape and close(undone, right, rtol, atol):
            return _sentence(f"{start} {message}", right.size)
    factor = common_factor(answer, right)
    if factor is not None and close(answer / factor, right, rtol, atol):
        text = f"{start} is {factor_text(factor)} everywhere: look for a missing or extra factor"
        return _sentence(text, right.size)
    if answer.size > 1:
        shift = (answer - right).flat[0]
        if close(answer - shift, right, rtol, atol):
            return f"{start} is off by the same amount everywhere: {number(shift)} is added to it."
    if np.iscomplexobj(right) and close(np.abs(answer), np.abs(right), rtol, atol):
        return f"{start} has the right magnitudes and wrong phases."
    if answer.size > 1 and close(_sorted(answer), _sorted(right), rtol, atol):
        return f"{start} has the right values in a different order."
    return _largest_difference(answer, right, what, rtol, atol)


def _largest_difference(
    answer: np.ndarray, right: np.ndarray, what: str, rtol: float, atol: float
) -> str:
    """Say how many values differ, and where most."""
    if answer.ndim == 0:
        nearness = "near, but not near enough: " if close(answer, right, 0.02, 0) else ""
        return f"{_start(what)} is {number(answer.item())}: {nearness}not the value asked for."
    gap = np.abs(answer - right)
    where = np.unravel_index(int(gap.argmax()), gap.shape)
    index = ", ".join(str(int(i)) for i in where)
    wrong = int((gap > atol + rtol * np.abs(right).max()).sum())
    ends = [tuple([0] * gap.ndim), tuple(size - 1 for size in gap.shape)]
    alone = gap.size > 4 and where in ends and wrong < max(2, gap.size // 4)
    edge = " That is at the edge." if alone else ""
    return (
        f"{_start(what)} differs in {wrong} of {gap.size} values, most at [{index}]: "
        f"{number(answer[where])} where {number(right[where])} is right.{edge}"
    )


def _sentence(text: str, size: int) -> str:
    """Close a sentence; one number is not wrong "everywhere"."""
    text = text.replace(" everywhere", "") if size == 1 else text
    return text if text.endswith("?") else text + "."


def _sorted(x: np.ndarray) -> np.ndarray:
    return np.sort(x, axis=None)


def _start(what: str) -> str:
    """The beginning of a sentence."""
    return what[:1].upper() + what[1:]
