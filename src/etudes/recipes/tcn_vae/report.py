"""Write what :mod:`etudes.recipes.tcn_vae` found: ledger rows, checkpoints and cards.

The idea in a sentence: every number that chapter 18 states has one origin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from etudes import ledger
from etudes.data.duets import SAMPLE_RATE
from etudes.evaluate import SeparationResult, separation_difference
from etudes.evaluate.intervals import bootstrap_mean
from etudes.recipes import masks
from etudes.recipes.cards import save_with_card
from etudes.recipes.gan_and_vae.methods import METHODS as EARLIER
from etudes.recipes.rows import Rows
from etudes.recipes.separation import TEST, WORDS, rows_of
from etudes.recipes.separation_training import BATCH, CROP_FRAMES
from etudes.recipes.tcn_vae.networks import N_EXCERPTS, NETWORKS
from etudes.recipes.tcn_vae.speakers import TWINS, WINDOW
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History

__all__ = [
    "BESIDE",
    "COMMAND",
    "METHODS",
    "PAIRS",
    "save_network",
    "write_beta",
    "write_head",
    "write_quartet",
    "write_rows",
    "write_second_seed",
    "write_share",
    "write_speakers",
    "write_speed",
    "write_strangers",
    "write_trial",
]

COMMAND = "python -m etudes.recipes.tcn_vae --full"

FAR = 6
"""Semitones between two voices that count as far from each other."""

VALIDATION = "excerpts of 8 s of validation chorales"

METHODS = {
    "tcn-vae": "the TCN-VAE, by the head that is best on validation hymns",
    "tcn-vae-mask": "the TCN-VAE, mask head",
    "tcn-vae-wiener": "the TCN-VAE, decoder and Wiener filter",
    "tcn-vae-raw": "the TCN-VAE, decoder played raw",
    "tcn-mask": NETWORKS["tcn-mask"],
    "conv-tasnet": NETWORKS["conv-tasnet"],
    "irm-2048": "the ideal ratio mask with the window of the TCN-VAE",
    "psm-2048": "the phase-sensitive oracle with the window of the TCN-VAE",
}
"""What the ledger calls each method."""

BESIDE = ("psm", "irm", "nmf", "deep-clustering", "generator-only", "lstm-vae")
"""Methods of chapters 16 and 17 on the same mixtures."""

PAIRS = (
    ("tcn-vae", "tcn-mask"),
    ("tcn-vae", "conv-tasnet"),
    ("tcn-mask", "conv-tasnet"),
    ("tcn-vae-mask", "tcn-vae-wiener"),
    ("tcn-vae-wiener", "tcn-vae-raw"),
    ("tcn-vae-wiener", "tcn-mask"),
    ("tcn-vae-mask", "masks-alone"),
    ("masks-alone", "tcn-mask"),
    *(("tcn-vae", other) for other in BESIDE),
    ("tcn-vae", "irm-2048"),
    ("psm-2048", "psm"),
)
"""Differences that the chapter talks about."""


def write_rows(
    duet: str,
    results: Mapping[str, SeparationResult],
    seconds: float,
    head: str = "",
    only: str = "",
) -> None:
    """Write one duet's results into the ledger.

    Parameters
    ----------
    duet
        Which.
    results
        By method; those of earlier chapters only serve for differences.
    seconds
        Everything so far.
    head
        The TCN-VAE's best on validation.
    only
        The one method that gets a row of its own; by default all of :data:`METHODS`.
    """
    words = {**masks.METHODS, **EARLIER, **NETWORKS, **METHODS}
    words["tcn-vae"] += f" ({head})"
    rows = Rows(TEST, COMMAND, 0, seconds)
    pairs = [pair for pair in PAIRS if not only or only in pair]
    rows_of("18", duet, results, words, pairs, rows, only=(only,) if only else METHODS)


def write_head(duet: str, values: Mapping[str, float], n: int, seconds: float) -> None:
    """Write which head of the TCN-VAE was best on validation excerpts.

    Parameters
    ----------
    duet
        Which.
    values
        By head, the mean improvement in dB.
    n
        How many mixtures.
    seconds
        Everything so far.
    """
    best = max(values, key=lambda head: values[head])
    Rows(f"{VALIDATION}, {duet}", COMMAND, 0, seconds).number(
        f"18.{duet}.validation.si-sdri.head",
        f"{WORDS[duet]}, validation: the TCN-VAE's best head of {len(values)}: {best}",
        values[best],
        "dB",
        n,
        baselines={head: value for head, value in values.items() if head != best},
    )


def write_second_seed(
    name: str, results: Mapping[str, SeparationResult], seconds: float, where: str = ""
) -> None:
    """Write what networks that were trained once more do to mixtures, and their differences.

    Parameters
    ----------
    name
        Of the duet, or of the new company.
    results
        By method, of networks that were all trained from the same other seed.
    seconds
        Everything so far.
    where
        What the ledger calls the mixtures; that of the duet by default.
    """
    words = {**NETWORKS, **METHODS}
    told = {f"{one}-seed-1": f"{words[one]}, trained from another seed" for one in results}
    pairs = [(f"{a}-seed-1", f"{b}-seed-1") for a, b in PAIRS if a in results and b in results]
    again = {f"{method}-seed-1": result for method, result in results.items()}
    rows_of("18", name, again, told, pairs, Rows(TEST, COMMAND, 1, seconds), where=where)


def write_strangers(name: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write what the trained networks do to other instruments, or in noise.

    Parameters
    ----------
    name
        Of the mixtures.
    results
        By method.
    seconds
        Everything so far.
    """
    where = WORDS.get(name, "")
    if not where:
        where = f"Choir, soprano and bass, noise {name.rsplit('-', 1)[1]} dB below"
    rows = Rows(TEST, COMMAND, 0, seconds)
    for method, result in results.items():
        rows.estimate(
            f"18.{name}.si-sdri.{method}",
            f"{where}, never heard: SI-SDR improvement of {METHODS[method]}",
            result,
            "dB",
            result.n,
            baselines={"mixture": 0.0},
        )
    for head in ("tcn-vae-mask", "tcn-vae-wiener"):
        rows.estimate(
            f"18.{name}.margin.{head}-over-tcn-mask",
            f"{where}, same mixtures: {METHODS[head]}, against {METHODS['tcn-mask']}",
            separation_difference(results[head], results["tcn-mask"]),
            "dB",
            results[head].n,
        )


