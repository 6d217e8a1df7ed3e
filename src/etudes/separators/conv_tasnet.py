"""Conv-TasNet: masks over a spectrum that is learned too, from waveform to waveform.

The idea in a sentence: short pieces of the waveform are multiplied with filters that the network
learns instead of sines and cosines, a temporal convolutional network makes a mask for each source,
and learned filters turn what is let through into sound again. Luo and Mesgarani, "Conv-TasNet:
surpassing ideal time-frequency magnitude masking for speech separation" (IEEE/ACM TASLP 27, 2019);
that estimates add up to the mixture is of Wisdom et al., "Differentiable consistency constraints
for improved deep speech enhancement" (ICASSP 2019). Chapter 18.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_int
from etudes.checks.words import shape_text
from etudes.separators.masking import check_mixture
from etudes.separators.tcn import CumulativeNorm, GlobalNorm, dilated_blocks

__all__ = ["ConvTasNet", "si_sdr_loss"]

_EPS = 1e-8  # SI-SDR is told within −80 and 80 dB


class ConvTasNet(nn.Module):
    """A network from waveforms of mixtures to waveforms of sources, in a fixed order.

    Parameters
    ----------
    n_sources : int
        How many.
    n_filters : int
        Learned filters of the encoder, and as many of the decoder: the rows of a spectrum.
    window : int
        Their length in samples, even; they step by half of it. 32 are 4 ms at 8 kHz.
    channels, hidden : int
        Of the blocks of the temporal convolutional network, and within a block.
    n_blocks : int
        Dilations: 1, 2, 4, …, ``2**(n_blocks - 1)``.
    n_repeats : int
        How often they are run through.
    causal : bool
        Let no estimate depend on what is still to come, but for one window.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or the window is odd.

    Notes
    -----
    As in the paper, convolutions are depthwise, every block has a way straight to the masks (a
    skip connection of as many channels as the blocks have), and what leaves the last block by
    the other way is not used: its last 1×1 convolution learns nothing, but is counted among the
    paper's 5.1 million weights.

    Masks are a softmax over sources: with an encoder that ends in a ReLU the paper found it no
    worse than the sigmoid (table III), and masks that add up to 1 leave to the remainder only
    what encoder and decoder lose of the mixture.
    """

    def __init__(
        self,
        n_sources: int = 2,
        n_filters: int = 128,
        window: int = 32,
        channels: int = 96,
        hidden: int = 128,
        n_blocks: int = 6,
        n_repeats: int = 2,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.n_sources = check_positive_int(n_sources, "n_sources")
        check_positive_int(n_filters, "n_filters")
        if check_positive_int(window, "window") % 2:
            raise ValueError(f"window must be even, got {window}")
        self.window, self.hop_length = window, window // 2
        self.blocks = dilated_blocks(
            channels, hidden, n_blocks, n_repeats, causal=causal, depthwise=True
        )
        self.skips = nn.ModuleList(nn.Conv1d(hidden, channels, 1) for _ in self.blocks)
        self.encoder = nn.Conv1d(1, n_filters, window, self.hop_length, bias=False)
        self.inward = nn.Sequential(
            CumulativeNorm(n_filters) if causal else GlobalNorm(n_filters),
            nn.Conv1d(n_filters, channels, 1),
        )
        self.outward = nn.Sequential(nn.PReLU(), nn.Conv1d(channels, n_sources * n_filters, 1))
        self.decoder = nn.ConvTranspose1d(n_filters, 1, window, self.hop_length, bias=False)

    def masks(self, frames: torch.Tensor) -> torch.Tensor:
        """One mask for each source.

        Parameters
        ----------
        frames : torch.Tensor
            What the encoder told of mixtures, shape ``(n, n_filters, n_frames)``.

        Returns
        -------
        torch.Tensor
            Within 0…1, shape ``(n, n_sources, n_filters, n_frames)``, adding up to 1 over sources.
        """
        x = self.inward(frames)
        told = torch.zeros_like(x)
        for block, skip in zip(self.blocks, self.skips, strict=True):
            inside = block.inside(x)
            x, told = x + block.back(inside), told + skip(inside)
        return self.outward(told).unflatten(1, (self.n_sources, -1)).softmax(dim=1)

    def forward(self, mixtures: torch.Tensor) -> torch.Tensor:
        """Estimates of the sources.

        Parameters
        ----------
        mixtures : torch.Tensor
            Shape ``(n, n_samples)``, of whatever length; the loudest sample of each about 1.

        Returns
        -------
        torch.Tensor
            Shape ``(n, n_sources, n_samples)``. They add up to the mixture: what the decoded
            sources lack of it is shared out equally among them.

        Raises
        ------
        ValueError
            When `mixtures` have another number of dimensions.
        """
        if mixtures.ndim != 2:
            raise ValueError(
                f"mixtures must have shape (n, n_samples), got {shape_text(mixtures.shape)}"
            )
        mixtures = mixtures.to(self.encoder.weight.device)
        hop, n_samples = self.hop_length, mixtures.shape[1]
        # Zeros on both sides, so that every sample lies in two windows
        padded = nn.functional.pad(mixtures, (hop, hop + -n_samples % hop))
        frames = self.encoder(padded[:, None]).relu()
        let_through = self.masks(frames) * frames[:, None]
        decoded = self.decoder(let_through.flatten(0, 1)).unflatten(0, (-1, self.n_sources))
        sources = decoded[:, :, 0, hop : hop + n_samples]
        lacking = mixtures - sources.sum(dim=1)
        return sources + lacking[:, None] / self.n_sources

    def loss(self, stems: torch.Tensor) -> torch.Tensor:
        """How far estimates from some mixtures are from the stems: :func:`si_sdr_loss`.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_sources, n_samples)``; the mixtures are their sums.

        Returns
        -------
        torch.Tensor
            A scalar, decibels; less is better. Sources have names here: each estimate is held
            against the stem of its own number, and no other order is tried.

        Raises
        ------
        ValueError
            When there are more or fewer stems than sources.
        """
        if stems.ndim != 3 or stems.shape[1] != self.n_sources:
            raise ValueError(
                f"stems must have shape (n, {self.n_sources}, n_samples), "
                f"got {shape_text(stems.shape)}"
            )
        stems = stems.to(self.encoder.weight.device)
        mixtures = stems.sum(dim=1)
        return si_sdr_loss(self(mixtures / _peak(mixtures)), stems)

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
            up to the mixture. How loud it is does not matter: the network hears it with its loudest
            sample at 1, and this is all that a causal network is told ahead of time.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, shorter than a window, or silent.
        """
        x = torch.from_numpy(check_mixture(mixture, self.window))[None]
        peak = _peak(x)
        with torch.no_grad():
            return (self(x / peak).cpu() * peak)[0].numpy()


