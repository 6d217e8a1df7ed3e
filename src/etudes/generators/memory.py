"""Did the model make it up, or has it learned it by heart?

The idea in one sentence: a tune copies if it shares longer stretches with some training tune than
new *real* tunes of the same style do, because real tunes quote each other too.

So a single number says nothing: measure held-out real tunes in the same way and compare. Used
wherever the book makes music, from chapter 01 on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from etudes.data.tunes import Tune
from etudes.generators.tokens import Token, encode

__all__ = ["Copy", "Memory"]


class Copy(NamedTuple):
    """The longest stretch that a tune shares with a training tune.

    Attributes
    ----------
    n_notes : int
        Its length in notes.
    start : int
        Where it begins in the tune.
    tune : int
        Which training tune it stands in (the first, if several).
    """

    n_notes: int
    start: int
    tune: int


class Memory:
    """Training tunes, indexed so that copies of their parts are found quickly.

    Two stretches are the same when their intervals and their rhythm are: a quotation in another
    key, or at another speed, is one. Rests lengthen the note before.

    Parameters
    ----------
    tunes : iterable of Tune
        The training tunes.
    run : int
        Length in notes of the runs that :meth:`nearest` compares.

    Raises
    ------
    ValueError
        If there are no tunes.
    """

    def __init__(self, tunes: Iterable[Tune], run: int = 5) -> None:
        self.run = run
        self._steps = [_steps(tune) for tune in tunes]
        if not self._steps:
            raise ValueError("tunes must hold at least one tune, got none")
        self._places: dict[int, dict[tuple[Token, ...], int]] = {}
        self._holders: dict[tuple[Token, ...], set[int]] = {}
        for number, steps in enumerate(self._steps):
            for stretch in _stretches(steps, run - 1):
                self._holders.setdefault(stretch, set()).add(number)

    def longest_copy(self, tune: Tune) -> Copy:
        """Find the longest stretch of a tune that stands note for note in a training tune.

        Parameters
        ----------
        tune : Tune
            The tune to look at.

        Returns
        -------
        Copy
            With `n_notes` 1 when not even two notes in a row are found.
        """
        steps = _steps(tune)
        best = Copy(1, 0, 0)
        low, high = 1, len(steps)
        while low <= high:  # every part of a copy is a copy: halve the range
            length = (low + high) // 2
            places = self._index(length)
            for start, stretch in enumerate(_stretches(steps, length)):
                if stretch in places:
                    best = Copy(length + 1, start, places[stretch])
                    low = length + 1
                    break
            else:
                high = length - 1
        return best

    def nearest(self, tune: Tune) -> tuple[float, int]:
        """Find the training tune that holds most of a tune's short runs.

        Parameters
        ----------
        tune : Tune
            The tune to look at.

        Returns
        -------
        share : float
            How much of the tune stands in that training tune, in runs of ``run`` notes: 0 for
            nothing, 1 for everything.
        number : int
            Which training tune it is.
        """
        own = set(_stretches(_steps(tune), self.run - 1))
        shared = np.zeros(len(self._steps))
        for stretch in own:
            for number in self._holders.get(stretch, ()):
                shared[number] += 1
        number = int(shared.argmax())
        return float(shared[number] / max(len(own), 1)), number

    def _index(self, length: int) -> dict[tuple[Token, ...], int]:
        """All stretches of so many steps, with the first training tune that holds each."""
        if length not in self._places:
            places: dict[tuple[Token, ...], int] = {}
            for number, steps in enumerate(self._steps):
                for stretch in _stretches(steps, length):
                    places.setdefault(stretch, number)
            self._places[length] = places
        return self._places[length]


def _steps(tune: Tune) -> list[Token]:
    """From each note to the next: the interval, and the ratio of lengths in hundredths of log 2."""
    tokens = encode(tune, "interval")
    heights = [height for height, _ in tokens]
    lengths = np.array([length for _, length in tokens])
    ratios = np.round(100 * np.log2(lengths[1:] / lengths[:-1])).astype(int)
    return list(zip(heights[1:], ratios.tolist()))


def _stretches(steps: Sequence[Token], length: int) -> list[tuple[Token, ...]]:
    return [tuple(steps[i : i + length]) for i in range(len(steps) - length + 1)]
