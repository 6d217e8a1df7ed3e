"""Choose each head's settings on validation classes, with no fewer trials for the one to beat.

The idea in a sentence: a head that was tuned twice as long would win for that reason (Lucic et al.,
"Are GANs created equal?", NeurIPS 2018, show how far that goes).
"""

from __future__ import annotations

import itertools
from typing import Any

from etudes.recipes.svm_heads.comparing import STRENGTHS, validated
from etudes.recipes.svm_heads.domains import Domain

RATES = (1e-3, 2e-3)

GRID: dict[str, list[dict[str, Any]]] = {
    "svm": [{"strength": c} for c in STRENGTHS["svm"]],
    "ridge": [{"strength": strength} for strength in STRENGTHS["ridge"]],
    "prototype": [{"scale": scale} for scale in (1.0, 7.0, 30.0, 120.0, 1000.0)],
    "relation": [
        {"loss": "squared-error", "combine": "sum"},
        {"loss": "cross-entropy", "combine": "sum"},
        {"loss": "cross-entropy", "combine": "mean"},
    ],
}

TRIALS: dict[str, list[dict[str, Any]]] = {
    head: [{**one, "lr": lr} for one, lr in itertools.product(settings, RATES)]
    for head, settings in GRID.items()
}
"""Three settings of what is each head's own, with two step sizes. Prototypes get five: the best of
three lay at the end of its range, and they are what the others must beat."""


def choose(
    domain: Domain,
    head: str,
    steps: int = 200,
    n_tasks: int = 150,
    known: dict[str, float] | None = None,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Try all settings of a head and take the best.

    Parameters
    ----------
    domain
        Instruments or styles.
    head
        Of :data:`TRIALS`.
    steps
        Of each trial's training.
    n_tasks
        Validation tasks of each number of shots.
    known
        What earlier trials gave, by their text; filled as trials end, so that an interrupted run
        goes on.

    Returns
    -------
    tuple
        The best settings, ``lr`` among them, and the accuracy of each trial.
    """
    known = {} if known is None else known
    found = {}
    for trial in TRIALS[head]:
        key = f"{domain.name} {head} {trial}"
        if key not in known:
            settings = {name: value for name, value in trial.items() if name != "lr"}
            model = domain.make(head, **settings)
            domain.train(model, steps, lr=trial["lr"], validate=False)
            known[key] = validated(model.eval(), domain, n_tasks)
            print(f"{key}: {known[key]:.3f}", flush=True)
        found[key] = known[key]
    best = max(range(len(TRIALS[head])), key=lambda i: list(found.values())[i])
    return TRIALS[head][best], found
