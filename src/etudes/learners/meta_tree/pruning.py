"""Prune a tree as much as cross-validation says, by one rule for meta trees and ordinary ones.

The idea in one sentence: a leaf costs something, and of all the prices at which the tree would
change, take the one whose trees lose least on examples they were not grown on.

This is cost-complexity pruning (L. Breiman, J. Friedman, R. Olshen and C. Stone, *Classification
and Regression Trees*, 1984, chapter 3). One rule for all trees matters where their sizes are
compared: otherwise "smaller" may only mean "pruned harder". Chapter 04.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from etudes.learners.meta_tree.growing import Node

#: Takes the row numbers to grow on.
Grower = Callable[[np.ndarray], Node]


def prune(root: Node, alpha: float) -> Node:
    """Cut what does not earn its leaves.

    Parameters
    ----------
    root : Node
        A grown tree; it is not changed.
    alpha : float
        What a leaf costs, in mean loss over all examples of the root.

    Returns
    -------
    Node
        The smallest of the subtrees whose mean loss plus `alpha` times leaves is least.
    """
    return _pruned(root, alpha * root.n)[0]


def _pruned(node: Node, price: float) -> tuple[Node, float]:
    """The pruned node and its cost, loss and leaves together."""
    alone = node.loss + price
    if not node.below:
        return node, alone
    parts = [_pruned(child, price) for child in node.below]
    together = sum(cost for _, cost in parts)
    if alone <= together + 1e-9:
        return replace(node, split=None, below=()), alone
    return replace(node, below=tuple(child for child, _ in parts)), together


def critical_alphas(root: Node) -> np.ndarray:
    """The prices of a leaf at which the pruned tree changes.

    Parameters
    ----------
    root : Node
        A grown tree.

    Returns
    -------
    numpy.ndarray
        Rising, beginning with 0; from the last on only the root is left.
    """
    found, tree = [0.0], prune(root, 0.0)
    while tree.below:
        weakest = min(_worth(node) for node in tree.inner()) / root.n
        found.append(max(weakest, found[-1]))
        tree = prune(tree, found[-1] * (1 + 1e-12) + 1e-12)
    return np.unique(found)


def _worth(node: Node) -> float:
    """What the leaves below a node save, for each leaf more."""
    leaves = list(node.leaves())
    return (node.loss - sum(leaf.loss for leaf in leaves)) / (len(leaves) - 1)


def choose_alpha(
    grower: Grower,
    properties: np.ndarray,
    losses: np.ndarray,
    folds: Iterable[tuple[np.ndarray, np.ndarray]],
) -> float:
    """Choose the price of a leaf by cross-validation.

    Parameters
    ----------
    grower : callable
        Grows a tree from the examples whose row numbers it is given.
    properties : numpy.ndarray
        (n, n_properties): what the trees ask about.
    losses : numpy.ndarray
        (n, n_base): what each base model loses on each example.
    folds : iterable of (numpy.ndarray, numpy.ndarray)
        Row numbers to grow on and to measure on.

    Returns
    -------
    float
        The price with the least mean loss on examples not grown on; of equal ones the highest, that
        is, the smallest tree.
    """
    edges = critical_alphas(grower(np.arange(len(losses))))
    # between two critical prices the tree is the same: stand in the middle (in the geometric sense)
    middles = np.sqrt(edges[1:] * edges[:-1]) if len(edges) > 1 else np.zeros(0)
    prices = np.unique(np.append(middles, [0.0, edges[-1] * 1.5 + 1e-9]))
    lost = np.zeros(len(prices))
    for fit, held in folds:
        tree, asked, cost = grower(fit), properties[held], losses[held]
        for k, price in enumerate(prices):
            trusted = prune(tree, price).choose(asked)
            lost[k] += cost[np.arange(len(held)), trusted].sum()
    best = np.flatnonzero(lost <= lost.min() + 1e-9 * len(losses))[-1]
    return float(prices[best])
