"""Chapter 4's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

import numpy as np
import pytest
from exercise_helpers import Chapter, Code, ExerciseTests
from scipy import stats

from etudes.exercises.chapter_04 import grade_trap
from etudes.exercises.registry import Right

CHAPTER = Chapter("04")

ZEROS = """
def sureness(p):
    return p.max(axis=1), -(p * np.log2(p)).sum(axis=1)
"""
NATS = """
def sureness(p):
    return p.max(axis=1), -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
"""
WRONG_AXIS = """
def sureness(p):
    return p.max(axis=0), -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
"""
SWAPPED = """
def sureness(p):
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1), p.max(axis=1)
"""
PLAIN = """
def honest_interval(gaps, overlap):
    k = len(gaps)
    half = stats.t.ppf(0.975, k - 1) * gaps.std(ddof=1) / np.sqrt(k)
    return gaps.mean() - half, gaps.mean() + half
"""


def trap(properties, wrong):
    """An answer to 04.2 that returns these."""
    return lambda: (np.array(properties), np.array(wrong))


CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


def interval(width):
    """An answer to 04.3 that reaches so far to either side of the mean."""
    return lambda gaps, overlap: gaps.mean() + np.array([-1, 1]) * width(gaps, len(gaps), overlap)


def t(k, share=0.975):
    return stats.t.ppf(share, k - 1)


EQUAL = """
def shares(spent, count):
    return np.full(spent.shape, 1 / spent.shape[1])
"""
LEADER = """
def shares(spent, count):
    return np.eye(spent.shape[1])[spent.argmin(axis=1)]
"""
BAYES = """
def shares(spent, count):
    weight = 2.0 ** -(spent - spent.min(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
"""
UPSIDE_DOWN = """
def shares(spent, count):
    weight = 1.5 ** (spent - spent.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
"""
COLUMNS = """
def shares(spent, count):
    weight = 1 + 0 * spent
    return weight / weight.sum(axis=0, keepdims=True)
"""
NOBODY_YET = """
def shares(spent, count):
    with np.errstate(invalid="ignore"):
        per_note = spent / count[:, None]
    weight = 2.0 ** -(per_note - per_note.min(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
"""
UNDERFLOW = """
def shares(spent, count):
    weight = 2.0**-spent
    with np.errstate(invalid="ignore"):
        return weight / weight.sum(axis=1, keepdims=True)
"""
NEGATIVE = """
def shares(spent, count):
    share = np.full(spent.shape, 2 / (spent.shape[1] - 2))
    share[:, :2] = [-0.5, -0.5]
    return share / share.sum(axis=1, keepdims=True)
"""

WRONG = [
    ("04.1", Code(ZEROS), "where a probability is 0"),
    ("04.1", Code(NATS), "base 2"),
    ("04.1", Code(WRONG_AXIS), "The highest probability is of every row"),
    ("04.1", Code(SWAPPED), "in the other order"),
    ("04.1", lambda p: p.max(axis=1), "two arrays"),
    ("04.2", trap(CORNERS, [[0, 1], [0, 1], [1, 0], [1, 0]]), "about property 0 gains"),
    ("04.2", trap(CORNERS, [[0, 1], [1, 0], [0, 1], [1, 0]]), "about property 1 gains"),
    ("04.2", trap(CORNERS, [[0, 1], [0, 0], [0, 1], [0, 0]]), "Expert 0 is never wrong"),
    ("04.2", trap(CORNERS, np.ones((4, 2))), "do not save it"),
    ("04.2", trap(2 * CORNERS, [[0, 1], [1, 0], [1, 0], [0, 1]] + 4 * [[1, 1]]), "do not save it"),
    ("04.2", trap(CORNERS, np.eye(4)), "shape (n, 2)"),
    ("04.2", trap(CORNERS, [[0, 1], [0, 1]]), "As many rows"),
    ("04.2", trap(np.full((4, 2), 0.5), np.eye(2)[[0, 1, 0, 1]]), "nothing but 0 and 1"),
    ("04.2", lambda: np.eye(2), "two arrays"),
    ("04.3", Code(PLAIN), "independent"),
    ("04.3", interval(lambda g, k, o: t(k) * g.std(ddof=1) * np.sqrt(o)), "instead of it"),
    ("04.3", interval(lambda g, k, o: 1.96 * g.std(ddof=1) * np.sqrt(1 / k + o)), "Student"),
    ("04.3", interval(lambda g, k, o: t(k, 0.95) * g.std(ddof=1) * np.sqrt(1 / k + o)), "each"),
    (
        "04.3",
        interval(lambda g, k, o: t(k + 1) * g.std(ddof=1) * np.sqrt(1 / k + o)),
        "yours has k",
    ),
    ("04.3", interval(lambda g, k, o: t(k) * g.std() * np.sqrt(1 / k + o)), "ddof=1"),
    ("04.3", interval(lambda g, k, o: t(k) * g.std(ddof=1) * (1 / k + o)), "by its root"),
    ("04.3", interval(lambda g, k, o: t(k) * g.var(ddof=1) * (1 / k + o)), "made of the variance"),
    ("04.3", interval(lambda g, k, o: g.std(ddof=1) * np.sqrt(1 / k + o)), "one standard error"),
    ("04.3", interval(lambda g, k, o: -t(k) * g.std(ddof=1) * np.sqrt(1 / k + o)), "comes first"),
    ("04.3", interval(lambda g, k, o: 1.0), "to either side"),
    ("04.3", lambda gaps, overlap: (0.0, gaps.max()), "middle"),
    ("04.3", lambda gaps, overlap: gaps.mean(), "two numbers"),
    ("04.4", Code(EQUAL), "learn nothing"),
    ("04.4", Code(LEADER), "that is choosing"),
    ("04.4", Code(BAYES), "how soon"),
    ("04.4", Code(UPSIDE_DOWN), "worse than both"),
    ("04.4", Code(COLUMNS), "add up to 1"),
    ("04.4", Code(NOBODY_YET), "row 0. Before the first note"),
    ("04.4", Code(UNDERFLOW), "subtract the least"),
    ("04.4", Code(NEGATIVE), "in row 0 the least is -0.5"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG


@pytest.mark.parametrize(("either", "errs"), [(False, "50%"), (True, "25%")])
def test_a_right_trap_is_told_its_own_errors(either, errs):
    x = np.array(CORNERS)
    one = x.all(axis=1) if either else x[:, 0] != x[:, 1]
    said = grade_trap(lambda: (x, np.stack([one, ~one], axis=1).astype(int)))
    assert isinstance(said, Right) and f"errs on {errs}" in said
