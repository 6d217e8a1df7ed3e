"""What the base classifiers say of examples that they were not fitted on.

The idea in one sentence: whom to trust can only be learned from predictions on unseen examples, so
every example is predicted once, by classifiers fitted on the other folds.

The combiners of this package all learn from the same such predictions. Stacking works so since D.
Wolpert, "Stacked generalization", *Neural Networks* 5, 1992. Chapter 04.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int
from etudes.learners.meta_tree.properties import property_table, weight_of_evidence


@dataclass(frozen=True)
class Predictions:
    """What every base classifier says of every example.

    Attributes
    ----------
    probabilities : numpy.ndarray
        (n, n_base, n_classes) class distributions.
    weights : numpy.ndarray
        (n, n_base) weight of evidence; NaN where a classifier has none.
    names : tuple of str
        Of the base classifiers.
    """

    probabilities: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.probabilities)

    def __getitem__(self, rows: Any) -> Predictions:
        """Some of the examples, by mask or row numbers."""
        return Predictions(self.probabilities[rows], self.weights[rows], self.names)

    @property
    def answers(self) -> np.ndarray:
        """(n, n_base) number of the class that each base classifier names."""
        return self.probabilities.argmax(axis=2)

    def losses(self, y: np.ndarray) -> np.ndarray:
        """(n, n_base): 0 where a base classifier names the class `y` (n,), 1 where it does not."""
        return (self.answers != np.asarray(y)[:, None]).astype(float)

    def properties(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """What a meta tree may ask about them, see
        :func:`~etudes.learners.meta_tree.property_table`."""
        return property_table(self.probabilities, self.weights, self.names)


def check_examples(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check features and labels as every function here wants them.

    Parameters
    ----------
    x : array_like
        (n, d), finite, not all columns constant.
    y : array_like
        (n,) integers 0…n_classes − 1, at least two classes.

    Returns
    -------
    tuple of numpy.ndarray
        Features as float64, labels as int64.

    Raises
    ------
    TypeError, ValueError
        Naming `x` or `y`, what came and what was wanted.
    """
    features = check_array(x, "x", shape=("n", "d")).astype(float)
    labels = check_array(y, "y", shape=(len(features),))
    if labels.dtype.kind not in "iu":
        raise TypeError(f"y must hold whole numbers, got {labels.dtype}")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes, got only {classes.tolist()}")
    if classes[0] != 0 or classes[-1] != len(classes) - 1:
        raise ValueError(
            f"y must number its {len(classes)} classes from 0 to {len(classes) - 1}, "
            f"got {classes.tolist()[:10]}"
        )
    if len(features) > 1 and not np.ptp(features, axis=0).any():
        raise ValueError("x must vary: every column is constant, so there is nothing to learn from")
    return features, labels.astype(np.int64)


