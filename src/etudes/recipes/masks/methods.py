"""Every method of chapter 16 by its name in the ledger.

The idea in a sentence: each is a function of a mixture, and its name says what it was told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from sklearn.cluster import KMeans

from etudes.checks import check_in
from etudes.data.mixture import Mixture
from etudes.recipes.separation_training import training_stems
from etudes.separators import (
    DeepClustering,
    OracleMask,
    SpectralSeparator,
    SupervisedNMF,
    apply_masks,
    best_masks,
    blind_components,
    by_higher_note,
    by_nearest_stem,
    by_pitch,
    find_peaks,
    peak_masks,
)
from etudes.separators.masking import HOP_LENGTH, N_FFT
from etudes.separators.peaks import PEAK_HOP
from etudes.train import load_weights

__all__ = ["ANY_ORDER", "METHODS", "NAME", "Settings", "load_trained", "separate_by"]

NAME = "16-duets-deep-clustering"
"""Of the committed checkpoint."""


METHODS = {
    "ibm": "the ideal binary mask, made from the answer",
    "irm": "the ideal ratio mask, made from the answer",
    "wiener": "the Wiener mask, made from the answer",
    "psm": "the phase-sensitive mask, made from the answer",
    "best-mask": "the mask from 0 to 1 of least squared error, made from the answer",
    "nmf": "NMF with spectra of either source learned alone",
    "deep-clustering": "deep clustering",
    "spectral": "spectral clustering by pitch into two",
    "spectral-by-frequency": "spectral clustering into two by the frequencies of the peaks",
    "spectral-with-onset": "spectral clustering by pitch and common onset into two",
    "k-means-of-pitch": "k-means of the peaks' pitches",
    "higher-note": "the rule that the higher note is the upper voice's",
    "one-cut": "a cut of the spectrum at one frequency",
    "nmf-by-pitch": "blind NMF, its components grouped by pitch",
    "spectral-parts-by-pitch": "spectral clustering into many parts, grouped by pitch",
    "nmf-by-answer": "blind NMF, its components grouped by the answer",
    "spectral-parts-by-answer": "spectral clustering into many parts, grouped by the answer",
}
"""What the ledger calls each method."""

ANY_ORDER = frozenset(
    {
        "deep-clustering",
        "spectral",
        "spectral-by-frequency",
        "spectral-with-onset",
        "k-means-of-pitch",
    }
)
"""Methods that cannot know which voice is whose: the answer tells them, piece by piece."""


@dataclass(frozen=True)
class Settings:
    """What is chosen on validation hymns.

    Attributes
    ----------
    nmf
        Spectra of each source.
    blind
        Components of blind NMF.
    width
        Of the affinity, in semitones.
    parts, part_memory
        How many parts spectral clustering makes before grouping, and the affinity's memory then.
    cut_hertz
        Where the spectrum is cut in two.
    """

    nmf: int = 48
    blind: int = 48
    width: float = 4.0
    parts: int = 36
    part_memory: float = 0.8
    cut_hertz: float = 450.0


How = Callable[[Mixture, str, Settings], np.ndarray]

_REMEMBERED = 64  # mixtures whose components two methods share: more than any list of them holds


def separate_by(method: str, duet: str, settings: Settings) -> Callable[[Mixture], np.ndarray]:
    """A method as a function of a mixture.

    Parameters
    ----------
    method
        One of :data:`METHODS`.
    duet
        Which; only supervised NMF, which has learned its sources, asks.
    settings
        As chosen.

    Returns
    -------
    callable
        ``separate(mixture) -> (n_sources, n_samples)``.

    Raises
    ------
    ValueError
        When there is no such method.
    """
    how = _HOW[check_in(method, "method", METHODS)]
    return lambda mixture: how(mixture, duet, settings)


@cache
def supervised(duet: str, n_components: int, n_excerpts: int = 64) -> SupervisedNMF:
    """NMF that has learned both voices of a duet from training excerpts.

    Parameters
    ----------
    duet
        Which.
    n_components
        Spectra of each voice.
    n_excerpts
        From how many.

    Returns
    -------
    SupervisedNMF
    """
    heard = training_stems((duet,), n_excerpts)
    sources = [[stems[k] for stems in heard] for k in range(2)]
    return SupervisedNMF(n_components).fit(sources)


@cache
def load_trained() -> DeepClustering:
    """The committed network, in evaluation mode.

    Returns
    -------
    DeepClustering

    Raises
    ------
    ValueError
        When its weights are missing or damaged.
    """
    model = DeepClustering()
    load_weights(model, NAME)
    return model.eval()


def _oracle(kind: str) -> How:
    """A mask made from the answer."""
    return lambda m, duet, s: OracleMask(m.stems, kind).separate(m.mixture)


def _best_mask(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    return apply_masks(m.mixture, best_masks(m.stems))


def _nmf(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    return supervised(duet, s.nmf).separate(m.mixture)


def _deep_clustering(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    return load_trained().separate(m.mixture, len(m.stems))


def _spectral(**cues: object) -> How:
    """Spectral clustering into the two voices themselves."""
    return lambda m, duet, s: SpectralSeparator(width=s.width, **cues).separate(m.mixture)


@lru_cache(_REMEMBERED)
def _blind(m: Mixture, n_components: int) -> dict[str, np.ndarray]:
    """Blind NMF, its components grouped in both ways."""
    return _grouped(m, blind_components(m.mixture, n_components))


@lru_cache(_REMEMBERED)
def _parts(m: Mixture, n_parts: int, **cues: float) -> dict[str, np.ndarray]:
    """Spectral clustering into many parts, grouped in both ways."""
    return _grouped(m, SpectralSeparator(**cues).components(m.mixture, n_parts))


def _grouped(m: Mixture, components: np.ndarray) -> dict[str, np.ndarray]:
    """Components by pitch and by the answer: small to keep, as the components are not."""
    return {"pitch": by_pitch(components), "answer": by_nearest_stem(components, m.stems)}


def _blind_by(how: str) -> How:
    return lambda m, duet, s: _blind(m, s.blind)[how]


def _parts_by(how: str) -> How:
    return lambda m, duet, s: _parts(m, s.parts, width=s.width, memory=s.part_memory)[how]


def _k_means(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    """Peaks in two groups of pitches."""
    peaks = find_peaks(m.mixture)
    labels = KMeans(2, n_init=5, random_state=0).fit_predict(np.log(peaks.pitch)[:, None])
    return apply_masks(m.mixture, peak_masks(peaks, labels, 2), PEAK_HOP)


def _higher_note(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    return by_higher_note(m.mixture)


def _one_cut(m: Mixture, duet: str, s: Settings) -> np.ndarray:
    """Everything above a frequency, and everything below it."""
    above = np.arange(N_FFT // 2 + 1) * m.sample_rate / N_FFT > s.cut_hertz
    n_frames = 1 + m.mixture.size // HOP_LENGTH
    masks = np.repeat(np.stack([above, ~above])[:, :, None], n_frames, axis=2)
    return apply_masks(m.mixture, masks.astype(np.float32))


_HOW: dict[str, How] = {
    "ibm": _oracle("binary"),
    "irm": _oracle("ratio"),
    "wiener": _oracle("wiener"),
    "psm": _oracle("phase-sensitive"),
    "best-mask": _best_mask,
    "nmf": _nmf,
    "deep-clustering": _deep_clustering,
    "spectral": _spectral(),
    "spectral-by-frequency": _spectral(by="frequency"),
    "spectral-with-onset": _spectral(onset=0.06),
    "k-means-of-pitch": _k_means,
    "higher-note": _higher_note,
    "one-cut": _one_cut,
    "nmf-by-pitch": _blind_by("pitch"),
    "nmf-by-answer": _blind_by("answer"),
    "spectral-parts-by-pitch": _parts_by("pitch"),
    "spectral-parts-by-answer": _parts_by("answer"),
}
