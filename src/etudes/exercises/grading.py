"""The three lines that readers use: :func:`check`, :func:`hint` and :func:`progress`.

What was solved and which hints were read is remembered as long as the kernel runs, and nowhere
else.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from etudes.checks import describe
from etudes.exercises.guard import (
    AnswerError,
    NotAttempted,
    explained,
    guarded,
    learners_line,
    refuse_gaps,
)
from etudes.exercises.message import Message
from etudes.exercises.registry import Exercise, Right, chapters, exercises_of, find


@dataclass
class Record:
    """What a reader has done with one exercise since the kernel started."""

    attempts: int = 0
    right: bool = False
    hints_read: int = 0


_records: dict[str, Record] = {}


def check(exercise_id: str, answer: Any = ...) -> Message:
    """Look at an answer and say: right, not yet and why, or not attempted.

    Parameters
    ----------
    exercise_id : str
        Such as ``"01.2"``.
    answer : object
        What the exercise asks for: a number, an array, a function, … An untouched gap (``...`` or
        None, or a function that returns one of them or raises NotImplementedError) is reported as
        not attempted. Torch and TensorFlow tensors count as arrays.

    Returns
    -------
    Message
        Shows itself at the end of a cell. No mistake in an answer raises an error; an id that does
        not exist gets a message with those that do. A loop that never ends must be interrupted.
    """
    try:
        exercise = find(exercise_id)
    except LookupError as error:
        return Message("unknown exercise", str(exercise_id), (str(error.args[0]),))
    record = _records.setdefault(exercise.exercise_id, Record())
    title = f"{exercise.exercise_id} {exercise.title}"
    ask = f'`hint("{exercise.exercise_id}")`'
    try:
        refuse_gaps(answer)
        diagnosis = _graded(exercise, answer)
    except NotAttempted as gap:
        said = (str(gap),) if str(gap) else ()
        fill = f"Replace the `...` with your answer and run the cell again. {ask} gives a hint."
        return Message("not attempted", title, (*said, fill))
    record.attempts += 1
    if diagnosis is None or isinstance(diagnosis, Right):
        record.right = True
        said = tuple(text for text in (diagnosis, exercise.when_right) if text)
        return Message("right", title, said)
    more = "the next hint" if record.hints_read else "a hint"
    left = record.hints_read < len(exercise.hints)
    return Message("not yet", title, (diagnosis, *([f"{ask} gives {more}."] if left else ())))


def hint(exercise_id: str) -> Message:
    """Give the next hint of an exercise, after those that were given before.

    Parameters
    ----------
    exercise_id : str
        Such as ``"01.2"``.

    Returns
    -------
    Message
        All hints so far; after the last, where the solution is.
    """
    try:
        exercise = find(exercise_id)
    except LookupError as error:
        return Message("unknown exercise", str(exercise_id), (str(error.args[0]),))
    record = _records.setdefault(exercise.exercise_id, Record())
    record.hints_read = min(record.hints_read + 1, len(exercise.hints))
    n_hints = len(exercise.hints)
    shown = tuple(
        f"Hint {i} of {n_hints}: {text}"
        for i, text in enumerate(exercise.hints[: record.hints_read], 1)
    )
    last = record.hints_read == n_hints
    end = "That was the last hint. The solution is folded away under the exercise."
    more = f'Ask `hint("{exercise.exercise_id}")` again for the next one.'
    title = f"{exercise.exercise_id} {exercise.title}"
    return Message("hint", title, (*shown, end if last else more))


def progress(chapter: str | None = None) -> Message:
    """List the exercises of a chapter and how far you are with each.

    Parameters
    ----------
    chapter : str, optional
        Such as ``"01"``; all chapters without it.

    Returns
    -------
    Message
        What was solved since the kernel started.
    """
    wanted = chapters() if chapter is None else [str(chapter).strip().zfill(2)]
    there = [one for number in wanted for one in exercises_of(number)]
    if not there:
        known = ", ".join(chapters()) or "none yet"
        said = f"Chapter {chapter!r} has no exercises. Chapters with exercises: {known}."
        return Message("unknown exercise", str(chapter), (said,))
    solved = sum(_records.get(one.exercise_id, Record()).right for one in there)
    title = f"{solved} of {len(there)} exercises solved" + (
        f" in chapter {wanted[0]}" if chapter is not None else ""
    )
    return Message("progress", title, (), tuple(_line(one) for one in there))


def _graded(exercise: Exercise, answer: Any) -> str | None:
    """The grader's diagnosis; whatever goes wrong on the way becomes one."""
    safe = guarded(answer)
    try:
        diagnosis = exercise.grade(safe)
    except NotAttempted:
        raise
    except AnswerError as error:
        return str(error)
    except (Exception, SystemExit) as error:
        reason = explained(error, answer)
        if isinstance(reason, NotAttempted):
            raise reason from error
        never_called = safe is not answer and not safe.calls
        if learners_line(error, answer) and not never_called:
            return str(reason)
        return _unfit(answer, never_called, error)
    if diagnosis is None or isinstance(diagnosis, str):
        return diagnosis
    return f"The grader of this exercise is broken: it returned {diagnosis!r}."


def _unfit(answer: Any, never_called: bool, error: BaseException) -> str:
    """Say that an answer is not of the kind that the grader can work with."""
    if never_called:
        return (
            f"You handed in the function `{getattr(answer, '__name__', answer)}` itself; "
            "the exercise asks for a value. Hand in what the function returns."
        )
    if not callable(answer) and "not callable" in str(error):
        return (
            f"The exercise asks for a function; you handed in {_shown(answer)}. "
            "Hand in the function itself, by its name, without calling it."
        )
    function = inspect.isroutine(answer)
    what = "what your function returns" if function else f"your answer, {_shown(answer)}"
    return (
        f"The check could not work with {what} (`{type(error).__name__}: {error}`). "
        "Compare its kind and shape with what the exercise asks for."
    )


def _shown(answer: Any) -> str:
    """An answer in a few words, even one that cannot be shown."""
    try:
        return describe(answer)
    except Exception:
        return f"a {type(answer).__name__}"


def _line(exercise: Exercise) -> str:
    """One exercise in the list of progress."""
    record = _records.get(exercise.exercise_id, Record())
    if record.right:
        state = "✓ solved"
    elif record.attempts:
        state = f"↻ not yet ({record.attempts} tr{'y' if record.attempts == 1 else 'ies'})"
    else:
        state = "○ not attempted"
    read = record.hints_read
    hints = f", {read} hint{'s' if read > 1 else ''} read" if read else ""
    return f"{exercise.exercise_id} {exercise.title}: {state}{hints}"
