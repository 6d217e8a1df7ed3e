"""Test a chapter's exercises: solutions are right, stubs untouched, wrong answers diagnosed.

The convention that makes a chapter's exercises testable
--------------------------------------------------------
An exercise ``01.2`` is three cells of ``chapters/01-….ipynb``, in this order, with other cells
between them where that reads better:

1. A Markdown cell that states it.
2. **The stub**: one code cell whose *last statement* is ``check("01.2", ANSWER)``, where ANSWER is
   a name, or an expression of names that the cell defines. Untouched, the cell runs and is reported
   as not attempted: the gap is ``...`` (``answer = ...``, or a function whose body is ``...`` or
   that ends in ``return ...``).
3. **The solution**: one Markdown cell with one dropdown whose title begins with the word Solution,
   holding exactly one ``python`` block and any amount of text:

   .. code-block:: markdown

      ````{admonition} Solution 01.2
      :class: dropdown

      The shelf begins where …

      ```python
      def hz_to_mel(frequency):
          return 2595 * np.log10(1 + frequency / 700)
      ```
      ````

   The outer fence has more backticks than the inner one, or is of colons (``:::{admonition}``).
   ``{dropdown} Solution 01.2`` is understood too. Without an id in the title the solution belongs
   to the nearest ``check`` above it.

What runs before a solution: the **set-up cells**, that is, the code cell with the id ``set-up``
(the chapter's first) and every code cell with the tag ``exercise-setup``, in order; then the stub
without its ``check``; then the solution. Tag the few quick cells that define what the exercises
use, and nothing that trains.

A chapter's tests
-----------------
::

    from exercise_helpers import Chapter, Code, ExerciseTests

    CHAPTER = Chapter("01")

    WRONG = [
        ("01.1", 440, "half of"),                     # exercise, wrong answer, part of the message
        ("01.1", [220, 220], "one number"),
        ("01.2", lambda f: 1127 * np.log10(1 + f / 700), "logarithm"),
        ("01.2", Code("def hz_to_mel(f): return f"), "differs"),  # or as the learner would type it
    ]

    class TestExercises(ExerciseTests):
        chapter, wrong = CHAPTER, WRONG
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from etudes.exercises import check, exercises_of

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"

_OPENS = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>admonition|dropdown)\}\s*(?P<title>.*)$")
_PYTHON = re.compile(r"^(`{3,})\s*python\s*$")


class Code(str):
    """A wrong answer as the learner would type it, to run in place of the solution."""


@dataclass(frozen=True)
class Stub:
    """What a learner finds: the code before ``check``, and the expression that is checked."""

    exercise_id: str
    code: str
    answer: str
    cell: int


@dataclass(frozen=True)
class Solution:
    """The python block of a dropdown."""

    exercise_id: str
    code: str
    cell: int


class Chapter:
    """The exercises of one chapter, as its notebook states them.

    Parameters
    ----------
    number : str
        Two digits.
    path : Path, optional
        The notebook; found by its number without it.
    """

    def __init__(self, number: str, path: Path | None = None) -> None:
        self.number = number
        if path is None:
            found = sorted(CHAPTERS.glob(f"{number}-*.ipynb"))
            assert len(found) == 1, f"chapters/{number}-*.ipynb: found {len(found)}, wanted one"
            path = found[0]
        self.path = path
        self.cells = json.loads(path.read_text("utf-8"))["cells"]
        for cell in self.cells:
            cell["source"] = "".join(cell["source"])
        self.stubs = _stubs(self.cells)
        self.solutions = _solutions(self.cells, self.stubs)

    @property
    def ids(self) -> list[str]:
        """The exercises, in order of their stubs."""
        return [stub.exercise_id for stub in self.stubs]

    @cached_property
    def _set_up(self) -> dict[str, Any]:
        """The names that the set-up cells define."""
        os.environ.setdefault("MPLBACKEND", "agg")
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for number, cell in enumerate(self.cells):
            tags = cell.get("metadata", {}).get("tags", [])
            if cell["cell_type"] == "code" and (
                cell.get("id") == "set-up" or "exercise-setup" in tags
            ):
                _run(cell["source"], namespace, f"{self.path.name}, cell {number}")
        return namespace

    def stub(self, exercise_id: str) -> Stub:
        """The stub of an exercise."""
        return _only([one for one in self.stubs if one.exercise_id == exercise_id], exercise_id)

    def solution(self, exercise_id: str) -> Solution:
        """The solution of an exercise."""
        return _only([one for one in self.solutions if one.exercise_id == exercise_id], exercise_id)

    def answer(self, exercise_id: str, code: str = "") -> Any:
        """What is handed to ``check`` when `code` is typed below the stub."""
        stub = self.stub(exercise_id)
        namespace = dict(self._set_up)
        _run(stub.code, namespace, f"{self.path.name}, stub of {exercise_id}")
        _run(code, namespace, f"{self.path.name}, answer to {exercise_id}")
        return eval(stub.answer, namespace)

    def assert_solution_is_right(self, exercise_id: str) -> None:
        """The dropdown's code, run after set-up and stub, is right."""
        message = check(exercise_id, self.answer(exercise_id, self.solution(exercise_id).code))
        assert message.state == "right", message.text

    def assert_stub_is_not_attempted(self, exercise_id: str) -> None:
        """The stub as it stands is reported as not attempted."""
        message = check(exercise_id, self.answer(exercise_id))
        assert message.state == "not attempted", message.text

    def assert_wrong(self, exercise_id: str, answer: Any, fragment: str) -> None:
        """A wrong answer is not right, and its diagnosis holds `fragment`."""
        if isinstance(answer, Code):
            answer = self.answer(exercise_id, answer)
        message = check(exercise_id, answer)
        assert message.state == "not yet", message.text
        assert fragment, "say which words of the diagnosis matter"
        assert fragment.lower() in message.paragraphs[0].lower(), message.text

    def assert_well_formed(self, wrong: Sequence[tuple[str, Any, str]] = ()) -> None:
        """Stubs, solutions and graders agree; each exercise has two wrong answers or more.

        Parameters
        ----------
        wrong : sequence of (exercise id, answer, fragment)
            The chapter's wrong answers.
        """
        registered = [one.exercise_id for one in exercises_of(self.number)]
        assert self.ids == registered, f"stubs {self.ids}, graders {registered}"
        assert 3 <= len(self.ids) <= 5, f"three to five exercises, got {len(self.ids)}"
        solved = [solution.exercise_id for solution in self.solutions]
        assert solved == self.ids, f"stubs {self.ids}, solutions {solved}"
        for exercise_id in self.ids:
            assert self.solution(exercise_id).cell > self.stub(exercise_id).cell, exercise_id
        counted = Counter(exercise_id for exercise_id, _, _ in wrong)
        few = [exercise_id for exercise_id in self.ids if counted[exercise_id] < 2]
        assert not few, f"fewer than two wrong answers for {few}"


