"""The slips that :func:`etudes.exercises.diagnose` knows, each with the step that undoes it.

Whoever teaches a chapter twice sees the same ones again: a sign, a factor of 2π, power for
magnitude, the wrong logarithm, counting from one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> bool:
    """Whether two arrays agree, relative to the largest magnitude of the second."""
    if a.shape != b.shape or np.isnan(a).any() != np.isnan(b).any():
        return False
    finite = np.abs(b)[np.isfinite(b)]
    scale = float(finite.max()) if finite.size else 0.0
    return bool(np.allclose(a, b, rtol=0, atol=atol + rtol * scale, equal_nan=True))


def known_slip(
    got: np.ndarray, slips: Iterable[tuple[Any, str]], rtol: float = 1e-4, atol: float = 1e-7
) -> str | None:
    """What to say about the first slip that gives the answer; None when none does."""
    for slip, said in slips:
        if np.allclose(got, slip, rtol=rtol, atol=atol):
            return said
    return None


def number(value: Any) -> str:
    """A number in a few figures."""
    if np.iscomplexobj(value):
        return f"{complex(value):.4g}"
    return f"{float(value):.5g}".replace("-", "−")


def _rolled(step: int) -> Callable[[np.ndarray], np.ndarray | None]:
    """Undo a shift by one along the last axis."""
    return lambda x: np.roll(x, step, axis=-1) if x.ndim and x.shape[-1] > 2 else None


def _square_transpose(x: np.ndarray) -> np.ndarray | None:
    return x.T if x.ndim >= 2 else None


def _reversed_along(axis: int) -> Callable[[np.ndarray], np.ndarray | None]:
    return lambda x: np.flip(x, axis) if x.ndim > abs(axis) - (axis < 0) else None


def _if_positive(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], Any]:
    """Apply a function of positive numbers, or nothing."""
    return lambda x: function(x) if not np.iscomplexobj(x) and np.all(x >= 0) else None


def _if_real(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], Any]:
    return lambda x: None if np.iscomplexobj(x) else function(x.astype(float))


#: Each undoes a slip; the message completes "your answer …".
SLIPS: list[tuple[Callable[[np.ndarray], Any], str]] = [
    (lambda x: -x.astype(x.dtype if x.dtype.kind in "fc" else float), "has the wrong sign"),
    (_square_transpose, "is transposed: swap the axes with `.T`"),
    (
        lambda x: np.conj(x) if np.iscomplexobj(x) else None,
        "is the complex conjugate: the sign in the exponent is the other one",
    ),
    (_reversed_along(-1), "is in reverse order along its last axis"),
    (_reversed_along(0), "is in reverse order along its first axis"),
    (_rolled(-1), "comes one step too late: shifted by one along its last axis"),
    (_rolled(1), "comes one step too early: shifted by one along its last axis"),
    (_if_positive(np.sqrt), "is the square of what is asked: power instead of magnitude?"),
    (_if_positive(np.square), "is the square root of what is asked: magnitude instead of power?"),
    (_if_positive(np.log), "has not been through the logarithm yet"),
    (_if_real(np.exp), "is the logarithm of what is asked"),
    (_if_real(lambda x: 10**x), "is the logarithm (to base 10) of what is asked"),
    (_if_real(lambda x: 10 ** (x / 20)), "is in decibels; asked is the amplitude itself"),
    (_if_real(lambda x: 10 ** (x / 10)), "is in decibels; asked is the power itself"),
    (_if_positive(np.log10), "has not been through the logarithm (to base 10) yet"),
    (_if_real(lambda x: x * np.log(10)), "uses the logarithm to base 10; asked is the natural one"),
    (_if_real(lambda x: x / np.log(10)), "uses the natural logarithm; asked is that to base 10"),
    (_if_real(lambda x: x * np.log(2)), "uses the logarithm to base 2; asked is the natural one"),
    (_if_real(lambda x: x / np.log(2)), "uses the natural logarithm; asked is that to base 2"),
    (_if_real(lambda x: 1 - x), "is one minus what is asked"),
    (_if_real(lambda x: 1 / x), "is one over what is asked: turn the fraction round"),
    (_if_real(lambda x: x + 1), "is one too small everywhere: does the counting start at 0 or 1?"),
    (_if_real(lambda x: x - 1), "is one too large everywhere: does the counting start at 0 or 1?"),
]

#: Factors with a name.
_FACTORS = {
    2.0: "twice too large",
    0.5: "half of what is asked",
    2 * np.pi: "2π times too large",
    1 / (2 * np.pi): "2π times too small",
    np.pi: "π times too large",
    1 / np.pi: "π times too small",
    np.sqrt(2): "√2 times too large",
    1 / np.sqrt(2): "√2 times too small",
    1000.0: "a thousand times too large (kHz and Hz, ms and s?)",
    0.001: "a thousand times too small (kHz and Hz, ms and s?)",
    100.0: "a hundred times too large (per cent?)",
    0.01: "a hundred times too small (per cent?)",
}


def common_factor(answer: np.ndarray, right: np.ndarray) -> float | None:
    """The factor between two arrays, judged at the largest value; None when there is none."""
    where = int(np.abs(right).argmax())
    if not np.abs(right).flat[where]:
        return None
    factor = answer.flat[where] / right.flat[where]
    if np.iscomplexobj(factor):
        factor = factor.real if abs(factor.imag) < 1e-6 * abs(factor) else 0.0
    single = right.size == 1 and not any(np.isclose(abs(factor), known) for known in _FACTORS)
    return None if factor == 0 or not np.isfinite(factor) or single else float(factor)


def factor_text(factor: float) -> str:
    """A factor in words."""
    sign = " and of the wrong sign" if factor < 0 else ""
    for known, text in _FACTORS.items():
        if np.isclose(abs(factor), known, rtol=1e-4):
            return text + sign
    size = abs(factor)
    how = f"{number(size)} times too large" if size > 1 else f"{number(1 / size)} times too small"
    return how + sign
