"""The supervised shortcut to the latents of sources: a network hears the mixture and tells them.

The idea in a sentence: nothing is fitted at test time, but mixtures whose stems are known are
needed for training; the decoders are those of :mod:`etudes.separators.lstm_vae`. Chapter 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_int
from etudes.separators.gan import mask_loss
from etudes.separators.lstm_vae import SourceVAE, frozen
from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.torch_stft import log_magnitude, stft

__all__ = ["MixtureEncoder"]


class MixtureEncoder(nn.Module):
    """A network from a mixture to the latents of every source; decoders stay as they were learned.

    Parameters
    ----------
    models : sequence of SourceVAE
        One for each source, trained; they are not changed, and not among this module's weights.
    width : int
        Units of each direction of the LSTM.

    Raises
    ------
    TypeError, ValueError
        When a model is none, there are fewer than two, they differ in window or hiss, or the width
        is not positive.
    """

    def __init__(self, models: Sequence[SourceVAE], width: int = 96) -> None:
        super().__init__()
        width = check_positive_int(width, "width")
        self._models = frozen(models)
        self.n_fft, self.hop_length = self._models[0].n_fft, self._models[0].hop_length
        sizes = [model.decoder.input_size for model in self._models]
        self.recurrent = nn.LSTM(
            self.n_fft // 2 + 1, width, batch_first=True, num_layers=2, bidirectional=True
        )
        self.outward = nn.Linear(2 * width, sum(sizes))
        self._sizes = sizes

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Masks of mixtures, made of the variances that the decoders tell.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, of mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Within 0…1, shape ``(n, n_sources, n_freq, n_frames)``, adding up to 1 over sources.
        """
        heard, _ = self.recurrent(log_magnitude(spectra).transpose(1, 2))
        latents = self.outward(heard).split(self._sizes, dim=-1)
        each = [
            model.to(spectra.device).decode(one)
            for model, one in zip(self._models, latents, strict=True)
        ]
        variances = torch.stack(each, dim=1)
        return variances / variances.sum(dim=1, keepdim=True)

    def loss(self, stems: torch.Tensor) -> torch.Tensor:
        """How wrong the masks of some mixtures are: :func:`etudes.separators.gan.mask_loss`.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_sources, n_samples)``; the mixtures are their sums.

        Returns
        -------
        torch.Tensor
            A scalar, 0 or more.
        """
        each = stft(stems, self.n_fft, self.hop_length)
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
            Float32, shape ``(n_sources, n_samples)``, in the order of the models; the estimates add
            up to the mixture.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent.
        """
        x = check_mixture(mixture, self.n_fft)
        device = self.outward.weight.device
        with torch.no_grad():
            masks = self(stft(torch.from_numpy(x)[None].to(device), self.n_fft, self.hop_length))
        return apply_masks(x, masks[0].clamp(0, 1).cpu().numpy(), self.hop_length)
