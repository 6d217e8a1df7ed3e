"""What :mod:`etudes.recipes.styles` writes: ledger rows in words, and the card of the checkpoints.

The idea in a sentence: a number without its sentence, its interval and its command is not a result.
Chapter 06.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from etudes import ledger
from etudes.data.scores import TEST_STYLES, TRAIN_STYLES, VALIDATION_STYLES
from etudes.evaluate import FewShotResult, chance
from etudes.learners.melody_encoder import MelodyReader
from etudes.recipes.rows import Rows
from etudes.recipes.styles.tunes import Tunes
from etudes.train import save_weights
from etudes.train.weights import WEIGHTS_FOLDER

WORDS = {
    "centroid-histograms": "nearest centroid on histograms of pitch, interval and duration",
    "centroid-pairs": "nearest centroid on these and on pairs",
    "logistic-pairs": "logistic regression on these and on pairs",
    "centroid-statistics": "nearest centroid on 1,416 statistics",
    "logistic-statistics": "logistic regression on 1,416 statistics",
    "radial-statistics": "logistic regression on 1,416 statistics, Gaussian kernel",
    "discriminant-statistics": "linear discriminant on 1,416 statistics",
    "discriminant-statistics-weak": "linear discriminant on 1,416 statistics, less shrinkage",
    "space": "logistic regression in the learned space",
    "space-centroid": "nearest centroid in the learned space",
    "space-statistics": "the space learned for statistics alone, logistic regression",
    "space-statistics-centroid": "the space learned for statistics alone, nearest centroid",
    "reader-centroid": "nearest centroid on what the reader says, without statistics",
    "untrained-reader-centroid": "the same network without training, nearest centroid",
    "together": "logistic regression and prototypes together in the learned space",
    "together-statistics": "the same without a reader, on statistics alone",
    "relation": "a relation module in the learned space (squared error)",
    "relation-cross-entropy": "a relation module in the learned space (cross-entropy)",
    "relation-difference": "a relation module that is shown differences (cross-entropy)",
    "prototypical": "prototypes in the learned space mapped once more",
    "prototypical-untrained": "the prototypes' map without meta-training",
    "relation-untrained": "the relation module without meta-training",
    "relation-fine-tuned": "the relation module fine-tuned on the support set",
    "prototypical-fine-tuned": "the prototypes' map fine-tuned on the support set",
    "naive-own": "a naive network on the very tunes that it was trained on",
    "naive-held-out": "a naive network on other tunes of its training styles",
    "naive-unseen": "a naive network on styles that it never met",
    "naive-held-out-untrained": "the naive network without training, on styles it would train on",
    "naive-unseen-untrained": "the naive network without training",
}
"""Learners in words; ``…-relative`` saw no absolute pitch and no absolute note value."""

HAND_CRAFTED = tuple(WORDS)[:8]
"""Those that learn nothing from training styles."""

DIFFERENCES = (
    ("together", "space"),
    ("together", "prototypical"),
    ("together", "together-statistics"),
    ("together-statistics", "radial-statistics"),
    ("together-relative", "radial-statistics-relative"),
    ("together-statistics", "together-relative"),
    ("space", "space-centroid"),
    ("space-statistics", "logistic-statistics"),
    ("relation-cross-entropy", "prototypical"),
    ("relation-cross-entropy", "space"),
    ("relation", "relation-cross-entropy"),
    ("relation-difference", "relation-cross-entropy"),
    ("relation", "relation-untrained"),
    ("relation-fine-tuned", "relation"),
    ("prototypical-fine-tuned", "prototypical"),
    ("prototypical", "prototypical-untrained"),
)
"""Pairs whose difference chapter 06 talks about, beside best method and best baseline."""

DATASET = f"folk tunes from music21's corpus, test styles {', '.join(TEST_STYLES)}"


def write_rows(
    results: dict[str, FewShotResult], best: str, baseline: str, command: str, seconds: float
) -> None:
    """Write one setting's results into the ledger.

    Parameters
    ----------
    results
        What :func:`compare` gave on test styles.
    best
        The learned method that did best on other splits.
    baseline
        The hand-crafted one that did best on these very tasks: the hardest to beat.
    command
        The command line.
    seconds
        Of the whole run.
    """
    one, rows = results[best], Rows(DATASET, command, 0, seconds)
    where = f"{one.n_way}-way {one.k_shot}-shot"
    stem = f"06.styles.{one.n_way}way-{one.k_shot}shot"
    guessing = chance(one.n_way)
    given = {  # on the same tasks: the naive network's own tunes are another question
        name: result.mean
        for name, result in results.items()
        if name != best and result.fingerprint == one.fingerprint
    }
    rows.accuracy(
        f"{stem}.accuracy",
        f"Styles never trained on, {where}: {_words(best)}, chosen on other styles",
        one,
        baselines={"chance": guessing, **given},
    )
    claim = f"Styles, {where}: guessing"
    rows.number(f"{stem}.accuracy.chance", claim, guessing, "fraction", one.n)
    for name, result in results.items():
        same = result.fingerprint == one.fingerprint
        what = "Styles never trained on" if same else "Styles that were trained on"
        rows.accuracy(f"{stem}.accuracy.{name}", f"{what}, {where}: {_words(name)}", result)
    pairs = [(f"{stem}.margin", best, baseline)]
    pairs += [
        (f"{stem}.margin.{a}-over-{b}", a, b)
        for a, b in DIFFERENCES
        if a in results and b in results
    ]
    for row_id, a, b in pairs:
        claim = f"Styles, {where}, same episodes: {_words(a)} against {_words(b)}"
        rows.margin(row_id, claim, results[a], results[b])


def write_choice(choice: dict[str, np.ndarray], best: str, command: str, seconds: float) -> None:
    """Write how methods compared on other splits of the training and validation styles.

    Parameters
    ----------
    choice
        What :func:`~etudes.recipes.styles.choosing.other_splits` gave.
    best
        The method chosen.
    command
        The command line.
    seconds
        So far.
    """
    dataset = "training and validation styles of the folk tunes, five left out each time"
    rows, stem = Rows(dataset, command, 5, seconds), "06.choosing.5way-5shot"
    for name, values in choice.items():
        claim = f"Five styles left out, mean of {len(values)} splits: {_words(name)}"
        rows.repeated(f"{stem}.accuracy.{name}", claim, values, "fraction")
        if name != best:
            claim = f"Five styles left out, same tasks: {_words(best)} against {_words(name)}"
            gained = choice[best] - values
            rows.repeated(f"{stem}.margin.{best}-over-{name}", claim, gained, "fraction-difference")


def _words(name: str) -> str:
    """A learner in words."""
    base = name.removesuffix("-relative")
    return WORDS[base] + (", without absolute pitch and note value" if base != name else "")


CARD = """# 06-styles-reader and 06-styles-together

