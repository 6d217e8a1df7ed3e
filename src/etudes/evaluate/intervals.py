"""Intervals for a mean whose parts are not independent; told in :mod:`etudes.evaluate`.

Few-shot tasks share classes, notes share a tune. What is resampled here is therefore the class and
the task, or the tune, and never the single answer. Bootstrap quantiles from few groups are too
narrow; Hesterberg, "What teachers should know about the bootstrap" (The American Statistician 69,
2015) widens them so that the interval of a plain mean of n values is the one of Student's t, and
so does this module. Chapter 02 uses it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int

#: Bootstrap replicates behind an interval.
N_BOOT = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval.

    Parameters
    ----------
    mean : float
        The mean over all values.
    ci95 : tuple of float
        Lower and upper end.
    n : int
        Number of values.
    n_groups : int
        Number of groups that were resampled; equal to ``n`` without groups.
    """

    mean: float
    ci95: tuple[float, float]
    n: int
    n_groups: int

    def __str__(self) -> str:
        """Mean and interval, with what was resampled."""
        of = f"{self.n} values" + (f" in {self.n_groups} groups" if self.n_groups < self.n else "")
        return f"{self.mean:.3f} (95% interval {self.ci95[0]:.3f} to {self.ci95[1]:.3f}; {of})"


def bootstrap_mean(
    values: Any, groups: Any = None, n_boot: int = N_BOOT, seed: int = 0
) -> Estimate:
    """Mean of some values, with an interval that respects groups.

    Parameters
    ----------
    values : array_like
        Shape ``(n,)``, for example bits of each note, or SI-SDR of each piece.
    groups : array_like, optional
        The group of each value, shape ``(n,)``, for example the tune of each note: whole groups are
        resampled. Without it every value is its own group.
    n_boot : int
        Bootstrap replicates.
    seed : int
        Of the resampling; the same seed gives the same interval.

    Returns
    -------
    Estimate
        With one group only, the interval is infinitely wide: one group says nothing about others.

    Raises
    ------
    TypeError, ValueError
        When values are not a finite vector, or groups do not fit them.

    Notes
    -----
    The cluster bootstrap of Davison and Hinkley, *Bootstrap Methods and their Application* (1997),
    section 3.8, with the widening named at the top of this module.

    Examples
    --------
    >>> print(bootstrap_mean([1.0, 2.0, 3.0, 4.0]))
    2.500 (95% interval 0.625 to 4.375; 4 values)
    """
    x = check_array(values, "values", shape=("n",)).astype(float)
    check_positive_int(n_boot, "n_boot")
    code = _group_codes(x, groups)
    sums, sizes = np.bincount(code, x), np.bincount(code).astype(float)
    n_groups = len(sums)
    rng = np.random.default_rng(check_positive_int(seed, "seed", allow_zero=True))
    replicates = np.empty(n_boot)
    for b in range(n_boot):
        drawn = rng.integers(0, n_groups, n_groups)
        replicates[b] = sums[drawn].sum() / sizes[drawn].sum()
    mean = float(x.mean())
    return Estimate(mean, widened_quantiles(replicates, mean, n_groups), len(x), n_groups)


