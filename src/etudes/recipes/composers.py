"""The oldest composers, measured: how much do new tunes surprise a Markov chain (chapter 01)?

The idea in a sentence: every tune is held out once, in folds that keep near-duplicates together,
and each chain that has not learned from it says how likely it found every note. The command
measures four styles and Bach's chorale melodies and writes ledger rows::

    python -m etudes.recipes.composers              # all rows of chapter 01, a few minutes
    python -m etudes.recipes.composers --quick      # one style, two folds, nothing written

A model is measured in bits per note (Shannon 1948); smoothing is that of
:mod:`etudes.generators.smoothing`. Nothing is tuned, so there is nothing to validate: each order
and each smoothing has its own row.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etudes.checks import check_positive_int
from etudes.data.scores import load_bach_chorales, load_folk_tunes
from etudes.data.tunes import Tune, TuneSet
from etudes.episodes import split_classes
from etudes.evaluate import bootstrap_mean
from etudes.generators.markov import MarkovChain
from etudes.generators.tokens import N_POSSIBLE
from etudes.recipes.rows import Rows

ORDERS = (0, 1, 2, 3, 4)
N_FOLDS = 5
SEED = 1
COMMAND = "python -m etudes.recipes.composers"

CONKLIN = {
    "value": 0.55,
    "citation": "Conklin 1990, Prediction and entropy of music, abstract: many viewpoints, a "
    "long-term and a short-term model, 100 chorale melodies",
}
"""What was published about the redundancy of chorale melodies."""

#: Name in the ledger: style, and what a reader calls it.
STYLES = {
    "reel": ("irish-reel", "Irish reels"),
    "jig": ("irish-jig", "Irish jigs"),
    "china": ("china", "Chinese songs"),
    "german-children": ("german-children", "German children's songs"),
}


@dataclass(frozen=True)
class Surprise:
    """How surprised a chain was by each note of tunes it had not learned from.

    Attributes
    ----------
    bits
        −log2 of the probability of each note, and of each tune's end, shape ``(n_notes,)``.
    groups
        Which group of near-duplicates each note's tune belongs to, shape ``(n_notes,)``.
    """

    bits: np.ndarray
    groups: np.ndarray


def folds(groups: np.ndarray, n_folds: int = N_FOLDS, seed: int = SEED) -> np.ndarray:
    """Share tunes out so that near-duplicates stay together.

    Parameters
    ----------
    groups
        Group of each tune, shape ``(n_tunes,)``.
    n_folds
        How many shares, of about equally many groups.
    seed
        Which group goes where.

    Returns
    -------
    numpy.ndarray
        The fold of each tune, 0…n_folds−1, shape ``(n_tunes,)``.

    Raises
    ------
    ValueError
        When there are fewer groups than folds.
    """
    check_positive_int(n_folds, "n_folds")
    parts = split_classes(groups, [1 / n_folds] * n_folds, seed=seed)
    fold = np.full(len(groups), -1)
    for number, part in enumerate(parts):
        fold[np.isin(groups, part)] = number
    return fold


def held_out(
    tunes: TuneSet, order: int, smoothing: str, *, ends: bool = True, n_folds: int = N_FOLDS
) -> Surprise:
    """Let a chain follow every tune after learning from the tunes of the other folds.

    Parameters
    ----------
    tunes
        Of one style.
    order
        Of the chain.
    smoothing
        ``"witten-bell"`` or ``"kneser-ney"``.
    ends
        Count the surprise at each tune's end too.
    n_folds
        Into how many parts.

    Returns
    -------
    Surprise
    """
    fold = folds(tunes.groups, n_folds)
    bits, groups = [], []
    for number in range(n_folds):
        chain = MarkovChain(order, smoothing=smoothing).fit(tunes[fold != number])
        for tune in tunes[fold == number]:
            found = -chain.log_prob(tune) / np.log(2)
            bits.append(found if ends else found[:-1])
            groups.append(np.full(len(bits[-1]), tune.group))
    return Surprise(np.concatenate(bits), np.concatenate(groups))


def chorale_melodies() -> TuneSet:
    """The sopranos of Bach's chorales without their rhythm, so that only pitch is predicted.

    Returns
    -------
    TuneSet
        One tune for each chorale; harmonisations of one hymn share a group.
    """
    melodies = []
    for chorale in load_bach_chorales():
        pitches = chorale.voices["soprano"][:, 0]
        equal = np.ones(len(pitches))
        melodies.append(
            Tune(
                pitches, equal, 0 * equal, key=chorale.key, group=chorale.group, title=chorale.title
            )
        )
    return TuneSet.from_tunes(melodies)


def write_bits(
    task: str, name: str, tunes: TuneSet, found: dict[tuple[str, int], Surprise], seconds: float
) -> None:
    """Write a row for each order (Kneser–Ney) and one for the best Witten–Bell order.

    Parameters
    ----------
    task
        Second part of the ids.
    name
        What a reader calls the tunes.
    tunes
        What was measured on.
    found
        Surprise by smoothing and order.
    seconds
        How long it took.
    """
    dataset = f"{name}: {len(tunes)} tunes, {N_FOLDS} folds by near-duplicate group"
    rows = Rows(dataset, COMMAND, SEED, seconds)
    means = {key: float(one.bits.mean()) for key, one in found.items()}
    for (smoothing, order), one in found.items():
        estimate = bootstrap_mean(one.bits, groups=one.groups)
        method = f"order-{order}" if smoothing == "kneser-ney" else f"order-{order}-{smoothing}"
        baselines = {"uniform": float(np.log2(N_POSSIBLE + 1))}
        if order > 0:
            baselines["unigram"] = means[smoothing, 0]
        rows.estimate(
            f"01.{task}.bits-per-note.{method}",
            f"Bits per note of a Markov chain of order {order} ({smoothing} smoothing) on {name} "
            "it has not learned from.",
            estimate,
            "bits",
            f"{estimate.n_groups} groups of tunes, {estimate.n} notes, each held out once",
            baselines=baselines,
        )


def write_redundancy(seconds_before: float) -> None:
    """Measure how redundant chorale melodies are, as Conklin did in 1990, and write the rows.

    Parameters
    ----------
    seconds_before
        Clock at the start.
    """
    melodies = chorale_melodies()
    n_pitches = len(np.unique(melodies.columns["pitches"]))
    most = np.log2(n_pitches)
    for order in ORDERS:
        found = held_out(melodies, order, "kneser-ney", ends=False)
        estimate = bootstrap_mean(1 - found.bits / most, groups=found.groups)
        dataset = f"sopranos of {len(melodies)} Bach chorales, {N_FOLDS} folds by hymn"
        Rows(dataset, COMMAND, SEED, time.perf_counter() - seconds_before).estimate(
            f"01.chorale.redundancy.order-{order}",
            f"Redundancy, 1 − H / log2 {n_pitches}, of pitches of Bach's chorale melodies; H: bits "
            f"per note of a Markov chain of order {order} (kneser-ney smoothing).",
            estimate,
            "fraction",
            f"{estimate.n_groups} hymns, {estimate.n} notes, each held out once",
            baselines={"uniform": 0.0},
            paper=CONKLIN if order == max(ORDERS) - 1 else None,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write; see the top of the module.

    Parameters
    ----------
    arguments
        Command line; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m etudes.recipes.composers", description="Markov chains in bits per note"
    )
    parser.add_argument("--quick", action="store_true", help="two folds, nothing written")
    options = parser.parse_args(arguments)
    styles = {"reel": STYLES["reel"]} if options.quick else STYLES
    for task, (style, name) in styles.items():
        start = time.perf_counter()
        tunes = load_folk_tunes(style)
        found = {
            (smoothing, order): held_out(
                tunes, order, smoothing, n_folds=2 if options.quick else N_FOLDS
            )
            for smoothing in ("kneser-ney", "witten-bell")
            for order in ORDERS
        }
        for (smoothing, order), one in found.items():
            print(f"{name}, {smoothing}, order {order}: {bootstrap_mean(one.bits, one.groups)}")
        if not options.quick:
            write_bits(task, name, tunes, found, time.perf_counter() - start)
    if not options.quick:
        write_redundancy(time.perf_counter())


if __name__ == "__main__":
    main()
