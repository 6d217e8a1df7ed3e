"""How fast to learn at each step.

Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts" (ICLR 2017). Chapter
06 trains with it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

from etudes.checks import check_positive_int


def cosine_schedule(steps: int, warmup: int = 0) -> Callable[[int], float]:
    """A learning rate that rises for ``warmup`` steps and then falls to zero along a cosine.

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts" (ICLR 2017),
    without the restarts.

    Parameters
    ----------
    steps : int
        All steps, warm-up included.
    warmup : int
        Steps of linear rise.

    Returns
    -------
    callable
        For ``schedule`` of :func:`fit`.
    """
    check_positive_int(steps, "steps")
    check_positive_int(warmup, "warmup", allow_zero=True)
    if warmup >= steps:
        raise ValueError(f"warmup must be less than steps, {steps}, got {warmup}")

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + cos(pi * min(1.0, (step - warmup) / (steps - warmup))))

    return factor
