"""The learners that :mod:`etudes.recipes.styles` compares: counting, learned spaces, learned
comparison, and a naive one.

The idea in a sentence: everything stands in one table, so that it is seen what meta-learning adds
to counting. Chapter 06.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in
from etudes.episodes import Episode
from etudes.evaluate import FewShotResult, evaluate
from etudes.learners.centroid import NearestCentroid
from etudes.learners.encoders import MelodyEncoder
from etudes.learners.melody import N_STATISTICS, block_columns
from etudes.learners.melody_encoder import VOCABULARY, tune_symbols
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationNetwork
from etudes.learners.style_space import DualLogistic, ShrunkenDiscriminant, StyleSpace
from etudes.recipes.style_training import Tunes
from etudes.train import History, cosine_schedule, fit

TEST_SEED = 2018
"""Of the test episodes."""

SIMPLE = ("pitch_from_final", "interval", "duration")
PAIRS = (*SIMPLE, "interval_pairs", "duration_pairs")


class Columns(nn.Module):
    """Some columns of every item, as they are."""

    def __init__(self, columns: np.ndarray) -> None:
        super().__init__()
        self.columns = torch.from_numpy(columns)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pick (n, n_columns) of (n, n_inputs)."""
        return x[:, self.columns]


def hand_crafted(scaled: StyleSpace) -> dict[str, Any]:
    """Learners that know no style but those of the task: the baselines.

    Parameters
    ----------
    scaled
        A space that only brings the statistics to one scale.

    Returns
    -------
    dict
        Name → learner.
    """
    counted = Columns(np.arange(N_STATISTICS))
    simple, pairs = Columns(block_columns(names=SIMPLE)), Columns(block_columns(names=PAIRS))

    def scale(x: torch.Tensor) -> torch.Tensor:
        return scaled(counted(x))

    return {
        "centroid-histograms": NearestCentroid(simple),
        "centroid-pairs": NearestCentroid(pairs),
        "logistic-pairs": DualLogistic(pairs, c=30.0),
        "centroid-statistics": NearestCentroid(scale),
        "logistic-statistics": DualLogistic(scale, c=30.0),
        "radial-statistics": DualLogistic(scale, c=30.0, kernel="radial"),
        "discriminant-statistics": ShrunkenDiscriminant(scale, 0.3),
        "discriminant-statistics-weak": ShrunkenDiscriminant(scale, 0.1),
    }


def learned(space: StyleSpace, statistics_space: StyleSpace, suffix: str = "") -> dict[str, Any]:
    """Learners that know from training styles which differences matter.

    Parameters
    ----------
    space
        Of statistics and what the reader says.
    statistics_space
        Of statistics alone.
    suffix
        For the names.

    Returns
    -------
    dict
        Name → learner.
    """
    counted = Columns(np.arange(N_STATISTICS))

    def statistics(x: torch.Tensor) -> torch.Tensor:
        return statistics_space(counted(x))

    return {
        f"space{suffix}": DualLogistic(space),
        f"space-centroid{suffix}": NearestCentroid(space),
        f"space-statistics{suffix}": DualLogistic(statistics),
        f"space-statistics-centroid{suffix}": NearestCentroid(statistics),
        f"reader-centroid{suffix}": NearestCentroid(Reader()),
    }


class Reader(nn.Module):
    """What the reader says of every item, and nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pick (n, 96) of (n, 1416 + 96)."""
        return x[:, N_STATISTICS:]


