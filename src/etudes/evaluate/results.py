"""What a learner did on a list of tasks: accuracy with its intervals, by class, and by chance.

The two intervals are told in :mod:`etudes.evaluate`; chapter 02 shows the first result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from etudes.checks import check_positive_int
from etudes.evaluate.intervals import class_interval, task_interval


class ClassResult(NamedTuple):
    """How one class fared: the fraction of its queries answered rightly, and in how many tasks."""

    accuracy: float
    n_tasks: int


@dataclass(frozen=True, eq=False)
class FewShotResult:
    """What a learner did on a list of tasks.

    Parameters
    ----------
    recalls : numpy.ndarray
        Shape ``(n_tasks, n_way)``: the fraction of each class's queries answered rightly.
    task_classes : numpy.ndarray
        Shape ``(n_tasks, n_way)``, integers: column ``i`` of ``recalls`` is class
        ``classes[task_classes[task, i]]``.
    classes : tuple
        All the classes that appeared, sorted.
    confusion : numpy.ndarray
        Shape ``(n_classes, n_classes)``: how many queries of the row's class were given to the
        column's.
    k_shot, n_query : int
        Support and query items per class.
    transductive : bool
        Whether an answer depends on the *other* queries (measured on the first task, or declared by
        the learner). Such results must not be compared with those that are not.
    fingerprint : str
        A digest of the rows of all episodes: two results with the same one saw the same tasks.
    seconds : float
        How long it took.
    """

    recalls: np.ndarray
    task_classes: np.ndarray
    classes: tuple[Any, ...]
    confusion: np.ndarray
    k_shot: int
    n_query: int
    transductive: bool
    fingerprint: str
    seconds: float

    @property
    def accuracies(self) -> np.ndarray:
        """Accuracy of each task, shape ``(n_tasks,)``, 0…1."""
        return self.recalls.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean accuracy over tasks, 0…1."""
        return float(self.recalls.mean())

    @property
    def ci95(self) -> tuple[float, float]:
        """95% interval of the mean over classes as well as tasks, within 0…1."""
        low, high = class_interval(self.recalls, self.task_classes)
        return max(low, 0.0), min(high, 1.0)

    @property
    def ci95_tasks(self) -> tuple[float, float]:
        """95% normal interval of the mean over tasks alone: these classes only."""
        return task_interval(self.accuracies)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.recalls)

    @property
    def n_way(self) -> int:
        """Classes per task."""
        return self.recalls.shape[1]

    @property
    def n(self) -> str:
        """What the interval is over, in words, for the ledger."""
        return f"{self.n_tasks} tasks over {len(self.classes)} classes"

    @property
    def per_class(self) -> dict[Any, ClassResult]:
        """For each class: accuracy on its queries, and the number of tasks it was part of."""
        table = {}
        for code, name in enumerate(self.classes):
            here = self.task_classes == code
            table[name] = ClassResult(float(self.recalls[here].mean()), int(here.sum()))
        return table

    def __str__(self) -> str:
        """Mean, both intervals, and what they are over."""
        (low, high), tasks = self.ci95, self.ci95_tasks
        kind = ", transductive" if self.transductive else ""
        return (
            f"{self.n_way}-way {self.k_shot}-shot{kind}: {100 * self.mean:.1f}% "
            f"(95% interval {100 * low:.1f} to {100 * high:.1f}, {self.n}; "
            f"over tasks alone ±{50 * (tasks[1] - tasks[0]):.1f})"
        )


def chance(n_way: int) -> float:
    """Accuracy of guessing among ``n_way`` classes.

    Parameters
    ----------
    n_way : int
        Classes per task.

    Returns
    -------
    float
        ``1 / n_way``.
    """
    return 1 / check_positive_int(n_way, "n_way")
