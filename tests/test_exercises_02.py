"""Chapter 2's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from exercise_helpers import Chapter, Code, ExerciseTests

CHAPTER = Chapter("02")

REPLACEMENT = """
def deal_by_group(groups, k_shot, n_query, rng):
    names = rng.permutation(np.unique(groups))
    left, right = names[: len(names) // 2], names[len(names) // 2 :]
    support = np.flatnonzero(np.isin(groups, left))
    query = np.flatnonzero(np.isin(groups, right))
    return rng.choice(support, k_shot), rng.choice(query, n_query)
"""
ROWS_NOT_GROUPS = """
def deal_by_group(groups, k_shot, n_query, rng):
    rows = rng.permutation(len(groups))
    return rows[:k_shot], rows[k_shot : k_shot + n_query]
"""
SUPPORT_FIRST = """
def deal_by_group(groups, k_shot, n_query, rng):
    support = rng.permutation(len(groups))[:k_shot]
    rest = np.flatnonzero(~np.isin(groups, groups[support]))
    return support, rng.permutation(rest)[:n_query]
"""
A_LIST = """
def prototypes(z, y, n_way):
    return [z[y == label].mean(dim=0) for label in range(n_way)]
"""
CLASSES_TWICE = """
def repaired_dealer(labels, classes, n_way, k_shot, n_query, rng):
    rows = [rng.permutation(np.flatnonzero(labels == l)) for l in rng.choice(classes, n_way)]
    rows = np.array([r[: k_shot + n_query] for r in rows])
    return rows[:, :k_shot], rows[:, k_shot:]
"""
SUMS = """
def prototypes(z, y, n_way):
    return torch.stack([z[y == label].sum(dim=0) for label in range(n_way)])
"""
NEIGHBOURS = """
def prototypes(z, y, n_way):
    return z.reshape(n_way, -1, z.shape[1]).mean(dim=1)
"""
NO_SHUFFLE = """
def repaired_dealer(labels, classes, n_way, k_shot, n_query, rng):
    chosen = rng.choice(classes, n_way, replace=False)
    rows = np.array([np.flatnonzero(labels == label)[: k_shot + n_query] for label in chosen])
    return rows[:, :k_shot], rows[:, k_shot:]
"""
SPECTRUM = """
def describe(log_mel):
    return log_mel.mean(axis=2).reshape(len(log_mel), 8, -1).mean(axis=2)
"""
TOO_MANY = """
def describe(log_mel):
    return log_mel.max(axis=1)
"""
OVER_ALL_NOTES = """
def describe(log_mel):
    strongest = log_mel.max(axis=1)
    return (strongest - strongest.mean(axis=0))[:, :8]
"""

WRONG = [
    ("02.1", 312, "four times"),
    ("02.1", 36, "squared"),
    ("02.1", 1244, "round up"),
    ("02.1", 1246, "One more than needed"),
    ("02.2", Code(REPLACEMENT), "twice"),
    ("02.2", Code(ROWS_NOT_GROUPS), "both sides"),
    ("02.2", Code(SUPPORT_FIRST), "as few groups as will do"),
    ("02.3", Code(SUMS), "sums"),
    ("02.3", Code(A_LIST), "torch.stack"),
    ("02.3", Code(NEIGHBOURS), "any order"),
    ("02.4", Code("repaired_dealer = colleagues_dealer"), "Still leaking"),
    ("02.4", Code(NO_SHUFFLE), "same items"),
    ("02.4", Code(CLASSES_TWICE), "A class was drawn twice"),
    ("02.5", Code(SPECTRUM), "75% is wanted"),
    ("02.5", Code(TOO_MANY), "At most eight"),
    ("02.5", Code(OVER_ALL_NOTES), "by itself"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG
