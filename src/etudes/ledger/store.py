"""Where the rows lie, how they are read, and how a command writes one.

A row of ``book/results/NN.json`` is replaced whole or not at all, by the command that it names.
All chapters read them.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any

from etudes.checks import check_in
from etudes.files import write_atomically
from etudes.ledger.fields import FIELDS, Row, validate
from etudes.ledger.provenance import commit, hardware


def results_folder() -> Path:
    """Where the ledger lies: ``book/results`` of the repository, or the copy inside the package.

    Returns
    -------
    pathlib.Path
    """
    package = Path(__file__).parents[1]
    repository = package.parents[1] / "book" / "results"
    return repository if (package.parents[1] / "pyproject.toml").is_file() else package / "results"


def rows(chapter: str | None = None, folder: Path | None = None) -> list[Row]:
    """The rows of a chapter, or all.

    Parameters
    ----------
    chapter : str, optional
        Two digits, such as ``"06"``.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    list of dict
        Ordered by id; empty when nothing was measured yet.

    Raises
    ------
    ValueError
        When a file is damaged, or a row in it is not valid.
    """
    if chapter is not None and not re.fullmatch(r"\d\d", str(chapter)):
        raise ValueError(f"chapter must be two digits, such as '06', got {chapter!r}")
    place = results_folder() if folder is None else folder
    found: list[Row] = []
    for path in sorted(place.glob(f"{chapter or '[0-9][0-9]'}.json")):
        found += _read(path)
    return sorted(found, key=lambda one: one["id"])


def row(row_id: str, folder: Path | None = None) -> Row:
    """One row.

    Parameters
    ----------
    row_id : str
        Such as ``"06.styles.5way-5shot.margin"``.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        When there is none of that id; the nearest is suggested.
    """
    table = {one["id"]: one for one in rows(folder=folder)}
    return table[check_in(row_id, "row id", table)]


def write(one: Row, folder: Path | None = None) -> Path:
    """Put a row into its chapter's file, in place of the one of the same id.

    Two commands may write at once: each reads, changes and replaces the file while it holds a
    lock, and an interruption leaves the old file.

    Parameters
    ----------
    one : dict
        A valid row.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError, ValueError
        When the row is not valid; nothing is written then.
    """
    from filelock import FileLock

    validate(one)
    path = (results_folder() if folder is None else Path(folder)) / f"{one['id'][:2]}.json"
    name = sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"etudes-ledger-{name}.lock"):
        others = (
            [other for other in _read(path) if other["id"] != one["id"]] if path.exists() else []
        )
        ordered = sorted([*others, _rounded(one)], key=lambda other: other["id"])
        ordered = [{field: other[field] for field in FIELDS} for other in ordered]
        text = json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False)
        write_atomically(path, (text + "\n").encode())
    return path


def record(
    row_id: str,
    *,
    claim: str,
    value: float,
    unit: str,
    ci95: tuple[float, float] | None,
    n: str | int,
    dataset: str,
    command: str,
    seed: int | None,
    seconds: float,
    baselines: Mapping[str, float] | None = None,
    paper: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Row:
    """Write what a command has just measured; commit, hardware and date are filled in.

    Parameters
    ----------
    row_id : str
        ``NN.task.measure.method``.
    claim : str
        What is claimed, in a sentence that a reader understands.
    value : float
        For a :class:`~etudes.evaluate.FewShotResult` its ``mean``.
    unit : str
        See :mod:`etudes.ledger`.
    ci95 : tuple of float or None
        Its ``ci95``.
    n : str or int
        Its ``n``: what the interval is over.
    dataset : str
        What was measured on.
    command : str
        The command line that was run.
    seed : int or None
        Of the run.
    seconds : float
        How long it took.
    baselines : mapping of str to float, optional
        Other methods on the same tasks, in the same unit.
    paper : mapping, optional
        ``{"value": …, "citation": …}``: the published number (in the same unit, or text) and where
        it stands.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    dict
        The row.

    Raises
    ------
    TypeError, ValueError
        When something does not fit; nothing is written then.
    """
    one = {
        "id": row_id,
        "claim": claim,
        "value": value,
        "unit": unit,
        "ci95": None if ci95 is None else list(ci95),
        "n": n,
        "dataset": dataset,
        "baselines": dict(baselines or {}),
        "paper": None if paper is None else dict(paper),
        "command": command,
        "commit": commit(),
        "seed": seed,
        "seconds": seconds,
        "hardware": hardware(),
        "date": date.today().isoformat(),
    }
    write(one, folder)
    return one


def _read(path: Path) -> list[Row]:
    """The rows of one file, each valid and of its chapter."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"ledger {path.name} is damaged: {error}") from None
    if not isinstance(found, list):
        raise ValueError(f"ledger {path.name} must be a list of rows, got {type(found).__name__}")
    seen = set()
    for one in found:
        validate(one)
        if one["id"][:2] != path.stem:
            raise ValueError(f"ledger {path.name} must hold chapter {path.stem}, got {one['id']!r}")
        if one["id"] in seen:
            raise ValueError(f"ledger {path.name} holds {one['id']!r} twice")
        seen.add(one["id"])
    return found


def _rounded(value: Any) -> Any:
    """Numbers to six significant digits: more would only be noise in the history."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(f"{float(value):.6g}")
