"""Exercise 01.4 worked out: a smoothed bigram, and what the usual slips make of it.

The idea in one sentence: a wrong number is named by computing, beside the right one, what each
likely slip would give. The smoothing is Witten and Bell's (*IEEE Transactions on Information
Theory* 37, 1991), as in chapter 01.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np


def lean(after: Counter[int], note: int, lower: float, n: int | None = None) -> float:
    """Witten-Bell: what followed a context, leaning on the probability from the shorter one.

    Parameters
    ----------
    after : Counter
        How often each note followed.
    note : int
        The note asked for.
    lower : float
        Its probability from the shorter context.
    n : int, optional
        How often the context came; the sum of `after` by default.

    Returns
    -------
    float
    """
    n, t = after.total() if n is None else n, len(after)
    return (after[note] + t * lower) / (n + t) if n else lower


def continuations(learned: list[int]) -> dict[int, Counter[int]]:
    """What followed each note, and how often."""
    found: dict[int, Counter[int]] = {}
    for before, note in pairwise(learned):
        found.setdefault(before, Counter())[note] += 1
    return found


def bigram(learned: list[int], new: list[int], n_pitches: int) -> np.ndarray:
    """Probability of each note of `new` but the first, given the note before it.

    Parameters
    ----------
    learned, new : list of int
        Melodies: one to count in, one to predict.
    n_pitches : int
        How many notes there are to choose from.

    Returns
    -------
    numpy.ndarray
        Shape ``(len(new) - 1,)``, above 0.
    """
    single, pairs = Counter(learned), continuations(learned)
    return np.array(
        [
            lean(pairs.get(before, Counter()), note, lean(single, note, 1 / n_pitches))
            for before, note in pairwise(new)
        ]
    )


def slips(learned: list[int], new: list[int], n_pitches: int) -> dict[str, float]:
    """What the usual slips give instead of the bits per note, each with its diagnosis.

    Parameters
    ----------
    learned, new, n_pitches
        As for :func:`bigram`.

    Returns
    -------
    dict of str to float
    """
    right, single = bigram(learned, new, n_pitches), Counter(learned)
    table, steps = continuations(learned), list(pairwise(new))
    after = [table.get(before, Counter()) for before, _ in steps]
    notes = [note for _, note in steps]
    alone = [lean(single, note, 1 / n_pitches) for note in notes]
    both = list(zip(after, notes, strict=True))
    straight = [lean(s, x, 1 / n_pitches) for s, x in both]
    add_one = [(s[x] + 1) / (s.total() + n_pitches) for s, x in both]
    by_note = [
        lean(s, x, p, n=single[before])
        for (s, x), p, (before, _) in zip(both, alone, steps, strict=True)
    ]
    with_first = [*right, lean(single, new[0], 1 / n_pitches)]
    mean_bits = {
        "That looks at each note alone. A bigram also looks at the note before.": alone,
        "The pair leans on the uniform choice at once; the single note comes in between.": straight,
        "That is add-one smoothing. Witten–Bell gives T parts of c + T to what is new.": add_one,
        "You divide by how often the note before occurs; its last occurrence has no continuation. "
        "c(h) counts what *followed* it.": by_note,
        "The first note has no note before it: leave it out of the mean.": with_first,
    }
    found = {message: float(-np.log2(p).mean()) for message, p in mean_bits.items()}
    nats = "That is in nats, the natural logarithm. Bits take the logarithm to base 2."
    total = "That is the sum over the notes. Bits *per note* are their mean."
    sign = "The sign: a probability below 1 has a negative logarithm, and surprise is positive."
    found[nats] = float(-np.log(right).mean())
    found[total] = float(-np.log2(right).sum())
    found[sign] = float(np.log2(right).mean())
    return found
