"""Which of two learners is better: the difference on the same tasks, with its interval.

Two intervals that overlap say little, since both learners find the same tasks hard. Chapter 02.
"""

from __future__ import annotations

from dataclasses import dataclass

from etudes.checks import describe
from etudes.evaluate.intervals import class_interval, task_interval
from etudes.evaluate.results import FewShotResult


@dataclass(frozen=True, eq=False)
class Difference:
    """How much better one learner is than another on the same tasks.

    Parameters
    ----------
    mean : float
        Mean difference in accuracy, −1…1; positive when the first is better.
    ci95 : tuple of float
        95% interval over classes as well as tasks.
    ci95_tasks : tuple of float
        95% normal interval over tasks alone.
    n : str
        What the interval is over, in words.
    """

    mean: float
    ci95: tuple[float, float]
    ci95_tasks: tuple[float, float]
    n: str

    @property
    def excludes_zero(self) -> bool:
        """Whether ``ci95`` lies on one side of zero."""
        return self.ci95[0] > 0 or self.ci95[1] < 0

    def __str__(self) -> str:
        """Difference and both intervals, in points."""
        (low, high), tasks = self.ci95, self.ci95_tasks
        return (
            f"{100 * self.mean:+.1f} points (95% interval {100 * low:+.1f} to {100 * high:+.1f}, "
            f"{self.n}; over tasks alone ±{50 * (tasks[1] - tasks[0]):.1f})"
        )


def paired_difference(a: FewShotResult, b: FewShotResult) -> Difference:
    """How much better ``a`` is than ``b``, task by task and class by class.

    Two learners that met the same tasks found the same ones hard, so the difference is known
    better than either mean. It is the difference, not the overlap of two intervals, that answers
    which is better.

    Parameters
    ----------
    a, b : FewShotResult
        From the same episodes.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        When the two come from different episodes.
    """
    for name, value in (("a", a), ("b", b)):
        if not isinstance(value, FewShotResult):
            raise TypeError(f"{name} must be a FewShotResult, got {describe(value)}")
    if a.fingerprint != b.fingerprint:
        raise ValueError(
            "a and b must come from the same episodes: evaluate both with samplers of the same "
            f"labels, groups, sizes and seed; got {a.n_way}-way {a.k_shot}-shot, {a.n} "
            f"({a.fingerprint}) and {b.n_way}-way {b.k_shot}-shot, {b.n} ({b.fingerprint})"
        )
    difference = a.recalls - b.recalls
    return Difference(
        mean=float(difference.mean()),
        ci95=class_interval(difference, a.task_classes),
        ci95_tasks=task_interval(difference.mean(axis=1)),
        n=a.n,
    )
