"""Know a new musical style from five tunes: train, compare and write down (chapter 06).

The idea in a sentence: counting what happens in a melody tells styles apart better than a network that has memorised a
few of them, and what training styles are good for is to say which of those counts to trust.  The command trains
everything, compares it on the same test episodes, and writes checkpoints and ledger rows::

    python -m etudes.recipes.styles --full        # the committed checkpoints and rows, about half an hour
    python -m etudes.recipes.styles               # quick: the size of the chapter, on validation styles, nothing written

Training, validation and test styles are disjoint, and so are their near-duplicate groups
(:func:`etudes.data.scores.split_folk_tunes`).  Everything was chosen on validation styles, or on other splits of the
training and validation styles; the test styles are met in :func:`compare` alone.  Header fields are questions asked of
the reader about training tunes; no learner is shown them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_in
from etudes.data.scores import TEST_STYLES, TRAIN_STYLES, VALIDATION_STYLES
from etudes.evaluate import FewShotResult, chance, evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid
from etudes.learners.encoders import MelodyEncoder
from etudes.learners.finetune import FineTuned
from etudes.learners.melody import N_STATISTICS, block_columns
from etudes.learners.melody_encoder import VOCABULARY, MelodyReader, tune_symbols
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationNetwork
from etudes.learners.style_space import DualLogistic, ShrunkenDiscriminant, StyleSpace
from etudes.recipes.style_training import Tunes, describe, fit_space, load_tunes, pretrain_reader
from etudes.train import fit, load_weights, save_weights

READER_STEPS = 900
TEST_SEED = 2018
SIMPLE = ("pitch_from_final", "interval", "duration")
PAIRS = (*SIMPLE, "interval_pairs", "duration_pairs")


class Columns(nn.Module):
    """Some columns of every item, as they are."""

    def __init__(self, columns: np.ndarray) -> None:
        super().__init__()
        self.columns = torch.from_numpy(columns)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pick (n, n_columns) of (n, n_inputs)."""
        return x[:, self.columns]


def hand_crafted(scaled: StyleSpace) -> dict[str, Any]:
    """Learners that know no style but those of the task: the baselines.

    Parameters
    ----------
    scaled
        A space that only brings the statistics to one scale.

    Returns
    -------
    dict
        Name → learner.
    """
    counted = Columns(np.arange(N_STATISTICS))
    simple, pairs = Columns(block_columns(names=SIMPLE)), Columns(block_columns(names=PAIRS))

    def scale(x: torch.Tensor) -> torch.Tensor:
        return scaled(counted(x))

    return {
        "centroid-histograms": NearestCentroid(simple),
        "centroid-pairs": NearestCentroid(pairs),
        "logistic-pairs": DualLogistic(pairs, c=30.0),
        "centroid-statistics": NearestCentroid(scale),
        "logistic-statistics": DualLogistic(scale, c=30.0),
        "radial-statistics": DualLogistic(scale, c=30.0, kernel="radial"),
        "discriminant-statistics": ShrunkenDiscriminant(scale, 0.3),
        "discriminant-statistics-0.1": ShrunkenDiscriminant(scale, 0.1),
    }


def learned(space: StyleSpace, statistics_space: StyleSpace, suffix: str = "") -> dict[str, Any]:
    """Learners that know from training styles which differences matter.

    Parameters
    ----------
    space
        Of statistics and what the reader says.
    statistics_space
        Of statistics alone.
    suffix
        For the names.

    Returns
    -------
    dict
        Name → learner.
    """
    counted = Columns(np.arange(N_STATISTICS))

    def statistics(x: torch.Tensor) -> torch.Tensor:
        return statistics_space(counted(x))

    return {
        f"space{suffix}": DualLogistic(space),
        f"space-centroid{suffix}": NearestCentroid(space),
        f"space-statistics{suffix}": DualLogistic(statistics),
        f"space-statistics-centroid{suffix}": NearestCentroid(statistics),
        f"reader-centroid{suffix}": NearestCentroid(Reader()),
    }


class Reader(nn.Module):
    """What the reader says of every item, and nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pick (n, 96) of (n, 1416 + 96)."""
        return x[:, N_STATISTICS:]


# --- Learned comparison on top of the space: the chapter's ablations -------------------------------------------------


