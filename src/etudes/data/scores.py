"""Scores to learn from: folk tunes with a style each, and Bach's chorales in four voices.

The idea in one sentence: everything comes inside installed packages, is read once, and loads in a
moment after.

``load_folk_tunes`` is described in :mod:`etudes.data.folk` (books and labels),
:mod:`etudes.data.abc_notation` (what is kept of a page) and :mod:`etudes.data.duplicates` (groups);
``load_bach_chorales`` in :mod:`etudes.data.bach`.  Used in chapters 01, 06 and 09.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from etudes.checks import check_in, check_positive_int
from etudes.data.bach import TEXTS, VOICES, Chorale, build_bach_chorales
from etudes.data.cache import cached
from etudes.data.folk import build_folk_tunes
from etudes.data.tunes import TEXT_FIELDS, Tune, TuneSet

__all__ = [
    "STYLES",
    "TEST_STYLES",
    "TRAIN_STYLES",
    "VALIDATION_STYLES",
    "Chorale",
    "Tune",
    "TuneSet",
    "load_bach_chorales",
    "load_folk_tunes",
    "split_folk_tunes",
]

#: Styles to learn from.
TRAIN_STYLES = (
    "altdeutsch", "boehme", "erk", "german-ballad", "irish-jig", "irish-reel",
    "ryan-hornpipe", "ryan-reel", "zuccalmaglio",
)  # fmt: skip
#: Styles to choose settings with: a region, two books and two dances, none of them learned from.
VALIDATION_STYLES = ("dva", "fink", "irish-hornpipe", "luxembourg", "ryan-jig")
#: Styles to be used once.
TEST_STYLES = (
    "china", "german-children", "ireland", "irish-air", "irish-slip-jig", "lorraine",
    "ryan-clog", "ryan-strathspey",
)  # fmt: skip
#: All 22 labels, in alphabetical order; `TuneSet.labels` counts in this order.
STYLES = tuple(sorted(TRAIN_STYLES + VALIDATION_STYLES + TEST_STYLES))

SPLITS = {"train": TRAIN_STYLES, "validation": VALIDATION_STYLES, "test": TEST_STYLES}

_FOLK_VERSION, _BACH_VERSION = 5, 2  # raise when notes, texts or groups change


def load_folk_tunes(
    styles: str | Sequence[str] | None = None, *, min_notes: int = 16, unlabelled: bool = False
) -> TuneSet:
    """Load folk tunes with their style labels.

    The first call reads some 13,000 tunes from music21's corpus and keeps them in the user's cache
    folder.

    Parameters
    ----------
    styles : str or sequence of str, optional
        Only these labels of :data:`STYLES`; all 22 by default.
    min_notes : int
        Leave out shorter tunes.
    unlabelled : bool
        Also give the 2,600 tunes that carry none of the 22 labels (`style` is ``""``): Aird's
        airs, Northumbrian and fife tunes, O'Neill's tunes without a type.  Good for learning what
        melodies are like in general.

    Returns
    -------
    TuneSet
        In a fixed order.

    Raises
    ------
    ValueError
        If a style is not one of :data:`STYLES`; the message suggests the nearest.
    RuntimeError
        If music21's corpus is not there.
    """
    wanted = STYLES if styles is None else (styles,) if isinstance(styles, str) else tuple(styles)
    for style in wanted:
        check_in(style, "styles", STYLES)
    if not wanted:
        raise ValueError("styles must name at least one style, got none")
    check_positive_int(min_notes, "min_notes")
    tunes = _all_folk_tunes()
    allowed = (*wanted, "") if unlabelled else wanted
    return tunes[np.isin(tunes.styles, allowed) & (tunes.n_notes >= min_notes)]


def split_folk_tunes(split: str, *, min_notes: int = 16, unlabelled: bool = False) -> TuneSet:
    """Load the tunes of one part of the split by style, so that nothing leaks from one part to
    another.

    Beyond keeping styles apart, tunes of ``"train"`` and ``"validation"`` are left out when they
    belong to a near-duplicate group of a later part, or were collected (``O:`` field) in Lorraine,
    Ireland or China, the places that are test styles.  With `unlabelled`, O'Neill's and Ryan's
    tunes without a label stay out of ``"train"`` too: most of them are airs, which are a test
    style.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Which part.
    min_notes : int
        Leave out shorter tunes.
    unlabelled : bool
        Add unlabelled tunes to ``"train"``.

    Returns
    -------
    TuneSet
        Tunes of :data:`TRAIN_STYLES`, :data:`VALIDATION_STYLES` or :data:`TEST_STYLES`.

    Raises
    ------
    ValueError
        If `split` is not one of the three, or unlabelled tunes are asked for outside ``"train"``.
    """
    check_in(split, "split", tuple(SPLITS))
    if unlabelled and split != "train":
        raise ValueError(f"unlabelled tunes belong to split 'train' only, got {split!r}")
    everything = _all_folk_tunes()
    tunes = load_folk_tunes(SPLITS[split], min_notes=min_notes, unlabelled=unlabelled)
    later = list(SPLITS)[list(SPLITS).index(split) + 1 :]
    if not later:
        return tunes
    later_styles = [style for name in later for style in SPLITS[name]]
    closed = np.unique(everything.groups[np.isin(everything.styles, later_styles)])
    keep = ~np.isin(tunes.groups, closed)
    foreign = re.compile(r"China|Lothringen|Irland")
    labelled = tunes.styles != ""
    for i, (origin, collection) in enumerate(
        zip(tunes.column("origin"), tunes.column("collection"))
    ):
        if collection in ("oneills", "ryan"):
            keep[i] &= labelled[i]
        elif foreign.search(origin):
            keep[i] = False
    return tunes[keep]


def load_bach_chorales() -> list[Chorale]:
    """Load Bach's four-part chorales, each voice as a melody of its own.

    The first call reads music21's scores and keeps the notes in the user's cache folder.

    Returns
    -------
    list of Chorale
        Some 400, in the order of their BWV numbers. Split by ``chorale.group``.

    Raises
    ------
    RuntimeError
        If music21's corpus is not there.
    """
    arrays = cached("bach-chorales", build_bach_chorales, _BACH_VERSION, "400 chorales by Bach")
    texts = {name: _unpack(arrays[name]) for name in TEXTS}
    starts = arrays["starts"]
    chorales = []
    for i, group in enumerate(arrays["groups"]):
        voices = {
            voice: arrays["notes"][starts[4 * i + k] : starts[4 * i + k + 1]]
            for k, voice in enumerate(VOICES)
        }
        words = {name: str(texts[name][i]) for name in TEXTS}
        chorales.append(Chorale(voices=voices, group=int(group), **words))
    return chorales


def _all_folk_tunes() -> TuneSet:
    arrays = cached("folk-tunes", build_folk_tunes, _FOLK_VERSION, "13,000 folk tunes")
    columns = {name: arrays[name] for name in ("pitches", "durations", "rests", "starts")}
    texts = {name: _unpack(arrays[name]) for name in TEXT_FIELDS}
    texts["style"] = np.where(np.isin(texts["style"], STYLES), texts["style"], "")
    return TuneSet(columns, np.arange(len(columns["starts"]) - 1), texts, arrays["groups"])


def _unpack(joined: np.ndarray) -> np.ndarray:
    """Take texts apart that were joined by newlines into UTF-8 bytes."""
    return np.array(joined.tobytes().decode("utf-8").split("\n"))
