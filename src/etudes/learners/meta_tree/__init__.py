"""Meta decision trees: a tree whose leaves name not a class but a *classifier* to trust.

The idea in one sentence: several classifiers answer, and a small tree looks at how sure each of
them is and says whose answer to take.

The method is that of L. Todorovski and S. Džeroski, "Combining classifiers with meta decision
trees", *Machine Learning* 50, 2003. Inner nodes ask about properties of the class distributions
that the base classifiers predict (``meta_tree.properties``), never about the
data. A set of examples is as impure as the error of the *best single* base classifier on it
(``meta_tree.growing``). What the base classifiers predict is learned from by
cross-validation (``meta_tree.cross_predicting``), on examples that they were
not fitted on.

Everything that combines classifiers in other ways, from picking the best to stacking, is in
``meta_tree.combiners``, on the same predictions. Pruning
(``meta_tree.pruning``) treats meta trees and ordinary ones alike. Where base models predict
distributions, a leaf may share its trust among them (``meta_tree.sharing``).
Chapter 04.
"""

from etudes.learners.meta_tree.classifier import MetaDecisionTree
from etudes.learners.meta_tree.combiners import (
    MajorityVote,
    MetaTreeCombiner,
    MultiResponse,
    SelectBest,
    Stacked,
    StackedTree,
    WeightedVote,
)
from etudes.learners.meta_tree.cross_predicting import (
    Predictions,
    cross_predict,
    fit_bases,
    predict_all,
)
from etudes.learners.meta_tree.growing import Node, Split, best_split, grow, impurity
from etudes.learners.meta_tree.properties import (
    entropy,
    highest_probability,
    property_table,
    weight_of_evidence,
)
from etudes.learners.meta_tree.pruning import choose_alpha, critical_alphas, prune
from etudes.learners.meta_tree.sharing import best_shares, leaf_shares, shared_bits
from etudes.learners.meta_tree.tree import MetaTree

__all__ = [
    "MajorityVote",
    "MetaDecisionTree",
    "MetaTree",
    "MetaTreeCombiner",
    "MultiResponse",
    "Node",
    "Predictions",
    "SelectBest",
    "Split",
    "Stacked",
    "StackedTree",
    "WeightedVote",
    "best_shares",
    "best_split",
    "choose_alpha",
    "critical_alphas",
    "cross_predict",
    "entropy",
    "fit_bases",
    "grow",
    "highest_probability",
    "impurity",
    "leaf_shares",
    "predict_all",
    "property_table",
    "prune",
    "shared_bits",
    "weight_of_evidence",
]
