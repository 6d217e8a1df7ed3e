"""Graders of chapter 4, "Meta decision trees": sureness, impurity, the best question, and shares.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 4 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from etudes.exercises.diagnosis import as_array, diagnose
from etudes.exercises.registry import Right, exercise


@exercise(
    "04.1",
    title="How sure is sure?",
    hints=[
        "The highest probability is a maximum along the axis of classes, axis=1.",
        "Bits mean logarithms to base 2. What is 0 · log2(0) to be? What does numpy make of it?",
        "np.log2(np.where(p > 0, p, 1)) is harmless: where p is 0 the product is 0 anyway.",
    ],
    when_right="Two numbers for any number of classes: that is why one question serves them all.",
)
def grade_sureness(answer: Callable[..., Any]) -> str | None:
    """Right also when a distribution holds zeros."""
    p = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5], [0.2, 0.7, 0.1]])
    highest = p.max(axis=1)
    bits = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
    got = answer(p)
    if not isinstance(got, tuple) or len(got) != 2:
        return "Return two arrays: `return highest, entropy`."
    told = as_array(got[1])
    if told is not None and told.shape == bits.shape:
        if np.isnan(told).any() and not np.isnan(told[2:]).any():
            return (
                "The entropy is NaN where a probability is 0: numpy's `0 * log2(0)` is not a "
                "number. There the term must be 0."
            )
        if np.allclose(told, bits * np.log(2)):
            return "The entropy is in nats: the logarithm must be to base 2, `np.log2`."
    return diagnose(got[0], highest, "the highest probability") or diagnose(
        got[1], bits, "the entropy"
    )


@exercise(
    "04.2",
    title="The impurity of a committee",
    hints=[
        "wrong.mean(axis=0) holds the error of every base classifier on these examples.",
        "One minus the best accuracy is the least error.",
    ],
    when_right="The least column mean. An ordinary tree is the case of constant classifiers.",
)
def grade_info_mdt(answer: Callable[..., Any]) -> str | None:
    """Right is the least column mean."""
    wrong = (np.random.default_rng(2).random((40, 3)) < (0.3, 0.5, 0.4)).astype(float)
    want = wrong.mean(axis=0).min()
    got = as_array(answer(wrong))
    if got is not None and got.ndim == 0:
        value = float(got)
        if np.isclose(value, wrong.min(axis=1).mean()):
            return (
                "That is the share of examples on which *everybody* errs: the error of a judge "
                "who always knows whom to trust. A leaf must trust the same one throughout."
            )
        if np.isclose(value, 1 - want):
            return "That is the accuracy of the best one. The impurity is one minus that."
        if np.isclose(value, wrong.mean(axis=0).max()):
            return "That is the error of the *worst* base classifier. A leaf trusts the best."
        if np.isclose(value, wrong.mean()):
            return "That is the mean error of all of them. A leaf trusts one, the best."
        if np.isclose(value, wrong.sum(axis=0).min()):
            return "That is a number of errors. Divide by the number of examples."
    return diagnose(got, want, "the impurity")


def _after(values: np.ndarray, wrong: np.ndarray, threshold: float) -> float:
    """Weighted impurity of the two sides of a threshold."""
    yes = values <= threshold
    sides = [wrong[rows].sum(axis=0).min() for rows in (yes, ~yes)]
    return float(sum(sides) / len(values))


@exercise(
    "04.3",
    title="The best question about one property",
    hints=[
        "Candidates: the midpoints of np.unique(values), neighbour by neighbour.",
        "The impurity before is the same for all; so look for the least impurity after.",
        "A side counts with its share of the examples: yes.mean() and 1 - yes.mean().",
    ],
    when_right="With running sums of errors all thresholds cost one pass: see the chapter's cell.",
)
def grade_best_threshold(answer: Callable[..., Any]) -> str | None:
    """Right on problems where unweighted means, entropy of errors and single experts go astray."""
    for values, wrong in _threshold_problems():
        different = np.unique(values)
        middles = (different[1:] + different[:-1]) / 2
        want = min(middles, key=lambda t: _after(values, wrong, t))
        got = as_array(answer(values, wrong))
        if got is None or got.ndim != 0:
            return "The answer must be one number, the threshold."
        value = float(got)
        if np.isclose(value, want):
            continue

        def unweighted(t: float, values: np.ndarray = values, wrong: np.ndarray = wrong) -> float:
            yes = values <= t
            return float(wrong[yes].mean(axis=0).min() + wrong[~yes].mean(axis=0).min())

        if np.isclose(value, min(middles, key=unweighted)):
            return (
                "That threshold makes the *unweighted* sum of both sides' impurities least. A side "
                "of two examples must not count as much as a side of fifty: weigh by size."
            )
        if np.isclose(value, max(middles, key=lambda t: _after(values, wrong, t))):
            return "That leaves the *most* impurity. The gain is largest where it is least."
        if value in different.tolist() and np.isclose(
            _after(values, wrong, value), _after(values, wrong, want)
        ):
            return (
                "The right place, but the threshold must stand halfway between the neighbouring "
                f"values: {want:.4g}, not {value:.4g}."
            )
        return (
            f"Your threshold {value:.4g} leaves a weighted impurity of "
            f"{_after(values, wrong, value):.4f}, another one {_after(values, wrong, want):.4f}."
        )
    return None


@functools.cache
def _threshold_problems() -> list[tuple[np.ndarray, np.ndarray]]:
    """Values and errors of three experts who change places; some values are equal."""
    problems = []
    for seed, low in ((1, 0.35), (5, 0.6), (9, 0.15)):
        rng = np.random.default_rng(seed)
        values = np.round(rng.random(60), 2)
        odds = np.where(values[:, None] <= low, (0.1, 0.5, 0.4), (0.5, 0.15, 0.4))
        problems.append((values, (rng.random((60, 3)) < odds).astype(float)))
    return problems


MARK = 4.85  # bits per note


@functools.cache
def _followed() -> list[np.ndarray]:
    """Bits of nine small experts on notes of 40 tunes of validation styles, tune by tune."""
    from etudes.data.scores import split_folk_tunes
    from etudes.generators.note_trees import NoteTree
    from etudes.generators.tokens import encode
    from etudes.generators.trusted_trees import evidence, grow_members

    def some(split: str, each: int) -> Any:
        tunes = split_folk_tunes(split)
        rng = np.random.default_rng(4)
        rows = [
            np.sort(rng.permutation(np.flatnonzero(tunes.styles == style))[:each])
            for style in np.unique(tunes.styles)
        ]
        return tunes[np.concatenate(rows)]

    experts = grow_members(NoteTree(caution=0.1), some("train", 20))
    return [evidence(experts, encode(tune))[0].bits for tune in some("validation", 8)]


def _played(shares: Callable[..., Any]) -> float | str:
    """Bits per note of a mixture with these shares, or what is wrong with them."""
    lost = []
    for bits in _followed():
        spent = np.cumsum(bits, axis=0) - bits
        share = as_array(shares(spent, np.arange(len(bits))))
        if share is None or share.shape != bits.shape:
            shape = None if share is None else share.shape
            return f"The shares must have the shape of `spent`, {bits.shape}; yours have {shape}."
        if not np.isfinite(share).all() or share.min() < -1e-9:
            return "Shares must be 0 or more, and finite."
        if abs(share.sum(axis=1) - 1).max() > 1e-6:
            return "The shares of each note, the rows, must add up to 1."
        lost.append(-np.log2(np.maximum((share * 2.0**-bits).sum(axis=1), 1e-300)))
    return float(np.concatenate(lost).mean())


@functools.cache
def _rivals() -> tuple[float, float]:
    """Bits per note with equal shares, and with everything for the leader."""
    equal = _played(lambda spent, count: np.full(spent.shape, 1 / spent.shape[1]))
    leader = _played(lambda spent, count: np.eye(spent.shape[1])[spent.argmin(axis=1)])
    return float(equal), float(leader)


@exercise(
    "04.4",
    title="Do not choose, mix",
    hints=[
        "An expert that has spent b bits more than another deserves less of the next note.",
        "2.0 ** -(spent - spent.min(axis=1, keepdims=True)) is Bayes' rule, before the rows are "
        "divided by their sums. How soon has one expert everything?",
        "None of the experts knows these styles. Multiply what they have spent by 0.1 first.",
    ],
    when_right="In a style that none of them knows, no expert is all there is to listen to.",
)
def grade_shares(answer: Callable[..., Any]) -> str | None:
    """Right reaches the mark on tunes of validation styles; equal shares and Bayes' rule do not."""
    got = _played(answer)
    if isinstance(got, str):
        return got
    equal, leader = _rivals()
    beside = f"(equal shares {equal:.2f}, following the leader {leader:.2f})"
    if got <= MARK:
        return Right(f"{got:.2f} bits per note {beside}.")
    if np.isclose(got, leader):
        slip = "You give everything to the leader: that is choosing. What if he is wrong?"
    elif np.isclose(got, equal):
        slip = "Equal shares learn nothing from the tune so far. Use `spent`."
    elif got > max(equal, leader):
        slip = "That is worse than both: does an expert who spent *more* get more?"
    else:
        slip = "Look at how soon one expert has all the shares, and slow that down."
    return f"{got:.2f} bits per note {beside}; {MARK} is wanted. {slip}"
