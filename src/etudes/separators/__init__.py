"""Separators take sound apart: ``model.separate(mixture) -> (n_sources, n_samples)``.

==========================================  ======================================================
:mod:`~etudes.separators.masking`           masks and what they are multiplied with
:mod:`~etudes.separators.oracle`            masks made from the answer
:mod:`~etudes.separators.nmf`               few spectra, each louder and softer in time
==========================================  ======================================================
"""

from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.nmf import SupervisedNMF, blind_components, by_nearest_stem
from etudes.separators.oracle import OracleMask, oracle_masks

__all__ = [
    "OracleMask",
    "SupervisedNMF",
    "apply_masks",
    "blind_components",
    "by_nearest_stem",
    "check_mixture",
    "oracle_masks",
]
