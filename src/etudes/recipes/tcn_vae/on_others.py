"""Four voices and two speakers: train and measure.

The idea in a sentence: the same network where there is more to tell apart, and where there are no
names. Chapter 18.
"""

from __future__ import annotations

import time

import numpy as np

from etudes.data.bach import VOICES
from etudes.evaluate import evaluate_separator
from etudes.recipes.tcn_vae import report
from etudes.recipes.tcn_vae.networks import load_network, separate
from etudes.recipes.tcn_vae.quartet import (
    N_EXCERPTS,
    QUARTET,
    load_quartet,
    nmf_quartet,
    quartets,
    train_quartet,
)
from etudes.recipes.tcn_vae.speakers import conversations, train_speakers
from etudes.recipes.work import work_folder

QUARTET_STEPS, SPEAKERS_STEPS = 6_000, 4_000


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
    """Two speakers: the network of the chorales, and its twin trained on speech."""
    model, history = train_speakers(
        SPEAKERS_STEPS, checkpoint=work_folder() / "tcn-vae-speakers.safetensors"
    )
    chorales, begun = load_network("tcn-vae"), time.perf_counter()
    results = {
        "trained-on-chorales": evaluate_separator(
            lambda m: separate(chorales, m.mixture, "choir-sb"), conversations("test"), True
        ),
        "trained-on-speech": evaluate_separator(
            lambda m: model.separate(m.mixture), conversations("test"), True
        ),
    }
    for name, result in results.items():
        print(f"speakers      {name:<22}{result}", flush=True)
    report.write_speakers(results, history.seconds + time.perf_counter() - begun)
