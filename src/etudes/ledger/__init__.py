"""The ledger: every result that the book states, with where it came from.

A row of ``book/results/NN.json`` is one measured number of chapter NN, with its interval, what the
paper said, and the command that made it. Only that command writes rows (:func:`record`); chapters
read them. A text that copies its numbers by hand is wrong by its second edition; the cure is that
of Claerbout and Karrenbach, "Electronic documents give reproducible research a new meaning" (SEG
1992): every figure names the command that remakes it. All chapters use it.

**For authors of chapters.** Three ways to show a number:

1. The table of section "Paper says, we got, why" is a code cell::

       from etudes import ledger
       ledger.show("06.instruments.5way-5shot.accuracy", "06.instruments.5way-1shot.accuracy",
                   why={"06.instruments.5way-1shot.accuracy": "One note says little about a
                   piano."})

2. A number in the text of a code cell's output: ``ledger.say("06.styles.5way-5shot.margin")``
   gives ``"+4.2 points"``, ``ledger.say(id, "ci95")`` gives ``"+1.3 to +7.0 points"``.

3. A number in a Markdown cell is written out and followed, with nothing between, by a comment that
   no reader sees, neither in Jupyter nor on the page::

       The network names 93.4%<!-- ledger: 06.instruments.5way-5shot.accuracy --> of the notes
       (92.9 to 93.9%<!-- ledger: 06.instruments.5way-5shot.accuracy ci95 -->), chance 20%.

   After the id may stand a field of :func:`say`, and after that a number of decimals:
   ``93%<!-- ledger: 06.instruments.5way-5shot.accuracy value 0 -->``.

A test runs :func:`check_notebook` over every chapter: a figure that differs from what :func:`say`
gives, or an id that is not in the ledger, fails it and says what to write instead.

Units: ``"fraction"`` is a number within 0…1, straight from :mod:`etudes.evaluate`, and is shown as
a percentage; ``"fraction-difference"`` lies within −1…1 and is shown in points; every other unit
(``"bits"``, ``"dB"``, ``"s"``) is shown as it is written.
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

from etudes.checks import check_in, check_positive_int
from etudes.files import write_atomically
from etudes.ledger import words
from etudes.ledger.fields import FIELDS, ID, Row, validate
from etudes.ledger.provenance import commit, hardware
from etudes.ledger.words import MINUS, Table

__all__ = [
    "Table",
    "check_notebook",
    "check_prose",
    "hardware",
    "record",
    "results_folder",
    "row",
    "rows",
    "say",
    "show",
    "validate",
    "write",
]

MARKER = re.compile(r"<!--\s*ledger:\s*(\S+)(?:\s+(\S+))?(?:\s+(\d+))?\s*-->")


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
    return words.say(row(row_id), field, digits)


def show(*row_ids: str, why: Mapping[str, str] | None = None) -> Table:
    """The table "paper says, we got, why".

    Parameters
    ----------
    *row_ids : str
        One line of the table each.
    why : mapping of str to str, optional
        For some ids a sentence on why the two numbers differ, or agree.

    Returns
    -------
    Table
        Shows itself in Jupyter, in Colab and on the page, in light and dark.

    Raises
    ------
    ValueError
        When no id is given, or one is not in the ledger.
    """
    if not row_ids:
        raise ValueError("show needs at least one row id, got none")
    reasons = dict(why or {})
    for name in reasons:
        check_in(name, "why", row_ids)
    return Table([row(name) for name in row_ids], reasons)


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
        See the top of this module.
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


def check_prose(text: str, folder: Path | None = None) -> list[str]:
    """Compare the marked figures of a text with the ledger.

    Parameters
    ----------
    text : str
        Markdown, with markers as told at the top of this module.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    list of str
        What is wrong, a sentence each; empty when all is well.
    """
    table = {one["id"]: one for one in rows(folder=folder)}
    problems = []
    if len(re.findall(r"<!--\s*ledger", text)) != len(MARKER.findall(text)):
        problems.append("a ledger marker must be <!-- ledger: ID [FIELD [DIGITS]] -->")
    for match in MARKER.finditer(text):
        row_id, what, digits = match.group(1), match.group(2) or "value", match.group(3)
        if row_id not in table:
            problems.append(f"{row_id} is not in the ledger")
            continue
        try:
            wanted = words.say(table[row_id], what, None if digits is None else int(digits))
        except ValueError as error:
            problems.append(str(error))
            continue
        before = text[: match.start()].rstrip("*_`").replace("\xa0", " ")
        before = re.sub(r"-(?=\d[^-]*$)", MINUS, before[-len(wanted) - 1 :])
        alone = not re.match(rf"[\w.,+{MINUS}]", before[: -len(wanted)][-1:])
        if not before.endswith(wanted) or not alone:
            problems.append(f"{row_id} {what}: the ledger says {wanted!r}, the text {before!r}")
    return problems


def check_notebook(path: str | Path, folder: Path | None = None) -> list[str]:
    """Compare a chapter with the ledger: marked figures in prose, and ids in code.

    Parameters
    ----------
    path : path
        A notebook.
    folder : pathlib.Path, optional
        :func:`results_folder` by default.

    Returns
    -------
    list of str
        What is wrong, a sentence each with the cell's id; empty when all is well.

    Raises
    ------
    ValueError
        When the file is not a notebook.
    """
    known = {one["id"] for one in rows(folder=folder)}
    problems = []
    try:
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{Path(path).name} is not a notebook: {error}") from None
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            wrong = check_prose(source, folder)
        else:
            named = re.findall(r"""["'](\d\d\.[^"'\s]*)["']""", source)
            wrong = [
                f"{i} is not in the ledger" for i in named if ID.fullmatch(i) and i not in known
            ]
        problems += [f"cell {cell.get('id', number)}: {words}" for words in wrong]
    return problems


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
