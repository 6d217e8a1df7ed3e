"""Settings of the methods that have any, chosen on validation hymns.

The idea in a sentence: one choice for all three duets, by mean SI-SDR improvement, so that no
method is fitted to a duet by hand. Chapter 16.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator
from etudes.recipes.masks.methods import ANY_ORDER, Settings, separate_by
from etudes.recipes.separation import validation_duets

__all__ = ["TRIALS", "choose", "mean_improvement"]

TRIALS: dict[str, list[dict[str, Any]]] = {
    "nmf": [{"nmf": n} for n in (24, 48, 96)],
    "nmf-by-answer": [{"blind": n} for n in (8, 16, 32, 48)],
    "spectral": [{"width": w} for w in (1.0, 2.0, 4.0, 8.0)],
    "spectral-parts-by-answer": [
        {"parts": n, "part_memory": memory} for n in (12, 24, 36) for memory in (None, 1.6)
    ],
    "one-cut": [{"cut_hertz": hertz} for hertz in (300.0, 350.0, 400.0, 450.0, 500.0, 550.0)],
}
"""What is tried for each method; a setting that two methods share is chosen for the one named."""


def choose(
    show: bool = True,
) -> tuple[Settings, dict[str, dict[str, float]]]:
    """Try everything, one method after the other.

    Parameters
    ----------
    show
        Print each trial.

    Returns
    -------
    Settings
        The best.
    dict
        By method, the mean improvement in dB of each trial, by its settings in words.
    """
    best, told = Settings(), {}
    for method, trials in TRIALS.items():
        values = [mean_improvement(method, replace(best, **trial)) for trial in trials]
        names = [" ".join(f"{key}={value}" for key, value in trial.items()) for trial in trials]
        told[method] = dict(zip(names, values, strict=True))
        best = replace(best, **trials[int(np.argmax(values))])
        if show:
            print(method, {name: round(value, 2) for name, value in told[method].items()})
    return best, told


def mean_improvement(method: str, settings: Settings) -> float:
    """Mean SI-SDR improvement over the validation excerpts of all duets, in dB.

    Parameters
    ----------
    method
        Which.
    settings
        Of it.

    Returns
    -------
    float
    """
    results = [
        evaluate_separator(
            separate_by(method, name, settings), validation_duets(name), method in ANY_ORDER
        )
        for name in DUETS
    ]
    return float(np.mean([result.mean for result in results]))
