"""What :mod:`etudes.recipes.meta_trees` found, written into the ledger.

The idea in a sentence: a row for every accuracy, size and difference, each with an interval that
respects what the folds, tunes and styles have in common. Chapter 04.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from etudes.evaluate import bootstrap_mean
from etudes.generators.memory import Memory
from etudes.recipes.meta_trees.contest import TREES, Contest, corrected_interval
from etudes.recipes.meta_trees.generation import Choice, Followed, Size, some_tunes
from etudes.recipes.meta_trees.problems import load_problem
from etudes.recipes.rows import Rows

COMMAND = "python -m etudes.recipes.meta_trees --full"
SEED = 4
PAPER = "Todorovski and Džeroski, Machine Learning 50, 2003"

WORDS = {
    "tree": "a decision tree",
    "small-tree": "a small decision tree (at most 16 leaves)",
    "k-nn": "five nearest neighbours",
    "naive-bayes": "naive Bayes",
    "svm": "a support vector machine",
    "select-best": "select-best (the base classifier with the best cross-validated accuracy)",
    "majority-vote": "a majority vote of the base classifiers",
    "weighted-vote": "a vote of the base classifiers weighted by cross-validated accuracy",
    "meta-tree": "a pruned meta decision tree",
    "meta-tree-unpruned": "an unpruned meta decision tree",
    "stacked-tree": "a pruned ordinary tree stacked on class probabilities",
    "stacked-tree-unpruned": "an unpruned ordinary tree stacked on class probabilities",
    "stacked-tree-properties": "a pruned ordinary tree stacked on a meta tree's properties and the "
    "named classes",
    "stacked-tree-properties-unpruned": "an unpruned ordinary tree stacked on a meta tree's "
    "properties and the named classes",
    "stacked-logistic": "logistic regression stacked on class probabilities",
    "stacked-regression": "multi-response linear regression stacked on class probabilities",
    "random-forest": "a random forest on the data themselves",
    "gradient-boosting": "gradient boosting on the data themselves",
}
"""What a reader calls each method. Wherever a tree is pruned, it is by the same rule."""

RIVALS = (
    "svm",
    "select-best",
    "majority-vote",
    "weighted-vote",
    "stacked-tree",
    "stacked-tree-properties",
    "stacked-logistic",
    "stacked-regression",
    "random-forest",
)
"""Whom the meta tree is compared with, fold by fold."""

WITHOUT = {"": "", "-without-svm": " (no support vector machine among the base classifiers)"}
"""In which company everybody combines: ending of a method's name → what a claim adds."""


def write_contests(found: Mapping[str, Contest]) -> None:
    """Write the rows of all problems and those over all problems.

    Parameters
    ----------
    found
        Problem → what came out.
    """
    for contest in found.values():
        _write_problem(contest)
    seconds = sum(one.seconds for one in found.values())
    methods = [name for name in WORDS if name in next(iter(found.values())).right]
    means = np.array([[one.right[name].mean() for name in methods] for one in found.values()])
    ranks = stats.rankdata(-means, axis=1).mean(axis=0)
    rows = Rows("problems of music, speech and tables", COMMAND, SEED, seconds)
    for name, rank in zip(methods, ranks, strict=True):
        _record(
            rows,
            f"all.mean-rank.{name}",
            f"Mean rank, by accuracy, of {WORDS[name]} among {len(methods)} methods on "
            f"{len(found)} classification problems; 1 is best.",
            (float(rank), None, None),
            "ranks",
            f"{len(found)} problems",
        )
    for ending, company in WITHOUT.items():
        for rival in RIVALS:
            pairs = [
                (one.right[f"meta-tree{ending}"], one.right[f"{rival}{ending}"])
                for one in found.values()
                if f"{rival}{ending}" in one.right
            ]
            if not pairs:  # a base classifier or a forest, whom no company concerns
                continue
            _record(
                rows,
                f"all.margin.meta-tree-over-{rival}{ending}",
                f"Accuracy of {WORDS['meta-tree']} minus that of {WORDS[rival]}{company}, mean "
                f"over {len(found)} classification problems.",
                corrected_interval(np.array([(a - b).mean() for a, b in pairs]), 0.0),
                "fraction-difference",
                f"{len(found)} problems",
            )
    for ending, own, other in (
        ("", "meta-tree", "stacked-tree"),
        ("-unpruned", "meta-tree-unpruned", "stacked-tree-unpruned"),
        ("-properties", "meta-tree", "stacked-tree-properties"),
        ("-unpruned-against-pruned", "meta-tree-unpruned", "stacked-tree"),
        ("-without-svm", "meta-tree-without-svm", "stacked-tree-without-svm"),
    ):
        smaller = [name for name, one in found.items() if is_smaller(one, own, other)]
        clearly = [name for name, one in found.items() if is_smaller(one, own, other, clearly=True)]
        plain = own.removesuffix("-without-svm"), other.removesuffix("-without-svm")
        _record(
            rows,
            f"smaller-trees.count{ending}",
            f"Classification problems on which {WORDS[plain[0]]} has fewer leaves on average than "
            f"{WORDS[plain[1]]} and is not significantly less accurate"
            f"{WITHOUT['-without-svm'] if 'svm' in own else ''}: "
            f"{', '.join(smaller) or 'none'}.",
            (len(smaller), None, None),
            "count",
            f"{len(found)} problems",
            baselines={"problems": len(found), "clearly-smaller": len(clearly)},
            paper={"value": "much more concise, on 21 data sets", "citation": PAPER}
            if not ending
            else None,
        )


