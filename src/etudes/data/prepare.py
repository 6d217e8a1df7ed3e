"""Prepare every source of sound ahead of time, as ``python -m etudes fetch`` does.

The idea in a sentence: each part is loaded once the way the chapters load it, which fills the
cache; what is already there takes no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from etudes.checks import check_in


@dataclass(frozen=True)
class Outcome:
    """What came of preparing one part.

    Attributes
    ----------
    part
        One of :data:`PARTS`.
    done
        Whether all of it is here now.
    needed
        Whether chapters need it.
    what
        What is here, or what went wrong.
    seconds
        How long it took.
    """

    part: str
    done: bool
    needed: bool
    what: str
    seconds: float


def _scores() -> str:
    from etudes.data.scores import load_folk_tunes

    return f"{len(load_folk_tunes()):,} folk tunes with a style"


def _chorales() -> str:
    from etudes.data.scores import load_bach_chorales

    return f"{len(load_bach_chorales())} chorales by Bach"


def _instruments() -> str:
    from etudes.data.instruments import USABLE_PROGRAMS, load_instrument_notes

    return f"{len(load_instrument_notes()):,} notes of {len(USABLE_PROGRAMS)} instruments"


def _voices() -> str:
    from etudes.data.voices import list_voices, load_utterances

    return f"{len(load_utterances()):,} words in {len(list_voices())} voices"


def _recordings() -> str:
    from etudes.data.recordings import SOURCES, RecordingUnavailable, find, load_spoken_digits

    missing: list[str] = []
    for name in SOURCES:
        try:
            find(name)
        except RecordingUnavailable as error:
            if not missing:
                print(f"   {error}", flush=True)
            missing.append(name)
    if missing:
        raise RecordingUnavailable(
            f"{len(missing)} of {len(SOURCES)} missing: {', '.join(missing)}"
        )
    load_spoken_digits()
    return f"{len(SOURCES)} recordings and sets of recordings"


PARTS: dict[str, Callable[[], str]] = {
    "scores": _scores,
    "chorales": _chorales,
    "instruments": _instruments,
    "voices": _voices,
    "recordings": _recordings,
}
"""What can be prepared."""


def prepare(part: str) -> Outcome:
    """Prepare one part and say how it went.

    Parameters
    ----------
    part
        A key of :data:`PARTS`.

    Returns
    -------
    Outcome
        Also printed, in one line. Nothing raises but a wrong name: one part that fails must not
        keep the others from being prepared.

    Raises
    ------
    ValueError
        When there is no such part; the message suggests the nearest.
    """
    work = PARTS[check_in(part, "part", PARTS)]
    started = time.perf_counter()
    try:
        what, done = work(), True
    except Exception as error:  # one part must not stop the others
        what, done = f"{type(error).__name__}: {error}", False
    seconds = time.perf_counter() - started
    print(f"{'ok' if done else 'XX'}  {part:<12} {seconds:6.1f} s  {what}", flush=True)
    return Outcome(part, done, part != "recordings", what, seconds)
