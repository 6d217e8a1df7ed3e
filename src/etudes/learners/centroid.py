"""Nearest centroid: average the examples of each class, answer with the nearest average.

The oldest few-shot learner and the first honest baseline; nothing is trained. It is Rocchio's
classifier (1971), and a prototypical network is the same rule on learned features (Snell et al.
2017). Chapter 02 writes it from scratch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from etudes.checks import describe
from etudes.episodes import Episode
from etudes.learners.protocol import features_of

__all__ = [
    "NearestCentroid",
    "class_means",
    "envelope",
    "flatten",
    "negative_squared_distance",
    "time_average",
]


def flatten(x: torch.Tensor) -> torch.Tensor:
    """Items as vectors, nothing else: the rawest features.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(n, *item_shape)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n, d)``.
    """
    return x.reshape(len(x), -1)


def time_average(x: torch.Tensor) -> torch.Tensor:
    """The mean over the last axis: a log-mel spectrogram becomes its mean spectrum.

    Parameters
    ----------
    x : torch.Tensor
        Shape ``(n, ..., n_frames)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n, d)``.
    """
    return flatten(x.mean(-1))


def envelope(x: torch.Tensor) -> torch.Tensor:
    """How a note begins, lasts and ends: the strongest band of each frame, below the loudest frame.

    Parameters
    ----------
    x : torch.Tensor
        Log-mel spectrograms, shape ``(n, n_mels, n_frames)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n, n_frames)``, 0 at the loudest frame and negative elsewhere.
    """
    strongest = x.amax(1)
    return strongest - strongest.amax(1, keepdim=True)


def class_means(z: torch.Tensor, y: torch.Tensor, n_way: int) -> torch.Tensor:
    """Average the rows of each class.

    Parameters
    ----------
    z : torch.Tensor
        Features, shape ``(n, ...)``.
    y : torch.Tensor
        Task labels 0…n_way−1, shape ``(n,)``, int64. Every label must occur.
    n_way : int
        Number of classes.

    Returns
    -------
    torch.Tensor
        Shape ``(n_way, ...)``.

    Raises
    ------
    ValueError
        When shapes do not fit, a label is out of range, or a class has no example.
    """
    if y.ndim != 1 or len(y) != len(z):
        raise ValueError(f"y must have shape (n,) = ({len(z)},), got {tuple(y.shape)}")
    if len(y) == 0 or int(y.min()) < 0 or int(y.max()) >= n_way:
        raise ValueError(f"y must hold labels 0 to {n_way - 1}, got {sorted(set(y.tolist()))}")
    counts = torch.bincount(y, minlength=n_way)
    if int(counts.min()) == 0:
        raise ValueError(f"y must hold every label, class {int(counts.argmin())} has no example")
    sums = z.new_zeros((n_way, *z.shape[1:])).index_add(0, y, z)
    return sums / counts.to(z.dtype).reshape(-1, *[1] * (z.ndim - 1))


def negative_squared_distance(z: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Minus the squared Euclidean distance between every row and every centre.

    Written out as differences: the shorter ``|a|² − 2ab + |b|²`` loses digits when points are near.

    Parameters
    ----------
    z : torch.Tensor
        Shape ``(n, d)``.
    centres : torch.Tensor
        Shape ``(n_way, d)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n, n_way)``, 0 or less.
    """
    return -(z[:, None, :] - centres[None, :, :]).square().sum(-1)


class NearestCentroid:
    """Answer with the class whose average example is nearest.

    Parameters
    ----------
    features : callable, optional
        ``features(x) -> (n, d)``, applied to support and query alike; :func:`flatten` by default.

    Raises
    ------
    TypeError
        When ``features`` is not callable.
    """

    transductive = False

    def __init__(self, features: Callable[[torch.Tensor], torch.Tensor] = flatten) -> None:
        if not callable(features):
            raise TypeError(f"features must be callable, got {describe(features)}")
        self.features = features

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            Minus squared distances, shape ``(n_way * n_query, n_way)``.
        """
        support, query = features_of(episode, self.features)
        return negative_squared_distance(
            query, class_means(support, episode.support_y, episode.n_way)
        )
