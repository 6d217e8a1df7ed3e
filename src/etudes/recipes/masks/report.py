"""Write what :mod:`etudes.recipes.masks` found: ledger rows, the checkpoint and its card.

The idea in a sentence: every number that chapter 16 states has one origin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etudes import ledger
from etudes.data.duets import DUETS, SAMPLE_RATE
from etudes.evaluate import SeparationResult
from etudes.files import write_atomically
from etudes.recipes.masks.choosing import Choice
from etudes.recipes.masks.methods import METHODS, NAME
from etudes.recipes.rows import Rows
from etudes.recipes.separation import TEST, WORDS, choice_row, rows_of
from etudes.recipes.separation_training import BATCH, CROP_FRAMES, N_EXCERPTS
from etudes.separators import DeepClustering
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["COMMAND", "PAIRS", "save", "write_choices", "write_repeated", "write_rows"]

COMMAND = "python -m etudes.recipes.masks --full"

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


def write_rows(name: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write the results of one duet, or of what is taken apart elsewhere, into the ledger.

    Parameters
    ----------
    name
        Which.
    results
        By method.
    seconds
        Everything so far.
    """
    paper = PAPER if name in DUETS else None
    rows_of("16", name, results, METHODS, PAIRS, Rows(TEST, COMMAND, 0, seconds), paper)


def write_repeated(duet: str, values: Sequence[float], seconds: float) -> None:
    """Write what deep clustering does when it is trained again from other seeds.

    Parameters
    ----------
    duet
        Which.
    values
        Mean SI-SDR improvement in dB after each training, two or more, that of seed 0 first.
    seconds
        Everything so far, all trainings included.
    """
    rows = Rows(TEST, f"{COMMAND} --seeds {len(values)}", 0, seconds)
    claim = f"{WORDS[duet]}, mean of {len(values)} trainings: SI-SDR improvement of"
    method = "deep-clustering"
    rows.repeated(
        f"16.{duet}.si-sdri.{method}-repeated", f"{claim} {METHODS[method]}", values, "dB"
    )


def write_choices(choices: Mapping[str, Choice]) -> None:
    """Write what was tried on validation hymns.

    Parameters
    ----------
    choices
        By method.
    """
    for method, one in choices.items():
        rows = Rows("16 excerpts of validation chorales, three duets", COMMAND, 0, one.seconds)
        choice_row("16", method, METHODS[method], one.values, 48, rows)


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
