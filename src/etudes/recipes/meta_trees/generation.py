"""Bits per note on styles that nobody has learned: the trusted trees and all their rivals.

The idea in a sentence: the training styles grow the trees and teach the meta tree by
cross-validation, the validation styles choose every method's settings, the test styles are met
once. Chapter 04.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from etudes.data.scores import split_folk_tunes
from etudes.data.tunes import TuneSet
from etudes.generators.markov import MarkovChain
from etudes.generators.note_trees import NoteTree
from etudes.generators.trusted_trees import (
    Evidence,
    TrustedTrees,
    gather,
    grow_members,
    take_turns,
)
from etudes.learners.meta_tree import prune

CAUTIONS = (0.03, 0.1, 0.2)
ALPHAS = (0.001, 0.002, 0.005, 0.01, 0.02)
ORDERS = (1, 2, 3, 4)
FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
META_TREES = {
    "meta-tree": (True, False),
    "meta-tree-without-record": (False, False),
    "meta-tree-with-shares": (True, True),
}
"""Whether each kind knows how the trees did in the tune so far, and whether its leaves share."""


@dataclass(frozen=True)
class Size:
    """How much to spend.

    Attributes
    ----------
    train
        Training tunes of each style.
    meta
        Of these, how many the meta tree learns from.
    validation, test
        Tunes of each style.
    min_leaf
        Notes in a leaf of the meta tree.
    """

    train: int = 150
    meta: int = 60
    validation: int = 40
    test: int = 100
    min_leaf: int = 100


QUICK = Size(train=30, meta=15, validation=6, test=6)
FULL = Size()


@dataclass(frozen=True)
class Followed:
    """What every method lost on every note of some tunes.

    Attributes
    ----------
    bits
        Method → (n_notes,) bits, ends of tunes included.
    single
        (n_notes, n_trees) of every style's tree alone, at the caution best for single trees.
    style, tune
        (n_notes,) which style and tune each note belongs to.
    names
        Of the styles that have trees.
    """

    bits: dict[str, np.ndarray]
    single: np.ndarray
    style: np.ndarray
    tune: np.ndarray
    names: tuple[str, ...]


def some_tunes(split: str, each: int, seed: int = 4) -> TuneSet:
    """At most so many tunes of each style of a part of the split, drawn once and for all."""
    tunes = split_folk_tunes(split)
    rng = np.random.default_rng(seed)
    rows = [
        np.sort(rng.permutation(np.flatnonzero(tunes.styles == style))[:each])
        for style in np.unique(tunes.styles)
    ]
    return tunes[np.concatenate(rows)]


def mixture(bits: np.ndarray) -> np.ndarray:
    """Bits of the uniform mixture of all trees, (n_notes,)."""
    return -np.logaddexp2.reduce(-bits, axis=1) + np.log2(bits.shape[1])


def bayesian_mixture(bits: np.ndarray, tune: np.ndarray) -> np.ndarray:
    """Bits of a mixture that weighs trees by what they gave to the tune so far, (n_notes,).

    The posterior over trees, from equal weights at the start of each tune.
    """
    return np.concatenate(
        [-np.diff(np.logaddexp2.reduce(-_before(part), axis=1)) for part in _parts(bits, tune)]
    )


def follow_the_leader(bits: np.ndarray, tune: np.ndarray) -> np.ndarray:
    """Bits of whichever tree has done best in the tune so far: a rule, nothing learned."""
    found = []
    for part in _parts(bits, tune):
        leader = _before(part)[:-1].argmin(axis=1)
        found.append(part[np.arange(len(part)), leader])
    return np.concatenate(found)


def record_mixture(bits: np.ndarray, tune: np.ndarray, factor: float = 2.0) -> np.ndarray:
    """Bits of a mixture whose shares follow from the record per note, (n_notes,): no tree.

    A tree that has spent b bits a note in this tune so far (as if two notes had cost all trees the
    same) has a share in proportion to 2^(-factor · b). Unlike the Bayesian mixture's, these shares
    do not harden as the tune goes on.
    """
    found = []
    for part in _parts(bits, tune):
        per_note = _before(part)[:-1] / (np.arange(len(part))[:, None] + 2)
        weight = -factor * per_note
        heard = np.logaddexp2.reduce(weight - part, axis=1)
        found.append(np.logaddexp2.reduce(weight, axis=1) - heard)
    return np.concatenate(found)


def _parts(bits: np.ndarray, tune: np.ndarray) -> list[np.ndarray]:
    return np.split(bits, np.flatnonzero(np.diff(tune)) + 1)


def _before(part: np.ndarray) -> np.ndarray:
    """(n + 1, n_trees) bits before each note of a tune, and after its end."""
    return np.concatenate([np.zeros((1, part.shape[1])), np.cumsum(part, axis=0)])


@dataclass
class Choice:
    """Everything fitted and chosen before the test styles are met."""

    members: dict[str, NoteTree]
    pooled: NoteTree
    chain: MarkovChain
    trusted: dict[str, TrustedTrees]
    cautions: dict[str, float]
    factor: float
    best_single: str
    validation: dict[str, float]


def choose(size: Size = FULL, tell: Any = print) -> Choice:
    """Fit everything on training styles, and choose settings on validation styles.

    Parameters
    ----------
    size
        How much to spend.
    tell
        Called with a line about each setting.

    Returns
    -------
    Choice
    """
    training, heard = some_tunes("train", size.train), some_tunes("validation", size.validation)
    members = grow_members(NoteTree(), training)
    turns = take_turns(NoteTree(), training, most=size.meta)
    tune = _numbers(heard)
    best: dict[str, tuple[float, Any]] = {}

    def offer(name: str, bits: float, setting: Any) -> None:
        tell(f"validation: {name} {bits:.3f} at {setting[:2]}")
        if name not in best or bits < best[name][0]:
            best[name] = (bits, setting)

    for order in ORDERS:
        chain = MarkovChain(order).fit(training)
        offer("markov", float(np.mean(_bits_of(chain, heard))), (order, chain))
    everybody = NoteTree(max_leaves=600).fit(training)
    for caution in CAUTIONS:
        pooled = everybody.cautious(caution)
        offer("pooled-tree", float(np.mean(_bits_of(pooled, heard))), (caution, pooled))
        careful = cautious(members, caution)
        told, _ = gather(careful, heard)
        means = told.bits.mean(axis=0)
        offer("best-single", float(means.min()), (caution, list(members)[int(means.argmin())]))
        offer("uniform-mixture", float(mixture(told.bits).mean()), (caution,))
        offer("bayesian-mixture", float(bayesian_mixture(told.bits, tune).mean()), (caution,))
        offer("follow-the-leader", float(follow_the_leader(told.bits, tune).mean()), (caution,))
        for factor in FACTORS:
            bits = record_mixture(told.bits, tune, factor)
            offer("shares-by-record", float(bits.mean()), (caution, factor))
        for record in (True, False):
            gathered = [gather(cautious(those, caution), held, record) for those, held in turns]
            grown = TrustedTrees(min_leaf=size.min_leaf, alpha=0.0, record=record)
            grown.fit_evidence(careful, gathered)
            for name, (knows, share) in META_TREES.items():
                for alpha in ALPHAS if knows == record else ():
                    model = _pruned(grown, alpha, share, gathered)
                    bits = model.lost(_as_asked(told, model))
                    offer(name, float(bits.mean()), (caution, alpha, model))
    return Choice(
        members,
        best["pooled-tree"][1][1],
        best["markov"][1][1],
        {name: best[name][1][2] for name in META_TREES},
        {name: setting[0] for name, (_, setting) in best.items() if name != "markov"},
        best["shares-by-record"][1][1],
        best["best-single"][1][1],
        {name: bits for name, (bits, _) in best.items()},
    )


def _pruned(
    whole: TrustedTrees,
    alpha: float,
    share: bool,
    gathered: list[tuple[Evidence, tuple[str, ...]]],
) -> TrustedTrees:
    """A meta tree that is grown already, at another price of a leaf and with other leaves."""
    model = TrustedTrees(
        min_leaf=whole.meta.min_leaf, alpha=alpha, record=whole.record, share=share
    )
    model.members, model.tree = whole.members, model.meta
    model.tree.models, model.tree.questions = whole.tree.models, whole.tree.questions
    model.tree.unpruned, model.tree.root = whole.tree.root, prune(whole.tree.root, alpha)
    properties = np.concatenate([found.properties for found, _ in gathered])
    return model.settle(properties, np.concatenate([found.bits for found, _ in gathered]))


def _as_asked(told: Evidence, model: TrustedTrees) -> Evidence:
    """The evidence without the lags, which come last, where a meta tree does not know them."""
    if model.record:
        return told
    return Evidence(told.properties[:, : -told.bits.shape[1]], told.bits)


def cautious(members: dict[str, NoteTree], caution: float) -> dict[str, NoteTree]:
    """The same trees, each with this caution."""
    return {name: tree.cautious(caution) for name, tree in members.items()}


def follow(choice: Choice, tunes: TuneSet) -> Followed:
    """Let every method follow some tunes.

    Parameters
    ----------
    choice
        From :func:`choose`.
    tunes
        Of styles that nothing was fitted on or chosen by.

    Returns
    -------
    Followed
    """
    tune = _numbers(tunes)
    told: dict[float, Evidence] = {}

    def at(name: str) -> Evidence:
        caution = choice.cautions[name]
        if caution not in told:
            told[caution] = gather(cautious(choice.members, caution), tunes)[0]
        return told[caution]

    names = tuple(choice.members)
    single = at("best-single").bits
    bits = {
        "markov": _bits_of(choice.chain, tunes),
        "pooled-tree": _bits_of(choice.pooled, tunes),
        "validation-single": single[:, names.index(choice.best_single)],
        "best-single": single[:, int(single.mean(axis=0).argmin())],
        "uniform-mixture": mixture(at("uniform-mixture").bits),
        "bayesian-mixture": bayesian_mixture(at("bayesian-mixture").bits, tune),
        "follow-the-leader": follow_the_leader(at("follow-the-leader").bits, tune),
        "shares-by-record": record_mixture(at("shares-by-record").bits, tune, choice.factor),
    }
    for name, model in choice.trusted.items():
        bits[name] = model.lost(_as_asked(at(name), model))
    style = tunes.styles[tune]
    best_of_style = single.copy()[:, 0]
    for one in np.unique(style):
        rows = style == one
        best_of_style[rows] = single[rows][:, int(single[rows].mean(axis=0).argmin())]
    bits["best-single-of-each-style"] = best_of_style
    return Followed(bits, single, style, tune, names)


def _numbers(tunes: TuneSet) -> np.ndarray:
    """Which tune each note, and each end, belongs to."""
    return np.repeat(np.arange(len(tunes)), tunes.n_notes + 1)


def _bits_of(model: Any, tunes: TuneSet) -> np.ndarray:
    """Bits of every note and every end."""
    return np.concatenate([-model.log_prob(tune) for tune in tunes]) / np.log(2)
