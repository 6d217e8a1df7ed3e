"""What a row of the ledger must hold: the number, its interval, and all that made it."""

from __future__ import annotations

import math
import re
from datetime import date
from numbers import Real
from typing import Any

from etudes.checks import check_in, check_positive_int, describe

Row = dict[str, Any]

#: ``NN.task.measure.method``: two digits and more parts; a single one is a word (``NN.1`` is an
#: exercise).
ID = re.compile(r"\d\d(\.[a-z0-9][a-z0-9-]*){2,}|\d\d\.[a-z][a-z0-9-]*")

FIELDS = (
    "id",
    "claim",
    "value",
    "unit",
    "ci95",
    "n",
    "dataset",
    "baselines",
    "paper",
    "command",
    "commit",
    "seed",
    "seconds",
    "hardware",
    "date",
)

#: Units whose range is known.
RANGES = {
    "fraction": (0.0, 1.0),
    "fraction-difference": (-1.0, 1.0),
    "ratio": (0.0, math.inf),
    "leaves": (1.0, math.inf),
}


def validate(one: Any) -> Row:
    """Check that a row holds what a row must hold.

    Parameters
    ----------
    one : dict
        With all of ``id``, ``claim``, ``value``, ``unit``, ``ci95`` ([low, high] or None), ``n``
        (what the interval is over), ``dataset``, ``baselines`` (name to value), ``paper``
        (``value`` and ``citation``, or None), ``command``, ``commit``, ``seed``, ``seconds``,
        ``hardware``, ``date``, and nothing else.

    Returns
    -------
    dict
        The row.

    Raises
    ------
    TypeError, ValueError
        Naming the field, what came and what was wanted.
    """
    if not isinstance(one, dict):
        raise TypeError(f"row must be a dict, got {describe(one)}")
    for name in one:
        check_in(name, "field of a row", FIELDS)
    missing = [name for name in FIELDS if name not in one]
    if missing:
        raise ValueError(f"row {one.get('id')!r} lacks {', '.join(missing)}")
    if not isinstance(one["id"], str) or not ID.fullmatch(one["id"]):
        raise ValueError(f"id must look like 06.task.measure.method, got {one['id']!r}")
    of = f"of row {one['id']!r}"
    for name in ("claim", "unit", "dataset", "command", "commit", "hardware", "date"):
        if not isinstance(one[name], str) or not one[name].strip():
            raise TypeError(f"{name} {of} must be text, got {describe(one[name])}")
    _check_numbers(one, of)
    if isinstance(one["n"], bool) or not isinstance(one["n"], (str, int)) or one["n"] == "":
        raise TypeError(f"n {of} must say what the interval is over, got {describe(one['n'])}")
    paper = one["paper"]
    if paper is not None and (not isinstance(paper, dict) or set(paper) != {"value", "citation"}):
        raise TypeError(f"paper {of} must be None or hold value and citation, got {paper!r}")
    if paper is not None and not isinstance(paper["value"], str):
        _number(paper["value"], f"paper {of}")
    if not re.fullmatch(r"[0-9a-f]{7,40}\+?|unknown", one["commit"]):
        raise ValueError(f"commit {of} must be a git hash or 'unknown', got {one['commit']!r}")
    if one["seed"] is not None:
        check_positive_int(one["seed"], f"seed {of}", allow_zero=True)
    try:
        date.fromisoformat(one["date"])
    except ValueError:
        raise ValueError(f"date {of} must be YYYY-MM-DD, got {one['date']!r}") from None
    return one


def _check_numbers(one: Row, of: str) -> None:
    """Value, interval, baselines and seconds: finite, within their unit, in order."""
    if not isinstance(one["baselines"], dict):
        raise TypeError(f"baselines {of} must map names to numbers, got {one['baselines']!r}")
    numbers = {f"value {of}": one["value"]}
    numbers |= {f"baseline {name!r} {of}": value for name, value in one["baselines"].items()}
    if one["ci95"] is not None:
        if not isinstance(one["ci95"], (list, tuple)) or len(one["ci95"]) != 2:
            raise TypeError(f"ci95 {of} must be None or [low, high], got {one['ci95']!r}")
        numbers |= {f"lower end of ci95 {of}": one["ci95"][0]}
        numbers |= {f"upper end of ci95 {of}": one["ci95"][1]}
    low, high = RANGES.get(one["unit"], (-math.inf, math.inf))
    for what, number in numbers.items():
        if not low <= _number(number, what) <= high:
            raise ValueError(f"{what} must be a {one['unit']}, {low:g} to {high:g}, got {number}")
    if one["ci95"] is not None and not one["ci95"][0] <= one["value"] <= one["ci95"][1]:
        raise ValueError(f"ci95 {of} must hold the value {one['value']}, got {one['ci95']}")
    if _number(one["seconds"], f"seconds {of}") < 0:
        raise ValueError(f"seconds {of} must be 0 or more, got {one['seconds']}")


def _number(value: Any, what: str) -> float:
    """A finite real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{what} must be a number, got {describe(value)}")
    if not math.isfinite(float(value)):
        raise ValueError(f"{what} must be finite, got {value}")
    return float(value)
