"""The whole method in one object: base classifiers, cross-validation, meta tree.

The idea in one sentence: ``fit(x, y)`` learns whom to trust and then fits everybody on everything;
``predict(x)`` asks the tree, and the tree asks one of them. Chapter 04.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from etudes.checks import check_array
from etudes.learners.meta_tree.combiners import MetaTreeCombiner
from etudes.learners.meta_tree.cross_predicting import (
    Predictions,
    check_examples,
    cross_predict,
    fit_bases,
    predict_all,
)
from etudes.learners.meta_tree.tree import MetaTree


class MetaDecisionTree:
    """A meta decision tree with its base classifiers.

    Parameters
    ----------
    bases : mapping of str to classifier
        Whom it may trust, each with scikit-learn's ``fit`` and ``predict_proba``.
    min_leaf : int
        At least so many examples in every leaf of the meta tree.
    alpha : float or None
        What a leaf costs; 0 leaves the meta tree as it grew, None has cross-validation choose.
    n_folds : int
        Of the cross-validation in which the base classifiers predict what they have not seen.
    seed : int
        Of its folds.

    Attributes
    ----------
    tree : MetaTree
        The meta tree; ``print(model.tree)`` shows it.
    fitted : dict
        The base classifiers, fitted on everything.

    Examples
    --------
    >>> model = MetaDecisionTree({"tree": tree, "k-nn": neighbours})  # doctest: +SKIP
    >>> model.fit(x, y).predict(x_new)  # doctest: +SKIP
    """

    tree: MetaTree
    fitted: dict[str, Any]

    def __init__(
        self,
        bases: Mapping[str, Any],
        min_leaf: int = 5,
        alpha: float | None = None,
        n_folds: int = 10,
        seed: int = 0,
    ) -> None:
        self.bases, self.n_folds, self.seed = dict(bases), n_folds, seed
        self.combiner = MetaTreeCombiner(min_leaf, alpha)

    def fit(self, x: Any, y: Any, groups: Any = None) -> MetaDecisionTree:
        """Learn whom to trust, then fit everybody on everything.

        Parameters
        ----------
        x : array_like
            (n, d), finite.
        y : array_like
            (n,) integers 0…n_classes − 1, two classes or more.
        groups : array_like, optional
            (n,): examples of one group (a tune, a speaker) are never parted by a fold.

        Returns
        -------
        MetaDecisionTree
            Itself.

        Raises
        ------
        TypeError, ValueError
            When the examples will not do, or a base classifier cannot be fitted.
        """
        features, labels = check_examples(x, y)
        told = cross_predict(self.bases, features, labels, groups, self.n_folds, self.seed)
        self.tree = self.combiner.fit(told, labels, groups).tree
        self.fitted = fit_bases(self.bases, features, labels)
        self._shape = (features.shape[1], int(labels.max()) + 1)
        return self

    def told(self, x: Any) -> Predictions:
        """What the base classifiers say of new examples.

        Parameters
        ----------
        x : array_like
            (n, d).

        Returns
        -------
        Predictions

        Raises
        ------
        ValueError
            Before `fit`, or when `x` is not of the shape that was fitted, or not finite.
        """
        if not hasattr(self, "fitted"):
            raise ValueError("the model must be fitted first: call fit(x, y)")
        features = check_array(x, "x", shape=("n", self._shape[0])).astype(float)
        return predict_all(self.fitted, features, self._shape[1])

    def trusted(self, x: Any) -> np.ndarray:
        """Number of the base classifier that answers for each example, (n,)."""
        return self.tree.choose(self.told(x).properties()[0])

    def predict_proba(self, x: Any) -> np.ndarray:
        """The class distribution of the trusted base classifier, (n, n_classes)."""
        told = self.told(x)
        trusted = self.tree.choose(told.properties()[0])
        return told.probabilities[np.arange(len(told)), trusted]

    def predict(self, x: Any) -> np.ndarray:
        """The class that the trusted base classifier names, (n,)."""
        return self.combiner.predict(self.told(x))
