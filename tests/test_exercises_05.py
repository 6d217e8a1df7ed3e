"""Chapter 5's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from exercise_helpers import Chapter, Code, ExerciseTests

CHAPTER = Chapter("05")

EXTRA_FOR_ALL = """
def missing(scores, y):
    return (scores + 1).max(axis=1) - scores[np.arange(len(y)), y]
"""
NO_EXTRA = """
def missing(scores, y):
    return scores.max(axis=1) - scores[np.arange(len(y)), y]
"""
ALL_RIVALS = """
def missing(scores, y):
    own = scores[np.arange(len(y)), y]
    each = np.maximum(scores + 1 - own[:, None], 0)
    each[np.arange(len(y)), y] = 0
    return each.sum(axis=1)
"""
NEGATIVE = """
def missing(scores, y):
    rivals = scores.copy()
    rivals[np.arange(len(y)), y] = -np.inf
    return rivals.max(axis=1) + 1 - scores[np.arange(len(y)), y]
"""
LARGEST_SHARE = """
def support_vectors(shares, y):
    return 1 - shares.max(axis=1) > 1e-6
"""
DUST = """
def support_vectors(shares, y):
    return shares[np.arange(len(y)), y] < 1
"""
AT_EASE = """
def support_vectors(shares, y):
    return ~(1 - shares[np.arange(len(y)), y] > 1e-6)
"""
TOO_COARSE = """
def support_vectors(shares, y):
    return 1 - shares[np.arange(len(y)), y] > 1e-3
"""
NO_STRENGTH = """
def ridge(support_z, support_y, query_z, n_way, strength):
    pulls = np.linalg.pinv(support_z @ support_z.T) @ np.eye(n_way)[support_y]
    return query_z @ support_z.T @ pulls
"""
EVERYWHERE = """
def ridge(support_z, support_y, query_z, n_way, strength):
    gram = support_z @ support_z.T + strength
    return query_z @ support_z.T @ np.linalg.solve(gram, np.eye(n_way)[support_y])
"""
PLUS_MINUS = """
def ridge(support_z, support_y, query_z, n_way, strength):
    gram = support_z @ support_z.T + strength * np.eye(len(support_z))
    return query_z @ support_z.T @ np.linalg.solve(gram, 2 * np.eye(n_way)[support_y] - 1)
"""
THE_LONG_WAY = """
def ridge(support_z, support_y, query_z, n_way, strength):
    large = support_z.T @ support_z + strength * np.eye(support_z.shape[1])
    return query_z @ np.linalg.solve(large, support_z.T @ np.eye(n_way)[support_y])
"""
MISNAMED = """
def support_vectors(shares, y):
    return shares.argmax(axis=1) != y
"""
RIDGE = """
def my_head(support_z, support_y, query_z, n_way):
    middle = support_z.mean(axis=0)
    z, query = support_z - middle, query_z - middle
    gram = z @ z.T + 0.01 * np.eye(len(z))
    return query @ z.T @ np.linalg.solve(gram, np.eye(n_way)[support_y])
"""
PROTOTYPES = """
def my_head(support_z, support_y, query_z, n_way):
    means = np.stack([support_z[support_y == k].mean(axis=0) for k in range(n_way)])
    return -((query_z[:, None] - means) ** 2).sum(axis=2)
"""
PEEKING = """
def my_head(support_z, support_y, query_z, n_way):
    query_z = query_z - query_z.mean(axis=0)
    return query_z @ np.stack([support_z[support_y == k].mean(axis=0) for k in range(n_way)]).T
"""
ANSWERS = """
def my_head(support_z, support_y, query_z, n_way):
    return np.zeros(len(query_z))
"""

AT_HOME = """
def support_vectors(shares, y):
    return shares[np.arange(len(y)), y] > 1e-6
"""
FAR = """
def my_head(support_z, support_y, query_z, n_way):
    means = np.stack([support_z[support_y == k].mean(axis=0) for k in range(n_way)])
    return ((query_z[:, None] - means) ** 2).sum(axis=2)
"""
STANDARDISED = """
def my_head(support_z, support_y, query_z, n_way):
    mean, spread = support_z.mean(axis=0), support_z.std(axis=0) + 1e-3
    z, query = (support_z - mean) / spread, (query_z - mean) / spread
    means = np.stack([z[support_y == k].mean(axis=0) for k in range(n_way)])
    return -((query[:, None] - means) ** 2).sum(axis=2)
"""

WRONG = [
    ("05.1", Code(EXTRA_FOR_ALL), "must not be given the extra 1"),
    ("05.1", Code(NO_EXTRA), "the margin is 1"),
    ("05.1", Code(ALL_RIVALS), "hardest rival alone"),
    ("05.1", Code(NEGATIVE), "It misses nothing"),
    ("05.2", Code(LARGEST_SHARE), "not on its own"),
    ("05.2", Code(DUST), "solver's dust"),
    ("05.2", Code(AT_HOME), "kept something at home"),
    ("05.2", Code(AT_EASE), "other way round"),
    ("05.2", Code(TOO_COARSE), "pulls gently"),
    ("05.2", Code(MISNAMED), "need not be misnamed"),
    ("05.3", Code(NO_STRENGTH), "strength is missing"),
    ("05.3", Code(EVERYWHERE), "belongs on the diagonal"),
    ("05.3", Code(PLUS_MINUS), "labels are 1 and −1"),
    ("05.3", Code(THE_LONG_WAY), "a table of 1,500 by 1,500"),
    ("05.4", lambda x, c: 2 * c, "Beyond 4Cx² = 1"),
    ("05.4", lambda x, c: min(2 * c, -1 / (2 * x**2)), "Below 4Cx² = 1"),
    ("05.4", lambda x, c: -1 / (2 * x**2) if 4 * c * x**2 < 1 else 2 * c, "each other's place"),
    ("05.4", lambda x, c: min(2 * c * x, 1 / (2 * x)), "w(x) itself"),
    ("05.4", lambda x, c: 2 * c if 4 * c * x**2 < 1 else 1 / (2 * x**2), "sign is wrong"),
    ("05.4", lambda x, c: 2 * c if x < 0.5 else -1 / (2 * x**2), "At x = 0.6 and C = 0.5"),
    ("05.5", Code(PROTOTYPES), "56% is wanted. Are all"),
    ("05.5", Code(FAR), "larger score must be the likelier"),
    ("05.5", Code(STANDARDISED), "*inside* the classes"),
    ("05.5", Code(RIDGE), "56% is wanted"),  # ill-conditioned, but it looks at no other query
    ("05.5", Code(PEEKING), "support set alone"),
    ("05.5", Code(ANSWERS), "one row for each query"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG
