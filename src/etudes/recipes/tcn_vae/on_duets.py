"""The three duets: train, choose a head, measure; then ask what the trained networks are good for.

The idea in a sentence: everything here is about one set of trained networks. Chapter 18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS, SAMPLE_RATE, duets
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, separation_difference
from etudes.recipes import gan_and_vae
from etudes.recipes.masks import ANY_ORDER
from etudes.recipes.separation import (
    N_VALIDATION,
    TEST_SEED,
    elsewhere,
    measured,
    test_duets,
)
from etudes.recipes.tcn_vae import networks, strangers
from etudes.recipes.tcn_vae.networks import (
    COMMITTED,
    NETWORKS,
    load_network,
    separate,
    train_network,
    validation_score,
)
from etudes.recipes.tcn_vae.report import (
    BESIDE,
    METHODS,
    PAIRS,
    save_network,
    write_head,
    write_rows,
    write_speed,
    write_strangers,
)
from etudes.recipes.tcn_vae.strangers import ASKED_AS, SNR, noisy
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import OracleMask
from etudes.separators.tcn_vae import HEADS
from etudes.train import History

STEPS = {"tcn-vae": 20_000, "tcn-mask": 20_000, "conv-tasnet": 2_000, "masks-alone": 20_000}
"""Conv-TasNet takes ten times as long for a step: about the same time for each."""

LONG_MASKS = {"irm-2048": "ratio", "psm-2048": "phase-sensitive"}

N_VALIDATIONS = {"tcn-vae": 20, "tcn-mask": 20, "conv-tasnet": 8, "masks-alone": 20}


def train(name: str, seed: int = 0) -> tuple[Any, History]:
    """Train one network, and save it when it is one of those that come with the package.

    Parameters
    ----------
    name
        One of :data:`~etudes.recipes.tcn_vae.networks.NETWORKS`.
    seed
        Of weights and crops; those that come with the package have 0.

    Returns
    -------
    torch.nn.Module, History
    """
    model, history = train_network(
        name,
        STEPS[name],
        seed=seed,
        every=STEPS[name] // N_VALIDATIONS[name],
        checkpoint=work_folder() / f"tcn-vae-{name}{f'-seed-{seed}' * (seed > 0)}.safetensors",
    )
    print(f"{name}: {history.seconds:.0f} s, validation {history.best_validation:.2f} dB")
    if name in COMMITTED and seed == 0:
        told = f"{NETWORKS[name][0].upper()}{NETWORKS[name][1:]}: one network for three duets"
        save_network(f"{networks.NAME}-{name}", name, model, history, told)
        load_network.cache_clear()
    return model, history


@cache
def _answers() -> Remembered:
    code = code_of(evaluate, features, separators, networks, strangers)
    return Remembered(work_folder() / "tcn-vae-answers.json", code)


def measure() -> None:
    """The committed networks, and methods of earlier chapters, on every test hymn."""
    models = {name: load_network(name) for name in COMMITTED}
    stamp = weights_digest(*models.values())
    heads = {duet: _choose_head(models["tcn-vae"], duet) for duet in DUETS}
    for duet in DUETS:
        results = {
            method: _on_test(
                f"tcn-vae-{heads[duet]}" if method == "tcn-vae" else method, duet, models, stamp
            )
            for method in (*METHODS, *BESIDE)
        }
        _tell(duet, results)
        write_rows(duet, results, _answers().seconds, heads[duet])


def measure_masks_alone() -> None:
    """Train the TCN-VAE's network by its masks alone, and hold it against the committed ones."""
    model, history = train("masks-alone")
    models = {"masks-alone": model, **{name: load_network(name) for name in COMMITTED}}
    stamp = weights_digest(*models.values())
    for duet in DUETS:
        results = {
            method: _on_test(method, duet, models, stamp)
            for method in ("masks-alone", "tcn-vae-mask", "tcn-mask")
        }
        _tell(duet, results)
        write_rows(duet, results, history.seconds + _answers().seconds, only="masks-alone")


