"""Graders of chapter 5, "Meta-SVMs": margins, support vectors, ridge regression, a kink, a head.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 5 states the exercises.
"""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from etudes.exercises.diagnosis import as_array, diagnose
from etudes.exercises.registry import Right, exercise


@exercise(
    "05.1",
    title="What is missing",
    hints=[
        "Every wrong class is given 1 extra, the right one nothing; then the highest bid counts.",
        "extra = np.ones(scores.shape); extra[np.arange(len(y)), y] = 0",
        "Take the maximum over the classes of scores + extra, minus the score of the right class.",
    ],
    when_right="Only the hardest rival counts. That is why a share stands only where bids tie.",
)
def grade_missing(answer: Callable[..., Any]) -> str | None:
    """Right is Crammer and Singer's hinge."""
    rng = np.random.default_rng(5)
    scores, y = rng.normal(size=(8, 4)).round(2), np.array([0, 1, 2, 3, 0, 1, 2, 3])
    scores[0] = [3.0, 0.5, 0.0, -1.0]  # at ease
    rows = np.arange(len(y))
    own = scores[rows, y]
    wrong = np.ones(scores.shape)
    wrong[rows, y] = 0
    expected = (scores + wrong).max(1) - own
    got = as_array(answer(scores, y))
    if got is not None and got.shape == expected.shape and not np.allclose(got, expected):
        each = np.maximum(scores + 1 - own[:, None], 0) * wrong
        rival = np.where(wrong > 0, scores, -np.inf).max(1)
        for slip, said in (
            (
                (scores + 1).max(1) - own,
                "The right class must not be given the extra 1: an item that wins by far "
                "should miss nothing.",
            ),
            (
                scores.max(1) - own,
                "Nobody was given the extra 1: winning by a hair is not enough, the margin is 1.",
            ),
            (
                each.sum(1),
                "You add up what is missing to every rival. That is another machine (Weston and "
                "Watkins, 1999); here the hardest rival alone counts.",
            ),
            (
                rival + 1 - own,
                "An item that wins by more than 1 is given a negative number. It misses nothing: "
                "zero.",
            ),
        ):
            if np.allclose(got, slip):
                return said
    return diagnose(got if got is not None else answer(scores, y), expected, "what is missing")


@exercise(
    "05.2",
    title="Who pulls?",
    hints=[
        "An item pulls at class k with [y = k] minus its share there. When is that 0 for all k?",
        "shares[np.arange(len(y)), y] is what each item has kept at home.",
    ],
    when_right="Drop all the others from the support set, and the weights do not change.",
)
def grade_support_vectors(answer: Callable[..., Any]) -> str | None:
    """Right marks the items whose own share is below one."""
    y = np.array([0, 0, 1, 1, 2, 2])
    shares = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.7, 0.3, 0.0],
            [1.0, 0.0, 0.0],  # all of it away from home
            [1e-9, 1 - 2e-9, 1e-9],  # the solver's dust
            [0.0, 0.6, 0.4],
            [2e-5, 0.0, 1 - 2e-5],
        ]
    )
    expected = np.array([False, True, True, False, True, True])
    got = np.asarray(answer(shares, y))
    if got.shape != expected.shape:
        return f"One answer for each item is wanted, shape (6,), and yours has {got.shape}."
    if got.dtype != bool:
        return f"The answers must be True or False, and yours are {got.dtype}."
    if (got == ~expected).all():
        return "It is the other way round: those at ease are not support vectors."
    if got[0] and not got[2]:
        return (
            "You marked those that have kept something at home. Wanted are those of whom something "
            "has left."
        )
    if not got[2]:
        return (
            "Item 2 has its whole share on one class, but not on its own: it pulls as hard as an "
            "item can. Look at the share on the class y, not at the largest share."
        )
    if not got[1]:
        return (
            "Item 1 has kept 0.7 at home and sent 0.3 away: it pulls. A support vector need not be "
            "misnamed, nor have left altogether."
        )
    if got[3]:
        return "Item 3 pulls with 0.000000002, the solver's dust. Below 1e-6 counts as nothing."
    if not got[5]:
        return "Item 5 pulls gently, with 0.00002, and that counts: the limit is 1e-6."
    wrong = np.flatnonzero(got != expected)
    if len(wrong):
        return f"Item {wrong[0]} with shares {shares[wrong[0]]} and class {y[wrong[0]]} is wrong."
    return None


