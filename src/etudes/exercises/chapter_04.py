"""Graders of chapter 4, "Meta decision trees": sureness, a trap, an honest interval, and shares.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 4 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

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
        if np.allclose(told, highest) and np.allclose(as_array(got[0]), bits):
            return "The right two, in the other order: the highest probability comes first."
        if np.isnan(told).any() and not np.isnan(told[2:]).any():
            return (
                "The entropy is NaN where a probability is 0: numpy's `0 * log2(0)` is not a "
                "number. There the term must be 0."
            )
        if np.allclose(told, bits * np.log(2)):
            return "The entropy is in nats: the logarithm must be to base 2, `np.log2`."
    for answer_of, name in zip(got, ("highest probability", "entropy"), strict=True):
        found = as_array(answer_of)
        if found is not None and found.shape == p.shape[1:]:
            return f"The {name} is of every row of p, one example each: along axis=1, the classes."
    return diagnose(got[0], highest, "the highest probability") or diagnose(
        got[1], bits, "the entropy"
    )


@exercise(
    "04.2",
    title="A trap for a greedy tree",
    hints=[
        "Four examples are enough: each combination of the two properties once.",
        "A question gains nothing when one expert is best on both sides, or when both are equally "
        "good there. Make them equally good on both sides of either question.",
        "Expert 0 is wrong where exactly one of the properties is 1, expert 1 everywhere else.",
    ],
    when_right="Give these arrays to meta_tree.MetaTree(min_leaf=1, alpha=0).fit and see.",
)
def grade_trap(answer: Callable[..., Any]) -> str | None:
    """Right when no single question gains anything, and both together leave nobody wrong."""
    got = answer()
    if not isinstance(got, tuple) or len(got) != 2:
        return "Return two arrays: `return properties, wrong`."
    properties, wrong = as_array(got[0]), as_array(got[1])
    for name, table in (("properties", properties), ("wrong", wrong)):
        if table is None or table.ndim != 2 or table.shape[1] != 2:
            shape = None if table is None else table.shape
            return f"`{name}` must have shape (n, 2); yours has {shape}."
        if not np.isin(table, (0, 1)).all():
            return f"`{name}` must hold nothing but 0 and 1."
    assert properties is not None and wrong is not None
    if len(properties) != len(wrong) or len(wrong) == 0:
        return f"As many rows in both: you have {len(properties)} and {len(wrong)}."
    x, losses = properties.astype(float), wrong.astype(float)
    if losses.sum(axis=0).min() == 0:
        best = int(losses.sum(axis=0).argmin())
        return (
            f"Expert {best} is never wrong, so one leaf is all that is needed. Both must err "
            "somewhere."
        )
    for column in range(2):
        yes = x[:, column] == 0
        sides = [losses[rows].sum(axis=0) for rows in (yes, ~yes)]
        gain = losses.sum(axis=0).min() - sum(side.min() for side in sides)
        if gain > 0:
            first, second = (int(side.argmin()) for side in sides)
            return (
                f"A question about property {column} gains {gain / len(x):.3g}: where it is 0 "
                f"expert {first} is best, where it is 1 expert {second}. A greedy tree finds that."
            )
    for place in np.unique(x, axis=0):
        errors = losses[(x == place).all(axis=1)].sum(axis=0)
        if errors.min() > 0:
            return (
                f"Both questions together do not save it: where the properties are "
                f"{place.astype(int).tolist()}, expert 0 errs {errors[0]:.0f} times and expert 1 "
                f"{errors[1]:.0f} times. In each of the four corners somebody must be right always."
            )
    errs = losses.mean(axis=0).min()
    return Right(
        f"A tree that looks one question ahead stays a single leaf here, and errs on {errs:.0%} of "
        "the examples."
    )


@exercise(
    "04.3",
    title="As wide as it is honest",
    hints=[
        "Without overlap: mean ± t · s / √k, where s is np.std(gaps, ddof=1).",
        "Both terms of the variance, 1 / k and the overlap, stand under the root.",
        "t leaves 2.5% on each side: scipy.stats.t.ppf(0.975, k - 1).",
    ],
    when_right="Five folds, n_test / n_train a quarter: half as wide again as the usual interval.",
)
def grade_honest_interval(answer: Callable[..., Any]) -> str | None:
    """Right is the corrected interval; the ways to make it too narrow are known by their width."""
    for values, overlap in _folds():
        k, centre = len(values), float(values.mean())
        got = as_array(answer(values.copy(), overlap))
        if got is None or got.shape != (2,):
            return "Return two numbers: `return low, high`."
        low, high = sorted(float(end) for end in got)
        half = _half_width(values, overlap)
        if np.allclose(got, (centre - half, centre + half), rtol=1e-4):
            continue
        if not np.isclose((low + high) / 2, centre, atol=1e-6 * half):
            return f"The middle must be the mean of the gaps, {centre:.4g}, not " + (
                f"{(low + high) / 2:.4g}."
            )
        if got[0] > got[1]:
            return "The lower end comes first."
        for slip, words in _too_narrow(values, overlap).items():
            if np.isclose((high - low) / 2, slip, rtol=1e-4):
                return words
        return (
            f"Of {k} gaps with an overlap of {overlap:.3g} the interval must reach {half:.4g} to "
            f"either side of the mean; yours reaches {(high - low) / 2:.4g}."
        )
    return None


@functools.cache
def _folds() -> list[tuple[np.ndarray, float]]:
    """Gaps of accuracy over outer folds, with test size by training size."""
    rng = np.random.default_rng(3)
    return [(rng.normal(0.02, 0.03, 5), 1 / 4), (rng.normal(-0.01, 0.02, 20), 1 / 9)]


def _half_width(values: np.ndarray, overlap: float, share: float = 0.975) -> float:
    """Of the corrected interval."""
    k = len(values)
    return float(stats.t.ppf(share, k - 1) * values.std(ddof=1) * np.sqrt(1 / k + overlap))


def _too_narrow(values: np.ndarray, overlap: float) -> dict[float, str]:
    """Half widths that come of a slip, and what to say."""
    k, t = len(values), float(stats.t.ppf(0.975, len(values) - 1))
    s = float(values.std(ddof=1))
    return {
        t * s / np.sqrt(k): "That is the usual interval, as if the folds were independent. Their "
        "training parts overlap: add the overlap to 1 / k.",
        t * s * np.sqrt(overlap): "The overlap comes in addition to 1 / k, not instead of it.",
        1.96 * s * np.sqrt(1 / k + overlap): "1.96 is for many folds. So few want Student's t "
        f"with k - 1 degrees of freedom: {t:.3f}.",
        _half_width(values, overlap, 0.95): "That leaves 5% on *each* side. A 95% interval leaves "
        "2.5%: the quantile at 0.975.",
        t * values.std() * np.sqrt(1 / k + overlap): "s must be estimated with k - 1 below, "
        "`np.std(gaps, ddof=1)`: numpy divides by k.",
        t * s * (1 / k + overlap): "A variance is multiplied by 1 / k + overlap, so the standard "
        "deviation by its root.",
        float(stats.t.ppf(0.975, k)) * s * np.sqrt(1 / k + overlap): "t has k - 1 degrees of "
        "freedom, since one is spent on the mean; yours has k.",
        t * s**2 * (1 / k + overlap): "That is made of the variance. Take its root.",
        s * np.sqrt(1 / k + overlap): "That is one standard error. An interval of 95% is t times "
        "as wide.",
    }


#: By so many bits per note shares must beat the better of equal shares and following the leader.
AHEAD = 0.2


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
        if not np.isfinite(share).all():
            return _not_finite(share, spent)
        if share.min() < -1e-9:
            row = int((share < -1e-9).any(axis=1).argmax())
            return f"Shares must be 0 or more; in row {row} the least is {share[row].min():.3g}."
        if abs(share.sum(axis=1) - 1).max() > 1e-6:
            return "The shares of each note, the rows, must add up to 1."
        lost.append(-np.log2(np.maximum((share * 2.0**-bits).sum(axis=1), 1e-300)))
    return float(np.concatenate(lost).mean())


def _not_finite(share: np.ndarray, spent: np.ndarray) -> str:
    """Which row is the first that is no number, and why that may be."""
    row = int((~np.isfinite(share)).any(axis=1).argmax())
    if row == 0:
        why = "Before the first note count is 0 and nobody has spent anything: is that 0 / 0?"
    elif np.exp2(-spent[row]).max() == 0 or spent[row].min() > 700:
        why = (
            f"There everybody has spent {spent[row].min():.0f} bits or more, and 2.0 ** -spent is "
            "rounded to 0 for all: subtract the least of the row from spent first."
        )
    else:
        why = f"There spent lies between {spent[row].min():.0f} and {spent[row].max():.0f} bits."
    return f"The shares are not finite in row {row}. {why}"


@functools.cache
def _rivals() -> tuple[float, float, float]:
    """Bits per note with equal shares, with everything for the leader, and with the solution."""
    equal = _played(lambda spent, count: np.full(spent.shape, 1 / spent.shape[1]))
    leader = _played(lambda spent, count: np.eye(spent.shape[1])[spent.argmin(axis=1)])
    return float(equal), float(leader), float(_played(_by_the_record))


def _by_the_record(spent: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Shares that follow from what each expert spent per note: the solution."""
    per_note = spent / (count[:, None] + 2)
    weight = 2.0 ** (-2 * (per_note - per_note.min(axis=1, keepdims=True)))
    return weight / weight.sum(axis=1, keepdims=True)


@exercise(
    "04.4",
    title="Share by the record",
    hints=[
        "An expert that has spent b bits more than another deserves less of the next note.",
        "2.0 ** -(spent - spent.min(axis=1, keepdims=True)) is Bayes' rule, before the rows are "
        "divided by their sums. How soon has one expert everything?",
        "Compare bits per note, spent / (count + 2), instead of bits: then trust does not harden "
        "as the tune goes on.",
    ],
    when_right="In a style that none of them knows, no expert is all there is to listen to.",
)
def grade_shares(answer: Callable[..., Any]) -> str | None:
    """Right is well ahead of the leader and of equal shares on tunes of validation styles."""
    got = _played(answer)
    if isinstance(got, str):
        return got
    equal, leader, record = _rivals()
    mark = min(equal, leader) - AHEAD
    beside = f"(equal shares {equal:.2f}, following the leader {leader:.2f})"
    if got <= mark:
        ours = f"the rule that the chapter's trees do not beat has {record:.2f}"
        return Right(f"{got:.2f} bits per note {beside}; {ours}.")
    if np.isclose(got, leader):
        slip = "You give everything to the leader: that is choosing. What if the leader is wrong?"
    elif np.isclose(got, equal):
        slip = "Equal shares learn nothing from the tune so far. Use `spent`."
    elif got > max(equal, leader):
        slip = "That is worse than both: does an expert who spent *more* get more?"
    else:
        slip = "Look at how soon one expert has all the shares, and slow that down."
    return f"{got:.2f} bits per note {beside}; {mark:.2f} is wanted. {slip}"
