"""Notes and scores to sound, with the soundfont that comes with pretty_midi.

The idea in a sentence: a score is a list of notes, and its sound is the sum of the sounds of its
notes, each begun at its own sample; so stems and mixtures are aligned to the sample.

The notes are played by :mod:`etudes.data.sampler`. Chapter 1 renders its first scores.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from etudes.checks import (
    check_array,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
)
from etudes.data import sampler
from etudes.data.programs import label, program_number
from etudes.data.soundfont import default_soundfont

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
LONGEST_NOTE = 300  # seconds


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
        When an argument is out of range, or the program is unknown, refused, or cannot be heard;
        the message names the program.
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
    if length > LONGEST_NOTE:
        raise ValueError(f"length must be at most {LONGEST_NOTE} seconds, got {length:g}")
    rate = check_sample_rate(sample_rate)
    if isinstance(cents, bool) or not isinstance(cents, (int, float, np.number)):
        raise TypeError(f"cents must be a number, got {cents!r}")
    _check_between(float(cents), "cents", -100, 100)
    waveform = sampler.play(
        default_soundfont(),
        number,
        int(pitch),
        int(velocity),
        duration,
        length,
        rate,
        float(cents),
    )
    return check_render(waveform, f"program {label(number)} at pitch {pitch}")


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
    return check_render(waveform, f"program {label(int(programs[0]))}", peak=np.inf)


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
    if loudest < 1e-6:  # 120 dB below full scale
        raise ValueError(
            f"{what} rendered to silence: the soundfont has no sound there, or it is too short"
        )
    if loudest > peak:
        raise ValueError(f"{what} rendered to a peak of {loudest:.2f}, above {peak}")
    return waveform


@functools.lru_cache(maxsize=256)
def _note(program: int, pitch: int, velocity: int, duration: float, sample_rate: int) -> np.ndarray:
    """One note of a score, with up to 0.4 s to fade; remembered, since scores repeat notes."""
    sound = render_note(program, pitch, velocity, duration, sample_rate, duration + 0.4)
    sound.flags.writeable = False
    return sound


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
