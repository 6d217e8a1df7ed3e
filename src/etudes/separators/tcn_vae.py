"""A variational autoencoder of every source in a mixture, told by a temporal convolutional network.

The idea in a sentence: a TCN hears the mixture and tells, for each source that is asked for and for
each frame, a few latent numbers and how sure it is of them; one decoder, told whose they are, makes
of them the source's spectrogram; and a mask head uses both what was heard and what was told. We
found no published separator of this name. The plan is that of neural FCA (Bando et al., IEEE SPL
28, 2021), which is made for several microphones; learning from mixtures and names is that of
Karamatlı, Cemgil and Kırbız (IEEE SPL 26, 2019). Blocks are those of Luo and Mesgarani (IEEE/ACM
TASLP 27, 2019), the Poisson likelihood of magnitudes is that behind KL-NMF (Cemgil 2009). Chapter
18.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from etudes.checks import check_in, check_positive_int
from etudes.checks.words import shape_text
from etudes.separators.gaussian import drawn, gaussian_kl
from etudes.separators.mask_network import SpectralNetwork, mask_loss
from etudes.separators.masking import apply_masks, check_mixture
from etudes.separators.tcn import TCN
from etudes.separators.torch_stft import istft, log_magnitude, loudest

__all__ = ["COUNTS", "HEADS", "TCNVAE", "Terms", "poisson_divergence"]

COUNTS = 30.0
"""So many counts has the loudest place of a mixture: the more, the finer the decoder must draw."""

HEADS = ("mask", "wiener", "raw")
"""How latents become sound; see :meth:`TCNVAE.separate`."""

MASK_WEIGHT = 20.0


class Terms(NamedTuple):
    """What a :class:`TCNVAE` is trained on; each a scalar, the smaller the better."""

    distortion: torch.Tensor
    """Poisson divergence of the sources' counts from the decoder's rates, nats per frame."""

    kl: torch.Tensor
    """Divergence of the posterior of all sources' latents from the prior, nats per frame."""

    masks: torch.Tensor
    """:func:`etudes.separators.mask_network.mask_loss`."""


class PerSource(nn.Module):
    """Two layers with a gain and a bias of each source's own in between.

    Parameters
    ----------
    n_in, width, n_out : int
        Numbers that come in, in between, and that go out.
    n_sources : int
        How many sources it can be asked for.
    """

    def __init__(self, n_in: int, width: int, n_out: int, n_sources: int) -> None:
        super().__init__()
        self.inward = nn.Linear(n_in, width)
        self.gain = nn.Parameter(1 + 0.5 * torch.randn(n_sources, 1, width))
        self.bias = nn.Parameter(0.5 * torch.randn(n_sources, 1, width))
        self.bend = nn.PReLU()
        self.outward = nn.Linear(width, n_out)

    def forward(self, x: torch.Tensor, which: Sequence[int]) -> torch.Tensor:
        """What is told of each source.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, n_asked, n_frames, n_in)``, or ``(n, 1, n_frames, n_in)`` for all alike.
        which : sequence of int
            The sources asked for.

        Returns
        -------
        torch.Tensor
            Shape ``(n, n_asked, n_frames, n_out)``.
        """
        asked = list(which)
        return self.outward(self.bend(self.inward(x) * self.gain[asked] + self.bias[asked]))


