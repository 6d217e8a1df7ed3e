"""What a few-shot result is worth: the learners of chapter 02 at full size, for the ledger.

The idea in a sentence: the same tasks for a ruler on raw numbers, a network without training and
the same network meta-trained (Snell et al. 2017), on instruments of families never trained on and
then on spoken words, which no training prepared it for. The command::

    python -m etudes.recipes.tasks --full     # trains, compares, writes rows 02.*
    python -m etudes.recipes.tasks            # a tenth of it, prints and writes nothing

Steps, width and step size were chosen on the validation instruments.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from etudes.data.instruments import TEST_PROGRAMS, TRAIN_PROGRAMS, load_instrument_notes
from etudes.data.recordings import load_spoken_digits
from etudes.data.resampling import resample
from etudes.episodes import EpisodeSampler
from etudes.evaluate import FewShotResult, chance, evaluate, paired_difference
from etudes.features import log_mel
from etudes.learners.centroid import NearestCentroid
from etudes.learners.classical import KNearest, LogisticRegression
from etudes.learners.encoders import ConvEncoder
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.recipes.rows import Rows
from etudes.train import fit

SAMPLE_RATE = 16_000

WORDS = {
    "nearest-centroid": "nearest centroid on levelled mean spectra",
    "k-nearest": "three nearest neighbours on levelled mean spectra",
    "logistic-regression": "logistic regression on levelled mean spectra",
    "envelope": "nearest centroid on envelopes",
    "untrained": "the network without training",
    "prototypical": "the same network, meta-trained",
}
"""What the ledger calls each learner; the first four learn nothing before the task."""


def describe(
    x: np.ndarray, encoder: ConvEncoder, untrained: ConvEncoder
) -> dict[str, tuple[np.ndarray, Callable[..., Any]]]:
    """Every contestant: what it makes of each item, once for all tasks, and its rule.

    Parameters
    ----------
    x
        Log-mel spectrograms, shape ``(n, n_mels, n_frames)``.
    encoder
        Meta-trained.
    untrained
        The same at its random start.

    Returns
    -------
    dict
        By the names of :data:`WORDS`, descriptions of shape ``(n, d)`` and a learner.
    """
    levelled = x - x.max(axis=(1, 2), keepdims=True)
    spectrum, ruler = levelled.mean(axis=2), NearestCentroid()
    return {
        "nearest-centroid": (spectrum, ruler),
        "k-nearest": (spectrum, KNearest(3)),
        "logistic-regression": (spectrum, LogisticRegression()),
        "envelope": (levelled.max(axis=1), ruler),
        "untrained": (_embed(untrained, x), ruler),
        "prototypical": (_embed(encoder, x), ruler),
    }


def _embed(network: ConvEncoder, x: np.ndarray) -> np.ndarray:
    """What a network makes of each item."""
    network.eval()
    with torch.no_grad():
        parts = torch.from_numpy(x)[:, None].split(256)
        return torch.cat([network(part) for part in parts]).numpy()


def spoken_words(n_takes: int = 10, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recorded digits as log-mel spectrograms of one second.

    Parameters
    ----------
    n_takes
        Recordings of each digit and speaker.
    seed
        Of which ones.

    Returns
    -------
    tuple of numpy.ndarray
        Spectrograms ``(n, 64, n_frames)``, digits ``(n,)``, speakers ``(n,)``.
    """
    digits = load_spoken_digits()
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero((digits.digit == d) & (digits.speaker == s)))[:n_takes]
            for d in np.unique(digits.digit)
            for s in np.unique(digits.speaker)
        ]
    )
    clips = [resample(c, digits.sample_rate, SAMPLE_RATE) for c in digits.padded()[rows]]
    return log_mel(np.stack(clips), SAMPLE_RATE), digits.digit[rows], digits.speaker[rows]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compare, and with ``--full`` write the rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.tasks")
    parser.add_argument("--full", action="store_true", help="the size of the ledger; writes rows")
    full = parser.parse_args(arguments).full
    torch.set_num_threads(1)
    torch.manual_seed(2)
    started = time.perf_counter()
    steps, n_tasks = (1000, 2000) if full else (100, 200)

    notes = load_instrument_notes(20)
    x = log_mel(notes.waveforms, SAMPLE_RATE)
    encoder, untrained = (ConvEncoder(channels=32, input_range=7.0) for _ in range(2))
    untrained.load_state_dict(encoder.state_dict())
    practice = EpisodeSampler(
        x[:, None], notes.program, n_way=10, k_shot=5, n_query=5, seed=1, classes=TRAIN_PROGRAMS
    )
    network = PrototypicalNetwork(encoder)
    fit(network, lambda model, task: model.loss(task), practice, steps=steps, seed=2)

    contestants = describe(x, encoder, untrained)
    dataset = "soundfont notes of 32 instruments, families never trained on, 20 notes each"
    for n_way, k_shot in ((5, 1), (5, 5), (10, 5)):
        dealt = {"n_way": n_way, "k_shot": k_shot, "seed": 0, "classes": TEST_PROGRAMS}
        results = {
            name: evaluate(rule, EpisodeSampler(z, notes.program, **dealt), n_tasks)
            for name, (z, rule) in contestants.items()
        }
        _report("instruments", results, dataset, full, started)

    x, word, speaker = spoken_words()
    dataset = "Free Spoken Digit Dataset, 10 words; support and query from different speakers"
    results = {
        name: evaluate(rule, EpisodeSampler(z, word, groups=speaker, seed=3), n_tasks)
        for name, (z, rule) in describe(x, encoder, untrained).items()
    }
    _report("words", results, dataset, full, started)


def _report(
    task: str, results: dict[str, FewShotResult], dataset: str, write: bool, started: float
) -> None:
    """Print one setting's results, and write them into the ledger."""
    trained = results["prototypical"]
    best = max(list(WORDS)[:4], key=lambda name: results[name].mean)
    gains = {name: paired_difference(trained, results[name]) for name in (best, "untrained")}
    for name, result in results.items():
        print(f"{task:<12}{name:<22}{result}")
    for name, gain in gains.items():
        print(f"{task:<12}prototypical over {name}: {gain}")
    if not write:
        return
    setting = f"{trained.n_way}-way {trained.k_shot}-shot"
    stem = f"02.{task}.{trained.n_way}way-{trained.k_shot}shot"
    seconds = time.perf_counter() - started
    rows = Rows(dataset, "python -m etudes.recipes.tasks --full", 2, seconds)
    guessing = {"chance": chance(trained.n_way)}
    for name, result in results.items():
        claim = f"{task.capitalize()}, {setting}: {WORDS[name]}"
        rows.accuracy(f"{stem}.accuracy.{name}", claim, result, baselines=guessing)
    for name, label in ((best, "best-baseline"), ("untrained", "untrained")):
        claim = f"{task.capitalize()}, {setting}, same tasks: meta-trained minus {WORDS[name]}"
        rows.margin(f"{stem}.margin.prototypical-over-{label}", claim, trained, results[name])


if __name__ == "__main__":
    main()
