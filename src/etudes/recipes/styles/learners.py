"""Learners on statistics of a tune: those that know no style but the task's, and learned spaces.

The idea in a sentence: everything stands in one table, so that it is seen what training styles add
to counting. Chapter 06.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.learners.centroid import NearestCentroid
from etudes.learners.melody import N_STATISTICS, block_columns
from etudes.learners.style_space import DualLogistic, ShrunkenDiscriminant, StyleSpace

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
