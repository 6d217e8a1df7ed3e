"""The TCN mask network once more, trained on every pair of voices instead of three duets.

The idea in a sentence: whoever has the stems can mix them as they like, so the plainest cure for
new company is that none is new. Chapter 18.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF
from etudes.recipes.separation_training import train_separator, training_stems
from etudes.recipes.tcn_vae.networks import (
    N_EXCERPTS,
    Asked,
    loss_of,
    make_network,
    validation_score,
)
from etudes.recipes.tcn_vae.trials import Solo
from etudes.recipes.tcn_vae.who_sings import NEW_COMPANY
from etudes.train import History

__all__ = ["PAIRS", "AllPairs", "train_on_all_pairs"]

PAIRS = (*SOURCES_OF.values(), *NEW_COMPANY.values())
"""Pairs of voices that sing different lines, the higher one first."""


class AllPairs:
    """Batches of one pair of voices after the other, each voice from a chorale of its own.

    Parameters
    ----------
    n_excerpts
        Of each duet in which a voice is heard.
    seed
        Of everything drawn.
    """

    def __init__(self, n_excerpts: int = N_EXCERPTS, seed: int = 0) -> None:
        self.alone = {}
        for source, (duet, voice) in SOURCES.items():
            stems = [one[[voice]] for one in training_stems([duet], n_excerpts)]
            self.alone[source] = Solo(stems, seed)

    def __getitem__(self, i: int) -> Asked:
        """Batch `i`, stems of shape ``(batch, 2, n_samples)``."""
        higher, lower = PAIRS[i % len(PAIRS)]
        # odd and even numbers: never twice the same pieces of the same chorales
        stems = [self.alone[higher][2 * i], self.alone[lower][2 * i + 1]]
        return Asked((higher, lower), torch.cat(stems, dim=1), i)


def train_on_all_pairs(
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[Any, History]:
    """Train the TCN mask network on all pairs.

    Parameters
    ----------
    steps
        Of Adam.
    n_excerpts
        Of each duet in which a voice is heard.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation duets best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNMask, History
    """
    return train_separator(
        make_network("tcn-mask", seed),
        loss_of,
        AllPairs(n_excerpts, seed),
        steps,
        score=validation_score if validate else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