def write_speed(name: str, factor: float, n: int, length: float) -> None:
    """Write how much quicker than real time a network is.

    Parameters
    ----------
    name
        Of the network.
    factor
        Seconds of sound for each second of work.
    n
        How many chorales.
    length
        Of all of them, in seconds.
    """
    row = "18.realtime-factor" + ("" if name == "tcn-vae" else f".{name}")
    Rows("whole test chorales, soprano and bass", COMMAND, None, 3 * length / factor).number(
        row,
        f"Seconds of music that {NETWORKS[name]} takes apart in a second",
        factor,
        "ratio",
        f"{n} chorales, {length:.0f} s in all",
    )


def write_beta(
    beta: float,
    rate: float,
    distortion: float,
    scores: Mapping[str, SeparationResult],
    seconds: float,
) -> None:
    """Write what one weight of the divergence from the prior led to.

    Parameters
    ----------
    beta
        The weight.
    rate, distortion
        The two terms, nats per frame of both sources.
    scores
        By head.
    seconds
        Of training.
    """
    rows = Rows(f"16 {VALIDATION}, choir-sb", COMMAND, 0, seconds)
    value_of = f"{beta:g}".replace(".", "-")
    for what, value in (("rate", rate), ("distortion", distortion)):
        rows.number(
            f"18.beta.{what}.{value_of}",
            f"Soprano and bass, brief training, beta {beta:g}: {what}, nats per frame",
            value,
            "nats",
            "16 mixtures",
        )
    for head, result in scores.items():
        rows.estimate(
            f"18.beta.si-sdri-{head}.{value_of}",
            f"Soprano and bass, brief training, beta {beta:g}: SI-SDR improvement, {head}",
            result,
            "dB",
            result.n,
        )


def write_trial(
    name: str, duet: str, found: Mapping[str, SeparationResult], words: str, seconds: float
) -> None:
    """Write what a small training led to.

    Parameters
    ----------
    name
        Of the trial.
    duet
        On which it is measured.
    found
        By head, or in whichever order.
    words
        What is different.
    seconds
        Of training.
    """
    rows = Rows(f"16 {VALIDATION}, {duet}", COMMAND, 0, seconds)
    for head, result in found.items():
        rows.estimate(
            f"18.{name}.si-sdri.{head}",
            f"{WORDS[duet]}, brief training, {words}: SI-SDR improvement, {head}",
            result,
            "dB",
            result.n,
            baselines={"mixture": 0.0},
        )


def write_share(name: str, share: float, words: str, seconds: float) -> None:
    """Write how much of the estimates' power the louder one has.

    Parameters
    ----------
    name
        Of the trial, or ``"stems"``.
    share
        0.5 to 1.
    words
        Whose estimates they are.
    seconds
        Of training.
    """
    Rows(f"16 {VALIDATION}, flute-bassoon", COMMAND, 0, seconds).number(
        f"18.{name}.share.louder",
        f"{WORDS['flute-bassoon']}, {words}: share that the louder of the two has of their power",
        share,
        "fraction",
        "16 mixtures",
    )