class SpaceMaps(nn.Module):
    """The embedding module of the ablations: a point of the space, mapped once more.

    For a relation network it comes as feature maps of one pixel.
    """

    def __init__(
        self, space: StyleSpace, channels: int = 64, dropout: float = 0.3, maps: bool = True
    ) -> None:
        super().__init__()
        self.space, self.maps = space, maps
        width = space.project.shape[1]
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Items (n, n_inputs) to (n, channels, 1, 1), or (n, channels)."""
        z = self.linear(self.dropout(self.norm(self.space(x))))
        return functional.gelu(z)[..., None, None] if self.maps else z


class PairScore(nn.Module):
    """The relation module of the ablations: two layers that see a class and a query together."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * channels, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 1)
        )

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Pairs (n, 2 * channels, 1, 1) to (n, 1) logits."""
        return self.layers(pairs)


class Together(nn.Module):
    """Two answers added up: logistic regression in the space, prototypes in the space mapped on.

    The first trusts the five tunes, the second what episodes of training styles taught; each makes
    mistakes that the other does not.

    Parameters
    ----------
    prototypes
        From ``make_comparer("prototypical", space)``; its space serves both.
    c
        Of the logistic regression.
    weight
        Of its logits; those of the prototypes count once.
    """

    transductive = False

    def __init__(
        self, prototypes: PrototypicalNetwork, c: float = 10.0, weight: float = 1.0
    ) -> None:
        super().__init__()
        self.prototypes, self.c, self.weight = prototypes, c, weight

    def forward(self, episode: Episode) -> torch.Tensor:
        """Answer a task: (n_way * n_query, n_way) logits."""
        logistic = DualLogistic(self.prototypes.encoder.space, self.c)
        return self.weight * logistic(episode) + self.prototypes(episode)


COMPARERS = ("relation", "relation-cross-entropy", "prototypical")


def make_comparer(kind: str, space: StyleSpace, seed: int = 0) -> nn.Module:
    """A network with fresh weights that compares points of the space.

    Parameters
    ----------
    kind
        One of :data:`COMPARERS`; ``"relation"`` learns by squared error.
    space
        Stays as it is.
    seed
        Of the weights.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        When the kind is unknown.
    """
    check_in(kind, "kind", COMPARERS)
    torch.manual_seed(seed)
    if kind == "prototypical":
        return PrototypicalNetwork(SpaceMaps(space, 256, 0.5, maps=False), temperature=32.0)
    loss = "cross-entropy" if kind == "relation-cross-entropy" else "squared-error"
    return RelationNetwork(SpaceMaps(space), PairScore(), loss=loss, combine="mean")


def train_comparer(
    model: nn.Module, data: Tunes, x: torch.Tensor, steps: int = 1200, progress: bool = False
) -> History:
    """Train on 5-way 5-shot episodes of training styles.

    Parameters
    ----------
    model
        From :func:`make_comparer`.
    data, x
        Tunes and what :func:`~etudes.recipes.style_training.describe` made of them.
    steps
        Episodes.
    progress
        Show a progress bar.

    Returns
    -------
    History
    """
    common = data.common
    history = fit(
        model,
        lambda m, episode: m.loss(episode),
        data.only(common).sampler(x[common], seed=2),
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01),
        schedule=cosine_schedule(steps),
        clip=5.0,
        progress=progress,
    )
    model.eval()
    return history


def one_hot_notes(data: Tunes, n_notes: int = 64) -> torch.Tensor:
    """First notes of every tune: height and duration one-hot, (n_tunes, 46, n_notes)."""
    kinds = tune_symbols(data.tunes, n_notes).kinds
    parts = [functional.one_hot(kinds[..., i], VOCABULARY[i]) for i in (4, 2)]
    return torch.cat(parts, -1).transpose(1, 2).float()


def naive_failure(
    training: Tunes,
    unseen: Tunes,
    steps: int = 500,
    n_tasks: int = 200,
    tunes_per_style: int | None = 60,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, FewShotResult]:
    """A three-layer convolutional prototypical network: it memorises its training styles and fails
    on others.

    Parameters
    ----------
    training, unseen
        Tunes of disjoint styles.
    steps
        Training episodes.
    n_tasks
        Episodes of each evaluation.
    tunes_per_style
        Train on so many of each style: a few are learned by heart in half a minute, all of them
        (``None``) take longer.
    seed
        Of weights and episodes.
    progress
        Show bars.

    Returns
    -------
    dict
        ``"own"``: episodes of the very tunes that it was trained on; ``"held-out"``: other tunes of
        the same styles; ``"unseen"``: tunes of other styles; ``"unseen-untrained"``: the same
        network without training.
    """
    torch.manual_seed(seed)
    training = training.only(training.common)
    held = training.tunes.groups % 5 == 0
    x = one_hot_notes(training)
    rows = np.flatnonzero(~held)
    if tunes_per_style is not None:
        first = [rows[training.styles[rows] == style] for style in np.unique(training.styles)]
        rng = np.random.default_rng(seed)
        rows = np.concatenate([rng.permutation(own)[:tunes_per_style] for own in first])
    kept, other = training.only(rows), training.only(held)
    samplers = {
        "own": kept.sampler(x[rows], seed=11),
        "held-out": other.sampler(x[held], seed=12),
        "unseen": unseen.sampler(one_hot_notes(unseen), seed=TEST_SEED),
    }
    model = PrototypicalNetwork(MelodyEncoder(x.shape[1]))
    results = {"unseen-untrained": evaluate(model, samplers["unseen"], n_tasks, progress)}
    fit(
        model,
        lambda m, episode: m.loss(episode),
        kept.sampler(x[rows], seed=10),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=3e-3),
        seed=seed,
        progress=progress,
    )
    results.update({name: evaluate(model, s, n_tasks, progress) for name, s in samplers.items()})
    return results
