"""Who sings, and voices that were never heard together: measured on test hymns.

The idea in a sentence: the plain methods get the same chance as the network with latents, two
networks are trained on every pair, and the votes of the others are mended to see what was wrong
with them. Chapter 18.
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
from etudes.evaluate import SeparationResult, evaluate_separator
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
from etudes.recipes.tcn_vae.votes import fit_offset, separate_with_offset, validation_company
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

MENDED = {
    "tcn-vae-mask": ("tcn-vae", "mask"),
    "tcn-vae-wiener": ("tcn-vae", "wiener"),
    "masks-alone": ("masks-alone", "mask"),
    "tcn-vae-mask-all-pairs": ("tcn-vae-all-pairs", "mask"),
    "tcn-vae-mask-seed-1": ("tcn-vae-seed-1", "mask"),
}
"""What is moved by one number for each frequency, to see what that mends: of which network, and by
which head."""


def measure() -> None:
    """Train what is missing, ask who sings, and take apart what was never heard together."""
    begun, model = time.perf_counter(), load_network("tcn-vae")
    others = {"masks-alone": train("masks-alone")[0]}
    others |= {f"{one}-all-pairs": _on_all_pairs(one) for one in ("tcn-mask", "tcn-vae")}
    answers = Remembered(work_folder() / "tcn-vae-company.json", _stamp())
    digest = weights_digest(*others.values())

    def ask(name: str, method: str, separate: Separate, mixtures: Any) -> SeparationResult:
        trained = method == "masks-alone" or method.endswith("-all-pairs")
        key = f"{name} {method}{f' {digest}' * trained}"
        return measured(answers, key, separate, mixtures, method in ANY_ORDER)

    classified = classify(model, {duet: test_duets(duet) for duet in DUETS})
    for duet, names in SOURCES_OF.items():
        right, told = who_sings(model, test_duets(duet), names)
        print(f"{duet}: {right} {told}", flush=True)
        right["classifier"] = classified[duet]
        report_latents.write_who_sings(duet, right, told, time.perf_counter() - begun)
        results = {
            method: ask(duet, method, separate, test_duets(duet))
            for method, separate in trained_networks(names, others).items()
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


def measure_votes() -> None:
    """What one number for each frequency, fitted on validation mixtures, does to the votes."""
    begun = time.perf_counter()
    models = {
        "tcn-vae": load_network("tcn-vae"),
        "masks-alone": train("masks-alone")[0],
        "tcn-vae-all-pairs": _on_all_pairs("tcn-vae"),
        "tcn-vae-seed-1": train("tcn-vae", seed=1)[0],
    }
    for name, names in {**NEW_COMPANY, **SOURCES_OF}.items():
        mixtures = new_company(name) if name in NEW_COMPANY else test_duets(name)
        known, results = validation_company(names), {}
        for method, (network, head) in MENDED.items():
            voter = models[network]
            offset = fit_offset(voter, known, names, head)
            plain = partial(voter.separate, sources=names, head=head)
            mended = partial(separate_with_offset, voter, names=names, head=head, offset=offset)
            results[method] = evaluate_separator(lambda m, f=plain: f(m.mixture), mixtures)
            results[f"{method}-offset"] = evaluate_separator(
                lambda m, f=mended: f(m.mixture), mixtures
            )
        tell(name, results)
        report_latents.write_votes(name, results, time.perf_counter() - begun)


def _on_all_pairs(name: str) -> Any:
    """A network that was trained on all pairs, or is now."""
    checkpoint = work_folder() / f"tcn-vae-{name}-all-pairs.safetensors"
    return train_on_all_pairs(name, ALL_PAIRS_STEPS, checkpoint=checkpoint)[0]


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
        ``"masks-alone"``, ``"tcn-mask-all-pairs"`` and ``"tcn-vae-all-pairs"``, trained.

    Returns
    -------
    dict of str to callable
        Those that cannot be told who sings keep the higher voice first, or any order.
    """
    model, names = load_network("tcn-vae"), NEW_COMPANY[name]
    return {
        **trained_networks(names, others),
        "tcn-vae-as-told": lambda m: model.separate(
            m.mixture, likeliest(model, m.mixture), "wiener"
        ),
        "conv-tasnet": lambda m: load_network("conv-tasnet").separate(m.mixture),
        "deep-clustering": gan_and_vae.separate_by("deep-clustering", "choir-sb"),
        "lstm-vae": fitted_vaes(names),
        "masks-alone": lambda m: others["masks-alone"].separate(m.mixture, names),
        "irm-2048": lambda m: OracleMask(m.stems, "ratio", 2048, 512).separate(m.mixture),
        "psm-2048": lambda m: OracleMask(m.stems, "phase-sensitive", 2048, 512).separate(m.mixture),
    }


def trained_networks(names: tuple[str, str], others: Mapping[str, Any]) -> dict[str, Separate]:
    """TCN-VAEs, by the two heads that share a mixture out, and TCN masks, however trained.

    Parameters
    ----------
    names
        Of the voices, the higher one first.
    others
        ``"tcn-vae-all-pairs"`` and ``"tcn-mask-all-pairs"``.

    Returns
    -------
    dict of str to callable
        The committed networks, and with ``-all-pairs`` those that were trained on all pairs.
    """
    committed = load_network("tcn-vae"), load_network("tcn-mask")
    on_all = others["tcn-vae-all-pairs"], others["tcn-mask-all-pairs"]
    return {**_heads(*committed, names), **_heads(*on_all, names, "-all-pairs")}


def _heads(model: Any, plain: Any, names: tuple[str, str], ending: str = "") -> dict[str, Separate]:
    """Of a TCN-VAE the heads that share a mixture out, and a TCN mask network."""
    return {
        f"tcn-vae-wiener{ending}": lambda m: model.separate(m.mixture, names, "wiener"),
        f"tcn-vae-mask{ending}": lambda m: model.separate(m.mixture, names),
        f"tcn-mask{ending}": lambda m: plain.separate(m.mixture),
    }


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
