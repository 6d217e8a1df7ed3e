"""Ways to make one answer of several, all learned from the same cross-validated predictions.

The idea in one sentence: pick one, let them vote, or learn from their answers; the rivals of a meta
tree, each of which it must be measured against.

Each combiner is fitted on what base classifiers said of examples they had not seen
(:func:`~etudes.learners.meta_tree.cross_predict`) and then asked about what they
say of new ones. That stacking is at best about as good as selecting the best one is the finding of
S. Džeroski and B. Ženko, *Machine Learning* 54, 2004. Multi-response linear regression for
stacking is due to K. M. Ting and I. H. Witten, *Journal of Artificial Intelligence Research* 10,
1999. Chapter 04.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from etudes.checks import check_in, check_positive_int
from etudes.learners.meta_tree.cross_predicting import Predictions, folds_of
from etudes.learners.meta_tree.growing import Node
from etudes.learners.meta_tree.pruning import choose_alpha, prune
from etudes.learners.meta_tree.tree import MetaTree


class Combiner(Protocol):
    """What all of them can do."""

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> Combiner:
        """Learn from predictions of examples with labels `y` (n,)."""

    def predict(self, told: Predictions) -> np.ndarray:
        """One class number for each example, (n,)."""


class SelectBest:
    """The base classifier with the best cross-validated accuracy answers alone."""

    best: int

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> SelectBest:
        """Learn which it is; of equals the first."""
        self.best = int(told.losses(y).mean(axis=0).argmin())
        return self

    def predict(self, told: Predictions) -> np.ndarray:
        """Its answers, (n,)."""
        return told.answers[:, self.best]


class MajorityVote:
    """One vote each; where votes are equal, the highest sum of probabilities decides."""

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> MajorityVote:
        """Nothing to learn."""
        return self

    def votes(self, told: Predictions) -> np.ndarray:
        """(n, n_classes) votes."""
        return _votes(told, np.ones(len(told.names)))

    def predict(self, told: Predictions) -> np.ndarray:
        """The class with the most votes, (n,)."""
        return (self.votes(told) + 1e-6 * told.probabilities.mean(axis=1)).argmax(axis=1)


class WeightedVote(MajorityVote):
    """Votes count as much as their voter's cross-validated accuracy."""

    accuracy: np.ndarray

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> WeightedVote:
        """Learn the accuracies."""
        self.accuracy = 1 - told.losses(y).mean(axis=0)
        return self

    def votes(self, told: Predictions) -> np.ndarray:
        """(n, n_classes) weighted votes."""
        return _votes(told, self.accuracy)


class MetaTreeCombiner:
    """A meta decision tree: it asks how sure each is, and trusts one.

    Parameters
    ----------
    min_leaf, alpha
        As for :class:`~etudes.learners.meta_tree.MetaTree`.
    """

    tree: MetaTree

    def __init__(self, min_leaf: int = 5, alpha: float | None = None) -> None:
        self.min_leaf, self.alpha = min_leaf, alpha

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> MetaTreeCombiner:
        """Grow and prune the tree."""
        table, questions = told.properties()
        self.tree = MetaTree(self.min_leaf, self.alpha).fit(
            table,
            told.losses(y),
            models=told.names,
            questions=questions,
            groups=groups,
            strata=y,
        )
        return self

    def predict(self, told: Predictions) -> np.ndarray:
        """The answers of those that it trusts, (n,)."""
        trusted = self.tree.choose(told.properties()[0])
        return told.answers[np.arange(len(told)), trusted]


