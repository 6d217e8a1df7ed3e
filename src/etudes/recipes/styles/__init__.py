"""Know a new musical style from five tunes: train, compare and write down (chapter 06).

The idea in a sentence: counting what happens in a melody tells styles apart better than a network
that has memorised a few of them, and what training styles are good for is to say which of those
counts to trust.  The command trains everything, compares it on the same test episodes, and writes
checkpoints and ledger rows::

    python -m etudes.recipes.styles --full     # the committed checkpoints and rows, an hour
    python -m etudes.recipes.styles --choose   # how methods compare on eight other splits
    python -m etudes.recipes.styles            # quick: on validation styles, nothing written

Training, validation and test styles are disjoint, and so are their near-duplicate groups
(:func:`etudes.data.scores.split_folk_tunes`).  Everything was chosen on validation styles, or on
other splits of the training and validation styles (:mod:`~etudes.recipes.styles.choosing`); the
test styles are met at the end of the full run alone.  Header fields are questions asked of the
reader about training tunes; no learner is shown them.
"""

from etudes.recipes.styles.command import compare, load_trained, mapped_once, quick_learner
from etudes.recipes.styles.comparers import (
    COMPARERS,
    PairScore,
    SpaceMaps,
    Together,
    learn,
    make_comparer,
    train_comparer,
)
from etudes.recipes.styles.learners import hand_crafted, learned
from etudes.recipes.styles.naive import naive_failure
from etudes.recipes.styles.reader import pretrain_reader
from etudes.recipes.styles.tunes import TEST_SEED, Tunes, describe, fit_space, load_tunes

__all__ = [
    "COMPARERS",
    "TEST_SEED",
    "PairScore",
    "SpaceMaps",
    "Together",
    "Tunes",
    "compare",
    "describe",
    "fit_space",
    "hand_crafted",
    "learn",
    "learned",
    "load_trained",
    "load_tunes",
    "make_comparer",
    "mapped_once",
    "naive_failure",
    "pretrain_reader",
    "quick_learner",
    "train_comparer",
]
