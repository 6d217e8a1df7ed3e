"""Masks made by somebody who knows the answer: how far can masking go?

The idea in a sentence: from the stems themselves one can write down the mask that a learned one
should come near to, and hear what is lost even so. Four of them: *binary* (everything to the
loudest), *ratio* of magnitudes, *Wiener* (ratio of powers), and *phase-sensitive* (Erdogan,
Hershey, Watanabe and Le Roux, ICASSP 2015), which also knows how far the phase of each stem is from
that of the mixture. Wang and Chen, "Supervised speech separation based on deep learning: an
overview" (IEEE/ACM TASLP 26, 2018) has them all. Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_in
from etudes.features import stft
from etudes.separators.masking import (
    HOP_LENGTH,
    N_FFT,
    apply_masks,
    check_mixture,
    check_stems,
    shares,
)

__all__ = ["KINDS", "OracleMask", "oracle_masks"]

KINDS = ("binary", "ratio", "wiener", "phase-sensitive")


def oracle_masks(
    stems: Any, kind: str = "ratio", n_fft: int = N_FFT, hop_length: int = HOP_LENGTH
) -> np.ndarray:
    """The mask of each stem, as somebody would write it down who has heard the stems.

    Parameters
    ----------
    stems : array_like
        Waveforms, shape ``(n_sources, n_samples)``; the mixture is their sum.
    kind : {"binary", "ratio", "wiener", "phase-sensitive"}
        Which.
    n_fft, hop_length : int
        Window and hop in samples.

    Returns
    -------
    numpy.ndarray
        Float32 within 0…1, shape ``(n_sources, n_fft // 2 + 1, n_frames)``. All but the
        phase-sensitive ones add up to 1; where nothing sounds, every source has the same share.

    Raises
    ------
    TypeError, ValueError
        When the stems are fewer than two, not finite, or all silent; or there is no such kind.

    Examples
    --------
    >>> stems = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    >>> oracle_masks(stems, "binary").shape
    (2, 257, 32)
    """
    x = check_stems(stems)
    check_in(kind, "kind", KINDS)
    check_mixture(x.sum(axis=0), n_fft)
    spectra = stft(x, n_fft, hop_length)
    size = np.abs(spectra)
    if kind == "binary":
        loudest = size.argmax(axis=0)
        return (loudest == np.arange(len(x))[:, None, None]).astype(np.float32)
    if kind == "phase-sensitive":
        mixture = spectra.sum(axis=0)
        power = np.abs(mixture) ** 2
        along = (spectra * mixture.conj()).real  # of each stem, in the direction of the mixture
        mask = np.divide(along, power, out=np.zeros_like(along), where=power > 0)
        return np.clip(mask, 0, 1)
    return shares(size if kind == "ratio" else size**2)


class OracleMask:
    """A separator that has heard the stems: what masks can do, not what anybody can do.

    Parameters
    ----------
    stems : array_like
        Waveforms, shape ``(n_sources, n_samples)``.
    kind : {"binary", "ratio", "wiener", "phase-sensitive"}
        Which mask.
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        As from :func:`oracle_masks`.
    """

    def __init__(
        self, stems: Any, kind: str = "ratio", n_fft: int = N_FFT, hop_length: int = HOP_LENGTH
    ) -> None:
        self.n_samples, self.n_fft, self.hop_length = np.shape(stems)[-1], n_fft, hop_length
        self.masks = oracle_masks(stems, kind, n_fft, hop_length)

    def separate(self, mixture: Any) -> np.ndarray:
        """Take the mixture apart.

        Parameters
        ----------
        mixture : array_like
            The sum of the stems, shape ``(n_samples,)``.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_sources, n_samples)``, in the order of the stems.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform as long as the stems, or is silent.
        """
        x = check_mixture(mixture, self.n_fft)
        if x.size != self.n_samples:
            raise ValueError(
                f"mixture must be as long as the stems, {self.n_samples} samples, got {x.size}"
            )
        return apply_masks(x, self.masks, self.hop_length)