def folds_of(
    y: np.ndarray | None, groups: Any, n_folds: int, n: int | None = None, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to fit on and to predict, for every fold; groups stay together.

    Parameters
    ----------
    y : numpy.ndarray or None
        (n,) labels; the folds hold about the same share of each. None for no such care.
    groups : array_like or None
        (n,) examples of one group are never parted.
    n_folds : int
        At least 2; fewer are made where there are fewer groups.
    n : int, optional
        Number of examples, where there are no labels.
    seed : int
        Of the shuffling.

    Returns
    -------
    list of (numpy.ndarray, numpy.ndarray)

    Raises
    ------
    ValueError
        When fewer than two folds can be made.
    """
    from sklearn import model_selection as selection

    n_examples = len(y) if y is not None else n
    assert n_examples is not None
    check_positive_int(n_folds, "n_folds")
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (n_examples,):
            raise ValueError(f"groups must have shape ({n_examples},), got {groups.shape}")
        n_folds = min(n_folds, len(np.unique(groups)))
    if n_folds < 2:
        raise ValueError(f"n_folds must be at least 2 (and so must the groups be), got {n_folds}")
    rows = np.zeros((n_examples, 1))
    maker: Any
    if groups is None:
        maker = selection.KFold if y is None else selection.StratifiedKFold
    else:
        maker = selection.GroupKFold if y is None else selection.StratifiedGroupKFold
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class rarer than folds is no disaster
        splits = maker(n_folds, shuffle=True, random_state=seed).split(rows, y, groups)
        return [(fit, held) for fit, held in splits if len(held)]


def fit_bases(bases: Mapping[str, Any], x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Fit a copy of every base classifier.

    Parameters
    ----------
    bases : mapping of str to classifier
        With scikit-learn's ``fit`` and ``predict_proba``; they are left as they are.
    x, y : numpy.ndarray
        (n, d) and (n,).

    Returns
    -------
    dict
        Name → fitted classifier.

    Raises
    ------
    TypeError
        When one has no ``fit`` or no ``predict_proba``.
    ValueError
        When one cannot be fitted; the message names it and gives its reason.
    """
    from sklearn.base import clone

    if len(bases) == 0:
        raise ValueError("bases must name at least one classifier, got none")
    fitted = {}
    for name, base in bases.items():
        for verb in ("fit", "predict_proba"):
            if not hasattr(base, verb):
                raise TypeError(f"bases[{name!r}] must have {verb}, got {type(base).__name__}")
        try:
            fitted[name] = clone(base).fit(x, y)
        except Exception as error:
            raise ValueError(
                f"bases[{name!r}] could not be fitted on {len(x)} examples: {error}"
            ) from error
    return fitted


def predict_all(fitted: Mapping[str, Any], x: np.ndarray, n_classes: int) -> Predictions:
    """Ask every fitted base classifier.

    Parameters
    ----------
    fitted : mapping of str to classifier
        From :func:`fit_bases`.
    x : numpy.ndarray
        (n, d).
    n_classes : int
        A classifier that never saw a class gives it probability 0.

    Returns
    -------
    Predictions
    """
    probabilities = np.zeros((len(x), len(fitted), n_classes))
    weights = np.full((len(x), len(fitted)), np.nan)
    for k, model in enumerate(fitted.values()):
        probabilities[:, k, model.classes_] = model.predict_proba(x)
        weight = weight_of_evidence(model, x)
        if weight is not None:
            weights[:, k] = weight
    return Predictions(probabilities, weights, tuple(fitted))


def cross_predict(
    bases: Mapping[str, Any],
    x: Any,
    y: Any,
    groups: Any = None,
    n_folds: int = 10,
    seed: int = 0,
) -> Predictions:
    """Predict every example by classifiers that were fitted without it.

    Parameters
    ----------
    bases : mapping of str to classifier
        As for :func:`fit_bases`.
    x, y : array_like
        (n, d) features and (n,) labels 0…n_classes − 1.
    groups : array_like, optional
        (n,): where one of a group is predicted, none of it was fitted on.
    n_folds : int
        The paper's 10 by default.
    seed : int
        Of the folds.

    Returns
    -------
    Predictions
        In the order of the examples.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_examples`, :func:`folds_of` and :func:`fit_bases`.
    """
    features, labels = check_examples(x, y)
    n_classes = int(labels.max()) + 1
    whole: Predictions | None = None
    for fit, held in _turns(labels, groups, n_folds, seed):
        part = predict_all(fit_bases(bases, features[fit], labels[fit]), features[held], n_classes)
        if whole is None:
            shape = (len(features), *part.probabilities.shape[1:])
            whole = Predictions(np.zeros(shape), np.full(shape[:2], np.nan), part.names)
        whole.probabilities[held], whole.weights[held] = part.probabilities, part.weights
    assert whole is not None
    return whole


def _turns(
    labels: np.ndarray, groups: Any, n_folds: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The folds, refusing one whose fitting part holds a single class."""
    for fit, held in folds_of(labels, groups, n_folds, seed=seed):
        if len(np.unique(labels[fit])) < 2:
            raise ValueError(
                "groups must not coincide with classes: a fold leaves one class to fit on"
            )
        yield fit, held
