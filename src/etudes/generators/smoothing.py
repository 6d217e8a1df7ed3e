"""Smoothing: how a context that was seldom seen leans on its shorter version.

The idea in one sentence: what was never counted is not impossible, so every context gives away some
of its probability, and the shorter context says to whom.

Let n(h) be how often context h was seen, n(h, x) how often note x followed it, t(h) how many
*different* notes followed it, and h' the context without its oldest note. **Witten-Bell** says

    P(x | h) = (n(h, x) + t(h) P(x | h'))  /  (n(h) + t(h))

so that a context followed by many different notes, which will surprise again, leans more (I. H.
Witten and T. C. Bell, "The zero-frequency problem", *IEEE Transactions on Information Theory* 37,
1991, method C). **Kneser-Ney** takes a discount d from every count and passes on what it took,

    P(x | h) = (n(h, x) - d  +  (sum of the discounts) P(x | h'))  /  n(h)

and counts, in the shorter contexts, not how often a note came but after how many different notes: a
note that only ever follows one other is no good guess elsewhere. The discounts, one each for counts
of 1, 2 and 3 or more, follow from how many counts there are of each size (S. F. Chen and J.
Goodman, "An empirical study of smoothing techniques for language modeling", *Computer Speech and
Language* 13, 1999, modified Kneser-Ney). Neither has anything to tune.

Kneser-Ney is given not how often but *in how many tunes* a note followed a context. A bar that one
tune plays four times is one witness; and where repeats are written out, as in jigs, most plain
counts are even, which makes nonsense of discounts that follow from how many are 1 and how many 2.

Chapter 01.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from etudes.generators.tokens import Token

__all__ = ["Row", "Table", "kneser_ney", "witten_bell"]

#: What followed each context: how often each token came, or in how many tunes.
Table = dict[tuple[Token, ...], Counter[Token]]

LEAST_DISCOUNT = 0.1  # so that, in a small corpus too, something is left for the unseen
FEW = (0.5, 1.0, 1.5)  # discounts where no count is 1, or 2, or 3, so that none follow


class Row(NamedTuple):
    """A context's own share for each token, and what it passes on to its shorter version.

    P(x | h) is ``kept[x] + passed_on * P(x | h')``; the shares and `passed_on` add up to 1.
    """

    kept: dict[Token, float]
    passed_on: float


def witten_bell(counts: list[Table]) -> list[dict[tuple[Token, ...], Row]]:
    """Smooth counts by interpolated Witten-Bell.

    Parameters
    ----------
    counts : list of Table
        By length of context, from 0 up.

    Returns
    -------
    list of dict
        By length of context: a row for each context.
    """
    rows: list[dict[tuple[Token, ...], Row]] = []
    for table in counts:
        rows.append({})
        for context, following in table.items():
            total = following.total() + len(following)
            kept = {token: n / total for token, n in following.items()}
            rows[-1][context] = Row(kept, len(following) / total)
    return rows


def kneser_ney(counts: list[Table]) -> list[dict[tuple[Token, ...], Row]]:
    """Smooth counts by interpolated modified Kneser-Ney; takes and returns as `witten_bell`."""
    rows: list[dict[tuple[Token, ...], Row]] = []
    for k, table in enumerate(counts):
        if k + 1 < len(counts):
            table = _continuations(counts[k + 1])
        discount = _discounts(table)
        rows.append({})
        for context, following in table.items():
            total = following.total()
            kept = {token: (n - discount[min(n, 3)]) / total for token, n in following.items()}
            rows[-1][context] = Row(kept, 1 - sum(kept.values()))
    return rows


def _continuations(longer: Table) -> Table:
    """Count after how many different notes each token came, in place of how often."""
    found: Table = {}
    for context, following in longer.items():
        found.setdefault(context[1:], Counter()).update(following.keys())
    return found


def _discounts(table: Table) -> list[float]:
    """What to take from counts of 0, 1, 2, and 3 or more: Chen and Goodman's equation 26."""
    sizes = Counter(n for following in table.values() for n in following.values())
    one, two, three, four = (sizes[n] for n in (1, 2, 3, 4))
    if 0 in (one, two, three):  # too few tunes to tell
        return [0.0, *FEW]
    y = one / (one + 2 * two)
    raw = (1 - 2 * y * two / one, 2 - 3 * y * three / two, 3 - 4 * y * four / three)
    most = (1 - LEAST_DISCOUNT, 2 - LEAST_DISCOUNT, 3 - LEAST_DISCOUNT)  # leave something
    return [0.0, *np.clip(raw, LEAST_DISCOUNT, most).tolist()]
