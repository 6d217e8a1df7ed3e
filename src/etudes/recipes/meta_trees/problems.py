"""Ten problems for classifiers and those who choose among them: six of music and speech, four
tables.

The idea in a sentence: each problem is some tens of numbers an example, a label that the numbers do
not contain, and groups that no fold may part: variants of a tune, notes of one instrument,
recordings of one speaker. Chapter 04.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from etudes.checks import check_in, check_positive_int
from etudes.data.abc_notation import split_tunes
from etudes.data.folk import corpus_folder
from etudes.data.folk_labels import describe_tune
from etudes.data.instruments import FAMILIES, load_instrument_notes
from etudes.data.recordings import RecordingUnavailable, load_spoken_digits
from etudes.data.scores import TRAIN_STYLES, load_folk_tunes
from etudes.data.tunes import TuneSet
from etudes.features import log_mel
from etudes.learners.melody import block_columns
from etudes.recipes.styles.tunes import statistics_of

#: What is counted in a tune: 62 numbers.
COUNTED = ("degree_from_final", "interval_size", "ratio", "beat_strength", "accent_repetition")


@dataclass(frozen=True)
class Problem:
    """Examples, labels, and what belongs together.

    Attributes
    ----------
    name
        As in the ledger.
    title
        What is asked, in a few words.
    x
        (n, d) float64.
    y
        (n,) int64, 0…n_classes − 1.
    classes
        Name of each class.
    groups
        (n,) numbers of what must not be parted, or None where examples have nothing in common.
    of
        What a group is.
    """

    name: str
    title: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray | None = None
    of: str = "single examples"

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.y)


def load_problem(name: str, most: int = 1000, seed: int = 4) -> Problem:
    """Load one of :data:`PROBLEMS`.

    Parameters
    ----------
    name
        Of the problem.
    most
        About how many examples at most; classes of many are cut to one size.
    seed
        Of which ones.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        When there is none of that name.
    RecordingUnavailable
        When the spoken digits are neither here nor can be downloaded.
    """
    check_in(name, "name", PROBLEMS)
    return PROBLEMS[name](check_positive_int(most, "most"), seed)


def available(names: tuple[str, ...] | None = None) -> list[str]:
    """Which problems can be loaded here: all but the spoken digits need no download."""
    chosen = list(PROBLEMS if names is None else names)
    if "spoken-digit" in chosen:
        try:
            load_spoken_digits()
        except RecordingUnavailable as reason:
            print(f"left out: spoken-digit ({reason})")
            chosen.remove("spoken-digit")
    return chosen


def _style(most: int, seed: int) -> Problem:
    tunes = load_folk_tunes(TRAIN_STYLES)
    return _of_tunes("style", "musical style of a tune", tunes, tunes.styles, most, seed)


def _mode(most: int, seed: int) -> Problem:
    """The mode in the key field of three ABC books, where a bare letter means major."""
    tunes = load_folk_tunes(unlabelled=True)
    modes, ids = _modes_of_key_fields(), tunes.column("tune_id").tolist()
    labels = np.array([modes.get(name, "") for name in ids])
    known = np.isin(labels, ["major", "minor", "dorian", "mixolydian"])
    return _of_tunes("mode", "mode of a tune", tunes[known], labels[known], most, seed)


def _metre(most: int, seed: int) -> Problem:
    tunes = load_folk_tunes(unlabelled=True)
    metres = tunes.column("metre")
    known = np.isin(metres, ["2/4", "3/4", "4/4", "6/8", "9/8"])
    return _of_tunes("metre", "metre of a tune", tunes[known], metres[known], most, seed)


def _dance(most: int, seed: int) -> Problem:
    kinds = ["irish-air", "irish-hornpipe", "irish-jig", "irish-reel", "irish-slip-jig"]
    tunes = load_folk_tunes(kinds)
    return _of_tunes("dance", "type of an Irish tune", tunes, tunes.styles, most, seed)


def _instrument_family(most: int, seed: int) -> Problem:
    """Loudness in sixteen bands and sixteen moments of each note, by General MIDI family."""
    notes = load_instrument_notes(20)
    family = notes.family
    each = max(most // len(np.unique(notes.program)), 1)
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero(notes.program == p))[:each]
            for p in np.unique(notes.program)
        ]
    )
    x = _bands_and_moments(log_mel(notes.waveforms[rows], notes.sample_rate))
    kinds, y = np.unique(family[rows], return_inverse=True)
    classes = tuple(FAMILIES[kind] for kind in kinds)
    of = "instruments"
    return Problem(
        "instrument-family", "family of an instrument", x, y, classes, notes.program[rows], of
    )


def _spoken_digit(most: int, seed: int) -> Problem:
    """Loudness in eight bands at eight moments of each word; speakers are never parted."""
    digits = load_spoken_digits()
    speakers, who = np.unique(digits.speaker, return_inverse=True)
    each = max(most // (10 * len(speakers)), 1)
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero((digits.digit == d) & (who == s)))[:each]
            for d in range(10)
            for s in range(len(speakers))
        ]
    )
    x = np.stack([_word(digits.waveforms[row], digits.sample_rate) for row in rows.tolist()])
    classes = tuple(str(d) for d in range(10))
    y = digits.digit[rows].astype(np.int64)
    return Problem("spoken-digit", "spoken digit", x, y, classes, who[rows], "speakers")


def _table(name: str, title: str) -> Callable[[int, int], Problem]:
    """A table that ships with scikit-learn."""

    def load(most: int, seed: int) -> Problem:
        from sklearn import datasets

        table = getattr(datasets, f"load_{name.replace('-', '_')}")()
        rows = _rows_of(table.target, most, seed)
        classes = tuple(str(one) for one in table.target_names)
        return Problem(
            name,
            title,
            table.data[rows].astype(float),
            table.target[rows].astype(np.int64),
            classes,
        )

    return load


#: Loaders by name.
PROBLEMS: dict[str, Callable[[int, int], Problem]] = {
    "style": _style,
    "mode": _mode,
    "metre": _metre,
    "dance": _dance,
    "instrument-family": _instrument_family,
    "spoken-digit": _spoken_digit,
    "iris": _table("iris", "species of an iris"),
    "wine": _table("wine", "grower of a wine"),
    "breast-cancer": _table("breast-cancer", "kind of a tumour"),
    "digits": _table("digits", "written digit"),
}


def _of_tunes(
    name: str, title: str, tunes: TuneSet, labels: np.ndarray, most: int, seed: int
) -> Problem:
    """A problem about tunes: counts, and groups of near-duplicates."""
    classes, y = np.unique(labels, return_inverse=True)
    rows = _rows_of(y, most, seed)
    counts = statistics_of(tunes[rows])
    x = counts[:, block_columns(names=COUNTED)].astype(float)
    of = "groups of near-duplicate tunes"
    named = tuple(str(one) for one in classes)
    return Problem(name, title, x, y[rows].astype(np.int64), named, tunes.groups[rows], of)


def _rows_of(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many rows, large classes cut to one size, in rising order."""
    counts = np.bincount(y)
    size = max(most // len(counts), 1)
    while np.minimum(counts, size + 1).sum() <= min(most, counts.sum()) and size < counts.max():
        size += 1
    rng = np.random.default_rng(seed)
    parts = [rng.permutation(np.flatnonzero(y == c))[:size] for c in range(len(counts))]
    return np.sort(np.concatenate(parts))


@cache
def _modes_of_key_fields() -> dict[str, str]:
    """Mode of every tune of the ABC books by its id, from the key field and never from the notes.

    Their typists write ``Am`` or ``Ador``; a bare letter is major, as the format says.
    """
    books = {"oneills1850": "oneills", "ryansMammoth": "ryan", "airdsAirs": "aird"}
    modes = {}
    for folder, collection in books.items():
        for path in sorted((corpus_folder() / folder).glob("*.abc")):
            for text in split_tunes(path.read_text(encoding="latin-1")):
                told = describe_tune(collection, path.stem, text)
                modes[told["tune_id"]] = (told["mode"] or "major") if told["key"] else ""
    return modes


def _bands_and_moments(mel: np.ndarray) -> np.ndarray:
    """(n, 64, n_frames) to (n, 32): mean of 16 bands, and the loudest band at 16 moments, both
    below the loudest point of the note."""
    level = mel - mel.max(axis=(1, 2), keepdims=True)
    bands = level.mean(axis=2).reshape(len(mel), 16, 4).mean(axis=2)
    moments = np.array_split(level.max(axis=1), 16, axis=1)
    return np.column_stack([bands, *[part.mean(axis=1) for part in moments]]).astype(float)


def _word(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """64 numbers of one word, whatever its length: 8 bands at 8 moments, below the loudest."""
    mel = log_mel(waveform[None], sample_rate, n_fft=256, hop_length=64, n_mels=32)[0]
    level = mel - mel.max()
    moments = [part.mean(axis=1) for part in np.array_split(level, 8, axis=1)]
    return np.stack(moments).reshape(8, 8, 4).mean(axis=2).ravel().astype(float)
