"""From ABC text to notes: clean a tune book's text, let symusic's parser read it, keep one plain
melody.

The idea in one sentence: everything in the text that tells which book a tune came from, rather
than how it goes, is removed *before* the notes are read.  ABC files carry rhythm types (``R:``)
that make the parser swing the durations, trill and roll signs that it plays out as flurries of
tiny notes, grace notes that steal time from their neighbours, and staccato dots that shorten
notes: all of them habits of a transcriber.  A classifier would learn these habits and call them
style.

ABC notation: the ABC standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1.  Used in
chapters 01, 06 and 09.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["clean_abc", "header_fields", "key_and_mode", "notes_from_abc", "split_tunes"]

_FIELD = re.compile(r"^([A-Za-z]):(?![|:])\s*(.*)$")
_INLINE_FIELD = re.compile(r"\[([A-Za-z]):\s*([^\]]*)\]")
_ORNAMENTS = re.compile(r'"[^"]*"|![^!\n]*!|\{[^}]*\}')
_SIGNS = re.compile(
    r"[~.$`H-WYh-wy\\]"
)  # what is left beside notes a-g, rests x z, bars and numbers
_METRE = re.compile(r"^(C\||C|\d+/\d+)")
_KEY = re.compile(r"^([A-H])(es|s|#|b)?\s*([A-Za-z]*)")
_SPREAD = 10  # ticks of 480 a quarter
_MODES = {
    "": "", "maj": "major", "ion": "major", "m": "minor", "min": "minor", "aeo": "minor", "dor":
    "dorian", "mix": "mixolydian", "lyd": "lydian", "phr": "phrygian", "loc": "locrian",
}  # fmt: skip


def split_tunes(text: str) -> list[str]:
    """Cut a tune book at its ``X:`` lines.

    Parameters
    ----------
    text : str
        A whole ABC file.  What stands before the first ``X:`` line is dropped.

    Returns
    -------
    list of str
        One text per tune, each beginning with ``X:``.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return ["X:" + part for part in re.split(r"(?m)^X\s*:", text)[1:]]


def header_fields(tune: str) -> dict[str, str]:
    """Read the fields above the notes, up to and including ``K:``.

    Parameters
    ----------
    tune : str
        The text of one tune.

    Returns
    -------
    dict of str to str
        Field letter to text.  Where a field is repeated the first line counts; comments are
        removed.
    """
    fields: dict[str, str] = {}
    for line in tune.splitlines():
        match = _FIELD.match(line.strip())
        if match:
            fields.setdefault(match[1], match[2].split("%")[0].strip())
            if match[1] == "K":
                break
    return fields


def key_and_mode(field: str) -> tuple[str, str]:
    """Take a ``K:`` field apart.

    Parameters
    ----------
    field : str
        For instance ``"Ador"``, ``"E Minor"``, ``"Bb"`` or the German ``"Es"``.

    Returns
    -------
    tonic : str
        ``"A"`` to ``"G"`` with ``#`` or ``b``, or ``""`` when the field names none.
    mode : str
        ``"major"``, ``"minor"``, ``"dorian"``, ..., or ``""`` when the field does not say.
    """
    match = _KEY.match(field)
    if not match:
        return "", ""
    letter, accidental, mode = match.groups(default="")
    if letter == "H":  # the German B natural
        letter = "B"
    if accidental in ("es", "s"):  # the German flat
        accidental = "b"
    mode = "maj" if mode == "M" else mode.lower()
    return letter + accidental, _MODES.get(mode[:3], "minor" if mode.startswith("m") else "")


def clean_abc(tune: str) -> str:
    """Keep the notes, bars and repeats of the first voice, and the fields that notes depend on.

    Parameters
    ----------
    tune : str
        The text of one tune.

    Returns
    -------
    str
        ABC text with the fields ``M L K`` only, and without comments, chord symbols, grace notes,
        ornaments, articulations, words and further voices.
    """
    lines: list[str] = []
    voices: list[str] = []  # in order of appearance; the first is kept
    keep = True
    for line in tune.splitlines():
        line = line.split("%")[0].strip()
        field = _FIELD.match(line)
        if field:
            if field[1] == "V":
                keep = _first_voice(field[2], voices)
            elif keep and field[1] in "MLK":
                lines.append(_plain_field(field[1], field[2]))
            continue
        line = _ORNAMENTS.sub("", line)
        for piece in re.split(r"(\[[A-Za-z]:[^\]]*\])", line):
            inline = _INLINE_FIELD.fullmatch(piece)
            if inline and inline[1] == "V":
                keep = _first_voice(inline[2], voices)
            elif keep and inline and inline[1] in "MLK":
                lines.append(_plain_field(inline[1], inline[2]))
            elif keep and not inline:
                lines.append(_SIGNS.sub("", piece).strip())
    return "".join(line + "\n" for line in lines if line)  # an empty line would end the tune


