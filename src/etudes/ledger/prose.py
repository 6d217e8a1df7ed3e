"""Do the figures in a text agree with the ledger?

A comment that no reader sees names the row of each figure, and a test reads every chapter and page
with these checks. How to write them: :mod:`etudes.ledger`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from etudes.ledger.fields import ID
from etudes.ledger.store import rows
from etudes.ledger.words import MINUS, in_words

MARKER = re.compile(r"<!--\s*ledger:\s*(\S+)(?:\s+(\S+))?(?:\s+(\d+))?\s*-->")


def check_prose(text: str, folder: Path | None = None) -> list[str]:
    """Compare the marked figures of a text with the ledger.

    Parameters
    ----------
    text : str
        Markdown, with markers as told in :mod:`etudes.ledger`.
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
            wanted = in_words(table[row_id], what, None if digits is None else int(digits))
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