class SpaceMaps(nn.Module):
    """The embedding module of the ablations: a point of the space, mapped once more, as one-pixel feature maps."""

    def __init__(self, space: StyleSpace, channels: int = 64, maps: bool = True) -> None:
        super().__init__()
        self.space, self.maps = space, maps
        width = space.project.shape[1]
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, channels)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Items (n, n_inputs) to (n, channels, 1, 1), or (n, channels)."""
        z = self.linear(self.dropout(self.norm(self.space(x))))
        return functional.gelu(z)[..., None, None] if self.maps else z


class PairScore(nn.Module):
    """The relation module of the ablations: two layers that look at a class and a query side by side."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * channels, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 1)
        )

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Pairs (n, 2 * channels, 1, 1) to (n, 1) logits."""
        return self.layers(pairs)


def make_comparer(kind: str, space: StyleSpace, seed: int = 0) -> nn.Module:
    """A network with fresh weights that compares points of the space.

    Parameters
    ----------
    kind
        ``"relation"`` (squared error), ``"relation-cross-entropy"`` or ``"prototypical"``.
    space
        Stays as it is.
    seed
        Of the weights.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        When the kind is unknown.
    """
    check_in(kind, "kind", ("relation", "relation-cross-entropy", "prototypical"))
    torch.manual_seed(seed)
    if kind == "prototypical":
        return PrototypicalNetwork(SpaceMaps(space, maps=False), temperature=8.0)
    loss = "cross-entropy" if kind == "relation-cross-entropy" else "squared-error"
    return RelationNetwork(SpaceMaps(space), PairScore(), loss=loss, combine="mean")


def train_comparer(
    model: nn.Module, data: Tunes, x: torch.Tensor, validation: Tunes, x_validation: torch.Tensor, steps: int = 1500
) -> Any:
    """Train on episodes of training styles, keep what does best on validation styles.

    Parameters
    ----------
    model
        From :func:`make_comparer`.
    data, x, validation, x_validation
        Tunes and what :func:`~etudes.recipes.style_training.describe` made of them.
    steps
        Episodes.

    Returns
    -------
    History
    """
    check = validation.sampler(x_validation, seed=3)
    common = data.common
    return fit(
        model,
        lambda m, episode: m.loss(episode),
        data.only(common).sampler(x[common], seed=2),
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01),
        validate=lambda m: evaluate(m, check, 100, progress=False).mean,
        every=steps // 10,
        patience=4,
        clip=5.0,
        progress=False,
    )


# --- The naive network, for the failure museum -----------------------------------------------------------------------


def one_hot_notes(data: Tunes, n_notes: int = 64) -> torch.Tensor:
    """The first notes of every tune: height and duration one-hot, (n_tunes, 46, n_notes) float32."""
    kinds = tune_symbols(data.tunes, n_notes).kinds
    parts = [functional.one_hot(kinds[..., i], VOCABULARY[i]) for i in (4, 2)]
    return torch.cat(parts, -1).transpose(1, 2).float()


def naive_failure(
    training: Tunes, unseen: Tunes, steps: int = 600, n_tasks: int = 200, seed: int = 0, progress: bool = True
) -> dict[str, FewShotResult]:
    """A three-layer convolutional prototypical network: it memorises its training styles and fails on others.

    Parameters
    ----------
    training, unseen
        Tunes of disjoint styles.
    steps
        Training episodes.
    n_tasks
        Episodes of each evaluation.
    seed
        Of weights and episodes.
    progress
        Show bars.

    Returns
    -------
    dict
        ``"own"``: episodes of the very tunes that it was trained on; ``"held-out"``: other tunes of the same styles;
        ``"unseen"``: tunes of other styles; ``"unseen-untrained"``: the same network without training.
    """
    torch.manual_seed(seed)
    training = training.only(training.common)
    held = training.tunes.groups % 5 == 0
    x = one_hot_notes(training)
    kept, other = training.only(~held), training.only(held)
    samplers = {
        "own": kept.sampler(x[~held], seed=11),
        "held-out": other.sampler(x[held], seed=12),
        "unseen": unseen.sampler(one_hot_notes(unseen), seed=TEST_SEED),
    }
    model = PrototypicalNetwork(MelodyEncoder(x.shape[1]))
    results = {"unseen-untrained": evaluate(model, samplers["unseen"], n_tasks, progress)}
    fit(model, lambda m, e: m.loss(e), kept.sampler(x[~held], seed=10), steps=steps, seed=seed, progress=progress)
    results.update({name: evaluate(model, s, n_tasks, progress) for name, s in samplers.items()})
    return results


# --- The command -----------------------------------------------------------------------------------------------------


def compare(
    learners: dict[str, Any],
    data: Tunes,
    x: torch.Tensor,
    n_way: int = 5,
    k_shot: int = 5,
    n_tasks: int = 600,
    seed: int = TEST_SEED,
    progress: bool = False,
) -> dict[str, FewShotResult]:
    """Give every learner the same episodes.

    Parameters
    ----------
    learners
        Name → learner, or a pair of learner and its own description of the tunes.
    data, x
        Tunes and their description.
    n_way, k_shot
        Of the episodes; 10 queries a class.
    n_tasks
        Episodes.
    seed
        Of the episodes.
    progress
        Show a bar for each learner.

    Returns
    -------
    dict
        Name → result.
    """
    results = {}
    for name, entry in learners.items():
        learner, items = entry if isinstance(entry, tuple) else (entry, x)
        results[name] = evaluate(learner, data.sampler(items, n_way, k_shot, seed), n_tasks, progress)
        print(f"  {name:32s} {results[name]}", flush=True)
    return results


def quick_space(training: Tunes) -> StyleSpace:
    """What mends the naive failure, in the time that a chapter has: a space of statistics alone.

    Parameters
    ----------
    training
        Training tunes.

    Returns
    -------
    StyleSpace
        For ``DualLogistic(space)`` and items ``describe(tunes)``.
    """
    return fit_space(training, describe(training))


def load_trained() -> tuple[MelodyReader, StyleSpace]:
    """The committed reader and space: ``DualLogistic(space)`` answers episodes of ``describe(tunes, reader)``.

    Returns
    -------
    MelodyReader, StyleSpace

    Raises
    ------
    ValueError
        When the weights are missing or damaged.
    """
    reader = MelodyReader()
    load_weights(reader, "06-styles-reader")
    space = StyleSpace(N_STATISTICS + reader.n_features, 250 + reader.n_features)
    load_weights(space, "06-styles-space")
    return reader.eval(), space.eval()


WORDS = {
    "centroid-histograms": "nearest centroid on histograms of pitch, interval and duration",
    "centroid-pairs": "nearest centroid on histograms and pairs",
    "logistic-pairs": "logistic regression on histograms and pairs",
    "centroid-statistics": "nearest centroid on all 1,416 statistics",
    "logistic-statistics": "logistic regression on all 1,416 statistics",
    "radial-statistics": "logistic regression with Gaussian kernels on all statistics",
    "discriminant-statistics": "shrunken discriminant analysis on all statistics",
    "discriminant-statistics-0.1": "less shrunken discriminant analysis on all statistics",
    "space": "statistics and reader in the space learned from training styles, logistic regression",
    "space-centroid": "the same space, nearest centroid",
    "space-statistics": "the space learned for statistics alone, logistic regression",
    "space-statistics-centroid": "the space learned for statistics alone, nearest centroid",
    "reader-centroid": "nearest centroid on what the reader says, without statistics",
    "untrained-reader-centroid": "the same network without training, nearest centroid",
    "relation": "a relation module in the learned space (squared error)",
    "relation-cross-entropy": "a relation module in the learned space (cross-entropy)",
    "prototypical": "prototypes in the learned space mapped once more",
    "relation-untrained": "the relation module without meta-training",
    "relation-fine-tuned": "the relation module fine-tuned on the support set",
    "prototypical-fine-tuned": "the prototypes' map fine-tuned on the support set",
    "naive-own": "naive prototypical network on the very tunes it was trained on",
    "naive-held-out": "naive prototypical network on other tunes of its training styles",
    "naive-unseen": "naive prototypical network on styles never trained on",
    "naive-unseen-untrained": "the naive network without training, styles never trained on",
}
"""What the ledger calls each learner in a sentence; `…-train-only`: learned without the validation styles."""

DIFFERENCES = (
    ("space", "space-statistics"),
    ("space", "space-centroid"),
    ("space", "space-train-only"),
    ("space-statistics", "logistic-statistics"),
    ("relation", "prototypical"),
    ("relation", "relation-cross-entropy"),
    ("relation", "relation-untrained"),
    ("relation-fine-tuned", "relation"),
    ("prototypical-fine-tuned", "prototypical"),
    ("space-train-only", "prototypical"),
)
"""Pairs whose difference chapter 06 talks about; ``space`` against the best baseline is its own row."""

DATASET = f"folk tunes from music21's corpus, test styles {', '.join(TEST_STYLES)}"
SETTINGS = ((5, 5), (5, 1), (8, 5))


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
        "n": one.n, "dataset": DATASET, "command": command, "seed": 0, "seconds": round(seconds)
    }  # fmt: skip
    given = {name: result.mean for name, result in results.items() if name != best}
    ledger.record(
        f"{stem}.accuracy", claim=f"Styles never trained on, {where}: {_words(best)}, best on validation",
        value=one.mean, unit="fraction", ci95=one.ci95, baselines={"chance": chance(one.n_way), **given}, **common,
    )  # fmt: skip
    ledger.record(
        f"{stem}.accuracy.chance", claim=f"Styles, {where}: guessing", value=chance(one.n_way), unit="fraction",
        ci95=None, **common,
    )  # fmt: skip
    for name, result in results.items():
        same = result.fingerprint == one.fingerprint
        what = "Styles never trained on" if same else "Styles that were trained on"
        ledger.record(
            f"{stem}.accuracy.{name}", claim=f"{what}, {where}: {_words(name)}", value=result.mean,
            unit="fraction", ci95=result.ci95, **{**common, "n": result.n},
        )  # fmt: skip
    pairs = [(f"{stem}.margin", best, baseline)]
    pairs += [(f"{stem}.margin.{a}-over-{b}", a, b) for a, b in DIFFERENCES if a in results and b in results]
    for row_id, a, b in pairs:
        difference = paired_difference(results[a], results[b])
        ledger.record(
            row_id, claim=f"Styles, {where}, same episodes: {_words(a)} against {_words(b)}",
            value=difference.mean, unit="fraction-difference", ci95=difference.ci95, **common,
        )  # fmt: skip


def _words(name: str) -> str:
    """A learner in words."""
    base = name.removesuffix("-train-only")
    return WORDS[base] + (", learned without the validation styles" if base != name else "")


CARD = """# 06-styles-reader and 06-styles-space

