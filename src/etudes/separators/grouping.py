"""Which parts belong together: told by the answer, by how high they sound, or by a rule.

The idea in a sentence: a method that knows nothing of voices takes a mixture apart into notes, and
somebody must say which notes are one voice's. Who asks the answer measures what the parts could be
worth; who does not asks the pitch, since voices lie at different heights; and who knows that voices
do not cross needs no parts, only which of the notes of a moment is the higher. Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from etudes.checks import check_positive_int, check_sample_rate
from etudes.features import fundamentals, magnitude
from etudes.separators.masking import apply_masks, check_sounds, check_stems
from etudes.separators.peaks import PEAK_HOP, find_peaks, peak_masks

__all__ = ["by_higher_note", "by_nearest_stem", "by_pitch"]

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
        When there are fewer components than sources, they hold NaN, or the seed is negative.
    """
    parts = check_sounds(components, "components")
    n_sources = check_positive_int(n_sources, "n_sources")
    if len(parts) < n_sources:
        raise ValueError(f"components must be {n_sources} or more, got {len(parts)}")
    check_sample_rate(sample_rate)
    seed = check_positive_int(seed, "seed", allow_zero=True)
    spectra = np.stack([magnitude(part).mean(axis=1) for part in parts], axis=1)
    height = 12 * np.log2(fundamentals(spectra, sample_rate)[0])
    groups = KMeans(n_sources, n_init=5, random_state=seed).fit(
        height[:, None], sample_weight=(parts**2).sum(axis=1) + _TINY
    )
    order = np.argsort(-groups.cluster_centers_[:, 0])
    return _added(parts, np.argsort(order)[groups.labels_], n_sources)


def by_higher_note(mixture: Any, n_sources: int = 2, sample_rate: int = 8000) -> np.ndarray:
    """Give the highest note of each moment to the first voice, the next to the second, and so on.

    Parameters
    ----------
    mixture : array_like
        Waveform, shape ``(n_samples,)``.
    n_sources : int
        How many voices.
    sample_rate : int
        In Hz.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_sources, n_samples)``, the highest voice first; the estimates add up to
        the mixture.

    Raises
    ------
    TypeError, ValueError
        When the mixture is not a waveform, too short, or silent.

    Notes
    -----
    Each peak of the spectrogram goes where the note goes that it seems to be a partial of
    (:func:`~etudes.separators.peaks.find_peaks`). The rule fails where voices cross, where one of
    them rests, and where a fundamental is mistaken for its octave.
    """
    peaks = find_peaks(mixture, n_sources, sample_rate)
    return apply_masks(mixture, peak_masks(peaks, peaks.rank, n_sources), PEAK_HOP)


def _added(parts: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """The sum of each group's parts."""
    return np.stack([parts[group == k].sum(axis=0) for k in range(n_groups)])