class TCNVAE(SpectralNetwork):
    """A separator with latents, asked for its sources by name.

    Parameters
    ----------
    sources : sequence of str
        Names of two sources or more, all different.
    n_latents : int
        Numbers for each source and frame.
    channels, hidden : int
        Of the blocks of the TCN, and within a block.
    width : int
        Units between the two layers of the decoder and of the mask head.
    n_blocks, n_repeats : int
        Dilations 1, 2, 4, …, ``2**(n_blocks - 1)``, and how often they are run through.
    causal : bool
        Let nothing depend on what is still to come, but for one window.
    n_fft, hop_length : int
        Window and hop in samples.

    Raises
    ------
    TypeError, ValueError
        When names are not different, a number is not positive, or window and hop do not fit.
    """

    def __init__(
        self,
        sources: Sequence[str] = ("higher", "lower"),
        n_latents: int = 32,
        channels: int = 128,
        hidden: int = 128,
        width: int = 256,
        n_blocks: int = 5,
        n_repeats: int = 2,
        causal: bool = False,
        n_fft: int = 2048,
        hop_length: int = 512,
    ) -> None:
        super().__init__(n_fft, hop_length)
        self.sources = _check_names(sources)
        self.n_latents, self.causal = check_positive_int(n_latents, "n_latents"), causal
        n_freq, n_sources = n_fft // 2 + 1, len(self.sources)
        check_positive_int(width, "width")
        self.tcn = TCN(n_freq, channels, hidden, n_blocks, n_repeats, causal=causal)
        self.bend = nn.PReLU(channels)
        self.posterior = PerSource(channels, channels, 2 * n_latents, n_sources)
        self.decoder = PerSource(n_latents, width, n_freq, n_sources)
        self.voter = PerSource(channels + n_latents, width, n_freq, n_sources)

    def which(self, sources: Sequence[str] | None) -> list[int]:
        """Numbers of sources that are asked for by name.

        Parameters
        ----------
        sources : sequence of str, optional
            All by default.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError, ValueError
            When there is none, one comes twice, or one is not among those trained for.
        """
        if sources is None:
            return list(range(len(self.sources)))
        asked = _check_names(sources, 1)
        return [self.sources.index(check_in(one, "sources", self.sources)) for one in asked]

    def hear(self, spectra: torch.Tensor) -> torch.Tensor:
        """What the temporal convolutional network tells of mixtures.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, of mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, 1, n_frames, channels)``.
        """
        return self.hear_features(log_magnitude(spectra, self.causal))

    def hear_features(self, features: torch.Tensor) -> torch.Tensor:
        """The same of what the network sees of mixtures, for those who want to cut it themselves.

        Parameters
        ----------
        features : torch.Tensor
            As of :func:`~etudes.separators.torch_stft.log_magnitude`, shape
            ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, 1, n_frames, channels)``.
        """
        return self.bend(self.tcn(features)).transpose(1, 2)[:, None]

    def encode(
        self, heard: torch.Tensor, which: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The approximate posterior of the latents of some sources.

        Parameters
        ----------
        heard : torch.Tensor
            As of :meth:`hear`.
        which : sequence of int
            The sources asked for.

        Returns
        -------
        mean, log_variance : torch.Tensor
            Each of shape ``(n, n_asked, n_frames, n_latents)``.
        """
        mean, log_variance = self.posterior(heard, which).chunk(2, dim=-1)
        return mean, log_variance.clamp(-10, 4)

    def decode(self, latents: torch.Tensor, which: Sequence[int]) -> torch.Tensor:
        """Expected counts of sources, given their latents and nothing else.

        Parameters
        ----------
        latents : torch.Tensor
            Shape ``(n, n_asked, n_frames, n_latents)``.
        which : sequence of int
            Whose they are.

        Returns
        -------
        torch.Tensor
            Above 0, shape ``(n, n_asked, n_freq, n_frames)``.
        """
        return self.decoder(latents, which).transpose(2, 3).clamp(-12, 6).exp()

    def masks(
        self, heard: torch.Tensor, latents: torch.Tensor, which: Sequence[int]
    ) -> torch.Tensor:
        """Masks made of what was heard and of the latents.

        Parameters
        ----------
        heard, latents : torch.Tensor
            As of :meth:`hear` and :meth:`encode`.
        which : sequence of int
            The sources asked for.

        Returns
        -------
        torch.Tensor
            Within 0…1, adding up to 1, shape ``(n, n_asked, n_freq, n_frames)``.
        """
        both = torch.cat([heard.expand(-1, latents.shape[1], -1, -1), latents], dim=-1)
        return self.voter(both, which).softmax(dim=1).transpose(2, 3)

    def counts(self, spectra: torch.Tensor, mixtures: torch.Tensor) -> torch.Tensor:
        """Magnitudes on a scale on which the mixture's loudest place has :data:`COUNTS`.

        Parameters
        ----------
        spectra : torch.Tensor
            Complex, shape ``(n, n_asked, n_freq, n_frames)``.
        mixtures : torch.Tensor
            Those of the mixtures, shape ``(n, n_freq, n_frames)``.

        Returns
        -------
        torch.Tensor
            0 or more, of the shape of `spectra`. In a causal network the loudest place is that up
            to each frame.
        """
        return COUNTS * spectra.abs() / loudest(mixtures.abs(), self.causal)[:, None]

    def terms(self, stems: torch.Tensor, sources: Sequence[str] | None = None) -> Terms:
        """What there is to make small, from one draw of the latents.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_asked, n_samples)``; the mixtures are their sums.
        sources : sequence of str, optional
            Whose they are; those of training, in order, by default.

        Returns
        -------
        Terms
            ``distortion + kl`` bounds from above, up to what does not depend on the network, how
            improbable the stems' counts are to the decoder: see the notes.

        Raises
        ------
        ValueError
            When the stems are not as many as the sources.

        Notes
        -----
        For whole counts c, ``Poisson(c; r)`` is a probability, and minus the logarithm of
        ``p(c) = ∫ p(z) Poisson(c; r(z)) dz`` is at most ``E_q[−log Poisson] + KL(q‖p)`` whatever q
        looks at, here the mixture. Magnitudes are not whole numbers: the divergence is then that of
        a likelihood only up to rounding. With a weight above 1 on the second term the bound is a
        looser one, with a weight below 1 there is none; and it is never one of the *mixture*, which
        enters through q alone.
        """
        which = self.which(sources)
        _check_count(stems, len(which))
        each = self.stft(stems)
        mixtures = each.sum(dim=1)
        heard = self.hear(mixtures)
        mean, log_variance = self.encode(heard, which)
        latents = drawn(mean, log_variance)
        far = poisson_divergence(self.counts(each, mixtures), self.decode(latents, which))
        return Terms(
            far.sum(dim=(1, 2)).mean(),
            gaussian_kl(mean, log_variance).sum(dim=(1, 3)).mean(),
            mask_loss(self.masks(heard, latents, which), each),
        )

    def loss(
        self,
        stems: torch.Tensor,
        beta: float = 1.0,
        sources: Sequence[str] | None = None,
        any_order: bool = False,
    ) -> torch.Tensor:
        """How wrong masks and decoder are, and how much the latents say.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_asked, n_samples)``; the mixtures are their sums.
        beta : float
            Weight of the divergence from the prior; with 1 the first two terms are a bound.
        sources : sequence of str, optional
            Whose they are; those of training, in order, by default.
        any_order : bool
            The sources have no names: of all orders of the stems, each mixture is given the one
            nearest to its masks (Yu et al., ICASSP 2017).

        Returns
        -------
        torch.Tensor
            A scalar: ``distortion + beta * kl + MASK_WEIGHT * masks``.
        """
        if any_order:
            stems = self.in_best_order(stems)
        distortion, kl, masks = self.terms(stems, sources)
        return distortion + beta * kl + MASK_WEIGHT * masks

    @torch.no_grad()
    def in_best_order(self, stems: torch.Tensor) -> torch.Tensor:
        """The same stems, in the order in which this network's masks tell them.

        Parameters
        ----------
        stems : torch.Tensor
            Shape ``(n, n_sources, n_samples)``.

        Returns
        -------
        torch.Tensor
            Of the same shape.

        Raises
        ------
        ValueError
            When the stems are not as many as the sources.
        """
        which = self.which(None)
        _check_count(stems, len(which))
        each = self.stft(stems)
        mixtures = each.sum(dim=1)
        heard = self.hear(mixtures)
        masks = self.masks(heard, self.encode(heard, which)[0], which)
        wanted = (each * mixtures.conj()[:, None]).real  # |S||X| cos θ
        # least squares: of (M |X| − |S| cos θ)² only the product depends on the order
        match = torch.einsum("nift,njft->nij", masks, wanted)
        orders = list(permutations(which))
        gains = torch.stack([match[:, which, list(order)].sum(dim=1) for order in orders])
        best = torch.tensor(orders)[gains.argmax(dim=0).cpu()]
        return stems[torch.arange(len(stems))[:, None], best]

    def mixture_terms(
        self, mixtures: torch.Tensor, sources: Sequence[str] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The two terms of a bound that needs no stems: how improbable the *mixture* is.

        A sum of Poisson counts is a Poisson count whose rate is the sum of theirs; the mixture's
        magnitude stands for the sum of the sources', which it is not where their phases differ
        (Karamatlı, Cemgil and Kırbız 2019).

        Parameters
        ----------
        mixtures : torch.Tensor
            Shape ``(n, n_samples)``.
        sources : sequence of str, optional
            Who is heard in all of them; all by default.

        Returns
        -------
        distortion, kl : torch.Tensor
            Scalars, nats per frame.
        """
        which = self.which(sources)
        spectra = self.stft(mixtures)
        mean, log_variance = self.encode(self.hear(spectra), which)
        rates = self.decode(drawn(mean, log_variance), which).sum(dim=1)
        far = poisson_divergence(self.counts(spectra[:, None], spectra)[:, 0], rates)
        kl = gaussian_kl(mean, log_variance).sum(dim=(1, 3)).mean()
        return far.sum(dim=1).mean(), kl

    @torch.no_grad()
    def latents(self, mixture: Any, sources: Sequence[str] | None = None) -> np.ndarray:
        """Posterior means of the latents of a mixture.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        sources : sequence of str, optional
            All by default.

        Returns
        -------
        numpy.ndarray
            Shape ``(n_asked, n_frames, n_latents)``.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent, or a source is not known.
        """
        x = torch.from_numpy(check_mixture(mixture, self.n_fft))
        return self.encode(self.hear(self.stft(x[None])), self.which(sources))[0][0].cpu().numpy()

    @torch.no_grad()
    def separate(
        self, mixture: Any, sources: Sequence[str] | None = None, head: str = "mask"
    ) -> np.ndarray:
        """Take a mixture apart.

        Parameters
        ----------
        mixture : array_like
            Waveform, shape ``(n_samples,)``.
        sources : sequence of str, optional
            Who is heard in it; all that the network was trained for by default.
        head : {"mask", "wiener", "raw"}
            ``"mask"``: the mask head's masks. ``"wiener"``: each source's share of the squares of
            the decoder's rates. Both give estimates that add up to the mixture. ``"raw"``: the
            decoder's rates themselves with the phase of the mixture, which need not add up to it.

        Returns
        -------
        numpy.ndarray
            Float32, shape ``(n_asked, n_samples)``.

        Raises
        ------
        TypeError, ValueError
            When the mixture is not a waveform, too short, or silent, or a source or head is not
            known.
        """
        check_in(head, "head", HEADS)
        which = self.which(sources)
        x = check_mixture(mixture, self.n_fft)
        spectra = self.stft(torch.from_numpy(x)[None])
        heard = self.hear(spectra)
        latents = self.encode(heard, which)[0]
        if head == "mask":
            masks = self.masks(heard, latents, which)
        else:
            rates = self.decode(latents, which)
            if head == "raw":
                level = loudest(spectra.abs(), self.causal)[:, None] / COUNTS
                played = rates * level * torch.exp(1j * spectra.angle())[:, None]
                return istft(played[0].cpu(), x.size, self.hop_length).numpy()
            masks = rates.square() / rates.square().sum(dim=1, keepdim=True)
        return apply_masks(x, masks[0].clamp(0, 1).cpu().numpy(), self.hop_length)


