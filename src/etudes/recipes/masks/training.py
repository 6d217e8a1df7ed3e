"""Train deep clustering on all three duets at once.

The idea in a sentence: two seconds of a training duet, its two voices made louder or softer at
random, thousands of times; one network for all duets, since it is not asked *who* sings but *which
places go together* (Hershey et al. 2016).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from etudes.data.duets import DUETS, duets
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation import TRAIN_SEED, validation_duets
from etudes.separators import DeepClustering
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History, cosine_schedule, fit

__all__ = ["Crops", "train"]

N_EXCERPTS = 320
"""Of each duet: every training chorale once."""

BATCH, CROP_FRAMES = 8, 128
_BALANCE = 3.0  # decibels up or down, besides what the excerpts bring
_SILENT = 1e-3  # a crop in which a voice stays below this teaches nothing
LEARNING_RATE = 2e-3


class Crops:
    """Batches of short pieces of excerpts, the same for the same seed and number.

    Parameters
    ----------
    stems
        Excerpts, each of shape ``(n_sources, n_samples)``.
    seed
        Of everything drawn.
    batch, n_frames
        Pieces in a batch, and how long they are.
    """

    def __init__(
        self,
        stems: list[np.ndarray],
        seed: int = 0,
        batch: int = BATCH,
        n_frames: int = CROP_FRAMES,
    ) -> None:
        self.stems, self.seed, self.batch = stems, seed, batch
        self.n_samples = n_frames * HOP_LENGTH

    def __getitem__(self, i: int) -> torch.Tensor:
        """Batch `i`, shape ``(batch, n_sources, n_samples)``."""
        random = np.random.default_rng([self.seed, i])
        pieces: list[np.ndarray] = []
        while len(pieces) < self.batch:
            stems = self.stems[random.integers(len(self.stems))]
            start = random.integers(max(1, stems.shape[1] - self.n_samples + 1))
            piece = stems[:, start : start + self.n_samples]
            gain = 10 ** (random.uniform(-_BALANCE, _BALANCE, (len(stems), 1)) / 20)
            if (np.abs(piece).max(axis=1) > _SILENT).all():
                pieces.append((piece * gain).astype(np.float32))
        return torch.from_numpy(np.stack(pieces))


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
    heard = [
        one.stems for name in names for one in duets(name, "train", TRAIN_SEED).load(n_excerpts)
    ]
    torch.manual_seed(seed)
    model = DeepClustering()
    history = fit(
        model,
        lambda network, stems: network.loss(stems),
        Crops(heard, seed),
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
