"""Write what :mod:`etudes.recipes.tcn_vae` found out about the trained network: ledger rows.

The idea in a sentence: what it hears, what its latents say, and what can be asked of its
likelihood. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from etudes.evaluate import SeparationResult
from etudes.evaluate.intervals import Estimate
from etudes.recipes import masks
from etudes.recipes.gan_and_vae.methods import METHODS as EARLIER
from etudes.recipes.rows import Rows
from etudes.recipes.separation import TEST, WORDS, rows_of
from etudes.recipes.tcn_vae.latents import LOUD, PROBED
from etudes.recipes.tcn_vae.networks import NETWORKS
from etudes.recipes.tcn_vae.report import COMMAND, METHODS
from etudes.recipes.tcn_vae.who_sings import ASKED, NEW_COMPANY

__all__ = [
    "write_all_pairs",
    "write_company",
    "write_drawn",
    "write_nats",
    "write_probe",
    "write_reach",
    "write_shared",
    "write_votes",
    "write_who_sings",
]

AT_ONE_SIDE = {"past": ", none after it", "future": ", none before it"}
CEILING = "true magnitudes with the phase of the mixture, window 2048"
TRAINED_ON_ALL = ("tcn-vae-wiener", "tcn-vae-mask", "tcn-mask")
ALL_PAIRS = {
    f"{name}-all-pairs": f"{METHODS[name]}, trained on all pairs of the five voices"
    for name in TRAINED_ON_ALL
}
_ALL_PAIRS_PAIRS = [
    ("tcn-vae-wiener-all-pairs", "tcn-mask-all-pairs"),
    ("tcn-vae-mask-all-pairs", "tcn-mask-all-pairs"),
    ("tcn-vae-mask-all-pairs", "tcn-vae-wiener-all-pairs"),
]
OFFSET = (
    "with one number for each frequency added to the log-odds of its shares, fitted on 16 "
    "validation mixtures"
)
DRAWN = "the TCN-VAE, decoder and Wiener filter, latents drawn at random"


def write_probe(duet: str, found: Mapping[str, Estimate], seconds: float) -> None:
    """Write how often a linear probe read the notes.

    Parameters
    ----------
    duet
        Which.
    found
        As of :func:`etudes.recipes.tcn_vae.latents.probe`.
    seconds
        What that took.
    """
    rows = Rows(TEST, COMMAND, 0, seconds)
    for name, words in PROBED.items():
        rows.estimate(
            f"18.{duet}.probe.{name}",
            f"{WORDS[duet]}: {words}",
            found[name],
            "fraction",
            f"{found[name].n} mixtures in {found[name].n_groups} groups",
            baselines={"commonest": found["commonest"].mean},
        )


def write_reach(duet: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write what the TCN-VAE loses when it hears but a few frames at a time.

    Parameters
    ----------
    duet
        Which.
    results
        ``"tcn-vae-mask"``, which hears everything, ``"hearing-{n}"`` for each number of frames
        around each; ``"hearing-{n}-past"`` where none of them comes after it, ``"-future"`` where
        none comes before.
    seconds
        What that took.
    """
    near = [name for name in results if name.startswith("hearing-")]
    words = {"tcn-vae-mask": METHODS["tcn-vae-mask"]}
    for name in near:
        _, n, *side = name.split("-")
        words[name] = f"the TCN-VAE, mask head, each frame told from {n} alone"
        words[name] += "".join(AT_ONE_SIDE[one] for one in side)
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("18", duet, results, words, [(one, "tcn-vae-mask") for one in near], rows, only=near)


