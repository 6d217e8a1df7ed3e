"""Instruments: 118 General MIDI programs rendered from an installed soundfont, note by note.

The idea in a sentence: every instrument is a class with as many examples as wanted, its family is
known, and families, not notes, are what a few-shot learner must never have seen.

Names and splits come from :mod:`etudes.data.programs`, single notes and scores from
:mod:`etudes.data.rendering`; both are at hand here too. Chapters 2 and 6 learn to recognise
instruments from their notes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etudes.checks import check_positive_int, check_sample_rate
from etudes.data import sampler
from etudes.data.cache import cached, progress_bar
from etudes.data.programs import (
    FAMILIES,
    PROGRAMS,
    TEST_PROGRAMS,
    TRAIN_PROGRAMS,
    UNUSABLE,
    USABLE_PROGRAMS,
    VALIDATION_PROGRAMS,
    label,
    program_number,
)
from etudes.data.rendering import check_render, render_note, render_score, sum_of_notes

__all__ = [
    "FAMILIES",
    "PROGRAMS",
    "TEST_PROGRAMS",
    "TRAIN_PROGRAMS",
    "UNUSABLE",
    "USABLE_PROGRAMS",
    "VALIDATION_PROGRAMS",
    "NoteSet",
    "check_render",
    "load_instrument_notes",
    "program_number",
    "render_note",
    "render_score",
    "sum_of_notes",
]

_NOTE_RANGE = (36, 84)  # C2 to C6, where nearly every instrument can play
_VELOCITIES = (40, 120)


@dataclass(frozen=True, eq=False)
class NoteSet:
    """Single notes of many instruments.

    Attributes
    ----------
    waveforms
        Shape (n_notes, n_samples), float32, −1 to 1.
    program
        General MIDI program of each note, shape (n_notes,), int64: the class.
    pitch, velocity
        MIDI note number and velocity, each of shape (n_notes,), int64.
    sample_rate
        In Hz.
    """

    waveforms: np.ndarray
    program: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    sample_rate: int

    @property
    def family(self) -> np.ndarray:
        """Number of each note's family in :data:`FAMILIES`, shape (n_notes,)."""
        return self.program // 8

    @property
    def names(self) -> list[str]:
        """Name of each note's instrument."""
        return [PROGRAMS[p] for p in self.program]

    def __len__(self) -> int:
        """Return the number of notes."""
        return len(self.program)

    def select(self, programs: Sequence[int]) -> NoteSet:
        """Notes of these programs only, for example of ``TEST_PROGRAMS``.

        Parameters
        ----------
        programs
            Program numbers or names.

        Returns
        -------
        NoteSet
            In the same order as here.

        Raises
        ------
        ValueError
            When none of the notes belongs to them.
        """
        rows = np.isin(self.program, [program_number(p) for p in programs])
        if not rows.any():
            raise ValueError(f"programs must name some of this set, got {list(programs)}")
        return NoteSet(
            self.waveforms[rows],
            self.program[rows],
            self.pitch[rows],
            self.velocity[rows],
            self.sample_rate,
        )


def load_instrument_notes(
    n_per_program: int = 20,
    sample_rate: int = 16_000,
    seed: int = 0,
    programs: Sequence[int | str] | None = None,
) -> NoteSet:
    """Notes of every usable instrument: one second each, random pitch and velocity.

    Parameters
    ----------
    n_per_program
        Notes for each program. A pitch comes back only when all between 36 and 84 have been used,
        and no (program, pitch, velocity) comes twice.
    sample_rate
        In Hz.
    seed
        Of pitches and velocities. A program's notes depend on nothing else: they are the same
        whichever other programs are asked for, and 10 notes are the first 10 of 20.
    programs
        Numbers or names; all of :data:`USABLE_PROGRAMS` by default.

    Returns
    -------
    NoteSet
        ``n_per_program * len(programs)`` notes in order of `programs`. Kept in the cache as 16-bit
        samples (32 kB a second at 16 kHz).

    Raises
    ------
    ValueError
        When a program is unknown or a note cannot be rendered; the message names the program.
    TypeError
        When a number is not a whole one.
    """
    n_per_program = check_positive_int(n_per_program, "n_per_program")
    if n_per_program > 1000:
        raise ValueError(f"n_per_program must be at most 1000, got {n_per_program}")
    rate = check_sample_rate(sample_rate)
    seed = check_positive_int(seed, "seed", allow_zero=True)
    if isinstance(programs, (str, int)):
        raise TypeError(f"programs must be a sequence of programs, got {programs!r}")
    chosen = [program_number(p) for p in (USABLE_PROGRAMS if programs is None else programs)]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"programs must be different and at least one, got {chosen}")

    def build() -> dict[str, np.ndarray]:
        plan = np.array([(p, *note) for p in chosen for note in _plan(p, n_per_program, seed)])
        waveforms = np.empty((len(plan), rate), dtype=np.int16)
        for row, note in enumerate(progress_bar(plan.tolist(), "Rendering notes", unit="note")):
            program, pitch, velocity = note
            waveform = render_note(program, pitch, velocity, sample_rate=rate)
            if row % n_per_program == 0:
                again = render_note(program, pitch, velocity, sample_rate=rate)
                _check_repeatable(waveform, again, program)
            waveforms[row] = np.round(waveform * 32767)
        return {"waveforms": waveforms, "notes": plan}

    which = hashlib.sha256(repr(chosen).encode()).hexdigest()[:8]
    arrays = cached(
        f"instrument-notes-{len(chosen)}x{n_per_program}-{rate}hz-seed{seed}-{which}",
        build,
        version=sampler.VERSION,
        description=f"{n_per_program} notes of each of {len(chosen)} instruments",
    )
    waveforms = np.multiply(arrays["waveforms"], np.float32(1 / 32767), dtype=np.float32)
    program, pitch, velocity = arrays["notes"].T.copy()
    return NoteSet(waveforms, program, pitch, velocity, rate)


def _plan(program: int, n: int, seed: int) -> list[tuple[int, int]]:
    """The first n (pitch, velocity) pairs of a program, all different, pitches spread first."""
    random = np.random.default_rng(np.random.SeedSequence([seed, program]))
    pitches = np.arange(_NOTE_RANGE[0], _NOTE_RANGE[1] + 1)
    used: set[tuple[int, int]] = set()
    plan: list[tuple[int, int]] = []
    while len(plan) < n:
        for pitch in random.permutation(pitches).tolist():
            velocity = int(random.integers(_VELOCITIES[0], _VELOCITIES[1] + 1))
            if (pitch, velocity) not in used:
                used.add((pitch, velocity))
                plan.append((pitch, velocity))
    return plan[:n]


def _check_repeatable(waveform: np.ndarray, again: np.ndarray, program: int) -> None:
    if not np.array_equal(waveform, again):
        raise ValueError(f"program {label(program)} differs when rendered again: leave it out")
