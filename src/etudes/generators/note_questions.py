"""What a tree may ask before the next note: thirteen numbers about the notes so far.

The idea in one sentence: where a Markov chain asks "what exactly were the last notes?", a tree asks
one thing at a time: how high, how long, where in the beat, and what came after these two notes
before.

Conditioning on the place in the bar and on the tune's own past, beside the last notes, is the idea
of multiple viewpoints (D. Conklin and I. H. Witten, *Journal of New Music Research* 24, 1995).
Headers are asked nothing: metre and bars are guessed from onsets. Chapter 04.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from etudes.generators.tokens import Token

__all__ = ["LENGTH_QUESTIONS", "QUESTIONS", "ask", "ask_last"]

#: What is asked before a note's height is known.
QUESTIONS = (
    "last height",  # semitones above the tonic near middle C
    "last degree",  # 0 to 11
    "height before last",
    "last step",  # semitones
    "step before last",
    "last length",  # 24ths of a quarter note
    "length before last",
    "place in quarter",  # onset of the note to come, in 24ths, modulo 24 …
    "place in dotted quarter",  # … 36
    "place in half",  # … 48
    "place in dotted half",  # … 72
    "place in whole",  # … 96
    "notes so far",  # up to 64
    "height that followed",  # when the last two heights came before; 60 if they did not
    "length that followed",  # likewise; 0 if they did not
)
#: What is asked before its length: the same, and how high it is.
LENGTH_QUESTIONS = (*QUESTIONS, "height", "step")

PLACES = (24, 36, 48, 72, 96)
NEVER = (60, 0)
LONGEST_COUNT = 64


def ask(tokens: Sequence[Token]) -> np.ndarray:
    """Answer all questions before every note of a tune and before its end.

    Parameters
    ----------
    tokens : sequence of Token
        The notes, heights counted from the tonic (see :func:`~etudes.generators.tokens.encode`).

    Returns
    -------
    numpy.ndarray
        (n_notes + 1, 15) float32, columns as in :data:`QUESTIONS`. Row i knows notes 0…i − 1.
    """
    rows = np.zeros((len(tokens) + 1, len(QUESTIONS)), dtype=np.float32)
    followed: dict[tuple[int, int], Token] = {}
    for i in range(len(tokens) + 1):
        rows[i] = _row(tokens, i, followed)
        if 1 < i < len(tokens):
            followed[tokens[i - 2][0], tokens[i - 1][0]] = tokens[i]
    onsets = np.cumsum([0, *(length for _, length in tokens)])
    for k, period in enumerate(PLACES):
        rows[:, 7 + k] = onsets % period
    return rows


def ask_last(tokens: Sequence[Token]) -> np.ndarray:
    """Answer all questions before the note that comes after these: the last row of :func:`ask`.

    Parameters
    ----------
    tokens : sequence of Token
        The notes so far.

    Returns
    -------
    numpy.ndarray
        (1, 15) float32.
    """
    return ask(tokens)[-1:]


def _row(tokens: Sequence[Token], i: int, followed: dict[tuple[int, int], Token]) -> list[float]:
    """Answers before note i, but for its place in the bar."""
    height, length = tokens[i - 1] if i > 0 else (0, 0)
    before, length_before = tokens[i - 2] if i > 1 else (0, 0)
    earlier = tokens[i - 3][0] if i > 2 else before
    then = followed.get((before, height), NEVER) if i > 1 else NEVER
    return [
        height,
        height % 12,
        before,
        height - before,
        before - earlier,
        length,
        length_before,
        *(0 for _ in PLACES),
        min(i, LONGEST_COUNT),
        *then,
    ]
