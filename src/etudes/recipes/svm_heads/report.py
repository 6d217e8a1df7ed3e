"""Write what :mod:`etudes.recipes.svm_heads` found: ledger rows, checkpoints and their cards.

The idea in a sentence: every number that chapter 05 states has one origin.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from etudes import ledger
from etudes.data.instruments import TRAIN_PROGRAMS
from etudes.evaluate import FewShotResult, chance
from etudes.recipes.rows import Rows
from etudes.recipes.svm_heads.choosing import TRIALS
from etudes.recipes.svm_heads.comparing import CORNERS, interaction
from etudes.recipes.svm_heads.domains import LOADED, N_WAY
from etudes.recipes.svm_heads.networks import HEAD_NAMES
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

COMMAND = "python -m etudes.recipes.svm_heads --full"

WORDS = {
    "svm": "MetaOptNet with a support vector machine",
    "ridge": "MetaOptNet with ridge regression",
    "prototype": "prototypes",
    "relation": "a relation module",
    "nearest-centroid": "nearest centroid on raw features",
    "nearest-centroid-envelope": "nearest centroid on the envelope",
    "raw-svm": "scikit-learn's support vector machine on raw features, fitted on each task",
    "raw-svm-envelope": "scikit-learn's support vector machine on the envelope",
    "stacked-svm": "an outer support vector machine stacked on inner ones",
    "svm-in-space": "a support vector machine in the learned space, without practice",
    "svm-untrained": "the support vector machine on the backbone without training",
    "prototype-untrained": "prototypes on the backbone without training",
}
"""What the ledger calls each learner."""

DIFFERENCES = (
    ("svm", "prototype"),
    ("svm", "ridge"),
    ("svm", "relation"),
    ("ridge", "prototype"),
    ("svm", "svm-untrained"),
    ("svm", "raw-svm"),
    ("svm", "stacked-svm"),
    ("svm", "nearest-centroid-envelope"),
    ("svm", "raw-svm-envelope"),
    ("raw-svm-envelope", "nearest-centroid-envelope"),
    ("stacked-svm", "raw-svm-envelope"),
    ("raw-svm", "nearest-centroid"),
    ("stacked-svm", "raw-svm"),
    ("svm", "svm-in-space"),
    ("svm-head-on-prototype-embedding", "prototype"),
    ("svm", "svm-head-on-prototype-embedding"),
    ("prototype-head-on-svm-embedding", "prototype"),
    ("svm", "prototype-head-on-svm-embedding"),
    ("ridge-head-on-prototype-embedding", "prototype"),
    ("ridge", "ridge-head-on-prototype-embedding"),
)
"""Pairs whose difference the chapter talks about: head at test time, head in training, both."""

PAPER = {
    ("svm", 1): 0.6264,
    ("svm", 5): 0.7863,
    ("ridge", 1): 0.6141,
    ("ridge", 5): 0.7788,
    ("prototype", 1): 0.5925,
    ("prototype", 5): 0.7560,
}
"""Table 3 of Lee et al. (2019): miniImageNet, ResNet-12, 16,000 features."""

CITATION = "Lee et al. 2019, table 3: photographs (miniImageNet), ResNet-12, 16,000 features"


TOGETHER = (
    "what the support vector machine is worth over prototypes on the embedding trained with it, "
    "minus what it is worth on the embedding trained with them"
)


def words(name: str) -> str:
    """A learner in words."""
    if "-head-on-" in name:
        head, _, other = name.removesuffix("-embedding").partition("-head-on-")
        price = "" if head == "prototype" else ", its price chosen for that embedding"
        return f"{WORDS[head]} put on the embedding trained with {WORDS[other]}{price}"
    return WORDS[name]


def write_rows(domain: str, results: dict[str, FewShotResult], seed: int, seconds: float) -> None:
    """Write one setting's results into the ledger.

    Parameters
    ----------
    domain
        ``"instruments"`` or ``"styles"``.
    results
        Name → result, all of the same tasks.
    seed
        Of the networks and their training.
    seconds
        Training and evaluation so far.
    """
    one, rows = results["svm"], Rows(LOADED[domain], COMMAND, seed, seconds)
    where = f"{domain.capitalize()}, 5-way {one.k_shot}-shot"
    stem = f"05.{domain}.5way-{one.k_shot}shot"
    paper_says = PAPER if domain == "instruments" else {}  # of single sights, or single sounds
    for name, result in results.items():
        told = paper_says.get((name, one.k_shot))
        given = {other: r.mean for other, r in results.items() if other != name}
        rows.accuracy(
            f"{stem}.accuracy.{name}",
            f"{where}: {words(name)}",
            result,
            baselines={"chance": chance(5), **given} if name == "svm" else {},
            paper=None if told is None else {"value": told, "citation": CITATION},
        )
    for a, b in DIFFERENCES:
        if a in results and b in results:
            first, second = (paper_says.get((head, one.k_shot)) for head in (a, b))
            paper = None
            if first is not None and second is not None:
                paper = {"value": round(first - second, 4), "citation": CITATION}
            claim = f"{where}, same tasks: {words(a)} against {words(b)}"
            margin = f"{stem}.margin.{a}-over-{b}"
            rows.margin(margin, claim, results[a], results[b], paper=paper)
    together, claim = interaction(results), f"{where}, same tasks: {TOGETHER}"
    rows.estimate(f"{stem}.interaction", claim, together, "fraction-difference", one.n)


def write_seeds(domain: str, k_shot: int, values: dict[str, list[float]], seconds: float) -> None:
    """Write what other trainings of the same networks gave, and how their differences came out.

    Parameters
    ----------
    domain, k_shot
        The setting.
    values
        Head → accuracy of each training.
    seconds
        Training and evaluation so far.
    """
    rows = Rows(LOADED[domain], COMMAND, 0, seconds)
    where = f"{domain.capitalize()}, 5-way {k_shot}-shot"
    stem = f"05.{domain}.5way-{k_shot}shot.seeds"
    pairs = [(a, b) for a, b in DIFFERENCES if a in values and b in values]
    found = [(name, np.array(v), words(name), "fraction") for name, v in values.items()]
    found += [
        (
            f"{a}-over-{b}",
            np.array(values[a]) - np.array(values[b]),
            f"{words(a)} against {words(b)}",
            "fraction-difference",
        )
        for a, b in pairs
    ]
    own, put, back, home = (np.array(values[name]) for name in CORNERS)
    gained = (own - back) - (put - home)
    found.append(("interaction", gained, TOGETHER, "fraction-difference"))
    for name, runs, what, unit in found:
        if len(runs) > 1:
            claim = f"{where}, mean of {len(runs)} trainings: {what}"
            rows.repeated(f"{stem}.{name}", claim, runs, unit)


def write_choice(
    domain: str,
    chosen: dict[str, Any],
    trials: dict[str, float],
    head: str,
    steps: int,
    n_tasks: int,
) -> None:
    """Write what a head reached on validation classes, and with which settings."""
    told = ", ".join(f"{name} {value}" for name, value in chosen.items())
    Rows(f"validation {domain}", COMMAND, 0, 0).number(
        f"05.{domain}.choosing.accuracy.{head}",
        f"{domain.capitalize()}, validation classes, {steps} steps, mean of 1, 5 and 10 shots: "
        f"{words(head)}, best of {len(trials)} settings ({told})",
        max(trials.values()),
        "fraction",
        f"{3 * n_tasks} tasks",
        baselines={key.split(" ", 2)[2].replace("'", ""): value for key, value in trials.items()},
    )


def write_solver(found: dict[str, np.ndarray], n: str, seconds: float) -> None:
    """Write how far the package's optimum and scikit-learn's lie apart."""
    dataset = "5-way tasks of validation instruments, embedded by the trained network"
    rows = Rows(dataset, COMMAND, 77, seconds)
    rows.number(
        "05.solver.objective-gap",
        "Largest relative difference between the package's objective and scikit-learn's",
        1e6 * float(np.abs(found["objective"]).max()),
        "millionths",
        n,
    )
    rows.number(
        "05.solver.decision-gap",
        "Largest difference of any query's score between the package and scikit-learn, where a "
        "margin is 1",
        1e6 * float(found["decisions"].max()),
        "millionths",
        n,
    )


CARD = """# 05-instruments-{head}

