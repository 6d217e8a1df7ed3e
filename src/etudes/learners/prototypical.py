"""Prototypical networks: learn the space in which the average of a few examples is a good template.

A query is compared with each class's *prototype*, the mean of its encoded examples, by squared
Euclidean distance; a softmax over minus the distances is the answer (Snell, Swersky and Zemel,
"Prototypical networks for few-shot learning", NeurIPS 2017). The squared distance is what makes
the mean the right centre (it is a Bregman divergence). Chapters 02 and 06.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in, check_positive_float, describe
from etudes.episodes import Episode
from etudes.learners.centroid import class_means, flatten, negative_squared_distance
from etudes.learners.protocol import encoded_together, is_transductive

__all__ = ["PrototypicalNetwork", "prototypes"]

DISTANCES = ("squared", "cosine")


def prototypes(z: torch.Tensor, y: torch.Tensor, n_way: int) -> torch.Tensor:
    """The mean encoded example of each class.

    Parameters
    ----------
    z : torch.Tensor
        Encoded support items, shape ``(n_way * k_shot, d)``.
    y : torch.Tensor
        Task labels 0…n_way−1, shape ``(n_way * k_shot,)``.
    n_way : int
        Number of classes.

    Returns
    -------
    torch.Tensor
        Shape ``(n_way, d)``.

    Raises
    ------
    ValueError
        When shapes do not fit or a class has no example.
    """
    return class_means(z, y, n_way)


class PrototypicalNetwork(nn.Module):
    """Answer by distance to class prototypes in a learned space.

    Parameters
    ----------
    encoder : torch.nn.Module
        ``encoder(x) -> (n, d)``; feature maps are flattened.
    distance : str
        ``"squared"``: squared Euclidean, as in the paper. ``"cosine"``: the angle between query and
        prototype, both scaled to length one.
    temperature : float
        Logits are divided by it. With ``"cosine"`` something near 0.1 is needed, since a cosine
        never exceeds 1.

    Raises
    ------
    TypeError, ValueError
        When the encoder is not a module, the distance unknown or the temperature not positive.
    """

    def __init__(
        self, encoder: nn.Module, distance: str = "squared", temperature: float = 1.0
    ) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Module):
            raise TypeError(f"encoder must be a torch.nn.Module, got {describe(encoder)}")
        self.encoder = encoder
        self.distance = check_in(distance, "distance", DISTANCES)
        self.temperature = check_positive_float(temperature, "temperature")

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
            Logits, shape ``(n_way * n_query, n_way)``: minus squared distances, or cosines, over
            the temperature.

        Raises
        ------
        TypeError, ValueError
            When the episode is not one, holds NaN, or the encoder's output has no feature axis.
        """
        support, query = map(flatten, encoded_together(episode, self.encoder))
        centres = prototypes(support, episode.support_y, episode.n_way)
        if self.distance == "cosine":
            query, centres = (
                functional.normalize(query, dim=1),
                functional.normalize(centres, dim=1),
            )
            return query @ centres.T / self.temperature
        return negative_squared_distance(query, centres) / self.temperature

    def loss(self, episode: Episode) -> torch.Tensor:
        """Cross-entropy of the query answers, what training makes small.

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
