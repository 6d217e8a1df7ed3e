"""Deep clustering: spectral clustering whose affinity is learned.

The idea in a sentence: a network gives every place of the spectrogram a short vector such that
places of one source point the same way and places of two sources do not; k-means finds the
directions in a mixture of sources that it may never have heard. Hershey, Chen, Le Roux and
Watanabe, "Deep clustering: discriminative embeddings for segmentation and separation" (ICASSP
2016); the soft assignment is of Isik et al. (Interspeech 2016), weights by loudness of Wang, Le
Roux and Hershey (ICASSP 2018). Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import nn

from etudes.checks import check_positive_float, check_positive_int
from etudes.features.spectra import check_sizes
from etudes.separators.mask_network import Listener
from etudes.separators.masking import HOP_LENGTH, N_FFT, apply_masks, check_mixture

__all__ = ["DeepClustering", "affinity_loss"]

_AUDIBLE = 1e-2  # places more than 40 dB below the loudest belong to nobody


class DeepClustering(Listener):
    """A network that describes each place of a spectrogram by a unit vector.

    Parameters
    ----------
    n_dimensions : int
        Of the vectors.
    width : int
        Units of each direction of each layer.
    n_layers : int
        Bidirectional LSTM layers: what came before and what comes after are both heard.
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or window and hop do not fit each other.
    """

    def __init__(
        self,
        n_dimensions: int = 6,
        width: int = 96,
        n_layers: int = 2,
        n_fft: int = N_FFT,
        hop_length: int = HOP_LENGTH,
    ) -> None:
        check_positive_int(n_dimensions, "n_dimensions")
        check_sizes(n_fft, hop_length)
        super().__init__((n_fft // 2 + 1) * n_dimensions, width, n_layers, n_fft, hop_length)
        self.n_dimensions = n_dimensions

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Vectors of all places.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, of mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Of length 1, shape ``(n, n_freq, n_frames, n_dimensions)``.
        """
        vectors = self.listen(spectra).unflatten(-1, (-1, self.n_dimensions)).transpose(1, 2)
        return nn.functional.normalize(vectors, dim=-1)

    def loss(self, stems: torch.Tensor) -> torch.Tensor:
        """How wrong the affinities of some mixtures are.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_sources, n_samples)``; the mixtures are their sums.

        Returns
        -------
        torch.Tensor
            A scalar, 0 or more.
        """
        each = self.stft(stems)
        spectra = each.sum(dim=1)
        owners = nn.functional.one_hot(each.abs().argmax(dim=1), stems.shape[1])
        return affinity_loss(self(spectra), owners, _importance(spectra.abs()))

    def separate(self, mixture: Any, n_sources: int = 2, hardness: float = 5.0) -> np.ndarray:
        """Take a mixture apart.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        n_sources : int
            How many sources.
        hardness : float
            A place's share in a source falls with the squared distance ``d`` to its centre as
            ``exp(-hardness * d)``; infinite gives it to the nearest.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_sources, n_samples)``, in no particular order; the estimates add up
            to the mixture.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        x = check_mixture(mixture, self.n_fft)
        n_sources = check_positive_int(n_sources, "n_sources")
        if hardness != np.inf:
            check_positive_float(hardness, "hardness")
        with torch.no_grad():
            spectra = self.stft(torch.from_numpy(x)[None])
            vectors = self(spectra)[0].cpu().numpy()
            weight = _importance(spectra.abs())[0].cpu().numpy()
        centres = KMeans(n_sources, n_init=4, random_state=0)
        audible = weight > 0
        centres.fit(vectors[audible], sample_weight=weight[audible])
        distance = np.stack(
            [((vectors - centre) ** 2).sum(axis=-1) for centre in centres.cluster_centers_]
        )
        nearest = distance == distance.min(axis=0)
        if hardness == np.inf:
            return apply_masks(x, nearest / nearest.sum(axis=0), self.hop_length)
        share = np.exp(-hardness * (distance - distance.min(axis=0)))
        return apply_masks(x, share / share.sum(axis=0), self.hop_length)


def affinity_loss(
    vectors: torch.Tensor, owners: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Squared error of affinities, over all pairs of places.

    Parameters
    ----------
    vectors : torch.Tensor
        Shape ``(n, ..., n_dimensions)``.
    owners : torch.Tensor
        One-hot, shape ``(n, ..., n_sources)``.
    weights : torch.Tensor
        How much each place counts, 0 or more, shape ``(n, ...)``.

    Returns
    -------
    torch.Tensor
        A scalar: ``sum_ij w_i w_j (v_i·v_j − y_i·y_j)²`` with weights that add up to 1, a mean over
        mixtures.

    Notes
    -----
    With V and Y as matrices this is ``|VᵀV|² − 2|VᵀY|² + |YᵀY|²``, so that the affinity of two
    hundred thousand places is never written down (Hershey et al. 2016, equation 3).
    """
    w = weights.flatten(1)
    root = (w / w.sum(dim=1, keepdim=True).clamp_min(1e-12)).sqrt()[..., None]
    v = vectors.flatten(1, -2) * root
    y = owners.to(v.dtype).flatten(1, -2) * root

    def squared(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a.transpose(1, 2) @ b).square().sum(dim=(1, 2))

    return (squared(v, v) - 2 * squared(v, y) + squared(y, y)).mean()


def _importance(size: torch.Tensor) -> torch.Tensor:
    """How much each place counts: the root of its magnitude, and nothing where it is inaudible."""
    return size.sqrt() * (size > _AUDIBLE * size.amax(dim=(1, 2), keepdim=True))
