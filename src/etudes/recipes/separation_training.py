"""What the networks of chapters 16 to 18 are trained on, and how.

The idea in a sentence: two seconds of a training duet, its two voices made louder or softer at
random, thousands of times; one optimiser and one schedule for every network, so that none owes its
place in a table to a better tuned step size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_float, check_positive_int
from etudes.data.duets import DUETS, duets
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation import validation_duets
from etudes.separators.masking import HOP_LENGTH, check_stems
from etudes.train import History, cosine_schedule, fit

__all__ = ["N_EXCERPTS", "Crops", "duets_score", "train_separator", "training_stems"]

N_EXCERPTS = 320
"""Of each duet: every training chorale once."""

TRAIN_SEED = 1

BATCH, CROP_FRAMES = 8, 128
_SILENT = 1e-3  # a crop in which a voice stays below this teaches nothing

LEARNING_RATE = 2e-3

_Model = TypeVar("_Model", bound=nn.Module)


def training_stems(names: Sequence[str], n_excerpts: int) -> list[np.ndarray]:
    """Stems of training excerpts.

    Parameters
    ----------
    names
        Of duets.
    n_excerpts
        Of each; up to 320, every training chorale once.

    Returns
    -------
    list of numpy.ndarray
        Each of shape ``(2, n_samples)``, one duet after the other.
    """
    return [
        one.stems for name in names for one in duets(name, "train", TRAIN_SEED).load(n_excerpts)
    ]


class Crops:
    """Batches of short pieces of excerpts, the same for the same seed and number.

    Every piece is drawn anew: from which excerpt, from where, and how loud each source is. Pieces
    in which a source is silent are not used.

    Parameters
    ----------
    stems
        Excerpts, each of shape ``(n_sources, n_samples)``.
    seed
        Of everything drawn.
    batch, n_frames
        Pieces in a batch, and how long they are, in hops of 128 samples.
    balance
        So many decibels up or down is each source made louder, besides what the excerpts bring.

    Raises
    ------
    TypeError, ValueError
        When there are no excerpts, they are of different numbers of sources, one is shorter than a
        piece, or has no piece in which every source sounds; or a number is out of range.
    """

    def __init__(
        self,
        stems: Sequence[np.ndarray],
        seed: int = 0,
        batch: int = BATCH,
        n_frames: int = CROP_FRAMES,
        balance: float = 3.0,
    ) -> None:
        self.stems, self.seed = stems, check_positive_int(seed, "seed", allow_zero=True)
        self.batch = check_positive_int(batch, "batch")
        self.n_samples = check_positive_int(n_frames, "n_frames") * HOP_LENGTH
        self.balance = check_positive_float(balance, "balance", allow_zero=True)
        if not len(stems):
            raise ValueError("stems must be of one excerpt or more, got none")
        counts = {_count(one, number, self.n_samples) for number, one in enumerate(stems)}
        if len(counts) > 1:
            raise ValueError(
                "stems must be equally many in every excerpt, got "
                f"{' and '.join(map(str, sorted(counts)))}"
            )

    def __getitem__(self, i: int) -> torch.Tensor:
        """Batch `i`, shape ``(batch, n_sources, n_samples)``."""
        random = np.random.default_rng([self.seed, i])
        pieces: list[np.ndarray] = []
        while len(pieces) < self.batch:
            stems = self.stems[int(random.integers(len(self.stems)))]
            start = random.integers(stems.shape[1] - self.n_samples + 1)
            piece = stems[:, start : start + self.n_samples]
            gain = 10 ** (random.uniform(-self.balance, self.balance, (len(stems), 1)) / 20)
            if (np.abs(piece).max(axis=1) > _SILENT).all():
                pieces.append((piece * gain).astype(np.float32))
        return torch.from_numpy(np.stack(pieces))


def _count(stems: np.ndarray, number: int, n_samples: int) -> int:
    """How many sources an excerpt has, when it has a piece in which all of them sound."""
    try:
        x = check_stems(stems)
    except (TypeError, ValueError) as error:
        raise type(error)(f"excerpt {number}: {error}") from error
    if x.shape[1] < n_samples:
        raise ValueError(
            f"excerpt {number}: stems must have {n_samples} samples or more, the length of a "
            f"piece, got {x.shape[1]}"
        )
    sounding = np.pad(np.cumsum(np.abs(x) > _SILENT, axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    in_piece = sounding[:, n_samples:] > sounding[:, :-n_samples]
    if not in_piece.all(axis=0).any():
        raise ValueError(
            f"excerpt {number}: stems must all sound (above {_SILENT:g}) in at least one piece of "
            f"{n_samples} samples, got none such; leave the excerpt out"
        )
    return len(x)


def train_separator(
    model: _Model,
    loss: Callable[[_Model, Any], torch.Tensor],
    batches: Any,
    steps: int,
    *,
    score: Callable[[_Model], float] | None,
    clip: float,
    every: int = 1000,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[_Model, History]:
    """Train a network with Adam, a short warm-up and a cosine to nothing.

    Parameters
    ----------
    model
        Trained in place.
    loss
        ``loss(model, batch)``.
    batches
        Indexed by the step.
    steps
        Of Adam.
    score
        Keep the weights for which this, on validation excerpts, is highest; or the last.
    clip
        The longest gradient.
    every
        Steps between validations.
    seed
        Of what :func:`etudes.train.fit` draws.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    torch.nn.Module, History
        The model in evaluation mode.
    """
    history = fit(
        model,
        loss,
        batches,
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=LEARNING_RATE),
        schedule=cosine_schedule(steps, warmup=min(100, steps // 10)),
        clip=clip,
        validate=score,
        every=every,
        checkpoint=checkpoint,
        progress=progress,
        seed=seed,
    )
    return model.eval(), history


def duets_score(
    separate: Callable[[np.ndarray], np.ndarray],
    any_order: bool = False,
    names: Sequence[str] = tuple(DUETS),
) -> float:
    """How well the validation excerpts of duets are taken apart.

    Parameters
    ----------
    separate
        From a mixture to its sources.
    any_order
        Whether the order of the estimates is forgiven.
    names
        Of the duets.

    Returns
    -------
    float
        Mean SI-SDR improvement in dB.
    """
    results = [
        evaluate_separator(lambda m: separate(m.mixture), validation_duets(name), any_order)
        for name in names
    ]
    return float(np.mean([result.mean for result in results]))