A reader of melodies ({reader:,} weights) and a space ({together:,} numbers) in which five tunes of a style never met are
enough for logistic regression and for prototypes.

| | |
| --- | --- |
| Command | `{command}` |
| Data | {n_tunes:,} folk tunes from music21's corpus: {styles}, and books without a style label |
| Never seen | {never}, and every near-duplicate of one of their tunes |
| Input | pitch, onset and duration; no header field |
| Reader | {steps} batches of 48 tunes, two excerpts each; asked for style, region, metre, mode and kind of song of training tunes, and for the other excerpt |
| Space | 250 principal directions of 1,416 statistics, and the reader's 96 numbers, divided by the covariance inside training styles |
| Prototypes | the space mapped once more, learned on 1,200 episodes of training styles |
| Chosen on | eight other splits of the styles named above (rows `06.choosing.*`); on {validation_styles}, with these left out of training, {validation:.1%} 5-way 5-shot (best hand-crafted there: {baseline:.1%}, {baseline_name}); then learned anew with them |
| Test | rows `06.styles.*` of the ledger |
| Weights | kept in 16 bits (measured with 32) |
| Seed | 0 |
| Time | {seconds:.0f} s on {hardware} |
| Use | `reader, together = etudes.recipes.styles.load_trained()` |
| Limits | Western folk tunes and Chinese ones as one typist wrote them: absolute pitch and note values are those of the books |
"""  # noqa: E501


def save_checkpoints(
    reader: MelodyReader,
    together: nn.Module,
    data: Tunes,
    command: str,
    chosen: dict[str, FewShotResult],
    steps: int,
    seconds: float,
) -> None:
    """Write the checkpoints and their card into the package."""
    baseline = max(HAND_CRAFTED, key=lambda name: chosen[name].mean)
    validation = chosen["together"].mean
    notes = {"command": command, "validation": f"{validation:.4f}", "seed": "0"}
    save_weights(reader, WEIGHTS_FOLDER / "06-styles-reader.safetensors", notes, half=True)
    save_weights(together, WEIGHTS_FOLDER / "06-styles-together.safetensors", notes, half=True)
    card = CARD.format(
        reader=sum(p.numel() for p in reader.parameters()),
        together=sum(t.numel() for t in together.state_dict().values()),
        command=command,
        n_tunes=len(data.styles),
        styles=", ".join(sorted(TRAIN_STYLES + VALIDATION_STYLES)),
        never=", ".join(TEST_STYLES),
        steps=steps,
        validation_styles=", ".join(VALIDATION_STYLES),
        validation=validation,
        baseline=chosen[baseline].mean,
        baseline_name=_words(baseline),
        seconds=seconds,
        hardware=ledger.hardware(),
    )
    for name in ("reader", "together"):
        (WEIGHTS_FOLDER / f"06-styles-{name}.md").write_text(card, encoding="utf-8")
