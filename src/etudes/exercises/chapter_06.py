"""Graders of chapter 6, "Relation networks": pairs, their loss, and looking at one's neighbours.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 6 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from etudes.episodes import Episode, EpisodeSampler
from etudes.exercises.diagnosis import diagnose
from etudes.exercises.registry import Right, exercise


@exercise(
    "06.1",
    title="How lazy is cheap?",
    hints=[
        "In each row of N pairs one target is 1 and the other N − 1 are 0.",
        "The error of the one is (1 − 1/N)², that of each other (1/N)²; average them over N.",
    ],
    when_right="0.16 for five ways, 0.0475 for twenty: with more ways it gets cheaper.",
)
def grade_lazy_loss(answer: Callable[..., Any]) -> str | None:
    """Right is (1/N)(1 - 1/N) for every N."""
    ways = (2, 5, 20)
    got = np.array([float(answer(n)) for n in ways])
    expected = np.array([(1 - 1 / n) / n for n in ways])
    if np.allclose(got, expected * ways):
        return "That is the sum over a row of N pairs. The question asks for the mean: divide by N."
    if np.allclose(got, [(1 - 1 / n) ** 2 for n in ways]):
        return "That is the error of the right pair alone. The N − 1 wrong pairs have one too."
    if np.allclose(got, [1 / n**2 for n in ways]):
        return "That is the error of a wrong pair alone. The right pair of each row has one too."
    return diagnose(got, expected, "the losses for 2, 5 and 20 ways")


@exercise(
    "06.2",
    title="All the pairs",
    hints=[
        "classes[None] has shape (1, n_way, c, h, w), queries[:, None] has (n, 1, c, h, w).",
        "expand stretches an axis of length 1 without copying; -1 leaves an axis as it is.",
        "torch.cat(..., dim=2) joins channels; flatten(0, 1) makes query and class one axis.",
    ],
    when_right="The package avoids making these pairs: its first convolution is linear.",
)
def grade_all_pairs(answer: Callable[..., Any]) -> str | None:
    """Right has class j, query i in row i * n_way + j, class channels first."""
    from etudes.learners.relation import pairs

    generator = torch.Generator().manual_seed(6)
    classes = torch.randn(3, 2, 4, 5, generator=generator)
    queries = torch.randn(7, 2, 4, 5, generator=generator)
    expected = pairs(classes, queries)
    got = torch.as_tensor(answer(classes, queries))
    if tuple(got.shape) == (21, 4, 4, 5) and not torch.equal(got, expected):
        swapped = torch.cat([expected[:, 2:], expected[:, :2]], dim=1)
        if torch.equal(got, swapped):
            return "Every pair is there, but with the query first. The class comes first in depth."
        by_class = expected.reshape(7, 3, 4, 4, 5).transpose(0, 1).reshape(21, 4, 4, 5)
        if torch.equal(got, by_class):
            return (
                "Every pair is there, ordered by class. Row i * n_way + j is query i, class j: "
                "the query's axis comes first when you flatten."
            )
        if torch.equal(got[:, :2], expected[:, :2]) or torch.equal(got[:, 2:], expected[:, 2:]):
            return "One half is right. Look at the order in which the other half is stretched."
    elif tuple(got.shape) == (42, 2, 4, 5):
        return "Class and query stand in different rows. Join them in depth, along the channels."
    return diagnose(got, expected, "the pairs")


class _Neighbourly(torch.nn.Module):
    """Nearest centroid; with ``leak`` it first centres the queries on their own mean."""

    def __init__(self, leak: float, only_last: bool = False) -> None:
        super().__init__()
        self.leak, self.only_last = leak, only_last

    def forward(self, task: Episode) -> torch.Tensor:
        query = task.query_x
        shift = self.leak * query.mean(0)
        if self.only_last:
            query = torch.cat([query[:-1], query[-1:] - shift])
        else:
            query = query - shift
        centroids = task.support_x.reshape(task.n_way, task.k_shot, -1).mean(1)
        return -torch.cdist(query, centroids).square()


@exercise(
    "06.3",
    title="Does it look at its neighbours?",
    hints=[
        "Ask the learner twice: once with the task, once with the same query in other company.",
        "Compare row i of both answers. Compare logits, not the winning class.",
        "torch.allclose(a, b, atol=1e-4) forgives rounding and nothing else.",
    ],
    when_right="`evaluate` runs this test on every learner and marks the result.",
)
def grade_looks_at_neighbours(answer: Callable[..., Any]) -> str | None:
    """Right tells transductive learners from others, also when few answers or small shifts tell."""
    rng = np.random.default_rng(3)
    x, labels = rng.normal(size=(40, 6)).astype(np.float32), np.repeat(np.arange(4), 10)
    task = EpisodeSampler(x, labels, n_way=4, k_shot=2, n_query=3, seed=1)[0]
    for learner, expected, what in (
        (_Neighbourly(0.0), False, "a nearest centroid, which asks each query alone"),
        (_Neighbourly(1.0), True, "a centroid that first subtracts the mean of all queries"),
        (_Neighbourly(0.02), True, "one that subtracts a fiftieth of that mean"),
        (_Neighbourly(1.0, only_last=True), True, "one that does so to its last query alone"),
        (_Neighbourly(1e-7), False, "one whose answers differ by rounding alone"),
    ):
        got = answer(learner, task)
        if not isinstance(got, (bool, np.bool_)):
            return f"The answer must be True or False, not {type(got).__name__}."
        if bool(got) != expected:
            slip = (
                " Compare the logits: a small shift need not change the winner."
                if expected
                else (
                    " Compare the row of query i only: in other company the other rows must change."
                )
            )
            return f"For {what}, the answer must be {expected}, and yours is {bool(got)}.{slip}"
    return None


@functools.cache
def _validation_tunes() -> tuple[Any, np.ndarray, np.ndarray]:
    """Tunes of the validation styles with their styles and near-duplicate groups."""
    from etudes.data.scores import split_folk_tunes

    tunes = split_folk_tunes("validation")
    styles, groups = tunes.styles, tunes.groups
    rng = np.random.default_rng(6)
    keep = np.sort(
        np.concatenate(
            [rng.permutation(np.flatnonzero(styles == style))[:120] for style in np.unique(styles)]
        )
    )
    return [tunes[int(row)] for row in keep], styles[keep], groups[keep]


FIRST_NOTES, WANTED = 32, 0.39


@exercise(
    "06.4",
    title="What makes a style",
    hints=[
        "One kind of counting is not enough. Melody has steps, and rhythm has lengths.",
        "np.histogram(np.diff(tune.pitches.astype(int)), bins=np.arange(-12.5, 13)) counts steps.",
        "Divide each histogram by its sum, take roots, and put both side by side.",
    ],
    when_right="From counts like these the learned space of this chapter starts.",
)
def grade_style_description(answer: Callable[..., Any]) -> str | None:
    """Right reaches 39% with a nearest centroid on 200 tasks of validation styles, from the first
    32 notes of each tune."""
    from etudes.evaluate import evaluate
    from etudes.learners.centroid import NearestCentroid

    tunes, styles, groups = _validation_tunes()
    # a tune's length alone would reach half of the tasks: everybody hears equally much
    cut = [tune.excerpt(0, min(FIRST_NOTES, len(tune))) for tune in tunes]
    rows = [np.asarray(answer(tune), dtype=np.float32) for tune in cut]
    if any(row.ndim != 1 or row.shape != rows[0].shape for row in rows):
        return (
            "Each tune must become one row of numbers, as long as every other's; "
            f"the first has shape {rows[0].shape}."
        )
    described = np.stack(rows)
    if not np.isfinite(described).all():
        return "Some numbers are not finite. Is there a tune in which you divide by nothing?"
    sampler = EpisodeSampler(described, styles, groups=groups, n_query=10, seed=6)
    accuracy = evaluate(NearestCentroid(), sampler, n_tasks=200, progress=False).mean
    if accuracy >= WANTED:
        return Right(f"These reach {accuracy:.1%} on 200 validation tasks (guessing: 20%).")
    return (
        f"These reach {accuracy:.1%} on validation styles (guessing: 20%); {WANTED:.0%} is wanted. "
        "What would you listen for: which steps the melody takes, or how long its notes are?"
    )
