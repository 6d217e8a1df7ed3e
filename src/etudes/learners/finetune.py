"""Fine-tuning: let a trained learner take a few more steps on the very task in front of it.

The support set is all there is, so it has to ask itself: each step holds out one example of every
class and lets the others answer for it. Whether this helps or only overfits is an experiment
(Chen et al., "A closer look at few-shot classification", ICLR 2019, found it strong); chapter 06
runs it, and chapter 07 learns to be fine-tuned.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from etudes.checks import check_positive_float, check_positive_int, describe
from etudes.episodes import Episode
from etudes.learners.protocol import check_episode, is_transductive

__all__ = ["FineTuned", "held_out_task"]


def held_out_task(episode: Episode, shot: int, jitter: float, rng: torch.Generator) -> Episode:
    """Make a task of a support set alone.

    Parameters
    ----------
    episode : Episode
        Only its support set is used.
    shot : int
        Which example of each class (0…k_shot−1) becomes the question.
    jitter : float
        With one example per class nothing can be held out: the question is then the example plus
        Gaussian noise of this many times its standard deviation.
    rng : torch.Generator
        Draws the noise.

    Returns
    -------
    Episode
        ``k_shot - 1`` support items (or one) and one query item per class.
    """
    x, y, k, n_way = episode.support_x, episode.support_y, episode.k_shot, episode.n_way
    position = torch.arange(len(y)).reshape(n_way, k)
    if k == 1:
        noise = torch.randn(x.shape, generator=rng, dtype=x.dtype).to(x.device)
        asked = x + jitter * x.flatten(1).std(1).reshape(-1, *[1] * (x.ndim - 1)) * noise
        rows = np.arange(len(y))  # made-up row numbers: the noisy copy counts as another item
        return Episode(x, y, asked, y, rows, rows + len(y), episode.classes)
    held = position[:, shot % k]
    kept = position[:, [s for s in range(k) if s != shot % k]].reshape(-1)
    return Episode(x[kept], y[kept], x[held], y[held], kept.numpy(), held.numpy(), episode.classes)


class FineTuned:
    """Copy a learner, train the copy on the support set, answer, forget the copy.

    Parameters
    ----------
    model : torch.nn.Module
        A learner with ``loss(episode)``, for example a trained
        :class:`~etudes.learners.relation.RelationNetwork`. It is never changed.
    steps : int
        Gradient steps per task; 0 is the model as it is.
    lr : float
        Step size of Adam.
    jitter : float
        Noise on the questions when there is one example per class; see :func:`held_out_task`.
    seed : int
        Seed of that noise.

    Raises
    ------
    TypeError, ValueError
        When the model has no ``loss``, or a number is out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        steps: int = 10,
        lr: float = 1e-3,
        jitter: float = 0.1,
        seed: int = 0,
    ) -> None:
        if not isinstance(model, nn.Module) or not callable(getattr(model, "loss", None)):
            raise TypeError(
                f"model must be a torch.nn.Module with loss(episode), got {describe(model)}"
            )
        self.model = model
        self.steps = check_positive_int(steps, "steps", allow_zero=True)
        self.lr = check_positive_float(lr, "lr")
        self.jitter = check_positive_float(jitter, "jitter", allow_zero=True)
        self.seed = check_positive_int(seed, "seed", allow_zero=True)

    @property
    def transductive(self) -> bool:
        """Whether the model looks at all query items together."""
        return is_transductive(self.model)

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Fine-tune a copy on the support set and answer.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            Logits, shape ``(n_way * n_query, n_way)``.
        """
        check_episode(episode)
        model: Any = copy.deepcopy(self.model)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.lr)
        rng = torch.Generator().manual_seed(self.seed)
        with torch.enable_grad():
            for step in range(self.steps):
                task = held_out_task(episode, step, self.jitter, rng)
                optimizer.zero_grad()
                model.loss(task).backward()
                optimizer.step()
        with torch.no_grad():
            return model(episode)
