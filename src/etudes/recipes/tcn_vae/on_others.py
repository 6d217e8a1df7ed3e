"""Four voices and two speakers: train and measure.

The idea in a sentence: the same network where there is more to tell apart, and where there are no
names. Chapter 18.
"""

from __future__ import annotations

import time

import numpy as np

from etudes.data.bach import VOICES
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.recipes.tcn_vae import report
from etudes.recipes.tcn_vae.heard import NUMBER, save_heard
from etudes.recipes.tcn_vae.networks import load_network, separate
from etudes.recipes.tcn_vae.quartet import (
    N_EXCERPTS,
    QUARTET,
    load_quartet,
    nmf_quartet,
    quartets,
    train_quartet,
)
from etudes.recipes.tcn_vae.reach import separate_within
from etudes.recipes.tcn_vae.speakers import (
    TWINS,
    WINDOW,
    conversations,
    on_speech,
    train_speakers,
)
from etudes.recipes.work import work_folder
from etudes.separators import OracleMask

QUARTET_STEPS, SPEAKERS_STEPS = 6_000, 12_000

SPOKEN_FRAMES = (21, 65)
"""How many frames are heard around each: 0.77 s, as long as nine frames of the duets, and 2.2 s."""


def measure_quartet() -> None:
    """Four voices of a choir, each beside supervised NMF."""
    model, history = train_quartet(
        QUARTET_STEPS, checkpoint=work_folder() / "tcn-vae-quartet.safetensors"
    )
    report.save_network(
        QUARTET,
        "quartet",
        model,
        history,
        "TCN-VAE for four voices of a choir",
        f"{N_EXCERPTS} excerpts of 8 s, four voices of one choir, TimGM6mb soundfont, 8 kHz",
    )
    begun = time.perf_counter()
    results = {
        "tcn-vae": evaluate_separator(
            lambda m: load_quartet().separate(m.mixture), quartets("test")
        ),
        "nmf": evaluate_separator(lambda m: nmf_quartet().separate(m.mixture), quartets("test")),
    }
    for method, result in results.items():
        each = dict(zip(VOICES, np.round(result.improvements.mean(axis=0), 2)))
        print(f"quartet       {method:<12}{result} {each}", flush=True)
    report.write_quartet(results, VOICES, history.seconds + time.perf_counter() - begun)


def measure_speakers() -> None:
    """Two speakers: the network of the chorales, its twins trained on speech, and ideal masks."""
    twins, seconds = {}, 0.0
    for twin in TWINS:
        checkpoint = work_folder() / f"tcn-vae-speakers-{twin}.safetensors"
        twins[twin], history = train_speakers(twin, SPEAKERS_STEPS, checkpoint=checkpoint)
        seconds += history.seconds
        print(f"speakers      {twin}: validation {history.best_validation:.2f} dB", flush=True)
    talk = conversations("test")[NUMBER].mixture
    save_heard({twin: model.separate(talk) for twin, model in twins.items()}, report.COMMAND)
    chorales, begun = load_network("tcn-vae"), time.perf_counter()
    results = {
        "chorales": on_speech(lambda m: separate(chorales, m, "choir-sb"), "test"),
        **{twin: on_speech(model.separate, "test") for twin, model in twins.items()},
        **{name: ideal(kind) for name, kind in {"irm": "ratio", "psm": "phase-sensitive"}.items()},
    }
    for twin, model in twins.items():
        for n in SPOKEN_FRAMES:
            results[f"{twin}-hearing-{n}"] = on_speech(
                lambda m, model=model, n=n: separate_within(model, m, model.sources, n), "test"
            )
    for name, result in results.items():
        print(f"speakers      {name:<22}{result}", flush=True)
    semitones = np.array([one.semitones for one in conversations("test")])
    report.write_speakers(results, semitones, seconds + time.perf_counter() - begun)


def ideal(kind: str) -> SeparationResult:
    """What an ideal mask does to two speakers, with the window of the networks."""
    return evaluate_separator(
        lambda m: OracleMask(m.stems, kind, **WINDOW).separate(m.mixture), conversations("test")
    )
