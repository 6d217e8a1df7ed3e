"""The learned optimizer of :mod:`etudes.learners.meta_network`, in Keras.

Andrychowicz et al., "Learning to learn by gradient descent by gradient descent" (NeurIPS 2016).
Chapter 03 shows it beside the torch version.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from etudes.checks import check_positive_float, check_positive_int, describe


def preprocess(gradient: tf.Tensor, p: float = 10.0) -> tf.Tensor:
    """Size and sign of a gradient, as two numbers that a network can read.

    Parameters
    ----------
    gradient : tf.Tensor
        Of any shape.
    p : float
        Where small begins.

    Returns
    -------
    tf.Tensor
        Of shape ``(*gradient.shape, 2)``.

    Raises
    ------
    TypeError, ValueError
        When ``p`` is not a positive number.
    """
    check_positive_float(p, "p")
    size = tf.abs(gradient)
    large = size >= math.exp(-p)
    logarithm = tf.math.log(tf.maximum(size, math.exp(-p))) / p
    first = tf.where(large, logarithm, -tf.ones_like(gradient))
    second = tf.where(large, tf.sign(gradient), gradient * math.exp(p))
    return tf.stack([first, second], axis=-1)


class LearnedOptimizer(keras.Model):
    """From gradients to steps, weight by weight.

    Parameters
    ----------
    hidden, layers, scale, p
        As for :class:`etudes.learners.meta_network.LearnedOptimizer`.

    Raises
    ------
    TypeError, ValueError
        When a size is not positive.
    """

    def __init__(
        self, hidden: int = 20, layers: int = 1, scale: float = 0.1, p: float = 10.0
    ) -> None:
        super().__init__()
        check_positive_int(hidden, "hidden")
        check_positive_int(layers, "layers")
        self.scale = check_positive_float(scale, "scale")
        self.p = check_positive_float(p, "p")
        self.cells = [keras.layers.LSTMCell(hidden) for _ in range(layers)]
        self.out = keras.layers.Dense(1)
        self.sizes = [2] + [hidden] * layers
        for cell, size in zip(self.cells, self.sizes, strict=False):
            cell.build((None, size))
        self.out.build((None, hidden))
        self.built = True

    def call(self, gradient: tf.Tensor, state: Sequence[Any] | None = None) -> tuple[Any, Any]:
        """The next step of every weight.

        Parameters
        ----------
        gradient : tf.Tensor
            Of each weight, shape ``(n_tasks, n_weights)``.
        state : list, optional
            What the last call returned; None before the first step.

        Returns
        -------
        tuple
            The steps, of the gradient's shape, to be *added* to the weights; and the memory.

        Raises
        ------
        ValueError
            When the gradient is not of two dimensions.
        """
        if len(gradient.shape) != 2:
            raise ValueError(
                f"gradient must have shape (n_tasks, n_weights), got {tuple(gradient.shape)}"
            )
        x = tf.reshape(preprocess(gradient, self.p), (-1, 2))
        memory = []
        for layer, cell in enumerate(self.cells):
            zero = tf.zeros((tf.shape(x)[0], cell.units), x.dtype)
            x, after = cell(x, [zero, zero] if state is None else state[layer])
            memory.append(after)
        return self.scale * tf.reshape(self.out(x), tf.shape(gradient)), memory


def copy_weights(optimizer: LearnedOptimizer, torch_state: Mapping[str, Any]) -> None:
    """Give a twin the weights of the torch version.

    Parameters
    ----------
    optimizer : LearnedOptimizer
        Of the same sizes; changed in place.
    torch_state : mapping
        The ``state_dict()`` of :class:`etudes.learners.meta_network.LearnedOptimizer`.

    Raises
    ------
    ValueError
        When a weight is missing or of another shape; it is named.
    """

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in torch_state:
            raise ValueError(f"torch_state must hold {name!r}, got {sorted(torch_state)}")
        value = np.asarray(torch_state[name])
        if value.shape != shape:
            raise ValueError(f"torch_state[{name!r}] must have shape {shape}, got {value.shape}")
        return value

    hidden = optimizer.cells[0].units
    for layer, (cell, size) in enumerate(zip(optimizer.cells, optimizer.sizes, strict=False)):
        kernel = take(f"cells.{layer}.weight_ih", (4 * hidden, size)).T
        recurrent = take(f"cells.{layer}.weight_hh", (4 * hidden, hidden)).T
        bias = take(f"cells.{layer}.bias_ih", (4 * hidden,))
        cell.set_weights([kernel, recurrent, bias + take(f"cells.{layer}.bias_hh", (4 * hidden,))])
    optimizer.out.set_weights([take("out.weight", (1, hidden)).T, take("out.bias", (1,))])


def unroll(
    optimizer: LearnedOptimizer,
    loss: Callable[[tf.Tensor], tf.Tensor],
    weights: Any,
    n_steps: int,
    state: Sequence[Any] | None = None,
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Let an outer network train inner ones for some steps; differentiable under a gradient tape.

    Inner gradients are taken as given (first order), as in the paper.

    Parameters
    ----------
    optimizer : LearnedOptimizer
        The outer network.
    loss : callable
        ``loss(weights) -> (n_tasks,)``.
    weights : array_like
        Where the tasks start, shape ``(n_tasks, n_weights)``.
    n_steps : int
        Steps to take.
    state : list, optional
        The outer network's memory, when this unroll goes on from another.

    Returns
    -------
    tuple
        Losses ``(n_tasks, n_steps + 1)``, weights after the last step, and the memory.

    Raises
    ------
    TypeError, ValueError
        When weights are not a finite matrix, or `n_steps` not a positive integer.
    """
    check_positive_int(n_steps, "n_steps")
    current = tf.convert_to_tensor(weights)
    if len(current.shape) != 2 or not bool(tf.reduce_all(tf.math.is_finite(current))):
        raise ValueError(f"weights must be a finite matrix, got {describe(weights)}")
    losses, memory = [], state
    for step in range(n_steps + 1):
        with tf.GradientTape() as tape:
            tape.watch(current)
            losses.append(loss(current))
            total = tf.reduce_sum(losses[-1])
        if step == n_steps:
            break
        gradient = tf.stop_gradient(tape.gradient(total, current))
        change, memory = optimizer(gradient, state=memory)
        current = current + change
    return tf.stack(losses, axis=1), current, memory
