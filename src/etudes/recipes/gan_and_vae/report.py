"""Write what :mod:`etudes.recipes.gan_and_vae` found: ledger rows, checkpoints and cards.

The idea in a sentence: every number that chapter 17 states has one origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from etudes import ledger
from etudes.data.duets import SAMPLE_RATE
from etudes.evaluate import SeparationResult
from etudes.recipes import masks
from etudes.recipes.cards import save_with_card
from etudes.recipes.gan_and_vae.methods import METHODS, NAME
from etudes.recipes.rows import Rows
from etudes.recipes.separation import TEST, choice_row, rows_of
from etudes.recipes.separation_training import BATCH, CROP_FRAMES, N_EXCERPTS
from etudes.separators import MaskGenerator, SourceVAE
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History

__all__ = [
    "COMMAND",
    "PAIRS",
    "save_generator",
    "save_vae",
    "write_choice",
    "write_judged",
    "write_rows",
]

COMMAND = "python -m etudes.recipes.gan_and_vae --full"

VALIDATION = "excerpts of 8 s of validation chorales, three duets"

PAIRS = (
    ("gan", "generator-only"),
    ("critic-alone", "generator-only"),
    ("generator-only", "generator-start"),
    ("generator-only", "deep-clustering"),
    ("generator-only", "irm"),
    ("generator-only", "lstm-vae"),
    ("lstm-vae", "lstm-vae-two-starts"),
    ("lstm-vae-two-starts", "lstm-vae-one-start"),
    ("lstm-vae-one-start", "lstm-vae-guess"),
    ("lstm-vae", "nmf"),
    ("lstm-vae", "higher-note"),
    ("lstm-vae", "deep-clustering"),
    ("lstm-vae-from-stems", "lstm-vae"),
    ("lstm-vae-supervised", "lstm-vae"),
    ("generator-only", "lstm-vae-supervised"),
)
"""Differences that the chapter talks about; some with methods of chapter 16."""


def write_rows(duet: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write one duet's results into the ledger.

    Parameters
    ----------
    duet
        Which.
    results
        By method; those of chapter 16 only serve for differences.
    seconds
        Everything so far.
    """
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("17", duet, results, {**masks.METHODS, **METHODS}, PAIRS, rows, only=METHODS)


def write_choice(method: str, values: Mapping[str, float], n: int, seconds: float) -> None:
    """Write what was tried on validation hymns.

    Parameters
    ----------
    method
        Whose setting.
    values
        By setting, the mean improvement in dB.
    n
        How many mixtures.
    seconds
        Everything so far.
    """
    rows = Rows(VALIDATION, COMMAND, 0, seconds)
    choice_row("17", method, METHODS[method], values, n, rows)


def write_judged(name: str, accuracy: float, seconds: float) -> None:
    """Write how often a new critic tells a generator's estimates from sources.

    Parameters
    ----------
    name
        Of the generator.
    accuracy
        Fraction of patches.
    seconds
        What that took.
    """
    Rows("2 s crops of test chorales, three duets", COMMAND, 3, seconds).number(
        f"17.told-apart.accuracy.{name}",
        f"A new critic, patches of test hymns told from sources: {METHODS[name]}",
        accuracy,
        "fraction",
        "480 crops",
        baselines={"guessing": 0.5},
    )


def save_generator(
    name: str, model: MaskGenerator, history: History, before: float, validation: float
) -> None:
    """Write a mask generator and its card.

    Parameters
    ----------
    name
        In the ledger.
    model
        Trained.
    history
        Of its second training.
    before
        Seconds of the first.
    validation
        SI-SDR improvement in dB.
    """
    facts = {
        "What": f"{METHODS[name][0].upper()}{METHODS[name][1:]}: one network for three duets",
        "Data": f"{N_EXCERPTS} excerpts of 8 s of each of the three duets of chapter 16, TimGM6mb "
        "soundfont, 8 kHz",
        "Never seen": "validation and test hymns",
        "Time": f"{before + history.seconds:.0f} s on {ledger.hardware()}, of which "
        f"{history.seconds:.0f} s for {history.steps} turns after the common start",
        "Validation": f"SI-SDR improvement {validation:.2f} dB, mean of 16 excerpts of each duet",
        "Test": f"rows `17.*.si-sdri.{name}` of the ledger",
        "Use": f'`etudes.recipes.gan_and_vae.load_generator("{name}").separate(mixture)`',
        "Limits": "One soundfont, no room, no noise, two voices, the higher one first: not a "
        "separator of real recordings",
    }
    save_with_card(f"{NAME}-{name}", model, facts, COMMAND)


def save_vae(source: str, model: SourceVAE, history: History) -> None:
    """Write the VAE of one source and its card.

    Parameters
    ----------
    source
        Its name.
    model
        Trained.
    history
        Of its training.
    """
    facts = {
        "What": f"Recurrent VAE of one source alone: {source.replace('-', ' ')}",
        "Data": f"{N_EXCERPTS} excerpts of 8 s from Bach's chorales, TimGM6mb soundfont, 8 kHz; no "
        "mixture",
        "Never seen": "validation and test hymns",
        "Steps": f"{history.steps} of {BATCH} pieces of "
        f"{CROP_FRAMES * HOP_LENGTH / SAMPLE_RATE:.1f} s; best weights at step {history.best_step}",
        "Time": f"{history.seconds:.0f} s on {ledger.hardware()}",
        "Validation": f"bound {history.best_validation:.1f} nats per frame, where 0 is perfection",
        "Test": "rows `17.*.si-sdri.lstm-vae` of the ledger",
        "Use": f'`etudes.recipes.gan_and_vae.load_vae("{source}")`',
        "Limits": "One soundfont: knows no other player or room",
    }
    save_with_card(f"{NAME}-vae-{source}", model, facts, COMMAND)
