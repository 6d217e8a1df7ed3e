"""Graders of chapter 18, "TCN-VAE": a wait, a divergence, an order, a norm, a price.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 18 states the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import lgamma, prod
from typing import Any

import numpy as np

from etudes.checks import describe
from etudes.exercises.diagnosis import as_array, diagnose, finite
from etudes.exercises.registry import exercise
from etudes.exercises.slips import known_slip, number

_Block = tuple[int, int, bool]  # kernel_size, dilation, causal
_Sides = tuple[float, float]  # before, after
_Width = Callable[[int, int], float]  # of kernel_size and dilation


@exercise(
    "18.1",
    title="How long must one wait?",
    hints=[
        "Take one block by itself: how many frames does it look back, and how many ahead? What the "
        "blocks look back adds up, and so does what they look ahead. And how much sound does the "
        "outermost frame hear by itself, on its far side?",
        "A kernel takes in kernel_size − 1 frames besides the present one, a dilation apart. In a "
        "causal block all of them lie behind, otherwise half on each side. From one frame to the "
        "next it is a hop, and half of the outermost window lies beyond the last frame's moment.",
        "For each block let reach = (kernel_size - 1) * dilation; then back += reach if causal "
        "else reach / 2, and ahead += 0 if causal else reach / 2. Return "
        "(back * hop_length + n_fft / 2) / sample_rate, and the same with ahead.",
    ],
    when_right="Norms aside, the chapter's network looks 62 frames to each side: it must wait "
    "4.096 s for each frame, and made causal still 0.128 s, half of a window.",
)
def grade_heard(answer: Callable[..., Any]) -> str | None:
    """Right is the reach to each side and half a window; others are known by their numbers."""
    names = ("n_fft", "hop_length", "sample_rate")
    for place, (blocks, sizes) in enumerate(_networks()):
        told = answer(blocks.copy(), *sizes)
        wrong = _wait_wrong(told, blocks, *sizes)
        if wrong is None:
            continue
        if place == 0:
            got = finite(told, (2,))
            return (None if got is None else _named_wait(got, blocks, *sizes)) or wrong
        these = ", ".join(f"{name}={size}" for name, size in zip(names, sizes))
        if _is_zero_ahead(told) and all(causal for *_, causal in blocks):
            wrong = (
                "You find nothing ahead where every block is causal. Is the present frame known "
                "at its moment?"
            )
        return f"With blocks={blocks}, {these}: {_within(wrong)} Other networks were right."
    return None


def _is_zero_ahead(told: Any) -> bool:
    """Whether two numbers are told, the second of them 0."""
    got = finite(told, (2,))
    return got is not None and got[1] == 0


def _networks() -> list[tuple[list[_Block], tuple[int, int, int]]]:
    """Blocks and sizes; in the first network no two slips come to the same."""
    mixed = [(5, 3, False), (9, 6, True), (3, 1, False), (7, 5, False), (5, 7, True)]
    return [
        (mixed, (1300, 250, 8000)),
        ([(3, 1, False), (3, 2, False), (3, 4, False)], (2048, 512, 8000)),
        ([(2, 1, True), (2, 2, True), (2, 4, True), (1, 8, True)], (512, 128, 16000)),
        ([(3, 2, True), (5, 1, False)], (1024, 300, 22050)),
    ]


def _within(sentence: str) -> str:
    """A sentence that goes on after a colon."""
    return f"{sentence[:1].lower()}{sentence[1:]}"


def _width(kernel_size: int, dilation: int) -> int:
    """Frames that a block hears besides the present one, holes counted."""
    return (kernel_size - 1) * dilation


def _sides(
    blocks: list[_Block],
    width: _Width = _width,
    causal: _Sides = (1, 0),
    other: _Sides = (0.5, 0.5),
) -> list[_Sides]:
    """Frames before and after that each block reaches, as shares of its width."""
    parts = [(width(k, d), causal if is_causal else other) for k, d, is_causal in blocks]
    return [(wide * back, wide * ahead) for wide, (back, ahead) in parts]


def _added(sides: list[_Sides]) -> _Sides:
    """What all blocks together reach."""
    return sum(back for back, _ in sides), sum(ahead for _, ahead in sides)


def _seconds(reach: _Sides, n_fft: int, hop_length: int, sample_rate: int) -> _Sides:
    """From frames before and after to seconds, with half a window on either side."""
    before, after = ((frames * hop_length + n_fft / 2) / sample_rate for frames in reach)
    return before, after


def _wait_wrong(
    told: Any, blocks: list[_Block], n_fft: int, hop_length: int, sample_rate: int
) -> str | None:
    """Compare with the two times asked for; what is not two numbers gets a word of its own."""
    right = _seconds(_added(_sides(blocks)), n_fft, hop_length, sample_rate)
    raw = as_array(told)
    asked = "Asked are two, how much sound before and how much after."
    if raw is not None and raw.shape == ():
        for said, value in (
            ("That is the two times together", sum(right)),
            ("That is the time before alone", right[0]),
            ("That is the time after alone", right[1]),
        ):
            if np.isclose(complex(raw[()]), value, rtol=1e-6):
                return f"{said}. {asked}"
        return f"That is one number. {asked}"
    if raw is not None and raw.shape[:1] == (len(blocks),) != (2,):
        return f"You return something for each block. {asked}"
    return diagnose(told, right, "what is heard", rtol=1e-6)


def _named_wait(
    got: np.ndarray, blocks: list[_Block], n_fft: int, hop_length: int, sample_rate: int
) -> str | None:
    """The slip that gives these two times, if one is known."""
    said = known_slip(got, _other_waits(blocks, n_fft, hop_length, sample_rate), 1e-6)
    right = np.array(_seconds(_added(_sides(blocks)), n_fft, hop_length, sample_rate))
    if said is None and (np.abs(got - right) < 1.5 / sample_rate).all():
        return "That is right to a sample or so. Count n_fft / 2 samples for half of a window."
    return said


def _other_waits(
    blocks: list[_Block], n_fft: int, hop_length: int, sample_rate: int
) -> list[tuple[np.ndarray, str]]:
    """What a slip in the frames, one in the seconds, or both would give, and what to say of it."""
    right = _added(_sides(blocks))
    half = np.array([n_fft / 2, n_fft / 2])
    samples = np.array(right) * hop_length + half
    reaches = _other_reaches(blocks)
    found = [(np.array(reach) * hop_length + half, said) for reach, said in reaches]
    found += _other_spans(right, n_fft, hop_length)
    found += [
        (samples * sample_rate, "Those are samples. Asked are seconds: divide by sample_rate."),
        (samples * 1000, "Those are milliseconds. Asked are seconds."),
        (np.array(right) * sample_rate, "Those are frames. Asked are seconds of sound."),
        (
            samples / hop_length * sample_rate,
            "Those are frames, the window's half counted as well. Asked are seconds of sound.",
        ),
        (half, "That is the window alone: what a single frame hears by itself."),
        *(
            (samples * signs, "You have a time below 0. Both say *how much* sound it is.")
            for signs in ([-1, 1], [1, -1], [-1, -1])
        ),
    ]
    found += [
        (span, f"{first} {second}")
        for reach, first in reaches
        for span, second in _other_spans(reach, n_fft, hop_length)
    ]
    return [(span / sample_rate, said) for span, said in found]


def _other_reaches(blocks: list[_Block]) -> list[tuple[_Sides, str]]:
    """Other numbers of frames before and after, and what to say of each."""

    def reach(
        width: _Width = _width, causal: _Sides = (1, 0), other: _Sides = (0.5, 0.5)
    ) -> _Sides:
        return _added(_sides(blocks, width, causal, other))

    sides = _sides(blocks)
    back, ahead = _added(sides)
    n_blocks, n_causal = len(blocks), sum(causal for *_, causal in blocks)
    seen = (n_blocks + n_causal) / 2, (n_blocks - n_causal) / 2  # a frame for each block
    both = "What a block that is not causal reaches lies half before and half after."
    alike = (
        "Every block is taken to look to both sides alike. Each has a flag of its own: how far "
        "ahead does a causal one look?"
    )
    kernel = "One of the kernel_size frames is the present one. How many are there besides it?"
    three = "Not every kernel has three frames: kernel_size must count."
    own = "The present frame is counted in every block. It lies neither before nor after."
    multiplied = (
        "You multiply what the blocks reach. Each begins where the one before it ends: what they "
        "reach adds up."
    )
    powers = "Your dilations are powers of 2. Here each block says what its own is."
    return [
        (reach(causal=(0.5, 0.5)), alike),
        (
            reach(other=(1, 0)),
            "Every block is taken for a causal one. Each has a flag of its own: a block that is "
            "not causal looks ahead as well.",
        ),
        (
            (ahead, back),
            "Before and after are exchanged. Do your two numbers stand in the wrong order, or do "
            "your causal blocks look ahead?",
        ),
        (
            reach(causal=(0.5, 0.5), other=(1, 0)),
            "The flag is read the wrong way round: with True a block looks back only.",
        ),
        (reach(other=(1, 1)), both),
        (reach(causal=(1, 1), other=(1, 1)), f"{both} And {_within(alike)}"),
        (
            reach(causal=(2, 0), other=(1, 1)),
            "All that the blocks reach is counted twice. The kernel_size − 1 frames of a block "
            "that is not causal are those before *and* after.",
        ),
        (
            reach(causal=(0.5, 0)),
            "You halve what a causal block reaches, too. Where does all of its kernel lie?",
        ),
        (
            (back, 0),
            "You find nothing ahead but the window. What one block has looked ahead, a causal one "
            "does not take back, be it before or after.",
        ),
        (reach(causal=(0, 0)), "The causal blocks are left out. They look back, all the same."),
        (reach(other=(0, 0)), "The blocks that are not causal are left out. They look both ways."),
        (reach(lambda k, d: k * d), kernel),
        (_added([(k * d, 0) if c else (k * d // 2, k * d // 2) for k, d, c in blocks]), kernel),
        ((back + reach(lambda k, d: d, other=(0, 0))[0], ahead), kernel),
        (reach(lambda k, d: k * d, other=(1, 1)), f"{both} And {_within(kernel)}"),
        (
            reach(lambda k, d: k - 1),
            "The dilations are missing: that far apart lie the frames that a kernel takes in.",
        ),
        (
            reach(lambda k, d: k),
            "The dilations are missing, and one of the kernel_size frames is the present one.",
        ),
        (reach(lambda k, d: k - 1 + d), "You add the dilation. It multiplies the kernel's steps."),
        (reach(lambda k, d: d), three),
        (reach(lambda k, d: d, other=(1, 1)), three),
        (reach(lambda k, d: 2 * d), three),
        (reach(lambda k, d: (k - 1) * 2**d), powers),
        (_added(_sides([(k, 2**i, c) for i, (k, _, c) in enumerate(blocks)])), powers),
        ((back + n_blocks, ahead + n_blocks), own),
        ((back + n_causal, ahead), own),
        ((back + seen[0], ahead + seen[1]), own),
        ((prod(1 + b for b, _ in sides) - 1, prod(1 + a for _, a in sides) - 1), multiplied),
        ((prod(1 + b for b, _ in sides), prod(1 + a for _, a in sides)), multiplied),
        ((prod(b for b, _ in sides), prod(a for _, a in sides)), multiplied),
        ((prod(b for b, _ in sides), prod(a for _, a in sides if a)), multiplied),
        (
            (max(b for b, _ in sides), max(a for _, a in sides)),
            "That is what the block that reaches furthest does alone. The others add theirs.",
        ),
        (sides[0], "That is the first block alone. Do you return before the loop has ended?"),
        (sides[-1], "That is the last block alone. What the others reach is added to it."),
        (
            (back + 1, ahead + 1),
            "That is one hop too many to each side: to the frame that lies one further it is one "
            "hop, to the frame itself none.",
        ),
        (
            (back - 1, ahead - 1),
            "That is one hop too few to each side: to the frame that lies one further it is one.",
        ),
    ]


def _other_spans(reach: _Sides, n_fft: int, hop_length: int) -> list[tuple[np.ndarray, str]]:
    """Other numbers of samples before and after so many frames, and what to say of each."""
    frames = np.array(reach)
    span, half = frames * hop_length, n_fft / 2
    centred = "The window lies around a frame's moment, half before and half after."
    no_hop = "Frames lie a hop apart, not a sample."
    return [
        (
            span,
            "The window is missing: the outermost frames hear some sound beyond their moments.",
        ),
        (span + n_fft, f"That is a whole window at each end. {centred}"),
        (
            span + np.array([half, 0]),
            f"At the far end of what comes after, the window is missing. {centred}",
        ),
        (
            span + np.array([0, half]),
            f"At the far end of what came before, the window is missing. {centred}",
        ),
        (span + np.array([n_fft, 0]), f"You let each window end at its frame's moment. {centred}"),
        (
            span + np.array([0, n_fft]),
            f"You let each window begin at its frame's moment. {centred}",
        ),
        (
            span + half / 2,
            "That is a quarter of the window at each end, where half of it lies beyond.",
        ),
        (
            span + hop_length / 2,
            "That is half a hop at each end. What does the outermost frame hear by itself?",
        ),
        (
            frames * n_fft,
            "You count a whole window for each frame. They overlap: the next lies one hop further.",
        ),
        (
            frames * n_fft + half,
            "You count a whole window for each frame. They overlap: the next lies one hop further.",
        ),
        (
            frames * (hop_length + half),
            "You count half of the window for each frame. Beyond the others lies only that of the "
            "outermost.",
        ),
        (
            frames * (n_fft - hop_length) + half,
            "The hop is how much further the next frame lies, not how much two windows share.",
        ),
        (frames + half, no_hop),
        (frames, f"{no_hop} And the window is missing."),
    ]


@exercise(
    "18.2",
    title="Counts",
    hints=[
        "As NumPy does it, 0 times the logarithm of 0 is NaN. What does c log(c / r) come to as c "
        "goes to 0? And what is left of c log(c / r) − c + r?",
        "np.where(counts > 0, …, …) chooses place by place, but works out both: give the logarithm "
        "something harmless where a count is 0, such as 1. Nothing need be added to the rates.",
        "safe = np.where(counts > 0, counts, rates), and return "
        "counts * np.log(safe / rates) - counts + rates.",
    ],
    when_right="At r = c it is 0, everywhere else more. And the two ways of being wrong are not "
    "worth the same: to announce what does not come costs r, to leave out what comes costs without "
    "bound.",
)
def grade_divergence(answer: Callable[..., Any]) -> str | None:
    """Right is c log(c / r) − c + r, with 0 log 0 = 0; first without, then with such places."""
    rng = np.random.default_rng(182)
    shape = (4, 6)
    counts, rates = rng.gamma(1.5, 4, shape) + 0.1, rng.gamma(1.5, 4, shape) + 0.1
    axes = ("n_freq", "n_frames")
    expected = _divergence(counts, rates)
    told = answer(counts, rates)
    wrong = diagnose(told, expected, "the divergence", axes=axes, rtol=1e-5)
    if wrong:
        raw, got = as_array(told), finite(told, shape)
        if raw is not None and raw.shape in ((), shape[:1], shape[1:]):
            of_them = "one number" if raw.shape == () else f"{raw.size} numbers"
            return (
                f"That is {of_them}. Asked is the divergence of each place, of shape {shape}: "
                "nothing is added up, and no mean taken."
            )
        return (
            None if got is None else known_slip(got, _other_divergences(counts, rates))
        ) or wrong
    silent = rng.random(shape) < 0.4
    counts = np.where(silent, 0, counts)
    wrong = _wrong_at(answer(counts, rates), counts, rates, silent)
    if wrong:
        return wrong
    tiny = rng.random(shape) < 0.4
    rates = np.where(tiny, 10 ** rng.uniform(-30, -9, shape), rates)
    return _wrong_at(answer(counts, rates), counts, rates, tiny)


def _divergence(counts: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Of Poisson counts, place by place."""
    safe = np.where(counts > 0, counts, rates)
    return counts * np.log(safe / rates) - counts + rates


