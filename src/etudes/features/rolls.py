"""Notes as a picture and back: time runs down, pitch to the right. Chapter 01 draws them first."""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array, check_positive_int


def piano_roll(notes: Any, steps_per_quarter: int = 4, onsets: bool = False) -> np.ndarray:
    """Notes as a picture: time runs down, pitch to the right, a one where a note sounds.

    Parameters
    ----------
    notes : array_like
        Shape ``(n_notes, 3)`` or more columns: pitch (MIDI number, 0…127), onset and duration (in
        quarter notes). Further columns, such as velocity, are not looked at.
    steps_per_quarter : int
        Grid: 4 is sixteenths. Onsets and ends go to the nearest step, and a note lasts one at
        least.
    onsets : bool
        Give a one only at the step where a note begins. Two equal notes in a row are one long note
        in a roll without onsets; with both rolls nothing is lost but what falls between steps.

    Returns
    -------
    numpy.ndarray
        Uint8, 0 or 1, shape ``(n_steps, 128)``.

    Raises
    ------
    TypeError, ValueError
        When there are no notes, columns are missing, a pitch is not a whole number within 0…127, an
        onset is negative or a duration not above 0.

    Examples
    --------
    >>> piano_roll([(60, 0, 1), (64, 1, 0.5)]).sum(axis=0)[[60, 64]]
    array([4, 2], dtype=uint64)
    """
    pitch, start, end = _on_grid(notes, steps_per_quarter)
    roll = np.zeros((int(end.max()), 128), dtype=np.uint8)
    for p, first, last in zip(pitch, start, end, strict=True):
        roll[first : first + 1 if onsets else last, p] = 1
    return roll


def notes_from_piano_roll(
    roll: Any, steps_per_quarter: int = 4, onsets: Any = None, lowest_pitch: int = 0
) -> np.ndarray:
    """Notes from their picture: the inverse of :func:`piano_roll`, as far as there is one.

    Parameters
    ----------
    roll : array_like
        Shape ``(n_steps, n_pitches)``; a note sounds wherever the value is above 0.
    steps_per_quarter : int
        As it was in :func:`piano_roll`.
    onsets : array_like, optional
        Where notes begin, the same shape. Without it a note lasts as long as its pitch sounds.
    lowest_pitch : int
        MIDI number of the first column: 0, or 21 for the 88 keys of a piano.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_notes, 3)``: pitch, onset and duration (in quarter notes), ordered by
        onset, then pitch. No notes in a silent roll.

    Raises
    ------
    TypeError, ValueError
        When the roll is not a matrix, columns go beyond pitch 127, or onsets have another shape.
    """
    on = check_array(roll, "roll", shape=("n_steps", "n_pitches")) > 0
    check_positive_int(steps_per_quarter, "steps_per_quarter")
    check_positive_int(lowest_pitch, "lowest_pitch", allow_zero=True)
    if lowest_pitch + on.shape[1] > 128:
        raise ValueError(
            f"roll must not go beyond pitch 127, got {on.shape[1]} pitches from {lowest_pitch}"
        )
    silence = np.zeros((1, on.shape[1]), dtype=bool)
    begins = on & ~np.concatenate([silence, on[:-1]])
    if onsets is not None:
        begins |= on & (check_array(onsets, "onsets", shape=on.shape) > 0)
    ends = np.concatenate([~on | begins, ~silence])  # a note ends at a rest, a new note, or the end
    notes = []
    for step, column in zip(*np.nonzero(begins), strict=True):
        length = 1 + int(np.argmax(ends[step + 1 :, column]))
        notes.append((column + lowest_pitch, step / steps_per_quarter, length / steps_per_quarter))
    return np.array(notes, dtype=np.float32).reshape(-1, 3)


def _on_grid(notes: Any, steps_per_quarter: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch, first step and step after the last of every note."""
    x = check_array(notes, "notes", ndim=2).astype(np.float64)
    check_positive_int(steps_per_quarter, "steps_per_quarter")
    if x.shape[1] < 3:
        raise ValueError(f"notes must have columns pitch, onset, duration, got shape {x.shape}")
    pitch, onset, duration = x[:, 0], x[:, 1], x[:, 2]
    if (pitch != np.round(pitch)).any() or pitch.min() < 0 or pitch.max() > 127:
        bad = pitch[(pitch != np.round(pitch)) | (pitch < 0) | (pitch > 127)][0]
        raise ValueError(f"pitch must be a MIDI number within 0..127, got {bad:g}")
    if onset.min() < 0:
        raise ValueError(f"onset must be 0 or later, got {onset.min():g}")
    if duration.min() <= 0:
        raise ValueError(f"duration must be above 0, got {duration.min():g}")
    start = np.floor(onset * steps_per_quarter + 0.5).astype(int)
    end = np.floor((onset + duration) * steps_per_quarter + 0.5).astype(int)
    return pitch.astype(int), start, np.maximum(end, start + 1)
