"""A hypernetwork: look at the example once, and say all weights of the inner network.

Ha, Dai and Le, "HyperNetworks" (ICLR 2017). Chapter 03 lets it propose the weights of a note, and a
few steps of training improve on them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from etudes.checks import check_positive_int, describe


class HyperNetwork(nn.Module):
    """From an example to inner weights, in one pass.

    Parameters
    ----------
    n_inputs : int
        Numbers of an example.
    start : torch.Tensor
        Inner weights before training, shape ``(n_weights,)``: an untrained hypernetwork answers
        with these, whatever it is shown.
    hidden : int
        Units of the hidden layer.

    Raises
    ------
    TypeError, ValueError
        When sizes are not positive, or the start is not a vector.

    Examples
    --------
    >>> outer = HyperNetwork(5, start=torch.arange(3.0))
    >>> outer(torch.randn(2, 5))
    tensor([[0., 1., 2.],
            [0., 1., 2.]], grad_fn=<AddmmBackward0>)
    """

    def __init__(self, n_inputs: int, start: torch.Tensor, hidden: int = 96) -> None:
        super().__init__()
        if not isinstance(start, torch.Tensor) or start.ndim != 1:
            raise ValueError(f"start must have shape (n_weights,), got {describe(start)}")
        self.n_inputs = check_positive_int(n_inputs, "n_inputs")
        self.body = nn.Sequential(
            nn.Linear(n_inputs, check_positive_int(hidden, "hidden")),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, len(start)),
        )
        last: Any = self.body[-1]
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(start)

    def forward(self, example: torch.Tensor) -> torch.Tensor:
        """Weights for each example.

        Parameters
        ----------
        example : torch.Tensor
            Shape ``(n_tasks, n_inputs)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n_tasks, n_weights)``.

        Raises
        ------
        ValueError
            When examples are of another shape or not finite.
        """
        if example.ndim != 2 or example.shape[1] != self.n_inputs:
            raise ValueError(
                f"example must have shape (n_tasks, {self.n_inputs}), got {tuple(example.shape)}"
            )
        if not bool(torch.isfinite(example).all()):
            raise ValueError("example must be finite, got NaN or infinite values")
        return self.body(example)
