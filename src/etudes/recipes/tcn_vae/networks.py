"""The networks of chapter 18, one of each kind for all three duets, and how they are trained.

The idea in a sentence: the same crops in the same order, duet after duet; what the networks are
told differs in one thing only, that a TCN-VAE is asked for its sources by name. Chapter 18.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from etudes.checks import check_in
from etudes.data.duets import DUETS
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF
from etudes.recipes.separation import validation_duets
from etudes.recipes.separation_training import Crops, train_separator, training_stems
from etudes.separators import TCNVAE, ConvTasNet, TCNMask
from etudes.train import History, load_weights

__all__ = [
    "COMMITTED",
    "N_EXCERPTS",
    "NAME",
    "NETWORKS",
    "WARM_UP",
    "Asked",
    "ByDuet",
    "Numbered",
    "load_network",
    "loss_of",
    "make_network",
    "separate",
    "train_network",
    "validated",
    "validation_score",
    "warm_up",
]

NAME = "18-duets"
"""How the names of the committed checkpoints begin."""

N_EXCERPTS = 1280
"""Of each duet: every training chorale four times, each time at another tempo and place."""

NETWORKS = {
    "tcn-vae": "TCN-VAE",
    "tcn-mask": "the TCN mask network",
    "conv-tasnet": "Conv-TasNet",
    "masks-alone": "the TCN-VAE's network, trained by its masks alone",
}
"""What the ledger calls each network."""

COMMITTED = ("tcn-vae", "tcn-mask", "conv-tasnet")
"""Networks whose weights come with the package."""

WARM_UP = 300
"""Steps in which the weight of the divergence from the prior rises from 0."""


def make_network(name: str, seed: int = 0) -> nn.Module:
    """A network as it is before training.

    Parameters
    ----------
    name
        One of :data:`NETWORKS`.
    seed
        Of its weights.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        When there is no such network.
    """
    torch.manual_seed(seed)
    if check_in(name, "name", NETWORKS) in ("tcn-vae", "masks-alone"):
        return TCNVAE(tuple(SOURCES))
    return TCNMask() if name == "tcn-mask" else ConvTasNet()


class Asked(NamedTuple):
    """One batch: whose voices they are, the voices, and how many batches came before."""

    sources: tuple[str, ...]
    stems: torch.Tensor
    step: int


class Numbered:
    """Batches of crops that are all of the same sources, with their numbers.

    Parameters
    ----------
    sources
        Whose voices the crops hold.
    crops
        Where they come from.
    """

    def __init__(self, sources: tuple[str, ...], crops: Crops) -> None:
        self.sources, self.crops = sources, crops

    def __getitem__(self, i: int) -> Asked:
        """Batch `i`."""
        return Asked(self.sources, self.crops[i], i)


class ByDuet:
    """Batches of crops, of one duet after the other.

    Parameters
    ----------
    n_excerpts
        Of each duet.
    seed
        Of everything drawn.
    duets
        Which.
    """

    def __init__(
        self, n_excerpts: int = N_EXCERPTS, seed: int = 0, duets: tuple[str, ...] = tuple(DUETS)
    ) -> None:
        self.batches = [
            Numbered(SOURCES_OF[duet], Crops(training_stems([duet], n_excerpts), seed))
            for duet in duets
        ]

    def __getitem__(self, i: int) -> Asked:
        """Batch `i`, stems of shape ``(batch, 2, n_samples)``."""
        return self.batches[i % len(self.batches)][i]


def warm_up(step: int) -> float:
    """Weight of the divergence from the prior at a step: it rises from 0 to 1."""
    return min(1.0, step / WARM_UP)


def loss_of(model: Any, batch: Asked, beta: float = 1.0) -> torch.Tensor:
    """The loss of any of the networks; that of a TCN-VAE with warm-up.

    Parameters
    ----------
    model
        Made by :func:`make_network`.
    batch
        Of :class:`ByDuet`.
    beta
        Weight of the divergence from the prior after warm-up.

    Returns
    -------
    torch.Tensor
        A scalar.
    """
    if isinstance(model, TCNVAE):
        return model.loss(batch.stems, beta * warm_up(batch.step), batch.sources)
    return model.loss(batch.stems)


def validation_score(
    model: Any, head: str = "mask", names: tuple[str, ...] = tuple(DUETS)
) -> float:
    """How well the validation excerpts of duets are taken apart.

    Parameters
    ----------
    model
        Made by :func:`make_network`.
    head
        Of a TCN-VAE.
    names
        Of the duets.

    Returns
    -------
    float
        Mean SI-SDR improvement in dB.
    """
    return float(np.mean([validated(model, name, head).mean for name in names]))


def validated(
    model: Any, duet: str, head: str = "mask", any_order: bool = False
) -> SeparationResult:
    """How well the validation excerpts of a duet are taken apart.

    Parameters
    ----------
    model
        Made by :func:`make_network`.
    duet
        Which.
    head
        Of a TCN-VAE.
    any_order
        Whether the order of the estimates is forgiven.

    Returns
    -------
    SeparationResult
    """
    return evaluate_separator(
        lambda m: separate(model, m.mixture, duet, head), validation_duets(duet), any_order
    )


def separate(model: Any, mixture: Any, duet: str, head: str = "mask") -> np.ndarray:
    """Take a mixture apart with any of the networks.

    Parameters
    ----------
    model
        Made by :func:`make_network`.
    mixture
        Waveform, shape ``(n_samples,)``.
    duet
        Which: a TCN-VAE is told who plays.
    head
        Of a TCN-VAE.

    Returns
    -------
    numpy.ndarray
        Shape ``(2, n_samples)``, the higher voice first.
    """
    if isinstance(model, TCNVAE):
        return model.separate(mixture, SOURCES_OF[duet], head)
    return model.separate(mixture)


def train_network(
    name: str,
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    every: int = 1000,
    duets: tuple[str, ...] = tuple(DUETS),
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[Any, History]:
    """Train one of the networks.

    Parameters
    ----------
    name
        One of :data:`NETWORKS`.
    steps
        Of Adam.
    n_excerpts
        Of each duet.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation duets best.
    every
        Steps between validations.
    duets
        Which.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    torch.nn.Module, History
    """

    def masks_alone(model: TCNVAE, batch: Asked) -> torch.Tensor:
        return model.terms(batch.stems, batch.sources).masks

    return train_separator(
        make_network(name, seed),
        masks_alone if name == "masks-alone" else loss_of,
        ByDuet(n_excerpts, seed, duets),
        steps,
        score=(lambda model: validation_score(model, names=duets)) if validate else None,
        clip=5.0,
        every=every,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


@cache
def load_network(name: str) -> Any:
    """A committed network, in evaluation mode.

    Parameters
    ----------
    name
        One of :data:`COMMITTED`.

    Returns
    -------
    TCNVAE, TCNMask or ConvTasNet

    Raises
    ------
    ValueError
        When there is no such network, or its weights are missing or damaged.
    """
    model = make_network(check_in(name, "name", COMMITTED))
    load_weights(model, f"{NAME}-{name}")
    return model.eval()
