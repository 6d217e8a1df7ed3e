"""Graders of chapter 2, "Learning to learn": tasks without leaks, prototypes, descriptions.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 2 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from etudes.exercises.registry import Right, exercise


@exercise(
    "02.1",
    title="How many tasks are enough?",
    hints=[
        "The half width of a normal 95% interval of a mean is 1.96 σ / √n.",
        "Set 1.96 · 9 / √n = 0.5 and solve for n; then round up, because n is a whole number.",
    ],
)
def grade_number_of_tasks(answer: Any) -> str | None:
    """Right is the smallest n with 1.96 * 9 / sqrt(n) <= 0.5, which is 1245."""
    n = float(answer)
    if n in (1245, 1297):  # 1.96 or a rounded 2 standard errors
        return None
    if n == 312 or n == 311:
        return (
            "That makes the whole interval ±1 point. The question asks for ±0.5: half the width "
            "needs four times the tasks."
        )
    if n in (1246,):
        return "One more than needed: 1.96 · 9 / √n is already below 0.5 with one task less."
    if n in (1244,) or abs(n - (1.96 * 9 / 0.5) ** 2) < 0.5:
        return (
            "Very near: but n must be a whole number and the interval *at most* that wide, so "
            "round up."
        )
    if n in (35, 36):
        return (
            "You have 1.96 · 9 / 0.5 there. The standard error falls with the *root* of n, so that"
            " must be squared."
        )
    if n in (324, 325):
        return (
            "That is one standard error at 0.5. A 95% interval reaches 1.96 of them to each side."
        )
    return (
        "The half width is 1.96 times the standard error, and the standard error is 9 / √n. Solve "
        "1.96 · 9 / √n ≤ 0.5."
    )


@exercise(
    "02.2",
    title="Deal by recording",
    hints=[
        (
            "Shuffle the groups, not the rows, and decide first which groups belong to the support"
            " side."
        ),
        (
            "Take whole groups for the support until they hold at least k_shot rows; every other "
            "group is free for queries."
        ),
        (
            "np.isin(groups, groups[support]) tells which rows belong to a group that the support "
            "set has used."
        ),
    ],
)
def grade_deal_by_group(answer: Callable[..., Any]) -> str | None:
    """Right deals disjoint, random sides of the right size, with no group on both."""
    groups = np.repeat(["a", "b", "c", "d", "e", "f"], 4)[np.random.default_rng(3).permutation(24)]
    seen = set()
    for trial in range(20):
        k_shot, n_query = (5, 8) if trial % 2 else (1, 6)
        support, query = answer(groups, k_shot, n_query, np.random.default_rng(trial))
        support, query = np.asarray(support), np.asarray(query)
        if support.shape != (k_shot,) or query.shape != (n_query,):
            said = (
                f"For k_shot={k_shot} and n_query={n_query} the shapes must be ({k_shot},) and "
                f"({n_query},); you returned {support.shape} and {query.shape}."
            )
            touched = len(np.unique(groups[support])) if support.dtype.kind in "iu" else 0
            if support.shape == (k_shot,) and touched > 2:
                said += (
                    f" Your support set touches {touched} of the 6 groups, so too few rows are "
                    "left: fill it from as few groups as will do."
                )
            return said
        for name, rows in (("support", support), ("query", query)):
            if (
                not np.issubdtype(rows.dtype, np.integer)
                or rows.min() < 0
                or rows.max() >= len(groups)
            ):
                return (
                    f"The {name} side must hold row numbers from 0 to {len(groups) - 1}; it holds "
                    f"{rows[:3]}…"
                )
            if len(np.unique(rows)) < len(rows):
                return (
                    f"The {name} side has a row twice: that is drawing with replacement, room 2 of"
                    " the museum."
                )
        if np.intersect1d(support, query).size:
            return "A row stands on both sides. Room 1 of the museum shows what that is worth."
        shared = np.intersect1d(groups[support], groups[query])
        if shared.size:
            return (
                f"No row is repeated, but group {str(shared[0])!r} has rows on both sides: "
                "pieces of one recording."
            )
        seen.add(tuple(np.sort(support).tolist()))
    if len(seen) < 5:
        return (
            "The groups are apart, but the draw hardly changes from one rng to another. Shuffle "
            "with the rng that is given."
        )
    return None


@exercise(
    "02.3",
    title="Prototypes of any episode",
    hints=[
        "y == 2 is a mask over the rows of z that belong to class 2.",
        "torch.stack puts one vector a class on top of each other: (n_way, d).",
    ],
)
def grade_prototypes(answer: Callable[..., Any]) -> str | None:
    """Right gives the mean of each class's rows, whatever their order and number."""
    import torch

    generator = torch.Generator().manual_seed(2)
    z = torch.randn(9, 4, generator=generator)
    y = torch.tensor([2, 0, 1, 0, 2, 1, 1, 0, 2])
    expected = torch.stack([z[y == label].mean(dim=0) for label in range(3)])
    means_of = answer(z, y, 3)
    if isinstance(means_of, list | tuple):
        return "Return one tensor, not a list of them: torch.stack lays them on top of each other."
    got = torch.as_tensor(means_of)
    if tuple(got.shape) != (3, 4):
        return (
            "For three classes and embeddings of four numbers the shape must be (3, 4), not "
            f"{tuple(got.shape)}."
        )
    if torch.allclose(got, expected, atol=1e-5):
        uneven = torch.tensor([0, 0, 0, 0, 0, 0, 1, 2, 2])
        means = torch.stack([z[uneven == label].mean(dim=0) for label in range(3)])
        if torch.allclose(torch.as_tensor(answer(z, uneven, 3)), means, atol=1e-5):
            return None
        return (
            "Right for equal classes, wrong when one has six items and another has one. Divide by "
            "each class's own count."
        )
    if torch.allclose(got, 3 * expected, atol=1e-4):
        return "These are sums, not means. Divide by how many there are."
    if torch.allclose(got, z.reshape(3, 3, 4).mean(dim=1), atol=1e-5):
        return (
            "This averages neighbouring rows. Here the items come in any order: y says which class"
            " each belongs to."
        )
    return (
        "The means do not agree. For each label, average the rows of z where y equals that label, "
        "over the rows (dim=0)."
    )


