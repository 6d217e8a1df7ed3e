"""Gaussians of two kinds: of spectra, whose variance is learned, and of latents.

The idea in a sentence: to say how loud a place may be expected to be is to give the variance of a
complex Gaussian, and its log-density is the Itakura-Saito divergence with its sign turned (Févotte,
Bertin and Durrieu, Neural Computation 2009); latents are drawn from real Gaussians such that
gradients flow through the draw (Kingma and Welling, ICLR 2014). Chapter 17.
"""

from __future__ import annotations

import torch

__all__ = ["divergence", "drawn", "gaussian_kl"]


def drawn(
    mean: torch.Tensor, log_variance: torch.Tensor, random: torch.Generator | None = None
) -> torch.Tensor:
    """One draw from Gaussians, through which gradients flow.

    Parameters
    ----------
    mean, log_variance : torch.Tensor
        Of the same shape.
    random : torch.Generator, optional
        Torch's own by default.

    Returns
    -------
    torch.Tensor
        Of the same shape.
    """
    noise = torch.randn(mean.shape, generator=random, device=mean.device, dtype=mean.dtype)
    return mean + noise * (log_variance / 2).exp()


def divergence(power: torch.Tensor, variance: torch.Tensor, noise: float) -> torch.Tensor:
    """Itakura-Saito divergence of power from variance, both with hiss.

    Parameters
    ----------
    power : torch.Tensor
        What was heard, 0 or more.
    variance : torch.Tensor
        What was expected, 0 or more, of the same shape.
    noise : float
        Variance of the hiss, above 0.

    Returns
    -------
    torch.Tensor
        0 or more, of the same shape: by how many nats a circular complex Gaussian of variance
        ``variance + noise`` gives the spectrum, with hiss added to it, a smaller log-density than
        the best variance would; a mean over the hiss.
    """
    ratio = (power + noise) / (variance + noise)
    return ratio - ratio.log() - 1


def gaussian_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of Gaussians from the standard Gaussian, in nats.

    Parameters
    ----------
    mean, log_variance : torch.Tensor
        Of the same shape.

    Returns
    -------
    torch.Tensor
        0 or more, of the same shape.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2
