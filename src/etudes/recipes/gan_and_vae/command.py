"""The command of :mod:`etudes.recipes.gan_and_vae`: train, choose, meet the test hymns, write.

The idea in a sentence: how much a critic may say and how long latents are fitted is chosen on
validation hymns; test excerpts are loaded when everything has been chosen and trained. Chapter 17.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import torch

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import evaluate_separator, separation_difference
from etudes.recipes.gan_and_vae import methods
from etudes.recipes.gan_and_vae.judging import told_apart
from etudes.recipes.gan_and_vae.methods import (
    COMMITTED,
    GENERATORS,
    METHODS,
    load_generator,
    load_vae,
    separate_by,
)
from etudes.recipes.gan_and_vae.report import (
    COMMAND,
    PAIRS,
    save_generator,
    save_vae,
    write_choice,
    write_judged,
    write_rows,
)
from etudes.recipes.gan_and_vae.rivals import generator_score, train_generator, train_rivals
from etudes.recipes.gan_and_vae.sources import SOURCES, SOURCES_OF, train_encoder, train_vae
from etudes.recipes.masks import ANY_ORDER
from etudes.recipes.separation import measured, test_duets, validation_duets
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import MaskGenerator, MixtureEncoder, SourceVAE, VAESeparator

VAE_STEPS, GENERATOR_STEPS, RIVAL_STEPS, ENCODER_STEPS = 6000, 6000, 1000, 2000

ADVERSARY = (0.03, 0.3)
"""Weights of the critic beside the stems, of which one is chosen."""

FIT_STEPS = (25, 50, 100, 200)
"""Steps of fitting, of which one is chosen."""

BESIDE = ("irm", "nmf", "deep-clustering", "higher-note")
"""Methods of chapter 16 on the same mixtures."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose, measure, and with ``--full`` write checkpoints, cards and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.gan_and_vae")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.full:
        _full()
    else:
        _quick()


def _full() -> None:
    """Everything; what was finished in an earlier run is remembered."""
    code = code_of(evaluate, features, separators, methods)
    answers = Remembered(work_folder() / "gan-and-vae-answers.json", code)
    generators, seconds = _train_generators(answers)
    encoders, more = _train_sources()
    n_steps = _choose_steps(answers)
    for name, model in generators.items():
        key = f"told apart {name} {weights_digest(model)}"
        judged = answers.ask(key, lambda m=model: told_apart(m))
        print(f"{name:<18}told from sources: {judged.value:.1%}", flush=True)
        write_judged(name, judged.value, judged.seconds)
    vaes = [load_vae(source) for source in SOURCES]
    for duet in DUETS:
        trained = {**generators, "lstm-vae-supervised": encoders[duet]}
        results = {}
        for method in (*METHODS, *BESIDE):
            if method in trained:
                how = _by(trained[method])
                key = f"{duet} {method} {weights_digest(trained[method])}"
            else:
                how = separate_by(method, duet, n_steps)
                key = f"{duet} {method} {n_steps} {weights_digest(*vaes)}"
            results[method] = measured(
                answers, key, how, test_duets(duet), any_order=method in ANY_ORDER
            )
            print(f"{duet:<14}{method:<22}{results[method]}", flush=True)
        for a, b in PAIRS:
            print(f"{duet:<14}{a} over {b}: {separation_difference(results[a], results[b])}")
        write_rows(duet, results, seconds + more + answers.seconds)


def _by(model: MaskGenerator | MixtureEncoder) -> Callable[[Mixture], np.ndarray]:
    """A trained network as a function of a mixture."""
    return lambda m: model.separate(m.mixture)


