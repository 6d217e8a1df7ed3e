"""What goes into the command of :mod:`etudes.recipes.styles`: tunes with their statistics, the
reader's pre-training, spaces.

The idea in a sentence: what training styles teach is kept in two places, a reader of notes and a
space that says which differences matter; both are made here.  Chapter 06.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from etudes.data import scores
from etudes.data.cache import cached
from etudes.data.tunes import TuneSet
from etudes.episodes import EpisodeSampler
from etudes.evaluate import evaluate
from etudes.learners.centroid import NearestCentroid
from etudes.learners.melody import (
    BLOCKS,
    N_STATISTICS,
    block_columns,
    melody_statistics,
    note_arrays,
)
from etudes.learners.melody_encoder import (
    MelodyReader,
    Pretraining,
    Symbols,
    crop_symbols,
    tune_symbols,
)
from etudes.learners.style_space import StyleSpace
from etudes.train import History, cosine_schedule, fit

#: What the reader is asked about a training tune, and how much each question counts.
QUESTIONS = {"style": 1.0, "region": 0.5, "metre": 0.5, "mode": 0.3, "rhythm": 0.5}
_FEWEST = {"style": 10, "region": 8, "metre": 15, "mode": 15, "rhythm": 8}  # tunes of an answer


@dataclass(frozen=True)
class Tunes:
    """Tunes with their statistics.

    Attributes
    ----------
    tunes
        The tunes.
    styles
        Name of each tune's style; for a tune without one, of the book it stands in (string array).
    statistics
        (n_tunes, 1416) float32.
    """

    tunes: TuneSet
    styles: np.ndarray
    statistics: np.ndarray

    def __add__(self, other: Tunes) -> Tunes:
        """Both together."""
        rows = np.concatenate([self.tunes.rows, other.tunes.rows])
        both = TuneSet(self.tunes.columns, rows, self.tunes.texts, self.tunes.all_groups)
        return Tunes(
            both,
            np.concatenate([self.styles, other.styles]),
            np.concatenate([self.statistics, other.statistics]),
        )

    def only(self, rows: np.ndarray) -> Tunes:
        """Some of them, by mask or row numbers."""
        return Tunes(self.tunes[rows], self.styles[rows], self.statistics[rows])

    @property
    def common(self) -> np.ndarray:
        """(n_tunes,) bool: which tunes belong to a style of 100 or more."""
        number = Counter(self.styles.tolist())
        return np.array([number[style] >= 100 for style in self.styles.tolist()])

    def sampler(
        self, x: np.ndarray | torch.Tensor, n_way: int = 5, k_shot: int = 5, seed: int = 0
    ) -> EpisodeSampler:
        """Episodes of these tunes, described by `x`; near-duplicates stay on one side."""
        return EpisodeSampler(
            x,
            self.styles,
            groups=self.tunes.groups,
            n_way=n_way,
            k_shot=k_shot,
            n_query=10,
            seed=seed,
        )


def load_tunes(split: str, unlabelled: bool = False) -> Tunes:
    """Load a part of the split with its statistics, which are computed once and cached.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``.
    unlabelled
        Add tunes without a style to ``"train"``; their book (Aird's airs, …) counts as one.

    Returns
    -------
    Tunes
    """
    tunes = scores.split_folk_tunes(split, unlabelled=unlabelled)
    styles = np.where(tunes.styles == "", tunes.column("collection"), tunes.styles)
    return Tunes(tunes, styles, _statistics(tunes))


def _statistics(tunes: TuneSet) -> np.ndarray:
    """Rows of the cached statistics of all folk tunes of 16 notes or more."""

    def build() -> dict[str, np.ndarray]:
        everything = TuneSet(
            tunes.columns, np.arange(len(tunes.all_groups)), tunes.texts, tunes.all_groups
        )
        table = np.zeros((len(everything), N_STATISTICS), dtype=np.float16)
        for i in np.flatnonzero(everything.n_notes >= 16):
            table[i] = melody_statistics(*note_arrays(everything, int(i)))
        return {"statistics": table}

    notes = (tunes.columns[name] for name in ("pitches", "durations", "rests"))
    version = zlib.crc32(b"".join(column.tobytes() for column in notes))  # follows the notes
    table = cached("melody-statistics", build, version, "statistics of 13,000 folk tunes")
    return table["statistics"][tunes.rows].astype(np.float32)


class Excerpts:
    """Numbered training batches for the reader: two excerpts of each of 48 tunes, with the answers.

    Rare styles are drawn more often than their share, as the root of their number.

    Parameters
    ----------
    data
        Training tunes.
    seed
        Batch ``i`` depends on ``(seed, i)`` alone.
    """

    def __init__(self, data: Tunes, seed: int = 0, n_tunes: int = 48, longest: int = 64) -> None:
        self.symbols, self.seed = tune_symbols(data.tunes), seed
        self.n_tunes, self.longest = n_tunes, longest
        texts = {
            "style": data.styles,
            "region": data.tunes.column("origin"),
            "metre": data.tunes.column("metre"),
            "mode": data.tunes.column("mode"),
            "rhythm": np.array(
                [re.split("[,;/]", r.lower())[0].strip() for r in data.tunes.column("rhythm")]
            ),
        }
        self.answers: dict[str, torch.Tensor] = {}
        self.sizes: dict[str, int] = {}
        for name, values in texts.items():
            number = Counter(v for v in values.tolist() if v)
            known = sorted(v for v, n in number.items() if n >= _FEWEST[name])
            code = {v: i for i, v in enumerate(known)}
            self.answers[name] = torch.tensor([code.get(v, -1) for v in values.tolist()])
            self.sizes[name] = len(known)
        share = Counter(data.styles.tolist())
        weight = np.array([share[s] ** -0.5 for s in data.styles.tolist()])
        self.chances = weight / weight.sum()

    def __getitem__(self, i: int) -> tuple[Symbols, dict[str, torch.Tensor]]:
        """Batch number ``i``, as ``Pretraining.loss`` wants it."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, i]))
        rows = np.tile(rng.choice(len(self.chances), self.n_tunes, p=self.chances), 2)
        symbols = crop_symbols(self.symbols[rows], self.longest, rng)
        return symbols, {name: answer[rows] for name, answer in self.answers.items()}


def pretrain_reader(
    data: Tunes,
    steps: int,
    validation: Tunes | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[MelodyReader, History]:
    """Train the reader on many labels of training tunes at once.

    Parameters
    ----------
    data
        Training tunes.
    steps
        Batches of 48 tunes.
    validation
        Tunes of other styles: the steps that do best on them, by nearest centroid, are kept.
    seed
        Of weights and batches.
    checkpoint
        Where to keep the state of the run.
    progress
        Show a progress bar.

    Returns
    -------
    MelodyReader, History
    """
    torch.manual_seed(seed)
    batches = Excerpts(data, seed)
    model = Pretraining(MelodyReader(), batches.sizes, QUESTIONS)
    validate: Callable[[Pretraining], float] | None = None
    if validation is not None:
        symbols = tune_symbols(validation.tunes)

        def validate(model: Pretraining) -> float:
            sampler = validation.sampler(model.reader.describe(symbols), seed=1)
            return evaluate(NearestCentroid(), sampler, 100, progress=False).mean

    history = fit(
        model,
        lambda m, batch: m.loss(batch),
        batches,
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.02),
        schedule=cosine_schedule(steps, warmup=max(1, steps // 10)),
        validate=validate,
        every=max(1, steps // 4),
        clip=2.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
    return model.reader, history


def describe(data: Tunes, reader: MelodyReader | None = None) -> torch.Tensor:
    """Statistics of every tune, and behind them, with a reader, what it makes of the notes.

    Parameters
    ----------
    data
        The tunes.
    reader
        A trained reader.

    Returns
    -------
    torch.Tensor
        (n_tunes, 1416) or (n_tunes, 1416 + 96) float32.
    """
    parts = [data.statistics]
    if reader is not None:
        parts.append(reader.describe(tune_symbols(data.tunes)))
    return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))


def fit_space(
    data: Tunes,
    x: torch.Tensor,
    smoothing: float | None = 0.3,
    n_components: int = 250,
) -> StyleSpace:
    """Learn from training tunes what differences mean, see
    :class:`~etudes.learners.style_space.StyleSpace`.

    Parameters
    ----------
    data
        Training tunes; styles of fewer than 100 tunes are left out.
    x
        What :func:`describe` made of them.
    smoothing
        ``None`` only brings columns to one scale: for baselines that learn nothing from styles.
    n_components
        Principal directions of the statistics that are kept.

    Returns
    -------
    StyleSpace
    """
    labels = np.where(data.common, data.styles, "")
    learned = np.arange(N_STATISTICS, x.shape[1])
    space = StyleSpace.fit(
        x.numpy(),
        labels,
        [block_columns(names=(name,)) for name in BLOCKS],
        block_columns("measure"),
        n_components=n_components,
        smoothing=smoothing,
        learned=learned if len(learned) else None,
    )
    return space
