"""The loudest peaks of a spectrogram as points, each with the note that it may be a partial of.

The idea in a sentence: most places of a spectrogram hold little, so a few hundred peaks a second
stand for all, and what is decided about a peak holds for the places around it. McAulay and
Quatieri, "Speech analysis/synthesis based on a sinusoidal representation" (IEEE TASSP 34, 1986).
Chapter 16 clusters them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int, check_sample_rate
from etudes.features import fundamentals, magnitude
from etudes.separators.masking import check_mixture

__all__ = ["MOST_PEAKS", "PEAK_FFT", "PEAK_HOP", "Peaks", "find_peaks", "peak_masks"]

PEAK_FFT, PEAK_HOP = 1024, 256
"""Window and hop of the peaks: 128 ms tell the partials of a bass apart, 64 ms do not."""

MOST_PEAKS = 1500
"""As many as are looked at together: an affinity is a square matrix."""

_FLOOR, _FRAME_FLOOR = 10 ** (-40 / 20), 10 ** (-30 / 20)  # below the loudest place, of its frame
_SAME_NOTE = 1.02  # fundamentals nearer than a third of a semitone
_RISE = 2.0  # a partial that has become so many times louder within three hops has just begun


@dataclass(frozen=True, eq=False)
class Peaks:
    """The loudest peaks of a spectrogram, as points.

    Attributes
    ----------
    frame, bin : numpy.ndarray
        Where each stands, integers, shape ``(n_points,)``.
    hertz : numpy.ndarray
        Its frequency, between bins.
    pitch : numpy.ndarray
        Fundamental in Hz of the note in its frame whose partial it seems to be.
    rank : numpy.ndarray
        How many notes of its frame are higher than that one: 0 for the highest.
    onset : numpy.ndarray
        Frame in which it seems to have begun.
    level : numpy.ndarray
        Magnitude.
    shape : tuple of int
        Of the spectrogram, ``(n_freq, n_frames)``.
    seconds_per_frame : float
        From one frame to the next.
    """

    frame: np.ndarray
    bin: np.ndarray
    hertz: np.ndarray
    pitch: np.ndarray
    rank: np.ndarray
    onset: np.ndarray
    level: np.ndarray
    shape: tuple[int, int]
    seconds_per_frame: float

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.frame)

    def __getitem__(self, index: np.ndarray) -> Peaks:
        """Return some of the points."""
        points = ("frame", "bin", "hertz", "pitch", "rank", "onset", "level")
        return replace(self, **{name: getattr(self, name)[index] for name in points})


def find_peaks(
    mixture: Any, n_sources: int = 2, sample_rate: int = 8000, most: int = MOST_PEAKS
) -> Peaks:
    """The peaks of a mixture's spectrogram, each with the note that it may be a partial of.

    Parameters
    ----------
    mixture : array_like
        Waveform, shape ``(n_samples,)``.
    n_sources : int
        How many notes are looked for in each frame.
    sample_rate : int
        In Hz.
    most : int
        Keep so many, the loudest: the affinity is a square matrix.

    Returns
    -------
    Peaks

    Raises
    ------
    TypeError, ValueError
        When the mixture is not a waveform, too short, or silent.
    """
    x = check_mixture(mixture, PEAK_FFT)
    check_positive_int(n_sources, "n_sources")
    rate, most = check_sample_rate(sample_rate), check_positive_int(most, "most")
    size = magnitude(x, PEAK_FFT, PEAK_HOP)
    middle = size[1:-1]
    is_peak = (middle > size[:-2]) & (middle >= size[2:])
    is_peak &= (middle > _FLOOR * size.max()) & (middle > _FRAME_FLOOR * size.max(axis=0))
    bins, frames = np.nonzero(is_peak)
    loudest = np.sort(np.argsort(size[bins + 1, frames])[-most:])
    bins, frames = bins[loudest] + 1, frames[loudest]
    hertz = _between_bins(size, bins, frames) * rate / PEAK_FFT
    notes = fundamentals(size, rate, n_sources)
    own = _nearest_note(hertz, notes[:, frames], rate / PEAK_FFT)
    rank = (notes[None] > _SAME_NOTE * notes[:, None]).sum(axis=1)
    return Peaks(
        frame=frames,
        bin=bins,
        hertz=hertz,
        pitch=notes[own, frames],
        rank=rank[own, frames],
        onset=_onsets(size)[bins, frames],
        level=size[bins, frames],
        shape=size.shape,
        seconds_per_frame=PEAK_HOP / rate,
    )


def peak_masks(peaks: Peaks, labels: Any, n_labels: int) -> np.ndarray:
    """Masks from labelled peaks: every place goes where the nearest peak of its frame goes.

    Parameters
    ----------
    peaks : Peaks
        The points.
    labels : array_like
        Of each, integers from 0, shape ``(n_points,)``.
    n_labels : int
        How many masks.

    Returns
    -------
    numpy.ndarray
        Float32, 0 or 1, shape ``(n_labels, n_freq, n_frames)``; equal shares in frames without a
        peak.

    Raises
    ------
    TypeError, ValueError
        When there is not one label for each peak, or a label is none of 0 to ``n_labels - 1``.
    """
    label = check_array(labels, "labels", shape=(len(peaks),), allow_empty=True)
    check_positive_int(n_labels, "n_labels")
    if wrong := set(label.tolist()) - set(range(n_labels)):
        raise ValueError(f"labels must be integers from 0 to {n_labels - 1}, got {min(wrong):g}")
    n_freq, n_frames = peaks.shape
    masks = np.full((n_labels, n_freq, n_frames), 1 / n_labels)
    for frame in np.unique(peaks.frame):
        here = peaks.frame == frame
        distance = np.abs(np.arange(n_freq)[:, None] - peaks.bin[here])
        owner = label[here][distance.argmin(axis=1)]
        masks[:, :, frame] = owner == np.arange(n_labels)[:, None]
    return masks.astype(np.float32)


def _between_bins(size: np.ndarray, bins: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Where a parabola through a peak and its neighbours, in logarithms, is highest, in bins."""
    below, peak, above = (np.log(size[bins + k, frames] + 1e-9) for k in (-1, 0, 1))
    return bins + 0.5 * (below - above) / np.minimum(below - 2 * peak + above, -1e-9)


def _nearest_note(hertz: np.ndarray, notes: np.ndarray, hertz_per_bin: float) -> np.ndarray:
    """Which note each peak is best explained by: near to a multiple, and to a low one."""
    number = np.maximum(np.round(hertz / notes), 1)
    return (np.abs(hertz - number * notes) / hertz_per_bin + 0.05 * number).argmin(axis=0)


def _onsets(size: np.ndarray) -> np.ndarray:
    """The frame in which what sounds at each place began: the last in which it grew quickly."""
    around = np.maximum(size, np.maximum(np.roll(size, 1, axis=0), np.roll(size, -1, axis=0)))
    grows = np.zeros(size.shape, dtype=bool)
    grows[:, 3:] = around[:, 3:] > _RISE * around[:, :-3]
    begins = grows & ~np.roll(grows, 1, axis=1)
    return np.maximum.accumulate(np.where(begins, np.arange(size.shape[1]), 0), axis=1)
