"""A score as a picture: one bar for each note, time to the right, pitch upwards.

The drawing is an SVG of one path a voice, so that hundreds of notes stay a few kilobytes. Given a
rendered waveform it becomes a player whose cursor moves over the notes.

Used in chapter 01 and wherever music is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from etudes.checks import check_array, check_positive_float, check_sample_rate, check_waveform
from etudes.listen.build import build_player
from etudes.listen.page import Player, Still
from etudes.listen.pictures import Picture, nice_step
from etudes.listen.still import still

#: Fills of the voices, first to last; each at least 3:1 against white and against near-black.
COLOURS = ("#2f74d0", "#c2570c", "#2a8a5f", "#a3519f", "#7a7a20", "#c24a5a")

_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def piano_roll(
    notes: np.ndarray | Mapping[str, np.ndarray],
    title: str = "",
    description: str = "",
    *,
    tempo: float = 120.0,
    waveform: np.ndarray | None = None,
    sample_rate: int | None = None,
) -> Still | Player:
    """Draw notes, and play them when their sound is given.

    Parameters
    ----------
    notes : array_like or mapping of str to array_like
        Rows of pitch (MIDI number, 0…127), onset and duration (quarter notes), and velocity if
        there is a fourth column: shape ``(n_notes, 3)`` or ``(n_notes, 4)``. A mapping draws one
        voice for each name, in its own colour, and names them in the note below.
    title : str
        Shown above the picture.
    description : str
        What there is to see and hear, in words; the number of notes, their range and length are
        added.
    tempo : float
        Quarter notes a minute, so that the cursor stands where the sound is. Only used with
        `waveform`.
    waveform : array_like, optional
        The notes rendered, shape ``(n_samples,)``, float.
    sample_rate : int, optional
        Of the waveform, in Hz.

    Returns
    -------
    Still or Player
        A player when there is a waveform.

    Raises
    ------
    TypeError, ValueError
        When the notes do not have three or four columns, a pitch is outside 0…127, an onset is
        negative or a duration not positive, there is no note, or only one of `waveform` and
        `sample_rate` is given, or the waveform ends before the notes do.
    """
    voices = _check_voices(notes)
    tempo = check_positive_float(tempo, "tempo")
    end = max(float((voice[:, 1] + voice[:, 2]).max()) for voice in voices.values())
    note = _note(voices, end)
    if waveform is None and sample_rate is None:
        return still(_draw(voices, end, title, note), title, description, note)
    if waveform is None or sample_rate is None:
        missing = "waveform" if waveform is None else "sample_rate"
        raise ValueError(f"waveform and sample_rate go together, got no {missing}")
    sound, sample_rate = check_waveform(waveform), check_sample_rate(sample_rate)
    quarters = len(sound) / sample_rate * tempo / 60
    if quarters < 0.98 * end:
        raise ValueError(
            f"waveform must last as long as the notes: at tempo {tempo:g} it holds {quarters:.1f} "
            f"quarter notes, the notes {end:.1f} (is the tempo that of the rendering?)"
        )
    return build_player(
        {title or "notes": sound},
        sample_rate,
        title=title,
        description=" ".join(part for part in (description, note + ".") if part),
        drawing=_draw(voices, quarters, title, note),
        label="Player with piano roll",
    )


def pitch_name(pitch: float) -> str:
    """A MIDI number as a name: 60 is ``C4``."""
    number = round(pitch)
    return f"{_NAMES[number % 12]}{number // 12 - 1}"


def _check_voices(notes: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Notes as a mapping of voices, each row a valid note."""
    several = isinstance(notes, Mapping)
    given = dict(notes) if isinstance(notes, Mapping) else {"": notes}
    if not given:
        raise ValueError("notes must hold at least one voice, got an empty mapping")
    voices = {}
    for voice, rows in given.items():
        name = f"notes[{voice!r}]" if several else "notes"
        array = check_array(rows, name, ndim=2).astype(float)
        if array.shape[1] not in (3, 4):
            raise ValueError(
                f"{name} must have shape (n_notes, 3) or (n_notes, 4): pitch, onset, duration "
                f"(and velocity), got {array.shape}"
            )
        if array[:, 0].min() < 0 or array[:, 0].max() > 127:
            wrong = array[:, 0].min() if array[:, 0].min() < 0 else array[:, 0].max()
            raise ValueError(f"{name} must have pitches from 0 to 127, got {wrong:g}")
        if array[:, 1].min() < 0:
            raise ValueError(f"{name} must have onsets of 0 or more, got {array[:, 1].min():g}")
        if array[:, 2].min() <= 0:
            raise ValueError(f"{name} must have durations above 0, got {array[:, 2].min():g}")
        voices[str(voice)] = array
    return voices


