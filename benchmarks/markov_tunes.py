"""Markov chains on folk tunes, measured: ``python benchmarks/markov_tunes.py [style ...]``.

For each style and each order from 0 to 5: bits per note (the end counts as a note) on held-out
tunes, for both smoothings and both ways to count height; and the test for copying: the longest
stretch that the first 64 notes of a sample share with a training tune, and how much of it stands in
the nearest one, next to the same figures for held-out real tunes and for the rule-based composer.

Tunes are split by near-duplicate group: three fifths to train, one to choose by, one to test. Takes
two minutes for two styles.
"""

from __future__ import annotations

import sys

import numpy as np

from etudes.data.scores import load_folk_tunes
from etudes.data.tunes import Tune, TuneSet
from etudes.evaluate import bootstrap_mean
from etudes.generators.markov import MarkovChain
from etudes.generators.memory import Memory
from etudes.generators.rules import RuleComposer

N_NOTES, N_SAMPLES = 64, 100
VARIANTS = (("witten-bell", "degree"), ("kneser-ney", "degree"), ("kneser-ney", "interval"))


def split(tunes: TuneSet, seed: int = 0) -> tuple[TuneSet, TuneSet, TuneSet]:
    """Cut a set in three by group: train, validation, test."""
    groups = np.random.default_rng(seed).permutation(np.unique(tunes.groups))
    fifth = len(groups) // 5
    test = np.isin(tunes.groups, groups[:fifth])
    validation = np.isin(tunes.groups, groups[fifth : 2 * fifth])
    return tunes[~test & ~validation], tunes[validation], tunes[test]


def bits(chain: MarkovChain, tunes: TuneSet) -> str:
    """Bits per note, with the 95% interval over groups of tunes."""
    found = [-chain.log_prob(tune) / np.log(2) for tune in tunes]
    groups = np.repeat(tunes.groups, [len(values) for values in found])
    mean = bootstrap_mean(np.concatenate(found), groups)
    return f"{mean.mean:.2f} [{mean.ci95[0]:.2f}, {mean.ci95[1]:.2f}]"


def copied(memory: Memory, tunes: list[Tune]) -> str:
    """Longest copies (median, nine in ten) and the mean share of the nearest tune."""
    long = [tune.excerpt(0, N_NOTES) for tune in tunes if len(tune) >= N_NOTES]
    lengths = np.array([memory.longest_copy(tune).n_notes for tune in long])
    share = np.mean([memory.nearest(tune)[0] for tune in long])
    return (
        f"longest copy: median {np.median(lengths):.0f}, 90% {np.quantile(lengths, 0.9):.0f} "
        f"notes; nearest tune holds {share:.0%}  ({len(long)} tunes)"
    )


def main(styles: list[str]) -> None:
    """Print the table of each style."""
    for style in styles:
        train, validation, test = split(load_folk_tunes(style))
        sizes = f"{len(train)} tunes to train, {len(validation)} to choose, {len(test)} to test"
        print(f"\n{style}: {sizes}")
        for order in range(6):
            chains = [
                MarkovChain(order, height, smoothing).fit(train) for smoothing, height in VARIANTS
            ]
            for (smoothing, height), chain in zip(VARIANTS, chains):
                row = f"order {order} {smoothing:11} {height:8}"
                print(f"  {row} validation {bits(chain, validation)} test {bits(chain, test)}")
        memory = Memory(train)
        print(f"  held-out tunes    {copied(memory, list(test))}")
        print(f"  training tunes    {copied(memory, list(train[:N_SAMPLES]))}")
        for order in range(6):
            chain = MarkovChain(order).fit(train)
            samples = [
                chain.sample(s, min_notes=N_NOTES, max_notes=N_NOTES) for s in range(N_SAMPLES)
            ]
            print(f"  samples, order {order}  {copied(memory, samples)}")
        samples = [RuleComposer().sample(seed) for seed in range(N_SAMPLES)]
        print(f"  by the rules      {copied(memory, samples)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["irish-reel", "china"])
