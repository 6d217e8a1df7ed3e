"""Chorales as sound: aligned stems and their mixture, for learning to take voices apart.

The idea in a sentence: Bach wrote four melodies that fit together, so rendering them one by one
gives the answer (the stems) to a question (the mixture) as often as wanted, each time with another
tempo, other instruments, other dynamics and another balance.

A fixed tempo, velocity and instrument make separation too easy, which is why all of them vary. The
split is by hymn: harmonisations of one melody never stand on both sides. Chapters 16 to 18 use it;
the scores come from :func:`etudes.data.scores.load_bach_chorales`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from etudes.checks import (
    check_in,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
)
from etudes.data import sampler
from etudes.data.bach import VOICES, Chorale
from etudes.data.cache import cached, progress_bar
from etudes.data.mixture import Mixture, on_steps, packed, unpacked
from etudes.data.programs import label, program_number
from etudes.data.rendering import check_render, sum_of_notes
from etudes.data.scores import load_bach_chorales

__all__ = ["DEFAULT_PROGRAMS", "ChoraleMixtures", "Mixture"]

DEFAULT_PROGRAMS: dict[str, tuple[int, ...]] = {
    "soprano": (73, 68, 71, 40, 56, 52),  # flute, oboe, clarinet, violin, trumpet, choir
    "alto": (69, 71, 41, 60, 52),  # English horn, clarinet, viola, French horn, choir
    "tenor": (70, 42, 57, 66, 52),  # bassoon, cello, trombone, tenor sax, choir
    "bass": (70, 42, 43, 57, 58, 52),  # bassoon, cello, contrabass, trombone, tuba, choir
}
"""Instruments that sustain and reach the notes of each voice."""

SPLITS = {"train": (0.0, 0.7), "validation": (0.7, 0.8), "test": (0.8, 1.0)}

_TEMPO = (60.0, 108.0)  # quarter notes a minute
_VELOCITY, _ACCENT = (60, 110), 8  # of a voice, and how far single notes stray from it
_BALANCE = 5.0  # decibels up or down
_PEAK = (0.3, 0.9)  # of the mixture
_VERSION = 1


class ChoraleMixtures:
    """Endlessly many mixtures of chosen voices; the same for the same seed and index.

    Parameters
    ----------
    voices
        Two or more of ``"soprano"``, ``"alto"``, ``"tenor"``, ``"bass"`` (or only one).
    programs
        Instruments to draw from: a sequence of General MIDI programs (numbers or names) for all
        voices, or one sequence for each voice by name; :data:`DEFAULT_PROGRAMS` by default.
    sample_rate
        In Hz.
    seed
        Of everything drawn.
    split
        ``"train"``, ``"validation"`` or ``"test"``; no hymn is in two of them.
    seconds
        Length of an excerpt that begins on a random quarter note; whole chorales by default.

    Raises
    ------
    ValueError
        When a voice, program or split is unknown (the message suggests the nearest name), or a
        number is out of range.
    TypeError
        When an argument is not of the right kind.

    Examples
    --------
    >>> mixtures = ChoraleMixtures(("soprano", "bass"), {"soprano": [73], "bass": [70]}, seconds=4)
    >>> mixtures[0].stems.shape
    (2, 32000)
    """

    def __init__(
        self,
        voices: Sequence[str] = ("soprano", "bass"),
        programs: Sequence[int | str] | Mapping[str, Sequence[int | str]] | None = None,
        sample_rate: int = 8000,
        seed: int = 0,
        split: str = "train",
        seconds: float | None = None,
    ) -> None:
        if isinstance(voices, str):
            raise TypeError(f"voices must be a sequence of names, got {voices!r}")
        self.voices = tuple(check_in(voice, "voices", VOICES) for voice in voices)
        if not self.voices or len(set(self.voices)) < len(self.voices):
            raise ValueError(f"voices must be different and at least one, got {self.voices}")
        self.programs = {voice: _pool(voice, programs) for voice in self.voices}
        self.sample_rate = check_sample_rate(sample_rate)
        self.seed = check_positive_int(seed, "seed", allow_zero=True)
        self.split = check_in(split, "split", SPLITS)
        self.seconds = None if seconds is None else check_positive_float(seconds, "seconds")

    @functools.cached_property
    def chorales(self) -> list[Chorale]:
        """The chorales of this split in which all chosen voices sing."""
        low, high = SPLITS[self.split]
        chorales = load_bach_chorales()
        first: dict[int, str] = {}
        for chorale in chorales:
            first[chorale.group] = min(
                first.get(chorale.group, chorale.chorale_id), chorale.chorale_id
            )
        return [
            chorale
            for chorale in chorales
            if low <= _place(first[chorale.group]) < high
            and all(len(chorale.voices.get(voice, ())) for voice in self.voices)
        ]

    def __len__(self) -> int:
        """Return the number of chorales; an index may be larger, and begins another round."""
        return len(self.chorales)

    def __iter__(self) -> Iterator[Mixture]:
        """Go through one round: each chorale once."""
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Mixture:
        """Render mixture number `i`, 0 or more.

        In each round of ``len(self)`` mixtures every chorale comes once, in another order.

        Raises
        ------
        ValueError
            When `i` is negative, or a voice is silent; the message names the chorale.
        TypeError
            When `i` is not a whole number.
        """
        i = check_positive_int(i, "i", allow_zero=True)
        turn, position = divmod(i, len(self))
        order = np.random.default_rng([self.seed, 0, turn]).permutation(len(self))
        chorale = self.chorales[order[position]]
        random = np.random.default_rng([self.seed, 1, i])
        tempo = float(random.uniform(*_TEMPO))
        start = self._start(chorale, tempo, random)
        chosen = [int(random.choice(self.programs[voice])) for voice in self.voices]
        sounds = [
            self._sing(chorale, voice, program, tempo, start, random)
            for voice, program in zip(self.voices, chosen)
        ]
        stems = np.zeros((len(sounds), max(map(len, sounds))), dtype=np.float32)
        for stem, sound in zip(stems, sounds):
            stem[: len(sound)] = sound
        gains = 10 ** (random.uniform(-_BALANCE, _BALANCE, len(stems)) / 20)
        peak = np.abs((stems * gains[:, None]).sum(axis=0)).max()
        gains *= random.uniform(*_PEAK) / max(peak, np.abs(stems * gains[:, None]).max())
        stems = on_steps(stems * gains[:, None])
        return Mixture(
            stems=stems,
            mixture=stems.sum(axis=0),
            voices=self.voices,
            programs=tuple(chosen),
            gains=gains,
            tempo=tempo,
            title=chorale.title,
            chorale_id=chorale.chorale_id,
            group=chorale.group,
            start=start,
            sample_rate=self.sample_rate,
        )

    def load(self, n: int, first: int = 0) -> list[Mixture]:
        """Mixtures `first` to ``first + n - 1``, kept in the cache.

        Parameters
        ----------
        n
            How many.
        first
            Index of the first.

        Returns
        -------
        list of Mixture
            The same as ``[self[i] for i in range(first, first + n)]``.

        Raises
        ------
        ValueError, TypeError
            When a number is out of range or not a whole one.
        """
        n = check_positive_int(n, "n")
        first = check_positive_int(first, "first", allow_zero=True)

        def build() -> dict[str, np.ndarray]:
            which = progress_bar(range(first, first + n), "Rendering chorales", unit="chorale")
            return packed([self[i] for i in which])

        recipe = [self.voices, self.programs, self.sample_rate, self.seed, self.split, self.seconds]
        key = hashlib.sha256(json.dumps([*recipe, n, first, sampler.VERSION]).encode())
        for chorale in self.chorales:
            for voice in self.voices:
                key.update(chorale.voices[voice].tobytes())
        arrays = cached(
            f"chorale-mixtures-{self.split}-{n}-{key.hexdigest()[:12]}",
            build,
            version=_VERSION,
            description=f"{n} chorales as {' and '.join(self.voices)}",
        )
        return unpacked(arrays, self.voices, self.sample_rate)

    def _start(self, chorale: Chorale, tempo: float, random: np.random.Generator) -> float:
        """A quarter note from which the excerpt lasts and in which every voice has a note."""
        if self.seconds is None:
            return 0.0
        quarters = self.seconds * tempo / 60
        voices = [chorale.voices[voice] for voice in self.voices]
        end = max(float((notes[:, 1] + notes[:, 2]).max()) for notes in voices)
        for start in random.permutation(int(max(0.0, end - quarters)) + 1):
            if all(len(_cut(notes, float(start), quarters)) for notes in voices):
                return float(start)
        raise ValueError(f"{chorale.title} has no {self.seconds} seconds with all of {self.voices}")

    def _sing(
        self,
        chorale: Chorale,
        voice: str,
        program: int,
        tempo: float,
        start: float,
        random: np.random.Generator,
    ) -> np.ndarray:
        """One voice, one instrument, each note with its own velocity."""
        notes = chorale.voices[voice].astype(np.float64)
        if self.seconds is not None:
            notes = _cut(notes, start, self.seconds * tempo / 60)
        level = random.uniform(*_VELOCITY)
        velocity = np.round(level + random.uniform(-_ACCENT, _ACCENT, len(notes)))
        notes = np.column_stack([notes, np.clip(velocity, 1, 127)])
        sound = sum_of_notes(notes, program, tempo, self.sample_rate, self.seconds)
        what = f"the {voice} of {chorale.title} on program {label(program)}"
        return check_render(sound, what, peak=np.inf)


def _cut(notes: np.ndarray, start: float, quarters: float) -> np.ndarray:
    """Notes that sound in a stretch of time, with onsets counted from its beginning."""
    onset = np.maximum(notes[:, 1] - start, 0)
    end = np.minimum(notes[:, 1] + notes[:, 2] - start, quarters)
    inside = end - onset > 0.05
    return np.column_stack([notes[:, 0], onset, end - onset])[inside]


def _pool(
    voice: str, programs: Sequence[int | str] | Mapping[str, Sequence[int | str]] | None
) -> tuple[int, ...]:
    """Programs that a voice may be played on."""
    if isinstance(programs, (str, int)):
        raise TypeError(f"programs must be a sequence or a mapping, got {programs!r}")
    if programs is None:
        pool: Sequence[int | str] = DEFAULT_PROGRAMS[voice]
    elif isinstance(programs, Mapping):
        if voice not in programs:
            raise ValueError(f"programs must name instruments for {voice}, got {list(programs)}")
        pool = programs[voice]
    else:
        pool = programs
    if isinstance(pool, (str, int)) or not len(pool):
        raise ValueError(f"programs must be a sequence of at least one for {voice}, got {pool!r}")
    return tuple(program_number(program) for program in pool)


def _place(chorale_id: str) -> float:
    """A number from 0 to 1 that belongs to a hymn and to nothing else."""
    return int(hashlib.sha256(chorale_id.encode()).hexdigest()[:8], 16) / 2**32