def si_sdr_loss(estimates: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """Negative scale-invariant signal-to-distortion ratio, with gradients.

    Parameters
    ----------
    estimates, stems : torch.Tensor
        Of one shape, ``(..., n_samples)``, and of whatever loudness.

    Returns
    -------
    torch.Tensor
        A scalar: minus the mean of ``10 log10((c² + 1e-8) / (1 − c² + 1e-8))`` decibels, with c
        the cosine of the angle between estimate and stem. The two numbers keep it within −80 and
        80. A silent estimate counts as 80 decibels of loss; a silent stem, of which no estimate is
        right, as 0 and without gradient.

    Raises
    ------
    ValueError
        When they are not of one shape.
    """
    if estimates.shape != stems.shape:
        raise ValueError(
            f"estimates and stems must be of one shape, got {tuple(estimates.shape)} and "
            f"{tuple(stems.shape)}"
        )
    found, wanted = (nn.functional.normalize(x / _peak(x), dim=-1) for x in (estimates, stems))
    cosine = (found * wanted).sum(dim=-1, keepdim=True)
    # 1 − c² as the length of what the estimate's direction lacks of the stem's: no digits are lost
    bad = (wanted - cosine * found).square().sum(dim=-1)
    good = cosine.square().sum(dim=-1)
    return -10 * (torch.log10(good + _EPS) - torch.log10(bad + _EPS)).mean()


def _peak(waveforms: torch.Tensor) -> torch.Tensor:
    """The loudest sample of each, kept as a last axis; never 0."""
    tiny = torch.finfo(waveforms.dtype).tiny
    return waveforms.detach().abs().amax(dim=-1, keepdim=True).clamp_min(tiny)
