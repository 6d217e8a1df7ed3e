"""Masks from a temporal convolutional network: chapter 18's yardstick.

The idea in a sentence: a TCN hears the spectrum of the mixture and one more convolution of width 1
votes, for each place, on whose it is. It is the TCN-VAE of :mod:`etudes.separators.tcn_vae` without
latents and without decoder. Chapter 18.
"""

from __future__ import annotations

import torch
from torch import nn

from etudes.checks import check_positive_int
from etudes.separators.mask_network import MaskNetwork
from etudes.separators.tcn import TCN
from etudes.separators.torch_stft import log_magnitude

__all__ = ["TCNMask"]


class TCNMask(MaskNetwork):
    """A temporal convolutional network from a mixture to masks of its sources, in a fixed order.

    Parameters
    ----------
    n_sources : int
        How many.
    channels, hidden : int
        Of the blocks, and within a block.
    n_blocks, n_repeats : int
        Dilations 1, 2, 4, …, ``2**(n_blocks - 1)``, and how often they are run through.
    causal : bool
        Let no mask depend on what is still to come, but for one window.
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
        channels: int = 128,
        hidden: int = 128,
        n_blocks: int = 5,
        n_repeats: int = 2,
        causal: bool = False,
        n_fft: int = 2048,
        hop_length: int = 512,
    ) -> None:
        super().__init__(n_fft, hop_length)
        self.n_sources, self.causal = check_positive_int(n_sources, "n_sources"), causal
        n_freq = n_fft // 2 + 1
        self.tcn = TCN(n_freq, channels, hidden, n_blocks, n_repeats, causal=causal)
        self.outward = nn.Sequential(nn.PReLU(channels), nn.Conv1d(channels, n_sources * n_freq, 1))

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
        heard = self.tcn(log_magnitude(spectra, self.causal))
        return self.outward(heard).unflatten(1, (self.n_sources, -1)).softmax(dim=1)