def _first_voice(name: str, voices: list[str]) -> bool:
    name = name.split()[0] if name.split() else ""
    if name not in voices:
        voices.append(name)
    return name == voices[0]


def _plain_field(letter: str, value: str) -> str:
    if letter == "M":
        match = _METRE.match(value)
        value = match[1] if match else "none"
    elif letter == "K":
        tonic, mode = key_and_mode(value)
        value = (tonic or "C") + {"": "", "major": ""}.get(mode, mode[:3])
    return f"{letter}:{value}"


def notes_from_abc(tunes: Sequence[str]) -> list[np.ndarray | None]:
    """Read tunes, each as a single line of notes, repeats played out.

    Parameters
    ----------
    tunes : sequence of str
        Texts of single tunes, as in the book (they are cleaned here).

    Returns
    -------
    list of numpy.ndarray or None
        For each tune (n_notes, 3) float64: MIDI pitch, onset and duration, both in quarter notes;
        None where the parser found no notes.  Of notes that begin together only the highest is
        kept, and no note outlasts the beginning of the next.

    Raises
    ------
    TypeError
        If `tunes` is one text instead of a list of texts.
    RuntimeError
        If symusic came without its ABC parser.

    Notes
    -----
    ``symusic.Score.from_abc`` starts the program ``abc2midi`` (J. Allwright and S. Shlien), which
    it brings with it, once for every tune, and hands it the text in a temporary file whose name is
    the same in every process: two processes that read ABC at the same time get each other's tunes.
     Here the program is started once for the whole list, in a folder of its own: safe, silent, and
     ten times faster.
    """

    if isinstance(tunes, str):
        raise TypeError("tunes must be a list of texts, got one text")
    cleaned = [clean_abc(tune) for tune in tunes]
    found: list[np.ndarray | None] = []
    while len(found) < len(cleaned):  # a tune that brings the parser down costs one more round
        found += _parse(cleaned[len(found) :])
    return found


def _parse(cleaned: Sequence[str]) -> list[np.ndarray | None]:
    """Run the parser once; returns as many results as it got through, at least one."""
    from symusic import Score

    with tempfile.TemporaryDirectory(prefix="etudes-abc-") as folder:
        text = "\n".join(f"X:{i + 1}\n{tune}" for i, tune in enumerate(cleaned))
        (Path(folder) / "tune.abc").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [_parser(), "tune.abc", "-silent"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        found: list[np.ndarray | None] = []
        for i in range(len(cleaned)):
            path = Path(folder) / f"tune{i + 1}.mid"
            whole = path.is_file() and path.stat().st_size > 14  # a MIDI file's header alone
            try:
                found.append(_melody(Score.from_file(str(path))) if whole else None)
            except RuntimeError:  # half a file
                found.append(None)
    if done.returncode != 0:  # it broke down at the tune after the last that it finished
        read = [i for i, notes in enumerate(found) if notes is not None]
        found = found[: read[-1] + 2] if read else found[:1]
    return found


def _parser() -> str:
    """Path of the ABC parser inside the symusic package."""
    import symusic

    for path in sorted((Path(symusic.__file__).parent / "bin").glob("abc2midi*")):
        return str(path)
    raise RuntimeError(
        "the ABC parser abc2midi was not found inside the symusic package; "
        'install it again with: pip install --force-reinstall --no-deps "symusic>=0.5.8,<0.6"'
    )


def _melody(score: Any) -> np.ndarray | None:
    tracks = [track for track in score.tracks if len(track.notes) > 0]
    if not tracks:
        return None
    found = tracks[0].notes.numpy()
    # The parser starts every note one tick late and ends it one tick early.
    tick = score.ticks_per_quarter
    onset, pitch = found["time"].astype(np.int64) - 1, found["pitch"].astype(np.int64)
    end = onset + found["duration"].astype(np.int64) + 1
    order = np.lexsort((pitch, onset))
    onset, end, pitch = onset[order], end[order], pitch[order]
    # It also spreads a chord, one note every ten ticks: each run of such notes is one chord.
    chord = np.cumsum(np.diff(onset, prepend=onset[0] - _SPREAD - 1) > _SPREAD) - 1
    first = np.flatnonzero(np.diff(chord, prepend=-1))
    onset = onset[first]
    pitch, end = np.maximum.reduceat(pitch, first), np.maximum.reduceat(end, first)
    end[:-1] = np.minimum(end[:-1], onset[1:])
    return np.column_stack([pitch, onset / tick, (end - onset) / tick]).astype(np.float64)