def _wrong_at(told: Any, counts: np.ndarray, rates: np.ndarray, odd: np.ndarray) -> str | None:
    """What is wrong at the odd places: the others were right before these were made odd."""
    expected = _divergence(counts, rates)
    wrong = diagnose(told, expected, "the divergence", rtol=1e-5)
    raw = as_array(told)
    if wrong is None or raw is None or raw.shape != counts.shape or raw.dtype.kind == "c":
        return wrong
    off = ~np.isclose(raw, expected, rtol=1e-5, atol=1e-6)
    if not off[odd].any():
        return wrong
    i = np.unravel_index(np.where(off & odd, counts, -1).argmax(), counts.shape)
    finite_there = bool(np.isfinite(raw[i]))
    said = f"the answer is {number(raw[i]) if finite_there else 'NaN or infinite'}"
    if counts[i] > 0:
        slip = (
            "Is something added to the rate, or is it cut off below? It is above 0: take it as it "
            "is."
            if finite_there
            else "Has something been rounded to 0 there?"
        )
        rate = f"{rates[i]:.0e}".replace("-", "−")
        return (
            f"With a count of {number(counts[i])} and a rate of {rate}, {said}; "
            f"{number(expected[i])} is right. {slip}"
        )
    if not finite_there:
        slip = "0 times the logarithm of 0 is NaN to NumPy. What does c log(c / r) come to there?"
    elif raw[i] == 0:
        slip = "You charge nothing. What was announced and did not come costs something: −c + r."
    else:
        slip = "What do the three terms come to there, one by one?"
    return f"Where the count is 0 and the rate {number(rates[i])}, {said}. {slip}"


