"""A space in which what varies inside a style is small: learned from many styles, used for others.

The idea in one sentence: training styles tell which differences between two tunes mean nothing
(tunes of *one* style differ so), the space shrinks those, and in it five tunes of a style never met
are enough for a plain classifier.

Dividing by the covariance inside the classes is within-class covariance normalisation, from speaker
recognition (A. Hatch, S. Kajarekar and A. Stolcke, ICSLP 2006), which had the same task: a voice
from a few sentences. It is a meta-learner in closed form: nothing but the covariance passes from
training styles to new ones.  The classifier on top is logistic regression on the support set, found
by its dual since there are fewer examples than numbers (compare L. Bertinetto et al.,
"Meta-learning with differentiable closed-form solvers", ICLR 2019).  Chapter 06.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_array, check_in, check_positive_float, check_positive_int
from etudes.episodes import Episode
from etudes.learners.protocol import check_episode

__all__ = [
    "DualLogistic",
    "ShrunkenDiscriminant",
    "StyleSpace",
    "dual_logistic",
    "shrunken_discriminant",
]


class StyleSpace(nn.Module):
    """Standardise, keep the main directions, and divide by the spread inside the training classes.

    Parameters
    ----------
    n_inputs : int
        Numbers per item.
    n_outputs : int
        Numbers per item in the space.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.shift: torch.Tensor
        self.scale: torch.Tensor
        self.limit: torch.Tensor
        self.project: torch.Tensor
        self.register_buffer("shift", torch.zeros(check_positive_int(n_inputs, "n_inputs")))
        self.register_buffer("scale", torch.ones(n_inputs))
        self.register_buffer("limit", torch.full((n_inputs,), torch.inf))
        n_outputs = check_positive_int(n_outputs, "n_outputs")
        self.register_buffer("project", torch.zeros(n_inputs, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map items (n, n_inputs) to the space, (n, n_outputs)."""
        if x.ndim != 2 or x.shape[1] != len(self.shift):
            raise ValueError(f"x must have shape (n, {len(self.shift)}), got {tuple(x.shape)}")
        z = (x - self.shift) * self.scale
        return torch.minimum(torch.maximum(z, -self.limit), self.limit) @ self.project

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        labels: np.ndarray,
        blocks: Sequence[np.ndarray],
        measures: np.ndarray,
        *,
        n_components: int = 250,
        smoothing: float | None = 0.3,
        learned: np.ndarray | None = None,
        learned_weight: float = 2.0,
    ) -> StyleSpace:
        """Learn the space from labelled tunes.

        Parameters
        ----------
        x : numpy.ndarray
            (n_tunes, n_inputs).
        labels : numpy.ndarray
            (n_tunes,) training styles as strings; tunes labelled ``""`` are left out.
        blocks : sequence of numpy.ndarray
            Columns that stand on one scale of their own: each standardised column is divided by the
            root of the number of columns in its block.
        measures : numpy.ndarray
            Columns to be standardised, and clipped at four standard deviations; others are only
            centred.
        n_components : int
            Principal directions kept of the columns that are not `learned`.
        smoothing : float or None
            Times the mean variance inside classes, added to every direction.  Infinite smoothing
            would leave the space as it is; ``None`` does, and the training styles then give no more
            than the scale.
        learned : numpy.ndarray, optional
            Columns that a network made; they pass by the principal directions.
        learned_weight : float
            Root mean square of the learned columns, times that of the others.

        Returns
        -------
        StyleSpace

        Raises
        ------
        ValueError
            If shapes do not fit or fewer than two classes are labelled.
        """
        x = np.asarray(check_array(x, "x", ndim=2), dtype=np.float64)
        labels = np.asarray(labels)
        if labels.shape != (len(x),):
            raise ValueError(f"labels must have shape ({len(x)},), got {labels.shape}")
        names = [name for name in np.unique(labels) if name]
        if len(names) < 2:
            raise ValueError(f"labels must name at least two classes, got {len(names)}")
        known = labels != ""
        shift, scale = x[known].mean(0), np.ones(x.shape[1])
        limit = np.full(x.shape[1], np.inf)
        width = np.ones(x.shape[1])
        for block in blocks:
            width[block] = len(block) ** -0.5
        scale[measures] = width[measures] / np.maximum(x[known][:, measures].std(0), 1e-3)
        limit[measures] = 4 * width[measures]
        z = np.clip((x - shift) * scale, -limit, limit)
        learned = np.zeros(0, dtype=np.int64) if learned is None else np.asarray(learned)
        counted = np.setdiff1d(np.arange(x.shape[1]), learned)
        _, axes = np.linalg.eigh(np.cov(z[known][:, counted].T))
        axes = axes[:, ::-1][:, :n_components]
        project = np.zeros((x.shape[1], axes.shape[1] + len(learned)))
        project[counted, : axes.shape[1]] = axes
        if len(learned):
            spread = z[known].var(0)
            kept = (z[known][:, counted] @ axes).var(0).sum()
            factor = learned_weight * np.sqrt(kept / max(spread[learned].sum(), 1e-12))
            project[learned, axes.shape[1] + np.arange(len(learned))] = factor
        if smoothing is not None:
            project = project @ _whitening(z @ project, labels, names, smoothing)
        space = cls(*project.shape)
        for name, value in (
            ("shift", shift),
            ("scale", scale),
            ("limit", limit),
            ("project", project),
        ):
            getattr(space, name).copy_(torch.from_numpy(value))
        return space


def _whitening(
    z: np.ndarray, labels: np.ndarray, names: Sequence[str], smoothing: float
) -> np.ndarray:
    """The map that makes the mean covariance inside the classes nearly one; classes count alike."""
    check_positive_float(smoothing, "smoothing")
    within = np.mean([np.cov(z[labels == name].T, bias=True) for name in names], axis=0)
    variance, axes = np.linalg.eigh(within)
    variance = np.maximum(variance, 0)
    return axes / np.sqrt(variance + smoothing * variance.mean())


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
        Gradient steps.

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
    for _ in range(steps):
        moved = ahead - rate * (torch.softmax(gram @ ahead, 1) - wanted + ahead / c)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
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
