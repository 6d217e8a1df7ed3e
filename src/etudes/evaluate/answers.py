"""A learner's answer to one task: logits of the right shape, or a sentence on what came instead.

Any function of an episode can be evaluated, so nothing about its answer can be taken for granted.
Chapter 02 evaluates functions that stand in its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from etudes.checks import describe
from etudes.episodes import Episode

Learner = Callable[[Episode], Any]


def answer_of(learner: Learner, episode: Episode, where: str) -> torch.Tensor:
    """A learner's logits for one episode, on the CPU, checked."""
    logits = learner(episode)
    if not isinstance(logits, (torch.Tensor, np.ndarray, Sequence)):
        raise TypeError(f"learner must return logits, got {describe(logits)} for {where}")
    logits = torch.as_tensor(logits).detach().cpu().float()
    wanted = (len(episode.query_y), episode.n_way)
    if tuple(logits.shape) != wanted:
        raise ValueError(
            f"learner must return logits of shape (n_way * n_query, n_way) = {wanted}, "
            f"got {tuple(logits.shape)} for {where}"
        )
    if torch.isnan(logits).any():
        raise ValueError(f"learner returned NaN for {where}")
    return logits