def _on_test(method: str, duet: str, models: Mapping[str, Any], stamp: str) -> SeparationResult:
    """What a method does to the test excerpts of a duet; remembered."""
    result = measured(
        _answers(),
        f"{duet} {method} {stamp}",
        separate_by(method, duet, models),
        test_duets(duet),
        any_order=method in ANY_ORDER,
    )
    print(f"{duet:<14}{method:<22}{result}", flush=True)
    return result


def _tell(duet: str, results: Mapping[str, SeparationResult]) -> None:
    """Print the differences that the ledger gets."""
    for a, b in PAIRS:
        if a in results and b in results:
            print(f"{duet:<14}{a} over {b}: {separation_difference(results[a], results[b])}")


def _choose_head(model: Any, duet: str) -> str:
    """The head of the TCN-VAE that takes validation excerpts of a duet apart best."""
    stamp = weights_digest(model)
    values = {
        head: _answers()
        .ask(
            f"validation {duet} {head} {stamp}",
            lambda head=head: validation_score(model, head, (duet,)),
        )
        .value
        for head in HEADS
    }
    print(f"{duet}: " + ", ".join(f"{head} {value:.2f}" for head, value in values.items()))
    write_head(duet, values, N_VALIDATION, _answers().seconds)
    return max(values, key=lambda head: values[head])


def separate_by(
    method: str, duet: str, models: Mapping[str, Any]
) -> Callable[[Mixture], np.ndarray]:
    """A method as a function of a mixture.

    Parameters
    ----------
    method
        One of :data:`~etudes.recipes.tcn_vae.report.METHODS` but ``"tcn-vae"``, or of earlier
        chapters.
    duet
        Which.
    models
        Trained networks by name.

    Returns
    -------
    callable
        ``separate(mixture) -> (n_sources, n_samples)``.
    """
    if method in LONG_MASKS:
        kind = LONG_MASKS[method]
        return lambda m: OracleMask(m.stems, kind, 2048, 512).separate(m.mixture)
    if method in models:
        return lambda m: separate(models[method], m.mixture, duet)
    if method.startswith("tcn-vae-"):
        head = method.removeprefix("tcn-vae-")
        return lambda m: separate(models["tcn-vae"], m.mixture, duet, head)
    return gan_and_vae.separate_by(method, duet)


def measure_strangers() -> None:
    """Other instruments, and noise."""
    begun = time.perf_counter()
    models = {name: load_network(name) for name in COMMITTED}
    methods = ("tcn-vae-mask", "tcn-vae-wiener", "tcn-mask", "conv-tasnet")
    mixtures = {name: (duet, elsewhere(name)) for name, duet in ASKED_AS.items()}
    for snr in SNR:
        mixtures[f"choir-sb-noise-{snr}"] = ("choir-sb", noisy(test_duets("choir-sb"), snr))
    for name, (duet, some) in mixtures.items():
        results = {
            method: evaluate.evaluate_separator(separate_by(method, duet, models), some)
            for method in methods
        }
        for method, result in results.items():
            print(f"{name:<22}{method:<18}{result}", flush=True)
        write_strangers(name, results, time.perf_counter() - begun)


def measure_speed() -> None:
    """How much quicker than real time a whole chorale is taken apart, on one thread."""
    mixtures = [one.mixture for one in duets("choir-sb", "test", TEST_SEED, None).load(4)]
    length = sum(one.size for one in mixtures) / SAMPLE_RATE
    for name in COMMITTED:
        model, best = load_network(name), np.inf
        separate(model, mixtures[0], "choir-sb")
        for _ in range(3):
            begun = time.perf_counter()
            for one in mixtures:
                separate(model, one, "choir-sb")
            best = min(best, time.perf_counter() - begun)
        print(f"{name}: {length / best:.0f} times real time", flush=True)
        write_speed(name, length / best, len(mixtures), length)
