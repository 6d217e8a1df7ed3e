"""A recurrent VAE for each source, learned from that source alone and fitted to a mixture.

The idea in a sentence: a variational autoencoder says how loud a source may be expected to be at
every place of a spectrogram, given a few numbers for each frame; in a mixture look for the numbers
of all sources that explain their sum, and let each have its share. Leglaive, Alameda-Pineda, Girin
and Horaud, "A recurrent variational autoencoder for speech enhancement" (ICASSP 2020); the complex
Gaussian model of spectra and its Itakura-Saito divergence are of Févotte, Bertin and Durrieu
(Neural Computation 2009). Chapter 17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_float, check_positive_int, describe
from etudes.features.spectra import check_sizes
from etudes.separators.gaussian import divergence, drawn, gaussian_kl
from etudes.separators.masking import (
    HOP_LENGTH,
    N_FFT,
    apply_masks,
    check_mixture,
    check_sounds,
)
from etudes.separators.torch_stft import stft

__all__ = ["NOISE", "SourceVAE", "VAESeparator"]

NOISE = 1e-2
"""Variance of the hiss that every sound is thought to have, for a sound of mean square 1."""


class SourceVAE(nn.Module):
    """What one source may sound like: a few numbers for each frame, and variances made of them.

    Parameters
    ----------
    n_latents : int
        Numbers for each frame.
    width : int
        Units of each direction of the LSTMs of encoder and decoder.
    noise : float
        Variance of the hiss.
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or window and hop do not fit each other.
    """

    def __init__(
        self,
        n_latents: int = 16,
        width: int = 96,
        noise: float = NOISE,
        n_fft: int = N_FFT,
        hop_length: int = HOP_LENGTH,
    ) -> None:
        super().__init__()
        check_sizes(n_fft, hop_length)
        self.n_fft, self.hop_length = n_fft, hop_length
        self.noise = check_positive_float(noise, "noise")
        n_freq, width = n_fft // 2 + 1, check_positive_int(width, "width")
        n_latents = check_positive_int(n_latents, "n_latents")
        self.encoder = nn.LSTM(n_freq, width, batch_first=True, bidirectional=True)
        self.moments = nn.Linear(2 * width, 2 * n_latents)
        self.decoder = nn.LSTM(n_latents, width, batch_first=True, bidirectional=True)
        self.outward = nn.Linear(2 * width, n_freq)

    def power(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Squared magnitudes, on a scale on which white noise of mean square 1 has mean 1.

        Parameters
        ----------
        waveforms : torch.Tensor
            Shape ``(n, n_samples)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, n_freq, n_frames)``.
        """
        window = torch.hann_window(self.n_fft, device=waveforms.device)
        spectra = stft(waveforms, self.n_fft, self.hop_length)
        return spectra.abs().square() / window.square().sum()

    def encode(self, power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The approximate posterior of the latents of sounds.

        Parameters
        ----------
        power : torch.Tensor
            Shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        mean, log_variance : torch.Tensor
            Each of shape ``(n, n_frames, n_latents)``.
        """
        level = torch.log10(power.sqrt() + self.noise**0.5) + 0.5
        heard, _ = self.encoder(level.transpose(1, 2))
        mean, log_variance = self.moments(heard).chunk(2, dim=-1)
        return mean, log_variance.clamp(-10, 4)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Variance of the source at every place.

        Parameters
        ----------
        latents : torch.Tensor
            Shape ``(n, n_frames, n_latents)``.

        Returns
        -------
        torch.Tensor
            Above 0, shape ``(n, n_freq, n_frames)``.
        """
        told, _ = self.decoder(latents)
        return self.outward(told).transpose(1, 2).clamp(-20, 12).exp()

    def terms(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The two terms of the negative bound, from one draw of the latents.

        Parameters
        ----------
        waveforms : torch.Tensor
            Of the source alone, shape ``(n, n_samples)``, of mean square about 1.

        Returns
        -------
        divergence, kl : torch.Tensor
            Scalars, nats per frame: how far the variances are from the power, and the posterior
            from the prior.
        """
        power = self.power(waveforms)
        mean, log_variance = self.encode(power)
        variance = self.decode(drawn(mean, log_variance))
        far = divergence(power, variance, self.noise).sum(dim=1).mean()
        return far, gaussian_kl(mean, log_variance).sum(dim=-1).mean()


class VAESeparator:
    """Sources that were learned alone, fitted to mixtures of them.

    The mixture's variance is the sum of the sources' variances and of the hiss. Means and variances
    of all latents, and one gain for each source, are moved by Adam such that the evidence lower
    bound of *this mixture* rises: variational expectation maximisation by gradients. Then each
    source gets its expected share of every place (Wiener filter).

    Parameters
    ----------
    models : sequence of SourceVAE
        One for each source, trained.
    n_steps : int
        Of Adam, for each mixture; with 0 the encoders' first guess is used.
    learning_rate : float
        Of Adam.
    n_draws : int
        So many draws of the latents are averaged for the shares.

    Raises
    ------
    TypeError, ValueError
        When a model is none, there are fewer than two, they differ in window or hiss, or a number
        is out of range.
    """

    def __init__(
        self,
        models: Sequence[SourceVAE],
        n_steps: int = 100,
        learning_rate: float = 0.05,
        n_draws: int = 8,
    ) -> None:
        self.models = frozen(models)
        self.n_steps = check_positive_int(n_steps, "n_steps", allow_zero=True)
        self.learning_rate = check_positive_float(learning_rate, "learning_rate")
        self.n_draws = check_positive_int(n_draws, "n_draws")

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
        return apply_masks(mixture, self.fit(mixture)[0], self.models[0].hop_length)

    @torch.enable_grad()  # a validation, in which gradients are off, may ask for it
    def fit(self, mixture: Any, start: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Explain a mixture.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        start : array_like, optional
            Sounds to which the encoders listen for their first guess, shape
            ``(n_sources, n_samples)``; all to the mixture by default.

        Returns
        -------
        masks : numpy.ndarray
            Each source's share, shape ``(n_sources, n_freq, n_frames)``, adding up to 1.
        bounds : numpy.ndarray
            The negative bound before each step, in nats per frame and up to what does not depend on
            the explanation, shape ``(n_steps,)``.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent, or `start` does not fit.
        """
        x = check_mixture(mixture, self.models[0].n_fft)
        heard = [x] * len(self.models)
        if start is not None:
            heard = list(check_sounds(start, "start", x.size))
        if len(heard) != len(self.models):
            raise ValueError(
                f"start must be one sound for each of {len(self.models)} models, got {len(heard)}"
            )
        loudness = float(np.sqrt(np.mean(x.astype(np.float64) ** 2)))
        device = self.models[0].outward.weight.device
        random = torch.Generator(device).manual_seed(0)

        def power_of(sound: np.ndarray) -> torch.Tensor:
            scaled = torch.from_numpy((sound / loudness).astype(np.float32))
            return self.models[0].power(scaled[None].to(device))

        def variances() -> torch.Tensor:
            each = [
                model.decode(drawn(mean, log_variance, random)) * gain.exp()
                for model, (mean, log_variance), gain in zip(
                    self.models, beliefs, log_gains, strict=True
                )
            ]
            return torch.cat(each)

        power, noise = power_of(x), self.models[0].noise
        with torch.no_grad():
            beliefs = [m.encode(power_of(one)) for m, one in zip(self.models, heard, strict=True)]
        log_gains = torch.zeros(len(self.models), device=device, requires_grad=True)
        free = [part.requires_grad_() for belief in beliefs for part in belief]
        optimizer = torch.optim.Adam([*free, log_gains], lr=self.learning_rate)
        bounds = []
        for _ in range(self.n_steps):
            far = divergence(power[0], variances().sum(dim=0), noise).sum(dim=0).mean()
            kl = sum(gaussian_kl(*belief).sum(dim=-1).mean() for belief in beliefs)
            bound = far + kl
            optimizer.zero_grad()
            bound.backward()
            optimizer.step()
            bounds.append(bound.item())
        with torch.no_grad():
            draws = [variances() for _ in range(self.n_draws)]
            masks = torch.stack([one / one.sum(dim=0) for one in draws]).mean(dim=0)
        return (masks / masks.sum(dim=0)).clamp(0, 1).cpu().numpy(), np.array(bounds)

    def best_start(self, mixture: Any, starts: Mapping[str, Any], n_steps: int = 25) -> str:
        """Which of several first guesses leads to the best explanation, told early.

        The bound of a mixture has many hills, and gradients climb the one they start on. Which hill
        is higher the bound says itself; no stem is needed for that.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        starts : mapping of str to array_like or None
            What :meth:`fit` may start from, by name.
        n_steps : int
            For which each is fitted before they are compared, by the median of the last five
            bounds.

        Returns
        -------
        str
            The name of the best.

        Raises
        ------
        TypeError, ValueError
            When there is nothing to choose from, or the mixture or a start does not fit.
        """
        if not starts:
            raise ValueError("starts must be one or more, got none")
        check_positive_int(n_steps, "n_steps")
        brief = VAESeparator(self.models, n_steps, self.learning_rate, n_draws=1)

        def negative_bound(name: str) -> float:
            return float(np.median(brief.fit(mixture, starts[name])[1][-5:]))

        return min(starts, key=negative_bound)


def frozen(models: Sequence[SourceVAE]) -> list[SourceVAE]:
    """Models of the same window and hiss, that will not be trained."""
    try:
        given = list(models)
    except TypeError:
        raise TypeError(f"models must be a sequence, got {describe(models)}") from None
    if len(given) < 2:
        raise ValueError(f"models must be two or more, got {len(given)}")
    for number, one in enumerate(given):
        if not isinstance(one, SourceVAE):
            raise TypeError(f"models[{number}] must be a SourceVAE, got {describe(one)}")
    kinds = {(one.n_fft, one.hop_length, one.noise) for one in given}
    if len(kinds) > 1:
        raise ValueError(f"models must share n_fft, hop_length and noise, got {sorted(kinds)}")
    return [one.eval().requires_grad_(False) for one in given]