@exercise(
    "05.3",
    title="Ridge regression as a head",
    hints=[
        "G is support_z @ support_z.T: as many rows and columns as there are examples.",
        "np.linalg.solve(G + strength * np.eye(n), Y) gives (G + λI)⁻¹ Y, one column a class.",
        "A query's scores are its inner products with the examples, times those columns.",
    ],
    when_right="One linear system. The support vector machine needs a dozen or so.",
)
def grade_ridge(answer: Callable[..., Any]) -> str | None:
    """Right is ridge regression of one-hot labels, in the dual."""
    rng = np.random.default_rng(6)
    y = np.repeat(np.arange(3), 4)
    z = rng.normal(size=(3, 30))[y] + rng.normal(size=(12, 30))
    query, strength = rng.normal(size=(5, 30)), 2.5
    eye, targets = np.eye(len(y)), np.eye(3)[y]
    gram, cross = z @ z.T, query @ z.T
    expected = cross @ np.linalg.solve(gram + strength * eye, targets)
    got = as_array(answer(z, y, query, 3, strength))
    if got is not None and got.shape == expected.shape and not np.allclose(got, expected):
        for slip, said in (
            (
                cross @ np.linalg.pinv(gram) @ targets,
                "The strength is missing: this is plain least squares, which fits every example "
                "exactly.",
            ),
            (
                cross @ np.linalg.solve(gram + strength, targets),
                "`gram + strength` adds it to every number of the table. It belongs on the "
                "diagonal: strength * np.eye(n).",
            ),
            (
                cross @ np.linalg.solve(gram + strength**2 * eye, targets),
                "The strength is squared; the price is λ times the squared weights.",
            ),
            (
                cross @ np.linalg.solve(gram + strength * eye, 2 * targets - 1),
                "These labels are 1 and −1. One-hot labels are 1 and 0.",
            ),
            (
                cross @ targets,
                "These are the queries' products with the examples, added up by class. What is "
                "missing is (G + λI)⁻¹.",
            ),
        ):
            if np.allclose(got, slip):
                return said
    if got is not None and got.shape == expected.shape and np.allclose(got, expected):
        return _too_large(answer)
    return diagnose(answer(z, y, query, 3, strength), expected, "the table of scores")