def is_smaller(one: Contest, own: str, other: str, clearly: bool = False) -> bool:
    """Whether one kind of tree is smaller at no significant loss of accuracy.

    Parameters
    ----------
    one
        What came out on a problem.
    own, other
        The two kinds.
    clearly
        Ask that the 95% interval of the difference in leaves lies above 0, not the mean alone.

    Returns
    -------
    bool
        False too where the 95% interval of the difference in accuracy lies below 0.
    """
    size = corrected_interval(one.leaves[other] - one.leaves[own], one.overlap)
    accuracy = corrected_interval(one.right[own] - one.right[other], one.overlap)
    return size[1 if clearly else 0] > 0 and accuracy[2] >= 0


def _write_problem(one: Contest) -> None:
    problem = load_problem(one.problem)
    folds = len(next(iter(one.right.values())))
    n = f"{folds} outer folds" + (f" by {problem.of}" if problem.groups is not None else "")
    n += ", corrected for overlap (Nadeau and Bengio 2003)"
    data = f"{problem.title}: {len(problem)} examples of {len(problem.classes)} classes"
    rows = Rows(data, COMMAND, SEED, one.seconds)
    means = {name: float(one.right[name].mean()) for name in WORDS}
    for name, words in WORDS.items():
        _record(
            rows,
            f"{one.problem}.accuracy.{name}",
            f"Accuracy of {words} at telling the {problem.title}.",
            corrected_interval(one.right[name], one.overlap),
            "fraction",
            n,
            baselines={k: v for k, v in means.items() if k != name} if name == "meta-tree" else {},
        )
        if name in TREES:
            _record(
                rows,
                f"{one.problem}.size.{name}",
                f"Leaves of {words} that learned to tell the {problem.title}.",
                corrected_interval(one.leaves[name].astype(float), one.overlap),
                "leaves",
                n,
            )
    for rival in RIVALS:
        _record(
            rows,
            f"{one.problem}.margin.meta-tree-over-{rival}",
            f"Accuracy of {WORDS['meta-tree']} at telling the {problem.title} minus that of "
            f"{WORDS[rival]}, on the same folds.",
            corrected_interval(one.right["meta-tree"] - one.right[rival], one.overlap),
            "fraction-difference",
            n,
        )


def _record(
    rows: Rows,
    name: str,
    claim: str,
    estimate: tuple[Any, Any, Any],
    unit: str,
    n: str,
    **more: Any,
) -> None:
    """One row of this chapter."""
    value, low, high = estimate
    interval = None if low is None else (low, high)
    rows.number(f"04.{name}", claim, value, unit, n, interval, **more)


FOLLOWERS = {
    "markov": "a Markov chain trained on the tunes of all training styles, its order chosen on "
    "validation styles",
    "pooled-tree": "one next-note tree grown on the tunes of all training styles",
    "validation-single": "the training style's next-note tree that is best on validation styles",
    "best-single": "the training style's next-note tree that, in hindsight, is best on the test "
    "tunes",
    "best-single-of-each-style": "the training styles' next-note trees that, in hindsight, are "
    "best on each test style",
    "uniform-mixture": "a mixture with equal shares of all training styles' next-note trees",
    "bayesian-mixture": "a mixture of the training styles' next-note trees, with shares by Bayes' "
    "rule from the tune so far",
    "follow-the-leader": "whichever training style's next-note tree has done best in the tune so "
    "far",
    "meta-tree": "a meta tree that trusts one training style's next-note tree, note by note",
    "meta-tree-without-record": "a meta tree over next-note trees that does not know how they did "
    "in the tune so far",
    "meta-tree-with-shares": "a meta tree whose leaves trust all training styles' next-note trees, "
    "each with a share",
    "shares-by-record": "a mixture of the training styles' next-note trees without any meta tree, "
    "with shares by what each spent per note in the tune so far",
}
"""What a reader calls each follower of tunes."""

