"""Everybody who combines, on the same outer folds and the same predictions.

The idea in a sentence: inside every outer training part the base classifiers predict by
cross-validation, all combiners learn from those predictions, and all are measured on the part that
none of them has seen. Chapter 04.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etudes.files import write_atomically
from etudes.learners.meta_tree import (
    MajorityVote,
    MetaTreeCombiner,
    MultiResponse,
    Predictions,
    SelectBest,
    Stacked,
    StackedTree,
    WeightedVote,
    cross_predict,
    fit_bases,
    predict_all,
)
from etudes.learners.meta_tree.cross_predicting import folds_of
from etudes.recipes.meta_trees.problems import Problem

MIN_LEAF = 5
"""Examples in a leaf of every tree that combines."""

TREES = (
    "meta-tree",
    "meta-tree-unpruned",
    "stacked-tree",
    "stacked-tree-unpruned",
    "stacked-tree-properties",
    "stacked-tree-properties-unpruned",
)
"""Combiners that have a size."""


def make_bases(svm: bool = True) -> dict[str, Any]:
    """The base classifiers, at usual settings that no problem has changed.

    Parameters
    ----------
    svm
        Leave it out to see what happens without a strong favourite.

    Returns
    -------
    dict
        Name → classifier of scikit-learn.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    bases = {
        "tree": DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=0),
        "small-tree": DecisionTreeClassifier(
            criterion="entropy", max_leaf_nodes=16, random_state=0
        ),
        "k-nn": make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
        "naive-bayes": GaussianNB(var_smoothing=1e-3),
    }
    if svm:
        machine = CalibratedClassifierCV(SVC(), ensemble=False, cv=3)
        bases["svm"] = make_pipeline(StandardScaler(), machine)
    return bases


def make_combiners() -> dict[str, Any]:
    """Everything that learns from predictions alone."""
    from sklearn.linear_model import LogisticRegression

    return {
        "select-best": SelectBest(),
        "majority-vote": MajorityVote(),
        "weighted-vote": WeightedVote(),
        "meta-tree": MetaTreeCombiner(MIN_LEAF),
        "meta-tree-unpruned": MetaTreeCombiner(MIN_LEAF, alpha=0),
        "stacked-tree": StackedTree(min_leaf=MIN_LEAF),
        "stacked-tree-unpruned": StackedTree(min_leaf=MIN_LEAF, alpha=0),
        "stacked-tree-properties": StackedTree("properties", MIN_LEAF),
        "stacked-tree-properties-unpruned": StackedTree("properties", MIN_LEAF, alpha=0),
        "stacked-logistic": Stacked(LogisticRegression(max_iter=2000)),
        "stacked-regression": MultiResponse(),
    }


def make_forests() -> dict[str, Any]:
    """Ensembles that learn from the data directly."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    return {
        "random-forest": RandomForestClassifier(300, random_state=0),
        "gradient-boosting": HistGradientBoostingClassifier(max_iter=60, random_state=0),
    }


@dataclass(frozen=True)
class Contest:
    """What came out on one problem.

    Attributes
    ----------
    problem
        Its name.
    right
        Method → (n_folds,) share of right answers in each outer test part.
    leaves
        Method with a tree → (n_folds,) its number of leaves.
    trusted
        (n_folds, n_base) how many test examples the meta tree gave to each base classifier.
    overlap
        Mean size of a test part divided by that of its training part.
    seconds
        How long all folds took.
    """

    problem: str
    right: dict[str, np.ndarray]
    leaves: dict[str, np.ndarray]
    trusted: np.ndarray
    overlap: float
    seconds: float = 0.0


def outer_folds(
    problem: Problem, n_folds: int = 10, repetition: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to train and to test on; groups stay together."""
    return folds_of(problem.y, problem.groups, n_folds, seed=1000 + repetition)


