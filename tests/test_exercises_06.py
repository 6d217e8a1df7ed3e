"""Chapter 6's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from exercise_helpers import Chapter, Code, ExerciseTests

CHAPTER = Chapter("06")

QUERY_FIRST = """
def all_pairs(classes, queries):
    n, n_way = len(queries), len(classes)
    left = queries[:, None].expand(-1, n_way, -1, -1, -1)
    right = classes[None].expand(n, -1, -1, -1, -1)
    return torch.cat([left, right], dim=2).flatten(0, 1)
"""
BY_CLASS = """
def all_pairs(classes, queries):
    n, n_way = len(queries), len(classes)
    left = classes[:, None].expand(-1, n, -1, -1, -1)
    right = queries[None].expand(n_way, -1, -1, -1, -1)
    return torch.cat([left, right], dim=2).flatten(0, 1)
"""
ANSWERS_ONLY = """
def looks_at_neighbours(learner, task):
    together = learner(task).argmax(dim=1)
    return any(
        learner(in_other_company(task, i)).argmax(dim=1)[i] != together[i]
        for i in range(len(task.query_y))
    )
"""
ALL_ROWS = """
def looks_at_neighbours(learner, task):
    return not torch.allclose(learner(task), learner(in_other_company(task, 0)), atol=1e-4)
"""
FIRST_QUERY_ONLY = """
def looks_at_neighbours(learner, task):
    apart = learner(in_other_company(task, 0))
    return not torch.allclose(learner(task)[0], apart[0], atol=1e-4)
"""
TO_THE_LAST_BIT = """
def looks_at_neighbours(learner, task):
    together, n = learner(task), len(task.query_y)
    apart = [learner(in_other_company(task, i))[i] for i in range(n)]
    return not all(torch.equal(a, b) for a, b in zip(apart, together))
"""
LENGTH = """
def describe(tune):
    return np.array([np.log(len(tune.pitches))])
"""
PITCH_CLASSES = """
def describe(tune):
    counts = np.bincount(tune.pitches % 12, minlength=12)
    return np.sqrt(counts / counts.sum())
"""
NOTES = """
def describe(tune):
    return tune.pitches
"""

WRONG = [
    ("06.1", lambda n: 1 - 1 / n, "divide by N"),
    ("06.1", lambda n: (1 - 1 / n) ** 2, "wrong pairs have one too"),
    ("06.2", Code(QUERY_FIRST), "class comes first"),
    ("06.2", Code(BY_CLASS), "ordered by class"),
    ("06.3", Code(ANSWERS_ONLY), "need not change the winner"),
    ("06.3", Code(ALL_ROWS), "row of query i only"),
    ("06.3", Code(FIRST_QUERY_ONLY), "last query alone"),
    ("06.3", Code(TO_THE_LAST_BIT), "rounding alone"),
    ("06.4", Code(LENGTH), "39% is wanted"),
    ("06.4", Code(PITCH_CLASSES), "39% is wanted"),
    ("06.4", Code(NOTES), "as long as every other"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG
