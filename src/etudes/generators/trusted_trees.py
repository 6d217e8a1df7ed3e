"""A meta decision tree that makes music: before every note it decides which style's tree to trust.

The idea in one sentence: one next-note tree for each style, and above them a meta tree that looks
at how sure each of them is of the next note, and at how well each has done in this tune, and names
one.

Meta decision trees choose among classifiers, by accuracy (Todorovski and Džeroski, *Machine
Learning* 50, 2003). Choosing among models that predict distributions, by the logarithm of what they
gave to the note that came, is this book's generalisation: the loss of a model on a note is its
bits, and a set of notes is as impure as the mean bits of the best single tree on it. How well a
tree has done so far is a property that classifiers of single examples do not have. A leaf may also
trust all trees, each with a share (``meta_tree.sharing``). Chapter 04.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from etudes.checks import check_positive_int
from etudes.data.tunes import Tune, TuneSet
from etudes.generators.note_questions import ask
from etudes.generators.note_trees import NoteTree, compose
from etudes.generators.tokens import Token, encode
from etudes.learners.meta_tree import (
    MetaTree,
    entropy,
    highest_probability,
    leaf_shares,
    shared_bits,
)
from etudes.learners.meta_tree.cross_predicting import folds_of

__all__ = ["Evidence", "TrustedTrees", "evidence", "gather", "grow_members", "take_turns"]

#: A record begins as if so many notes had cost each tree the same.
HEAD_START = 2.0


class Evidence(NamedTuple):
    """What a meta tree may know of each note before it comes, and what each tree loses on it.

    Attributes
    ----------
    properties : numpy.ndarray
        (n, n_properties), known before the note.
    bits : numpy.ndarray
        (n, n_trees) what the note then costs each tree: −log2 of its probability.
    """

    properties: np.ndarray
    bits: np.ndarray


def evidence(
    members: Mapping[str, NoteTree], tokens: Sequence[Token], record: bool = True
) -> tuple[Evidence, tuple[str, ...]]:
    """Follow a tune note by note with every tree.

    Parameters
    ----------
    members : mapping of str to NoteTree
        Fitted trees by style.
    tokens : sequence of Token
        The notes.
    record : bool
        Let the meta tree know how far each tree is behind the one that has done best in this tune
        so far, in bits per note.

    Returns
    -------
    found : Evidence
        Of the n_notes notes and the end.
    names : tuple of str
        Of the properties.
    """
    rows = ask(tokens)
    columns, names = [], []
    for name, tree in members.items():
        expected = tree.expected_heights(rows)
        columns += [highest_probability(expected), entropy(expected), tree.weight(rows)]
        names += [f"{what} of {name}" for what in ("highest probability", "entropy", "weight")]
    bits = -np.stack([tree.log_prob_of(tokens, rows) for tree in members.values()], axis=1)
    bits /= np.log(2)
    if record:
        columns += list(_behind(bits).T)
        names += [f"lag of {name}" for name in members]
    return Evidence(np.stack(columns, axis=1), bits), tuple(names)


def gather(
    members: Mapping[str, NoteTree], tunes: Iterable[Tune], record: bool = True
) -> tuple[Evidence, tuple[str, ...]]:
    """The evidence of many tunes, end to end.

    Parameters
    ----------
    members, record
        As for :func:`evidence`.
    tunes : iterable of Tune
        Tunes that none of the trees was fitted on.

    Returns
    -------
    found : Evidence
    names : tuple of str
        Of the properties.

    Raises
    ------
    ValueError
        If there are no tunes.
    """
    parts: list[Evidence] = []
    names: tuple[str, ...] = ()
    for tune in tunes:
        part, names = evidence(members, encode(tune), record)
        parts.append(part)
    if not parts:
        raise ValueError("tunes must hold at least one tune, got none")
    properties = np.concatenate([part.properties for part in parts])
    return Evidence(properties, np.concatenate([part.bits for part in parts])), names


def grow_members(template: NoteTree, tunes: TuneSet) -> dict[str, NoteTree]:
    """One next-note tree for each style among some tunes.

    Parameters
    ----------
    template : NoteTree
        Its settings are taken.
    tunes : TuneSet
        With styles.

    Returns
    -------
    dict
        Style → fitted tree, in alphabetical order.
    """
    settings = template.min_leaf, template.max_leaves, template.caution
    return {
        style: NoteTree(*settings).fit(tunes[tunes.styles == style])
        for style in np.unique(tunes.styles).tolist()
    }


def take_turns(
    template: NoteTree, tunes: TuneSet, n_folds: int = 3, most: int = 60, seed: int = 0
) -> list[tuple[dict[str, NoteTree], TuneSet]]:
    """Grow every style's tree several times, each time without a part of its tunes.

    Parameters
    ----------
    template : NoteTree
        Its settings are taken.
    tunes : TuneSet
        With styles and groups.
    n_folds : int
        Number of parts; no group is parted.
    most : int
        Keep at most so many held-out tunes of each style, over all parts.
    seed : int
        Of the parts, and of which tunes are kept.

    Returns
    -------
    list of (dict, TuneSet)
        For every part the trees grown without it, and tunes of it.

    Raises
    ------
    ValueError
        If there are fewer than two styles, or a part holds all tunes of one.
    """
    styles = np.unique(tunes.styles)
    if len(styles) < 2:
        raise ValueError(f"tunes must be of two styles or more, got {styles.tolist()}")
    number = np.searchsorted(styles, tunes.styles)
    rng, turns = np.random.default_rng(seed), []
    for fit, held in folds_of(number, tunes.groups, n_folds, seed=seed):
        if len(np.unique(number[fit])) < len(styles):
            raise ValueError("tunes must be enough: a fold holds all tunes of one style")
        share = max(most // n_folds, 1)
        kept = [rng.permutation(held[number[held] == k])[:share] for k in range(len(styles))]
        turns.append((grow_members(template, tunes[fit]), tunes[np.sort(np.concatenate(kept))]))
    return turns


class TrustedTrees:
    """Next-note trees, one for each style, under a meta tree.

    Parameters
    ----------
    template : NoteTree, optional
        The settings of the next-note trees.
    min_leaf : int
        At least so many notes in every leaf of the meta tree.
    alpha : float
        What a leaf of it costs, in bits per note.
    record : bool
        Let it know how well each tree has done in this tune so far.
    share : bool
        Let a leaf trust all trees, each with a share, instead of one with everything. The tree
        itself is the same.
    n_folds : int
        Into how many parts the tunes of each style are shared out, so that the meta tree learns
        from tunes that the next-note trees below it have not seen.

    Attributes
    ----------
    members : dict
        Style → next-note tree, fitted on all its tunes.
    tree : MetaTree
        The meta tree; ``print(model.tree)`` shows it.
    shares : numpy.ndarray
        (n_leaves, n_trees) how much each leaf trusts each tree; rows add up to 1.

    Examples
    --------
    >>> model = TrustedTrees().fit(tunes)  # doctest: +SKIP
    >>> model.sample(seed=3, opening=stranger.excerpt(0, 16))  # doctest: +SKIP
    """

    members: dict[str, NoteTree]
    tree: MetaTree
    shares: np.ndarray

    def __init__(
        self,
        template: NoteTree | None = None,
        min_leaf: int = 100,
        alpha: float = 0.002,
        record: bool = True,
        n_folds: int = 3,
        share: bool = False,
    ) -> None:
        self.template = NoteTree() if template is None else template
        self.meta = MetaTree(min_leaf, alpha)
        self.record, self.n_folds = record, check_positive_int(n_folds, "n_folds")
        self.share = share

    def fit(self, tunes: TuneSet, most: int = 60) -> TrustedTrees:
        """Learn whom to trust by cross-validation, then grow every style's tree on all its tunes.

        Parameters
        ----------
        tunes : TuneSet
            Tunes of two or more styles, which their `styles` name; near-duplicates (`groups`) are
            never parted.
        most : int
            The meta tree learns from at most so many tunes of each style.

        Returns
        -------
        TrustedTrees
            Itself.

        Raises
        ------
        ValueError
            If there are fewer than two styles, or a fold leaves a style without tunes.
        """
        turns = take_turns(self.template, tunes, self.n_folds, most)
        gathered = [gather(members, held, self.record) for members, held in turns]
        return self.fit_evidence(grow_members(self.template, tunes), gathered)

    def fit_evidence(
        self, members: dict[str, NoteTree], gathered: list[tuple[Evidence, tuple[str, ...]]]
    ) -> TrustedTrees:
        """The same with members that are grown and evidence, by fold, that is gathered already."""
        self.members = members
        properties = np.concatenate([found.properties for found, _ in gathered])
        bits = np.concatenate([found.bits for found, _ in gathered])
        self.tree = self.meta.fit(properties, bits, models=tuple(members), questions=gathered[0][1])
        return self.settle(properties, bits)

    def settle(self, properties: np.ndarray, bits: np.ndarray) -> TrustedTrees:
        """Say for every leaf of the tree, as it is now, with how much it trusts each member.

        Parameters
        ----------
        properties, bits
            As in :class:`Evidence`; what the tree was grown on.

        Returns
        -------
        TrustedTrees
            Itself.
        """
        if self.share:
            self.shares = leaf_shares(self.tree.root, properties, bits)
        else:
            trusted = [leaf.best for leaf in self.tree.root.leaves()]
            self.shares = np.eye(len(self.members))[trusted]
        return self

    def lost(self, found: Evidence) -> np.ndarray:
        """Bits that each note costs, (n,).

        Parameters
        ----------
        found
            Evidence of the members, with the properties that the tree was grown on.
        """
        leaf = self.tree.root.route(found.properties)
        return shared_bits(self.shares[leaf], found.bits)

    def trusted(self, tune: Tune) -> list[str]:
        """Names of the trees that are trusted with each note of a tune and with its end.

        Where leaves share their trust: of the one that the questions are about, which would have
        everything.
        """
        found, _ = evidence(self.members, encode(tune), self.record)
        names = list(self.members)
        return [names[k] for k in self.tree.choose(found.properties).tolist()]

    def log_prob(self, tune: Tune) -> np.ndarray:
        """Return how likely each note was when it came.

        Parameters
        ----------
        tune : Tune
            Best one of a style that nothing here was fitted on.

        Returns
        -------
        numpy.ndarray
            (n_notes + 1,) natural log probabilities of the notes and, last, of the end: of each
            note by the trees that were trusted with it before it came.
        """
        found, _ = evidence(self.members, encode(tune), self.record)
        return -np.log(2) * self.lost(found)

    def sample(self, seed: int = 0, **settings: Any) -> Tune:
        """Make a new tune, or go on with the `opening` of one.

        Parameters
        ----------
        seed : int
            The same seed gives the same tune.
        **settings
            As for :func:`~etudes.generators.note_trees.compose`.

        Returns
        -------
        Tune
        """
        members = list(self.members.values())
        lots = np.random.default_rng([seed, 1])  # who writes, where several have a share

        def chooser(tokens: Sequence[Token]) -> NoteTree:
            found, _ = evidence(self.members, tokens, self.record)
            leaf = self.tree.root.route(found.properties[-1:])[0]
            return members[int(lots.choice(len(members), p=self.shares[leaf]))]

        return compose(chooser, seed, title=f"Trusted trees, seed {seed}", **settings)


def _behind(bits: np.ndarray) -> np.ndarray:
    """(n, n_trees): before each note, how far each tree's mean so far is above the least."""
    before = np.cumsum(bits, axis=0) - bits
    mean = before / (HEAD_START + np.arange(len(bits)))[:, None]
    return mean - mean.min(axis=1, keepdims=True)
