"""Grow a tree that divides examples among base models: the criterion, the best split, the tree.

The idea in one sentence: a set of examples is as impure as the loss of the best *single* base model
on it, so a split is worth something exactly when its two sides trust different models.

With a loss of 0 for right and 1 for wrong this is the criterion of meta decision trees: one minus
the accuracy of the best base classifier (Todorovski and Džeroski, *Machine Learning* 50, 2003).
With minus the logarithm of a probability for a loss it is our generalisation to models that predict
distributions, which chapter 04 uses for tunes.

An ordinary classification tree is the special case in which the base models are the constant
answers "always this class"; then the criterion is the error rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from etudes.checks import check_array, check_positive_int

#: A gain below this is rounding.
LEAST_GAIN = 1e-9


class Split(NamedTuple):
    """A question: is this property at most this threshold?

    Attributes
    ----------
    column : int
        Which property.
    threshold : float
        Halfway between two values that occur.
    gain : float
        By how much the impurity falls: that of the whole minus the weighted mean of the sides.
    """

    column: int
    threshold: float
    gain: float


@dataclass
class Node:
    """A node with all that hangs below it.

    Attributes
    ----------
    losses : numpy.ndarray
        (n_base,) the sum of each base model's losses over the examples that come here.
    n : int
        How many those are.
    best : int
        Which base model loses least here: the one to trust if this is a leaf.
    split : Split or None
        The question; None in a leaf.
    below : tuple of Node
        Where to go for yes and for no; empty in a leaf.
    """

    losses: np.ndarray
    n: int
    best: int
    split: Split | None = None
    below: tuple[Node, ...] = field(default=(), repr=False)

    @property
    def loss(self) -> float:
        """The sum of losses of the trusted model over the examples that come here."""
        return float(self.losses[self.best])

    def leaves(self) -> Iterator[Node]:
        """All leaves below, from left (yes) to right (no)."""
        if not self.below:
            yield self
        for child in self.below:
            yield from child.leaves()

    def inner(self) -> Iterator[Node]:
        """All nodes below, this one included, that ask a question."""
        if self.below:
            yield self
        for child in self.below:
            yield from child.inner()

    def depth(self) -> int:
        """How many questions the longest way asks."""
        return 1 + max(child.depth() for child in self.below) if self.below else 0

    def route(self, properties: np.ndarray) -> np.ndarray:
        """For each row of properties the number of the leaf it comes to, in order of `leaves`."""
        number = np.zeros(len(properties), dtype=np.int64)
        if self.split is None:
            return number
        yes = properties[:, self.split.column] <= self.split.threshold
        left, right = self.below
        number[yes] = left.route(properties[yes])
        number[~yes] = right.route(properties[~yes]) + sum(1 for _ in left.leaves())
        return number

    def choose(self, properties: np.ndarray) -> np.ndarray:
        """For each row of properties the number of the base model to trust."""
        trusted = np.array([leaf.best for leaf in self.leaves()])
        return trusted[self.route(properties)]


def impurity(losses: np.ndarray) -> float:
    """The mean loss of the best single base model on a set of examples.

    Parameters
    ----------
    losses : numpy.ndarray
        (n, n_base): how much each base model loses on each example.

    Returns
    -------
    float
        For losses of 0 and 1: one minus the accuracy of the best base model.
    """
    return float(np.asarray(losses).mean(axis=0).min())


def best_split(properties: np.ndarray, losses: np.ndarray, min_leaf: int = 5) -> Split | None:
    """Find the question after which two base models, one a side, lose least.

    Parameters
    ----------
    properties : numpy.ndarray
        (n, n_properties).
    losses : numpy.ndarray
        (n, n_base).
    min_leaf : int
        At least so many examples on either side.

    Returns
    -------
    Split or None
        None when no question leaves enough examples on both sides or brings a gain. Of equally good
        ones the first column's lowest threshold.
    """
    n, total = len(losses), losses.sum(axis=0)
    least, found = total.min() - LEAST_GAIN * n, None
    sizes = np.arange(1, n)
    enough = (sizes >= min_leaf) & (n - sizes >= min_leaf)
    if not enough.any():
        return None
    for column in range(properties.shape[1]):
        order = np.argsort(properties[:, column], kind="stable")
        value = properties[order, column]
        allowed = enough & (value[1:] > value[:-1])
        if not allowed.any():
            continue
        left = np.cumsum(losses[order], axis=0)[:-1][allowed]
        cost = left.min(axis=1) + (total - left).min(axis=1)
        place = int(cost.argmin())
        if cost[place] < least - LEAST_GAIN:
            least = cost[place]
            at = int(np.flatnonzero(allowed)[place])
            low, high = float(value[at]), float(value[at + 1])
            middle = (low + high) / 2
            # halfway can round up to the higher value, which belongs on the other side
            found = (column, middle if middle < high else low)
    if found is None:
        return None
    return Split(*found, float((total.min() - least) / n))


def grow(
    properties: np.ndarray,
    losses: np.ndarray,
    min_leaf: int = 5,
    max_depth: int | None = None,
) -> Node:
    """Grow a tree from the top down, greedily, until no split gains anything.

    Parameters
    ----------
    properties : array_like
        (n, n_properties): what the questions are about.
    losses : array_like
        (n, n_base): what each base model loses on each example.
    min_leaf : int
        At least so many examples in every leaf.
    max_depth : int, optional
        At most so many questions on any way; no limit by default.

    Returns
    -------
    Node
        The root. It stops growing by itself where one base model is best on both sides of every
        split, because such a split gains nothing.

    Raises
    ------
    TypeError, ValueError
        When the two are not finite matrices of the same number of rows, or a number is no positive
        whole one.
    """
    x = check_array(properties, "properties", shape=("n", "n_properties")).astype(float)
    cost = check_array(losses, "losses", shape=(len(x), "n_base")).astype(float)
    check_positive_int(min_leaf, "min_leaf")
    depth = None if max_depth is None else check_positive_int(max_depth, "max_depth")
    return _grown(x, cost, int(cost.sum(axis=0).argmin()), min_leaf, depth)


def _grown(x: np.ndarray, cost: np.ndarray, trusted: int, min_leaf: int, depth: int | None) -> Node:
    """Grow from here; `trusted` is the model of the node above, which wins ties."""
    sums = cost.sum(axis=0)
    best = trusted if sums[trusted] <= sums.min() + LEAST_GAIN else int(sums.argmin())
    node = Node(sums, len(cost), best)
    split = None if depth == 0 else best_split(x, cost, min_leaf)
    if split is not None:
        yes = x[:, split.column] <= split.threshold
        deeper = None if depth is None else depth - 1
        node.split = split
        node.below = (
            _grown(x[yes], cost[yes], best, min_leaf, deeper),
            _grown(x[~yes], cost[~yes], best, min_leaf, deeper),
        )
    return node