ON_TEST = "on tunes of unseen styles"
MIXTURES = ("uniform-mixture", "bayesian-mixture", "shares-by-record", "pooled-tree")
"""Whom the two that share by the record are compared with, note by note."""


def write_followed(followed: Followed, seconds: float, facts: Mapping[str, float]) -> None:
    """Write bits per note on the test styles, and what the meta tree gains.

    Parameters
    ----------
    followed
        What every method lost on every note.
    seconds
        How long it took.
    facts
        From :func:`write_memory`, and the size of the meta tree.
    """
    n_styles, n_tunes = len(np.unique(followed.style)), int(followed.tune.max()) + 1
    n = f"{n_styles} styles, {n_tunes} tunes, {len(followed.tune)} notes"
    data = f"folk tunes of {n_styles} styles that nothing was fitted on or chosen by"
    rows = Rows(data, COMMAND, SEED, seconds)
    for name, words in FOLLOWERS.items():
        row = bootstrap_mean(followed.bits[name], groups=followed.style)
        _record(
            rows,
            f"generation.bits-per-note.{name}",
            f"Bits per note of {words}, {ON_TEST}.",
            (row.mean, *row.ci95),
            "bits",
            n + "; resampled by style",
        )
    gains = [("bits-gain", "meta-tree", "best-single")]
    gains += [
        (f"bits-gain-over-{name}", "meta-tree", name)
        for name in FOLLOWERS
        if name not in ("meta-tree", "best-single")
    ]
    for what, own in (("shares", "meta-tree-with-shares"), ("record", "shares-by-record")):
        gains += [
            (f"bits-gain-of-{what}-over-{name}", own, name) for name in MIXTURES if name != own
        ]
    for what, own, name in gains:
        gain = followed.bits[name] - followed.bits[own]
        for unit, groups in (("", followed.style), ("-by-tune", followed.tune)):
            row = bootstrap_mean(gain, groups=groups)
            _record(
                rows,
                f"generation.{what}{unit}",
                f"Bits per note of {FOLLOWERS[name]} minus those of {FOLLOWERS[own]}, {ON_TEST}.",
                (row.mean, *row.ci95),
                "bits",
                n + ("; resampled by tune" if unit else "; resampled by style"),
            )
    for name, value in facts.items():
        _record(
            rows,
            f"generation.{name}.meta-tree",
            FACTS[name],
            (value, None, None),
            "leaves" if name == "leaves" else "notes",
            "40 tunes" if name != "leaves" else "1 tree",
        )


FACTS = {
    "leaves": "Leaves of the meta tree that trusts one training style's next-note tree, note by "
    "note.",
    "longest-copy": "Notes in the longest stretch that a tune composed by the meta tree over "
    "next-note trees shares with any training tune, median.",
    "longest-copy-of-real-tunes": "Notes in the longest stretch that a real tune of the test "
    "styles, cut to 64 notes, shares with any training tune, median.",
}


def write_memory(choice: Choice, size: Size) -> dict[str, float]:
    """How much composed tunes copy, beside how much new real tunes do.

    Parameters
    ----------
    choice
        Everything fitted.
    size
        As it was fitted.

    Returns
    -------
    dict
        Median longest copies in notes, of 40 composed tunes and of 40 real ones cut to 64 notes.
    """
    memory = Memory(some_tunes("train", size.train))
    model = choice.trusted["meta-tree"]
    composed = [model.sample(seed, min_notes=48, max_notes=64) for seed in range(40)]
    real = some_tunes("test", 5)
    real_cut = [tune.excerpt(0, min(64, len(tune))) for tune in real]
    return {
        "longest-copy": _median(memory, composed),
        "longest-copy-of-real-tunes": _median(memory, real_cut),
    }


def _median(memory: Memory, tunes: list[Any]) -> float:
    return float(np.median([memory.longest_copy(tune).n_notes for tune in tunes]))


def save_followed(path: Path, followed: Followed, seconds: float, facts: Mapping[str, Any]) -> None:
    """Keep what the generator's run found."""
    told = json.dumps({"names": followed.names, "seconds": seconds, "facts": dict(facts)})
    np.savez_compressed(
        path,
        single=followed.single,
        style=followed.style,
        tune=followed.tune,
        told=np.array(told),
        **{f"bits {name}": bits for name, bits in followed.bits.items()},
    )


def saved(path: Path) -> tuple[Followed, float, dict[str, Any]]:
    """Read what :func:`save_followed` kept."""
    with np.load(path) as file:
        told = json.loads(str(file["told"]))
        bits = {k.removeprefix("bits "): file[k] for k in file.files if k.startswith("bits ")}
        names = tuple(told["names"])
        followed = Followed(bits, file["single"], file["style"], file["tune"], names)
    return followed, told["seconds"], told["facts"]
