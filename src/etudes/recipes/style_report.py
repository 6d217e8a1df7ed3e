"""What :mod:`etudes.recipes.styles` writes: ledger rows in words, and the card of the checkpoints.

The idea in a sentence: a number without its sentence, its interval and its command is not a result.
Chapter 06.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from etudes.data.scores import TEST_STYLES, TRAIN_STYLES, VALIDATION_STYLES
from etudes.evaluate import FewShotResult, chance, paired_difference
from etudes.learners.melody_encoder import MelodyReader
from etudes.recipes.style_training import Tunes
from etudes.train import save_weights

WORDS = {
    "centroid-histograms": "nearest centroid on histograms of pitch, interval and duration",
    "centroid-pairs": "nearest centroid on histograms and pairs",
    "logistic-pairs": "logistic regression on histograms and pairs",
    "centroid-statistics": "nearest centroid on all 1,416 statistics",
    "logistic-statistics": "logistic regression on all 1,416 statistics",
    "radial-statistics": "logistic regression with Gaussian kernels on all statistics",
    "discriminant-statistics": "shrunken discriminant analysis on all statistics",
    "discriminant-statistics-weak": "less shrunken discriminant analysis on all statistics",
    "space": "statistics and reader in the space learned from training styles, logistic regression",
    "space-centroid": "the same space, nearest centroid",
    "space-statistics": "the space learned for statistics alone, logistic regression",
    "space-statistics-centroid": "the space learned for statistics alone, nearest centroid",
    "reader-centroid": "nearest centroid on what the reader says, without statistics",
    "untrained-reader-centroid": "the same network without training, nearest centroid",
    "together": "logistic regression and prototypes together in the learned space",
    "relation": "a relation module in the learned space (squared error)",
    "relation-cross-entropy": "a relation module in the learned space (cross-entropy)",
    "prototypical": "prototypes in the learned space mapped once more",
    "prototypical-untrained": "the prototypes' map without meta-training",
    "relation-untrained": "the relation module without meta-training",
    "relation-fine-tuned": "the relation module fine-tuned on the support set",
    "prototypical-fine-tuned": "the prototypes' map fine-tuned on the support set",
    "naive-own": "naive prototypical network on the very tunes it was trained on",
    "naive-held-out": "naive prototypical network on other tunes of its training styles",
    "naive-unseen": "naive prototypical network on styles never trained on",
    "naive-unseen-untrained": "the naive network without training, styles never trained on",
}
"""Learners in words; those named `…-train-only` learned without the validation styles."""

DIFFERENCES = (
    ("together", "space"),
    ("together", "prototypical"),
    ("together", "together-train-only"),
    ("space", "space-statistics"),
    ("space", "space-centroid"),
    ("space", "radial-statistics"),
    ("space-statistics", "radial-statistics"),
    ("space-statistics", "logistic-statistics"),
    ("relation", "prototypical"),
    ("relation", "relation-cross-entropy"),
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
        The learned method that did best on validation styles.
    baseline
        The hand-crafted one that did.
    command
        The command line.
    seconds
        Of the whole run.
    """
    from etudes import ledger

    one = results[best]
    where = f"{one.n_way}-way {one.k_shot}-shot"
    stem = f"06.styles.{one.n_way}way-{one.k_shot}shot"
    common: dict[str, Any] = {
        "n": one.n,
        "dataset": DATASET,
        "command": command,
        "seed": 0,
        "seconds": round(seconds),
    }
    given = {name: result.mean for name, result in results.items() if name != best}
    ledger.record(
        f"{stem}.accuracy",
        claim=f"Styles never trained on, {where}: {_words(best)}, best on validation",
        value=one.mean,
        unit="fraction",
        ci95=one.ci95,
        baselines={"chance": chance(one.n_way), **given},
        **common,
    )
    ledger.record(
        f"{stem}.accuracy.chance",
        claim=f"Styles, {where}: guessing",
        value=chance(one.n_way),
        unit="fraction",
        ci95=None,
        **common,
    )
    for name, result in results.items():
        same = result.fingerprint == one.fingerprint
        what = "Styles never trained on" if same else "Styles that were trained on"
        ledger.record(
            f"{stem}.accuracy.{name}",
            claim=f"{what}, {where}: {_words(name)}",
            value=result.mean,
            unit="fraction",
            ci95=result.ci95,
            **{**common, "n": result.n},
        )
    pairs = [(f"{stem}.margin", best, baseline)]
    pairs += [
        (f"{stem}.margin.{a}-over-{b}", a, b)
        for a, b in DIFFERENCES
        if a in results and b in results
    ]
    for row_id, a, b in pairs:
        difference = paired_difference(results[a], results[b])
        ledger.record(
            row_id,
            claim=f"Styles, {where}, same episodes: {_words(a)} against {_words(b)}",
            value=difference.mean,
            unit="fraction-difference",
            ci95=difference.ci95,
            **common,
        )


def _words(name: str) -> str:
    """A learner in words."""
    base = name.removesuffix("-train-only")
    return WORDS[base] + (", learned without the validation styles" if base != name else "")


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
| Chosen on | {validation_styles}: {validation:.1%} 5-way 5-shot with these left out of training (best hand-crafted there: {baseline:.1%}, {baseline_name}); then learned anew with them |
| Test | rows `06.styles.*` of the ledger |
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
    best: str,
    baseline: str,
    steps: int,
    seconds: float,
) -> None:
    """Write the checkpoints and their card into the package."""
    from etudes import ledger
    from etudes._weights import WEIGHTS_FOLDER

    notes = {"command": command, "validation": f"{chosen[best].mean:.4f}", "seed": "0"}
    save_weights(reader, WEIGHTS_FOLDER / "06-styles-reader.safetensors", notes)
    save_weights(together, WEIGHTS_FOLDER / "06-styles-together.safetensors", notes)
    card = CARD.format(
        reader=sum(p.numel() for p in reader.parameters()),
        together=sum(t.numel() for t in together.state_dict().values()),
        command=command,
        n_tunes=len(data.styles),
        styles=", ".join(sorted(TRAIN_STYLES + VALIDATION_STYLES)),
        never=", ".join(TEST_STYLES),
        steps=steps,
        validation_styles=", ".join(VALIDATION_STYLES),
        validation=chosen[best].mean,
        baseline=chosen[baseline].mean,
        baseline_name=_words(baseline),
        seconds=seconds,
        hardware=ledger.hardware(),
    )
    for name in ("reader", "together"):
        (WEIGHTS_FOLDER / f"06-styles-{name}.md").write_text(card, encoding="utf-8")
