"""What a meta tree may ask: how sure is each base classifier, and how much stands behind that?

The idea in one sentence: of a predicted class distribution look at its highest probability, at its
entropy and at how much of the training set it was estimated from, and never at which class it is.

So a question can be the same for every class and every problem; that is what keeps the trees small
(Todorovski and Džeroski, *Machine Learning* 50, 2003). The weight is defined for classifiers that
point at a part of the training set: the leaf of a decision tree. Nearest neighbours and naive Bayes
have none. Chapter 04.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array


def highest_probability(probabilities: Any) -> np.ndarray:
    """How probable the likeliest class is.

    Parameters
    ----------
    probabilities : array_like
        (..., n_classes), each row adding up to 1.

    Returns
    -------
    numpy.ndarray
        (...,), from 1 / n_classes (no idea) to 1 (sure).
    """
    return check_distributions(probabilities, "probabilities").max(axis=-1)


def entropy(probabilities: Any) -> np.ndarray:
    """How undecided a distribution is.

    Parameters
    ----------
    probabilities : array_like
        (..., n_classes), each row adding up to 1.

    Returns
    -------
    numpy.ndarray
        (...,) in bits, from 0 (sure) to log2 n_classes (no idea).
    """
    p = check_distributions(probabilities, "probabilities")
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=-1)


def weight_of_evidence(estimator: Any, x: Any) -> np.ndarray | None:
    """How much of the training set a classifier's answer was estimated from.

    Parameters
    ----------
    estimator : object
        A fitted classifier.
    x : array_like
        (n, d).

    Returns
    -------
    numpy.ndarray or None
        (n,) for a decision tree of scikit-learn: the share of its training examples, by weight,
        that lie in the leaf an example comes to. None for a classifier without such a part.
    """
    tree = getattr(estimator, "tree_", None)
    if tree is None:
        return None
    weight = tree.weighted_n_node_samples
    return weight[estimator.apply(x)] / weight[0]


def property_table(
    probabilities: Any, weights: Any, names: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Lay all properties of all base classifiers side by side.

    Parameters
    ----------
    probabilities : array_like
        (n, n_base, n_classes).
    weights : array_like
        (n, n_base); NaN in the columns of classifiers that have no weight.
    names : tuple of str
        Of the base classifiers.

    Returns
    -------
    table : numpy.ndarray
        (n, n_properties).
    columns : tuple of str
        What each column is, such as ``"entropy of k-nn"``.
    """
    p = check_distributions(probabilities, "probabilities")
    if p.ndim != 3 or p.shape[1] != len(names):
        raise ValueError(
            f"probabilities must have shape (n, {len(names)}, n_classes), got {p.shape}"
        )
    w = check_array(weights, "weights", shape=p.shape[:2], finite=False)
    table = [highest_probability(p), entropy(p), w]
    columns, labels = [], []
    for base, name in enumerate(names):
        for values, what in zip(table, ("highest probability", "entropy", "weight"), strict=True):
            if not np.isnan(values[:, base]).any():
                columns.append(values[:, base])
                labels.append(f"{what} of {name}")
    return np.column_stack(columns), tuple(labels)


def check_distributions(probabilities: Any, name: str) -> np.ndarray:
    """Check that the last axis holds distributions; return them as float64."""
    p = check_array(probabilities, name).astype(float)
    if p.ndim == 0 or p.min() < -1e-9 or abs(p.sum(axis=-1) - 1).max() > 1e-4:
        raise ValueError(
            f"{name} must hold distributions: 0 or more, adding up to 1 along the last axis; "
            f"got values from {p.min():.4g} to {p.max():.4g}, sums from "
            f"{p.sum(axis=-1).min():.4g} to {p.sum(axis=-1).max():.4g}"
        )
    return np.clip(p, 0, None)
