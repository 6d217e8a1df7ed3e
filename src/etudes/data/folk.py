"""The folk tunes that music21 carries with it: which books, which labels, and how they are read.

The idea in one sentence: a tune's *style* is the place or the dance it was collected as, read from
the fields of its ABC file, never from its notes.

Books (all inside the music21 package, so nothing is downloaded):

* the Essen folk song collection (H. Schaffrath, *The Essen Folksong Collection in Kern Format*,
  CCARH 1995; ABC version by S. Shlien): China, Lorraine, Luxembourg, Ireland, and the German books
  of Erk and Böhme, Zuccalmaglio, Fink and others;
* F. O'Neill, *Music of Ireland*, Chicago 1903 (1,850 numbered tunes), typed by many volunteers;
* *Ryan's Mammoth Collection*, Boston 1883, typed by R. Davies;
* J. Aird, *A Selection of Scotch, English, Irish and Foreign Airs*, Glasgow 1782-1803, and two
  smaller books (Northumbrian minstrelsy, American fife tunes), typed by J. Campin and others.

Used in chapters 01, 06 and 09.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from etudes.data.abc_notation import notes_from_abc, split_tunes
from etudes.data.duplicates import near_duplicate_groups
from etudes.data.folk_labels import TRADITION, describe_tune, mode_from_notes, plain_title
from etudes.data.tunes import TEXT_FIELDS

__all__ = ["build_folk_tunes", "corpus_folder"]

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
    """Yield what :func:`_texts` does and the notes of each tune, None where there are none."""
    texts = _texts()
    while batch := list(islice(texts, 250)):
        for row, notes in zip(batch, notes_from_abc([tune for _, _, tune in batch]), strict=True):
            yield *row, notes


def build_folk_tunes() -> dict[str, np.ndarray]:
    """Read every book; about ten seconds on one core.

    Returns
    -------
    dict of str to numpy.ndarray
        Flat arrays: ``pitches`` (int16), ``durations`` and ``rests`` (float32) of all tunes end to
        end; ``starts`` (n_tunes + 1,) where each begins; ``groups`` (n_tunes,) from
        :func:`~etudes.data.duplicates.near_duplicate_groups`; and for each name in ``TEXT_FIELDS``
        the tunes' texts, joined by newlines, as UTF-8 bytes.
    """
    from etudes.data.cache import progress_bar

    pieces: list[np.ndarray] = []
    texts: dict[str, list[str]] = {name: [] for name in TEXT_FIELDS}
    seen: dict[str, int] = {}
    n_unread = n_tunes = 0
    for collection, stem, tune, notes in progress_bar(_read(), "Reading folk tunes", unit="tune"):
        n_tunes += 1
        if notes is None:  # a handful, with ABC that the parser does not understand
            n_unread += 1
            continue
        pitch, onset, duration = notes.T
        if len(notes) < SHORTEST or pitch.min() < LOWEST or pitch.max() > HIGHEST:
            continue
        row = describe_tune(collection, stem, tune)
        row["mode"] = row["mode"] or mode_from_notes(pitch, duration, row["key"])
        seen[row["tune_id"]] = seen.get(row["tune_id"], 0) + 1
        if seen[row["tune_id"]] > 1:  # O'Neill's book holds some numbers twice, typed by two people
            row["tune_id"] += f"-{seen[row['tune_id']]}"
        rest = onset - np.concatenate([[0.0], onset[:-1] + duration[:-1]])
        rest[np.abs(rest) < 1e-6] = 0  # fractions that do not quite cancel
        pieces.append(np.column_stack([pitch, duration, rest]))
        for name in TEXT_FIELDS:
            texts[name].append(row[name])
    if n_unread > 0.01 * n_tunes:  # do not keep half a library
        raise RuntimeError(
            f"{n_unread:,} of {n_tunes:,} tunes could not be read; is the disk full, or the ABC "
            "parser inside the symusic package broken?"
        )
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    flat = np.concatenate(pieces)
    arrays: dict[str, np.ndarray] = {
        "pitches": flat[:, 0].astype(np.int16),
        "durations": flat[:, 1].astype(np.float32),
        "rests": flat[:, 2].astype(np.float32),
        "starts": starts.astype(np.int64),
    }
    arrays["groups"] = near_duplicate_groups(
        [(pitch, duration, rest) for pitch, duration, rest in (piece.T for piece in pieces)],
        [TRADITION.get(collection, "german") for collection in texts["collection"]],
        [plain_title(title) for title in texts["title"]],
        same=_same_number(texts["tune_id"]),
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
