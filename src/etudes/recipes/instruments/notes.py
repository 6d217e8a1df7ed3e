"""Notes of instruments as few-shot tasks: three splits, and layered timbres for training.

The idea in a sentence: seventy instruments are too few to learn to learn from, but two of them
played at once are a third, so that training never runs out of new classes. Used by
:mod:`etudes.recipes.instruments`; chapters 02 and 06.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from etudes.checks import check_fraction, check_in, check_positive_float, check_positive_int
from etudes.data.instruments import (
    TEST_PROGRAMS,
    TRAIN_PROGRAMS,
    VALIDATION_PROGRAMS,
    load_instrument_notes,
)
from etudes.episodes import Episode, EpisodeSampler
from etudes.features import log_mel

__all__ = ["SPLITS", "InTurn", "LayeredEpisodes", "Notes", "load_notes"]

SPLITS: dict[str, tuple[int, ...]] = {
    "train": TRAIN_PROGRAMS,
    "validation": VALIDATION_PROGRAMS,
    "test": TEST_PROGRAMS,
}


@dataclass(frozen=True)
class Notes:
    """Single notes as the learners see them.

    Attributes
    ----------
    x
        Log-mel spectrograms, float32, shape ``(n_notes, 64, 63)``.
    program
        General MIDI program of each note, the class, int64, shape ``(n_notes,)``.
    pitch
        MIDI note number of each note, int64, shape ``(n_notes,)``.
    """

    x: torch.Tensor
    program: np.ndarray
    pitch: np.ndarray

    def sampler(
        self, n_way: int = 5, k_shot: int = 5, n_query: int = 10, seed: int = 0
    ) -> EpisodeSampler:
        """Episodes of these notes.

        Parameters
        ----------
        n_way, k_shot, n_query, seed
            As for :class:`~etudes.episodes.EpisodeSampler`.

        Returns
        -------
        EpisodeSampler
        """
        return EpisodeSampler(
            self.x, self.program, n_way=n_way, k_shot=k_shot, n_query=n_query, seed=seed
        )


def load_notes(split: str, n_notes: int = 20) -> Notes:
    """Notes of the training, validation or test instruments, as log-mel spectrograms.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``; they share no family of instruments.
    n_notes
        Notes for each instrument; pitch (36 to 84) and velocity (40 to 120) are random. Up to 20
        come out of the one cached set that the chapters share.

    Returns
    -------
    Notes

    Raises
    ------
    ValueError
        When the split is unknown.
    """
    programs = SPLITS[check_in(split, "split", SPLITS)]
    if n_notes <= 20:
        notes = load_instrument_notes(20).select(programs)
        keep = np.arange(len(notes)) % 20 < n_notes
        notes = dataclasses.replace(
            notes,
            waveforms=notes.waveforms[keep],
            program=notes.program[keep],
            pitch=notes.pitch[keep],
            velocity=notes.velocity[keep],
        )
    else:
        notes = load_instrument_notes(n_notes, programs=programs)
    parts = [
        np.asarray(log_mel(notes.waveforms[i : i + 256], notes.sample_rate), np.float32)
        for i in range(0, len(notes), 256)
    ]
    return Notes(torch.from_numpy(np.concatenate(parts)), notes.program, notes.pitch)


class LayeredEpisodes:
    """Training episodes in which some instruments are two at once: timbres without end.

    Seventy training instruments are soon known by heart. Played in unison, two of them make a
    third timbre, and there are 2,415 pairs, each in many balances; whoever must tell layered
    timbres apart cannot get by on names. In each episode some classes get a partner instrument, a
    balance and an interval (unison or octave), the same for all notes of the class, and every note
    is joined by the partner's note nearest to it in pitch. Powers add, so log-magnitudes go through
    ``logaddexp`` of twice their value: no sound is rendered. Classes also get a filter and an
    envelope of their own: smooth random curves over bands and over frames, added in the logarithm.

    Parameters
    ----------
    notes
        Training notes.
    sampler
        Draws the episodes from these notes.
    share
        Fraction of classes that get a partner, 0 to 1.
    colour
        Spread of the filters and envelopes, in natural-log magnitude: 0.3 is 2.6 dB.
    seed
        Of partners and balances.
    """

    def __init__(
        self,
        notes: Notes,
        sampler: EpisodeSampler,
        share: float = 0.7,
        colour: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.notes, self.sampler = notes, sampler
        self.share = check_fraction(share, "share")
        self.colour = check_positive_float(colour, "colour", allow_zero=True)
        self.seed = check_positive_int(seed, "seed", allow_zero=True)
        self.rows = {p: np.flatnonzero(notes.program == p) for p in np.unique(notes.program)}
        self.level = notes.x.amax((1, 2))

    def __getitem__(self, i: int) -> Episode:
        """Episode ``i``: the sampler's, some classes layered; the same every time.

        Parameters
        ----------
        i
            Number of the episode.

        Returns
        -------
        Episode
        """
        episode = self.sampler[i]
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, i]))
        support_x, query_x = episode.support_x.clone(), episode.query_x.clone()
        sides = (
            (support_x, episode.support_y, episode.support_index),
            (query_x, episode.query_y, episode.query_index),
        )
        for label in range(episode.n_way):
            layered = rng.random() < self.share
            partner = self.rows[list(self.rows)[rng.integers(len(self.rows))]]
            interval, balance = rng.choice([0, 0, 12, -12]), float(rng.uniform(-1.5, 1.5))
            tint = self._tint(episode.support_x.shape[1:], rng)
            for x, y, rows in sides:
                mine = (y == label).numpy()
                if layered:
                    x[mine] = self._joined(rows[mine], partner, interval, balance, rng)
                x[mine] += tint
        return dataclasses.replace(episode, support_x=support_x, query_x=query_x)

    def _tint(self, shape: torch.Size, rng: np.random.Generator) -> torch.Tensor:
        """A filter over bands plus an envelope over frames, each present about half the time."""
        total = torch.zeros(tuple(shape))
        for axis in (0, 1):
            heights = self.colour * rng.normal(size=5) * (rng.random() < 0.55)
            places = np.linspace(0, 4, shape[axis])
            curve = torch.from_numpy(np.interp(places, np.arange(5), heights)).float()
            total += curve[:, None] if axis == 0 else curve[None, :]
        return total

    def _joined(
        self,
        rows: np.ndarray,
        partner: np.ndarray,
        interval: int,
        balance: float,
        rng: np.random.Generator,
    ) -> torch.Tensor:
        """Notes with the partner's nearest in pitch laid over them, both levelled first."""
        wanted = self.notes.pitch[rows][:, None] + interval
        distance = np.abs(self.notes.pitch[partner][None] - wanted)
        nearest = partner[(distance + 0.5 * rng.random(distance.shape)).argmin(1)]
        x = self.notes.x[rows] - self.level[rows, None, None]
        other = self.notes.x[nearest] - self.level[nearest, None, None] + balance
        return torch.logaddexp(2 * x, 2 * other) / 2


class InTurn:
    """Several kinds of batches in turn: step ``i`` takes batch ``i`` of kind ``i % n``.

    Parameters
    ----------
    kinds
        Indexable batches.
    """

    def __init__(self, kinds: Sequence[Any]) -> None:
        self.kinds = list(kinds)

    def __getitem__(self, i: int) -> Any:
        """Batch number ``i``.

        Parameters
        ----------
        i
            Number of the step.

        Returns
        -------
        object
        """
        return self.kinds[i % len(self.kinds)][i]
