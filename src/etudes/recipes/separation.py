"""What chapters 16 to 18 share: the test duets, and how a result becomes a row of the ledger.

The idea in a sentence: one excerpt of every test chorale, the same for all methods of all three
chapters, so that any two of them can be compared piece by piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from etudes.data.duets import duets
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, separation_difference
from etudes.recipes.rows import Rows

__all__ = ["TRAIN_SEED", "WORDS", "rows_of", "test_duets", "validation_duets"]

TRAIN_SEED, VALIDATION_SEED, TEST_SEED = 1, 2, 3
N_VALIDATION = 16

WORDS = {
    "flute-bassoon": "Flute as soprano, bassoon as bass",
    "choir-sb": "Choir, soprano and bass",
    "choir-sa": "Choir, soprano and alto",
}
"""What the ledger calls each duet."""


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


def rows_of(
    chapter: str,
    name: str,
    results: Mapping[str, SeparationResult],
    words: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    rows: Rows,
    paper: Mapping[str, dict[str, Any]] | None = None,
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
    """
    where = WORDS.get(name, name)
    for method, result in results.items():
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
