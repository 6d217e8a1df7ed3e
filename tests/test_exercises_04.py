"""Chapter 4's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

import numpy as np
import pytest
from exercise_helpers import Chapter, Code

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
UNWEIGHTED = """
def best_threshold(values, wrong):
    different = np.unique(values)
    middles = (different[1:] + different[:-1]) / 2
    def after(threshold):
        yes = values <= threshold
        return wrong[yes].mean(axis=0).min() + wrong[~yes].mean(axis=0).min()
    return min(middles, key=after)
"""
LEAST_GAIN = """
def best_threshold(values, wrong):
    different = np.unique(values)
    middles = (different[1:] + different[:-1]) / 2
    def after(threshold):
        yes = values <= threshold
        return wrong[yes].sum(axis=0).min() + wrong[~yes].sum(axis=0).min()
    return max(middles, key=after)
"""
AT_A_VALUE = """
def best_threshold(values, wrong):
    def after(threshold):
        yes = values <= threshold
        return wrong[yes].sum(axis=0).min() + wrong[~yes].sum(axis=0).min()
    return min(np.unique(values)[:-1], key=after)
"""
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

WRONG = [
    ("04.1", Code(ZEROS), "where a probability is 0"),
    ("04.1", Code(NATS), "base 2"),
    ("04.1", Code(WRONG_AXIS), "highest probability"),
    ("04.1", lambda p: p.max(axis=1), "two arrays"),
    ("04.2", lambda wrong: wrong.min(axis=1).mean(), "always knows"),
    ("04.2", lambda wrong: 1 - wrong.mean(axis=0).min(), "accuracy of the best"),
    ("04.2", lambda wrong: wrong.mean(axis=0).max(), "worst"),
    ("04.2", lambda wrong: wrong.mean(), "mean error of all"),
    ("04.2", lambda wrong: wrong.sum(axis=0).min(), "number of errors"),
    ("04.3", Code(UNWEIGHTED), "unweighted"),
    ("04.3", Code(LEAST_GAIN), "most"),
    ("04.3", Code(AT_A_VALUE), "halfway"),
    ("04.3", lambda values, wrong: np.median(values), "weighted impurity"),
    ("04.4", Code(EQUAL), "learn nothing"),
    ("04.4", Code(LEADER), "that is choosing"),
    ("04.4", Code(BAYES), "how soon"),
    ("04.4", Code(UPSIDE_DOWN), "worse than both"),
    ("04.4", Code(COLUMNS), "add up to 1"),
]


def test_the_exercises_are_well_formed():
    CHAPTER.assert_well_formed(WRONG)


@pytest.mark.parametrize("exercise_id", CHAPTER.ids)
def test_the_solution_is_right(exercise_id):
    CHAPTER.assert_solution_is_right(exercise_id)


@pytest.mark.parametrize("exercise_id", CHAPTER.ids)
def test_the_stub_is_not_attempted(exercise_id):
    CHAPTER.assert_stub_is_not_attempted(exercise_id)


@pytest.mark.parametrize(("exercise_id", "answer", "fragment"), WRONG)
def test_a_wrong_answer_is_diagnosed(exercise_id, answer, fragment):
    CHAPTER.assert_wrong(exercise_id, answer, fragment)
