"""What the networks that listen to a mixture share: how they hear it, and how masks are made of it.

The idea in a sentence: whatever hears the spectrum of a mixture, a recurrent network or one of
convolutions, if it ends in one mask for each source, one loss trains it and one line separates. The
loss is that of Erdogan, Hershey, Watanabe and Le Roux (ICASSP 2015). Chapters 16 to 18.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_int
from etudes.features.spectra import check_sizes
from etudes.separators.masking import HOP_LENGTH, N_FFT, apply_masks, check_mixture
from etudes.separators.torch_stft import log_magnitude, stft

__all__ = ["Listener", "MaskNetwork", "SpectralNetwork", "along_mixture", "mask_loss"]


class SpectralNetwork(nn.Module):
    """A network with a window of its own.

    Parameters
    ----------
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        When they are not positive, or do not fit each other.
    """

    def __init__(self, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> None:
        super().__init__()
        check_sizes(n_fft, hop_length)
        self.n_fft, self.hop_length = n_fft, hop_length

    def stft(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Spectra with this network's window.

        Parameters
        ----------
        waveforms : torch.Tensor
            Shape ``(..., n_samples)``.

        Returns
        -------
        torch.Tensor
            Complex, on the network's device, shape ``(..., n_freq, n_frames)``.
        """
        device = next(self.parameters()).device
        return stft(waveforms.to(device), self.n_fft, self.hop_length)


class Listener(SpectralNetwork):
    """A bidirectional LSTM on the spectra of mixtures, and a linear layer.

    Parameters
    ----------
    n_outward : int
        Numbers that are told of each frame.
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
        n_outward: int,
        width: int = 96,
        n_layers: int = 2,
        n_fft: int = N_FFT,
        hop_length: int = HOP_LENGTH,
    ) -> None:
        super().__init__(n_fft, hop_length)
        self.recurrent = nn.LSTM(
            n_fft // 2 + 1,
            check_positive_int(width, "width"),
            check_positive_int(n_layers, "n_layers"),
            batch_first=True,
            bidirectional=True,
        )
        self.outward = nn.Linear(2 * width, n_outward)

    def listen(self, spectra: torch.Tensor) -> torch.Tensor:
        """What is told of each frame.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, of mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, n_frames, n_outward)``.
        """
        heard, _ = self.recurrent(log_magnitude(spectra).transpose(1, 2))
        return self.outward(heard)


class MaskNetwork(SpectralNetwork):
    """A network whose ``forward`` makes masks of spectra; they add up to 1 over sources."""

    def loss(self, stems: torch.Tensor) -> torch.Tensor:
        """How wrong the masks of some mixtures are: :func:`mask_loss`.

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
        return mask_loss(self(each.sum(dim=1)), each)

    def separate(self, mixture: Any) -> np.ndarray:
        """Take a mixture apart.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_sources, n_samples)``, in the order of training; the estimates add
            up to the mixture.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        x = check_mixture(mixture, self.n_fft)
        with torch.no_grad():
            masks = self(self.stft(torch.from_numpy(x)[None]))
        return apply_masks(x, masks[0].clamp(0, 1).cpu().numpy(), self.hop_length)


def along_mixture(spectra: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mixture's magnitude, and as much of each stem as points along the mixture.

    Parameters
    ----------
    spectra : torch.Tensor
        Of the stems, complex, shape ``(n, n_sources, n_freq, n_frames)``.

    Returns
    -------
    size, along : torch.Tensor
        ``|X|``, shape ``(n, 1, n_freq, n_frames)``, and ``|S| cos θ``, of the shape of `spectra`.
    """
    mixture = spectra.sum(dim=1, keepdim=True)
    size = mixture.abs()
    return size, (spectra * mixture.conj()).real / size.clamp_min(1e-12)


def mask_loss(masks: torch.Tensor, spectra: torch.Tensor) -> torch.Tensor:
    """Squared error of masks, as far as a mask can help.

    Parameters
    ----------
    masks : torch.Tensor
        Shape ``(n, n_sources, n_freq, n_frames)``.
    spectra : torch.Tensor
        Of the stems, complex, of the same shape; mixtures are their sums.

    Returns
    -------
    torch.Tensor
        A scalar: mean of ``(M |X| − |S| cos θ)²`` with θ between stem and mixture, for a mixture
        whose loudest place is 1, times 1000. It differs from the error of ``M X`` by what no
        real mask can mend (Erdogan et al. 2015).

    Raises
    ------
    ValueError
        When masks and spectra are not of one shape.
    """
    if masks.shape != spectra.shape:
        raise ValueError(
            f"masks and spectra must be of one shape, got {tuple(masks.shape)} and "
            f"{tuple(spectra.shape)}: a mask for each stem"
        )
    size, along = along_mixture(spectra)
    loudest = size.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
    return 1000 * ((masks * size - along) / loudest).square().mean()
