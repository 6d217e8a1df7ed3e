"""Instruments: 127 General MIDI programs rendered from an installed soundfont, note by note.

The idea in a sentence: every instrument is a class with as many examples as wanted, its family is
known, and families, not notes, are what a few-shot learner must never have seen.

Programs and families are those of General MIDI Level 1 (MIDI Manufacturers Association, 1991). The
split is fixed by family: four families are for testing and two for validation, so no test
instrument has a close relative among the training ones. Explained in chapters 1 and 2, used by 6.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etudes.checks import (
    check_array,
    check_in,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
)
from etudes.data.cache import cached, progress_bar
from etudes.data.soundfont import default_soundfont

FAMILIES: tuple[str, ...] = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive",
    "sound effects",
)  # fmt: skip
"""The 16 families of General MIDI; programs 8 * i to 8 * i + 7 belong to family i."""

PROGRAMS: tuple[str, ...] = (
    "acoustic grand piano", "bright acoustic piano", "electric grand piano", "honky-tonk piano",
    "electric piano 1", "electric piano 2", "harpsichord", "clavinet",
    "celesta", "glockenspiel", "music box", "vibraphone",
    "marimba", "xylophone", "tubular bells", "dulcimer",
    "drawbar organ", "percussive organ", "rock organ", "church organ",
    "reed organ", "accordion", "harmonica", "tango accordion",
    "nylon guitar", "steel guitar", "jazz guitar", "clean guitar",
    "muted guitar", "overdriven guitar", "distortion guitar", "guitar harmonics",
    "acoustic bass", "fingered bass", "picked bass", "fretless bass",
    "slap bass 1", "slap bass 2", "synth bass 1", "synth bass 2",
    "violin", "viola", "cello", "contrabass",
    "tremolo strings", "pizzicato strings", "orchestral harp", "timpani",
    "string ensemble 1", "string ensemble 2", "synth strings 1", "synth strings 2",
    "choir aahs", "voice oohs", "synth voice", "orchestra hit",
    "trumpet", "trombone", "tuba", "muted trumpet",
    "french horn", "brass section", "synth brass 1", "synth brass 2",
    "soprano sax", "alto sax", "tenor sax", "baritone sax",
    "oboe", "english horn", "bassoon", "clarinet",
    "piccolo", "flute", "recorder", "pan flute",
    "blown bottle", "shakuhachi", "whistle", "ocarina",
    "square lead", "sawtooth lead", "calliope lead", "chiff lead",
    "charang lead", "voice lead", "fifths lead", "bass and lead",
    "new age pad", "warm pad", "polysynth pad", "choir pad",
    "bowed pad", "metallic pad", "halo pad", "sweep pad",
    "rain", "soundtrack", "crystal", "atmosphere",
    "brightness", "goblins", "echoes", "sci-fi",
    "sitar", "banjo", "shamisen", "koto",
    "kalimba", "bagpipe", "fiddle", "shanai",
    "tinkle bell", "agogo", "steel drums", "woodblock",
    "taiko drum", "melodic tom", "synth drum", "reverse cymbal",
    "guitar fret noise", "breath noise", "seashore", "bird tweet",
    "telephone ring", "helicopter", "applause", "gunshot",
)  # fmt: skip
"""Names of the 128 General MIDI programs; the index is the program number."""

UNUSABLE: dict[int, str] = {
    78: "the soundfont has no sound for its pitches 79 to 101, and other players of it read "
    "outside the sample and return noise that differs from run to run",
}
"""Programs that are refused, with the reason."""

USABLE_PROGRAMS: tuple[int, ...] = tuple(p for p in range(119) if p not in UNUSABLE)
"""Programs that make a class: without those refused and without the effects 119 to 127."""

TEST_PROGRAMS: tuple[int, ...] = (*range(16, 24), *range(40, 48), *range(64, 72), *range(88, 96))
"""Organs, strings, reeds and synth pads: never trained on, never used to choose anything."""

VALIDATION_PROGRAMS: tuple[int, ...] = (*range(24, 32), *range(56, 64))
"""Guitars and brass: for choosing hyperparameters and for stopping early."""

TRAIN_PROGRAMS: tuple[int, ...] = tuple(
    p for p in USABLE_PROGRAMS if p not in TEST_PROGRAMS and p not in VALIDATION_PROGRAMS
)
"""All other usable programs."""

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
_NOTE_RANGE = (36, 84)  # C2 to C6, where nearly every instrument can play
_VELOCITIES = (40, 120)
_VERSION = 1


@dataclass(frozen=True)
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


def program_number(program: int | str) -> int:
    """Number of a General MIDI program, from its number or name.

    Parameters
    ----------
    program
        0 to 127, or a name from :data:`PROGRAMS` in any case.

    Returns
    -------
    int
        0 to 127.

    Raises
    ------
    ValueError
        When there is no such program (the message suggests the nearest name), or when it is one
        of :data:`UNUSABLE` (the message says why).
    TypeError
        When it is neither a whole number nor text.
    """
    if isinstance(program, str):
        number = PROGRAMS.index(check_in(program.strip().lower(), "program", PROGRAMS))
    else:
        number = check_positive_int(program, "program", allow_zero=True)
        if number > 127:
            raise ValueError(f"program must lie between 0 and 127, got {number}")
    if number in UNUSABLE:
        raise ValueError(f"program {_label(number)} is left out: {UNUSABLE[number]}")
    return number


def render_note(
    program: int | str,
    pitch: int,
    velocity: int = 90,
    duration: float = 0.8,
    sample_rate: int = 16_000,
    length: float = 1.0,
    cents: float = 0.0,
) -> np.ndarray:
    """Render one note of one instrument.

    Parameters
    ----------
    program
        General MIDI program: a number or a name from :data:`PROGRAMS`.
    pitch
        MIDI note number, 21 to 108; 60 is middle C.
    velocity
        How hard it is played, 1 to 127.
    duration
        Seconds until the key is let go.
    sample_rate
        In Hz.
    length
        Seconds of sound to return, the fading of the note included.
    cents
        Detuning in hundredths of a semitone, −100 to 100.

    Returns
    -------
    np.ndarray
        Waveform of shape ``(round(length * sample_rate),)``, float32, −1 to 1. The same arguments
        give the same numbers.

    Raises
    ------
    ValueError
        When an argument is out of range, or when the soundfont has no sound for this pitch; the
        message names the program.
    TypeError
        When an argument is not a number.

    Examples
    --------
    >>> render_note("flute", 72).shape
    (16000,)
    """
    number = program_number(program)
    _check_between(check_positive_int(pitch, "pitch"), "pitch", LOWEST_PITCH, HIGHEST_PITCH)
    _check_between(check_positive_int(velocity, "velocity"), "velocity", 1, 127)
    duration = check_positive_float(duration, "duration")
    length = check_positive_float(length, "length")
    rate = check_sample_rate(sample_rate)
    if isinstance(cents, bool) or not isinstance(cents, (int, float, np.number)):
        raise TypeError(f"cents must be a number, got {cents!r}")
    _check_between(float(cents), "cents", -100, 100)
    waveform = default_soundfont().play(
        number, int(pitch), int(velocity), duration, length, rate, float(cents)
    )
    return check_render(waveform, f"program {_label(number)} at pitch {pitch}")


def render_score(
    notes: np.ndarray,
    program: int | str | Sequence[int] = 0,
    tempo: float = 120.0,
    sample_rate: int = 16_000,
    length: float | None = None,
) -> np.ndarray:
    """Render a score: notes with their times, in one instrument or one for each note.

    Parameters
    ----------
    notes
        Shape (n_notes, 3) or (n_notes, 4): pitch, onset and duration in quarter notes, and, where
        there is a fourth column, velocity (otherwise 90). The order does not matter.
    program
        One General MIDI program (number or name), or an array of n_notes numbers.
    tempo
        Quarter notes a minute.
    sample_rate
        In Hz.
    length
        Seconds to return; by default until half a second after the last note ends.

    Returns
    -------
    np.ndarray
        Waveform of shape (n_samples,), float32, −1 to 1. When the sum of all notes is louder than
        1, the whole is made quieter until its peak is 1.

    Raises
    ------
    ValueError
        When the shape or a value is wrong, or a note cannot be rendered; the message names the
        program.
    TypeError
        When an argument is not of the right kind.
    """
    waveform = sum_of_notes(notes, program, tempo, sample_rate, length)
    peak = float(np.abs(waveform).max())
    return waveform if peak <= 1 else waveform / np.float32(peak * 1.000001)


def sum_of_notes(
    notes: np.ndarray,
    program: int | str | Sequence[int] = 0,
    tempo: float = 120.0,
    sample_rate: int = 16_000,
    length: float | None = None,
) -> np.ndarray:
    """Do what :func:`render_score` does, without making loud passages quieter.

    Stems need this: scaled one by one they would no longer sum to their mixture.

    Parameters
    ----------
    notes, program, tempo, sample_rate, length
        As in :func:`render_score`.

    Returns
    -------
    np.ndarray
        Waveform of shape (n_samples,), float32, whose peak may exceed 1.

    Raises
    ------
    ValueError, TypeError
        As in :func:`render_score`.
    """
    notes = check_array(notes, "notes", ndim=2).astype(np.float64)
    if notes.shape[1] not in (3, 4):
        raise ValueError(f"notes must have shape (n_notes, 3) or (n_notes, 4), got {notes.shape}")
    tempo = check_positive_float(tempo, "tempo")
    rate = check_sample_rate(sample_rate)
    pitch, onset, held = notes[:, 0], notes[:, 1], notes[:, 2]
    velocity = notes[:, 3] if notes.shape[1] == 4 else np.full(len(notes), 90.0)
    _check_column(pitch, "pitch", LOWEST_PITCH, HIGHEST_PITCH)
    _check_column(velocity, "velocity", 1, 127)
    if (onset < 0).any():
        raise ValueError(f"notes must have onsets of 0 or more, got {onset.min()}")
    if (held <= 0).any():
        raise ValueError(f"notes must have durations above 0, got {held.min()}")
    programs = _programs_of_notes(program, len(notes))
    seconds = 60.0 / tempo
    if length is None:
        length = float((onset + held).max()) * seconds + 0.5
    n_samples = max(1, round(check_positive_float(length, "length") * rate))
    waveform = np.zeros(n_samples, dtype=np.float32)
    for row in np.argsort(onset, kind="stable"):
        start = round(onset[row] * seconds * rate)
        if start >= n_samples:
            continue
        key = (int(programs[row]), round(pitch[row]), round(velocity[row]))
        sound = _note(*key, round(held[row] * seconds, 4), rate)
        stop = min(n_samples, start + len(sound))
        waveform[start:stop] += sound[: stop - start]
    return check_render(waveform, f"program {_label(int(programs[0]))}", peak=np.inf)


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
        version=_VERSION,
        description=f"{n_per_program} notes of each of {len(chosen)} instruments",
    )
    waveforms = np.multiply(arrays["waveforms"], np.float32(1 / 32767), dtype=np.float32)
    program, pitch, velocity = arrays["notes"].T.copy()
    return NoteSet(waveforms, program, pitch, velocity, rate)


def check_render(waveform: np.ndarray, what: str, peak: float = 1.0) -> np.ndarray:
    """Check that something rendered can be heard: finite, not silent, not too loud.

    Parameters
    ----------
    waveform
        Shape (n_samples,).
    what
        What was rendered, for the message ("program 3 (honky-tonk piano)").
    peak
        The loudest value allowed.

    Returns
    -------
    np.ndarray
        `waveform`, unchanged.

    Raises
    ------
    ValueError
        When it cannot be heard; the message begins with `what`.
    """
    if not np.isfinite(waveform).all():
        raise ValueError(f"{what} rendered to NaN or infinity: leave it out")
    loudest = float(np.abs(waveform).max())
    if loudest < 1e-4:
        raise ValueError(
            f"{what} rendered to silence: the soundfont has no sound there, or it is too short"
        )
    if loudest > peak:
        raise ValueError(f"{what} rendered to a peak of {loudest:.2f}, above {peak}")
    return waveform


@functools.lru_cache(maxsize=1024)
def _note(program: int, pitch: int, velocity: int, duration: float, sample_rate: int) -> np.ndarray:
    """One note of a score, with up to 0.4 s to fade; remembered, since scores repeat notes."""
    sound = render_note(program, pitch, velocity, duration, sample_rate, duration + 0.4)
    sound.flags.writeable = False
    return sound


def _plan(program: int, n: int, seed: int) -> list[tuple[int, int]]:
    """The first n (pitch, velocity) pairs of a program, all different, pitches spread first."""
    random = np.random.default_rng(np.random.SeedSequence([seed, program]))
    font = default_soundfont()
    pitches = [p for p in range(_NOTE_RANGE[0], _NOTE_RANGE[1] + 1) if font.zones(program, p, 90)]
    if not pitches:
        raise ValueError(f"program {_label(program)} has no sound between {_NOTE_RANGE}")
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
        raise ValueError(f"program {_label(program)} differs when rendered again: leave it out")


def _programs_of_notes(program: int | str | Sequence[int], n_notes: int) -> np.ndarray:
    if isinstance(program, (int, str, np.integer)):
        return np.full(n_notes, program_number(program))
    programs = check_array(program, "program", ndim=1)
    if len(programs) != n_notes:
        raise ValueError(
            f"program must be one program or one for each of {n_notes} notes, got {len(programs)}"
        )
    for number in np.unique(programs):
        program_number(number)
    return programs


def _check_column(values: np.ndarray, name: str, low: int, high: int) -> None:
    wrong = values[(values < low) | (values > high) | (values != np.round(values))]
    if len(wrong):
        raise ValueError(
            f"notes must have a {name} of whole numbers between {low} and {high}, got {wrong[0]:g}"
        )


def _check_between(value: float, name: str, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low} and {high}, got {value}")


def _label(program: int) -> str:
    return f"{program} ({PROGRAMS[program]})"
