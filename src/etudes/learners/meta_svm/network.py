"""MetaOptNet: learn the space in which a support vector machine needs only a few examples.

The inner learner is solved to its optimum inside every task; the outer loop sends the gradient of
the query loss through that optimum into the embedding (Lee, Maji, Ravichandran and Soatto,
"Meta-learning with differentiable convex optimization", CVPR 2019). Chapter 05.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in, check_positive_float, describe
from etudes.episodes import Episode
from etudes.learners.centroid import flatten
from etudes.learners.meta_svm.heads import HEADS
from etudes.learners.protocol import encoded_together, is_transductive

__all__ = ["MetaOptNet"]

STRENGTHS = {"svm": ("c", 0.1), "ridge": ("strength", 50.0), "prototype": (None, None)}
"""Each head's one setting, with the paper's value."""


class MetaOptNet(nn.Module):
    """Embed, fit a head on the support set, score the queries.

    Parameters
    ----------
    encoder : torch.nn.Module
        ``encoder(x) -> (n, d)``; feature maps are flattened.
    head : str
        ``"svm"``, ``"ridge"`` or ``"prototype"``.
    strength : float, optional
        ``c`` of the support vector machine (0.1 by default) or the strength of the ridge (50);
        prototypes have none.
    scale : float
        Where the learned factor on the logits begins. Without it a softmax of margins near ±1 is
        nearly flat, whatever the embedding does.

    Raises
    ------
    TypeError, ValueError
        When the encoder is not a module, the head unknown, or a number not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from etudes.episodes import EpisodeSampler
    >>> x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
    >>> task = EpisodeSampler(x, np.arange(40) % 4, n_way=3, k_shot=2, n_query=4)[0]
    >>> MetaOptNet(nn.Linear(6, 8), head="svm")(task).shape
    torch.Size([12, 3])
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: str = "svm",
        strength: float | None = None,
        scale: float = 7.0,
    ) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Module):
            raise TypeError(f"encoder must be a torch.nn.Module, got {describe(encoder)}")
        self.encoder = encoder
        self.head = check_in(head, "head", HEADS)
        name, usual = STRENGTHS[head]
        if name is None and strength is not None:
            raise ValueError(f"strength must be None for prototypes, got {strength}")
        self.settings: dict[str, float] = {}
        if name is not None:
            given = usual if strength is None else strength
            self.settings[name] = check_positive_float(given, "strength")
        self.log_scale = nn.Parameter(torch.tensor(math.log(check_positive_float(scale, "scale"))))

    @property
    def transductive(self) -> bool:
        """Whether batch-norm is in training mode, so that queries see one another."""
        return is_transductive(self)

    def forward(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            Logits, shape ``(n_way * n_query, n_way)``.

        Raises
        ------
        TypeError, ValueError
            When the episode is not one, holds NaN, has one class only, or its items are all alike.
        ArithmeticError
            When the support vector machine is not solved.
        """
        support, query = map(flatten, encoded_together(episode, self.encoder))
        scores = HEADS[self.head](support, episode.support_y, query, episode.n_way, **self.settings)
        return self.log_scale.exp() * scores

    def loss(self, episode: Episode) -> torch.Tensor:
        """Cross-entropy of the query answers, what meta-training makes small.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            A number, in nats per query item.
        """
        return functional.cross_entropy(self(episode), episode.query_y)

    def with_head(self, head: str, strength: float | None = None) -> MetaOptNet:
        """The same embedding under another head, to ask what a head is worth at test time alone.

        Parameters
        ----------
        head, strength
            As above.

        Returns
        -------
        MetaOptNet
            Shares the encoder; the scale is this one's, which changes no answer.
        """
        return MetaOptNet(self.encoder, head, strength, float(self.log_scale.detach().exp()))

    def encoded_once(self, x: torch.Tensor) -> tuple[MetaOptNet, torch.Tensor]:
        """Take the encoder out and encode every item once, not once for every episode.

        Parameters
        ----------
        x : torch.Tensor
            All items, shape ``(n, *item_shape)``.

        Returns
        -------
        tuple
            A learner and the items ``(n, d)`` that it wants. Its answers are this one's, provided
            that no item's embedding depends on the others.
        """
        was_training = self.training
        self.eval()
        with torch.no_grad():
            parts = [flatten(self.encoder(x[i : i + 128])) for i in range(0, len(x), 128)]
        self.train(was_training)
        head: Any = copy.copy(self)
        head._modules = {**self._modules, "encoder": nn.Identity()}
        return head, torch.cat(parts)