@exercise(
    "02.4",
    title="Find the leak",
    hints=[
        "Print support and query for one class and look for common rows.",
        "How many times is the deck shuffled for each class? How many times is it cut?",
    ],
)
def grade_find_the_leak(answer: Callable[..., Any]) -> str | None:
    """Right shuffles each class once and cuts it once."""
    labels = np.repeat(np.arange(6), 12)
    first_rows, orders = set(), set()
    for trial in range(30):
        support, query = answer(labels, np.arange(6), 4, 5, 6, np.random.default_rng(trial))
        support, query = np.asarray(support), np.asarray(query)
        if support.shape != (4, 5) or query.shape != (4, 6):
            return (
                f"The shapes must be (4, 5) and (4, 6) here, not {support.shape} and {query.shape}."
            )
        common = np.intersect1d(support, query)
        if common.size:
            twice = len(np.unique(labels[support[:, 0]])) < len(support)
            cause = (
                "A class was drawn twice: the classes must be drawn without replacement."
                if twice
                else "Is each side cut from a shuffle of its own, or are the cuts not one behind "
                "the other?"
            )
            return f"Still leaking: {common.size} rows stand on both sides in one task. {cause}"
        rows = np.concatenate([support, query], axis=1)
        if any(len(np.unique(labels[row])) > 1 for row in rows):
            return (
                "A class's row holds items of another class: draw from np.flatnonzero(labels == "
                "label)."
            )
        if any(len(np.unique(row)) < len(row) for row in rows):
            return "A row is repeated on one side: that is drawing with replacement."
        first_rows.add(tuple(support[0].tolist()))
        orders.add(tuple(labels[support[:, 0]].tolist()))
    if len(orders) < 5:
        return (
            "Nothing leaks, but the classes no longer come in random order, so label 0 would "
            "always mean the same."
        )
    if len(first_rows) < 10:
        return (
            "Nothing leaks, but the same items always go to the support set. Keep the shuffle, and"
            " do it once."
        )
    return None


@functools.cache
def _validation_notes() -> tuple[np.ndarray, np.ndarray]:
    """Log-mel spectrograms of the validation instruments and their programs."""
    from etudes.data import instruments
    from etudes.features import log_mel

    notes = instruments.load_instrument_notes(20).select(instruments.VALIDATION_PROGRAMS)
    return log_mel(notes.waveforms, sample_rate=16_000), notes.program


@exercise(
    "02.5",
    title="Eight numbers",
    hints=[
        (
            "Pitch moves energy between bands but hardly changes the strongest band's level; "
            "loudness adds a constant to all."
        ),
        (
            "Take the maximum over the bands: one number a frame. Subtract its own maximum. Which "
            "frames tell most?"
        ),
        (
            "Begin and end matter: np.linspace(1, 60, 8).astype(int) picks eight frames from first"
            " to last."
        ),
    ],
)
def grade_eight_numbers(answer: Callable[..., Any]) -> str | None:
    """Right reaches 75% with a nearest centroid on 200 tasks of validation instruments, with at
    most 8 numbers."""
    from etudes.episodes import EpisodeSampler
    from etudes.evaluate import evaluate
    from etudes.learners.centroid import NearestCentroid

    log_mel, program = _validation_notes()
    described = np.asarray(answer(log_mel.copy()), dtype=np.float32)
    if described.ndim != 2 or len(described) != len(log_mel):
        return f"The shape must be (n, d), here ({len(log_mel)}, d), not {described.shape}."
    if described.shape[1] > 8:
        return f"At most eight numbers a note; these are {described.shape[1]}."
    if not np.isfinite(described).all():
        return (
            "Some of the numbers are not finite. A logarithm of nothing, perhaps, or a division by"
            " zero?"
        )
    one = np.asarray(answer(log_mel[:1].copy()), dtype=np.float32)
    if not np.allclose(one[0], described[0], atol=1e-4):
        return (
            "A note's numbers change with the other notes in the array. Describe each note by "
            "itself, or the queries leak."
        )
    sampler = EpisodeSampler(described, program, seed=5)
    accuracy = evaluate(NearestCentroid(), sampler, n_tasks=200, progress=False).mean
    if accuracy >= 0.75:
        return Right(f"These reach {accuracy:.1%} on 200 validation tasks.")
    return (
        f"These reach {accuracy:.0%} on validation tasks; 75% is wanted. Remove what should not "
        "matter: loudness and pitch."
    )
