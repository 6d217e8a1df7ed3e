"""Train a VAE for each source, and the supervised shortcut to their latents.

The idea in a sentence: the VAEs hear one source each and never a mixture; the shortcut hears
mixtures with their stems. Chapter 17.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from etudes.checks import check_in, check_positive_int
from etudes.recipes.separation import validation_duets
from etudes.recipes.separation_training import (
    N_EXCERPTS,
    Crops,
    duets_score,
    train_separator,
    training_stems,
)
from etudes.separators import MixtureEncoder, SourceVAE
from etudes.train import History

__all__ = ["SOURCES", "SOURCES_OF", "Solos", "train_encoder", "train_vae", "vae_loss"]

SOURCES = {
    "flute": ("flute-bassoon", 0),
    "bassoon": ("flute-bassoon", 1),
    "choir-soprano": ("choir-sb", 0),
    "choir-bass": ("choir-sb", 1),
    "choir-alto": ("choir-sa", 1),
}
"""In which duet, and as which of its voices, each source is heard alone."""

SOURCES_OF = {
    "flute-bassoon": ("flute", "bassoon"),
    "choir-sb": ("choir-soprano", "choir-bass"),
    "choir-sa": ("choir-soprano", "choir-alto"),
}
"""Sources of each duet, the higher voice first."""


class Solos:
    """Batches of short pieces of one source, the same for the same seed and number.

    Parameters
    ----------
    stems
        Excerpts of shape ``(n_sources, n_samples)``.
    voice
        Which of the sources.
    seed
        Of everything drawn.
    warmup
        So many batches until the weight, which comes with each, has risen from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        When there is no such voice, a number is out of range, or no pieces can be cut.
    """

    def __init__(self, stems: list[np.ndarray], voice: int, seed: int = 0, warmup: int = 1) -> None:
        self.crops = Crops(stems, seed, balance=0.0)
        self.voice = check_in(voice, "voice", range(len(stems[0])))
        self.seed, self.warmup = seed, check_positive_int(warmup, "warmup")

    def __getitem__(self, i: int) -> tuple[float, torch.Tensor]:
        """Weight and waveforms, shape ``(batch, n_samples)``: mean square 1 or up to 12 dB less."""
        solo = self.crops[i][:, self.voice]
        decibels = np.random.default_rng([self.seed, i, 1]).uniform(-12, 0, len(solo))
        gain = torch.from_numpy(10 ** (decibels / 20)).float()
        loudness = solo.square().mean(dim=1).sqrt()
        return min(1.0, i / self.warmup), solo * (gain / loudness)[:, None]


def vae_loss(model: SourceVAE, batch: tuple[float, torch.Tensor]) -> torch.Tensor:
    """The negative bound, its second term weighted.

    Parameters
    ----------
    model
        Of the source.
    batch
        Weight and waveforms.

    Returns
    -------
    torch.Tensor
        Nats per frame.
    """
    weight, waveforms = batch
    far, kl = model.terms(waveforms)
    return far + weight * kl


def train_vae(
    source: str,
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[SourceVAE, History]:
    """Train the VAE of one source.

    Parameters
    ----------
    source
        One of :data:`SOURCES`.
    steps
        Of Adam.
    n_excerpts
        To learn from.
    seed
        Of weights and crops.
    validate
        Keep the weights of the highest bound on validation hymns.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    SourceVAE, History

    Raises
    ------
    ValueError
        When there is no such source.
    """
    name, voice = SOURCES[check_in(source, "source", SOURCES)]
    torch.manual_seed(seed)
    model = SourceVAE()
    held = Solos([one.stems for one in validation_duets(name)], voice, seed=2)

    def bound(network: SourceVAE) -> float:
        return -float(np.mean([vae_loss(network, held[i]).item() for i in range(1, 9)]))

    return train_separator(
        model,
        vae_loss,
        Solos(training_stems([name], n_excerpts), voice, seed, warmup=max(1, steps // 3)),
        steps,
        score=bound if validate else None,
        clip=10.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


def train_encoder(
    models: list[SourceVAE],
    name: str,
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[MixtureEncoder, History]:
    """Train the supervised shortcut to the latents of two sources.

    Parameters
    ----------
    models
        Of the sources, trained.
    name
        Of the duet.
    steps
        Of Adam.
    n_excerpts
        To learn from.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation excerpts best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    MixtureEncoder, History
    """
    torch.manual_seed(seed)
    return train_separator(
        MixtureEncoder(models),
        lambda network, stems: network.loss(stems),
        Crops(training_stems([name], n_excerpts), seed),
        steps,
        score=(lambda network: duets_score(network.separate, names=[name])) if validate else None,
        clip=5.0,
        every=500,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
