"""Three ways to make a classifier of a few embedded examples, behind one signature.

``head(support_z, support_y, query_z, n_way) -> logits (n_query_total, n_way)``. The support vector
machine and ridge regression find one weight vector for each class that also minds the *other*
classes' examples; the prototype minds its own only. All three are differentiable in support and
query, so that an embedding can be meta-learned for them (Lee et al., CVPR 2019; Bertinetto et al.,
"Meta-learning with differentiable closed-form solvers", ICLR 2019; Snell et al., NeurIPS 2017).
Chapter 05.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from etudes.checks import check_positive_float, check_positive_int, describe
from etudes.learners.centroid import class_means, negative_squared_distance
from etudes.learners.meta_svm.implicit import optimal_shares

__all__ = ["HEADS", "Machine", "fit_svm", "prototype_head", "ridge_head", "svm_head"]


@dataclass(frozen=True)
class Machine:
    """A support vector machine fitted on a support set.

    Attributes
    ----------
    weights
        One row for each class, shape ``(n_way, d)``.
    shares
        Shape ``(n, n_way)``, float64: how each example divides itself among the classes; see
        :mod:`etudes.learners.meta_svm.dual`.
    labels
        Of the examples, shape ``(n,)``.
    """

    weights: torch.Tensor
    shares: torch.Tensor
    labels: torch.Tensor

    @property
    def pull(self) -> torch.Tensor:
        """How much each example takes part, 0…1, shape ``(n,)``: its share on other classes."""
        return 1 - self.shares.gather(1, self.labels[:, None])[:, 0]

    @property
    def is_support_vector(self) -> torch.Tensor:
        """Which examples take part, bool, shape ``(n,)``; without the others, nothing changes."""
        return self.pull > 1e-6


def fit_svm(
    support_z: torch.Tensor, support_y: torch.Tensor, n_way: int, c: float = 0.1
) -> Machine:
    """Fit a multi-class support vector machine without bias, to the optimum, in float64.

    Parameters
    ----------
    support_z : torch.Tensor
        Embedded examples, shape ``(n, d)``.
    support_y : torch.Tensor
        Labels 0…n_way−1, int64, shape ``(n,)``.
    n_way : int
        Number of classes, 2 or more.
    c : float
        Price of a missed margin; the paper's value is 0.1.

    Returns
    -------
    Machine
        Its weights are of the examples' dtype and differentiable in them.

    Raises
    ------
    TypeError, ValueError
        When shapes, labels or numbers do not fit; see :func:`svm_head`.
    ArithmeticError
        When the optimum is not reached.
    """
    _check_support(support_z, support_y, n_way)
    check_positive_float(c, "c")
    z = support_z.double()
    targets = functional.one_hot(support_y, n_way).to(z)
    shares = optimal_shares(z, targets, c)
    weights = c * (targets - shares).T @ z
    return Machine(weights.to(support_z.dtype), shares, support_y)


def svm_head(
    support_z: torch.Tensor,
    support_y: torch.Tensor,
    query_z: torch.Tensor,
    n_way: int,
    c: float = 0.1,
) -> torch.Tensor:
    """Scores of queries under a support vector machine fitted on the support set.

    Parameters
    ----------
    support_z, query_z : torch.Tensor
        Embedded examples ``(n, d)`` and queries ``(m, d)``.
    support_y : torch.Tensor
        Labels 0…n_way−1, int64, shape ``(n,)``; every class needs an example.
    n_way : int
        Number of classes, 2 or more.
    c : float
        Price of a missed margin.

    Returns
    -------
    torch.Tensor
        Shape ``(m, n_way)``: ``query_z @ weights.T``.

    Raises
    ------
    TypeError, ValueError
        When shapes do not fit, a label is out of range or a class has no example, numbers are not
        finite, or all examples are one and the same point.
    ArithmeticError
        When the optimum is not reached.
    """
    _check_queries(query_z, support_z)
    return query_z @ fit_svm(support_z, support_y, n_way, c).weights.T


def ridge_head(
    support_z: torch.Tensor,
    support_y: torch.Tensor,
    query_z: torch.Tensor,
    n_way: int,
    strength: float = 50.0,
) -> torch.Tensor:
    """Scores of queries under ridge regression of the one-hot labels, in closed form.

    Parameters
    ----------
    support_z, support_y, query_z, n_way
        As for :func:`svm_head`.
    strength : float
        Price of squared weights; the paper's value is 50.

    Returns
    -------
    torch.Tensor
        Shape ``(m, n_way)``.

    Raises
    ------
    TypeError, ValueError
        As for :func:`svm_head`.
    """
    _check_queries(query_z, support_z)
    _check_support(support_z, support_y, n_way)
    check_positive_float(strength, "strength")
    z = support_z.double()
    targets = functional.one_hot(support_y, n_way).to(z)
    kernel = z @ z.T + strength * torch.eye(len(z), dtype=z.dtype, device=z.device)
    weights = torch.linalg.solve(kernel, targets).T @ z
    return query_z @ weights.to(query_z.dtype).T


def prototype_head(
    support_z: torch.Tensor, support_y: torch.Tensor, query_z: torch.Tensor, n_way: int
) -> torch.Tensor:
    """Minus squared distances of queries to class means, over the number of features.

    Parameters
    ----------
    support_z, support_y, query_z, n_way
        As for :func:`svm_head`.

    Returns
    -------
    torch.Tensor
        Shape ``(m, n_way)``.

    Raises
    ------
    TypeError, ValueError
        As for :func:`svm_head`.
    """
    _check_queries(query_z, support_z)
    _check_support(support_z, support_y, n_way)
    centres = class_means(support_z, support_y, n_way)
    return negative_squared_distance(query_z, centres) / query_z.shape[1]


HEADS: dict[str, Callable[..., torch.Tensor]] = {
    "svm": svm_head,
    "ridge": ridge_head,
    "prototype": prototype_head,
}
"""The heads by the names that :class:`~etudes.learners.meta_svm.network.MetaOptNet` knows."""


def _check_vectors(z: Any, name: str) -> torch.Tensor:
    """Embedded items: floating point, one row each, finite."""
    if not isinstance(z, torch.Tensor) or not z.is_floating_point():
        kind = z.dtype if isinstance(z, torch.Tensor) else describe(z)
        raise TypeError(f"{name} must be a floating-point tensor, got {kind}")
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(f"{name} must have shape (n, d), none of them 0, got {tuple(z.shape)}")
    if not bool(torch.isfinite(z).all()):
        raise ValueError(f"{name} must be finite, got NaN or infinite values")
    return z


def _check_queries(query_z: Any, support_z: Any) -> None:
    """Queries must be embedded as the examples are."""
    _check_vectors(support_z, "support_z")
    _check_vectors(query_z, "query_z")
    if query_z.shape[1] != support_z.shape[1]:
        raise ValueError(
            f"query_z must have as many features as support_z, {support_z.shape[1]}, "
            f"got {query_z.shape[1]}"
        )


def _check_support(support_z: Any, support_y: Any, n_way: Any) -> None:
    """Examples and labels from which something can be learned."""
    _check_vectors(support_z, "support_z")
    if check_positive_int(n_way, "n_way") < 2:
        raise ValueError(f"n_way must be 2 or more, got {n_way}: one class leaves nothing to tell")
    if not isinstance(support_y, torch.Tensor) or support_y.dtype != torch.int64:
        kind = support_y.dtype if isinstance(support_y, torch.Tensor) else describe(support_y)
        raise TypeError(f"support_y must be an int64 tensor, got {kind}")
    if tuple(support_y.shape) != (len(support_z),):
        raise ValueError(
            f"support_y must have shape ({len(support_z)},), one label for each row of support_z, "
            f"got {tuple(support_y.shape)}"
        )
    if int(support_y.min()) < 0 or int(support_y.max()) >= n_way:
        raise ValueError(
            f"support_y must hold labels 0 to {n_way - 1}, got {sorted(set(support_y.tolist()))}"
        )
    counts = torch.bincount(support_y, minlength=n_way)
    if int(counts.min()) == 0:
        raise ValueError(
            f"support_y must hold every label, class {int(counts.argmin())} has no example: "
            "k_shot must be 1 or more"
        )
    if bool((support_z == support_z[0]).all()):
        raise ValueError(
            "support_z must differ between items, got the same features for all: is the encoder "
            "dead, or the input silent?"
        )
