"""A number of the ledger as it stands in a sentence: percentages, points, or with its unit.

Chapters say their figures with it, and the check of their prose compares with it.
"""

from __future__ import annotations

from etudes.checks import check_in, check_positive_int
from etudes.ledger.fields import Row
from etudes.ledger.store import row

MINUS = "−"


def say(row_id: str, field: str = "value", digits: int | None = None) -> str:
    """A number of the ledger as it stands in a sentence.

    Parameters
    ----------
    row_id : str
        Such as ``"06.styles.5way-5shot.margin"``.
    field : str
        ``"value"``, ``"ci95"`` (``"92.9 to 93.9%"``), ``"low"``, ``"high"``, ``"paper"``, ``"n"``,
        or the name of a baseline.
    digits : int, optional
        Decimals; 1 for fractions, otherwise 2.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        When there is no such row or field, or the row has no interval or no paper.
    """
    if digits is not None:
        check_positive_int(digits, "digits", allow_zero=True)
    return in_words(row(row_id), field, digits)


def in_words(one: Row, what: str, digits: int | None = None) -> str:
    """A field of a row as it stands in a sentence; see :func:`say`."""
    fields = ["value", "n"]
    fields += ["ci95", "low", "high"] if one["ci95"] is not None else []
    fields += ["paper"] if one["paper"] is not None else []
    check_in(what, f"field of row {one['id']!r}", [*fields, *one["baselines"]])
    unit = one["unit"]
    if what == "ci95":
        low, high = (_number(end, unit, digits) for end in one["ci95"])
        return f"{low[0]} to {high[0]}{high[1]}"
    if what == "n":
        return str(one["n"])
    special = {"value": one["value"]}
    if one["ci95"] is not None:
        special |= {"low": one["ci95"][0], "high": one["ci95"][1]}
    if one["paper"] is not None:
        special |= {"paper": one["paper"]["value"]}
    return figure(special[what] if what in special else one["baselines"][what], unit, digits)


def figure(value: float | str, unit: str, digits: int | None = None) -> str:
    """A number with its unit as it stands in a sentence.

    Parameters
    ----------
    value : float or str
        Text stays as it is.
    unit : str
        ``"fraction"`` becomes a percentage, ``"fraction-difference"`` points; ``"ratio"`` and
        ``"count"`` are plain numbers.
    digits : int, optional
        Decimals; 1 for percentages and points, otherwise 2.

    Returns
    -------
    str
    """
    if isinstance(value, str):
        return value
    number, mark = _number(value, unit, digits)
    return number + mark


def _number(value: float, unit: str, digits: int | None) -> tuple[str, str]:
    """A number and the unit after it."""
    if unit == "fraction":
        text, mark = f"{100 * value:.{1 if digits is None else digits}f}", "%"
    elif unit == "fraction-difference":
        text, mark = f"{100 * value:+.{1 if digits is None else digits}f}", " points"
    else:
        places = digits if digits is not None else 0 if isinstance(value, int) else 2
        text = f"{value:,.{places}f}"
        mark = "" if unit in ("ratio", "count") else f" {unit}"  # plain numbers
    return text.replace("-", MINUS), mark