def _too_large(answer: Callable[..., Any], d: int = 1500) -> str | None:
    """Whether a table of the embedding's length squared is made."""
    z, y = np.random.default_rng(0).normal(size=(12, d)), np.repeat(np.arange(3), 4)
    tracemalloc.start()
    try:
        answer(z, y, z[:5], 3, 2.5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if peak < 4 * d * d:
        return None
    return (
        f"The scores are right, but embeddings of {d:,} numbers took {peak / 1e6:.0f} MB: "
        f"somewhere a table of {d:,} by {d:,} is made. n by n, for n examples, is enough."
    )


@exercise(
    "05.4",
    title="Through the optimum",
    hints=[
        "Differentiate both cases on their own.",
        "The smaller of the two holds. They are equal where 4 C x² = 1.",
    ],
    when_right="At the kink the slope jumps from 2C to −2C: the examples have met their margins.",
)
def grade_slope(answer: Callable[..., Any]) -> str | None:
    """Right is 2C below the kink and −1 / 2x² above."""
    cases = [(0.2, 0.5), (0.4, 0.5), (0.6, 0.5), (1.5, 0.5), (0.3, 4.0), (0.1, 4.0)]
    below = np.array([4 * c * x**2 < 1 for x, c in cases])
    full = np.array([2 * c for _, c in cases])
    met = np.array([-1 / (2 * x**2) for x, _ in cases])
    expected = np.where(below, full, met)
    got = np.array([float(answer(x, c)) for x, c in cases])
    if np.allclose(got, full):
        return "That is the slope while margins are missed. Beyond 4Cx² = 1 they are met."
    if np.allclose(got, met):
        return "That is the slope once margins are met. Below 4Cx² = 1 they are missed."
    if np.allclose(got, np.where(below, met, full)):
        return "Both slopes are right and stand in each other's place: the smaller weight holds."
    if np.allclose(got, np.where(below, full, -met)):
        return "Above the kink the sign is wrong: the farther out, the less weight is needed."
    values = np.array([min(2 * c * x, 1 / (2 * x)) for x, c in cases])
    if np.allclose(got, values):
        return "That is w(x) itself. Asked is its derivative."
    wrong = np.flatnonzero(~np.isclose(got, expected))
    if not len(wrong):
        return None
    (x, c), first = cases[wrong[0]], wrong[0]
    side = "below 1: both examples pull with all" if below[first] else "above 1: margins are met"
    return (
        f"At x = {x} and C = {c} you have {got[first]:.4g}. There 4Cx² = {4 * c * x**2:.3g} lies "
        f"{side}."
    )


@functools.cache
def _validation_spectra() -> tuple[np.ndarray, np.ndarray]:
    """Mean spectra of the validation instruments' notes, and their programs."""
    from etudes.data.instruments import VALIDATION_PROGRAMS, load_instrument_notes
    from etudes.features import log_mel

    notes = load_instrument_notes(20).select(VALIDATION_PROGRAMS)
    x = np.asarray(log_mel(notes.waveforms, notes.sample_rate), np.float64)
    return (x - x.max(axis=(1, 2), keepdims=True)).mean(axis=2), notes.program


WANTED = 0.56


@exercise(
    "05.5",
    title="A head of your own",
    hints=[
        "Some of the 64 numbers scatter widely among notes of one and the same instrument.",
        "Take each support note's difference to the mean of its own class: how far do they spread?",
        "Divide all numbers by that spread (plus a little, such as 1e-3), then take prototypes.",
    ],
    when_right="What varies inside classes is noise. Chapter 6 learns it from other classes. "
    "(The support vector machine alone names fewer than half here: better numbers are worth more "
    "than a better border.)",
)
def grade_head(answer: Callable[..., Any]) -> str | None:
    """Right reaches the wanted accuracy on 200 tasks of validation instruments, asking each query
    alone."""
    from etudes.episodes import EpisodeSampler

    x, program = _validation_spectra()
    sampler = EpisodeSampler(x, program, n_way=5, k_shot=5, n_query=10, seed=5)
    right = []
    for number in range(200):
        task = sampler[number]
        given = (task.support_x.numpy(), task.support_y.numpy())
        query, truth = task.query_x.numpy(), task.query_y.numpy()
        scores = as_array(answer(*given, query, 5))
        if scores is None or scores.shape != (50, 5):
            shape = "no array of numbers" if scores is None else f"shape {scores.shape}"
            return f"The scores must have shape (50, 5), one row for each query, got {shape}."
        if not np.isfinite(scores).all():
            return f"Some scores of task {number} are not finite. Is a spread zero somewhere?"
        if number == 0:
            alone = as_array(answer(*given, query[:1], 5))
            spread = np.ptp(scores[0])
            if alone is None or not np.allclose(alone[0], scores[0], rtol=0, atol=1e-2 * spread):
                return (
                    "The scores of a query change with the other queries: mean and spread must "
                    "come from the support set alone."
                )
        right.append((scores.argmax(1) == truth).mean())
    accuracy = float(np.mean(right))
    if accuracy >= WANTED:
        return Right(f"It names {accuracy:.1%} on 200 validation tasks (guessing: 20%).")
    if accuracy < 0.15:
        slip = "That is less than guessing: the larger score must be the likelier class."
    elif accuracy > 0.51:
        slip = (
            "Close. Do you measure how the numbers scatter *inside* the classes? What they differ "
            "by between classes is what you need."
        )
    else:
        slip = "Are all 64 numbers equally trustworthy? Which scatter inside one instrument?"
    return (
        f"It names {accuracy:.1%} on validation instruments (guessing: 20%); {WANTED:.0%} is "
        f"wanted. {slip}"
    )
