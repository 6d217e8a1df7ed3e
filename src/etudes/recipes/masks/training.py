"""Train deep clustering on all three duets at once.

The idea in a sentence: two seconds of a training duet, its two voices made louder or softer at
random, thousands of times; one network for all duets, since it is not asked *who* sings but *which
places go together* (Hershey et al. 2016).
"""

from __future__ import annotations

from pathlib import Path

import torch

from etudes.data.duets import DUETS
from etudes.recipes.separation_training import (
    N_EXCERPTS,
    Crops,
    duets_score,
    train_separator,
    training_stems,
)
from etudes.separators import DeepClustering
from etudes.train import History

__all__ = ["train"]


def train(
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
    names: tuple[str, ...] = tuple(DUETS),
) -> tuple[DeepClustering, History]:
    """Train a network from its random start.

    Parameters
    ----------
    steps
        Of Adam.
    n_excerpts
        Of each duet.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation duets best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.
    names
        The duets to learn from.

    Returns
    -------
    DeepClustering, History
    """
    torch.manual_seed(seed)
    return train_separator(
        DeepClustering(),
        lambda network, stems: network.loss(stems),
        Crops(training_stems(names, n_excerpts), seed),
        steps,
        score=validation_score if validate else None,
        clip=1.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


def validation_score(model: DeepClustering) -> float:
    """Mean SI-SDR improvement on validation duets, in dB."""
    return duets_score(model.separate, any_order=True)
