"""The supervised shortcut to the latents of sources: a network hears the mixture and tells them.

The idea in a sentence: nothing is fitted at test time, but mixtures whose stems are known are
needed for training; the decoders are those of :mod:`etudes.separators.lstm_vae`. Chapter 17.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from etudes.separators.lstm_vae import SourceVAE, frozen
from etudes.separators.mask_network import Listener, MaskNetwork

__all__ = ["MixtureEncoder"]


class MixtureEncoder(MaskNetwork, Listener):
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
        given = frozen(models)
        sizes = [model.decoder.input_size for model in given]
        kind = {"n_fft": given[0].n_fft, "hop_length": given[0].hop_length}
        super().__init__(sum(sizes), width, **kind)
        self._models, self._sizes = given, sizes

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
        latents = self.listen(spectra).split(self._sizes, dim=-1)
        each = [
            model.to(spectra.device).decode(one)
            for model, one in zip(self._models, latents, strict=True)
        ]
        variances = torch.stack(each, dim=1)
        return variances / variances.sum(dim=1, keepdim=True)
