"""What chapters 16 to 18 share: what is measured on, and how a result becomes a row of the ledger.

The idea in a sentence: one excerpt of every test chorale, the same for all methods of all three
chapters, so that any two of them can be compared piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from etudes.data.chorales import ChoraleMixtures
from etudes.data.duets import EXCERPT, SAMPLE_RATE, duets
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, evaluate_separator, separation_difference
from etudes.evaluate.separators import fingerprint
from etudes.recipes.rows import Rows
from etudes.recipes.work import Remembered

__all__ = [
    "ELSEWHERE",
    "TEST",
    "WORDS",
    "choice_row",
    "elsewhere",
    "excerpts_of",
    "measured",
    "rows_of",
    "test_duets",
    "validation_duets",
]

VALIDATION_SEED, TEST_SEED = 2, 3
N_VALIDATION = 16

ELSEWHERE: dict[str, dict[str, tuple[int, ...]]] = {
    "clarinet-cello": {"soprano": (71,), "bass": (42,)},
    "trumpet-viola": {"soprano": (56,), "alto": (41,)},
    "choir-sab": {"soprano": (52,), "alto": (52,), "bass": (52,)},
}
"""Sources that nothing has been trained on, and the programs that play them."""

TEST = "one 8 s excerpt of each test chorale, Bach, TimGM6mb soundfont, 8 kHz"
"""What the ledger calls the test excerpts."""

WORDS = {
    "flute-bassoon": "Flute as soprano, bassoon as bass",
    "choir-sb": "Choir, soprano and bass",
    "choir-sa": "Choir, soprano and alto",
    "clarinet-cello": "Clarinet as soprano, cello as bass",
    "trumpet-viola": "Trumpet as soprano, viola as alto",
    "choir-sab": "Choir, soprano, alto and bass",
}
"""What the ledger calls each duet, and what is taken apart elsewhere."""


@cache
def test_duets(name: str) -> list[Mixture]:
    """One excerpt of every test chorale.

    Parameters
    ----------
    name
        Of the duet.

    Returns
    -------
    list of Mixture
    """
    mixtures = duets(name, "test", TEST_SEED)
    return mixtures.load(len(mixtures))


@cache
def validation_duets(name: str) -> list[Mixture]:
    """Excerpts on which settings are chosen.

    Parameters
    ----------
    name
        Of the duet.

    Returns
    -------
    list of Mixture
    """
    return duets(name, "validation", VALIDATION_SEED).load(N_VALIDATION)


@cache
def elsewhere(name: str) -> list[Mixture]:
    """One excerpt of every test chorale, sung and played by others.

    Parameters
    ----------
    name
        Of :data:`ELSEWHERE`.

    Returns
    -------
    list of Mixture
    """
    return excerpts_of(ELSEWHERE[name])


def excerpts_of(programs: Mapping[str, tuple[int, ...]], split: str = "test") -> list[Mixture]:
    """Excerpts of chorales, at the tempo and place of all the others.

    Parameters
    ----------
    programs
        Voices, the highest first, and the General MIDI programs that sing each.
    split
        ``"test"``: one of every test chorale. ``"validation"``: as many as of a duet.

    Returns
    -------
    list of Mixture
    """
    given: Any = programs
    seed, n = {"test": (TEST_SEED, None), "validation": (VALIDATION_SEED, N_VALIDATION)}[split]
    mixtures = ChoraleMixtures(
        tuple(given), given, SAMPLE_RATE, seed=seed, split=split, seconds=EXCERPT
    )
    return mixtures.load(n or len(mixtures))


def measured(
    answers: Remembered,
    key: str,
    separate: Callable[[Mixture], Any],
    mixtures: Sequence[Mixture],
    any_order: bool = False,
) -> SeparationResult:
    """Evaluate a separator, or remember what an earlier run found.

    Parameters
    ----------
    answers
        Where results are kept.
    key
        Everything that the result depends on, besides the mixtures.
    separate, mixtures, any_order
        As :func:`etudes.evaluate.evaluate_separator` wants them.

    Returns
    -------
    SeparationResult
    """

    def find() -> dict[str, Any]:
        result = evaluate_separator(separate, mixtures, any_order)
        return {
            "improvements": result.improvements.tolist(),
            "groups": result.groups.tolist(),
            "fingerprint": result.fingerprint,
        }

    told = answers.ask(f"{key} {fingerprint(one.stems for one in mixtures)}", find).value
    return SeparationResult(
        np.array(told["improvements"]), np.array(told["groups"]), told["fingerprint"]
    )


def choice_row(
    chapter: str, method: str, words: str, values: Mapping[str, float], n: int, rows: Rows
) -> None:
    """Write what was tried on validation excerpts of the three duets into the ledger.

    Parameters
    ----------
    chapter
        Two digits.
    method, words
        Whose setting, and what the ledger calls it.
    values
        By setting, the mean improvement in dB.
    n
        How many mixtures.
    rows
        Where they come from.
    """
    best = max(values, key=lambda setting: values[setting])
    rows.number(
        f"{chapter}.validation.si-sdri.{method}",
        f"Validation, three duets: {words}; chosen of {len(values)}: {best}",
        values[best],
        "dB",
        n,
        baselines={setting: value for setting, value in values.items() if setting != best},
    )


def rows_of(
    chapter: str,
    name: str,
    results: Mapping[str, SeparationResult],
    words: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    rows: Rows,
    paper: Mapping[str, dict[str, Any]] | None = None,
    only: Container[str] | None = None,
    where: str = "",
) -> None:
    """Write the results of one duet into the ledger.

    Parameters
    ----------
    chapter
        Two digits.
    name
        Of the duet.
    results
        By method, all of the same mixtures.
    words
        What the ledger calls each method.
    pairs
        Whose differences are written, too, where both were measured.
    rows
        Where they come from.
    paper
        By method, what was published.
    only
        Methods that get a row of their own; the others serve for differences. All by default.
    where
        What the ledger calls the mixtures; that of :data:`WORDS` by default.
    """
    where = where or WORDS.get(name, name)
    for method, result in results.items():
        if only is not None and method not in only:
            continue
        rows.estimate(
            f"{chapter}.{name}.si-sdri.{method}",
            f"{where}: SI-SDR improvement of {words[method]}",
            result,
            "dB",
            result.n,
            baselines={"mixture": 0.0},
            paper=(paper or {}).get(method),
        )
    for a, b in pairs:
        if a in results and b in results:
            found = separation_difference(results[a], results[b])
            claim = f"{where}, same mixtures: {words[a]} against {words[b]}"
            rows.estimate(f"{chapter}.{name}.margin.{a}-over-{b}", claim, found, "dB", results[a].n)
