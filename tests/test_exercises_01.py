"""Chapter 1's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from exercise_helpers import Chapter, Code, ExerciseTests

CHAPTER = Chapter("01")


def tones(expression: str) -> Code:
    """An answer to 01.1 that returns an expression of heard, sample_rate and highest."""
    return Code(f"def possible_tones(heard, sample_rate, highest):\n    return {expression}\n")


def mu_law(expression: str) -> Code:
    """An answer to 01.2 that returns an expression of the bent samples and mu."""
    return Code(
        "def my_mu_law(waveform, n_levels=256):\n"
        "    mu = n_levels - 1\n"
        "    bent = np.sign(waveform) * np.log1p(mu * np.abs(waveform)) / np.log1p(mu)\n"
        f"    return {expression}\n"
    )


def roll(shape: str, cells: str) -> Code:
    """An answer to 01.3 that fills `cells` of a roll of a shape."""
    return Code(
        "def my_piano_roll(notes, steps_per_quarter=4):\n"
        "    first = np.round(notes[:, 1] * steps_per_quarter).astype(int)\n"
        "    last = np.round((notes[:, 1] + notes[:, 2]) * steps_per_quarter).astype(int)\n"
        f"    roll = np.zeros({shape}, dtype=int)\n"
        "    for pitch, a, b in zip(notes[:, 0].astype(int), first, last):\n"
        f"        roll[{cells}] = 1\n"
        "    return roll\n"
    )


BIGRAM = CHAPTER.solution("01.4").code
LISTENER = """
def predict(history):
    odds = chain.probabilities([START] * 3 + history)
    {}
    return odds
"""

WRONG = [
    ("01.1", tones("list(np.arange(heard, highest + 1, sample_rate))"), "mirror images"),
    (
        "01.1",
        tones("[heard] + [m * sample_rate - heard for m in range(1, 9)]"),
        "outside",
    ),
    (
        "01.1",
        tones(
            "sorted({f for m in range(9) for f in (m * sample_rate / 2 - heard, "
            "m * sample_rate / 2 + heard) if 0 <= f <= highest})"
        ),
        "not of half of it",
    ),
    (
        "01.1",
        tones(
            "[f for m in range(9) for f in (m * sample_rate + heard, m * sample_rate - heard) "
            "if 0 <= f <= highest]"
        ),
        "ascending",
    ),
    ("01.1", tones("abs(heard - sample_rate)"), "TypeError"),
    ("01.2", mu_law("bent"), "move the result"),
    ("01.2", mu_law("(bent + 1) / 2 * mu"), "whole numbers"),
    ("01.2", mu_law("((bent + 1) / 2 * mu).astype(int)"), "cut off"),
    ("01.2", mu_law("np.floor((waveform + 1) / 2 * mu + 0.5).astype(int)"), "without the bend"),
    (
        "01.2",
        Code(
            "def my_mu_law(waveform, n_levels=256):\n"
            "    bent = np.sign(waveform) * np.log1p(255 * np.abs(waveform)) / np.log(256)\n"
            "    return np.floor((bent + 1) / 2 * (n_levels - 1) + 0.5).astype(int)\n"
        ),
        "256 levels only",
    ),
    ("01.3", roll("(128, last.max())", "pitch, a:b"), "swapped"),
    ("01.3", roll("(last.max(), 128)", "a : b + 1, pitch"), "step too long"),
    ("01.3", roll("(last.max(), 128)", "a, pitch"), "from onset to end"),
    ("01.3", roll("(last.max(), 128)", "a:b, pitch - 1"), "one pitch off"),
    ("01.3", roll("(last.max() + 1, 128)", "a:b, pitch"), "One empty step"),
    ("01.4", Code(BIGRAM.replace("np.log2", "np.log")), "nats"),
    ("01.4", Code(BIGRAM.replace("np.mean", "np.sum")), "sum over the notes"),
    (
        "01.4",
        Code(BIGRAM.replace("(single, ", "(").replace("Counter())):", "Counter()),):")),
        "single note",
    ),
    ("01.4", Code(BIGRAM.replace(", pairs.get(before, Counter())", ",")), "note before"),
    ("01.4", Code(BIGRAM.replace("len(after) * p", "0")), "Infinite"),
    ("01.4", Code(BIGRAM.replace("-np.log2(p)", "np.log2(p)")), "sign"),
    (
        "01.5",
        Code(
            "other = markov.MarkovChain(order=4, smoothing='kneser-ney').fit(train)\n"
            "def predict(history):\n"
            "    return other.probabilities([START] * 4 + history)\n"
        ),
        "better smoothing alone",
    ),
    ("01.5", Code(LISTENER.format("pass")), "chain of order 3 itself"),
    ("01.5", Code(LISTENER.format("odds = {note: 2 * p for note, p in odds.items()}")), "add up"),
    ("01.5", Code(LISTENER.format("odds.pop(END)")), "missing"),
    ("01.5", Code(LISTENER.format("odds = list(odds.values())")), "dictionary"),
    (
        "01.5",
        Code(
            "other = markov.MarkovChain(order=2, smoothing='witten-bell').fit(train)\n"
            "def predict(history):\n"
            "    return other.probabilities([START] * 2 + history)\n"
        ),
        "bits per note",
    ),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG
