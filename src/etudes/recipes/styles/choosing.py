"""Ask which method to trust of other splits of the styles that may be looked at.

The idea in a sentence: five validation styles are too few to choose between methods a point or two
apart, so training and validation styles are dealt anew eight times, five of them to be met for the
first time, and the differences averaged. No test style takes part. Chapter 06.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.data.scores import TRAIN_STYLES, VALIDATION_STYLES
from etudes.evaluate import evaluate
from etudes.learners.style_space import DualLogistic
from etudes.recipes.styles.comparers import COMPARERS, learn
from etudes.recipes.styles.learners import hand_crafted
from etudes.recipes.styles.tunes import Tunes, describe, fit_space

__all__ = ["other_splits"]


def other_splits(
    data: Tunes, n_splits: int = 8, steps: int = 600, n_tasks: int = 200, seed: int = 5
) -> dict[str, np.ndarray]:
    """Learn without five styles, meet them, and again with five others.

    Parameters
    ----------
    data
        Tunes of the training and validation styles, and unlabelled ones.
    n_splits
        How often.
    steps
        Training episodes of each comparer.
    n_tasks
        5-way 5-shot episodes of the five styles, the same for every method.
    seed
        Of the splits.

    Returns
    -------
    dict
        Method → (n_splits,) accuracies. All work on statistics alone, without a reader.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for number in range(n_splits):
        left_out = rng.permutation(TRAIN_STYLES + VALIDATION_STYLES)[:5]
        unseen = np.isin(data.styles, left_out)
        leaky = np.isin(data.tunes.groups, data.tunes.groups[unseen])  # near-duplicates of these
        training, test = data.only(~unseen & ~leaky), data.only(unseen)
        x, x_test = describe(training), describe(test)
        space = fit_space(training, x)
        methods: dict[str, Any] = {
            **hand_crafted(fit_space(training, x, smoothing=None)),
            "space": DualLogistic(space),
            **learn(training, x, space, steps, kinds=COMPARERS),
        }
        for name, method in methods.items():
            result = evaluate(method, test.sampler(x_test, seed=7), n_tasks, progress=False)
            found.setdefault(name, []).append(result.mean)
        line = ", ".join(f"{name} {100 * values[-1]:.1f}" for name, values in found.items())
        print(f"split {number + 1}, new: {', '.join(sorted(left_out))}\n  {line}", flush=True)
    return {name: np.array(values) for name, values in found.items()}
