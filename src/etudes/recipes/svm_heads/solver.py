"""The package's solver beside scikit-learn's, on tasks of real notes.

The idea in a sentence: two programs that share no line must reach one optimum.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from etudes.learners.meta_svm import fit_svm, primal_objective


def solver_against_sklearn(sampler: Any, n_tasks: int = 100, c: float = 0.1) -> dict[str, Any]:
    """How far two optima lie apart.

    Parameters
    ----------
    sampler
        Tasks whose items are vectors.
    n_tasks
        How many.
    c
        Price of a missed margin.

    Returns
    -------
    dict
        ``"objective"`` and ``"decisions"``, arrays of shape ``(n_tasks,)``: the relative difference
        of the objective, ours minus theirs, and the largest difference of any query's score.
    """
    from sklearn.svm import LinearSVC

    objective, decisions = [], []
    for number in range(n_tasks):
        task = sampler[number]
        z, q = task.support_x.flatten(1).double(), task.query_x.flatten(1).double()
        ours = fit_svm(z, task.support_y, task.n_way, c).weights
        basis = torch.linalg.qr(z.T)[0] if len(z) < z.shape[1] else torch.eye(z.shape[1]).double()
        machine = LinearSVC(
            multi_class="crammer_singer",
            fit_intercept=False,
            C=c,
            tol=1e-12,
            max_iter=1_000_000,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            machine.fit((z @ basis).numpy(), task.support_y.numpy())
        theirs = torch.from_numpy(machine.coef_) @ basis.T
        reached = [float(primal_objective(w, z, task.support_y, c)) for w in (ours, theirs)]
        objective.append((reached[0] - reached[1]) / reached[1])
        decisions.append(float((q @ (ours - theirs).T).abs().max()))
    return {"objective": np.array(objective), "decisions": np.array(decisions)}
