"""Do votes that were learned against one partner lean, by an amount that never changes?

The idea in a sentence: give each frequency one number, the same for every frame of every mixture,
that is added to the vote for the first voice; fit these numbers on validation mixtures of a pair,
and see how much of what was lost they bring back. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from etudes.checks import check_in
from etudes.data.mixture import Mixture
from etudes.recipes.separation import excerpts_of
from etudes.recipes.tcn_vae.who_sings import line_of
from etudes.separators import TCNVAE, apply_masks
from etudes.separators.mask_network import mask_loss

__all__ = ["fit_offset", "log_odds", "separate_with_offset", "validation_company"]

STEPS = 200  # of Adam: by then it has converged, and a thousand find the same
LEARNING_RATE = 0.1
HEADS = ("mask", "wiener")
"""Heads that share a mixture out."""


def validation_company(names: tuple[str, str]) -> list[Mixture]:
    """Validation excerpts of two voices, as many as of a duet.

    Parameters
    ----------
    names
        Of the voices, the higher one first.

    Returns
    -------
    list of Mixture
    """
    return excerpts_of(dict(line_of(one) for one in names), "validation")


@torch.no_grad()
def log_odds(
    model: TCNVAE, spectra: torch.Tensor, names: tuple[str, str], head: str
) -> torch.Tensor:
    """Logarithm of the first voice's share over the second's.

    Parameters
    ----------
    model
        Trained.
    spectra
        Complex, of mixtures, shape ``(n, n_freq, n_frames)``.
    names
        Of the voices.
    head
        ``"mask"`` or ``"wiener"``.

    Returns
    -------
    torch.Tensor
        Shape ``(n, n_freq, n_frames)``.

    Raises
    ------
    TypeError, ValueError
        When the head is none of :data:`HEADS`, or a name is not known.
    """
    check_in(head, "head", HEADS)
    which = model.which(names)
    heard = model.hear(spectra)
    latents = model.encode(heard, which)[0]
    if head == "mask":
        shares = model.masks(heard, latents, which)
    else:
        shares = model.decode(latents, which).square()
    first, second = shares.clamp_min(1e-12).log().unbind(dim=1)
    return first - second


def fit_offset(
    model: TCNVAE, mixtures: Sequence[Mixture], names: tuple[str, str], head: str
) -> torch.Tensor:
    """The number for each frequency that lowers the loss of masks most.

    Parameters
    ----------
    model
        Trained; it stays as it is.
    mixtures
        All of one length, whose stems are known.
    names
        Of the voices.
    head
        ``"mask"`` or ``"wiener"``.

    Returns
    -------
    torch.Tensor
        Shape ``(n_freq,)``, to be added to :func:`log_odds`.
    """
    each = model.stft(torch.from_numpy(np.stack([m.stems for m in mixtures])))
    odds = log_odds(model, each.sum(dim=1), names, head)
    offset = torch.zeros(odds.shape[1], requires_grad=True)
    descent = torch.optim.Adam([offset], lr=LEARNING_RATE)
    for _ in range(STEPS):
        loss = mask_loss(_masks(odds, offset), each)
        descent.zero_grad()
        loss.backward()
        descent.step()
    return offset.detach()


def separate_with_offset(
    model: TCNVAE, mixture: np.ndarray, names: tuple[str, str], head: str, offset: torch.Tensor
) -> np.ndarray:
    """Take a mixture apart with every vote moved by its frequency's number.

    Parameters
    ----------
    model
        Trained.
    mixture
        Waveform, shape ``(n_samples,)``.
    names
        Of the voices.
    head
        ``"mask"`` or ``"wiener"``.
    offset
        As of :func:`fit_offset`.

    Returns
    -------
    numpy.ndarray
        Shape ``(2, n_samples)``.
    """
    odds = log_odds(model, model.stft(torch.from_numpy(mixture)[None]), names, head)
    return apply_masks(mixture, _masks(odds, offset)[0].numpy(), model.hop_length)


def _masks(odds: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Shares of both voices, shape ``(n, 2, n_freq, n_frames)``."""
    first = (odds + offset[:, None]).sigmoid()
    return torch.stack([first, 1 - first], dim=1)