def bootstrap_ratio(
    a: Any, b: Any, groups: Any = None, n_boot: int = N_BOOT, seed: int = 0
) -> Estimate:
    """Ratio of two means over the same things, such as two losses on the same tasks.

    Numerator and denominator are resampled together, so what makes a task hard for both cancels.

    Parameters
    ----------
    a, b : array_like
        Shape ``(n,)``: the ratio is ``mean(a) / mean(b)``, and all of `b` is positive.
    groups : array_like, optional
        As for :func:`bootstrap_mean`.
    n_boot, seed : int
        As for :func:`bootstrap_mean`.

    Returns
    -------
    Estimate
        Its ``mean`` is the ratio. The interval is taken on the logarithm and so is never negative.

    Raises
    ------
    TypeError, ValueError
        When values are not finite vectors of one length, or not positive.

    Notes
    -----
    Davison and Hinkley, *Bootstrap Methods and their Application* (1997), examples 2.9 and 5.2.

    Examples
    --------
    >>> print(bootstrap_ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]))
    0.500 (95% interval 0.500 to 0.500; 3 values)
    """
    x = check_array(a, "a", shape=("n",)).astype(float)
    y = check_array(b, "b", shape=(len(x),)).astype(float)
    for name, values in (("a", x), ("b", y)):
        if values.min() <= 0:
            raise ValueError(f"{name} must be positive, got {values.min():.4g}")
    check_positive_int(n_boot, "n_boot")
    code = _group_codes(x, groups)
    above, below = np.bincount(code, x), np.bincount(code, y)
    rng = np.random.default_rng(check_positive_int(seed, "seed", allow_zero=True))
    drawn = rng.integers(0, len(above), (n_boot, len(above)))
    replicates = np.log(above[drawn].sum(1) / below[drawn].sum(1))
    ratio = float(x.sum() / y.sum())
    low, high = widened_quantiles(replicates, float(np.log(ratio)), len(above))
    return Estimate(ratio, (float(np.exp(low)), float(np.exp(high))), len(x), len(above))


def _group_codes(values: np.ndarray, groups: Any) -> np.ndarray:
    """The number of each value's group; every value its own without groups."""
    if groups is None:
        return np.arange(len(values))
    names = np.asarray(groups)
    if names.shape != values.shape:
        raise ValueError(f"groups must have shape ({len(values)},), got {names.shape}")
    return np.unique(names, return_inverse=True)[1].reshape(-1)


def class_interval(recalls: np.ndarray, classes: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95% interval of mean accuracy over other tasks *of other classes*.

    Parameters
    ----------
    recalls : numpy.ndarray
        Shape ``(n_tasks, n_way)``: the fraction of each class's queries that were answered rightly
        in each task (or a difference of two such).
    classes : numpy.ndarray
        Shape ``(n_tasks, n_way)``, integers: which class each of them is.
    seed : int
        Of the resampling.

    Returns
    -------
    tuple of float
        Lower and upper end. The estimator is described in :mod:`etudes.evaluate`.
    """
    values = recalls.mean(axis=1)
    mean, (n_tasks, n_way) = float(values.mean()), recalls.shape
    code = np.unique(classes, return_inverse=True)[1].reshape(classes.shape)
    n_classes = int(code.max()) + 1
    cells = (np.arange(n_tasks)[:, None], code)
    member = np.zeros((n_tasks, n_classes))
    member[cells] = 1
    share = member.mean(axis=0)
    if n_classes > n_way:
        # how much a class raises or lowers the accuracy of the tasks that it is part of
        effect = np.linalg.lstsq(member - share, values - mean, rcond=None)[0]
    else:
        # every task holds every class: all that is left to see is how well each is recognised
        own = np.zeros((n_tasks, n_classes))
        own[cells] = recalls
        effect = own.mean(axis=0) / n_way
    effect = effect - effect.mean()
    rest = values - mean - (member - share) @ effect
    rng = np.random.default_rng(seed)
    class_draws = rng.multinomial(n_classes, np.full(n_classes, 1 / n_classes), size=N_BOOT)
    replicates = mean + (class_draws * n_way / n_classes) @ effect
    for b in range(N_BOOT):
        replicates[b] += rest[rng.integers(0, n_tasks, n_tasks)].mean()
    return widened_quantiles(replicates, mean, n_classes)


def task_interval(values: np.ndarray) -> tuple[float, float]:
    """95% normal interval of a mean over tasks, as papers print it: mean ± 1.96 standard errors."""
    if len(values) < 2:
        return -np.inf, np.inf
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return float(values.mean()) - half, float(values.mean()) + half


def widened_quantiles(replicates: np.ndarray, mean: float, n: int) -> tuple[float, float]:
    """95% quantiles of replicates, stretched about the mean as ``n`` resampled things require."""
    from scipy import stats

    if n < 2:
        return -np.inf, np.inf
    stretch = stats.t.ppf(0.975, n - 1) * (n / (n - 1)) ** 0.5 / stats.norm.ppf(0.975)
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(mean - stretch * (mean - low)), float(mean + stretch * (high - mean))
