"""A choice among known names, with the nearest one suggested when it is none of them.

Chapter 01 chooses smoothings and instruments by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def check_in(value: Any, name: str, allowed: Iterable[Any]) -> Any:
    """Check that ``value`` is one of the allowed ones; suggest the nearest when it is not.

    Parameters
    ----------
    value : object
        Usually a string.
    name : str
        What the caller calls it.
    allowed : iterable
        The values accepted.

    Returns
    -------
    object
        ``value``, unchanged.

    Raises
    ------
    ValueError
        With the nearest allowed name, and the list of those allowed (the first twenty).
    """
    options = list(allowed)
    if value in options:
        return value
    names = [str(option) for option in options]
    near = difflib.get_close_matches(str(value).lower(), [n.lower() for n in names], n=1)
    suggestion = ""
    if near:
        best = names[[n.lower() for n in names].index(near[0])]
        suggestion = f"; did you mean {best!r}?"
    shown = ", ".join(repr(option) for option in options[:20])
    more = f" and {len(options) - 20} more" if len(options) > 20 else ""
    raise ValueError(f"{name} must be one of {shown}{more}, got {value!r}{suggestion}")
