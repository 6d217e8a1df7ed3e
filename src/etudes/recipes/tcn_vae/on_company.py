"""Who sings, and voices that were never heard together: measured on test hymns.

The idea in a sentence: the plain methods get the same chance as the network with latents, and one
of them is trained on every pair. Chapter 18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from etudes import evaluate, features, separators
from etudes.data.duets import DUETS
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult
from etudes.recipes import gan_and_vae
from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF, load_vae
from etudes.recipes.masks import ANY_ORDER
from etudes.recipes.separation import measured, test_duets
from etudes.recipes.tcn_vae import networks, report_latents
from etudes.recipes.tcn_vae import who_sings as asking
from etudes.recipes.tcn_vae.all_pairs import train_on_all_pairs
from etudes.recipes.tcn_vae.networks import COMMITTED, load_network
from etudes.recipes.tcn_vae.on_duets import train
from etudes.recipes.tcn_vae.on_latents import tell
from etudes.recipes.tcn_vae.who_sings import (
    NEW_COMPANY,
    classify,
    likeliest,
    new_company,
    who_sings,
)
from etudes.recipes.work import Remembered, code_of, weights_digest, work_folder
from etudes.separators import OracleMask, VAESeparator, apply_masks, by_higher_note

Separate = Callable[[Mixture], np.ndarray]

ALL_PAIRS_STEPS = 20_000


def measure() -> None:
    """Train what is missing, ask who sings, and take apart what was never heard together."""
    begun, model = time.perf_counter(), load_network("tcn-vae")
    checkpoint = work_folder() / "tcn-vae-all-pairs.safetensors"
    others = {
        "masks-alone": train("masks-alone")[0],
        "tcn-mask-all-pairs": train_on_all_pairs(ALL_PAIRS_STEPS, checkpoint=checkpoint)[0],
    }
    answers = Remembered(work_folder() / "tcn-vae-company.json", _stamp())

    def ask(name: str, method: str, separate: Separate, mixtures: Any) -> SeparationResult:
        used = f" {weights_digest(others[method])}" if method in others else ""
        key = f"{name} {method}{used}"
        return measured(answers, key, separate, mixtures, method in ANY_ORDER)

    classified = classify(model, {duet: test_duets(duet) for duet in DUETS})
    for duet, names in SOURCES_OF.items():
        right, told = who_sings(model, test_duets(duet), names)
        print(f"{duet}: {right} {told}", flush=True)
        right["classifier"] = classified[duet]
        report_latents.write_who_sings(duet, right, told, time.perf_counter() - begun)
        name = "tcn-mask-all-pairs"
        two = {name: others[name], "tcn-mask": load_network("tcn-mask")}
        results = {
            method: ask(duet, method, partial(_without_names, network), test_duets(duet))
            for method, network in two.items()
        }
        tell(duet, results)
        report_latents.write_all_pairs(duet, results, time.perf_counter() - begun)
    for name, names in NEW_COMPANY.items():
        right, told = who_sings(model, new_company(name), names)
        print(f"{name}: {right} {told}", flush=True)
        report_latents.write_who_sings(name, right, told, time.perf_counter() - begun)
        results = {
            method: ask(name, method, separate, new_company(name))
            for method, separate in methods_for(name, others).items()
        }
        tell(name, results)
        report_latents.write_company(name, results, time.perf_counter() - begun)


def _without_names(model: Any, m: Mixture) -> np.ndarray:
    return model.separate(m.mixture)


def _stamp() -> str:
    """What every answer in new company depends on: code and weights."""
    used = weights_digest(*map(load_network, COMMITTED), *map(load_vae, SOURCES))
    return f"{code_of(evaluate, features, separators, networks, asking)} {used}"


def methods_for(name: str, others: Mapping[str, Any]) -> dict[str, Separate]:
    """Methods that can be asked for a pair of voices, as functions of a mixture.

    Parameters
    ----------
    name
        Of :data:`~etudes.recipes.tcn_vae.who_sings.NEW_COMPANY`.
    others
        ``"masks-alone"`` and ``"tcn-mask-all-pairs"``, trained.

    Returns
    -------
    dict of str to callable
        Those that cannot be told who sings keep the higher voice first, or any order.
    """
    model, names = load_network("tcn-vae"), NEW_COMPANY[name]
    methods: dict[str, Separate] = {
        "tcn-vae-wiener": lambda m: model.separate(m.mixture, names, "wiener"),
        "tcn-vae-mask": lambda m: model.separate(m.mixture, names),
        "tcn-vae-as-told": lambda m: model.separate(
            m.mixture, likeliest(model, m.mixture), "wiener"
        ),
        "tcn-mask": lambda m: load_network("tcn-mask").separate(m.mixture),
        "conv-tasnet": lambda m: load_network("conv-tasnet").separate(m.mixture),
        "deep-clustering": gan_and_vae.separate_by("deep-clustering", "choir-sb"),
        "lstm-vae": fitted_vaes(names),
        "masks-alone": lambda m: others["masks-alone"].separate(m.mixture, names),
        "tcn-mask-all-pairs": lambda m: others["tcn-mask-all-pairs"].separate(m.mixture),
        "irm-2048": lambda m: OracleMask(m.stems, "ratio", 2048, 512).separate(m.mixture),
        "psm-2048": lambda m: OracleMask(m.stems, "phase-sensitive", 2048, 512).separate(m.mixture),
    }
    if names[0] == "choir-alto":
        choir = SOURCES_OF["choir-sa"]
        methods["tcn-vae-as-choir-sa"] = lambda m: model.separate(m.mixture, choir, "wiener")
    return methods


def fitted_vaes(names: tuple[str, str]) -> Separate:
    """Chapter 17's VAEs of two voices, fitted to a mixture from the better of two starts.

    Parameters
    ----------
    names
        Of the voices.

    Returns
    -------
    callable
        ``separate(mixture) -> (2, n_samples)``.
    """
    separator = VAESeparator([load_vae(one) for one in names])

    def separate(m: Mixture) -> np.ndarray:
        starts = {"first guess": None, "higher note": by_higher_note(m.mixture)}
        best = separator.best_start(m.mixture, starts)
        return apply_masks(m.mixture, separator.fit(m.mixture, starts[best])[0])

    return separate
