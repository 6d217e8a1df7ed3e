"""Which parts belong together: told by the answer, or by how high they sound.

The idea in a sentence: a method that knows nothing of voices takes a mixture apart into notes, and
somebody must say which notes are one voice's. Who asks the answer measures what the parts could be
worth; who does not asks the pitch, since voices lie at different heights. Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from etudes.checks import check_positive_int, check_sample_rate
from etudes.features import fundamentals, magnitude
from etudes.separators.masking import check_sounds, check_stems

__all__ = ["by_nearest_stem", "by_pitch"]

_TINY = 1e-8


def by_nearest_stem(components: Any, stems: Any) -> np.ndarray:
    """Add up components, each to the stem that it is most like: grouping by the answer.

    Parameters
    ----------
    components : array_like
        Shape ``(n_components, n_samples)``.
    stems : array_like
        Shape ``(n_sources, n_samples)``: the answer, which is looked at.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_sources, n_samples)``. Every stem gets a component, as long as there are
        enough of them: where one would be left with none, each is given one that is like it first.

    Raises
    ------
    TypeError, ValueError
        When they are not equally long.
    """
    wanted = check_stems(stems)
    parts = check_sounds(components, "components", wanted.shape[1])
    unit = wanted / (np.linalg.norm(wanted, axis=1, keepdims=True) + _TINY)
    alike = parts @ unit.T
    nearest = alike.argmax(axis=1)
    if len(set(nearest)) < min(len(wanted), len(parts)):
        chosen, own = linear_sum_assignment(alike, maximize=True)
        nearest[chosen] = own
    return _added(parts, nearest, len(wanted))


def by_pitch(
    components: Any, n_sources: int = 2, sample_rate: int = 8000, seed: int = 0
) -> np.ndarray:
    """Add up components that sound equally high: grouping without the answer.

    Parameters
    ----------
    components : array_like
        Shape ``(n_components, n_samples)``, as many as sources or more.
    n_sources : int
        How many groups.
    sample_rate : int
        In Hz.
    seed : int
        Of k-means, which finds the groups: loud components count more.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_sources, n_samples)``, the highest first.

    Raises
    ------
    TypeError, ValueError
        When there are fewer components than sources, or they hold NaN.
    """
    parts = check_sounds(components, "components")
    n_sources = check_positive_int(n_sources, "n_sources")
    if len(parts) < n_sources:
        raise ValueError(f"components must be {n_sources} or more, got {len(parts)}")
    check_sample_rate(sample_rate)
    spectra = np.stack([magnitude(part).mean(axis=1) for part in parts], axis=1)
    height = 12 * np.log2(fundamentals(spectra, sample_rate)[0])
    groups = KMeans(n_sources, n_init=5, random_state=seed).fit(
        height[:, None], sample_weight=(parts**2).sum(axis=1) + _TINY
    )
    order = np.argsort(-groups.cluster_centers_[:, 0])
    return _added(parts, np.argsort(order)[groups.labels_], n_sources)


def _added(parts: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """The sum of each group's parts."""
    return np.stack([parts[group == k].sum(axis=0) for k in range(n_groups)])