class StackedTree:
    """Stacking with an ordinary decision tree, pruned by the rule that prunes meta trees.

    Parameters
    ----------
    inputs : {"probabilities", "properties"}
        What it may ask about: the probability of every class by every base classifier, or what a
        meta tree may ask about together with which class each base classifier names.
    min_leaf : int
        At least so many examples in every leaf.
    alpha : float or None
        What a leaf costs; 0 leaves the tree as it grew; None has cross-validation choose.
    n_folds : int
        Of that cross-validation.
    """

    root: Node
    unpruned: Node

    def __init__(
        self,
        inputs: str = "probabilities",
        min_leaf: int = 5,
        alpha: float | None = None,
        n_folds: int = 5,
    ) -> None:
        self.inputs = check_in(inputs, "inputs", ("probabilities", "properties"))
        self.min_leaf = check_positive_int(min_leaf, "min_leaf")
        self.alpha, self.n_folds = alpha, n_folds

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> StackedTree:
        """Grow by entropy, prune by error."""
        from sklearn.tree import DecisionTreeClassifier

        x, labels = self._asked(told), np.asarray(y)
        n_classes = told.probabilities.shape[2]
        losses = 1.0 - np.eye(n_classes)[labels]  # of the constant answers

        def grower(rows: np.ndarray) -> Node:
            tree = DecisionTreeClassifier(
                criterion="entropy", min_samples_leaf=self.min_leaf, random_state=0
            )
            return node_from_sklearn(tree.fit(x[rows], labels[rows]), n_classes)

        self.unpruned = grower(np.arange(len(x)))
        alpha = self.alpha
        if alpha is None:
            folds = folds_of(labels, groups, self.n_folds)
            alpha = choose_alpha(grower, x, losses, folds)
        self.root = prune(self.unpruned, alpha) if alpha > 0 else self.unpruned
        return self

    def predict(self, told: Predictions) -> np.ndarray:
        """The class of the leaf, (n,)."""
        return self.root.choose(self._asked(told))

    def _asked(self, told: Predictions) -> np.ndarray:
        if self.inputs == "probabilities":
            # scikit-learn's trees compare in single precision
            return told.probabilities.reshape(len(told), -1).astype(np.float32).astype(float)
        named = np.eye(told.probabilities.shape[2])[told.answers].reshape(len(told), -1)
        table = np.column_stack([told.properties()[0], named])
        return table.astype(np.float32).astype(float)


class Stacked:
    """Stacking with any classifier on all class probabilities.

    Parameters
    ----------
    estimator : classifier
        With scikit-learn's ``fit`` and ``predict``.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> Stacked:
        """Fit the estimator."""
        from sklearn.base import clone

        self.fitted = clone(self.estimator).fit(told.probabilities.reshape(len(told), -1), y)
        return self

    def predict(self, told: Predictions) -> np.ndarray:
        """Its answers, (n,)."""
        return self.fitted.predict(told.probabilities.reshape(len(told), -1))


class MultiResponse:
    """Stacking with multi-response linear regression: one regression for each class, of 1 for the
    class and 0 for the others, on the probabilities that the base classifiers give *that* class;
    no weight is negative.
    """

    weights: np.ndarray

    def fit(self, told: Predictions, y: np.ndarray, groups: Any = None) -> MultiResponse:
        """Fit all regressions."""
        from scipy.optimize import nnls

        targets = np.eye(told.probabilities.shape[2])[np.asarray(y)]
        parts = [nnls(told.probabilities[:, :, c], targets[:, c])[0] for c in range(len(targets.T))]
        self.weights = np.stack(parts, axis=1)  # (n_base, n_classes)
        return self

    def predict(self, told: Predictions) -> np.ndarray:
        """The class with the largest response, (n,)."""
        return (told.probabilities * self.weights).sum(axis=1).argmax(axis=1)


def node_from_sklearn(fitted: Any, n_classes: int) -> Node:
    """Turn a fitted ``DecisionTreeClassifier`` into nodes whose "models" are the constant answers.

    Parameters
    ----------
    fitted : sklearn.tree.DecisionTreeClassifier
        Fitted on labels 0…n_classes − 1.
    n_classes : int
        Number of constant answers; classes that it never saw are always wrong.

    Returns
    -------
    Node
        Routes every example to the same leaf as the tree does.
    """
    from etudes.learners.meta_tree.growing import Split

    tree = fitted.tree_

    def node(i: int) -> Node:
        n = int(tree.n_node_samples[i])
        losses = np.full(n_classes, float(n))
        losses[fitted.classes_] -= n * tree.value[i, 0] / tree.value[i, 0].sum()
        here = Node(losses.round(6), n, int(losses.round(6).argmin()))
        if tree.children_left[i] >= 0:
            here.split = Split(int(tree.feature[i]), float(tree.threshold[i]), 0.0)
            here.below = (node(tree.children_left[i]), node(tree.children_right[i]))
        return here

    return node(0)


def _votes(told: Predictions, weights: np.ndarray) -> np.ndarray:
    """(n, n_classes) sum of the voters' weights."""
    named = np.eye(told.probabilities.shape[2])[told.answers]
    return np.einsum("nbc,b->nc", named, weights)
