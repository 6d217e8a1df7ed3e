"""Notes as letters: a melody becomes a sequence of tokens, as a text is one of characters.

The idea in one sentence: a token is a pair, how high and how long, and "how high" is counted from
the tonic (``"degree"``) or from the note before (``"interval"``), so that a tune in G and the same
tune in D are one sequence.

A rest lengthens the note before it: durations here run from onset to onset. Chapter 01.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from etudes.checks import check_in
from etudes.data.tunes import Tune

__all__ = [
    "END",
    "N_POSSIBLE",
    "START",
    "STEPS_PER_QUARTER",
    "UNKNOWN",
    "Token",
    "decode",
    "encode",
    "tonic_pitch",
]

#: How high (semitones above the tonic or the note before) and how long (24ths of a quarter note).
Token = tuple[int, int]

START: Token = (-1000, 0)  # stands before the first note
END: Token = (1000, 0)  # comes after the last one
UNKNOWN: Token = (1001, 0)  # any note that a model has never seen

STEPS_PER_QUARTER = 24  # divides into triplets and into thirty-seconds
LONGEST = 8 * STEPS_PER_QUARTER  # longer notes count as two whole notes
LOWEST, HIGHEST = 21, 108
#: How many notes there are to choose from, whatever came before: 88 pitches, 192 durations.
N_POSSIBLE = (HIGHEST - LOWEST + 1) * LONGEST

_PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def tonic_pitch(key: str) -> int:
    """Return the MIDI pitch of a tonic, the one nearest to middle C.

    Parameters
    ----------
    key : str
        ``"A"`` to ``"G"``, with ``#`` or ``b``.

    Returns
    -------
    int
        From 54 (F sharp) to 65 (F).

    Raises
    ------
    ValueError
        If `key` is no such name.
    """
    letter = key[:1]
    if letter not in _PITCH_CLASS or key[1:].strip("#b"):
        raise ValueError(f"key must be a letter from A to G with # or b, got {key!r}")
    number = _PITCH_CLASS[letter] + key.count("#") - key[1:].count("b")
    return 54 + (number - 54) % 12


def _tonic_of(tune: Tune) -> int:
    """The tonic's pitch; a tune without a key is taken to end on it."""
    if tune.key:
        return tonic_pitch(tune.key)
    return 54 + (int(tune.pitches[-1]) - 54) % 12


def encode(tune: Tune, height: str = "degree") -> list[Token]:
    """Turn a tune into tokens.

    Parameters
    ----------
    tune : Tune
        With or without a key; without one, the last note is taken for the tonic.
    height : {"degree", "interval"}
        Count semitones from the tonic near middle C, or from the note before (from the tonic for
        the first).

    Returns
    -------
    list of Token
        One for each note.

    Raises
    ------
    ValueError
        If `height` is neither.
    """
    check_in(height, "height", ("degree", "interval"))
    pitches = tune.pitches.astype(int) - _tonic_of(tune)
    if height == "interval":
        pitches = np.diff(pitches, prepend=0)
    onsets = np.append(tune.onsets, tune.quarters)
    lengths = np.clip(np.round(np.diff(onsets) * STEPS_PER_QUARTER), 1, LONGEST).astype(int)
    return list(zip(pitches.tolist(), lengths.tolist()))


def decode(
    tokens: Sequence[Token], height: str = "degree", key: str = "D", title: str = ""
) -> Tune:
    """Turn tokens into a tune; undoes :func:`encode` but for rests and very long notes.

    Parameters
    ----------
    tokens : sequence of Token
        Without ``START`` and ``END``.
    height : {"degree", "interval"}
        As for :func:`encode`.
    key : str
        Tonic of the new tune.
    title : str
        Its title.

    Returns
    -------
    Tune
        In the octave that its tokens say, counted from the tonic near middle C.

    Raises
    ------
    ValueError
        If there are no tokens, or a note falls outside of the piano.
    """
    check_in(height, "height", ("degree", "interval"))
    if len(tokens) == 0:
        raise ValueError("tokens must hold at least one note, got none")
    heights, lengths = np.array(tokens).T
    if height == "interval":
        heights = np.cumsum(heights)
    pitches = heights + tonic_pitch(key)
    return Tune(pitches, lengths / STEPS_PER_QUARTER, np.zeros(len(tokens)), title=title, key=key)