def _other_divergences(c: np.ndarray, r: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other formulas would give where no count is 0, and what to say of each."""
    first, rest = c * np.log(c / r), r - c
    right = first + rest
    minus_log = r - c * np.log(r)
    p, q = c / c.sum(), r / r.sum()
    return [
        (
            r * np.log(r / c) - r + c,
            "The two are swapped. The counts stand before the logarithm and above the line: what "
            "was seen is measured against what was announced.",
        ),
        (
            c / r - np.log(c / r) - 1,
            "That is the Itakura–Saito divergence, of powers with a Gaussian behind them. Counts "
            "ask for c log(c / r) − c + r.",
        ),
        (
            r / c - np.log(r / c) - 1,
            "That is the Itakura–Saito divergence, turned round. Counts ask for "
            "c log(c / r) − c + r.",
        ),
        (
            first,
            "−c + r is missing. It is 0 on the whole only where both add up to the same; without "
            "it a place with r above c has less than 0.",
        ),
        (first + r, "−c is missing: at r = c it must be 0, and is c with you."),
        (first - c, "+r is missing: at r = c it must be 0, and is −c with you."),
        (first - rest, "The logarithm is right, and the rest has the wrong sign: −c + r."),
        (-right, "It has the wrong sign: a divergence is never below 0."),
        (
            rest - first,
            "The logarithm has the wrong sign: it is that of c / r, not of r / c.",
        ),
        (rest**2, "That is the squared error. Counts ask for c log(c / r) − c + r."),
        (rest**2 / 2, "That is half the squared error. Counts ask for c log(c / r) − c + r."),
        (np.abs(rest), "That is how far they lie apart. Counts ask for c log(c / r) − c + r."),
        (
            first / np.log(10) + rest,
            "The logarithm is to base 10. Only with the natural one, np.log, is it least at r = c.",
        ),
        (
            first / np.log(2) + rest,
            "The logarithm is to base 2. Only with the natural one, np.log, is it least at r = c.",
        ),
        (
            right / np.log(2),
            "Those are bits. Asked are nats, with natural logarithms.",
        ),
        (r * np.log(c / r) + rest, "The logarithm is weighted with the rate. Its weight is c."),
        (np.log(c / r) + rest, "The logarithm has lost its weight: it is c log(c / r)."),
        (
            c * (np.log(c) / np.log(r)) + rest,
            "That is a ratio of logarithms. The logarithm of a ratio is their *difference*.",
        ),
        (
            minus_log,
            "That is minus the log-probability, but for what does not depend on r. At r = c, the "
            "best there is, it comes to c − c log c. The divergence is what it exceeds that by.",
        ),
        (
            -minus_log,
            "That is the log-probability, but for what does not depend on r. The divergence is by "
            "how much it falls short of what r = c would have.",
        ),
        (
            minus_log + np.vectorize(lgamma)(c + 1),
            "That is minus the log-probability itself. The divergence is by how much it exceeds "
            "that of r = c, the best there is.",
        ),
        (
            np.log1p(c) * c - c * np.log1p(r) + rest,
            "1 is added to both. At r = c that is harmless, elsewhere not: take them as they are.",
        ),
        (
            p * np.log(p / q),
            "You have made both add up to 1. These are no probabilities: how much there is in all "
            "counts too.",
        ),
        (
            p * np.log(p / q) - p + q,
            "You have made both add up to 1. These are no probabilities: how much there is in all "
            "counts too.",
        ),
    ]


@exercise(
    "18.3",
    title="Who is who",
    hints=[
        "With four sources there are 24 orders in which every stem comes once. That is few enough "
        "to try them all.",
        "itertools.permutations(range(n)) gives all of them, as tuples. The total of one is "
        "sum(errors[i, j] for i, j in enumerate(order)).",
        "return min(permutations(range(len(errors))), key=total), with total as a function of an "
        "order.",
    ],
    when_right="All orders are n! of them: fine for 4 sources, not for 20. "
    "`scipy.optimize.linear_sum_assignment` finds the best without trying them all.",
)
def grade_order(answer: Callable[..., Any]) -> str | None:
    """Right has the least total of all orders; other orders are known by how they are found."""
    for place, errors in enumerate(_tables()):
        best = min(permutations(range(len(errors))), key=lambda order: _total(errors, order))
        told = answer(errors)
        wrong = _no_order(told, errors)
        if wrong:
            return wrong
        order = tuple(int(stem) for stem in np.asarray(as_array(told)))
        if order == best:
            continue
        slips = _other_orders(errors, best) if place == 0 else _other_signs(errors)
        said = next((said for slip, said in slips if order == slip), None)
        return said or (
            f"For {len(errors)} sources your order {order} comes to a total of "
            f"{number(_total(errors, order))}; the least is {number(_total(errors, best))}."
        )
    return None


def _tables() -> list[np.ndarray]:
    """Errors of estimates, in rows, against stems; in the first, all slips differ."""
    return [
        np.array([[8, 2, 8, 8], [15, 11, 10, 8], [4, 16, 13, 1], [14, 3, 12, 7]]) / 10,
        np.array([[1.0, 2.0], [1.5, 9.0]]),
        np.array([[3.0, 4.0], [1.0, 1.5]]),
        np.array([[-2.5, -9.0, 3.0], [-11.0, -10.5, -1.0], [4.0, -8.5, -6.0]]),
        np.array([[7.0, 1.0, 3.0], [2.0, 6.0, 4.0], [9.0, 5.0, 8.0]]) * 1e5,
    ]


def _total(errors: np.ndarray, order: tuple[int, ...]) -> float:
    """Of the errors of each estimate against the stem it is given."""
    return float(sum(errors[i, j] for i, j in enumerate(order)))


def _no_order(told: Any, errors: np.ndarray) -> str | None:
    """Why something does not give each estimate a stem of its own; None when it does."""
    n, got = len(errors), as_array(told)
    wanted = f"Return a tuple of {n} whole numbers, the stem of each estimate"
    if got is None:
        return f"{wanted}; you return {describe(told)}."
    if got.shape == ():
        least = min(_total(errors, order) for order in permutations(range(n)))
        if np.isclose(complex(got[()]), least):
            return f"That is the least total. {wanted}: the order that has it."
        return f"That is one number. {wanted}."
    if got.shape == (n, n):
        return f"That is a table of {n} × {n}. {wanted}."
    if got.shape in ((n, 2), (2, n)):
        return f"Those are pairs of an estimate and a stem. {wanted}: estimate 0 first."
    if got.shape != (n,):
        return f"{wanted}; yours has shape {got.shape}."
    if got.dtype.kind not in "iu":
        return f"{wanted}: something that can be an index. Yours are of type {got.dtype}."
    order = got.tolist()
    if sorted(order) == list(range(1, n + 1)):
        return "You number the stems from 1. They are columns of `errors`, and those begin at 0."
    odd = [stem for stem in order if not 0 <= stem < n]
    if odd:
        return f"There is no stem {number(odd[0])}: with {n} sources they are 0 to {n - 1}."
    twice = [stem for stem in order if order.count(stem) > 1]
    if not twice:
        return None
    if order == errors.argmin(axis=1).tolist():
        slip = "Each estimate takes the stem nearest to it, whatever the others take."
    elif order == errors.argmin(axis=0).tolist():
        slip = "Each *stem* takes the estimate nearest to it, whatever the others take."
    else:
        slip = "Each comes once, and none is left out."
    return f"Stem {twice[0]} is given to {order.count(twice[0])} estimates. {slip}"


def _other_orders(errors: np.ndarray, best: tuple[int, ...]) -> list[tuple[tuple[int, ...], str]]:
    """Where other ways of looking for an order end, and what to say of each."""
    n = len(errors)
    orders = list(permutations(range(n)))
    return [
        (
            _turned(best),
            "That is the right order the other way round: which *estimate* each stem is given. "
            "Asked is, for each estimate, its stem.",
        ),
        (
            _one_by_one(errors, range(n)),
            "You go from estimate to estimate, and each takes the best stem that is left. What an "
            "early one takes may be dear to a later one: compare totals.",
        ),
        (
            _one_by_one(errors, None),
            "You take the smallest error first, then the smallest of what is left. The last ones "
            "may have to take what is very bad: compare totals.",
        ),
        (
            _one_by_one(errors, np.argsort(errors.min(axis=1))),
            "You begin with the estimate that has the smallest error, and each takes the best stem "
            "that is left. What an early one takes may be dear to a later one: compare totals.",
        ),
        (
            _turned(_one_by_one(errors.T, range(n))),
            "You go from stem to stem, and each takes the best estimate that is left. What an "
            "early one takes may be dear to a later one: compare totals.",
        ),
        (
            max(orders, key=lambda order: _total(errors, order)),
            "That is the order with the *largest* total. These are errors: the least is wanted.",
        ),
        (
            min(orders, key=lambda order: max(errors[i, j] for i, j in enumerate(order))),
            "That is the order whose *worst* error is least. Asked is the least total.",
        ),
        (tuple(range(n)), "That is the order in which they came. Here another one is better."),
    ]


def _other_signs(errors: np.ndarray) -> list[tuple[tuple[int, ...], str]]:
    """What is found where errors below 0 are not expected, and what to say of it."""
    if (errors >= 0).all():
        return []
    without = min(permutations(range(len(errors))), key=lambda order: _total(np.abs(errors), order))
    return [
        (
            without,
            "You have made all errors positive. One below 0, such as minus an SI-SDR, is a good "
            "one.",
        )
    ]


def _turned(order: tuple[int, ...]) -> tuple[int, ...]:
    """Where each number stands."""
    return tuple(order.index(i) for i in range(len(order)))


def _one_by_one(errors: np.ndarray, rows: Any) -> tuple[int, ...]:
    """The stem of each row, taken one after the other; the smallest error first without `rows`."""
    left = errors.astype(float)
    taken = [0] * len(errors)
    for step in range(len(errors)):
        i = int(np.unravel_index(left.argmin(), left.shape)[0]) if rows is None else rows[step]
        taken[i] = int(left[i].argmin())
        left[i], left[:, taken[i]] = np.inf, np.inf
    return tuple(taken)


@exercise(
    "18.4",
    title="Not a frame too far",
    hints=[
        "Frame t is measured against x[:, : t + 1], all channels of it together. Write it as a "
        "loop over frames first.",
        "heard.mean() and heard.var() without an axis are one mean and one variance of all the "
        "numbers there. Only frame t itself is then changed.",
        "For each t: heard = x[:, : t + 1], and out[:, t] = (x[:, t] - heard.mean()) / "
        "np.sqrt(heard.var() + 1e-8).",
    ],
    when_right="The last frame is that of the norm over everything: until then, the two differ. At "
    "the start there is little to compare with, and a network that may not wait has to live with "
    "that.",
)
def grade_norm(answer: Callable[..., Any]) -> str | None:
    """Right measures each frame against all so far; others are known by what they measure with."""
    rng = np.random.default_rng(184)
    drift = np.linspace(-1, 2, 7) + np.array([[0.5], [-1.0], [0.0]])
    x = rng.normal(size=(3, 7)) * np.linspace(1, 3, 7) + drift
    told = answer(x)
    wrong = _norm_wrong(told, x)
    if wrong:
        raw = as_array(told)
        if raw is None or raw.shape != x.shape or not np.isfinite(raw[:, 1:]).all():
            return wrong
        other = known_slip(raw[:, 1:], [(y[:, 1:], said) for y, said in _other_norms(x)])
        if other:
            return other
        if not np.isfinite(raw).all():
            return f"{wrong} Only the first frame is. What is it measured against?"
        later = x.copy()
        later[:, -1] += 5
        again = finite(answer(later), x.shape)
        if again is not None and not np.allclose(raw[:, :-1], again[:, :-1]):
            return (
                "It hears what is still to come: when the last frame is changed, what comes out "
                "for those before it changes, too."
            )
        return wrong
    soft = 5e-5 * x
    told = answer(soft)
    wrong = _norm_wrong(told, soft)
    if wrong:
        got = finite(told, soft.shape)
        said = None if got is None else known_slip(got, _other_floors(soft))
        return said or f"In a soft sound, where 1e-8 counts: {_within(wrong)}"
    told = answer(x + 1e8)
    wrong = _norm_wrong(told, x + 1e8)
    if wrong:
        got = as_array(told)
        if got is None or got.shape != x.shape:
            return f"With x + 1e8: {_within(wrong)}"
        return _lost_digits(got, x)
    for other in (x[:2], x[:1], x[:, :1]):
        wrong = _norm_wrong(answer(other), other)
        if wrong:
            return f"With x of shape {other.shape}: {_within(wrong)}"
    return None


def _lost_digits(got: np.ndarray, x: np.ndarray) -> str:
    """What to say of a norm that is right of x, and wrong of the same numbers far from 0."""
    bad = not np.isfinite(got).all()
    off = "NaN or infinite" if bad else f"off by up to {number(np.abs(got - _normed(x)).max())}"
    said = f"Far from 0, digits are lost: x + 1e8 should give what x gives, and is {off}."
    if got.dtype == np.float32:
        return f"{said} Single precision cannot tell such numbers apart: stay with that of x."
    return (
        f"{said} Is your variance the mean of the squares less the square of the mean? These two "
        "are nearly equal here. Both are rounded before you subtract, and the rounding is larger "
        "than what is left."
    )


def _norm_wrong(told: Any, x: np.ndarray) -> str | None:
    """Compare with the norm that is asked for."""
    return diagnose(told, _normed(x), "what comes out", axes=("channels", "n_frames"))


def _so_far(x: np.ndarray, of: Callable[[np.ndarray], Any], ahead: int = 1) -> np.ndarray:
    """What `of` makes of all up to each frame, and of `ahead` − 1 more."""
    return np.array([of(x[:, : t + ahead]) for t in range(x.shape[1])])


def _normed(x: np.ndarray, floor: float = 1e-8) -> np.ndarray:
    """Each frame against mean and variance of all so far."""
    return (x - _so_far(x, np.mean)) / np.sqrt(_so_far(x, np.var) + floor)


def _other_norms(x: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other norms would give of a sound that is not soft, and what to say of each."""
    n_channels, n_frames = x.shape
    mean, variance = _so_far(x, np.mean), _so_far(x, np.var)
    deviation = np.sqrt(variance)
    squares = _so_far(x, lambda heard: (heard**2).mean())
    frame_mean, heard = x.mean(axis=0), np.arange(1, n_frames + 1)

    def against(m: Any, v: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return (x - m) / np.sqrt(v + 1e-8)

    own = [_so_far(x[k : k + 1], np.mean) for k in range(n_channels)]
    spread = [_so_far(x[k : k + 1], np.var) for k in range(n_channels)]
    before = np.concatenate([[np.nan], mean[:-1]]), np.concatenate([[np.nan], variance[:-1]])
    to_come = x[:, ::-1]
    channels = x.T
    return [
        (
            against(x.mean(), x.var()),
            "Every frame is measured against the whole sound, and hears what is still to come. "
            "Only frames up to its own count.",
        ),
        (
            against(frame_mean, x.var(axis=0)),
            "Each frame is measured against itself alone. (In other people's code cLN may be short "
            "for that, the channel-wise norm.) All frames *up to* it count.",
        ),
        (
            against(np.stack(own), np.stack(spread)),
            "Each channel is measured for itself. One mean and one variance are of all channels "
            "together.",
        ),
        (
            against(x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)),
            "Each channel is measured for itself, and against all frames, those still to come "
            "included. All channels count together, and frames up to now.",
        ),
        (
            against(*before),
            "The frame itself is not among those it is measured against. *Up to and including* it, "
            "it is.",
        ),
        (
            against(before[0], variance),
            "The mean leaves the frame itself out. It is among those it is measured against.",
        ),
        (
            against(_so_far(x, np.mean, 2), _so_far(x, np.var, 2)),
            "It hears one frame of what is still to come. `x[:, : t + 1]` ends with frame t.",
        ),
        (
            against(_so_far(to_come, np.mean)[::-1], _so_far(to_come, np.var)[::-1]),
            "Each frame is measured against itself and what is still to come. It is what came "
            "*before* that counts.",
        ),
        (
            against(_so_far(channels, np.mean)[:, None], _so_far(channels, np.var)[:, None]),
            "You go from channel to channel. It is frames, axis 1, that come one after the other.",
        ),
        (
            against(mean, variance * n_channels * heard / (n_channels * heard - 1)),
            "The variance is divided by one less than there are numbers. Here it is their plain "
            "mean of squares, ddof=0.",
        ),
        (
            x / deviation,
            "The mean is not taken away: only the size is right.",
        ),
        (
            x / np.sqrt(squares),
            "You divide by the root of the mean square, and take no mean away.",
        ),
        (
            against(mean, squares),
            "The mean is taken away, but not before you square: the variance is the mean of the "
            "squares less the square of the mean.",
        ),
        (x - mean, "The mean is taken away. The division by the standard deviation is missing."),
        ((x - mean) / (variance + 1e-8), "You divide by the variance. Its root is wanted."),
        ((x - mean) * deviation, "You multiply by the standard deviation. Divide."),
        (
            against(mean, np.cumsum(x.var(axis=0)) / heard),
            "The mean is right. The variance is the mean of each frame's own: how much the frames' "
            "means differ from each other is missing in it.",
        ),
        (
            against(mean, _so_far(frame_mean[None], np.var)),
            "The mean is right. The variance is that of the frames' means: how much the channels "
            "differ within a frame is missing in it.",
        ),
        (
            against(mean, np.cumsum(((x - mean) ** 2).mean(axis=0)) / heard),
            "The mean is right. In the variance each earlier frame is measured against the mean of "
            "*its* time; with every new frame, the mean of all earlier ones has moved as well.",
        ),
        (
            against(mean, ((x - mean) ** 2).mean(axis=0)),
            "The mean is right. The variance is that of the present frame alone around it: those "
            "before it count, too.",
        ),
        (
            against(mean, x.var(axis=0)),
            "The mean is that of all frames so far. The variance must be so too, and is that of "
            "the present frame.",
        ),
        (
            against(mean, x.var()),
            "The mean is that of all frames so far. The variance must be so too, and is that of "
            "the whole sound.",
        ),
        (
            against(frame_mean, variance),
            "The variance is that of all frames so far. The mean must be so too, and is that of "
            "the present frame.",
        ),
        (
            against(x.mean(), variance),
            "The variance is that of all frames so far. The mean must be so too, and is that of "
            "the whole sound.",
        ),
        (
            against(mean * n_channels, variance),
            "The mean is `channels` times too large: so many numbers are added up in each frame.",
        ),
        (x, "Nothing has changed: that is x as it was."),
    ]


def _other_floors(x: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other small numbers would give of a soft sound, and what to say of each."""
    mean, variance = _so_far(x, np.mean), _so_far(x, np.var)
    return [
        (
            (x - mean) / (np.sqrt(variance) + 1e-8),
            "In a soft sound it is seen that you add 1e-8 after the root is taken. Add it to the "
            "variance.",
        ),
        (
            (x - mean) / np.sqrt(variance),
            "In a soft sound it is seen that nothing is added to the variance. 1e-8 is wanted.",
        ),
        (
            (x - mean) / np.sqrt(np.maximum(variance, 1e-8)),
            "You divide by the root of the variance or of 1e-8, whichever is larger. Add the two.",
        ),
        *(
            (
                _normed(x, 10.0**-k),
                f"In a soft sound it is seen that you add 1e-{k} to the variance. 1e-8 is wanted.",
            )
            for k in (5, 6, 7, 9, 10, 12)
        ),
    ]


@exercise(
    "18.5",
    title="Which latents speak",
    hints=[
        "For one Gaussian the divergence from the standard one is known: its mean squared, its "
        "variance, the logarithm of that, and a 1. At mean 0 and variance 1 it must be 0.",
        "It is half of mean**2 + variance − 1 − log variance. What you are given is the logarithm "
        "already. Frames are the first axis.",
        "return (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(axis=0) / 2",
    ],
    when_right="0 means: never told anything but what the prior says. Added up over latents, and "
    "over sources, it is the second term of the loss.",
)
def grade_nats(answer: Callable[..., Any]) -> str | None:
    """Right is the divergence of each latent, the mean over frames; others are known by value."""
    rng = np.random.default_rng(185)
    shape = (7, 4)
    mean, log_variance = rng.normal(0, 1.2, shape), rng.uniform(-3, 1.5, shape)
    mean[:, 3], log_variance[:, 3] = 0, 0
    for m, lv in ((mean, log_variance), (mean[:5, :3] + 1, log_variance[:5, :3])):
        expected = _kl(m, lv).mean(axis=0)
        told = answer(m, lv)
        wrong = diagnose(told, expected, "the divergence", axes=("n_latents",))
        if wrong is None:
            continue
        raw, got = as_array(told), finite(told, expected.shape)
        if got is not None:
            if m is not mean:
                return f"With {len(m)} frames: {_within(wrong)} With {len(mean)} it was right."
            said = known_slip(got, _other_nats(m, lv))
            return said or f"{wrong}{_of_silence(got, m, lv)}"
        return (None if raw is None else _wrong_rank(raw, m, lv)) or wrong
    return None


def _kl(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Divergence of Gaussians from the standard one, in nats."""
    return (mean**2 + np.exp(log_variance) - 1 - log_variance) / 2


def _of_silence(got: np.ndarray, mean: np.ndarray, log_variance: np.ndarray) -> str:
    """A word on a latent that says nothing, when there is one and it is charged."""
    silent = ~(mean.any(axis=0) | log_variance.any(axis=0))
    if not silent.any() or np.allclose(got[silent], 0, atol=1e-6):
        return ""
    return (
        f" Latent {int(silent.argmax())} has mean 0 and variance 1 in every frame, as the prior "
        "has: that costs nothing."
    )


def _wrong_rank(raw: np.ndarray, mean: np.ndarray, log_variance: np.ndarray) -> str | None:
    """What to say of an answer that is not one finite number for each latent, if anything."""
    n_frames, n_latents = mean.shape
    if raw.shape == (n_latents,):
        return (
            "It is NaN or infinite. `log_variance` is a logarithm already, and may be below 0: "
            "take none of it."
        )
    if raw.shape == mean.shape:
        return (
            f"That has shape {raw.shape}, a number for each frame and latent. The mean over frames "
            "is missing."
        )
    if raw.shape == (n_frames,):
        return (
            "That is a number for each frame. Asked is one for each latent, shape "
            f"({n_latents},): the mean is over axis 0."
        )
    if raw.shape == ():
        each = _kl(mean, log_variance)
        added = np.isclose(raw, each.sum(axis=1).mean(), rtol=1e-4)
        how = "the sum over latents" if added else "over all latents"
        return f"That is one number, {how}. Asked is one for each latent, shape ({n_latents},)."
    return None


def _other_nats(mean: np.ndarray, log_variance: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other formulas would give, and what to say of each."""
    squared, variance = mean**2, np.exp(log_variance)
    each = _kl(mean, log_variance)

    def halved(terms: np.ndarray) -> np.ndarray:
        return terms.mean(axis=0) / 2

    right = halved(2 * each)
    return [
        (each.sum(axis=0), "That is the sum over frames. Asked is what a latent says per frame."),
        (2 * right, "The half is missing: at mean 1 and variance 1 it is ½."),
        (-right, "It has the wrong sign: a divergence is never below 0."),
        (right / np.log(2), "Those are bits. Asked are nats, with natural logarithms."),
        (
            halved(squared + variance - 1 + log_variance),
            "The logarithm of the variance has the wrong sign: with +log the least would not be at "
            "variance 1.",
        ),
        (
            halved(squared + variance - log_variance),
            "The −1 is missing: at mean 0 and variance 1 it must be 0.",
        ),
        (
            halved(squared + variance + 1 - log_variance),
            "The 1 has the wrong sign: at mean 0 and variance 1 it must be 0.",
        ),
        (
            halved(squared + np.sqrt(variance) - 1 - log_variance),
            "exp(log_variance / 2) is the standard deviation. In the divergence stands the "
            "variance, exp(log_variance).",
        ),
        (
            halved(squared + np.sqrt(variance) - 1 - log_variance / 2),
            "You take exp(log_variance / 2), the standard deviation, for the variance throughout.",
        ),
        (
            halved(squared + variance**2 - 1 - 2 * log_variance),
            "You take `log_variance` for the logarithm of the *standard deviation*, and square "
            "what comes out. It is that of the variance.",
        ),
        (
            halved(squared + variance**2 - 1 - log_variance),
            "exp(log_variance) is the variance, and is not squared.",
        ),
        (
            halved(squared + variance - 1 - log_variance / 2),
            "Half of the logarithm is missing: −log_variance stands next to the variance, and all "
            "of it is halved together.",
        ),
        (
            halved(squared + variance - 1 - 2 * log_variance),
            "The logarithm comes twice: −log_variance stands next to the variance as it is.",
        ),
        (
            halved(squared + log_variance - 1 - variance),
            "exp and its exponent are swapped: + exp(log_variance) − log_variance.",
        ),
        (
            halved(squared + 1 / variance - 1 + log_variance),
            "exp(−log_variance) is one over the variance. In the divergence stands the variance.",
        ),
        (
            halved((1 + squared) / variance - 1 + log_variance),
            "That is the divergence the other way round, of the standard Gaussian from yours. The "
            "posterior comes first.",
        ),
        (
            halved(squared + variance - 1),
            "The logarithm of the variance is missing. Without it, nothing would keep the variance "
            "from going to 0.",
        ),
        (halved(squared), "That is the mean's part alone. What the variance says is missing."),
        (
            halved(variance - 1 - log_variance),
            "The mean's part is missing: half of its square.",
        ),
        (halved(mean + variance - 1 - log_variance), "The mean is not squared."),
        (halved(np.abs(mean) + variance - 1 - log_variance), "The mean is not squared."),
        (
            mean.mean(axis=0) ** 2 / 2 + halved(variance - 1 - log_variance),
            "You take the mean over frames before you square. A latent that says now this, now the "
            "opposite, would seem to be silent.",
        ),
        (
            _kl(mean.mean(axis=0), log_variance.mean(axis=0)),
            "You take the mean of the posteriors over frames, and then its divergence. A latent "
            "that says now this, now the opposite, would seem to be silent.",
        ),
        (
            mean.var(axis=0),
            "That is how much the mean moves from frame to frame. It is a way to find latents that "
            "speak, but not in nats.",
        ),
        (np.median(each, axis=0), "That is the median over frames. Asked is the mean."),
        (each.max(axis=0), "That is the largest over frames. Asked is the mean."),
        (each[0], "That is the first frame alone. Asked is the mean over all."),
        (
            np.full(mean.shape[1], each.mean()),
            "Every latent has the same. The mean is over frames, axis 0, not over all.",
        ),
        (
            right / right.sum(),
            "You have made them add up to 1. Asked are nats as they are.",
        ),
    ]