def _train_generators(answers: Remembered) -> tuple[dict[str, MaskGenerator], float]:
    """The start and its continuations, the critic's weight chosen on the way; and the seconds."""
    work = work_folder()
    start, history = train_generator(
        GENERATOR_STEPS, checkpoint=work / "gan-and-vae-generator.safetensors"
    )
    print(f"start: {history.seconds:.0f} s, validation {history.best_validation:.2f} dB")
    begun = seconds = history.seconds
    weights = {f"gan-{weight:g}": (1.0, weight) for weight in ADVERSARY}
    scores, trained = {}, {}
    for name, (supervision, adversary) in {
        "generator-only": (1.0, 0.0),
        **weights,
        "critic-alone": (0.0, 1.0),
    }.items():
        checkpoint = work / f"gan-and-vae-{name}.safetensors"
        model, history = train_rivals(
            start, RIVAL_STEPS, supervision, adversary, checkpoint=checkpoint
        )
        trained[name] = (model.generator, history)
        key = f"validation {name} {weights_digest(model.generator)}"
        scores[name] = answers.ask(key, lambda m=model.generator: generator_score(m)).value
        print(f"{name}: {history.seconds:.0f} s, validation {scores[name]:.2f} dB", flush=True)
        seconds += history.seconds
    chosen = max(weights, key=lambda name: scores[name])
    told = {f"weight {name.removeprefix('gan-')}": scores[name] for name in weights}
    write_choice("gan", told, 48, seconds)
    for name, of in {"generator-only": "generator-only", "gan": chosen}.items():
        model, history = trained[of]
        save_generator(name, model, history, begun, scores[of])
    committed = {name: load_generator(name) for name in GENERATORS}
    return {
        "generator-start": start,
        **committed,
        "critic-alone": trained["critic-alone"][0],
    }, seconds


def _train_sources() -> tuple[dict[str, MixtureEncoder], float]:
    """A VAE for each source, and the supervised shortcut for each duet; and the seconds."""
    work, seconds, encoders = work_folder(), 0.0, {}
    for source in SOURCES:
        checkpoint = work / f"gan-and-vae-{source}.safetensors"
        model, history = train_vae(source, VAE_STEPS, checkpoint=checkpoint)
        save_vae(source, model, history)
        print(f"{source}: {history.seconds:.0f} s, validation {history.best_validation:.1f}")
        seconds += history.seconds
    for duet, names in SOURCES_OF.items():
        encoders[duet], history = train_encoder(
            [load_vae(name) for name in names],
            duet,
            ENCODER_STEPS,
            checkpoint=work / f"gan-and-vae-encoder-{duet}.safetensors",
        )
        print(f"{duet}: {history.seconds:.0f} s, validation {history.best_validation:.2f} dB")
        seconds += history.seconds
    return encoders, seconds


def _choose_steps(answers: Remembered) -> int:
    """How long latents are fitted, by eight validation excerpts of each duet."""
    values = {}
    stamp = weights_digest(*(load_vae(source) for source in SOURCES))
    for n_steps in FIT_STEPS:
        results = [
            measured(
                answers,
                f"validation {duet} {n_steps} {stamp}",
                separate_by("lstm-vae", duet, n_steps),
                validation_duets(duet)[:8],
            )
            for duet in DUETS
        ]
        values[n_steps] = sum(result.mean for result in results) / len(results)
        print(f"fitted for {n_steps} steps: validation {values[n_steps]:.2f} dB", flush=True)
    told = {f"{n} steps": value for n, value in values.items()}
    write_choice("lstm-vae", told, 24, answers.seconds)
    return max(values, key=lambda n: values[n])


def _quick() -> None:
    """Brief trainings for one duet, and the committed checkpoints on three validation excerpts."""
    start, _ = train_generator(60, n_excerpts=16, validate=False)
    rivals, _ = train_rivals(start, 20, 1.0, 0.1, n_alone=20, n_excerpts=16)
    models: list[SourceVAE] = [
        train_vae(source, 100, n_excerpts=16, validate=False)[0]
        for source in SOURCES_OF["flute-bassoon"]
    ]
    some = validation_duets("flute-bassoon")[:3]
    for words, how in (
        ("mask generator, briefly", start.separate),
        ("with a critic, briefly", rivals.generator.separate),
        ("VAEs, briefly", VAESeparator(models, 20).separate),
    ):
        found = evaluate_separator(lambda m, how=how: how(m.mixture), some)
        print(f"{words:<26}{found.mean:+.1f} dB")
    for duet in DUETS:
        for method in COMMITTED:
            found = evaluate_separator(separate_by(method, duet), validation_duets(duet)[:3])
            print(f"{duet:<14}{method:<22}{found.mean:+.1f} dB", flush=True)
    print(f"the committed sizes: {COMMAND}")