A reader of melodies ({reader:,} weights) and a space ({space:,} numbers) in which five tunes of a style never met are
enough for logistic regression.

| | |
| --- | --- |
| Command | `{command}` |
| Data | {n_tunes:,} folk tunes from music21's corpus: {styles}, and books without a style label |
| Never seen | {never}, and every near-duplicate of one of their tunes |
| Input | pitch, onset and duration; no header field |
| Reader | {steps} batches of 48 tunes, two excerpts each; asked for style, region, metre, mode and kind of song of training tunes, and for the other excerpt |
| Space | 250 principal directions of 1,416 statistics, and the reader's 96 numbers, divided by the covariance inside training styles |
| Chosen on | {validation_styles}: {validation:.1%} 5-way 5-shot with these left out of training (best hand-crafted there: {baseline:.1%}, {baseline_name}); then learned anew with them |
| Test | rows `06.styles.*` of the ledger |
| Seed | 0 |
| Time | {seconds:.0f} s on {hardware} |
| Use | `reader, space = etudes.recipes.styles.load_trained()` |
| Limits | Western folk tunes and Chinese ones as one typist wrote them: absolute pitch and note values are those of the books |
"""  # noqa: E501


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, choose on validation styles, and with ``--full`` compare on test styles and write.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.styles")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    training, validation = load_tunes("train", unlabelled=True), load_tunes("validation")
    if not options.full:
        print("naive:", {k: f"{r.mean:.3f}" for k, r in naive_failure(training, validation).items()})
        space = quick_space(training)
        scaled = fit_space(training, describe(training), smoothing=None)
        learners = {**hand_crafted(scaled), "space-statistics": DualLogistic(space)}
        compare(learners, validation, describe(validation), n_tasks=200, seed=1)
        return
    from etudes.data.cache import cache_dir

    work = cache_dir() / "recipes"
    work.mkdir(parents=True, exist_ok=True)
    _full(training, validation, work, started)


def _full(training: Tunes, validation: Tunes, work: Path, started: float) -> None:
    """Everything: choose without the validation styles, learn anew with them, meet the test styles, write."""
    command = "python -m etudes.recipes.styles --full"
    reader, _ = pretrain_reader(
        training, READER_STEPS, validation, checkpoint=work / "styles-reader-train-only.safetensors"
    )
    x, x_validation = describe(training, reader), describe(validation, reader)
    scaled = fit_space(training, x[:, :N_STATISTICS], smoothing=None)
    space, statistics = fit_space(training, x), fit_space(training, x[:, :N_STATISTICS])
    comparers = {k: make_comparer(k, space) for k in ("relation", "relation-cross-entropy", "prototypical")}
    for name, model in comparers.items():
        history = train_comparer(model, training, x, validation, x_validation)
        print(f"{name}: validation {history.best_validation:.3f} at step {history.best_step}", flush=True)
    baselines, methods = hand_crafted(scaled), {**learned(space, statistics), **comparers}
    print("validation styles")
    chosen = compare({**baselines, **methods}, validation, x_validation, seed=77)
    baseline = max(baselines, key=lambda name: chosen[name].mean)
    # one of those that can be learned anew with the validation styles, which leave nothing to stop on
    best = max(learned(space, statistics), key=lambda name: chosen[name].mean)
    print(f"chosen on validation: {best}, baseline {baseline}", flush=True)

    everything = training + validation
    final, _ = pretrain_reader(everything, READER_STEPS, checkpoint=work / "styles-reader.safetensors")
    x_all = describe(everything, final)
    spaces = (fit_space(everything, x_all), fit_space(everything, x_all[:, :N_STATISTICS]))
    test = load_tunes("test")
    x_test, x_test_train_only = describe(test, final), describe(test, reader)
    torch.manual_seed(1)
    untrained = describe(test, MelodyReader())
    learners: dict[str, Any] = {**baselines, **learned(*spaces)}
    learners = {name: (learner, x_test) for name, learner in learners.items()}
    learners["untrained-reader-centroid"] = (NearestCentroid(Reader()), untrained)
    ablations = {
        **learned(space, statistics, "-train-only"),
        **comparers,
        "relation-untrained": make_comparer("relation", space, seed=1),
        "relation-fine-tuned": FineTuned(comparers["relation"], steps=10, lr=1e-3),
        "prototypical-fine-tuned": FineTuned(comparers["prototypical"], steps=10, lr=1e-3),
    }
    learners.update({name: (learner, x_test_train_only) for name, learner in ablations.items()})
    naive = naive_failure(training, test, steps=600, n_tasks=600, progress=False)
    for n_way, k_shot in SETTINGS:
        print(f"test styles, {n_way}-way {k_shot}-shot", flush=True)
        results = compare(learners, test, x_test, n_way, k_shot)
        print(f"  margin: {paired_difference(results[best], results[baseline])}", flush=True)
        if (n_way, k_shot) == (5, 5):
            results.update({f"naive-{name}": result for name, result in naive.items()})
            print(results[best].classes, results[best].confusion, results[best].per_class, sep="\n")
        write_rows(results, best, baseline, command, time.perf_counter() - started)
    _save(final, spaces[0], everything, command, chosen, best, baseline, time.perf_counter() - started)


def _save(
    reader: MelodyReader,
    space: StyleSpace,
    data: Tunes,
    command: str,
    chosen: dict[str, FewShotResult],
    best: str,
    baseline: str,
    seconds: float,
) -> None:
    """Write the checkpoints and their card into the package."""
    from etudes import ledger
    from etudes._weights import WEIGHTS_FOLDER

    notes = {"command": command, "validation": f"{chosen[best].mean:.4f}", "seed": "0"}
    save_weights(reader, WEIGHTS_FOLDER / "06-styles-reader.safetensors", notes)
    save_weights(space, WEIGHTS_FOLDER / "06-styles-space.safetensors", notes)
    card = CARD.format(
        reader=sum(p.numel() for p in reader.parameters()), space=space.project.numel(), command=command,
        n_tunes=len(data.styles), styles=", ".join(sorted(TRAIN_STYLES + VALIDATION_STYLES)),
        never=", ".join(TEST_STYLES), steps=READER_STEPS, validation_styles=", ".join(VALIDATION_STYLES),
        validation=chosen[best].mean, baseline=chosen[baseline].mean, baseline_name=_words(baseline),
        seconds=seconds, hardware=ledger.hardware(),
    )  # fmt: skip
    for name in ("reader", "space"):
        (WEIGHTS_FOLDER / f"06-styles-{name}.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