def write_drawn(duet: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write what the Wiener head does when latents are drawn, and what the raw head could reach.

    Parameters
    ----------
    duet
        Which.
    results
        ``"tcn-vae-wiener"``, made of means, ``"tcn-vae-wiener-drawn"``, and ``"magnitudes-2048"``.
    seconds
        What that took.
    """
    name, ceiling = "tcn-vae-wiener-drawn", "magnitudes-2048"
    words, pair = {**METHODS, name: DRAWN, ceiling: CEILING}, (name, "tcn-vae-wiener")
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("18", duet, results, words, [pair], rows, only=(name, ceiling))


def write_nats(duet: str, names: tuple[str, str], nats: np.ndarray, n: int, seconds: float) -> None:
    """Write how many latents speak, and what all of them cost.

    Parameters
    ----------
    duet
        Which.
    names
        Of its voices.
    nats
        As of :func:`etudes.recipes.tcn_vae.latents.nats_told`.
    n
        How many mixtures.
    seconds
        What that took.
    """
    rows = Rows(TEST, COMMAND, 0, seconds)
    for name, each in zip(names, nats):
        where = f"{WORDS[duet]}, {name}"
        rows.number(
            f"18.{duet}.latents.{name}-speaking",
            f"{where}: latents of {len(each)} that cost more than {LOUD:g} nats a frame",
            float((each > LOUD).sum()),
            "count",
            f"{n} mixtures",
        )
        rows.number(
            f"18.{duet}.latents.{name}-nats",
            f"{where}: what all latents cost, nats a frame",
            float(each.sum()),
            "nats",
            f"{n} mixtures",
        )


def write_shared(nats: Mapping[str, np.ndarray], n: int, seconds: float) -> None:
    """Write how many latents speak for every voice of every duet.

    Parameters
    ----------
    nats
        By duet, as of :func:`etudes.recipes.tcn_vae.latents.nats_told`.
    n
        How many mixtures of each.
    seconds
        What that took.
    """
    each = np.concatenate(list(nats.values()))
    Rows(TEST, COMMAND, 0, seconds).number(
        "18.latents.speaking-in-all",
        f"Latents of {each.shape[1]} that cost more than {LOUD:g} nats a frame in all three duets, "
        "whichever voice is asked for",
        float((each > LOUD).all(axis=0).sum()),
        "count",
        f"{n} mixtures of each",
    )


def write_who_sings(
    name: str, found: Mapping[str, Estimate], told: Mapping[str, int], seconds: float
) -> None:
    """Write how often the right pair of names was told.

    Parameters
    ----------
    name
        Of the mixtures.
    found
        For each of :data:`etudes.recipes.tcn_vae.who_sings.ASKED` the likelihood's answers,
        ``"ten-seed-1"`` for those of the network that was trained once more, and ``"classifier"``
        for those of logistic regression.
    told
        How often each of the ten pairs was the likelihood's answer, the commonest first: this one
        is written beside the chance of guessing.
    seconds
        What that took.
    """
    rows = Rows(TEST, COMMAND, 0, seconds)
    answer, times = next(iter(told.items()))
    for among, estimate in found.items():
        some, _, again = among.partition("-")
        chance = 1 / len(ASKED.get(some, ASKED["three"]))
        how = f"by the likelihood of the TCN-VAE, among {some} pairs of names"
        how += ", trained from another seed" * bool(again)
        if among == "classifier":
            how = "by logistic regression on mean and deviation of the spectrum, of three duets"
        rows.estimate(
            f"18.{name}.who-sings.{among}",
            f"{told_of(name)}: who sings is told right {how}",
            estimate,
            "fraction",
            f"{estimate.n} mixtures in {estimate.n_groups} groups",
            baselines={"chance": chance}
            | ({answer: times / sum(told.values())} if some == "ten" else {}),
        )


def write_company(name: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write how two voices come apart that were never heard together.

    Parameters
    ----------
    name
        One of :data:`etudes.recipes.tcn_vae.who_sings.NEW_COMPANY`.
    results
        By method.
    seconds
        What that took.
    """
    words = {**masks.METHODS, **EARLIER, **NETWORKS, **METHODS}
    words["lstm-vae"] = "a recurrent VAE for each source, heard alone; best of two starts"
    words.update(ALL_PAIRS)
    words["tcn-vae-as-told"] = f"{METHODS['tcn-vae-wiener']}, asked by the names likeliest to it"
    pairs = [("tcn-vae-wiener", other) for other in results if other != "tcn-vae-wiener"]
    pairs += [("tcn-vae-as-told", other) for other in ("tcn-mask", "lstm-vae")]
    pairs += [("tcn-vae-mask", "masks-alone"), ("masks-alone", "tcn-mask")]
    pairs += [
        ("tcn-mask-all-pairs", other) for other in ("tcn-vae-as-told", "tcn-mask", "lstm-vae")
    ]
    pairs += _ALL_PAIRS_PAIRS
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("18", name, results, words, pairs, rows, where=told_of(name))


def write_all_pairs(duet: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write what networks do to a duet that were trained on all pairs.

    Parameters
    ----------
    duet
        Which.
    results
        Of the networks that were trained on the duets, and of those trained on all pairs.
    seconds
        What that took.
    """
    words = {**METHODS, **ALL_PAIRS}
    pairs = [(one, one.removesuffix("-all-pairs")) for one in ALL_PAIRS] + _ALL_PAIRS_PAIRS
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("18", duet, results, words, pairs, rows, only=ALL_PAIRS)


def write_votes(name: str, results: Mapping[str, SeparationResult], seconds: float) -> None:
    """Write what one number for each frequency does to votes.

    Parameters
    ----------
    name
        Of the duet, or of the new company.
    results
        By method, without and with (``"{method}-offset"``).
    seconds
        What that took.
    """
    moved = [method for method in results if method.endswith("-offset")]
    words = {**NETWORKS, **METHODS, **ALL_PAIRS}
    words["tcn-vae-mask-seed-1"] = f"{METHODS['tcn-vae-mask']}, trained from another seed"
    words |= {one: f"{words[one.removesuffix('-offset')]}, {OFFSET}" for one in moved}
    pairs = [(one, one.removesuffix("-offset")) for one in moved]
    rows = Rows(TEST, COMMAND, 0, seconds)
    rows_of("18", name, results, words, pairs, rows, only=moved, where=told_of(name))


def told_of(name: str) -> str:
    """What the ledger calls mixtures of a duet, or of a new company."""
    if name in NEW_COMPANY:
        return f"{NEW_COMPANY[name][0]} and {NEW_COMPANY[name][1]}, never heard together"
    return WORDS[name]
