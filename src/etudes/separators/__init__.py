"""Separators take sound apart: ``model.separate(mixture) -> (n_sources, n_samples)``.

==========================================  ======================================================
:mod:`~etudes.separators.masking`           masks and what they are multiplied with
:mod:`~etudes.separators.oracle`            masks made from the answer
:mod:`~etudes.separators.best_masks`        the mask with the least squared error
:mod:`~etudes.separators.nmf`               few spectra, each louder and softer in time
:mod:`~etudes.separators.grouping`          which parts are one voice's
:mod:`~etudes.separators.peaks`             the loudest peaks of a spectrogram, as points
:mod:`~etudes.separators.spectral`          cutting the graph of those points
:mod:`~etudes.separators.deep_clustering`   the same with an affinity that is learned
:mod:`~etudes.separators.torch_stft`        spectra through which gradients flow
==========================================  ======================================================
"""

from etudes.separators.best_masks import best_masks
from etudes.separators.deep_clustering import DeepClustering
from etudes.separators.grouping import by_higher_note, by_nearest_stem, by_pitch
from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.nmf import SupervisedNMF, blind_components
from etudes.separators.oracle import OracleMask, oracle_masks
from etudes.separators.peaks import find_peaks, peak_masks
from etudes.separators.spectral import SpectralSeparator, affinity, cut

__all__ = [
    "DeepClustering",
    "OracleMask",
    "SpectralSeparator",
    "SupervisedNMF",
    "affinity",
    "apply_masks",
    "best_masks",
    "blind_components",
    "by_higher_note",
    "by_nearest_stem",
    "by_pitch",
    "check_mixture",
    "cut",
    "find_peaks",
    "oracle_masks",
    "peak_masks",
]
