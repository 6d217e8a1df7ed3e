"""Meta-SVMs: a support vector machine inside every task, and an embedding learned through it.

The idea in a sentence: solve a convex problem on the support set, differentiate its optimum, and
let the query loss shape the space in which the problem is posed (MetaOptNet: Lee, Maji,
Ravichandran and Soatto, "Meta-learning with differentiable convex optimization", CVPR 2019).

=============================================  ====================================================
:mod:`~etudes.learners.meta_svm.dual`          the problem and its solver
:mod:`~etudes.learners.meta_svm.implicit`      the gradient of the optimum
:mod:`~etudes.learners.meta_svm.heads`         support vector machine, ridge regression, prototypes
:mod:`~etudes.learners.meta_svm.network`       the learner
:mod:`~etudes.learners.meta_svm.stacking`      what nothing meta-learned reaches: fitted per task
=============================================  ====================================================

Chapter 05.
"""

from etudes.learners.meta_svm.dual import (
    DualSolution,
    dual_objective,
    primal_objective,
    solve_dual,
)
from etudes.learners.meta_svm.heads import (
    HEADS,
    Machine,
    fit_svm,
    prototype_head,
    ridge_head,
    svm_head,
)
from etudes.learners.meta_svm.implicit import kernel_gradient, optimal_shares
from etudes.learners.meta_svm.network import MetaOptNet
from etudes.learners.meta_svm.stacking import StackedSVM, SupportVectorMachine

__all__ = [
    "HEADS",
    "DualSolution",
    "Machine",
    "MetaOptNet",
    "StackedSVM",
    "SupportVectorMachine",
    "dual_objective",
    "fit_svm",
    "kernel_gradient",
    "optimal_shares",
    "primal_objective",
    "prototype_head",
    "ridge_head",
    "solve_dual",
    "svm_head",
]
