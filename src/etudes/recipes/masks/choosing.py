"""Settings of the methods that have any, chosen on validation hymns.

The idea in a sentence: one choice for all three duets, by mean SI-SDR improvement, so that no
method is fitted to a duet by hand. Chapter 16.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from etudes.data.duets import DUETS
from etudes.evaluate import evaluate_separator
from etudes.files import write_atomically
from etudes.recipes.masks.methods import ANY_ORDER, Settings, separate_by
from etudes.recipes.separation import validation_duets

__all__ = ["TRIALS", "choose", "mean_improvement"]

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


def choose(path: Path | None = None) -> tuple[Settings, dict[str, dict[str, float]]]:
    """Try everything, one method after the other.

    Parameters
    ----------
    path
        Where finished trials are remembered, so that an interrupted choice goes on.

    Returns
    -------
    Settings
        The best.
    dict
        By method, the mean improvement in dB of each trial, by its settings in words.
    """
    known = json.loads(path.read_text()) if path is not None and path.exists() else {}
    best, told = Settings(), {}
    for method, trials in TRIALS.items():
        values = {}
        for trial in trials:
            words = " ".join(f"{key}={value}" for key, value in trial.items())
            if f"{method} {words}" not in known:
                known[f"{method} {words}"] = mean_improvement(method, replace(best, **trial))
                if path is not None:
                    write_atomically(path, json.dumps(known).encode())
            values[words] = known[f"{method} {words}"]
        told[method] = values
        best = replace(best, **trials[int(np.argmax(list(values.values())))])
        print(method, {words: round(value, 2) for words, value in values.items()}, flush=True)
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
