"""Next-note trees: what comes next, judged by a few questions about the notes so far.

The idea in one sentence: a decision tree sorts the moments of the training tunes into leaves, and
what came next in a leaf is what the tree expects, leaning on the nodes above where it saw little.

Two trees make one model: the first says how high the next note is, or that the tune ends; the
second, told the height, how long it lasts. A leaf leans on its parent, the parent on its own, and
the root on "anything that a piano can play": Witten and Bell's smoothing
(:mod:`etudes.generators.smoothing`), along the path of a tree where a Markov chain has shorter and
shorter contexts. A tree that hears a style it has not learned is sure and wrong; so, with a small
probability, its *caution*, it forgets what it was asked and answers like its root.

Trees that predict the next word so: L. R. Bahl, P. F. Brown, P. V. de Souza and R. L. Mercer, "A
tree-based statistical language model for natural language speech recognition", *IEEE Transactions
on Acoustics, Speech, and Signal Processing* 37, 1989. Chapter 04.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from etudes.checks import check_fraction, check_positive_float, check_positive_int
from etudes.data.tunes import Tune
from etudes.generators.markov import HIGHEST_SUNG, LOWEST_SUNG
from etudes.generators.note_questions import ask, ask_last
from etudes.generators.tokens import HIGHEST, LONGEST, LOWEST, Token, decode, encode, tonic_pitch

__all__ = ["END_CLASS", "N_HEIGHTS", "NoteTree", "compose", "length_questions"]

LOWEST_TONIC, HIGHEST_TONIC = 54, 65
#: Heights above the tonic that a piano can play, whatever the tonic.
LOWEST_HEIGHT, HIGHEST_HEIGHT = LOWEST - HIGHEST_TONIC, HIGHEST - LOWEST_TONIC
N_HEIGHTS = HIGHEST_HEIGHT - LOWEST_HEIGHT + 1
#: Class number of the end, after all heights.
END_CLASS = N_HEIGHTS


class NoteTree:
    """A pair of trees that expects the next note of a tune.

    Parameters
    ----------
    min_leaf : int
        At least so many notes in every leaf.
    max_leaves : int
        At most so many leaves in each of the two trees.
    caution : float
        Share of every answer that is the root's, whatever the questions; a tenth of that is uniform
        over all that can be played.

    Raises
    ------
    TypeError, ValueError
        If a number is no positive whole one, `max_leaves` is 1, or `caution` is outside 0…1.

    Examples
    --------
    >>> tree = NoteTree().fit(tunes)  # doctest: +SKIP
    >>> tree.log_prob(other).mean()  # doctest: +SKIP
    """

    def __init__(self, min_leaf: int = 10, max_leaves: int = 200, caution: float = 0.03) -> None:
        self.min_leaf = check_positive_int(min_leaf, "min_leaf")
        self.max_leaves = check_positive_int(max_leaves, "max_leaves")
        if max_leaves < 2:
            raise ValueError(f"max_leaves must be at least 2, got {max_leaves}")
        self.caution = check_fraction(caution, "caution")
        self._trees: list[Any] = []
        self._tables: list[np.ndarray] = []

    def fit(self, tunes: Iterable[Tune]) -> NoteTree:
        """Grow both trees.

        Parameters
        ----------
        tunes : iterable of Tune
            Training tunes, usually of one style.

        Returns
        -------
        NoteTree
            Itself.

        Raises
        ------
        ValueError
            If there are no tunes.
        """
        told = [encode(tune) for tune in tunes]
        if not told:
            raise ValueError("tunes must hold at least one tune, got none")
        rows = [ask(tokens) for tokens in told]
        heights = np.concatenate([_height_classes(tokens) for tokens in told])
        lengths = np.concatenate([[length - 1 for _, length in tokens] for tokens in told])
        moments = np.concatenate([length_questions(*pair) for pair in zip(rows, told, strict=True)])
        self._trees, self._tables = [], []
        self._grow(np.concatenate(rows), heights, N_HEIGHTS + 1)
        self._grow(moments, lengths.astype(int), LONGEST)
        return self

    def cautious(self, caution: float) -> NoteTree:
        """The same trees with another caution, for which nothing has to be grown again."""
        other = copy.copy(self)
        other.caution = check_fraction(caution, "caution")
        return other

    def expected_heights(self, moments: np.ndarray) -> np.ndarray:
        """How probable every height is, and the end.

        Parameters
        ----------
        moments : numpy.ndarray
            (n, 15) answers to the questions, from :func:`~etudes.generators.note_questions.ask`.

        Returns
        -------
        numpy.ndarray
            (n, 100): heights from −44 to 54 semitones above the tonic, then the end. Rows add up
            to 1.
        """
        return self._expected(0, moments)

    def expected_lengths(self, moments: np.ndarray) -> np.ndarray:
        """How probable every length is, given the height.

        Parameters
        ----------
        moments : numpy.ndarray
            (n, 17) from :func:`length_questions`.

        Returns
        -------
        numpy.ndarray
            (n, 192): 1 to 192 24ths of a quarter note. Rows add up to 1.
        """
        return self._expected(1, moments)

    def weight(self, moments: np.ndarray) -> np.ndarray:
        """Share of the training notes in the leaf of the first tree that each moment comes to."""
        seen = self._trees[0].tree_.n_node_samples
        return seen[self._leaves(0, moments)] / seen[0]

    def log_prob(self, tune: Tune) -> np.ndarray:
        """Return how likely each note was when it came.

        Parameters
        ----------
        tune : Tune
            Best one that was not trained on.

        Returns
        -------
        numpy.ndarray
            (n_notes + 1,) natural log probabilities of the notes and, last, of the end.
        """
        tokens = encode(tune)
        return self.log_prob_of(tokens, ask(tokens))

    def log_prob_of(self, tokens: Sequence[Token], rows: np.ndarray) -> np.ndarray:
        """The same for tokens whose questions are answered already, (n_notes + 1,)."""
        number = np.arange(len(tokens) + 1)
        found = np.log(self.expected_heights(rows)[number, _height_classes(tokens)])
        lengths = np.array([length - 1 for _, length in tokens], dtype=int)
        expected = self.expected_lengths(length_questions(rows, tokens))
        found[:-1] += np.log(expected[number[:-1], lengths])
        return found

    def sample(self, seed: int = 0, **settings: Any) -> Tune:
        """Make a new tune.

        Parameters
        ----------
        seed : int
            The same seed gives the same tune.
        **settings
            As for :func:`compose`.

        Returns
        -------
        Tune
        """
        return compose(lambda tokens: self, seed, title=f"Next-note tree, seed {seed}", **settings)

    def _grow(self, x: np.ndarray, y: np.ndarray, n_classes: int) -> None:
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(
            criterion="entropy",
            min_samples_leaf=self.min_leaf,
            max_leaf_nodes=self.max_leaves,
            random_state=0,
        ).fit(x, y)
        self._trees.append(tree)
        self._tables.append(_smoothed(tree, n_classes))

    def _expected(self, which: int, moments: np.ndarray) -> np.ndarray:
        leaves = self._leaves(which, moments)
        table = self._tables[which]
        whatever = 0.9 * table[0] + 0.1 / table.shape[1]
        return (1 - self.caution) * table[leaves] + self.caution * whatever

    def _leaves(self, which: int, moments: np.ndarray) -> np.ndarray:
        if len(self._trees) < 2:
            raise ValueError("the tree has seen no tunes yet: call fit(tunes) first")
        return self._trees[which].tree_.apply(np.ascontiguousarray(moments, dtype=np.float32))


def length_questions(rows: np.ndarray, tokens: Sequence[Token]) -> np.ndarray:
    """Add to the answers before each note how high it turned out to be.

    Parameters
    ----------
    rows : numpy.ndarray
        (n_notes or more, 15) answers.
    tokens : sequence of Token
        The notes.

    Returns
    -------
    numpy.ndarray
        (n_notes, 17) float32.
    """
    heights = np.array([height for height, _ in tokens], dtype=np.float32)
    rows = rows[: len(tokens)]
    return np.column_stack([rows, heights, heights - rows[:, 0]]).astype(np.float32)


def compose(
    chooser: Any,
    seed: int = 0,
    *,
    key: str = "D",
    min_notes: int = 16,
    max_notes: int = 128,
    temperature: float = 1.0,
    opening: Tune | None = None,
    title: str = "",
) -> Tune:
    """Make a tune note by note, asking before each note whom to trust.

    Parameters
    ----------
    chooser : callable
        Tokens so far → the :class:`NoteTree` that chooses the next note.
    seed : int
        The same seed gives the same tune.
    key : str
        Tonic of the new tune.
    min_notes, max_notes : int
        No end before `min_notes`, no note after `max_notes`.
    temperature : float
        Below 1 prefers what is likely anyway.
    opening : Tune, optional
        Go on from here; its notes are part of the result.
    title : str
        Of the result.

    Returns
    -------
    Tune
        Between MIDI pitches 48 and 96.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range or `key` is no key.
    """
    check_positive_int(seed, "seed", allow_zero=True)
    check_positive_int(min_notes, "min_notes", allow_zero=True)
    check_positive_int(max_notes, "max_notes")
    check_positive_float(temperature, "temperature")
    if max_notes < max(min_notes, 1):
        raise ValueError(f"max_notes must be at least min_notes, got {max_notes} < {min_notes}")
    rng, tonic = np.random.default_rng(seed), tonic_pitch(key)
    pitches = np.arange(N_HEIGHTS) + LOWEST_HEIGHT + tonic
    sung = (pitches >= LOWEST_SUNG) & (pitches <= HIGHEST_SUNG)
    tokens = encode(opening) if opening is not None else []
    while len(tokens) < max_notes:
        tree, rows = chooser(tokens), ask_last(tokens)
        odds = tree.expected_heights(rows)[0] ** (1 / temperature)
        odds *= np.append(sung, len(tokens) >= max(min_notes, 1))
        height = int(rng.choice(len(odds), p=odds / odds.sum()))
        if height == END_CLASS:
            break
        height += LOWEST_HEIGHT
        moment = np.column_stack([rows, [[height, height - rows[0, 0]]]])
        odds = tree.expected_lengths(moment)[0] ** (1 / temperature)
        tokens = [*tokens, (height, 1 + int(rng.choice(LONGEST, p=odds / odds.sum())))]
    return decode(tokens, "degree", key, title)


def _height_classes(tokens: Sequence[Token]) -> np.ndarray:
    """Class number of every note's height, then of the end: (n_notes + 1,)."""
    return np.array([height - LOWEST_HEIGHT for height, _ in tokens] + [END_CLASS], dtype=int)


def _smoothed(fitted: Any, n_classes: int) -> np.ndarray:
    """(n_nodes, n_classes): what every node expects, leaning on the node above (Witten-Bell)."""
    tree = fitted.tree_
    above = np.full(tree.node_count, -1)
    for children in (tree.children_left, tree.children_right):
        inner = children >= 0
        above[children[inner]] = np.flatnonzero(inner)
    table = np.zeros((tree.node_count, n_classes))
    uniform = np.full(n_classes, 1 / n_classes)
    for node in range(tree.node_count):  # parents come before their children
        seen = np.zeros(n_classes)
        n, values = tree.n_node_samples[node], tree.value[node, 0]
        seen[fitted.classes_] = np.round(n * values / values.sum())
        kinds = np.count_nonzero(seen)
        leaning = table[above[node]] if above[node] >= 0 else uniform
        table[node] = (seen + kinds * leaning) / (n + kinds)
    return table
