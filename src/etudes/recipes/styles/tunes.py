"""Folk tunes as rows of numbers, and the space that training tunes make of them.

The idea in a sentence: what can be counted in a tune, what a reader says of it, and which of these
numbers differ inside a style by accident. Chapter 06.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch

from etudes.data import scores
from etudes.data.cache import cached
from etudes.data.tunes import TuneSet
from etudes.episodes import EpisodeSampler
from etudes.learners.melody import (
    BLOCKS,
    N_STATISTICS,
    block_columns,
    melody_statistics,
    note_arrays,
)
from etudes.learners.melody_encoder import MelodyReader, tune_symbols
from etudes.learners.style_space import StyleSpace

TEST_SEED = 2018
"""Of the test episodes."""


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

    def relative(self) -> Tunes:
        """The same tunes without what may be a habit of the book they stand in: all end on one
        pitch, and the middle one of their note lengths is a quaver."""
        return replace(self, statistics=statistics_of(self.tunes, relative=True))

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
    return Tunes(tunes, styles, statistics_of(tunes))


def statistics_of(tunes: TuneSet, relative: bool = False) -> np.ndarray:
    """What can be counted in each tune, from a table of all folk tunes that is computed once.

    Parameters
    ----------
    tunes
        Folk tunes of 16 notes or more.
    relative
        As :meth:`Tunes.relative` has them.

    Returns
    -------
    numpy.ndarray
        (n_tunes, 1416) float32.
    """

    def build() -> dict[str, np.ndarray]:
        everything = TuneSet(
            tunes.columns, np.arange(len(tunes.all_groups)), tunes.texts, tunes.all_groups
        )
        table = np.zeros((len(everything), N_STATISTICS), dtype=np.float16)
        for i in np.flatnonzero(everything.n_notes >= 16):
            pitches, onsets, durations = note_arrays(everything, int(i))
            if relative:
                scale = 0.5 / np.median(np.diff(onsets))
                pitches = pitches - pitches[-1] + 62
                onsets, durations = onsets * scale, durations * scale
            table[i] = melody_statistics(pitches, onsets, durations)
        return {"statistics": table}

    notes = (tunes.columns[name] for name in ("pitches", "durations", "rests"))
    version = zlib.crc32(b"".join(column.tobytes() for column in notes))  # follows the notes
    name = "melody-statistics-relative" if relative else "melody-statistics"
    table = cached(name, build, version, "statistics of 13,000 folk tunes")
    return table["statistics"][tunes.rows].astype(np.float32)


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
