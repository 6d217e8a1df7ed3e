"""Train deep clustering on all three duets at once.

The idea in a sentence: two seconds of a training duet, its two voices made louder or softer at
random, thousands of times; one network for all duets, since it is not asked *who* sings but *which
places go together* (Hershey et al. 2016).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation import Crops, training_stems, validation_duets
from etudes.separators import DeepClustering
from etudes.train import History, cosine_schedule, fit

__all__ = ["train"]

N_EXCERPTS = 320
"""Of each duet: every training chorale once."""

LEARNING_RATE = 2e-3


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
    model = DeepClustering()
    history = fit(
        model,
        lambda network, stems: network.loss(stems),
        Crops(training_stems(names, n_excerpts), seed),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=LEARNING_RATE),
        schedule=cosine_schedule(steps, warmup=min(100, steps // 10)),
        clip=1.0,
        validate=validation_score if validate else None,
        every=1000,
        checkpoint=checkpoint,
        progress=progress,
        seed=seed,
    )
    return model.eval(), history


def validation_score(model: DeepClustering) -> float:
    """Mean SI-SDR improvement on validation duets, in dB."""
    return float(
        np.mean(
            [
                evaluate_separator(
                    lambda m: model.separate(m.mixture), validation_duets(name), any_order=True
                ).mean
                for name in DUETS
            ]
        )
    )