An embedding of single notes, meta-learned under {words}: tells an instrument that it has never heard from others.

| | |
| --- | --- |
| Command | `{command}` |
| Data | 98 notes of each of {n_programs} General MIDI instruments from the TimGM6mb soundfont, 1 s, 16 kHz, 64 mel bands; 70% of the classes of an episode layered with a second instrument, filters and envelopes varied by class |
| Never seen | guitars and brass (validation); organs, strings, reeds, pads (test) |
| Steps | {steps} episodes, {n_way}-way, 1 and 5 shots in turn, 3 questions a class; best weights at step {best_step} |
| Settings | {settings}, best of {n_trials} on validation instruments |
| Weights | {n_weights:,}, kept in 16 bits (measured with 32) |
| Seed | 0 |
| Time | {seconds:.0f} s on {hardware} |
| Validation | {validation:.1%}, mean of 5-way 5-shot and 1-shot over 120 episodes of guitars and brass |
| Test | see rows `05.instruments.*` of the ledger |
| Use | `etudes.recipes.svm_heads.load_trained("{head}")` |
| Limits | One soundfont, single notes, no room and no noise: not a recogniser of real recordings |
"""  # noqa: E501


def save(head: str, model: Any, history: History, chosen: dict[str, Any]) -> None:
    """Write a checkpoint and its card into the package.

    Parameters
    ----------
    head
        The checkpoint becomes ``05-instruments-<head>``.
    model
        The trained network.
    history
        Of its training.
    chosen
        Its settings.
    """
    settings = {name: value for name, value in chosen.items() if name != "lr"}
    known = {
        "head": head,
        "words": WORDS[head],
        "command": COMMAND,
        "n_programs": len(TRAIN_PROGRAMS),
        "n_way": N_WAY["instruments"],
        "n_trials": len(TRIALS[head]),
        "steps": history.steps,
        "best_step": history.best_step,
        "n_weights": sum(p.numel() for p in model.parameters()),
        "seconds": history.seconds,
        "hardware": ledger.hardware(),
        "validation": history.best_validation,
    }
    path = WEIGHTS_FOLDER / f"05-instruments-{head}.safetensors"
    told = {key: str(value) for key, value in known.items()}
    save_weights(model, path, {**told, "settings": json.dumps(settings)}, half=True)
    card = CARD.format(**known, settings=", ".join(f"{k} {v}" for k, v in chosen.items()))
    path.with_suffix(".md").write_text(card, encoding="utf-8")


assert set(HEAD_NAMES) <= set(WORDS)