def one_fold(
    problem: Problem,
    fit: np.ndarray,
    held: np.ndarray,
    inner_folds: int = 10,
    forests: bool = True,
    combiners: Sequence[str] | None = None,
) -> dict[str, float]:
    """Measure everybody on one outer fold.

    Parameters
    ----------
    problem
        What is asked.
    fit, held
        Row numbers of the outer training and test part.
    inner_folds
        Of the cross-validation from which combiners learn.
    forests
        Measure the ensembles on the data too.
    combiners
        Only these of :func:`make_combiners`.

    Returns
    -------
    dict
        ``right <method>``, ``leaves <method>``, ``trusted <base>``, ``sizes`` and ``seconds`` →
        number. Methods that do without the support vector machine end in ``-without-svm``.
    """
    start = time.perf_counter()
    x, y = problem.x[fit], problem.y[fit]
    groups = None if problem.groups is None else problem.groups[fit]
    bases, n_classes = make_bases(), len(problem.classes)
    told = cross_predict(bases, x, y, groups, inner_folds)
    new = predict_all(fit_bases(bases, x, y), problem.x[held], n_classes)
    truth, found = problem.y[held], {"sizes": len(held) / len(fit)}
    for k, name in enumerate(bases):
        found[f"right {name}"] = float((new.answers[:, k] == truth).mean())
    for ending, keep in (("", len(bases)), ("-without-svm", len(bases) - 1)):
        seen, asked = _first(told, keep), _first(new, keep)
        for name, combiner in make_combiners().items():
            if combiners is not None and name not in combiners:
                continue
            answers = combiner.fit(seen, y, groups).predict(asked)
            found[f"right {name}{ending}"] = float((answers == truth).mean())
            if name in TREES:
                root = combiner.tree.root if name.startswith("meta") else combiner.root
                found[f"leaves {name}{ending}"] = sum(1 for _ in root.leaves())
            if name == "meta-tree" and not ending:
                trusted = combiner.tree.choose(asked.properties()[0])
                for k, base in enumerate(bases):
                    found[f"trusted {base}"] = int((trusted == k).sum())
    for name, forest in make_forests().items() if forests else ():
        found[f"right {name}"] = float((forest.fit(x, y).predict(problem.x[held]) == truth).mean())
    found["seconds"] = time.perf_counter() - start
    return found


def _first(told: Predictions, n_base: int) -> Predictions:
    """The same without the last base classifiers."""
    return Predictions(
        told.probabilities[:, :n_base], told.weights[:, :n_base], told.names[:n_base]
    )


def run(
    problem: Problem,
    n_folds: int = 10,
    repetitions: int = 1,
    inner_folds: int = 10,
    forests: bool = True,
    work: Path | None = None,
    progress: Any = None,
    combiners: Sequence[str] | None = None,
) -> Contest:
    """Measure everybody on a problem by repeated cross-validation.

    Parameters
    ----------
    problem
        What is asked.
    n_folds, repetitions
        Of the outer cross-validation; where there are fewer groups than folds, each group is a fold
        and there is one repetition.
    inner_folds, forests, combiners
        As for :func:`one_fold`.
    work
        Folder for the results of finished folds, so that a run that was stopped goes on.
    progress
        Called with a text after each fold.

    Returns
    -------
    Contest
    """
    n_groups = n_folds if problem.groups is None else len(np.unique(problem.groups))
    found = []
    for repetition in range(repetitions if n_groups >= n_folds else 1):
        for number, (fit, held) in enumerate(outer_folds(problem, n_folds, repetition)):
            name = f"{problem.name}-{len(problem)}-{n_folds}-{inner_folds}-{repetition}-{number}"
            kept = None if work is None else work / f"meta-trees-{name}.json"
            if kept is not None and kept.exists():
                found.append(json.loads(kept.read_text()))
            else:
                found.append(one_fold(problem, fit, held, inner_folds, forests, combiners))
                if kept is not None:
                    write_atomically(kept, json.dumps(found[-1]).encode())
            if progress is not None:
                progress(f"{problem.name} {repetition}.{number}")
    return _contest(problem.name, found)


def _contest(name: str, found: list[dict[str, float]]) -> Contest:
    """Lay the folds side by side."""

    def column(key: str) -> np.ndarray:
        return np.array([fold[key] for fold in found])

    def those(word: str) -> Iterable[str]:
        return (key.split(" ", 1)[1] for key in found[0] if key.startswith(word + " "))

    trusted = [column(f"trusted {base}") for base in those("trusted")]
    return Contest(
        name,
        {method: column(f"right {method}") for method in those("right")},
        {method: column(f"leaves {method}") for method in those("leaves")},
        np.array(trusted).T,
        float(column("sizes").mean()),
        float(column("seconds").sum()),
    )


def corrected_interval(values: np.ndarray, overlap: float) -> tuple[float, float, float]:
    """Mean over outer folds with a 95% interval that knows that their training parts overlap.

    C. Nadeau and Y. Bengio, "Inference for the generalization error", *Machine Learning* 52, 2003:
    the variance of the mean is that of the folds, times one over their number *plus* the size of a
    test part over that of a training part.

    Parameters
    ----------
    values
        (n_folds,) accuracies, or differences, one for each outer fold.
    overlap
        Size of a test part over that of a training part.

    Returns
    -------
    tuple of float
        Mean, lower and upper end, by Student's t with one degree of freedom less than folds.
    """
    from scipy import stats

    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return mean, -np.inf, np.inf
    error = float(np.std(values, ddof=1)) * (1 / n + overlap) ** 0.5
    half = float(stats.t.ppf(0.975, n - 1)) * error
    return mean, mean - half, mean + half
