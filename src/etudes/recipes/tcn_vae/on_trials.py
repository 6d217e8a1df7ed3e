"""The small trainings of :mod:`etudes.recipes.tcn_vae.trials`, measured on validation hymns.

The idea in a sentence: these are questions about training, so the test hymns have no part in them.
Chapter 18.
"""

from __future__ import annotations

from etudes.recipes.gan_and_vae import SOURCES_OF
from etudes.recipes.tcn_vae import report
from etudes.recipes.tcn_vae.networks import validated
from etudes.recipes.tcn_vae.trials import (
    BETAS,
    DUET,
    louder_share,
    rate_and_distortion,
    train_by_mixtures,
    train_trial,
)
from etudes.recipes.work import work_folder

STEPS = 1000


def measure() -> None:
    """Beta, the future, and what is left without stems."""
    work = work_folder()
    for beta in BETAS:
        model, history = train_trial(
            STEPS, beta, checkpoint=work / f"tcn-vae-beta-{beta:g}.safetensors"
        )
        rate, distortion = rate_and_distortion(model)
        scores = {head: validated(model, DUET, head) for head in ("mask", "wiener", "raw")}
        print(f"beta {beta:g}: rate {rate:.2f}, distortion {distortion:.1f}, {scores['wiener']}")
        report.write_beta(beta, rate, distortion, scores, history.seconds)
    model, history = train_trial(STEPS, causal=True, checkpoint=work / "tcn-vae-causal.safetensors")
    found = {head: validated(model, DUET, head) for head in ("mask", "wiener")}
    print(f"causal: {found['mask']}")
    report.write_trial("causal", DUET, found, "hearing no future", history.seconds)
    duet = "flute-bassoon"
    for name, sources, words in (
        ("mixtures-only", SOURCES_OF[duet], "mixtures of these two, no stems"),
        (
            "weak-labels",
            (*SOURCES_OF[duet], "choir-soprano", "choir-bass"),
            "mixtures of any two of four sources, no stems, names told",
        ),
    ):
        model, history = train_by_mixtures(
            sources, 2 * STEPS, checkpoint=work / f"tcn-vae-{name}.safetensors"
        )
        found = {"wiener": validated(model, duet, "wiener")}
        found["any-order"] = validated(model, duet, "wiener", any_order=True)
        print(f"{name}: {found['wiener']}; in the better order {found['any-order']}")
        report.write_trial(name, duet, found, words, history.seconds)
        share = louder_share(
            lambda m, model=model: model.separate(m.mixture, SOURCES_OF[duet], "wiener"), duet
        )
        report.write_share(name, share, words, history.seconds)
    share = louder_share(lambda m: m.stems, duet)
    report.write_share("stems", share, "the stems themselves", 0.0)
