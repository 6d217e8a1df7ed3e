"""Graders of chapter 1, "Sound as numbers": aliases, µ-law, piano-rolls, bits, a composer.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 1 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from etudes.checks import describe
from etudes.exercises.bigrams import bigram, slips
from etudes.exercises.diagnosis import as_array, diagnose
from etudes.exercises.registry import Right, exercise


def _tones(heard: float, rate: float, highest: float) -> list[float]:
    multiples = range(int(highest / rate) + 2)
    found = {m * rate + side * heard for m in multiples for side in (-1, 1)}
    return sorted(f for f in found if 0 <= f <= highest)


@exercise(
    "01.1",
    title="Which tones could it have been?",
    hints=[
        "Samples cannot tell f from f − m · sample_rate, for any whole m; and a cosine of "
        "−1,000 Hz is a cosine of 1,000 Hz.",
        "So the candidates are m · sample_rate − heard and m · sample_rate + heard, m = 0, 1, 2 …",
        "Put them into a set, keep those within 0…highest, and sort.",
    ],
    when_right="Without a filter before sampling there is no way to choose among them afterwards.",
)
def grade_possible_tones(answer: Callable[..., Any]) -> str | None:
    """Right is every |m fs ± heard| up to the limit, each once, in order."""
    for heard, rate, highest in ((1000, 4000, 8000), (440, 16000, 40000), (2000, 4000, 11000)):
        right = _tones(heard, rate, highest)
        got = as_array(list(answer(heard, rate, highest)))
        if got is None or got.ndim != 1:
            return "Return a list of frequencies, numbers in hertz."
        case = f"for {heard} Hz at {rate:,} samples a second, up to {highest:,} Hz"
        values = got.astype(float).tolist()
        if len(set(values)) < len(values):
            return f"Each frequency once, please: {case} some come twice."
        if values and (min(values) < 0 or max(values) > highest):
            return f"Some of yours lie outside 0…highest {case}."
        if values == right:
            continue
        if sorted(values) == right:
            return f"All the right frequencies {case}, but not in ascending order."
        missing = sorted(set(right) - set(values))
        wrong = sorted(set(values) - set(right))
        if not wrong and heard not in values:
            return f"The tone may also have been what it sounds like: {heard} Hz is missing."
        if not wrong and all((f - heard) % rate == 0 for f in values):
            return (
                "You found those a whole number of sample rates higher. The mirror images are "
                f"missing: f − m · sample_rate may come out negative, such as {missing[0]:g} − "
                f"{rate:,}, and a cosine does not care about the sign."
            )
        if not wrong and all((f + heard) % rate == 0 for f in values if f != heard):
            return (
                "The mirror images are there; those above a multiple are missing, such as "
                f"{missing[0]:g} Hz."
            )
        if any((f - heard) % (rate / 2) == 0 or (f + heard) % (rate / 2) == 0 for f in wrong):
            return (
                f"{wrong[0]:g} Hz comes back as something else {case}. Whole multiples of the "
                "sample rate count, not of half of it."
            )
        if not wrong:
            return f"{missing[0]:g} Hz is missing {case}. Does m go far enough?"
        return f"{wrong[0]:g} Hz does not sound like {heard} Hz {case}."
    return None


@exercise(
    "01.2",
    title="The same bits, better spent",
    hints=[
        "Three steps: bend with F, move −1…1 to 0…n_levels−1, round to the nearest whole number.",
        "(F + 1) / 2 lies within 0…1; times n_levels − 1 it lies within 0…n_levels−1.",
        "np.floor(y + 0.5).astype(int) rounds to the nearest; .astype(int) alone cuts off.",
    ],
    when_right=(
        "With a byte for each sample it is far finer where sound is soft: the hiss of eight even "
        "bits is much lower."
    ),
)
def grade_mu_law(answer: Callable[..., Any]) -> str | None:
    """Right agrees with etudes.features.mu_law_encode."""
    from etudes.features import mu_law_encode

    x = np.concatenate([np.linspace(-1, 1, 41), 1e-3 * np.linspace(-1, 1, 11)])
    for n_levels in (256, 32):
        right = mu_law_encode(x, n_levels)
        raw = as_array(answer(x, n_levels))
        if raw is None or raw.shape != right.shape:
            return diagnose(raw, right, "the code", axes=("n_samples",))
        got = raw.astype(float)
        if np.array_equal(got, right):
            continue
        mu = n_levels - 1
        bent = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
        scaled = (bent + 1) / 2 * mu
        all_levels = np.sign(x) * np.log1p(n_levels * np.abs(x)) / np.log1p(n_levels)
        top = "The largest code is n_levels − 1, and µ is n_levels − 1 too, not n_levels."
        slips = {
            top: np.floor((all_levels + 1) / 2 * n_levels),
            "µ is n_levels − 1, not n_levels.": np.floor((all_levels + 1) / 2 * mu + 0.5),
            "You bend, and stop there: move the result to 0…n_levels−1 and round it.": bent,
            "Right but for the rounding: the codes must be whole numbers.": scaled,
            "The codes are cut off, not rounded: add 0.5 before `np.floor`.": np.floor(scaled),
            "That is the code without the bend: even steps again.": np.round((x + 1) / 2 * mu),
            "Both signs got the same code: multiply by sign(x).": np.floor(
                (np.abs(bent) + 1) / 2 * mu + 0.5
            ),
            "You multiply by n_levels; the largest code is n_levels − 1.": np.floor(
                (bent + 1) / 2 * n_levels + 0.5
            ),
        }
        for message, wrong in slips.items():
            if np.allclose(got, wrong, atol=1e-6):
                return message
        if n_levels == 32:
            plain = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
            if np.allclose(got, np.floor((plain + 1) / 2 * mu + 0.5)):
                return (
                    "Right for 256 levels only: µ is n_levels − 1, and n_levels is not always 256."
                )
        if np.abs(got - right).max() <= 1:
            return "Nearly: some codes are one off. Round to the nearest, and halves upwards."
        return diagnose(got, right, f"the code with {n_levels} levels")
    return None


@exercise(
    "01.3",
    title="A score on a grid",
    hints=[
        "A note sounds from step onset · steps_per_quarter up to, but not including, step "
        "(onset + duration) · steps_per_quarter.",
        "The number of steps is the largest end. np.zeros((n_steps, 128)) is the silent roll.",
        "roll[first:last, pitch] = 1 for each note, with whole numbers.",
    ],
    when_right="Two equal notes in a row have become one long one: that is what a roll forgets.",
)
def grade_piano_roll(answer: Callable[..., Any]) -> str | None:
    """Right agrees with etudes.features.piano_roll."""
    from etudes.features import piano_roll

    score = np.array([(60, 0, 1), (64, 1, 0.5), (67, 0.5, 2.25), (72, 3, 0.25)])
    thirds = np.array([(60, 0, 1 / 3), (62, 1 / 3, 1 / 3), (64, 2 / 3, 1 / 3)])
    twice = np.array([(60, 0, 2), (60, 1, 2)])  # one pitch, struck again while it sounds
    for notes, steps in ((score, 4), (score, 8), (score[::-1], 4), (thirds, 12), (twice, 4)):
        right = piano_roll(notes, steps)
        got = as_array(answer(notes, steps))
        if got is None or got.ndim != 2:
            return diagnose(got, right, "the piano-roll", axes=("n_steps", "128"))
        if got.shape == (128, len(right)):
            return (
                "Time runs down: a row for each step, a column for each pitch. Yours are swapped."
            )
        if got.shape == right.shape and np.array_equal(got, right):
            continue
        if got.shape[1] == 128 and len(got) == len(right) + 1 and not got[-1].any():
            return "One empty step too many at the end: the roll ends with the last note."
        if got.shape[1] == 128 and len(got) < len(right):
            return (
                f"{len(got)} steps instead of {len(right)}: the roll ends where the last note "
                "*ends*, and there are steps_per_quarter steps to a quarter note."
            )
        if got.shape == right.shape:
            extra, missing = (got > 0) & (right == 0), (got == 0) & (right > 0)
            if notes is thirds:
                return (
                    "A third of a quarter note does not come out even: 2/3 · 12 is 7.999… to a "
                    "computer. Round to the nearest step; cutting off loses one."
                )
            if notes is twice and np.array_equal(got > 0, right > 0):
                return "Where a pitch is struck again while it sounds, the cell is still a 1."
            if not missing.any() and (extra.sum(axis=0) <= 2).all():
                return (
                    "Notes last a step too long: the step where one ends is not its own any more."
                )
            if np.array_equal(np.roll(got, 1, axis=1), right) or np.array_equal(
                np.roll(got, -1, axis=1), right
            ):
                return "Everything is one pitch off: column p is MIDI number p, counted from 0."
            if not extra.any():
                return (
                    "Some notes are too short or missing: a note fills all steps from onset to end."
                )
            if np.array_equal(got > 0, right > 0):
                return "The right cells are filled, but with other values than 1."
        return diagnose(got, right, "the piano-roll", axes=("n_steps", "128"))
    return None


@exercise(
    "01.4",
    title="Bits by hand",
    hints=[
        "Two tables: Counter(learned) for single notes, and for each note a Counter of its "
        "continuations.",
        "p = 1 / n_pitches; then twice p = (c(h, x) + T p) / (c(h) + T), first with the single "
        "notes, then with the continuations of the note before.",
        "A note that nothing ever followed has c = T = 0: leave p as it is.",
    ],
    when_right="The from-scratch chain of this chapter does the same, to any depth.",
)
def grade_bigram_bits(answer: Callable[..., Any]) -> str | None:
    """Right is the mean of -log2 of the interpolated Witten-Bell bigram."""
    cases = (
        ([60, 62, 64, 60, 62, 60, 67], [60, 62, 64, 62, 60], 12),
        ([60, 62, 64, 60, 62, 60, 67], [67, 60, 61, 60], 12),  # 67 has no continuation, 61 is new
        ([62, 62, 64, 66, 64, 62, 66, 67, 69, 62], [62, 64, 66, 67, 69, 71, 62], 24),
    )
    for learned, new, n_pitches in cases:
        right = float(-np.log2(bigram(learned, new, n_pitches)).mean())
        got = as_array(answer(list(learned), list(new), n_pitches))
        if got is None or got.ndim:
            return "Return one number: the mean over the notes."
        value = float(got)
        if np.isclose(value, right, rtol=1e-6):
            continue
        if np.isinf(value):
            return (
                f"Infinite for {new} after {learned}: some note got probability zero. Let what was "
                "never counted lean on the shorter context; and count as c(h) only what *followed* "
                "h, which the last note of `learned` has not."
            )
        for message, wrong in slips(learned, new, n_pitches).items():
            if np.isclose(value, wrong, rtol=1e-6):
                return message
        return (
            f"For {new}, learned from {learned} with {n_pitches} pitches, the answer is "
            f"{right:.4f} bits; yours is {value:.4f}. Work out the first pair on paper."
        )
    return None


@functools.cache
def _reels() -> tuple[list[Any], Any, float]:
    """Validation reels as tokens, the chain of order 3, and its bits per note."""
    from etudes.data.scores import load_folk_tunes
    from etudes.episodes import split_classes
    from etudes.generators.markov import MarkovChain
    from etudes.generators.tokens import END, START, encode

    reels = load_folk_tunes("irish-reel")
    learn, validate, _ = split_classes(reels.groups, (0.7, 0.15, 0.15), seed=1)
    chain = MarkovChain(order=3, smoothing="witten-bell").fit(reels[np.isin(reels.groups, learn)])
    tunes = [[*encode(tune), END] for tune in reels[np.isin(reels.groups, validate)][:12]]
    probabilities = [
        chain.probability(tune[i], [START] * 3 + tune[:i])
        for tune in tunes
        for i in range(len(tune))
    ]
    return tunes, chain, float(-np.log2(probabilities).mean())


#: How many bits per note a listener must save.
SAVED = 0.6


@exercise(
    "01.5",
    title="A composer that listens",
    hints=[
        "Reels repeat themselves within the tune. What followed these last notes when they came "
        "before, in this very history?",
        "Count what followed history[-k:] wherever it stood earlier in history, for k around 3.",
        "Let those counts lean on the chain's probabilities as a context leans on its shorter one: "
        "(count + T · p) / (n + T).",
    ],
    when_right="It learns from the few notes at hand. The rest of the book is about that.",
)
def grade_listener(answer: Callable[..., Any]) -> str | None:
    """Right saves 0.6 bits per note against order 3 on validation tunes, summing to one."""
    from etudes.generators.tokens import UNKNOWN

    tunes, chain, baseline = _reels()
    known = set(chain.vocabulary)
    bits = []
    for tune in tunes:
        for i, note in enumerate(tune):
            odds = answer(list(tune[:i]))
            if not isinstance(odds, dict):
                return (
                    f"predict must return a dictionary, token → probability; got {describe(odds)}."
                )
            fault = _fault(odds, known)
            if fault:
                return fault
            p = float(odds[note if note in known else UNKNOWN])
            if p == 0:
                return "Some note that came had probability 0: one such costs infinitely many bits."
            bits.append(-np.log2(p))
    mean = float(np.mean(bits))
    if mean <= baseline - SAVED:
        return Right(f"{mean:.2f} bits per note, where the chain of order 3 needs {baseline:.2f}.")
    if abs(mean - baseline) < 1e-9:
        return (
            f"That is the chain of order 3 itself: {mean:.2f} bits per note. It forgets everything "
            "but three notes; your listener has the whole history."
        )
    better = "already better" if mean < baseline else "not better"
    return (
        f"{mean:.2f} bits per note, {better} than the chain's {baseline:.2f}; "
        f"{baseline - SAVED:.2f} is wanted. A better smoothing alone does not get there: what in "
        "`history`, beyond its last few notes, says what comes next?"
    )


def _fault(odds: dict[Any, Any], known: set[Any]) -> str | None:
    """What keeps a dictionary from being a distribution over the chain's vocabulary."""
    if set(odds) != known:
        more, less = len(set(odds) - known), len(known - set(odds))
        return (
            f"Give a probability to every token of chain.vocabulary and to no other: {less} are "
            f"missing, {more} too many."
        )
    values = np.array([float(p) for p in odds.values()])
    if not np.isfinite(values).all() or values.min() < 0:
        return "Probabilities must be finite and not negative."
    if abs(values.sum() - 1) > 1e-6:
        return (
            f"The probabilities add up to {values.sum():.4g}, not 1: bits mean nothing then. Share "
            "out what you add, or divide by the sum."
        )
    return None
