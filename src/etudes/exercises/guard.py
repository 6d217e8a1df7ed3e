"""A learner's answer, made safe to touch: gaps are noticed, errors are explained, arrays are kept.

A grader calls a learner's function as if nothing could happen. What can happen is turned into one
of two exceptions, which :func:`etudes.exercises.check` shows as a message: :class:`NotAttempted`
where a gap ``...`` was left, and :class:`AnswerError` where the learner's code failed.
"""

from __future__ import annotations

import dis
import functools
import inspect
import linecache
import traceback
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from etudes.checks import describe


class NotAttempted(Exception):
    """The answer, or a part of it, is still the gap of the stub."""


class AnswerError(Exception):
    """The learner's own code failed; the message explains where and how."""


def refuse_gaps(answer: Any) -> None:
    """Notice an answer that is still the stub's ``...``, in whole or in part.

    Parameters
    ----------
    answer : object
        What the learner handed in.

    Raises
    ------
    NotAttempted
        When the answer is None, ``...``, an empty text, or a collection that holds one of these.
    """
    if _is_gap(answer):
        raise NotAttempted("")
    parts: list[tuple[Any, Any]] = []
    if isinstance(answer, Mapping):
        parts = list(answer.items())
    elif isinstance(answer, (tuple, list)):
        parts = list(enumerate(answer))
    gaps = [name for name, part in parts if _is_gap(part)]
    if parts and len(gaps) == len(parts):
        raise NotAttempted("")
    if gaps:
        raise NotAttempted(f"The part {gaps[0]!r} of your answer is still `...`.")


def guarded(answer: Any) -> Any:
    """Wrap a function so that a grader can call it without care; leave everything else as it is.

    The wrapped function hands on copies of the arrays it is given, so that a learner who changes
    them in place does not change the grader's.

    Parameters
    ----------
    answer : object
        A function, or anything else.

    Returns
    -------
    object
        A function that raises :class:`NotAttempted` or :class:`AnswerError` and nothing else, or
        `answer` itself.
    """
    if not inspect.isroutine(answer):
        return answer
    calls: list[int] = []

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(len(args))
        copies = [_copied(value) for value in args]
        named = {name: _copied(value) for name, value in kwargs.items()}
        _refuse_wrong_signature(answer, args, kwargs)
        try:
            value = answer(*copies, **named)
        except (Exception, SystemExit) as error:
            raise explained(error, answer) from error
        refuse_gaps_in_result(value, answer)
        return value

    call.calls = calls  # type: ignore[attr-defined]
    return call


def refuse_gaps_in_result(value: Any, function: Callable[..., Any]) -> None:
    """Tell a stub from a forgotten ``return``.

    Raises
    ------
    NotAttempted
        When a gap came back, or nothing from a function that does nothing.
    AnswerError
        When nothing came back from a function that does something.
    """
    name = getattr(function, "__name__", "your function")
    if value is None and not is_stub(function):
        raise AnswerError(
            f"`{name}` returned nothing (None). Is its `return` missing, or not reached?"
        )
    if _is_gap(value) or (
        isinstance(value, (tuple, list)) and value and all(_is_gap(part) for part in value)
    ):
        raise NotAttempted("")
    if isinstance(value, (tuple, list)) and any(part is ... for part in value):
        raise NotAttempted(f"A part of what `{name}` returns is still `...`.")


def is_stub(function: Callable[..., Any]) -> bool:
    """Whether the body of a function does nothing: ``pass``, ``...``, or a docstring."""
    code = _code_of(function)
    if code is None:
        return False
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP", "CACHE"}
    return all(step.opname in idle for step in dis.get_instructions(code))


def explained(error: BaseException, function: Callable[..., Any] | None = None) -> Exception:
    """Turn an error of the learner's code into words.

    Parameters
    ----------
    error : BaseException
        What was raised.
    function : callable, optional
        The learner's function, to point at one of its lines.

    Returns
    -------
    NotAttempted or AnswerError
    """
    text = str(error)
    if isinstance(error, NotImplementedError):
        return NotAttempted("")
    if isinstance(error, (TypeError, AttributeError)) and "ellipsis" in text.lower():
        return NotAttempted("There is still a gap `...` among what is computed.")
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return AnswerError("The code left Python with `exit` instead of returning a value.")
    line = learners_line(error, function)
    where = f" In the line `{line}`:" if line else ""
    first = text.strip().splitlines()[0] if text.strip() else ""
    shown = f"{type(error).__name__}: {first}" if first else type(error).__name__
    help_text = _ADVICE.get(type(error), "")
    return AnswerError(f"The code stopped with an error.{where} `{shown}`.{help_text}")


def learners_line(error: BaseException, function: Any = None) -> str | None:
    """The last line of the learner's own code that an error passed through; None without one."""
    code = _code_of(function)
    own = code.co_filename if code is not None else None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == own or "ipykernel_" in frame.filename or "<ipython" in frame.filename:
            return (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    return None


#: What an error usually means, for those met most often.
_ADVICE: dict[type, str] = {
    NameError: " This name was never given a value: is it spelt as above, was its cell run?",
    UnboundLocalError: " A variable is read before it was given a value in the function.",
    IndexError: " An index lies beyond the end: lengths start at 1 and indices at 0.",
    KeyError: " The dictionary has no such key.",
    ZeroDivisionError: " Something was divided by zero: is a count empty?",
    RecursionError: " The function calls itself without end.",
    ModuleNotFoundError: " The module is not installed, or its name is spelt differently.",
}


def _refuse_wrong_signature(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Say it plainly when a function takes other arguments than the exercise asks for."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        name = getattr(function, "__name__", "your function")
        given = [
            describe(value) if hasattr(value, "shape") else type(value).__name__ for value in args
        ]
        given += [f"{name}=…" for name in kwargs]
        raise AnswerError(
            f"`{name}{signature}` cannot be called as the exercise asks, with {len(given)} "
            f"argument{'s' if len(given) != 1 else ''}: {', '.join(given)}."
        ) from None


def _code_of(function: Any) -> CodeType | None:
    """The compiled body of a function written in Python; None for anything else."""
    if inspect.ismethod(function):
        function = function.__func__
    return function.__code__ if inspect.isfunction(function) else None


def _is_gap(value: Any) -> bool:
    """Whether a value is what a stub leaves."""
    return value is None or value is ... or value is NotImplemented or _is_empty_text(value)


def _is_empty_text(value: Any) -> bool:
    return isinstance(value, str) and not value.strip(" .…")


def _copied(value: Any) -> Any:
    """A copy of an array or tensor; anything else as it is."""
    if hasattr(value, "detach") and hasattr(value, "clone"):
        return value.clone()
    if hasattr(value, "__array__") and hasattr(value, "copy"):
        return value.copy()
    return value
