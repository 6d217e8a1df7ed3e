"""Three duets to take apart, each harder in its own way: what chapters 16 to 18 measure on.

The idea in a sentence: flute and bassoon differ in sound and in height; a choir's soprano and bass
only in height; its soprano and alto hardly in that. All come from Bach's chorales
(:mod:`etudes.data.chorales`), split by hymn.
"""

from __future__ import annotations

from typing import Any

from etudes.checks import check_in
from etudes.data.chorales import ChoraleMixtures

__all__ = ["DUETS", "EXCERPT", "SAMPLE_RATE", "duets"]

SAMPLE_RATE = 8000
"""In Hz."""

EXCERPT = 8.0
"""Seconds of each excerpt."""

DUETS: dict[str, dict[str, tuple[int, ...]]] = {
    "flute-bassoon": {"soprano": (73,), "bass": (70,)},
    "choir-sb": {"soprano": (52,), "bass": (52,)},
    "choir-sa": {"soprano": (52,), "alto": (52,)},
}
"""Voices of each duet, and the General MIDI programs that sing them."""


def duets(
    name: str, split: str = "train", seed: int = 0, seconds: float | None = EXCERPT
) -> ChoraleMixtures:
    """Mixtures of one of the three duets.

    Parameters
    ----------
    name : {"flute-bassoon", "choir-sb", "choir-sa"}
        Which.
    split : {"train", "validation", "test"}
        No hymn is in two of them.
    seed : int
        Of tempo, loudness, balance and of where excerpts begin.
    seconds : float, optional
        Length of an excerpt; whole chorales with ``None``.

    Returns
    -------
    ChoraleMixtures
        At 8 kHz, the higher voice first.

    Raises
    ------
    ValueError
        When the name or the split is unknown.

    Examples
    --------
    >>> duets("choir-sa", seconds=2)[0].stems.shape
    (2, 16000)
    """
    programs: Any = DUETS[check_in(name, "name", DUETS)]
    return ChoraleMixtures(
        tuple(programs), programs, SAMPLE_RATE, seed=seed, split=split, seconds=seconds
    )
