"""What practises comparing in a learned space: relation modules, prototypes, and two together.

The idea in a sentence: a space says which differences matter, episodes of training styles may teach
a network to compare on top of it, and whether that survives on new styles is to be measured.
Chapter 06.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in
from etudes.episodes import Episode
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationNetwork
from etudes.learners.style_space import DualLogistic, StyleSpace
from etudes.recipes.styles.tunes import Tunes
from etudes.train import History, cosine_schedule, fit


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
    """The relation module of the ablations: two layers that see a class and a query together.

    Parameters
    ----------
    channels
        Of one item's maps.
    difference
        Show the layers the squared difference of class and query, and not the two side by side:
        then "near is alike" need not be found out.
    """

    def __init__(self, channels: int = 64, difference: bool = False) -> None:
        super().__init__()
        self.difference = difference
        width = channels if difference else 2 * channels
        self.layers = nn.Sequential(
            nn.Linear(width, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 1)
        )

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Pairs (n, 2 * channels, 1, 1) to (n, 1) logits."""
        pairs = pairs.flatten(1)
        if self.difference:
            of_class, of_query = pairs.chunk(2, dim=1)
            pairs = (of_class - of_query) ** 2
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
    """

    transductive = False

    def __init__(self, prototypes: PrototypicalNetwork, c: float = 10.0) -> None:
        super().__init__()
        self.prototypes, self.c = prototypes, c

    def forward(self, episode: Episode) -> torch.Tensor:
        """Answer a task: (n_way * n_query, n_way) logits."""
        logistic = DualLogistic(self.prototypes.encoder.space, self.c)
        return logistic(episode) + self.prototypes(episode)


COMPARERS = ("relation", "relation-cross-entropy", "relation-difference", "prototypical")
"""Kinds of :func:`make_comparer`: a relation module that learns by squared error or by
cross-entropy; the latter shown the difference of class and query; prototypes."""


def make_comparer(kind: str, space: StyleSpace, seed: int = 0) -> nn.Module:
    """A network with fresh weights that compares points of the space.

    Parameters
    ----------
    kind
        One of :data:`COMPARERS`.
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
    loss = "squared-error" if kind == "relation" else "cross-entropy"
    score = PairScore(difference=kind == "relation-difference")
    return RelationNetwork(SpaceMaps(space), score, loss=loss, combine="mean")


def train_comparer(
    model: nn.Module, data: Tunes, x: torch.Tensor, steps: int = 1200, progress: bool = False
) -> History:
    """Train on 5-way 5-shot episodes of training styles.

    Parameters
    ----------
    model
        From :func:`make_comparer`.
    data, x
        Tunes and what :func:`~etudes.recipes.styles.tunes.describe` made of them.
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


def learn(
    training: Tunes,
    x: torch.Tensor,
    space: StyleSpace,
    steps: int = 1200,
    progress: bool = False,
    kinds: Sequence[str] = ("prototypical",),
) -> dict[str, Any]:
    """Train what compares points of a space.

    Parameters
    ----------
    training, x
        Training tunes and their description.
    space
        Of that description.
    steps
        Episodes of each.
    progress
        Show progress bars.
    kinds
        Of :data:`COMPARERS`, ``"prototypical"`` among them.

    Returns
    -------
    dict
        The comparers by name, and ``"together"``.
    """
    learners: dict[str, Any] = {kind: make_comparer(kind, space) for kind in kinds}
    for model in learners.values():
        train_comparer(model, training, x, steps, progress)
    return {**learners, "together": Together(learners["prototypical"]).eval()}
