"""Write what :mod:`etudes.recipes.instruments` found: ledger rows, checkpoints and their cards.

The idea in a sentence: every number that chapters 02 and 06 state about instruments has one origin.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from etudes import ledger
from etudes.data.instruments import TRAIN_PROGRAMS
from etudes.evaluate import FewShotResult, chance
from etudes.recipes.rows import Rows
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["DIFFERENCES", "WORDS", "save", "write_rows", "write_seeds"]

LEARNED = ("prototypical", "relation", "relation-cross-entropy", "prototypical-8-way")

WORDS = {
    "nearest-centroid": "nearest centroid on raw log-mels",
    "nearest-centroid-spectrum": "nearest centroid on mean spectra",
    "nearest-centroid-envelope": "nearest centroid on the envelope",
    "k-nearest": "k nearest neighbours on raw log-mels",
    "logistic-regression": "logistic regression on raw log-mels",
    "untrained": "the prototypical network without meta-training",
    "prototypical": "the prototypical network",
    "relation": "the relation network (squared error)",
    "relation-cross-entropy": "the relation network (cross-entropy)",
    "prototypical-8-way": "the prototypical network, trained on tasks of 8 classes",
    "prototypical-fine-tuned": "the prototypical network fine-tuned on the support set",
    "relation-fine-tuned": "the relation network fine-tuned on the support set",
}
"""What the ledger calls each learner in a sentence."""

DIFFERENCES = (
    ("prototypical", "nearest-centroid-envelope"),
    ("prototypical", "logistic-regression"),
    ("prototypical", "untrained"),
    ("relation", "prototypical"),
    ("relation-cross-entropy", "prototypical-8-way"),
    ("relation", "relation-cross-entropy"),
    ("prototypical-fine-tuned", "prototypical"),
    ("relation-fine-tuned", "relation"),
)
"""Pairs of learners whose difference chapter 06 talks about."""

DATASET = (
    "General MIDI notes of 1 s at 16 kHz from the TimGM6mb soundfont, 20 notes of each of 32 "
    "instruments of families not trained on (organs, strings, reeds, synth pads)"
)


def write_rows(
    results: dict[str, FewShotResult], best: str, command: str, seconds: float, seed: int
) -> None:
    """Write one setting's results into the ledger.

    Parameters
    ----------
    results
        What :func:`compare` gave.
    best
        The learned method that did best on the validation instruments.
    command
        The command line.
    seconds
        Training and evaluation together.
    seed
        Of the networks and their training.
    """
    one, rows = results[best], Rows(DATASET, command, seed, seconds)
    where = f"{one.n_way}-way {one.k_shot}-shot"
    stem = f"06.instruments.{one.n_way}way-{one.k_shot}shot"
    guessing = chance(one.n_way)
    baselines = {name: r.mean for name, r in results.items() if name not in LEARNED}
    rows.accuracy(
        f"{stem}.accuracy",
        f"Instruments never trained on, {where}: {WORDS[best]}, best on validation",
        one,
        baselines={"chance": guessing, **baselines},
    )
    claim = f"Instruments, {where}: guessing"
    rows.number(f"{stem}.accuracy.chance", claim, guessing, "fraction", one.n)
    for name, result in results.items():
        claim = f"Instruments never trained on, {where}: {WORDS[name]}"
        rows.accuracy(f"{stem}.accuracy.{name}", claim, result)
    for a, b in DIFFERENCES:
        if a in results and b in results:
            claim = f"Instruments, {where}, same episodes: {WORDS[a]} against {WORDS[b]}"
            rows.margin(f"{stem}.margin.{a}-over-{b}", claim, results[a], results[b])


def write_seeds(seeds: dict[str, list[float]], where: str, command: str, seconds: float) -> None:
    """Write what other trainings of the same networks gave.

    Parameters
    ----------
    seeds
        Network → accuracy of each training.
    where
        The setting, as ``"5way-5shot"``.
    command
        The command line.
    seconds
        Training and evaluation together.
    """
    rows = Rows(DATASET, command, 0, seconds)
    for name, values in seeds.items():
        if len(values) > 1:
            claim = f"Instruments, {where}, mean of {len(values)} trainings: {WORDS[name]}"
            rows.repeated(f"06.instruments.{where}.seeds.{name}", claim, values, "fraction")


CARD = """# 06-instruments-{name}

{words}: tells an instrument that it has never heard from others, from one or a few notes.

| | |
| --- | --- |
| Command | `{command}` |
| Data | {n_notes} notes of each of {n_programs} General MIDI instruments from the TimGM6mb soundfont (pianos, chromatic percussion, basses, ensembles, pipes, leads, synth effects, ethnic, percussive), 1 s, 16 kHz, 64 mel bands; 70% of the classes of an episode layered with a second instrument, filters and envelopes varied by class |
| Never seen | guitars and brass (validation); organs, strings, reeds, pads (test) |
| Steps | {steps} episodes, {n_way}-way, 1 and 5 shots in turn, 3 questions a class; best weights at step {best_step} |
| Weights | {n_weights:,}, kept in 16 bits (measured with 32) |
| Seed | {seed} |
| Time | {seconds:.0f} s on {hardware} |
| Validation | {validation:.1%}, mean of 5-way 5-shot and 1-shot over 120 episodes of guitars and brass |
| Test | see rows `06.instruments.*` of the ledger |
| Use | `etudes.recipes.instruments.load_trained("{name}")` |
| Limits | One soundfont, single notes, no room and no noise: not a recogniser of real recordings |
"""  # noqa: E501


def save(name: str, model: nn.Module, history: History, facts: dict[str, Any]) -> None:
    """Write a checkpoint and its card into the package.

    Parameters
    ----------
    name
        The checkpoint becomes ``06-instruments-<name>``.
    model
        The trained network.
    history
        Of its training.
    facts
        What else the card says: ``command`` and ``n_notes``.
    """
    known = {
        **facts,
        "name": name,
        "n_way": 8 if name.startswith("relation") else 16,
        "seed": 0,
        "words": WORDS[name].removeprefix("the ").capitalize(),
        "n_programs": len(TRAIN_PROGRAMS),
        "steps": history.steps,
        "best_step": history.best_step,
        "n_weights": sum(p.numel() for p in model.parameters()),
        "seconds": history.seconds,
        "hardware": ledger.hardware(),
        "validation": history.best_validation,
    }
    path = save_weights(
        model,
        WEIGHTS_FOLDER / f"06-instruments-{name}.safetensors",
        {key: str(value) for key, value in known.items()},
        half=True,
    )
    path.with_suffix(".md").write_text(CARD.format(**known), encoding="utf-8")
