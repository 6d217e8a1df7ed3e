"""Notes as tasks: fit one small network to one note, from a start of its own.

The idea in a sentence: every note of every instrument is a training problem, so there are
thousands, and those of the test instruments were never practised on. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from etudes.checks import check_in, check_positive_int
from etudes.data.instruments import load_instrument_notes
from etudes.generators.harmonic_noise import NoteNetwork, note_picture, shapes
from etudes.generators.harmonic_noise.partials import HIGHEST_PITCH, LOWEST_PITCH
from etudes.recipes.instruments.notes import SPLITS

SHAPES = torch.from_numpy(np.stack([shapes(p) for p in range(LOWEST_PITCH, HIGHEST_PITCH + 1)]))


class Batch(NamedTuple):
    """Some notes to fit at once.

    Attributes
    ----------
    target
        Pictures, shape ``(n, 16, 40)``.
    pitch
        MIDI note numbers, ``(n,)``.
    seed
        Of the networks' first weights.
    segment
        How many unrolls have gone before: where in the trained horizon the batch stands.
    """

    target: torch.Tensor
    pitch: torch.Tensor
    seed: int
    segment: int = 0

    def start(self, network: NoteNetwork) -> torch.Tensor:
        """Fresh weights for every note, shape ``(n, n_weights)``."""
        return network.start(len(self.target), self.seed).to(self.target.device)

    def loss(self, network: NoteNetwork) -> Callable[[torch.Tensor], torch.Tensor]:
        """The loss of every note as a function of all weights."""
        shapes = SHAPES[self.pitch.cpu() - LOWEST_PITCH].to(self.target)
        return lambda weights: network.loss(weights, shapes, self.target)

    def example(self) -> torch.Tensor:
        """What a hypernetwork is shown: picture, and pitch as one of 37; shape ``(n, 677)``."""
        which = torch.nn.functional.one_hot(self.pitch - LOWEST_PITCH, len(SHAPES))
        return torch.cat([self.target.flatten(1) / 2 + 1, which.to(self.target)], dim=1)


@dataclass(frozen=True, eq=False)
class NoteTasks:
    """Notes of some instruments, ready to be fitted.

    Attributes
    ----------
    pictures
        Shape ``(n_notes, 16, 40)``.
    program, pitch
        Of each note, ``(n_notes,)``.
    waveforms
        The notes themselves, ``(n_notes, 16000)``.
    """

    pictures: torch.Tensor
    program: np.ndarray
    pitch: np.ndarray
    waveforms: np.ndarray

    def __len__(self) -> int:
        """Number of notes."""
        return len(self.pictures)

    def batch(self, rows: np.ndarray, seed: int, segment: int = 0) -> Batch:
        """Some notes as a batch.

        Parameters
        ----------
        rows
            Which notes, shape ``(n,)``.
        seed
            Of the networks' first weights.
        segment
            How many unrolls go before.

        Returns
        -------
        Batch
        """
        return Batch(self.pictures[rows], torch.from_numpy(self.pitch[rows]), seed, segment)

    def everything(self, every: int = 1, seed: int = 0) -> Batch:
        """Every note, or one in so many, as one batch.

        Parameters
        ----------
        every
            One note in so many.
        seed
            Of the networks' first weights.

        Returns
        -------
        Batch
        """
        return self.batch(np.arange(0, len(self), every), seed)


class TaskBatches:
    """Numbered batches of notes drawn at random, for :func:`etudes.train.fit`.

    Parameters
    ----------
    tasks
        Training notes.
    n_tasks
        Notes in a batch.
    n_segments
        Unrolls in the trained horizon; batch ``i`` stands at segment ``i % n_segments``.
    seed
        Of notes and starts.
    """

    def __init__(
        self, tasks: NoteTasks, n_tasks: int = 8, n_segments: int = 1, seed: int = 0
    ) -> None:
        self.tasks = tasks
        self.n_tasks = check_positive_int(n_tasks, "n_tasks")
        self.n_segments = check_positive_int(n_segments, "n_segments")
        self.seed = check_positive_int(seed, "seed", allow_zero=True)

    def __getitem__(self, i: int) -> Batch:
        """Batch number ``i``: the same every time."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, i]))
        rows = rng.integers(0, len(self.tasks), self.n_tasks)
        return self.tasks.batch(rows, int(rng.integers(2**31)), i % self.n_segments)


def load_tasks(split: str, n_notes: int = 20) -> NoteTasks:
    """Notes of the training, validation or test instruments that the inner network can play.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``; they share no family of instruments.
    n_notes
        Notes rendered for each instrument; those between C3 and C6 are kept, about three quarters.
        Up to 20 come out of the one cached set that the chapters share.

    Returns
    -------
    NoteTasks

    Raises
    ------
    ValueError
        When the split is unknown.
    """
    programs = SPLITS[check_in(split, "split", SPLITS)]
    if n_notes <= 20:
        notes = load_instrument_notes(20).select(programs)
        keep = np.arange(len(notes)) % 20 < n_notes
    else:
        notes = load_instrument_notes(n_notes, programs=programs)
        keep = np.ones(len(notes), bool)
    keep &= (notes.pitch >= LOWEST_PITCH) & (notes.pitch <= HIGHEST_PITCH)
    waveforms = notes.waveforms[keep]
    return NoteTasks(
        torch.from_numpy(note_picture(waveforms)), notes.program[keep], notes.pitch[keep], waveforms
    )
