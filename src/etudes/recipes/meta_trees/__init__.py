"""Whom to trust, measured: meta decision trees on ten problems, and on tunes of unseen styles.

The idea in a sentence: everybody who combines learns from the same cross-validated predictions and
is measured on the same outer folds; next-note trees under a meta tree are measured in bits per note
on styles that nobody has learned.  The command writes ledger rows::

    python -m etudes.recipes.meta_trees --full   # all rows of chapter 04, about an hour on one core
    python -m etudes.recipes.meta_trees          # quick: three problems, few tunes, nothing written

Finished outer folds are kept, so that a run that was stopped goes on. Problems with fewer groups
than folds (six speakers) hold out a group at a time.
"""

from etudes.recipes.meta_trees.contest import (
    Contest,
    corrected_interval,
    make_bases,
    make_combiners,
    make_forests,
    outer_folds,
    run,
)
from etudes.recipes.meta_trees.generation import (
    Choice,
    Followed,
    Size,
    bayesian_mixture,
    choose,
    follow,
    follow_the_leader,
    mixture,
    record_mixture,
    some_tunes,
)
from etudes.recipes.meta_trees.problems import PROBLEMS, Problem, available, load_problem

__all__ = [
    "PROBLEMS",
    "Choice",
    "Contest",
    "Followed",
    "Problem",
    "Size",
    "available",
    "bayesian_mixture",
    "choose",
    "corrected_interval",
    "follow",
    "follow_the_leader",
    "load_problem",
    "make_bases",
    "make_combiners",
    "make_forests",
    "mixture",
    "outer_folds",
    "record_mixture",
    "run",
    "some_tunes",
]
