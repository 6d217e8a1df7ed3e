"""How far repeated runs lie apart: other seeds of one training, other splits of the classes.

The idea in a sentence: a few runs give a mean and a small-sample interval (Student, "The probable
error of a mean", *Biometrika* 6, 1908).
"""

from __future__ import annotations

import numpy as np
from scipy import stats


def spread(values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The mean of repeated runs, with Student's 95% interval.

    Runs that share test classes are not independent of these: the interval says how much the mean
    owes to single runs, not how other classes would come out.

    Parameters
    ----------
    values
        (n_runs,), 2 or more.

    Returns
    -------
    tuple
        Mean, and the interval's ends.
    """
    mean, n = float(np.mean(values)), len(values)
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean, (mean - half, mean + half)
