"""A meta tree by itself: properties in, the number of the model to trust out.

The idea in one sentence: grow on what each base model lost, prune by cross-validation, and keep the
names, so that the tree can be read. Chapter 04.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_float, check_positive_int
from etudes.learners.meta_tree.cross_predicting import folds_of
from etudes.learners.meta_tree.growing import Node, grow
from etudes.learners.meta_tree.pruning import choose_alpha, prune


class MetaTree:
    """A tree whose leaves name a base model.

    Parameters
    ----------
    min_leaf : int
        At least so many examples in every leaf.
    alpha : float or None
        What a leaf costs (``meta_tree.pruning``); 0 leaves the tree as it
        grew; None has cross-validation choose.
    max_depth : int, optional
        At most so many questions on any way.
    n_folds : int
        Of that cross-validation.

    Attributes
    ----------
    root : Node
        The pruned tree.
    unpruned : Node
        As it grew.

    Examples
    --------
    >>> tree = MetaTree(min_leaf=10).fit(properties, losses)  # doctest: +SKIP
    >>> tree.choose(properties)  # doctest: +SKIP
    array([0, 2, 2, ...])
    """

    root: Node
    unpruned: Node

    def __init__(
        self,
        min_leaf: int = 5,
        alpha: float | None = None,
        max_depth: int | None = None,
        n_folds: int = 5,
    ) -> None:
        self.min_leaf = check_positive_int(min_leaf, "min_leaf")
        self.alpha = alpha if alpha is None else check_positive_float(alpha, "alpha", True)
        self.max_depth = max_depth
        self.n_folds = check_positive_int(n_folds, "n_folds")
        self.models: tuple[str, ...] = ()
        self.questions: tuple[str, ...] = ()

    def fit(
        self,
        properties: Any,
        losses: Any,
        *,
        models: Sequence[str] | None = None,
        questions: Sequence[str] | None = None,
        groups: Any = None,
        strata: Any = None,
    ) -> MetaTree:
        """Grow and prune.

        Parameters
        ----------
        properties : array_like
            (n, n_properties): what the questions are about.
        losses : array_like
            (n, n_base): what each base model lost on each example, which it was not fitted on.
        models, questions : sequence of str, optional
            Names of the base models and of the properties.
        groups : array_like, optional
            (n,): examples of one group stay together when cross-validation chooses `alpha`.
        strata : array_like, optional
            (n,): its folds hold about the same share of each of these (of each class).

        Returns
        -------
        MetaTree
            Itself.

        Raises
        ------
        TypeError, ValueError
            As :func:`~etudes.learners.meta_tree.grow`, or when there are more or fewer
            names than columns.
        """
        x = check_array(properties, "properties", shape=("n", "n_properties")).astype(float)
        cost = check_array(losses, "losses", shape=(len(x), "n_base")).astype(float)
        self.models = _names(models, cost.shape[1], "models", "model")
        self.questions = _names(questions, x.shape[1], "questions", "property")

        def grower(rows: np.ndarray) -> Node:
            return grow(x[rows], cost[rows], self.min_leaf, self.max_depth)

        self.unpruned = grower(np.arange(len(x)))
        alpha = self.alpha
        if alpha is None:
            folds = folds_of(strata, groups, min(self.n_folds, len(x)), n=len(x))
            alpha = choose_alpha(grower, x, cost, folds)
        self.root = prune(self.unpruned, alpha) if alpha > 0 else self.unpruned
        return self

    def choose(self, properties: Any) -> np.ndarray:
        """Which base model to trust.

        Parameters
        ----------
        properties : array_like
            (n, n_properties).

        Returns
        -------
        numpy.ndarray
            (n,) int64 numbers of base models.

        Raises
        ------
        ValueError
            When the tree has not been fitted, or the properties are not those it was fitted on.
        """
        if not hasattr(self, "root"):
            raise ValueError("the tree must be fitted first: call fit(properties, losses)")
        wanted = ("n", len(self.questions))
        return self.root.choose(check_array(properties, "properties", shape=wanted).astype(float))

    @property
    def n_leaves(self) -> int:
        """How many leaves it has."""
        return sum(1 for _ in self.root.leaves())

    @property
    def depth(self) -> int:
        """How many questions the longest way asks."""
        return self.root.depth()

    def __str__(self) -> str:
        """Draw the tree in words, a line for each question and each leaf."""
        return "\n".join(self._lines(self.root, "", ""))

    def _lines(self, node: Node, lead: str, indent: str) -> list[str]:
        if node.split is None:
            mean = node.loss / node.n
            return [f"{lead}trust {self.models[node.best]} ({node.n} examples, loss {mean:.3f})"]
        question, threshold = self.questions[node.split.column], node.split.threshold
        lines, further = [f"{lead}{question} ≤ {threshold:.3g}?"], indent + 6 * " "
        for answer, child in zip(("yes: ", "no:  "), node.below, strict=True):
            lines += self._lines(child, f"{indent} {answer}", further)
        return lines


def _names(given: Sequence[str] | None, n: int, what: str, kind: str) -> tuple[str, ...]:
    """Names of columns, counted where none are given."""
    if given is None:
        return tuple(f"{kind} {i}" for i in range(n))
    if isinstance(given, str) or len(given) != n:
        raise ValueError(f"{what} must name {n} columns, got {given!r}")
    return tuple(given)
