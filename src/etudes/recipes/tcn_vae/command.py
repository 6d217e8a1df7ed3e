"""The command of :mod:`etudes.recipes.tcn_vae`: train, choose, meet the test hymns, write.

The idea in a sentence: which head plays is chosen on validation hymns; test excerpts are loaded
when everything has been trained and chosen. Chapter 18.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import evaluate_separator, separation_difference
from etudes.recipes import gan_and_vae
from etudes.recipes.masks import ANY_ORDER
from etudes.recipes.separation import N_VALIDATION, measured, test_duets, validation_duets
from etudes.recipes.tcn_vae import networks
from etudes.recipes.tcn_vae.networks import (
    NETWORKS,
    load_network,
    separate,
    train_network,
    validation_score,
)
from etudes.recipes.tcn_vae.report import (
    BESIDE,
    COMMAND,
    METHODS,
    PAIRS,
    save_network,
    write_heads,
    write_rows,
)
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import OracleMask
from etudes.separators.tcn_vae import HEADS

STEPS = {"tcn-vae": 20_000, "tcn-mask": 20_000, "conv-tasnet": 2_000}
"""Conv-TasNet takes ten times as long for a step: about the same time for each."""

EVERY = {"tcn-vae": 1000, "tcn-mask": 1000, "conv-tasnet": 250}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose, measure, and with ``--full`` write checkpoints, cards and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.tcn_vae")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--only", choices=NETWORKS, help="with --full: train this network and stop")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.only:
        _train(options.only)
    elif options.full:
        _full()
    else:
        _quick()


def _train(name: str) -> float:
    """Train and save one network; one that was trained in an earlier run is only read."""
    model, history = train_network(
        name,
        STEPS[name],
        every=EVERY[name],
        checkpoint=work_folder() / f"tcn-vae-{name}.safetensors",
    )
    told = f"{NETWORKS[name][0].upper()}{NETWORKS[name][1:]}: one network for three duets"
    save_network(name, model, history, told, history.best_validation or 0.0)
    print(f"{name}: {history.seconds:.0f} s, validation {history.best_validation:.2f} dB")
    return history.seconds


def _full() -> None:
    """Everything; what was finished in an earlier run is remembered."""
    seconds = sum(_train(name) for name in NETWORKS)
    code = code_of(evaluate, features, separators, networks)
    answers = Remembered(work_folder() / "tcn-vae-answers.json", code)
    stamp = weights_digest(*(load_network(name) for name in NETWORKS))
    heads = {duet: _choose_head(answers, duet, stamp, seconds) for duet in DUETS}
    for duet in DUETS:
        results = {}
        for method in (*METHODS, *BESIDE):
            how = separate_by(f"tcn-vae-{heads[duet]}" if method == "tcn-vae" else method, duet)
            results[method] = measured(
                answers,
                f"{duet} {method} {stamp}",
                how,
                test_duets(duet),
                any_order=method in ANY_ORDER,
            )
            print(f"{duet:<14}{method:<22}{results[method]}", flush=True)
        for a, b in PAIRS:
            print(f"{duet:<14}{a} over {b}: {separation_difference(results[a], results[b])}")
        write_rows(duet, results, seconds + answers.seconds, heads[duet])


def _choose_head(answers: Remembered, duet: str, stamp: str, seconds: float) -> str:
    """The head of the TCN-VAE that takes validation excerpts of a duet apart best."""
    model = load_network("tcn-vae")
    values = {
        head: answers.ask(
            f"validation {duet} {head} {stamp}",
            lambda head=head: validation_score(model, head, (duet,)),
        ).value
        for head in HEADS
    }
    print(f"{duet}: " + ", ".join(f"{head} {value:.2f}" for head, value in values.items()))
    write_heads(duet, values, N_VALIDATION, seconds)
    return max(values, key=lambda head: values[head])


def separate_by(method: str, duet: str) -> Callable[[Mixture], np.ndarray]:
    """A method as a function of a mixture.

    Parameters
    ----------
    method
        One of :data:`~etudes.recipes.tcn_vae.report.METHODS` but ``"tcn-vae"``, or of earlier
        chapters.
    duet
        Which.

    Returns
    -------
    callable
        ``separate(mixture) -> (n_sources, n_samples)``.
    """
    if method == "psm-2048":
        return lambda m: OracleMask(m.stems, "phase-sensitive", 2048, 512).separate(m.mixture)
    if method in ("tcn-mask", "conv-tasnet"):
        return lambda m: separate(load_network(method), m.mixture, duet)
    if method.startswith("tcn-vae-"):
        head = method.removeprefix("tcn-vae-")
        return lambda m: separate(load_network("tcn-vae"), m.mixture, duet, head)
    return gan_and_vae.separate_by(method, duet)


def _quick() -> None:
    """Brief trainings for one duet, and the committed networks on three validation excerpts."""
    some = validation_duets("choir-sb")[:3]
    for name in NETWORKS:
        steps = 10 if name == "conv-tasnet" else 60
        model, _ = train_network(name, steps, 16, validate=False, duets=("choir-sb",))
        found = _mean(model, some, "choir-sb")
        print(f"{name + ', briefly':<26}{found:+.1f} dB", flush=True)
    for duet in DUETS:
        for name in NETWORKS:
            found = _mean(load_network(name), validation_duets(duet)[:3], duet)
            print(f"{duet:<14}{name:<22}{found:+.1f} dB", flush=True)
    print(f"the committed sizes: {COMMAND}")


def _mean(model: Any, mixtures: Sequence[Mixture], duet: str) -> float:
    """Mean improvement in dB."""
    return evaluate_separator(lambda m: separate(model, m.mixture, duet), mixtures).mean
