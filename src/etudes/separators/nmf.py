"""Non-negative matrix factorisation: a spectrogram as few spectra, each louder and softer in time.

Lee and Seung, "Learning the parts of objects by non-negative matrix factorization" (Nature 401,
1999); for polyphonic music Smaragdis and Brown (WASPAA 2003). *Supervised*: learn each source's
spectra from the source alone, then ask how loud each must be to make the mixture. *Blind*: learn
spectra from the mixture itself, and find out afterwards which belong together. The divergence is
Kullback and Leibler's, which does not let loud places decide everything (Févotte, Bertin and
Durrieu, *Neural Computation* 21, 2009). Chapter 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import non_negative_factorization

from etudes.checks import check_positive_int, check_waveform
from etudes.features import magnitude
from etudes.separators.masking import (
    HOP_LENGTH,
    N_FFT,
    apply_masks,
    check_mixture,
    shares,
)

__all__ = ["SupervisedNMF", "blind_components"]

_TINY = 1e-8  # added to every magnitude: the divergence has a logarithm in it


def _factorise(
    spectrogram: np.ndarray, n_components: int, n_iter: int, seed: int, bases: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Bases (n_freq, n_components) and activations (n_components, n_frames) of a spectrogram."""
    activations, found, _ = non_negative_factorization(
        spectrogram.T + _TINY,
        H=None if bases is None else np.ascontiguousarray(bases.T),
        n_components=n_components,
        init="random" if bases is None else None,
        update_H=bases is None,
        solver="mu",
        beta_loss="kullback-leibler",
        tol=0,
        max_iter=n_iter,
        random_state=seed,
    )
    return found.T, activations.T


class SupervisedNMF:
    """Spectra learned from each source alone, and their loudness found in the mixture.

    Parameters
    ----------
    n_components : int
        Spectra of each source.
    n_iter : int
        Updates, of learning and of separating.
    most_frames : int
        Learn each source's spectra from at most so many moments, drawn once and for all.
    seed : int
        Of the start, and of which moments.
    n_fft, hop_length : int
        Window and hop in samples.

    Attributes
    ----------
    bases : numpy.ndarray
        Shape ``(n_sources, n_fft // 2 + 1, n_components)``, after :meth:`fit`.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or the seed negative.
    """

    bases: np.ndarray

    def __init__(
        self,
        n_components: int = 48,
        n_iter: int = 100,
        most_frames: int = 6000,
        seed: int = 0,
        n_fft: int = N_FFT,
        hop_length: int = HOP_LENGTH,
    ) -> None:
        self.n_components = check_positive_int(n_components, "n_components")
        self.n_iter = check_positive_int(n_iter, "n_iter")
        self.most_frames = check_positive_int(most_frames, "most_frames")
        self.seed = check_positive_int(seed, "seed", allow_zero=True)
        self.n_fft, self.hop_length = n_fft, hop_length

    def fit(self, sources: Sequence[Sequence[Any]]) -> SupervisedNMF:
        """Learn what each source is made of.

        Parameters
        ----------
        sources : sequence of sequences of array_like
            For each of two sources or more, waveforms in which it sounds alone.

        Returns
        -------
        SupervisedNMF
            Itself.

        Raises
        ------
        TypeError, ValueError
            When there are fewer than two sources, one has no waveform, is silent, or holds NaN.
        """
        if len(sources) < 2:
            raise ValueError(f"sources must be two or more, got {len(sources)}")
        rng, learned = np.random.default_rng(self.seed), []
        for number, waveforms in enumerate(sources):
            if not len(waveforms):
                raise ValueError(f"sources[{number}] must hold a waveform, got none")
            spectra = [
                magnitude(check_waveform(x, f"sources[{number}]"), self.n_fft, self.hop_length)
                for x in waveforms
            ]
            frames = np.concatenate(spectra, axis=1)
            frames = frames[:, frames.any(axis=0)]
            if not frames.size:
                raise ValueError(f"sources[{number}] must not be silent")
            some = rng.permutation(frames.shape[1])[: self.most_frames]
            bases, _ = _factorise(frames[:, some], self.n_components, self.n_iter, self.seed)
            learned.append(bases / bases.sum(axis=0))
        self.bases = np.stack(learned)
        return self

    def separate(self, mixture: Any) -> np.ndarray:
        """Take a mixture apart.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_sources, n_samples)``, in the order of :meth:`fit`; the estimates
            add up to the mixture.

        Raises
        ------
        RuntimeError
            Before :meth:`fit`.
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        if not hasattr(self, "bases"):
            raise RuntimeError("fit must be called before separate: there are no spectra yet")
        x = check_mixture(mixture, self.n_fft)
        spectrogram = magnitude(x, self.n_fft, self.hop_length)
        together = np.concatenate(list(self.bases), axis=1)
        _, loud = _factorise(spectrogram, together.shape[1], self.n_iter, self.seed, together)
        parts = [
            bases @ activations
            for bases, activations in zip(self.bases, np.split(loud, len(self.bases)), strict=True)
        ]
        return apply_masks(x, shares(np.stack(parts)), self.hop_length)


def blind_components(
    mixture: Any,
    n_components: int = 16,
    n_iter: int = 200,
    seed: int = 0,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
) -> np.ndarray:
    """The parts that a mixture falls into when nothing is known about it.

    Parameters
    ----------
    mixture : array_like
        Waveform, shape ``(n_samples,)``.
    n_components : int
        How many parts; a part is often a note, seldom a voice.
    n_iter, seed, n_fft, hop_length : int
        As for :class:`SupervisedNMF`.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_components, n_samples)``; they add up to the mixture.

    Raises
    ------
    TypeError, ValueError
        When the mixture is not a waveform, too short, or silent; a number is not positive, or the
        seed negative.
    """
    x = check_mixture(mixture, n_fft)
    n_components = check_positive_int(n_components, "n_components")
    n_iter = check_positive_int(n_iter, "n_iter")
    seed = check_positive_int(seed, "seed", allow_zero=True)
    spectrogram = magnitude(x, n_fft, hop_length)
    bases, loud = _factorise(spectrogram, n_components, n_iter, seed)
    return apply_masks(x, shares(bases.T[:, :, None] * loud[:, None]), hop_length)