def _note(voices: Mapping[str, np.ndarray], end: float) -> str:
    """How many notes, how high and low, how long, in words."""
    parts = []
    for name, voice in voices.items():
        low, high = pitch_name(voice[:, 0].min()), pitch_name(voice[:, 0].max())
        count = f"{len(voice)} note{'s' if len(voice) > 1 else ''}"
        reach = f"from {low} to {high}" if low != high else f"on {low}"
        parts.append(f"{name}: {count} {reach}" if name else f"{count} {reach}")
    return f"{'; '.join(parts)}; {end:g} quarter notes long"


def _draw(voices: Mapping[str, np.ndarray], quarters: float, title: str, note: str) -> Picture:
    """Notes as an SVG that stretches to its box, `quarters` wide."""
    lowest = int(min(voice[:, 0].min() for voice in voices.values())) - 1
    highest = int(max(voice[:, 0].max() for voice in voices.values())) + 1
    if highest - lowest < 12:  # at least an octave, so that few notes are not drawn huge
        lowest = max(-1, lowest - (12 - highest + lowest) // 2)
        highest = lowest + 12
    rows = highest - lowest + 1
    width = 1000.0
    octaves = [pitch for pitch in range(lowest, highest + 1) if pitch % 12 == 0]
    lines = "".join(f"M0 {(highest - pitch + 1) * 10}h{width:g}" for pitch in octaves)
    shapes = [f'<path class="etudes-line" d="{lines}"/>'] if lines else []
    for i, voice in enumerate(voices.values()):
        path = ""
        for pitch, onset, duration in voice[:, :3]:
            left, wide = onset / quarters * width, max(1.5, duration / quarters * width - 1.5)
            path += f"M{left:.1f} {(highest - pitch) * 10 + 0.5:g}h{wide:.1f}v9h-{wide:.1f}z"
        shapes.append(f'<path {_ink(i)} d="{path}"/>')
    alt = escape(f"{title}. Piano roll: {note}." if title else f"Piano roll: {note}.")
    html = (
        f'<svg role="img" aria-label="{alt}" viewBox="0 0 {width:g} {rows * 10}" '
        f'preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )
    ticks = [((pitch - lowest + 0.5) / rows, pitch_name(pitch)) for pitch in octaves]
    if len(ticks) < 2:
        ticks = [((p - lowest + 0.5) / rows, pitch_name(p)) for p in (lowest + 1, highest - 1)]
    step = max(1.0, nice_step(quarters / 8))
    axis = [(float(q / quarters), f"{q:g}") for q in np.arange(0, quarters * 0.97, step)]
    axis.append((1.0, "quarters"))
    axis = [entry for entry in axis if entry[0] < 0.85 or entry[0] == 1.0]
    return Picture(html, ticks, axis, _legend(list(voices)) if len(voices) > 1 else "")


def _ink(voice: int) -> str:
    """How the bars of a voice are drawn: by colour, and every second voice hollow."""
    colour = COLOURS[voice % len(COLOURS)]
    hollow = f' stroke="{colour}" class="etudes-hollow"' if voice % 2 else ""
    return f'fill="{colour}"{hollow}'


def _legend(names: list[str]) -> str:
    """Which bars belong to which voice."""
    entries = (
        f'<span><svg viewBox="0 0 28 14" aria-hidden="true"><path {_ink(i)} d="M1 1h26v12h-26z"/>'
        f"</svg>{escape(name)}</span>"
        for i, name in enumerate(names)
    )
    return f'<p class="etudes-legend">{"".join(entries)}</p>'
