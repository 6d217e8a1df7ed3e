"""The gradient of an optimum: differentiate the conditions that it meets, not the road to it.

At the optimum some equations hold. Move the features a little and they must still hold; that fixes
how the optimum moves (the implicit function theorem). One more linear system of the kind that the
solver has solved a dozen times gives the exact gradient, whatever the solver was and however long
it took: Amos and Kolter, "OptNet: Differentiable optimization as a layer in neural networks" (ICML
2017); Barratt, "On the differentiability of the solution to convex optimization problems" (2018).
Lee et al. (CVPR 2019) train an embedding through it. Chapter 05.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from etudes.learners.meta_svm.dual import DualSolution, NewtonSystem, solve_dual

__all__ = ["ShareOfOptimum", "kernel_gradient", "optimal_shares"]

JITTER = 1e-9
"""Added to the kernel's diagonal, over its mean, so that equal examples share their pull equally
and shares have a derivative where only the weights are determined."""


def kernel_gradient(
    kernel: torch.Tensor, targets: torch.Tensor, solution: DualSolution, upstream: torch.Tensor
) -> torch.Tensor:
    """How a loss changes with the kernel, given how it changes with the optimal shares.

    With shares :math:`P`, one-hot labels :math:`Y`, multipliers :math:`\\Lambda` and one number
    :math:`\\nu_i` for each row, the optimum meets :math:`M (P - Y) + Y - \\Lambda = \\nu
    \\mathbf{1}^\\top`, :math:`P \\circ \\Lambda = 0` and :math:`P \\mathbf{1} = \\mathbf{1}`. Their
    differential is a linear system with the matrix of the solver's last Newton step; it is
    symmetric, so the same solve serves backwards.

    Parameters
    ----------
    kernel : torch.Tensor
        :math:`M`, shape ``(n, n)``: what :func:`solve_dual` was given.
    targets : torch.Tensor
        :math:`Y`, shape ``(n, n_way)``.
    solution : DualSolution
        What it gave.
    upstream : torch.Tensor
        Derivative of the loss with respect to the shares, shape ``(n, n_way)``.

    Returns
    -------
    torch.Tensor
        Derivative with respect to the kernel, shape ``(n, n)``.

    Notes
    -----
    Where a share and its multiplier are both zero the set of support vectors is about to change,
    the shares have a kink, and no derivative exists: what comes out lies between those of the two
    sides.
    """
    system = NewtonSystem(kernel, solution.multipliers / solution.shares)
    moved, _ = system.solve(upstream)
    return -moved @ (solution.shares - targets).T


class ShareOfOptimum(torch.autograd.Function):
    """Optimal shares as a differentiable function of the kernel: ``apply(kernel, targets)``."""

    @staticmethod
    def forward(ctx: Any, kernel: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Solve; see :func:`~etudes.learners.meta_svm.dual.solve_dual`."""
        solution = solve_dual(kernel, targets)
        ctx.save_for_backward(kernel, targets, solution.shares, solution.multipliers)
        return solution.shares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Solve once more; see :func:`kernel_gradient`."""
        kernel, targets, shares, multipliers = ctx.saved_tensors
        solution = DualSolution(shares, multipliers, 0.0, 0)
        return kernel_gradient(kernel, targets, solution, upstream), None


def optimal_shares(z: torch.Tensor, targets: torch.Tensor, c: float) -> torch.Tensor:
    """Shares of a support vector machine, differentiable in the features.

    Parameters
    ----------
    z : torch.Tensor
        Examples, shape ``(n, d)``, float64.
    targets : torch.Tensor
        One-hot labels, shape ``(n, n_way)``, float64.
    c : float
        Price of a missed margin.

    Returns
    -------
    torch.Tensor
        Shape ``(n, n_way)``, float64.

    Raises
    ------
    ArithmeticError
        When the optimum is not reached.
    """
    kernel = c * (z @ z.T)
    jitter = JITTER * kernel.diagonal().mean().detach()
    shares: torch.Tensor = ShareOfOptimum.apply(
        kernel + jitter * torch.eye(len(z), dtype=z.dtype, device=z.device), targets
    )
    return shares