class ExerciseTests:
    """The tests that every chapter's exercises must pass; a subclass names chapter and answers."""

    chapter: Chapter
    wrong: Sequence[tuple[str, Any, str]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each wrong answer, or for each exercise, as it asks for them."""
        if "fragment" in metafunc.fixturenames:
            metafunc.parametrize(("exercise_id", "answer", "fragment"), self.wrong)
        elif "exercise_id" in metafunc.fixturenames:
            metafunc.parametrize("exercise_id", self.chapter.ids)

    def test_the_exercises_are_well_formed(self) -> None:
        self.chapter.assert_well_formed(self.wrong)

    def test_the_solution_is_right(self, exercise_id: str) -> None:
        self.chapter.assert_solution_is_right(exercise_id)

    def test_the_stub_is_not_attempted(self, exercise_id: str) -> None:
        self.chapter.assert_stub_is_not_attempted(exercise_id)

    def test_a_wrong_answer_is_diagnosed(
        self, exercise_id: str, answer: Any, fragment: str
    ) -> None:
        self.chapter.assert_wrong(exercise_id, answer, fragment)


def _stubs(cells: list[dict[str, Any]]) -> list[Stub]:
    """Every code cell that ends in a ``check``."""
    stubs = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code" or not re.search(r"\bcheck\(", cell["source"]):
            continue
        source = _plain(cell["source"])
        statements = ast.parse(source).body
        calls = [node for node in statements if _check_call(node)]
        if not calls:
            continue
        call = _check_call(statements[-1])
        assert call is not None and len(calls) == 1, (
            f"cell {number}: check must be called once, in the last statement of the cell"
        )
        assert len(call.args) == 2 and isinstance(call.args[0], ast.Constant), (
            f'cell {number}: check must be called as check("NN.k", answer)'
        )
        before = "\n".join(source.splitlines()[: statements[-1].lineno - 1])
        stubs.append(Stub(call.args[0].value, before, ast.unparse(call.args[1]), number))
    return stubs


def _check_call(node: ast.stmt) -> ast.Call | None:
    """The call of ``check`` or ``exercises.check`` that a statement consists of."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return None
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    return call if name == "check" else None


def _solutions(cells: list[dict[str, Any]], stubs: list[Stub]) -> list[Solution]:
    """Every dropdown that is titled Solution."""
    solutions = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "markdown":
            continue
        for title, body in _dropdowns(cell["source"]):
            named = re.search(r"\d{2}\.\d+", title)
            above = [stub.exercise_id for stub in stubs if stub.cell < number]
            assert named or above, f"cell {number}: no exercise stands above this solution"
            exercise_id = named.group() if named else above[-1]
            blocks = _python_blocks(body)
            assert len(blocks) == 1, (
                f"solution of {exercise_id}: one python block wanted, got {len(blocks)}"
            )
            solutions.append(Solution(exercise_id, blocks[0], number))
    return solutions


def _dropdowns(source: str) -> list[tuple[str, list[str]]]:
    """Title and lines of each dropdown in a Markdown text whose title begins with Solution."""
    found = []
    lines = source.splitlines()
    for i, line in enumerate(lines):
        opening = _OPENS.match(line.strip())
        if not opening or not opening["title"].strip().startswith("Solution"):
            continue
        fence = opening["fence"]
        closing = next(
            (
                j
                for j in range(i + 1, len(lines))
                if set(lines[j].strip()) == {fence[0]} and len(lines[j].strip()) >= len(fence)
            ),
            None,
        )
        assert closing is not None, f"the dropdown {opening['title']!r} is not closed"
        body = lines[i + 1 : closing]
        options = [text for text in body if text.strip().startswith(":class:")]
        assert opening["kind"] == "dropdown" or any("dropdown" in text for text in options), (
            f"{opening['title']!r} is not folded: it wants the line ':class: dropdown'"
        )
        found.append((opening["title"], body))
    return found


def _python_blocks(lines: list[str]) -> list[str]:
    """The python blocks among some lines of Markdown."""
    blocks: list[str] = []
    fence, block = "", []
    for line in lines:
        opening = _PYTHON.match(line.strip())
        if not fence and opening:
            fence, block = opening.group(1), []
        elif fence and line.strip() == fence:
            blocks.append("\n".join(block))
            fence = ""
        elif fence:
            block.append(line)
    assert not fence, "a python block is not closed"
    return blocks


def _plain(source: str) -> str:
    """A cell as Python, magics (``%pip``) turned into calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def _run(source: str, namespace: dict[str, Any], name: str) -> None:
    """Run code as a cell would, without its display."""
    exec(compile(_plain(source), name, "exec"), namespace)


def _only(found: list[Any], exercise_id: str) -> Any:
    """The one thing found."""
    assert len(found) == 1, f"{exercise_id}: found {len(found)} in the notebook, wanted one"
    return found[0]
