"""Networks trained once more, on every pair of voices instead of three duets.

The idea in a sentence: whoever has the stems can mix them as they like, so the plainest cure for
new company is that none is new. Chapter 18.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF
from etudes.recipes.separation_training import Crops, train_separator, training_stems
from etudes.recipes.tcn_vae.networks import (
    N_EXCERPTS,
    Asked,
    Numbered,
    loss_of,
    make_network,
    validation_score,
)
from etudes.recipes.tcn_vae.who_sings import NEW_COMPANY
from etudes.train import History

__all__ = ["PAIRS", "AllPairs", "train_on_all_pairs"]

PAIRS = (*SOURCES_OF.values(), *NEW_COMPANY.values())
"""Pairs of voices that sing different lines, the higher one first."""


class AllPairs:
    """Batches of crops of one pair after the other.

    Excerpts of the same number are of the same place of the same chorale at the same tempo, whoever
    sings: so any two voices can be put together.

    Parameters
    ----------
    n_excerpts
        Of each pair.
    seed
        Of everything drawn.
    """

    def __init__(self, n_excerpts: int = N_EXCERPTS, seed: int = 0) -> None:
        alone = {
            source: [stems[[voice]] for stems in training_stems([duet], n_excerpts)]
            for source, (duet, voice) in SOURCES.items()
        }
        self.batches = [
            Numbered(
                pair, Crops([np.concatenate(both) for both in zip(*map(alone.get, pair))], seed)
            )
            for pair in PAIRS
        ]

    def __getitem__(self, i: int) -> Asked:
        """Batch `i`, stems of shape ``(batch, 2, n_samples)``."""
        return self.batches[i % len(self.batches)][i]


def train_on_all_pairs(
    name: str,
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[Any, History]:
    """Train one of the networks on all pairs.

    Parameters
    ----------
    name
        ``"tcn-mask"`` or ``"tcn-vae"``.
    steps
        Of Adam.
    n_excerpts
        Of each pair.
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
    torch.nn.Module, History
    """
    return train_separator(
        make_network(name, seed),
        loss_of,
        AllPairs(n_excerpts, seed),
        steps,
        score=validation_score if validate else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
