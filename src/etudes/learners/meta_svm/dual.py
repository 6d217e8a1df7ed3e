"""Solve a multi-class support vector machine: who pulls whom, in a few Newton steps.

The machine of Crammer and Singer ("On the algorithmic implementation of multiclass kernel-based
vector machines", *Journal of Machine Learning Research* 2, 2001) wants, of every example, that its
own class score at least one more than every other. With examples :math:`z_i`, labels :math:`y_i`
and one weight vector :math:`w_k` for each class it makes

.. math:: \\tfrac12 \\sum_k \\|w_k\\|^2 + C \\sum_i \\Big( \\max_k \\big( w_k \\cdot z_i
          + \\mathbb{1}[k \\neq y_i] \\big) - w_{y_i} \\cdot z_i \\Big)

small. Its dual gives every example a *share* :math:`p_i`, a distribution over the classes, and

.. math:: w_k = C \\sum_i \\big( \\mathbb{1}[y_i = k] - p_{ik} \\big) z_i .

An example that keeps its whole share on its own class pulls nothing: it is no support vector. The
size of the dual depends on the number of examples and not of features, which is why Lee et al.
(CVPR 2019) solve it inside every few-shot task. Chapter 05.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["DualSolution", "dual_objective", "primal_objective", "solve_dual"]

MAX_ITER = 60
"""Newton steps before giving up; ten to twenty are usual."""

TOLERANCE = 1e-14
"""Largest mean product of a share and its multiplier. Decisions would be content with far less; a
gradient needs to know which shares are zero."""


@dataclass(frozen=True)
class DualSolution:
    """The optimum of the dual, and what is needed to differentiate it.

    Attributes
    ----------
    shares
        :math:`p_{ik}`, shape ``(n, n_way)``, float64; rows are distributions over the classes.
    multipliers
        :math:`\\lambda_{ik} \\geq 0`, shape ``(n, n_way)``: by how much class k's score, margin
        included, stays below the largest one of example i. Zero where the share is not.
    gap
        Mean product of share and multiplier: how far primal and dual are apart, over ``C n``.
    n_iter
        Newton steps taken.
    """

    shares: torch.Tensor
    multipliers: torch.Tensor
    gap: float
    n_iter: int


def primal_objective(
    weights: torch.Tensor, z: torch.Tensor, y: torch.Tensor, c: float
) -> torch.Tensor:
    """What the machine makes small: squared weights, and ``c`` times how far margins are missed.

    Parameters
    ----------
    weights : torch.Tensor
        One row for each class, shape ``(n_way, d)``.
    z, y : torch.Tensor
        Examples ``(n, d)`` and labels 0…n_way−1 ``(n,)``.
    c : float
        Price of a missed margin.

    Returns
    -------
    torch.Tensor
        A number.
    """
    scores = z @ weights.T
    own = scores.gather(1, y[:, None])
    wanted = 1 - torch.nn.functional.one_hot(y, len(weights)).to(scores)
    missed = (scores + wanted - own).amax(dim=1)
    return weights.square().sum() / 2 + c * missed.sum()


def dual_objective(
    kernel: torch.Tensor, targets: torch.Tensor, shares: torch.Tensor, c: float
) -> torch.Tensor:
    """What the dual makes large; at the optimum it equals :func:`primal_objective`.

    Parameters
    ----------
    kernel : torch.Tensor
        Inner products of the examples, shape ``(n, n)``.
    targets : torch.Tensor
        One-hot labels, shape ``(n, n_way)``.
    shares : torch.Tensor
        Shape ``(n, n_way)``, rows adding up to 1.
    c : float
        Price of a missed margin.

    Returns
    -------
    torch.Tensor
        A number.
    """
    pull = c * (targets - shares)
    return (pull * targets).sum() - (pull * (kernel @ pull)).sum() / 2


def solve_dual(
    kernel: torch.Tensor,
    targets: torch.Tensor,
    max_iter: int = MAX_ITER,
    tolerance: float = TOLERANCE,
) -> DualSolution:
    """Find the shares at which no example wants to move: a primal–dual interior point method.

    All shares start equal and stay positive. Each step is Newton's on the conditions of the
    optimum, with Mehrotra's corrector ("On the implementation of a primal–dual interior point
    method", *SIAM Journal on Optimization* 2, 1992). Classes meet only in the condition that a row
    of shares adds up to one, so the linear system falls apart into one of size n for each class.

    Parameters
    ----------
    kernel : torch.Tensor
        ``c`` times the inner products of the examples, symmetric and positive semi-definite, shape
        ``(n, n)``, float64.
    targets : torch.Tensor
        One-hot labels, shape ``(n, n_way)``, float64.
    max_iter : int
        Newton steps.
    tolerance : float
        Largest gap.

    Returns
    -------
    DualSolution

    Raises
    ------
    ArithmeticError
        When the optimum is not reached in ``max_iter`` steps; numbers too large for float64 are the
        usual reason.
    """
    p = torch.full_like(targets, 1 / targets.shape[1])
    gradient = kernel @ (p - targets) + targets
    nu = gradient.amin(dim=1, keepdim=True) - 1
    lam = gradient - nu
    scale = 1 + float(kernel.diagonal().amax())
    gap = residual = float("inf")
    for n_iter in range(max_iter + 1):
        rest = kernel @ (p - targets) + targets - lam - nu  # zero at the optimum
        gap, residual = float((p * lam).mean()), float(rest.abs().amax()) / scale
        if gap < tolerance and residual < 1e-10:
            return DualSolution(p, lam, gap, n_iter)
        system = NewtonSystem(kernel, lam / p)
        # predictor: straight at the optimum; corrector: less straight, and with the curvature
        dp, _ = system.solve(-rest - lam)
        dlam = -lam - lam / p * dp
        ahead = ((p + longest(p, dp) * dp) * (lam + longest(lam, dlam) * dlam)).mean()
        centre = float(ahead / gap) ** 3 * gap
        bend = (centre - dp * dlam) / p
        dp, dnu = system.solve(-rest - lam + bend)
        dlam = bend - lam - lam / p * dp
        step = min(1.0, 0.99 * longest(p, dp), 0.99 * longest(lam, dlam))
        p, lam, nu = p + step * dp, lam + step * dlam, nu + step * dnu
        p = p / p.sum(dim=1, keepdim=True)
    raise ArithmeticError(
        f"the support vector machine was not solved in {max_iter} steps (gap {gap:.1e}, residual "
        f"{residual:.1e}, wanted {tolerance:.1e} and 1e-10): scale the features down or lower c"
    )


class NewtonSystem:
    """Solve ``kernel @ dp + weight * dp - dnu = right`` for rows of ``dp`` that add up to zero.

    Parameters
    ----------
    kernel : torch.Tensor
        Shape ``(n, n)``.
    weight : torch.Tensor
        Shape ``(n, n_way)``, positive: multiplier over share.
    """

    def __init__(self, kernel: torch.Tensor, weight: torch.Tensor) -> None:
        blocks = kernel + torch.diag_embed(weight.T)  # (n_way, n, n)
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(blocks))
        self.schur = torch.linalg.cholesky(self.inverse.sum(dim=0))

    def solve(self, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The step in the shares ``(n, n_way)`` and in the rows' multipliers ``(n, 1)``."""
        free = (self.inverse @ right.T[..., None])[..., 0].T
        dnu = -torch.cholesky_solve(free.sum(dim=1, keepdim=True), self.schur)
        return free + (self.inverse @ dnu)[..., 0].T, dnu


def longest(x: torch.Tensor, dx: torch.Tensor) -> float:
    """How far along ``dx`` everything in ``x > 0`` stays at zero or above; at most 1."""
    return 1 / max(1.0, float((-dx / x).amax()))