def poisson_divergence(counts: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
    """By how many nats counts are less probable than they would be to the best rate.

    Also called the generalised Kullback-Leibler divergence.

    Parameters
    ----------
    counts : torch.Tensor
        0 or more; whole numbers are not asked for.
    rates : torch.Tensor
        Above 0, of the same shape.

    Returns
    -------
    torch.Tensor
        ``c log(c / r) − c + r``, 0 or more, of the same shape.
    """
    return torch.xlogy(counts, counts) - counts * rates.log() - counts + rates


def _check_names(sources: Sequence[str], least: int = 2) -> tuple[str, ...]:
    """Names, all different."""
    if isinstance(sources, str):
        raise TypeError(f"sources must be a sequence of names, got {sources!r}")
    names = tuple(sources)
    if not all(isinstance(one, str) for one in names):
        raise TypeError(f"sources must be names, got {names!r}")
    if len(names) < least or len(set(names)) < len(names):
        raise ValueError(f"sources must be {least} or more, all different, got {names}")
    return names


def _check_count(stems: torch.Tensor, n_sources: int) -> None:
    if stems.ndim != 3 or stems.shape[1] != n_sources:
        raise ValueError(
            f"stems must have shape (n, {n_sources}, n_samples), got {shape_text(stems.shape)}"
        )
