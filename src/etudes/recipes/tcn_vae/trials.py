"""Small trainings on one duet: what beta, the future, names and stems are worth.

The idea in a sentence: the TCN-VAE of the chapter, with one thing changed at a time, for as many
steps on the same crops. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from etudes.data.mixture import Mixture
from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF
from etudes.recipes.separation import validation_duets
from etudes.recipes.separation_training import Crops, train_separator, training_stems
from etudes.recipes.tcn_vae.networks import Asked, ByDuet, loss_of, warm_up
from etudes.separators import TCNVAE
from etudes.train import History

__all__ = [
    "BETAS",
    "DUET",
    "Pairs",
    "louder_share",
    "rate_and_distortion",
    "train_by_mixtures",
    "train_trial",
]

DUET = "choir-sb"
"""On which beta and the future are tried."""

BETAS = (0.1, 1.0, 3.0, 10.0, 30.0)
"""Weights of the divergence from the prior."""

N_EXCERPTS = 320


def train_trial(
    steps: int,
    beta: float = 1.0,
    causal: bool = False,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    duet: str = DUET,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[TCNVAE, History]:
    """Train a TCN-VAE for one duet.

    Parameters
    ----------
    steps
        Of Adam.
    beta
        Weight of the divergence from the prior.
    causal
        Whether nothing may depend on what is still to come.
    n_excerpts
        Of training.
    seed
        Of weights and crops.
    duet
        Which.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNVAE, History
        The weights of the last step.
    """
    torch.manual_seed(seed)
    return train_separator(
        TCNVAE(SOURCES_OF[duet], causal=causal),
        lambda model, batch: loss_of(model, batch, beta),
        ByDuet(n_excerpts, seed, (duet,)),
        steps,
        score=None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


@torch.no_grad()
def rate_and_distortion(model: TCNVAE, duet: str = DUET) -> tuple[float, float]:
    """The two terms of the bound on validation excerpts.

    Parameters
    ----------
    model
        Trained.
    duet
        Which.

    Returns
    -------
    rate, distortion : float
        Nats per frame, of both sources together.
    """
    torch.manual_seed(0)
    terms = [
        model.terms(torch.from_numpy(m.stems)[None], SOURCES_OF[duet])
        for m in validation_duets(duet)
    ]
    return (
        float(np.mean([one.kl.item() for one in terms])),
        float(np.mean([one.distortion.item() for one in terms])),
    )


class Pairs:
    """Mixtures of which nobody tells the stems, only who is in them.

    Every batch is of two of the sources, drawn from different chorales and added up.

    Parameters
    ----------
    sources
        Names; with two, all mixtures are of the same two.
    n_excerpts
        Of each duet that the sources are heard in.
    seed
        Of everything drawn.
    """

    def __init__(self, sources: tuple[str, ...], n_excerpts: int, seed: int = 0) -> None:
        self.sources, self.crops = sources, []
        for source in sources:
            duet, voice = SOURCES[source]
            alone = [stems[[voice]] for stems in training_stems([duet], n_excerpts)]
            self.crops.append(_Solo(alone, seed))

    def __getitem__(self, i: int) -> Asked:
        """Batch `i`, whose "stems" are one row, the mixture: shape ``(batch, 1, n_samples)``."""
        pairs = [(a, b) for b in range(len(self.sources)) for a in range(b)]
        a, b = pairs[i % len(pairs)]
        mixtures = self.crops[a][2 * i] + self.crops[b][2 * i + 1]
        return Asked((self.sources[a], self.sources[b]), mixtures, i)


class _Solo:
    """Batches of crops of one source, none of them silent.

    Parameters
    ----------
    stems
        Excerpts, each of shape ``(1, n_samples)``.
    seed
        Of everything drawn.
    """

    def __init__(self, stems: list[np.ndarray], seed: int) -> None:
        doubled = [np.concatenate([one, one]) for one in stems]  # Crops want two sources or more
        self.crops = Crops(doubled, seed)

    def __getitem__(self, i: int) -> torch.Tensor:
        """Batch `i`, shape ``(batch, 1, n_samples)``."""
        return self.crops[i][:, :1]


def train_by_mixtures(
    sources: tuple[str, ...],
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[TCNVAE, History]:
    """Train a TCN-VAE on mixtures whose stems nobody knows, only the names of who is in them.

    Parameters
    ----------
    sources
        Names. With two of them, names say nothing: every mixture is of both.
    steps
        Of Adam.
    n_excerpts
        Of each duet.
    seed
        Of weights and crops.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNVAE, History
        Its mask head has learned nothing: ask for the Wiener filter.
    """

    def loss(model: Any, batch: Asked) -> torch.Tensor:
        far, kl = model.mixture_terms(batch.stems[:, 0], batch.sources)
        return far + warm_up(batch.step) * kl

    torch.manual_seed(seed)
    return train_separator(
        TCNVAE(sources),
        loss,
        Pairs(sources, n_excerpts, seed),
        steps,
        score=None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


def louder_share(sounds_of: Callable[[Mixture], np.ndarray], duet: str) -> float:
    """How much of the power of two sounds the louder one has.

    Parameters
    ----------
    sounds_of
        From a mixture to two estimates, or to its stems.
    duet
        Which.

    Returns
    -------
    float
        0.5 to 1, mean over validation excerpts.
    """
    shares = []
    for m in validation_duets(duet):
        power = np.mean(sounds_of(m) ** 2, axis=1)
        shares.append(power.max() / power.sum())
    return float(np.mean(shares))
