"""Write what :mod:`etudes.recipes.masks` found: ledger rows, the checkpoint and its card.

The idea in a sentence: every number that chapter 16 states has one origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etudes import ledger
from etudes.data.chorales import ChoraleMixtures
from etudes.data.duets import EXCERPT, SAMPLE_RATE
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.files import write_atomically
from etudes.recipes.masks.methods import METHODS, NAME
from etudes.recipes.masks.training import N_EXCERPTS
from etudes.recipes.rows import Rows
from etudes.recipes.separation import BATCH, CROP_FRAMES, ELSEWHERE, TEST_SEED, rows_of
from etudes.separators import DeepClustering
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["ELSEWHERE", "PAIRS", "save", "write_choices", "write_elsewhere", "write_rows"]

COMMAND = "python -m etudes.recipes.masks --full"

TEST = "one 8 s excerpt of each test chorale, Bach, TimGM6mb soundfont, 8 kHz"

PAIRS = (
    ("best-mask", "psm"),
    ("psm", "irm"),
    ("irm", "ibm"),
    ("irm", "deep-clustering"),
    ("deep-clustering", "nmf"),
    ("deep-clustering", "spectral"),
    ("nmf", "nmf-by-answer"),
    ("nmf", "spectral"),
    ("nmf-by-answer", "nmf-by-pitch"),
    ("spectral-parts-by-answer", "spectral"),
    ("spectral-parts-by-answer", "nmf-by-answer"),
    ("spectral", "spectral-by-frequency"),
    ("spectral", "spectral-with-onset"),
    ("spectral", "k-means-of-pitch"),
    ("spectral", "higher-note"),
    ("spectral", "nmf-by-pitch"),
    ("spectral", "one-cut"),
)
"""Differences that the chapter talks about."""

SPEECH = "two voices of read speech at 8 kHz (WSJ0-2mix)"

PAPER = {
    "ibm": {"value": 13.0, "citation": f"Luo and Mesgarani 2019: {SPEECH}"},
    "irm": {"value": 12.7, "citation": f"Luo and Mesgarani 2019: {SPEECH}"},
    "deep-clustering": {
        "value": 10.8,
        "citation": f"Isik et al. 2016, as given by Luo and Mesgarani 2019: {SPEECH}, 13.6 million "
        "weights",
    },
}
"""What was published, in dB."""

def write_rows(duet: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write one duet's results into the ledger.

    Parameters
    ----------
    duet
        Which.
    results
        By method.
    seconds
        Everything so far.
    """
    rows_of("16", duet, results, METHODS, PAIRS, Rows(TEST, COMMAND, 0, seconds), PAPER)


def write_choices(trials: Mapping[str, Mapping[str, float]], seconds: float) -> None:
    """Write what was tried on validation hymns.

    Parameters
    ----------
    trials
        By method, the mean improvement of each trial.
    seconds
        Everything so far.
    """
    rows = Rows("16 excerpts of validation chorales, three duets", COMMAND, 0, seconds)
    for method, values in trials.items():
        best = max(values, key=lambda name: values[name])
        claim = f"Validation, three duets: {METHODS[method]}; chosen of {len(values)}: {best}"
        baselines = {name: value for name, value in values.items() if name != best}
        rows.number(
            f"16.validation.si-sdri.{method}", claim, values[best], "dB", 48, baselines=baselines
        )


def write_elsewhere(model: DeepClustering, seconds: float) -> None:
    """Write what deep clustering does with sources it has not been trained on.

    Parameters
    ----------
    model
        Trained.
    seconds
        Everything so far.
    """
    for name, programs in ELSEWHERE.items():
        given: Any = programs
        mixtures = ChoraleMixtures(
            tuple(programs), given, SAMPLE_RATE, seed=TEST_SEED, split="test", seconds=EXCERPT
        )
        heard = mixtures.load(len(mixtures))
        found = evaluate_separator(
            lambda m: model.separate(m.mixture, len(m.stems)), heard, any_order=True
        )
        print(f"{name:<14}{found}", flush=True)
        rows_of(
            "16", name, {"deep-clustering": found}, METHODS, (), Rows(TEST, COMMAND, 0, seconds)
        )


def save(model: DeepClustering, history: History) -> None:
    """Write the checkpoint and its card.

    Parameters
    ----------
    model
        Trained.
    history
        Of its training.
    """
    save_weights(model, WEIGHTS_FOLDER / f"{NAME}.safetensors", {"command": COMMAND}, half=True)
    n_weights = sum(p.numel() for p in model.parameters())
    card = CARD.format(
        name=NAME,
        command=COMMAND,
        n_excerpts=N_EXCERPTS,
        steps=history.steps,
        batch=BATCH,
        seconds_each=CROP_FRAMES * HOP_LENGTH / SAMPLE_RATE,
        best_step=history.best_step,
        n_weights=n_weights,
        seconds=history.seconds,
        hardware=ledger.hardware(),
        validation=history.best_validation,
    )
    write_atomically(WEIGHTS_FOLDER / f"{NAME}.md", card.encode())


CARD = """# {name}

Deep clustering of two voices: gives every place of a spectrogram a unit vector, alike for places of one voice.

| | |
| --- | --- |
| Command | `{command}` |
| Data | {n_excerpts} excerpts of 8 s of each of three duets (flute and bassoon, choir soprano and bass, choir soprano and alto) from Bach's chorales, TimGM6mb soundfont, 8 kHz |
| Never seen | validation and test hymns |
| Steps | {steps} of {batch} pieces of {seconds_each:.1f} s; best weights at step {best_step} |
| Weights | {n_weights:,}, kept in 16 bits |
| Seed | 0 |
| Time | {seconds:.0f} s on {hardware} |
| Validation | SI-SDR improvement {validation:.2f} dB, mean of 16 excerpts of each duet |
| Test | see rows `16.*.si-sdri.deep-clustering` of the ledger |
| Use | `etudes.recipes.masks.load_trained().separate(mixture, n_sources)` |
| Limits | One soundfont, no room, no noise, two voices: not a separator of real recordings |
"""  # noqa: E501
