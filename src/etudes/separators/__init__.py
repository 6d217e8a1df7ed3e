"""Separators take sound apart: ``model.separate(mixture) -> (n_sources, n_samples)``.

==========================================  ======================================================
:mod:`~etudes.separators.masking`           masks and what they are multiplied with
:mod:`~etudes.separators.oracle`            masks made from the answer
==========================================  ======================================================
"""

from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.oracle import OracleMask, oracle_masks

__all__ = ["OracleMask", "apply_masks", "check_mixture", "oracle_masks"]
