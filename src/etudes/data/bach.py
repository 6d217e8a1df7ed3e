"""Bach's four-part chorales, voice by voice.

The idea in one sentence: soprano, alto, tenor and bass are four melodies that make harmony
together, which is what is needed to learn harmony, and to mix voices and take them apart again.

The scores are those of music21's corpus (typed by M. Greentree and others from the edition of the
Bach-Gesellschaft); titles are those of its chorale list. Some hymns were harmonised many times:
such chorales share a `group`, and a split must keep them together.

Used from chapter 01 on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from etudes.data.duplicates import near_duplicate_groups
from etudes.data.folk import corpus_folder
from etudes.data.musicxml import Part, read_parts

__all__ = ["VOICES", "Chorale", "build_bach_chorales"]

VOICES = ("soprano", "alto", "tenor", "bass")
#: A chorale's text fields.
TEXTS = ("title", "key", "mode", "metre", "chorale_id")

_MAJOR = ("C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F")
_MINOR = ("A", "E", "B", "F#", "C#", "G#", "D#", "Bb", "F", "C", "G", "D")


@dataclass(frozen=True, eq=False)
class Chorale:
    """One chorale.

    Attributes
    ----------
    title : str
        First line of the hymn, or ``"BWV 66.6"`` where it is not known.
    voices : dict of str to numpy.ndarray
        ``"soprano"``, ``"alto"``, ``"tenor"``, ``"bass"``, each (n_notes, 3) float32: MIDI pitch,
        onset and duration in quarter notes. All four start at 0 together or with rests.
    key, mode : str
        Tonic of the key signature (``"F#"``) and ``"major"`` or ``"minor"``, as printed.
    metre : str
        For instance ``"4/4"``.
    chorale_id : str
        For instance ``"bwv66.6"``.
    group : int
        Harmonisations of one melody share a group.
    """

    title: str
    voices: dict[str, np.ndarray] = field(repr=False)
    key: str
    mode: str
    metre: str
    chorale_id: str
    group: int

    @property
    def quarters(self) -> float:
        """Length in quarter notes, to the end of the last note."""
        return float(max(np.max(notes[:, 1] + notes[:, 2]) for notes in self.voices.values()))


def four_voices(parts: list[Part]) -> list[Part] | None:
    """Pick the four singers from a score's parts, by their names; None if they are not four."""
    found: list[Part] = []
    for voice in VOICES:
        named = [part for part in parts if re.match(rf"{voice}\b", part.name.lower())]
        if len(named) != 1 or len(named[0].notes) == 0:
            return None
        found.append(named[0])
    return found


def _titles() -> dict[str, str]:
    from music21.corpus.chorales import ChoraleListRKBWV

    return {str(bwv): entry["title"] for bwv, entry in ChoraleListRKBWV().byBWV.items()}


def build_bach_chorales() -> dict[str, np.ndarray]:
    """Read all chorales with four named voices; about ten seconds on one core.

    Returns
    -------
    dict of str to numpy.ndarray
        ``notes`` (n, 3) float32, all voices of all chorales end to end; ``starts``
        (4 * n_chorales + 1,) where each voice begins; ``groups`` (n_chorales,); and the texts of
        ``TEXTS``, joined by newlines, as UTF-8 bytes.
    """
    from etudes.data.cache import progress_bar

    titles = _titles()
    texts: dict[str, list[str]] = {name: [] for name in TEXTS}
    pieces: list[np.ndarray] = []
    paths = sorted((corpus_folder() / "bach").glob("bwv*.mxl"), key=_number)
    for path in progress_bar(paths, "Reading chorales", unit="chorale"):
        voices = four_voices(read_parts(path))
        if voices is None:
            continue
        soprano = voices[0]
        bwv = path.stem.removeprefix("bwv")
        tonics = _MINOR if soprano.mode == "minor" else _MAJOR
        row = {
            "title": titles.get(bwv, f"BWV {bwv}").replace("\u2019", "'"),
            "key": tonics[soprano.fifths % 12],
            "mode": soprano.mode,
            "metre": soprano.metre,
            "chorale_id": path.stem,
        }
        for name in TEXTS:
            texts[name].append(row[name])
        pieces += [voice.notes for voice in voices]
    arrays = {
        "notes": np.concatenate(pieces).astype(np.float32),
        "starts": np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]),
        "groups": _groups(pieces[::4], texts["title"]),
    }
    for name, values in texts.items():
        arrays[name] = np.frombuffer("\n".join(values).encode("utf-8"), dtype=np.uint8)
    return arrays


def _groups(sopranos: list[np.ndarray], titles: list[str]) -> np.ndarray:
    """Group chorales of one melody or one title."""
    melodies = []
    for pitch, onset, duration in (notes.T for notes in sopranos):
        rests = onset - np.concatenate([[0.0], (onset + duration)[:-1]])
        melodies.append((pitch, duration, np.maximum(rests, 0)))
    plain = [re.sub(r"\W", "", title.lower().split("(")[0]) for title in titles]
    first = {title: i for i, title in reversed(list(enumerate(plain)))}
    same = [(first[title], i) for i, title in enumerate(plain) if first[title] != i]
    return near_duplicate_groups(melodies, ["bach"] * len(plain), [""] * len(plain), same=same)


def _number(path: Path) -> list[int]:
    """Order BWV numbers as numbers: 4.8 before 10.7."""
    return [int(part) for part in re.findall(r"\d+", path.stem)]
