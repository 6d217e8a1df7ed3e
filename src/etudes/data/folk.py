"""The folk tunes that music21 carries with it: which books, which labels, and how they are read.

The idea in one sentence: a tune's *style* is the place or the dance it was collected as, read from the fields of
its ABC file, never from its notes.

Books (all inside the music21 package, so nothing is downloaded):

* the Essen folk song collection (H. Schaffrath, *The Essen Folksong Collection in Kern Format*, CCARH 1995; ABC
  version by S. Shlien): China, Lorraine, Luxembourg, Ireland, and the German books of Erk and Böhme, Zuccalmaglio,
  Fink and others;
* F. O'Neill, *Music of Ireland*, Chicago 1903 (1,850 numbered tunes), typed by many volunteers;
* *Ryan's Mammoth Collection*, Boston 1883, typed by R. Davies;
* J. Aird, *A Selection of Scotch, English, Irish and Foreign Airs*, Glasgow 1782-1803, and two smaller books
  (Northumbrian minstrelsy, American fife tunes), typed by J. Campin and others.

Used in chapters 01, 06 and 09.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from etudes.data.abc_notation import (
    header_fields,
    key_and_mode,
    notes_from_abc,
    split_tunes,
)
from etudes.data.duplicates import near_duplicate_groups
from etudes.data.tunes import TEXT_FIELDS

__all__ = ["build_folk_tunes", "mode_from_notes", "style_of"]

SHORTEST = 8  # notes; anything shorter is a signal or a slip of the typist
LOWEST, HIGHEST = 21, 108  # the piano's compass, as MIDI pitches

#: Folder of music21's corpus, pattern of the file's name, name of the collection.
BOOKS = (
    ("essenFolksong", r"han\d", "han"),
    ("essenFolksong", r"lot", "lot"),
    ("essenFolksong", r"lux", "lux"),
    ("essenFolksong", r"irl", "irl"),
    ("essenFolksong", r"(altdeu|ballad|boehme|dva|erk|fink|kinder|zuccal|variant|test)\w*", r"\1"),
    ("essenFolksong", r"folkHaydn", "haydn"),
    ("oneills1850", r".*", "oneills"),
    ("ryansMammoth", r".*", "ryan"),
    ("airdsAirs", r".*", "aird"),
    ("miscFolk", r"northumbrian.*", "northumbrian"),
    ("miscFolk", r"americanfife.*", "fife"),
)

#: Collections whose tunes carry one style, whatever the dance.
STYLE_OF_COLLECTION = {
    "han": "china",
    "lot": "lorraine",
    "lux": "luxembourg",
    "irl": "ireland",
    "kinder": "german-children",
    "ballad": "german-ballad",
    "altdeu": "altdeutsch",
    "boehme": "boehme",
    "erk": "erk",
    "fink": "fink",
    "zuccal": "zuccalmaglio",
    "dva": "dva",
}

#: The sections of O'Neill's book by number.  They fill `rhythm` where the typist gave no R: field.
ONEILL_SECTIONS = (
    (625, "air"),
    (700, "carolan"),
    (1115, "jig"),
    (1175, "slip jig"),
    (1555, "reel"),
    (1780, "hornpipe"),
    (1800, "long dance"),
    (1850, "march or miscellaneous"),
)
_DANCES = ("slip jig", "jig", "reel", "hornpipe", "strathspey", "clog", "fling", "air")


def corpus_folder() -> Path:
    """Find music21's corpus without importing music21, which takes seconds.

    Raises
    ------
    RuntimeError
        If music21 is not installed, or was installed without its corpus.
    """
    spec = importlib.util.find_spec("music21")
    folder = Path(spec.origin).parent / "corpus" if spec is not None and spec.origin else None
    if folder is None or not (folder / "essenFolksong").is_dir():
        raise RuntimeError(
            "the folk tunes come inside the music21 package, and its corpus was not found; "
            "install it again with: pip install --force-reinstall --no-deps music21"
        )
    return folder


def _dance(text: str) -> str:
    """Name the dance in a field or title: ``"double jig"`` and ``"JIG."`` are both ``"jig"``."""
    text = re.sub(r"slip\s*jig", "slip jig", text.lower())
    return next((dance for dance in _DANCES if re.search(rf"\b{dance}\b", text)), "")


def style_of(collection: str, rhythm: str, title: str) -> str:
    """Give a tune its style label, from its book's fields alone.

    Parameters
    ----------
    collection : str
        As in `Tune.collection`.
    rhythm : str
        The ``R:`` field as typed; empty if there is none.
    title : str
        The ``T:`` field; Ryan's titles end in the dance (``"Acacia -- Reel"``).

    Returns
    -------
    str
        For instance ``"china"`` or ``"irish-slip-jig"``; ``""`` when the book does not say.
    """
    if collection == "oneills":
        dance = _dance(rhythm)
        return "irish-" + dance.replace(" ", "-") if dance else ""
    if collection == "ryan":
        dance = _dance(title.rpartition("--")[2]) or _dance(rhythm)
        return "ryan-" + dance.replace(" ", "-") if dance else ""
    return STYLE_OF_COLLECTION.get(collection, "")


def mode_from_notes(pitches: np.ndarray, durations: np.ndarray, tonic: str) -> str:
    """Guess the mode of a tune whose key field names only the tonic, as the Essen files do.

    The longer-sounding third decides between major and minor, then the degree that tells the modes of one kind
    apart: the seventh for mixolydian, the fourth for lydian, the second for phrygian, the sixth for dorian.

    Parameters
    ----------
    pitches, durations : numpy.ndarray
        (n_notes,) MIDI numbers and quarter notes.
    tonic : str
        ``"A"`` to ``"G"`` with ``#`` or ``b``.

    Returns
    -------
    str
        One of ``major minor dorian phrygian lydian mixolydian``, or ``""`` without a tonic or a third.
    """
    if not tonic:
        return ""
    root = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[tonic[0]]
    root += tonic.count("#") - tonic.count("b")
    weight = np.bincount((pitches.astype(int) - root) % 12, weights=durations, minlength=12)
    if weight[3] == weight[4]:
        return ""
    if weight[4] > weight[3]:
        if weight[6] > weight[5]:
            return "lydian"
        return "mixolydian" if weight[10] > weight[11] else "major"
    if weight[1] > weight[2]:
        return "phrygian"
    return "dorian" if weight[9] > weight[8] else "minor"


def _metre(field: str) -> str:
    field = field.replace(" ", "")
    if field.startswith("C|"):
        return "2/2"
    if field.startswith("C"):
        return "4/4"
    match = re.search(r"^\d+/\d+", field)
    return match[0] if match else "none"


def _origin(collection: str, field: str) -> str:
    """Bring the hierarchical ``O:`` fields of the Essen files to one form, from the large to the small."""
    if not field:
        return {"oneills": "Irland", "ryan": "Amerika, USA", "fife": "Amerika, USA",
                "aird": "Schottland", "northumbrian": "England, Northumberland"}.get(collection, "")  # fmt: skip
    parts = [re.sub(r"\s+", " ", part).strip(" ?.") for part in field.split(",")]
    parts = [part.replace(" (BRD)", "").replace(" (DDR)", "") for part in parts if part]
    return ", ".join(parts[1:] if parts[0] == "Europa" and len(parts) > 1 else parts)


def _texts() -> Iterator[tuple[str, str, str]]:
    """Yield collection, file stem and text of every tune, in a fixed order."""
    folder = corpus_folder()
    for book, pattern, name in BOOKS:
        for path in sorted((folder / book).glob("*.abc")):
            match = re.fullmatch(pattern, path.stem)
            if not match:
                continue
            raw = path.read_bytes()
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
            collection = match.expand(name)
            for tune in split_tunes(text):
                yield collection, path.stem, tune


def _read() -> Iterator[tuple[str, str, str, np.ndarray | None]]:
    """Yield what :func:`_texts` does with the notes of each tune, None where there are none to read."""
    texts = _texts()
    while batch := list(islice(texts, 250)):
        for row, notes in zip(batch, notes_from_abc([tune for _, _, tune in batch]), strict=True):
            yield *row, notes


def _describe(collection: str, stem: str, tune: str) -> dict[str, str]:
    fields = header_fields(tune)
    number = re.sub(r"\D.*", "", fields.get("X", ""))
    title = re.sub(r"\s+", " ", fields.get("T", "")).strip()
    tonic, mode = key_and_mode(fields.get("K", ""))
    rhythm = re.sub(r"\s+", " ", fields.get("R", "")).strip(" ?]")
    style = style_of(collection, rhythm, title)
    if collection == "oneills" and not rhythm and number:
        rhythm = next((name for last, name in ONEILL_SECTIONS if int(number) <= last), "")
    if collection == "ryan":
        tune_id = f"ryan/{stem}"
    elif collection in ("oneills", "aird", "northumbrian", "fife"):
        tune_id = f"{collection}/{number.zfill(4)}"
    else:
        tune_id = f"{stem}/{number.zfill(4)}"
    return {
        "title": title,
        "style": style,
        "collection": collection,
        "origin": _origin(collection, fields.get("O", "")),
        "rhythm": rhythm,
        "metre": _metre(fields.get("M", "")),
        "key": tonic,
        "mode": mode,
        "tune_id": tune_id,
    }


def build_folk_tunes() -> dict[str, np.ndarray]:
    """Read every book; about ten seconds on one core.

    Returns
    -------
    dict of str to numpy.ndarray
        Flat arrays: ``pitches`` (int16), ``durations`` and ``rests`` (float32) of all tunes end to end; ``starts``
        (n_tunes + 1,) where each begins; ``groups`` (n_tunes,) from :func:`~etudes.data.duplicates.near_duplicate_groups`;
        and for each name in ``TEXT_FIELDS`` the tunes' texts, joined by newlines, as UTF-8 bytes.
    """
    from etudes.data.cache import progress_bar

    pieces: list[np.ndarray] = []
    texts: dict[str, list[str]] = {name: [] for name in TEXT_FIELDS}
    seen: dict[str, int] = {}
    for collection, stem, tune, notes in progress_bar(_read(), "Reading folk tunes", unit="tune"):
        if notes is None:
            continue
        pitch, onset, duration = notes.T
        if len(notes) < SHORTEST or pitch.min() < LOWEST or pitch.max() > HIGHEST:
            continue
        row = _describe(collection, stem, tune)
        row["mode"] = row["mode"] or mode_from_notes(pitch, duration, row["key"])
        seen[row["tune_id"]] = seen.get(row["tune_id"], 0) + 1
        if seen[row["tune_id"]] > 1:  # O'Neill's book holds some numbers twice, typed by two people
            row["tune_id"] += f"-{seen[row['tune_id']]}"
        rest = onset - np.concatenate([[0.0], onset[:-1] + duration[:-1]])
        rest[np.abs(rest) < 1e-6] = 0  # fractions that do not quite cancel
        pieces.append(np.column_stack([pitch, duration, rest]))
        for name in TEXT_FIELDS:
            texts[name].append(row[name])
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    flat = np.concatenate(pieces)
    arrays = {
        "pitches": flat[:, 0].astype(np.int16),
        "durations": flat[:, 1].astype(np.float32),
        "rests": flat[:, 2].astype(np.float32),
        "starts": starts.astype(np.int64),
    }
    arrays["groups"] = near_duplicate_groups(
        arrays["pitches"], arrays["starts"], same=_same_number(texts["tune_id"])
    )
    for name, values in texts.items():
        arrays[name] = np.frombuffer("\n".join(values).encode("utf-8"), dtype=np.uint8)
    return arrays


def _same_number(tune_ids: list[str]) -> list[tuple[int, int]]:
    """Pairs of rows known to be one tune: a second typing of the same number of the same book."""
    row = {tune_id: i for i, tune_id in enumerate(tune_ids)}
    pairs = []
    for tune_id, i in row.items():
        first = re.sub(r"-\d+$", "", tune_id)
        if first != tune_id and first in row:
            pairs.append((row[first], i))
    return pairs
