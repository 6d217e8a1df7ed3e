"""Which exercises there are: each chapter's graders register here when they are first needed.

Exercises stand at the end of each chapter; their graders are in ``etudes/exercises/chapter_NN.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar


class Right(str):
    """What a grader returns instead of None when a right answer deserves a word of its own, such as
    the figure that it reached."""


Grader = Callable[[Any], str | None]
AnyGrader = TypeVar("AnyGrader", bound=Callable[..., Any])

_PATTERN = re.compile(r"(\d{2})\.(\d{1,2})")
_exercises: dict[str, Exercise] = {}


@dataclass(frozen=True)
class Exercise:
    """One exercise and its grader.

    Attributes
    ----------
    exercise_id : str
        Chapter and number, such as ``01.2``.
    title : str
        A few words.
    hints : tuple of str
        From a nudge to nearly the solution.
    grade : callable
        Takes the answer; returns None or a :class:`Right` when it is right, otherwise a sentence on
        the likely mistake.
    when_right : str
        What to take away from it, shown with *right*.
    """

    exercise_id: str
    title: str
    hints: tuple[str, ...]
    grade: Grader
    when_right: str = ""


def exercise(
    exercise_id: str, *, title: str, hints: Sequence[str], when_right: str = ""
) -> Callable[[AnyGrader], AnyGrader]:
    """Register a function as the grader of an exercise.

    Parameters
    ----------
    exercise_id : str
        Two digits for the chapter, a dot, and a number: ``01.2``.
    title : str
        A few words, as in the chapter.
    hints : sequence of str
        At least one, from a nudge to nearly the solution.
    when_right : str
        A sentence shown with *right*: what to take away, or why it matters.

    Returns
    -------
    callable
        A decorator that leaves the grader as it is.

    Raises
    ------
    TypeError
        When `hints` is a text, or the title or a hint is not a text.
    ValueError
        When the id is not of that form or belongs to another grader, or a text is empty.
    """
    if not isinstance(exercise_id, str) or not _PATTERN.fullmatch(exercise_id):
        raise ValueError(f"exercise_id must look like '01.2', got {exercise_id!r}")
    if isinstance(hints, str):
        raise TypeError(f"hints must be a sequence of texts, got the text {hints!r}")
    for name, text in [("title", title), *(("hints", hint) for hint in hints)]:
        if not isinstance(text, str):
            raise TypeError(f"{name} must be text, got {text!r}")
        if not text.strip():
            raise ValueError(f"{name} must not be empty, in exercise {exercise_id}")
    if not hints:
        raise ValueError(f"hints must hold at least one hint, in exercise {exercise_id}")

    def register(grade: AnyGrader) -> AnyGrader:
        before = _exercises.get(exercise_id)
        if before is not None and _name(before.grade) != _name(grade):
            raise ValueError(
                f"exercise_id {exercise_id} belongs to {_name(before.grade)} already, "
                f"and cannot go to {_name(grade)}"
            )
        _exercises[exercise_id] = Exercise(exercise_id, title, tuple(hints), grade, when_right)
        return grade

    return register


def exercises_of(chapter: str) -> list[Exercise]:
    """The exercises of a chapter, in order.

    Parameters
    ----------
    chapter : str
        Two digits, such as ``01``; ``1`` is understood.

    Returns
    -------
    list of Exercise
        Empty when the chapter has none.
    """
    number = str(chapter).strip().zfill(2)
    if number in _written():
        importlib.import_module(f"etudes.exercises.chapter_{number}")
    found = [one for name, one in _exercises.items() if name.startswith(f"{number}.")]
    return sorted(found, key=lambda one: int(one.exercise_id.partition(".")[2]))


def chapters() -> list[str]:
    """The chapters that have exercises, as two digits."""
    return sorted(_written() | {name.partition(".")[0] for name in _exercises})


def find(exercise_id: str) -> Exercise:
    """The exercise with this id; ``1.2`` is understood as ``01.2``.

    Raises
    ------
    LookupError
        When there is none; the message lists those that exist.
    """
    chapter, _, number = str(exercise_id).strip().partition(".")
    wanted = f"{chapter.zfill(2)}.{number.lstrip('0')}"
    there = exercises_of(chapter) if chapter.isdecimal() else []
    for one in there:
        if one.exercise_id == wanted:
            return one
    if there:
        listed = ", ".join(f"`{one.exercise_id}` ({one.title})" for one in there)
        raise LookupError(
            f"There is no exercise {exercise_id!r}. Chapter {chapter.zfill(2)} has {listed}."
        )
    raise LookupError(
        f"There is no exercise {exercise_id!r}. An id is the chapter, a dot and a number, such as "
        f"`01.2`; chapters with exercises: {', '.join(chapters()) or 'none yet'}."
    )


def _written() -> set[str]:
    """The chapters whose graders are in this package."""
    import etudes.exercises

    names = {module.name for module in pkgutil.iter_modules(etudes.exercises.__path__)}
    return {name[8:] for name in names if re.fullmatch(r"chapter_\d{2}", name)}


def _name(grade: Callable[..., Any]) -> str:
    """Where a grader is written."""
    return f"{grade.__module__}.{grade.__qualname__}"
