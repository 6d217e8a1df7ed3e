"""A network that makes masks, and a critic that tells its work from real sources.

The idea in a sentence: a mask generator is first trained with stems in hand, as any mask network
is; then a second network learns to tell estimates from sources, with the mixture beside them, and
the first learns to pass. In the line of Fan, Lai and Jang, "SVSGAN: singing voice separation via
generative adversarial network" (ICASSP 2018), with the least squares of Mao et al. (ICCV 2017) for
the two losses and spectral normalisation (Miyato et al., ICLR 2018) for the critic. Chapter 17.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from etudes.checks import check_positive_int
from etudes.features.spectra import check_sizes
from etudes.separators.mask_network import Listener, MaskNetwork, along_mixture
from etudes.separators.masking import HOP_LENGTH, N_FFT

__all__ = ["Critic", "MaskGenerator", "critic_loss", "passing_loss", "reachable"]

_FLOOR = 1e-3  # the critic sees 60 dB


class MaskGenerator(MaskNetwork, Listener):
    """A recurrent network from a mixture to one mask for each source, in a fixed order.

    Parameters
    ----------
    n_sources : int
        How many.
    width : int
        Units of each direction of each layer.
    n_layers : int
        Bidirectional LSTM layers.
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or window and hop do not fit each other.
    """

    def __init__(
        self,
        n_sources: int = 2,
        width: int = 96,
        n_layers: int = 2,
        n_fft: int = N_FFT,
        hop_length: int = HOP_LENGTH,
    ) -> None:
        check_positive_int(n_sources, "n_sources")
        check_sizes(n_fft, hop_length)
        super().__init__((n_fft // 2 + 1) * n_sources, width, n_layers, n_fft, hop_length)
        self.n_sources = n_sources

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Masks of mixtures.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, of mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Within 0…1, shape ``(n, n_sources, n_freq, n_frames)``, adding up to 1 over sources.
        """
        votes = self.listen(spectra).unflatten(-1, (self.n_sources, -1))
        return votes.permute(0, 2, 3, 1).softmax(dim=1)


class Critic(nn.Module):
    """A network that scores patches of sources, seen together with their mixture.

    Parameters
    ----------
    n_sources : int
        How many.
    width : int
        Channels of the first layer; the next two have twice and four times as many.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive.
    """

    def __init__(self, n_sources: int = 2, width: int = 16) -> None:
        super().__init__()
        width = check_positive_int(width, "width")
        channels = (1 + check_positive_int(n_sources, "n_sources"), width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for inward, outward in pairwise(channels):
            layers += [spectral_norm(nn.Conv2d(inward, outward, 5, 2, 2)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1)))

    def forward(self, mixture: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """Scores; 1 is what sources should get, 0 what estimates should.

        Parameters
        ----------
        mixture : torch.Tensor
            Magnitudes, shape ``(n, n_freq, n_frames)``.
        sources : torch.Tensor
            Magnitudes of what may be the sources, shape ``(n, n_sources, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, 1, n_rows, n_columns)``: one score for each patch, eight bins high and eight
            frames wide and seen with what is around it.
        """
        loudest = mixture.amax(dim=(1, 2))[:, None, None, None].clamp_min(1e-12)
        together = torch.cat([mixture[:, None], sources], dim=1) / loudest
        return self.layers(torch.log10(together + _FLOOR) + 1.5)


def reachable(spectra: torch.Tensor) -> torch.Tensor:
    """What the best mask at every place would let through: the critic's idea of a source.

    Parameters
    ----------
    spectra : torch.Tensor
        Of the stems, complex, shape ``(n, n_sources, n_freq, n_frames)``.

    Returns
    -------
    torch.Tensor
        Magnitudes from 0 to those of the mixture, of the same shape. The stems' own magnitudes can
        be larger than the mixture's, which no mask from 0 to 1 can make: a critic would see
        that at once and learn nothing else.
    """
    size, along = along_mixture(spectra)
    return along.clamp_min(0).minimum(size)


def critic_loss(of_sources: torch.Tensor, of_estimates: torch.Tensor) -> torch.Tensor:
    """How far a critic is from 1 for sources and 0 for estimates.

    Parameters
    ----------
    of_sources, of_estimates : torch.Tensor
        Its scores.

    Returns
    -------
    torch.Tensor
        A scalar, 0 or more.
    """
    return ((of_sources - 1).square().mean() + of_estimates.square().mean()) / 2


def passing_loss(of_estimates: torch.Tensor) -> torch.Tensor:
    """How far estimates are from passing for sources.

    Parameters
    ----------
    of_estimates : torch.Tensor
        The critic's scores.

    Returns
    -------
    torch.Tensor
        A scalar, 0 or more.
    """
    return (of_estimates - 1).square().mean() / 2
