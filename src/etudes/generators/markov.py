"""Markov chains: what comes next, judged by what came after the same few notes before.

The idea in one sentence: count which note followed each context of `order` notes in the training
tunes, and where a context was seldom seen, lean on what followed its shorter version.

How it leans is the subject of :mod:`etudes.generators.smoothing`: Witten-Bell, the one to write
yourself, or Kneser-Ney, which needs half a bit less a note at order 4.

*Where it ends.*  The empty context leans on "something never seen", the token ``UNKNOWN``: so the
probabilities of all known notes, of ``END`` and of ``UNKNOWN`` add up to one. A held-out note that
is unknown pays for being new and, beyond that, for which of all possible notes it is.

M. T. Pearce and G. A. Wiggins, "Improved methods for statistical modelling of monophonic music",
*Journal of New Music Research* 33, 2004, compare such methods on folk melodies; D. Conklin and
I. H. Witten, "Multiple viewpoint systems for music prediction", same journal 24, 1995, go on from
here. Chapter 01; baseline in chapters 09 to 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from etudes.checks import check_in, check_positive_float, check_positive_int
from etudes.data.tunes import Tune
from etudes.generators.smoothing import Row, Table, kneser_ney, witten_bell
from etudes.generators.tokens import (
    END,
    N_POSSIBLE,
    START,
    UNKNOWN,
    Token,
    decode,
    encode,
    tonic_pitch,
)

__all__ = ["MarkovChain"]

SMOOTHINGS = {"kneser-ney": kneser_ney, "witten-bell": witten_bell}
LOWEST_SUNG, HIGHEST_SUNG = 48, 96  # samples stay between these pitches


class MarkovChain:
    """A chain of notes that remembers the last `order` of them.

    Parameters
    ----------
    order : int
        0 remembers nothing (notes are drawn from a bag); 4 or more mostly quotes.
    height : {"degree", "interval"}
        How a note's height is counted, see :func:`etudes.generators.tokens.encode`.
    smoothing : {"kneser-ney", "witten-bell"}
        How a context leans on its shorter version: see :mod:`etudes.generators.smoothing`.

    Raises
    ------
    ValueError, TypeError
        If `order` is negative or no whole number, or a name is not one of those above.

    Examples
    --------
    >>> chain = MarkovChain(order=3).fit(tunes)  # doctest: +SKIP
    >>> chain.sample(seed=7).to_score().dump_midi("new.mid")  # doctest: +SKIP
    """

    def __init__(
        self, order: int = 3, height: str = "degree", smoothing: str = "kneser-ney"
    ) -> None:
        self.order = check_positive_int(order, "order", allow_zero=True)
        self.height = check_in(height, "height", ("degree", "interval"))
        self.smoothing = check_in(smoothing, "smoothing", tuple(SMOOTHINGS))
        #: By length of context, from 0 to `order`: what came next, how often (Witten-Bell) or,
        #: from length 1, in how many tunes (Kneser-Ney).
        self.counts: list[Table] = [{} for _ in range(self.order + 1)]
        self._rows: list[dict[tuple[Token, ...], Row]] = []

    def __repr__(self) -> str:
        known = f"{sum(map(len, self.counts)):,} contexts"
        return (
            f"MarkovChain(order={self.order}, height={self.height!r}, "
            f"smoothing={self.smoothing!r}, {known})"
        )

    @property
    def vocabulary(self) -> list[Token]:
        """All tokens the chain gives a probability: known notes, ``END``, ``UNKNOWN``."""
        return [*sorted(self._seen()), UNKNOWN]

    def fit(self, tunes: Iterable[Tune]) -> MarkovChain:
        """Count; fitting again adds to the counts.

        Parameters
        ----------
        tunes : iterable of Tune
            Training tunes, for instance a :class:`~etudes.data.tunes.TuneSet`.

        Returns
        -------
        MarkovChain
            Itself.

        Raises
        ------
        ValueError
            If there are no tunes.
        """
        n_tunes = 0
        for tune in tunes:
            n_tunes += 1
            tokens = [START] * self.order + encode(tune, self.height) + [END]
            told: set[tuple[Token, ...]] = set()
            for i in range(self.order, len(tokens)):
                for k in range(self.order + 1):
                    context, run = tuple(tokens[i - k : i]), tuple(tokens[i - k : i + 1])
                    if k > 0 and self.smoothing == "kneser-ney":
                        if run in told:  # a tune that repeats itself is one witness
                            continue
                        told.add(run)
                    self.counts[k].setdefault(context, Counter())[tokens[i]] += 1
        if n_tunes == 0:
            raise ValueError("tunes must hold at least one tune, got none")
        self._rows = SMOOTHINGS[self.smoothing](self.counts)
        return self

    def probability(self, token: Token, context: Sequence[Token] = ()) -> float:
        """Return P(token | context), by the formula above.

        Parameters
        ----------
        token : Token
            A note, ``END`` or ``UNKNOWN``; a note never seen counts as ``UNKNOWN``.
        context : sequence of Token
            What came before, the latest last; the last `order` tokens count.

        Returns
        -------
        float
            Greater than 0, at most 1.
        """
        seen = self._seen()
        token = token if token in seen else UNKNOWN
        probability = 1.0 if token == UNKNOWN else 0.0
        for row in self._known_contexts(context):
            probability = row.kept.get(token, 0.0) + row.passed_on * probability
        return probability

    def probabilities(self, context: Sequence[Token] = ()) -> dict[Token, float]:
        """Return P(token | context) for every token of the vocabulary; they add up to 1."""
        vocabulary = self.vocabulary
        number = {token: i for i, token in enumerate(vocabulary)}
        found = np.zeros(len(vocabulary))
        found[-1] = 1
        for row in self._known_contexts(context):
            found *= row.passed_on
            for token, share in row.kept.items():
                found[number[token]] += share
        return dict(zip(vocabulary, found.tolist()))

    def log_prob(self, tune: Tune) -> np.ndarray:
        """Return how likely each note was when it came.

        Parameters
        ----------
        tune : Tune
            Best one that was not trained on.

        Returns
        -------
        numpy.ndarray
            (n_notes + 1,) natural log probabilities of the notes and, last, of the end. Their mean
            over log 2, with the sign turned, is bits per note.
        """
        seen = self._seen()
        which = np.log(max(N_POSSIBLE - (len(seen) - 1), 1))  # an unknown note is one of so many
        tokens = [START] * self.order + encode(tune, self.height) + [END]
        found = np.zeros(len(tokens) - self.order)
        for i in range(self.order, len(tokens)):
            found[i - self.order] = np.log(
                self.probability(tokens[i], tokens[i - self.order : i])
            ) - (0 if tokens[i] in seen else which)
        return found

    def sample(
        self,
        seed: int = 0,
        *,
        key: str = "D",
        min_notes: int = 16,
        max_notes: int = 256,
        temperature: float = 1.0,
        opening: Tune | None = None,
    ) -> Tune:
        """Make a new tune, note by note, until the chain says ``END``.

        Parameters
        ----------
        seed : int
            The same seed gives the same tune.
        key : str
            Tonic of the new tune.
        min_notes, max_notes : int
            No end before `min_notes`, no note after `max_notes`.
        temperature : float
            Below 1 prefers what is likely anyway; above 1 is more adventurous.
        opening : Tune, optional
            Go on from here; its notes are part of the result.

        Returns
        -------
        Tune
            Between MIDI pitches 48 and 96.

        Raises
        ------
        ValueError
            If a number is out of range or `key` is no key.
        """
        check_positive_int(min_notes, "min_notes", allow_zero=True)
        check_positive_int(max_notes, "max_notes")
        check_positive_float(temperature, "temperature")
        if max_notes < max(min_notes, 1):
            raise ValueError(f"max_notes must be at least min_notes, got {max_notes} < {min_notes}")
        self._seen()
        rng = np.random.default_rng(seed)
        tonic = tonic_pitch(key)
        notes = encode(opening, self.height) if opening is not None else []
        while len(notes) < max_notes:
            odds = self.probabilities([START] * self.order + notes)
            choices = list(odds)
            weight = np.array(list(odds.values())) ** (1 / temperature)
            weight *= [self._allowed(token, notes, tonic, min_notes) for token in choices]
            if weight.sum() == 0:  # the only way on is out of range
                break
            token = choices[rng.choice(len(choices), p=weight / weight.sum())]
            if token == END:
                break
            notes.append(token)
        title = f"Markov chain of order {self.order}, seed {seed}"
        return decode(notes, self.height, key, title)

    def _allowed(self, token: Token, notes: list[Token], tonic: int, min_notes: int) -> bool:
        if token == UNKNOWN:
            return False
        if token == END:
            return len(notes) >= max(min_notes, 1)
        before = sum(height for height, _ in notes) if self.height == "interval" else 0
        return LOWEST_SUNG <= tonic + before + token[0] <= HIGHEST_SUNG

    def _known_contexts(self, context: Sequence[Token]) -> list[Row]:
        """Rows for the context's last 0, 1, ... notes, as far as that was ever seen."""
        known = []
        for k in range(min(self.order, len(context)) + 1):
            row = self._rows[k].get(tuple(context[len(context) - k :]))
            if row is None:
                break
            known.append(row)
        return known

    def _seen(self) -> Counter[Token]:
        if not self._rows:
            raise ValueError("the chain has seen no tunes yet: call fit(tunes) first")
        return self.counts[0][()]
