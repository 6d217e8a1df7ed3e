"""What the trained TCN-VAE hears, and what its latents say: measured on test hymns.

The idea in a sentence: nothing is trained here; every question has its control. Chapter 18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product

import numpy as np
import torch

from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.recipes.gan_and_vae import SOURCES_OF
from etudes.recipes.separation import test_duets
from etudes.recipes.tcn_vae import report_latents
from etudes.recipes.tcn_vae.latents import nats_told, probe, separate_by_draw
from etudes.recipes.tcn_vae.networks import load_network
from etudes.recipes.tcn_vae.reach import FRAMES, ONE_SIDE, SIDES, separate_within
from etudes.separators.torch_stft import istft, stft


def measure_reach() -> None:
    """The committed TCN-VAE, when it hears but a few frames at a time."""
    model, begun = load_network("tcn-vae"), time.perf_counter()
    for duet in DUETS:
        within = partial(separate_within, model, sources=SOURCES_OF[duet])
        results = {"tcn-vae-mask": on_duet(duet, partial(model.separate, sources=SOURCES_OF[duet]))}
        for n in FRAMES:
            results[f"hearing-{n}"] = on_duet(duet, partial(within, n_frames=n))
        for n, side in product(ONE_SIDE, SIDES[1:]):
            one_sided = partial(within, n_frames=n, side=side)
            results[f"hearing-{n}-{side}"] = on_duet(duet, one_sided)
        tell(duet, results)
        report_latents.write_reach(duet, results, time.perf_counter() - begun)


def on_duet(duet: str, separate: Callable[[np.ndarray], np.ndarray]) -> SeparationResult:
    """What a function of a waveform does to the test excerpts of a duet."""
    return evaluate_separator(lambda m: separate(m.mixture), test_duets(duet))


def measure_latents() -> None:
    """Notes in latents and in what masks leave; how many latents speak; latents drawn at random."""
    begun, model = time.perf_counter(), load_network("tcn-vae")
    nats = {}
    for duet, names in SOURCES_OF.items():
        found = probe(model, load_network("tcn-mask"), duet)
        for name, one in found.items():
            print(f"{duet:<14}{name:<14}{one}", flush=True)
        report_latents.write_probe(duet, found, time.perf_counter() - begun)
        nats[duet], n = nats_told(model, duet), len(test_duets(duet))
        report_latents.write_nats(duet, names, nats[duet], n, time.perf_counter() - begun)
        results = {
            "tcn-vae-wiener": on_duet(duet, partial(model.separate, sources=names, head="wiener")),
            "tcn-vae-wiener-drawn": on_duet(duet, partial(separate_by_draw, model, sources=names)),
            "magnitudes-2048": evaluate_separator(by_true_magnitudes, test_duets(duet)),
        }
        tell(duet, results)
        report_latents.write_drawn(duet, results, time.perf_counter() - begun)
    report_latents.write_shared(nats, n, time.perf_counter() - begun)


def by_true_magnitudes(m: Mixture) -> np.ndarray:
    """What the decoder, played raw, could reach: true magnitudes, the phase of the mixture.

    Parameters
    ----------
    m
        Whose stems are known.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_sources, n_samples)``.
    """
    each = stft(torch.from_numpy(m.stems), 2048, 512)
    played = each.abs() * torch.exp(1j * each.sum(dim=0).angle())
    return istft(played, m.mixture.size, 512).numpy()


def tell(name: str, results: Mapping[str, SeparationResult]) -> None:
    """Print results of one kind of mixtures, method by method."""
    for method, result in results.items():
        print(f"{name:<24}{method:<28}{result}", flush=True)
