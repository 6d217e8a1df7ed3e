"""Relation networks: learn the comparison itself, not only the space in which to compare.

An *embedding module* turns every item into feature maps; the maps of a class's examples are added
up, laid in depth beside a query's maps, and a *relation module* looks at the pair and says how far
they belong together, between 0 and 1 (Sung, Yang, Zhang, Xiang, Torr and Hospedales, "Learning to
compare: relation network for few-shot learning", CVPR 2018). It is trained to say 1 for the right
class and 0 for the others, with squared error. Chapter 06.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in, check_positive_int, describe
from etudes.episodes import Episode
from etudes.learners.blocks import conv_block
from etudes.learners.protocol import encoded_together, is_transductive

__all__ = ["RelationModule", "RelationNetwork", "class_sums", "pairs"]

LOSSES = ("squared-error", "cross-entropy")


def class_sums(z: torch.Tensor, y: torch.Tensor, n_way: int) -> torch.Tensor:
    """Add up the encoded examples of each class, element by element.

    Parameters
    ----------
    z : torch.Tensor
        Feature maps of the support set, shape ``(n_way * k_shot, c, h, w)``.
    y : torch.Tensor
        Task labels 0…n_way−1, shape ``(n_way * k_shot,)``.
    n_way : int
        Number of classes.

    Returns
    -------
    torch.Tensor
        Shape ``(n_way, c, h, w)``.
    """
    return z.new_zeros((n_way, *z.shape[1:])).index_add(0, y, z)


def pairs(classes: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
    """Every query beside every class, concatenated in depth: class first, then query.

    Parameters
    ----------
    classes : torch.Tensor
        Shape ``(n_way, c, h, w)``.
    queries : torch.Tensor
        Shape ``(n, c, h, w)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n * n_way, 2 * c, h, w)``; row ``i * n_way + j`` pairs query i with class j.
    """
    n, n_way = len(queries), len(classes)
    left = classes[None].expand(n, -1, -1, -1, -1)
    right = queries[:, None].expand(-1, n_way, -1, -1, -1)
    return torch.cat([left, right], dim=2).flatten(0, 1)


class RelationModule(nn.Module):
    """Two convolution blocks and two fully connected layers: a pair of maps in, one number out.

    The paper's: 64 filters of 3×3 in each block, each followed by 2×2 max-pooling, then 8 hidden
    units and 1. The last sigmoid is left to :class:`RelationNetwork`, so that a loss on logits is
    possible.

    Parameters
    ----------
    map_shape : tuple of int
        ``(c, h, w)`` of the feature maps of *one* item; the module sees ``2 * c`` channels.
    channels : int
        Filters of each block.
    hidden : int
        Units of the first fully connected layer.
    norm : str
        ``"group"`` (default) or ``"batch"``, the paper's.
    pool : int
        Side of the max-pooling after each block; where the maps have become too small for it,
        there is none.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive or ``map_shape`` is not three of them.
    """

    def __init__(
        self,
        map_shape: tuple[int, int, int],
        channels: int = 64,
        hidden: int = 8,
        norm: str = "group",
        pool: int = 2,
    ) -> None:
        super().__init__()
        if len(tuple(map_shape)) != 3:
            raise ValueError(f"map_shape must be (c, h, w), got {tuple(map_shape)}")
        c, h, w = (check_positive_int(int(n), "map_shape") for n in map_shape)
        check_positive_int(channels, "channels")
        check_positive_int(hidden, "hidden")
        blocks = []
        for n_in in (2 * c, channels):
            side = pool if min(h, w) >= pool else 1
            blocks.append(conv_block(n_in, channels, pool=side, norm=norm))
            h, w = h // side, w // side
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Linear(channels * h * w, hidden)
        self.answer = nn.Linear(hidden, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Say how far each pair belongs together.

        Parameters
        ----------
        maps : torch.Tensor
            Pairs, shape ``(n, 2 * c, h, w)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n,)``, before the sigmoid.
        """
        block: Any = self.blocks[0]
        return self._answered(block[0](maps))

    def compare(self, classes: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """Every query with every class: what ``forward(pairs(classes, queries))`` gives, sooner.

        The first convolution is linear, so what it makes of a pair is what it makes of the class
        plus what it makes of the query; each is computed once instead of once for every pair.

        Parameters
        ----------
        classes : torch.Tensor
            Shape ``(n_way, c, h, w)``.
        queries : torch.Tensor
            Shape ``(n, c, h, w)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n * n_way,)``, before the sigmoid; ordered as :func:`pairs` are.
        """
        block: Any = self.blocks[0]
        first = block[0]
        of_class, of_query = first.weight.chunk(2, dim=1)
        c = functional.conv2d(classes, of_class, first.bias, padding=first.padding)
        q = functional.conv2d(queries, of_query, padding=first.padding)
        return self._answered((q[:, None] + c[None]).flatten(0, 1))

    def _answered(self, z: torch.Tensor) -> torch.Tensor:
        """What follows the first convolution."""
        block: Any = self.blocks[0]
        z = self.blocks[1](block[1:](z))
        return self.answer(torch.relu(self.hidden(z.flatten(1)))).squeeze(1)


class RelationNetwork(nn.Module):
    """Answer by a learned comparison of each query with each class.

    Parameters
    ----------
    encoder : torch.nn.Module
        The embedding module, ``encoder(x) -> (n, c, h, w)``.
    relation : torch.nn.Module
        The relation module, ``relation(pairs) -> (n,)`` or ``(n, 1)`` logits, where pairs have
        ``2 * c`` channels.
    loss : str
        ``"squared-error"`` of the scores against 1 and 0, as in the paper, or ``"cross-entropy"``
        of a softmax over the classes' logits.
    combine : str
        How the examples of a class become one: ``"sum"`` as in the paper, or ``"mean"``, which
        keeps their scale when ``k_shot`` at test time is not that of training.

    Raises
    ------
    TypeError, ValueError
        When a part is not a module or a name is unknown.
    """

    def __init__(
        self,
        encoder: nn.Module,
        relation: nn.Module,
        loss: str = "squared-error",
        combine: str = "sum",
    ) -> None:
        super().__init__()
        for name, part in (("encoder", encoder), ("relation", relation)):
            if not isinstance(part, nn.Module):
                raise TypeError(f"{name} must be a torch.nn.Module, got {describe(part)}")
        self.encoder = encoder
        self.relation = relation
        self.loss_kind = check_in(loss, "loss", LOSSES)
        self.combine = check_in(combine, "combine", ("sum", "mean"))

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
            Logits, shape ``(n_way * n_query, n_way)``: relation scores before the sigmoid.

        Raises
        ------
        TypeError, ValueError
            When the episode is not one, holds NaN, or the encoder does not give maps.
        """
        support, queries = encoded_together(episode, self.encoder, 4)
        classes = class_sums(support, episode.support_y, episode.n_way)
        if self.combine == "mean":
            classes = classes / episode.k_shot
        if isinstance(self.relation, RelationModule):
            logits = self.relation.compare(classes, queries)
        else:
            logits = self.relation(pairs(classes, queries))
        return logits.reshape(-1, episode.n_way)

    def scores(self, episode: Episode) -> torch.Tensor:
        """Relation scores: how far each query belongs to each class.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            Shape ``(n_way * n_query, n_way)``, in 0…1; the rows need not add up to 1.
        """
        return torch.sigmoid(self(episode))

    def loss(self, episode: Episode) -> torch.Tensor:
        """What training makes small.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            A number: the mean squared error of the scores against 1 for the right class and 0 for
            the others, or the cross-entropy in nats per query item.
        """
        logits = self(episode)
        if self.loss_kind == "cross-entropy":
            return functional.cross_entropy(logits, episode.query_y)
        wanted = functional.one_hot(episode.query_y, episode.n_way).to(logits.dtype)
        return functional.mse_loss(torch.sigmoid(logits), wanted)
