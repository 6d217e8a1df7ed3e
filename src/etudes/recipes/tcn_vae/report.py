"""Write what :mod:`etudes.recipes.tcn_vae` found: ledger rows, checkpoints and cards.

The idea in a sentence: every number that chapter 18 states has one origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from etudes import ledger
from etudes.data.duets import SAMPLE_RATE
from etudes.evaluate import SeparationResult
from etudes.files import write_atomically
from etudes.recipes import masks
from etudes.recipes.gan_and_vae.methods import METHODS as EARLIER
from etudes.recipes.rows import Rows
from etudes.recipes.separation import TEST, choice_row, rows_of
from etudes.recipes.separation_training import BATCH, CROP_FRAMES
from etudes.recipes.tcn_vae.networks import N_EXCERPTS, NAME, NETWORKS
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["COMMAND", "METHODS", "PAIRS", "save_network", "write_heads", "write_rows"]

COMMAND = "python -m etudes.recipes.tcn_vae --full"

VALIDATION = "8 s excerpts of validation chorales"

METHODS = {
    "tcn-vae": "the TCN-VAE, by the head that is best on validation hymns",
    "tcn-vae-mask": "the TCN-VAE, mask head",
    "tcn-vae-wiener": "the TCN-VAE, decoder and Wiener filter",
    "tcn-vae-raw": "the TCN-VAE, decoder played raw",
    "tcn-mask": NETWORKS["tcn-mask"],
    "conv-tasnet": NETWORKS["conv-tasnet"],
    "psm-2048": "the phase-sensitive oracle with the window of the TCN-VAE",
}
"""What the ledger calls each method."""

BESIDE = ("psm", "irm", "nmf", "deep-clustering", "generator-only", "lstm-vae")
"""Methods of chapters 16 and 17 on the same mixtures."""

PAIRS = (
    ("tcn-vae", "tcn-mask"),
    ("tcn-vae", "conv-tasnet"),
    ("tcn-mask", "conv-tasnet"),
    ("tcn-vae-mask", "tcn-vae-wiener"),
    ("tcn-vae-wiener", "tcn-vae-raw"),
    ("tcn-vae-wiener", "tcn-mask"),
    *(("tcn-vae", other) for other in BESIDE),
    ("psm-2048", "psm"),
)
"""Differences that the chapter talks about."""


def write_rows(
    duet: str, results: Mapping[str, SeparationResult], seconds: float, head: str
) -> None:
    """Write one duet's results into the ledger.

    Parameters
    ----------
    duet
        Which.
    results
        By method; those of earlier chapters only serve for differences.
    seconds
        Everything so far.
    head
        The TCN-VAE's best on validation.
    """
    words = {**masks.METHODS, **EARLIER, **METHODS}
    words["tcn-vae"] += f" ({head})"
    rows_of("18", duet, results, words, PAIRS, Rows(TEST, COMMAND, 0, seconds), only=METHODS)


def write_heads(duet: str, values: Mapping[str, float], n: int, seconds: float) -> None:
    """Write which head of the TCN-VAE was best on validation excerpts.

    Parameters
    ----------
    duet
        Which.
    values
        By head, the mean improvement in dB.
    n
        How many mixtures.
    seconds
        Everything so far.
    """
    rows = Rows(f"{VALIDATION}, {duet}", COMMAND, 0, seconds)
    choice_row("18", f"{duet}.head", f"{duet}, head of the TCN-VAE", values, n, rows)


def save_network(
    name: str, model: nn.Module, history: History, told: str, validation: float
) -> None:
    """Write a network and its card.

    Parameters
    ----------
    name
        In the ledger.
    model
        Trained.
    history
        Of its training.
    told
        What it is, in a few words.
    validation
        SI-SDR improvement in dB.
    """
    facts = {
        "What": told,
        "Data": f"{N_EXCERPTS} excerpts of 8 s of each of the three duets of chapter 16, TimGM6mb "
        "soundfont, 8 kHz",
        "Never seen": "validation and test hymns",
        "Steps": f"{history.steps} of {BATCH} pieces of "
        f"{CROP_FRAMES * HOP_LENGTH / SAMPLE_RATE:.1f} s; best weights at step {history.best_step}",
        "Time": f"{history.seconds:.0f} s on one core of {ledger.hardware()}",
        "Validation": f"SI-SDR improvement {validation:.2f} dB, mean of 16 excerpts of each duet",
        "Test": f"rows `18.*.si-sdri.{name}` of the ledger",
        "Use": f'`etudes.recipes.tcn_vae.load_network("{name}")`',
        "Limits": "One soundfont, no room, no noise, two voices: not a separator of real "
        "recordings",
        "Weights": f"{sum(p.numel() for p in model.parameters()):,}, kept in 16 bits",
        "Command": f"`{COMMAND}`",
    }
    stem = f"{NAME}-{name}"
    save_weights(model, WEIGHTS_FOLDER / f"{stem}.safetensors", {"command": COMMAND}, half=True)
    lines = [
        f"# {stem}",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {k} | {v} |" for k, v in facts.items()),
    ]
    write_atomically(WEIGHTS_FOLDER / f"{stem}.md", ("\n".join(lines) + "\n").encode())