def write_quartet(
    results: Mapping[str, SeparationResult], voices: Sequence[str], seconds: float
) -> None:
    """Write four voices, together and one by one.

    Parameters
    ----------
    results
        By method.
    voices
        Names, in the order of the stems.
    seconds
        Everything.
    """
    rows = Rows(TEST, COMMAND, 0, seconds)
    words = {"tcn-vae": "the TCN-VAE", "nmf": masks.METHODS["nmf"]}
    for method, result in results.items():
        rows.estimate(
            f"18.quartet.si-sdri.{method}",
            f"Choir of four voices: SI-SDR improvement of {words[method]}",
            result,
            "dB",
            result.n,
            baselines={"mixture": 0.0},
        )
    for k, voice in enumerate(voices):
        for method, result in results.items():
            rows.estimate(
                f"18.quartet-{voice}.si-sdri.{method}",
                f"Choir of four voices, {voice}: SI-SDR improvement of {words[method]}",
                bootstrap_mean(result.improvements[:, k], result.groups),
                "dB",
                result.n,
                baselines={"mixture": 0.0},
            )
        margin = results["tcn-vae"].improvements[:, k] - results["nmf"].improvements[:, k]
        rows.estimate(
            f"18.quartet-{voice}.margin.tcn-vae-over-nmf",
            f"Choir of four voices, {voice}, same mixtures: the TCN-VAE against NMF",
            bootstrap_mean(margin, results["nmf"].groups),
            "dB",
            results["nmf"].n,
        )


def write_speakers(
    results: Mapping[str, SeparationResult], semitones: np.ndarray, seconds: float
) -> None:
    """Write two speakers, all of them and those whose voices lie near and far from each other.

    Parameters
    ----------
    results
        Of the network of the duets, of ideal masks, and of both twins, which may hear only so many
        frames, as in ``"by-pitch-hearing-21"``.
    semitones
        By how much one voice lies above the other, of each mixture.
    seconds
        Everything.
    """
    rows = Rows("4 s of two eSpeak voices, new speakers and new words", COMMAND, 0, seconds)
    words = {"chorales": "the TCN-VAE of the duets"}
    for name in results:
        twin, _, n = name.partition("-hearing-")
        if twin in TWINS:
            words[name] = f"the TCN-VAE {TWINS[twin]}" + (n and f", {n} frames heard around each")
    words |= {name: f"{masks.METHODS[name]}, window {WINDOW['n_fft']}" for name in ("irm", "psm")}
    some = {
        "": ("Two speakers", semitones >= 0),
        "-near": (f"Two speakers less than {FAR} semitones apart", semitones < FAR),
        "-far": (f"Two speakers {FAR} semitones apart or more", semitones >= FAR),
    }
    for which, (told, chosen) in some.items():
        for name, result in results.items():
            rows.estimate(
                f"18.speakers{which}.si-sdri.{name}",
                f"{told}: SI-SDR improvement of {words[name]}, in the better order",
                bootstrap_mean(result.improvements[chosen].mean(axis=1), result.groups[chosen]),
                "dB",
                f"{chosen.sum()} mixtures",
                baselines={"mixture": 0.0},
            )
        pairs = [(name, name.partition("-hearing-")[0]) for name in results if "-hearing-" in name]
        for a, b in [("by-pitch", "any-order"), *pairs]:
            gain = (results[a].improvements - results[b].improvements)[chosen].mean(axis=1)
            rows.estimate(
                f"18.speakers{which}.margin.{a}-over-{b}",
                f"{told}, same mixtures: {words[a]}, against {words[b]}",
                bootstrap_mean(gain, results[a].groups[chosen]),
                "dB",
                f"{chosen.sum()} mixtures",
            )


def save_network(
    stem: str, name: str, model: nn.Module, history: History, told: str, data: str = ""
) -> None:
    """Write a network and its card.

    Parameters
    ----------
    stem
        Of the files.
    name
        What follows ``load_network`` or the ledger's row.
    model
        Trained.
    history
        Of its training.
    told
        What it is, in a few words.
    data
        What it was trained on; the three duets by default.
    """
    facts = {
        "What": told,
        "Data": data
        or f"{N_EXCERPTS} excerpts of 8 s of each of the three duets of chapter 16, TimGM6mb "
        "soundfont, 8 kHz",
        "Never seen": "validation and test hymns",
        "Steps": f"{history.steps} of {BATCH} pieces of "
        f"{CROP_FRAMES * HOP_LENGTH / SAMPLE_RATE:.1f} s; best weights at step {history.best_step}",
        "Time": f"{history.seconds:.0f} s on one core of {ledger.hardware()}",
        "Validation": f"SI-SDR improvement {history.best_validation:.2f} dB, mean of 16 excerpts "
        "of each",
        "Test": f"rows `18.*.si-sdri.{name}*` of the ledger",
        "Limits": "One soundfont, no room, no noise: not a separator of real recordings",
    }
    save_with_card(stem, model, facts, COMMAND)
