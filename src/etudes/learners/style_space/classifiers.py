"""Classifiers for few examples of many numbers: dual logistic regression, and a discriminant.

With 25 examples in hundreds of dimensions what can be learned lies in the span of the examples, so
both work with one number for each pair of them (compare L. Bertinetto et al., "Meta-learning with
differentiable closed-form solvers", ICLR 2019). Chapter 06.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from etudes.checks import check_in, check_positive_float
from etudes.episodes import Episode
from etudes.learners.protocol import check_episode


def dual_logistic(
    support: torch.Tensor,
    y: torch.Tensor,
    query: torch.Tensor,
    n_way: int,
    c: float,
    kernel: str = "linear",
    steps: int = 150,
) -> torch.Tensor:
    """Fit logistic regression on a few examples in many dimensions, and answer.

    One weight per example and class, by accelerated gradient descent (Nesterov 1983) in the space
    of functions; inputs are centred on the support set and scaled to a mean squared length of one.

    Parameters
    ----------
    support, query : torch.Tensor
        (n, d) and (m, d).
    y : torch.Tensor
        (n,) int64 labels below `n_way`.
    n_way : int
        Number of classes.
    c : float
        Inverse strength of the penalty, as in scikit-learn.
    kernel : {"linear", "radial"}
        ``"radial"``: Gaussians as wide as the support set's own distances.
    steps : int
        Gradient steps at the most; fewer when the weights have come to rest.

    Returns
    -------
    torch.Tensor
        (m, n_way) logits.
    """
    centre = support.mean(0)
    s, q = support - centre, query - centre
    if kernel == "radial":
        between = torch.cdist(s, s) ** 2
        width = (2 * between.sum() / (len(s) * (len(s) - 1))).clamp_min(1e-12)
        gram, cross = torch.exp(-between / width), torch.exp(-(torch.cdist(q, s) ** 2) / width)
    else:
        size = (s * s).sum(1).mean().clamp_min(1e-12)
        gram, cross = s @ s.T / size, q @ s.T / size
    wanted = functional.one_hot(y, n_way).to(s.dtype)
    rate = 1 / (0.5 * torch.linalg.eigvalsh(gram)[-1] + 1 / c)
    weights = ahead = torch.zeros_like(wanted)
    momentum = 1.0
    for step in range(steps):
        moved = ahead - rate * (torch.softmax(gram @ ahead, 1) - wanted + ahead / c)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        still = step % 10 == 9 and bool((moved - weights).abs().max() < 1e-4)
        weights, momentum = moved, following
        if still:
            break
    return cross @ weights


def shrunken_discriminant(
    support: torch.Tensor, y: torch.Tensor, query: torch.Tensor, n_way: int, shrinkage: float
) -> torch.Tensor:
    """Linear discriminant analysis with the covariance of the support set, shrunk towards a ball.

    The covariance inside the classes of 25 examples in 1,416 dimensions has no inverse; with
    `shrinkage` times its trace added to every direction it has one, by the matrix inversion lemma
    (J. H. Friedman, "Regularized discriminant analysis", *JASA* 84, 1989).

    Parameters
    ----------
    support, y, query, n_way
        As for :func:`dual_logistic`.
    shrinkage : float
        Greater than 0.

    Returns
    -------
    torch.Tensor
        (m, n_way) logits.
    """
    means = torch.stack([support[y == label].mean(0) for label in range(n_way)])
    rest, n = support - means[y], len(support)
    centre = support.mean(0)
    means, query = means - centre, query - centre
    gram = rest @ rest.T / n
    ridge = (shrinkage * gram.diagonal().sum() / n).clamp_min(1e-12)
    inner = torch.linalg.inv(gram + ridge * torch.eye(n, dtype=rest.dtype, device=rest.device)) / n

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T - (a @ rest.T) @ inner @ (rest @ b.T)) / ridge

    return product(query, means) - 0.5 * product(means, means).diagonal()


class _InSpace:
    """Map the episode into a space, then let a classifier learn from its support set."""

    transductive = False

    def __init__(self, space: Callable[[torch.Tensor], torch.Tensor]) -> None:
        if not callable(space):
            raise TypeError(f"space must be callable, got {type(space).__name__}")
        self.space = space

    def _answer(
        self, support: torch.Tensor, y: torch.Tensor, query: torch.Tensor, n_way: int
    ) -> torch.Tensor:
        raise NotImplementedError

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task: (n_way * n_query, n_way) logits."""
        check_episode(episode)
        with torch.no_grad():
            support, query = self.space(episode.support_x), self.space(episode.query_x)
            return self._answer(support, episode.support_y, query, episode.n_way)


class DualLogistic(_InSpace):
    """A learner: logistic regression on the support set, in a space of many dimensions.

    Parameters
    ----------
    space : callable
        ``space(x) -> (n, d)``, for instance a :class:`StyleSpace`.
    c : float
        Inverse strength of the penalty.
    kernel : {"linear", "radial"}
        As for :func:`dual_logistic`.

    Raises
    ------
    TypeError, ValueError
        If `space` cannot be called, `c` is not positive or the kernel unknown.
    """

    def __init__(
        self, space: Callable[[torch.Tensor], torch.Tensor], c: float = 10.0, kernel: str = "linear"
    ) -> None:
        super().__init__(space)
        self.c = check_positive_float(c, "c")
        self.kernel = check_in(kernel, "kernel", ("linear", "radial"))

    def _answer(
        self, support: torch.Tensor, y: torch.Tensor, query: torch.Tensor, n_way: int
    ) -> torch.Tensor:
        return dual_logistic(support, y, query, n_way, self.c, self.kernel)


class ShrunkenDiscriminant(_InSpace):
    """A learner: linear discriminant analysis on the support set, its covariance shrunk.

    Parameters
    ----------
    space : callable
        ``space(x) -> (n, d)``.
    shrinkage : float
        As for :func:`shrunken_discriminant`.

    Raises
    ------
    TypeError, ValueError
        If `space` cannot be called or `shrinkage` is not positive.
    """

    def __init__(
        self, space: Callable[[torch.Tensor], torch.Tensor], shrinkage: float = 0.1
    ) -> None:
        super().__init__(space)
        self.shrinkage = check_positive_float(shrinkage, "shrinkage")

    def _answer(
        self, support: torch.Tensor, y: torch.Tensor, query: torch.Tensor, n_way: int
    ) -> torch.Tensor:
        return shrunken_discriminant(support, y, query, n_way, self.shrinkage)
