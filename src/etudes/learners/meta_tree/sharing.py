"""Leaves that share their trust: not one base model, but all of them, each with a share.

The idea in one sentence: a leaf of a meta tree gives everything to one model, and where models
predict distributions a mixture of them loses less, so keep the tree and fit in every leaf the
shares that lose least on the examples that came there.

For losses in bits, minus the logarithm of what a model gave to what came, the best shares are those
of a mixture whose parts are known: the expectation-maximisation of A. Dempster, N. Laird and D.
Rubin, *Journal of the Royal Statistical Society B* 39, 1977, of which only the weights are left to
fit. A tree with a mixture of experts in its leaves is a relative of M. Jordan and R. Jacobs,
"Hierarchical mixtures of experts and the EM algorithm", *Neural Computation* 6, 1994; there the
experts learn as well. Chapter 04.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int
from etudes.learners.meta_tree.growing import Node


def best_shares(bits: Any, rounds: int = 100) -> np.ndarray:
    """The shares with which a mixture of all base models loses least, by EM from equal shares.

    Parameters
    ----------
    bits : array_like
        (n, n_base): −log2 of what each base model gave to each example.
    rounds : int
        Of EM. No round loses more than the one before.

    Returns
    -------
    numpy.ndarray
        (n_base,), 0 or more, adding up to 1.

    Raises
    ------
    TypeError, ValueError
        When `bits` is not a finite matrix with a row or more, or `rounds` no positive whole number.
    """
    lost = check_array(bits, "bits", shape=("n", "n_base")).astype(float)
    given = 2.0 ** (lost.min(axis=1, keepdims=True) - lost)  # the best model of each example: 1
    shares = np.full(lost.shape[1], 1 / lost.shape[1])
    for _ in range(check_positive_int(rounds, "rounds")):
        claims = shares * given  # how much of each example every model can claim
        shares = (claims / claims.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def shared_bits(shares: Any, bits: Any) -> np.ndarray:
    """What a mixture loses.

    Parameters
    ----------
    shares : array_like
        (n_base,) or, for shares that differ from example to example, (n, n_base).
    bits : array_like
        (n, n_base): −log2 of what each base model gave to each example.

    Returns
    -------
    numpy.ndarray
        (n,) −log2 of what the mixture gave.
    """
    lost = np.asarray(bits, dtype=float)
    least = lost.min(axis=1)
    given = np.asarray(shares, dtype=float) * 2.0 ** (least[:, None] - lost)
    return least - np.log2(given.sum(axis=1))


def leaf_shares(root: Node, properties: Any, bits: Any, rounds: int = 100) -> np.ndarray:
    """Fit the shares of every leaf of a grown tree.

    Parameters
    ----------
    root : Node
        The tree; it is not changed.
    properties : array_like
        (n, n_properties): what its questions are about.
    bits : array_like
        (n, n_base): what each base model lost on each example, which it was not fitted on.
    rounds : int
        Of EM in each leaf.

    Returns
    -------
    numpy.ndarray
        (n_leaves, n_base), in order of :meth:`Node.leaves`; equal shares in a leaf to which none of
        the examples comes.
    """
    lost = check_array(bits, "bits", shape=("n", "n_base")).astype(float)
    x = check_array(properties, "properties", shape=(len(lost), "n_properties")).astype(float)
    leaf, n_leaves = root.route(x), sum(1 for _ in root.leaves())
    table = np.full((n_leaves, lost.shape[1]), 1 / lost.shape[1])
    for number in np.unique(leaf):
        table[number] = best_shares(lost[leaf == number], rounds)
    return table
