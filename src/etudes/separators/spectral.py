"""Spectral clustering: partials that belong together, from how much each pair has in common.

The idea in a sentence: every peak of a spectrogram is a point, an *affinity* says for each two of
them how likely one voice made both, and the cheapest cut of that graph, found from the leading
eigenvectors of its normalised matrix, is the separation. Shi and Malik, "Normalized cuts and image
segmentation" (IEEE PAMI 22, 2000); Ng, Jordan and Weiss (NIPS 2001); for sound Bach and Jordan,
"Learning spectral clustering, with application to speech separation" (JMLR 7, 2006). The
clustering is scikit-learn's; nothing is learned. Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import SpectralClustering

from etudes.checks import (
    check_array,
    check_in,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
)
from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.peaks import MOST_PEAKS, PEAK_FFT, PEAK_HOP, Peaks, find_peaks, peak_masks

__all__ = ["SpectralSeparator", "affinity", "cut"]

_BLOCK = 10.0  # seconds that are clustered at once
_EVERYWHERE = 0.05  # of the mean affinity, between all points: no peak is an island
_NO_PEAKS = Peaks(*np.zeros((7, 0)), shape=(0, 0), seconds_per_frame=1.0)


def affinity(
    peaks: Peaks,
    by: str = "pitch",
    width: float = 4.0,
    memory: float | None = None,
    onset: float | None = None,
) -> np.ndarray:
    """How likely each two peaks are to be of one voice.

    Parameters
    ----------
    peaks : Peaks
        The points.
    by : {"pitch", "frequency"}
        What must be alike: the fundamentals that the peaks are partials of (harmonicity), or the
        frequencies of the peaks themselves.
    width : float
        In semitones: so far apart, the affinity has fallen to 0.61.
    memory : float, optional
        In seconds: so far apart in time, it has fallen to 0.61 as well. Without it, time plays no
        part.
    onset : float, optional
        In seconds: by so much later, of two peaks that sound at once, one began; the affinity has
        fallen to 0.61 then. Without it, beginnings play no part.

    Returns
    -------
    numpy.ndarray
        From 0 to 1, symmetric, shape ``(n_points, n_points)``.

    Raises
    ------
    TypeError, ValueError
        When a width is not positive, or `by` is unknown.
    """
    values = peaks.pitch if check_in(by, "by", ("pitch", "frequency")) == "pitch" else peaks.hertz
    found = _closeness(12 * np.log2(values), check_positive_float(width, "width"))
    time = peaks.frame * peaks.seconds_per_frame
    if memory is not None:
        found *= _closeness(time, check_positive_float(memory, "memory"))
    if onset is not None:
        began = peaks.onset * peaks.seconds_per_frame
        together = np.abs(peaks.frame[:, None] - peaks.frame) <= 2
        alike = _closeness(began, check_positive_float(onset, "onset"))
        found *= np.where(together, alike, 1)
    return found


def cut(affinities: Any, n_clusters: int, seed: int = 0) -> np.ndarray:
    """Cut a graph where it holds together least.

    Parameters
    ----------
    affinities : array_like
        0 or more, symmetric, shape ``(n_points, n_points)``.
    n_clusters : int
        Into how many parts.
    seed : int
        Of the eigenvectors' start and of k-means.

    Returns
    -------
    numpy.ndarray
        The part of each point, integers from 0, shape ``(n_points,)``.

    Raises
    ------
    TypeError, ValueError
        When the matrix is not square and symmetric, negative, or has fewer points than parts, or
        the seed is negative.

    Notes
    -----
    A twentieth of the mean affinity is added everywhere, so that a few stray points do not make
    the cheapest cut (Amini, Chen, Bickel and Levina, *Annals of Statistics* 41, 2013).
    """
    w = check_array(affinities, "affinities", ndim=2)
    n_clusters = check_positive_int(n_clusters, "n_clusters")
    seed = check_positive_int(seed, "seed", allow_zero=True)
    if w.shape[0] != w.shape[1] or not np.allclose(w, w.T):
        raise ValueError(f"affinities must be square and symmetric, got shape {w.shape}")
    if w.min() < 0:
        raise ValueError(f"affinities must be 0 or more, got {w.min():g}")
    if len(w) < n_clusters:
        raise ValueError(f"affinities must be of {n_clusters} points or more, got {len(w)}")
    if n_clusters == 1:
        return np.zeros(len(w), dtype=int)
    model = SpectralClustering(n_clusters, affinity="precomputed", n_init=5, random_state=seed)
    return model.fit_predict(w + _EVERYWHERE * w.mean() + 1e-12)


class SpectralSeparator:
    """Takes a mixture apart by cutting the graph of its peaks.

    Parameters
    ----------
    n_sources : int
        How many voices.
    sample_rate : int
        In Hz.
    seed : int
        Of :func:`cut`.
    **cues
        Of :func:`affinity`.

    Raises
    ------
    TypeError, ValueError
        When a number is out of range, or there is no such cue.
    """

    def __init__(
        self, n_sources: int = 2, sample_rate: int = 8000, seed: int = 0, **cues: Any
    ) -> None:
        self.n_sources = check_positive_int(n_sources, "n_sources")
        self.sample_rate = check_sample_rate(sample_rate)
        self.seed, self.cues = check_positive_int(seed, "seed", allow_zero=True), cues
        affinity(_NO_PEAKS, **cues)  # complains of a cue now, not at the first mixture

    def components(self, mixture: Any, n_components: int) -> np.ndarray:
        """Cut a mixture into parts, of which there may be more than voices.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        n_components : int
            Into how many; of a mixture longer than ten seconds, in each ten seconds.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_components, n_samples)``, the highest first; they add up to the
            mixture.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        x = check_mixture(mixture, PEAK_FFT)
        n_components = check_positive_int(n_components, "n_components")
        n_blocks = max(1, round(x.size / (_BLOCK * self.sample_rate)))
        peaks = find_peaks(x, self.n_sources, self.sample_rate, MOST_PEAKS * n_blocks)
        labels = np.zeros(len(peaks), dtype=int)
        block = peaks.frame * n_blocks // peaks.shape[1]
        for number in range(n_blocks):
            labels[block == number] = self._labels(peaks[block == number], n_components)
        return apply_masks(x, peak_masks(peaks, labels, n_components), PEAK_HOP)

    def separate(self, mixture: Any) -> np.ndarray:
        """Take a mixture apart.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_sources, n_samples)``, the highest voice first; the estimates add up
            to the mixture.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        return self.components(mixture, self.n_sources)

    def _labels(self, peaks: Peaks, n_clusters: int) -> np.ndarray:
        """Clusters of some peaks, the one with the highest mean pitch first."""
        n = min(n_clusters, len(peaks))
        if n < 1:
            return np.zeros(0, dtype=int)
        label = cut(affinity(peaks, **self.cues), n, self.seed)
        height = [np.log(peaks.pitch[label == k]).mean() for k in range(n)]
        return np.argsort(np.argsort(-np.array(height)))[label]


def _closeness(values: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian of the difference of every pair."""
    return np.exp(-0.5 * ((values[:, None] - values) / width) ** 2)
