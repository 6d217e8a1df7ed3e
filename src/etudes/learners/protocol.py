"""What every learner promises: an episode goes in, one row of logits per query item comes out.

The checks here are shared by all learners, so that a wrong episode gets the same words everywhere.
Chapter 02 introduces the call, chapter 06 compares learners through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from etudes.checks import describe
from etudes.episodes import Episode

__all__ = [
    "Learner",
    "check_episode",
    "check_features",
    "encoded_together",
    "features_of",
    "is_transductive",
]


@runtime_checkable
class Learner(Protocol):
    """Anything that answers an episode."""

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The support set to learn from and the query set to answer.

        Returns
        -------
        torch.Tensor
            Logits, shape ``(n_way * n_query, n_way)``; the largest in a row is the answer.
        """


def check_episode(episode: Any) -> Episode:
    """Check that something is an episode with finite floating-point items of one shape.

    Parameters
    ----------
    episode : Episode
        What a learner was given.

    Returns
    -------
    Episode
        The same one.

    Raises
    ------
    TypeError
        When it is not an :class:`~etudes.episodes.Episode`, or its items are not floating point.
    ValueError
        When support and query items differ in shape, or hold NaN or infinity.
    """
    if not isinstance(episode, Episode):
        raise TypeError(f"episode must be an etudes.episodes.Episode, got {describe(episode)}")
    support, query = episode.support_x, episode.query_x
    if support.shape[1:] != query.shape[1:]:
        raise ValueError(
            "episode must have support and query items of one shape, "
            f"got {tuple(support.shape[1:])} and {tuple(query.shape[1:])}"
        )
    for name, x in (("support_x", support), ("query_x", query)):
        if not x.is_floating_point():
            raise TypeError(f"episode.{name} must be floating point, got {x.dtype}")
        if not bool(torch.isfinite(x).all()):
            raise ValueError(f"episode.{name} must be finite, got NaN or infinite values")
    return episode


def check_features(z: Any, n_items: int, name: str, ndim: int | None = None) -> torch.Tensor:
    """Check what an encoder returned.

    Parameters
    ----------
    z : torch.Tensor
        The encoder's output.
    n_items : int
        How many items went in.
    name : str
        What to call it in the message, for example ``"encoder(support_x)"``.
    ndim : int, optional
        2 for vectors ``(n, d)``, 4 for feature maps ``(n, c, h, w)``; any of 2 or more when None.

    Returns
    -------
    torch.Tensor
        The same tensor.

    Raises
    ------
    TypeError
        When it is not a tensor.
    ValueError
        When it has another rank, or another number of rows than items went in.
    """
    if not isinstance(z, torch.Tensor):
        raise TypeError(f"{name} must be a tensor, got {describe(z)}")
    wanted = {None: "(n, ...)", 2: "(n, d)", 4: "(n, c, h, w)"}[ndim]
    if z.ndim < 2 or (ndim is not None and z.ndim != ndim):
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(z.shape)}")
    if len(z) != n_items:
        raise ValueError(f"{name} must have one row for each of {n_items} items, got {len(z)}")
    return z


def features_of(
    episode: Episode, features: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Support and query of an episode as vectors, checked; each side goes in alone."""
    check_episode(episode)
    support, query = features(episode.support_x), features(episode.query_x)
    check_features(support, len(episode.support_x), "features(support_x)", 2)
    check_features(query, len(episode.query_x), "features(query_x)", 2)
    return support, query


def encoded_together(
    episode: Episode, encoder: nn.Module, ndim: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Support and query of an episode through a network, checked; both go in as one batch."""
    check_episode(episode)
    x = torch.cat([episode.support_x, episode.query_x])
    z = check_features(encoder(x), len(x), "encoder(x)", ndim)
    return z[: len(episode.support_x)], z[len(episode.support_x) :]


def is_transductive(module: nn.Module) -> bool:
    """Whether a network looks at all query items together: batch-norm left in training mode.

    Then every answer depends on the other questions asked with it, which is another, easier task;
    chapter 06 measures how much easier.

    Parameters
    ----------
    module : torch.nn.Module
        Any network.

    Returns
    -------
    bool
    """
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return any(
        isinstance(m, kinds) and (m.training or not m.track_running_stats) for m in module.modules()
    )
