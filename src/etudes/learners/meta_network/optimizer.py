"""A learned optimizer: a small LSTM that turns a weight's gradients into its steps.

Every weight of the inner network is handled by the same LSTM, with a memory of its own and without
a word about the others ("coordinate-wise"): so two thousand outer weights can train an inner
network of any size (Andrychowicz et al., "Learning to learn by gradient descent by gradient
descent", NeurIPS 2016). Chapter 03.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from etudes.checks import check_positive_float, check_positive_int, describe

State = list[tuple[torch.Tensor, torch.Tensor]]
"""Memory of each LSTM layer: hidden and cell, each of shape ``(n_tasks * n_weights, hidden)``."""


def preprocess(gradient: torch.Tensor, p: float = 10.0) -> torch.Tensor:
    """Size and sign of a gradient, as two numbers that a network can read.

    Gradients differ by many powers of ten. Above ``exp(-p)`` the first number is the logarithm of
    the size divided by ``p``, the second the sign; below, the first is −1 and the second the
    gradient times ``exp(p)``, so that both stay between −1 and about 1.

    Parameters
    ----------
    gradient : torch.Tensor
        Of any shape.
    p : float
        Where small begins.

    Returns
    -------
    torch.Tensor
        Of shape ``(*gradient.shape, 2)``.

    Raises
    ------
    TypeError, ValueError
        When ``p`` is not a positive number.

    Notes
    -----
    Appendix A of the paper.

    Examples
    --------
    >>> preprocess(torch.tensor([1.0, -1.0, 0.0]))
    tensor([[ 0.,  1.],
            [ 0., -1.],
            [-1.,  0.]])
    """
    check_positive_float(p, "p")
    size = gradient.abs()
    large = size >= math.exp(-p)
    logarithm = torch.log(size.clamp(min=math.exp(-p))) / p
    return torch.stack(
        [
            torch.where(large, logarithm, torch.full_like(gradient, -1.0)),
            torch.where(large, gradient.sign(), gradient * math.exp(p)),
        ],
        dim=-1,
    )


class LearnedOptimizer(nn.Module):
    """From gradients to steps, weight by weight.

    Parameters
    ----------
    hidden : int
        Units of each LSTM layer; 20 in the paper.
    layers : int
        LSTM layers; 2 in the paper, while 1 does as well on chapter 03's notes.
    scale : float
        The output is multiplied by it, so that an untrained optimizer takes small steps.
    p : float
        Of :func:`preprocess`.

    Raises
    ------
    TypeError, ValueError
        When a size is not positive.

    Examples
    --------
    >>> optimizer = LearnedOptimizer()
    >>> step, memory = optimizer(torch.randn(3, 10))
    >>> step.shape, sum(p.numel() for p in optimizer.parameters())
    (torch.Size([3, 10]), 1941)
    """

    def __init__(
        self, hidden: int = 20, layers: int = 1, scale: float = 0.1, p: float = 10.0
    ) -> None:
        super().__init__()
        check_positive_int(hidden, "hidden")
        check_positive_int(layers, "layers")
        self.scale = check_positive_float(scale, "scale")
        self.p = check_positive_float(p, "p")
        self.cells = nn.ModuleList(
            nn.LSTMCell(2 if layer == 0 else hidden, hidden) for layer in range(layers)
        )
        self.out = nn.Linear(hidden, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, gradient: torch.Tensor, state: Sequence[Any] | None = None
    ) -> tuple[torch.Tensor, State]:
        """The next step of every weight.

        Parameters
        ----------
        gradient : torch.Tensor
            Of each weight, shape ``(n_tasks, n_weights)``.
        state : list, optional
            What the last call returned; None before the first step.

        Returns
        -------
        tuple
            The steps, of the gradient's shape, to be *added* to the weights; and the memory for the
            next call.

        Raises
        ------
        TypeError, ValueError
            When the gradient is not a tensor of two dimensions, or the memory is of another size.
        """
        if not isinstance(gradient, torch.Tensor):
            raise TypeError(f"gradient must be a tensor, got {describe(gradient)}")
        if gradient.ndim != 2:
            raise ValueError(
                f"gradient must have shape (n_tasks, n_weights), got {tuple(gradient.shape)}"
            )
        if state is not None:
            wanted = (len(self.cells), gradient.numel())
            if (got := (len(state), len(state[0][0]))) != wanted:
                raise ValueError(
                    f"state must hold {wanted[0]} layers of {wanted[1]} memories, "
                    f"got {got[0]} of {got[1]}"
                )
        x = preprocess(gradient, self.p).reshape(-1, 2)
        memory: State = []
        for layer, cell in enumerate(self.cells):
            memory.append(cell(x, None if state is None else state[layer]))
            x = memory[-1][0]
        return self.scale * self.out(x).reshape(gradient.shape), memory
