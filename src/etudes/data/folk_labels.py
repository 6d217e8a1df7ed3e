"""What a tune book says of its tunes, in one form: style, place, dance, metre, key, mode.

The idea in one sentence: labels come from the fields around the notes, never from the notes, so
that a classifier of styles has something to find out.

The mode is the one exception, and not a style label: the Essen files name the tonic only.

Used in chapters 01, 06 and 09.
"""

from __future__ import annotations

import re

import numpy as np

from etudes.data.abc_notation import header_fields, key_and_mode

__all__ = ["TRADITION", "describe_tune", "mode_from_notes", "plain_title", "style_of"]

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

#: Where a collection's melodies are at home; the German books are the rest.
TRADITION = {
    "han": "chinese",
    "oneills": "celtic",
    "ryan": "celtic",
    "aird": "celtic",
    "northumbrian": "celtic",
    "fife": "celtic",
}

#: Where the tunes of a book without ``O:`` fields come from, in the words of the Essen files.
ORIGIN_OF_COLLECTION = {
    "oneills": "Irland",
    "ryan": "Amerika, USA",
    "fife": "Amerika, USA",
    "northumbrian": "England, Northumberland",
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

    The longer-sounding third decides between major and minor, then the degree that tells the modes
    of one kind apart: the seventh for mixolydian, the fourth for lydian, the second for phrygian,
    the sixth for dorian.

    Parameters
    ----------
    pitches, durations : numpy.ndarray
        (n_notes,) MIDI numbers and quarter notes.
    tonic : str
        ``"A"`` to ``"G"`` with ``#`` or ``b``.

    Returns
    -------
    str
        One of ``major minor dorian phrygian lydian mixolydian``, or ``""`` without a tonic or a
        third.
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


def _mend(text: str) -> str:
    """Turn letters back that were once typed under DOS (code page 437): ``Schlo\xe1`` is Schloß."""
    if re.search(r"[\x80-\x9f]", text):
        return text.encode("latin-1", "replace").decode("cp437")
    return text.replace("\xe1", "ß")


def _origin(collection: str, field: str) -> str:
    """Bring the ``O:`` fields of the Essen files, from the large to the small, to one form."""
    if not field:
        return ORIGIN_OF_COLLECTION.get(collection, "")
    parts = [re.sub(r"\s+", " ", part).strip(" ?.") for part in field.split(",")]
    parts = [part.replace(" (BRD)", "").replace(" (DDR)", "") for part in parts if part]
    return ", ".join(parts[1:] if parts[0] == "Europa" and len(parts) > 1 else parts)


def describe_tune(collection: str, stem: str, tune: str) -> dict[str, str]:
    """Read what a book says about a tune.

    Parameters
    ----------
    collection : str
        As in `Tune.collection`.
    stem : str
        Name of the tune's file, without ending.
    tune : str
        Its ABC text.

    Returns
    -------
    dict of str to str
        One text for each of ``TEXT_FIELDS``; `mode` is ``""`` where the key field does not say.
    """
    fields = header_fields(tune)
    number = re.sub(r"\D.*", "", fields.get("X", ""))
    title = re.sub(r"\s+", " ", _mend(fields.get("T", ""))).strip()
    tonic, mode = key_and_mode(fields.get("K", ""))
    rhythm = re.sub(r" *- *", "-", re.sub(r"\s+", " ", _mend(fields.get("R", "")))).strip(" ?]")
    style = style_of(collection, rhythm, title)
    if collection in ("oneills", "ryan"):
        rhythm = _dance(rhythm) or rhythm.lower()
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


def plain_title(title: str) -> str:
    """Spell a title as others might: letters only, without article, page number or dance.

    Parameters
    ----------
    title : str
        For instance ``"BAG OF MEAL, THE -- JIG"``.

    Returns
    -------
    str
        ``"bagofmeal"``; ``""`` for titles of fewer than eight letters, which many tunes share.
    """
    title = re.sub(r"\W*\bs\. ?\d+.*", "", title.partition("--")[0].lower())
    title = re.sub(r"^(the|an?) |, *(the|an?)\b.*", "", title)
    title = re.sub(r"[^a-z]", "", title)
    return title if len(title) >= 8 else ""
