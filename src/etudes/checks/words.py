"""Say in a few words what a value is, so that a refusal can name what came.

Chapter 01 shows the messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def describe(value: object) -> str:
    """Say in a few words what a value is, for an error message.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        ``"ndarray of shape (2, 3)"`` for things with a shape, otherwise type and a short repr.
    """
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {shape_text(shape)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def shape_text(shape: Iterable[Any]) -> str:
    """A shape as text, names without quotes: ``(n_mels, 10)``."""
    parts = ["*" if size is None else str(size) for size in shape]
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
