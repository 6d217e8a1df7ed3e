"""Settings of the methods that have any, chosen on validation hymns.

The idea in a sentence: one choice for all three duets, by mean SI-SDR improvement, so that no
method is fitted to a duet by hand. Chapter 16.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator
from etudes.recipes.masks.methods import ANY_ORDER, Settings, separate_by
from etudes.recipes.separation import N_VALIDATION, VALIDATION_SEED, validation_duets
from etudes.recipes.work import Remembered

__all__ = ["TRIALS", "Choice", "choose", "mean_improvement"]

VALIDATION = f"{N_VALIDATION} validation excerpts of seed {VALIDATION_SEED}"
"""What trials are measured on."""

TRIALS: dict[str, list[dict[str, Any]]] = {
    "nmf": [{"nmf": n} for n in (24, 48, 96)],
    "nmf-by-answer": [{"blind": n} for n in (8, 16, 32, 48)],
    "spectral": [{"width": w} for w in (1.0, 2.0, 4.0, 8.0)],
    "spectral-parts-by-answer": [
        {"parts": n, "part_memory": memory} for n in (12, 24, 36) for memory in (0.8, 1.6)
    ],
    "one-cut": [{"cut_hertz": hertz} for hertz in (300.0, 350.0, 400.0, 450.0, 500.0, 550.0)],
}
"""What is tried for each method; a setting that two methods share is chosen for the one named."""


@dataclass(frozen=True)
class Choice:
    """What was tried for one method.

    Attributes
    ----------
    values
        Mean improvement in dB of each trial, by its settings in words.
    seconds
        How long all of them took, in whichever run.
    """

    values: dict[str, float]
    seconds: float

    @property
    def best(self) -> str:
        """The settings that were best, in words; the first of those that are equally good."""
        return max(self.values, key=lambda words: self.values[words])


def choose(answers: Remembered | None = None) -> tuple[Settings, dict[str, Choice]]:
    """Try everything, one method after the other.

    Parameters
    ----------
    answers
        Where finished trials are remembered, so that an interrupted choice goes on.

    Returns
    -------
    Settings
        The best.
    dict
        By method, what was tried.
    """
    known = Remembered() if answers is None else answers
    best, told = Settings(), {}
    for method, trials in TRIALS.items():
        tried = {
            " ".join(f"{key}={value}" for key, value in trial.items()): replace(best, **trial)
            for trial in trials
        }
        found = {
            words: known.ask(
                f"{VALIDATION} {method} {settings}", partial(mean_improvement, method, settings)
            )
            for words, settings in tried.items()
        }
        told[method] = Choice(
            {words: answer.value for words, answer in found.items()},
            sum(answer.seconds for answer in found.values()),
        )
        best = tried[told[method].best]
        values = {words: round(value, 2) for words, value in told[method].values.items()}
        print(f"{method}: {values} in {told[method].seconds:.0f} s", flush=True)
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
