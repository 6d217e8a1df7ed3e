"""Read a melody note by note: a small convolutional network, and what it learns from before it
meets a style.

The idea in one sentence: a network that must tell a tune's region, metre, mode and kind of song,
and find the other half of the same tune among strangers, learns to hear things that counting does
not, and keeps them for new styles.

Learning from many labels at once and keeping the last layer is ordinary multi-task pre-training (R.
Caruana, "Multitask learning", *Machine Learning* 28, 1997); finding the other excerpt of the same
tune is contrastive learning (T. Chen et al., "A simple framework for contrastive learning", ICML
2020).  Chapter 06.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from etudes.checks import check_positive_int
from etudes.data.tunes import TuneSet
from etudes.learners.melody import note_arrays
from etudes.learners.melody_counts import KEY_PROFILES

__all__ = ["MelodyReader", "Pretraining", "Symbols", "crop_symbols", "tune_symbols"]

#: Symbols of each kind (0 is silence after the end): interval, duration ratio, duration, degree,
#: height.
VOCABULARY = (26, 10, 13, 13, 33)
PERIODS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # quarter notes
LONGEST = 160  # notes that are read


@dataclass(frozen=True)
class Symbols:
    """Tunes as the reader sees them.

    Attributes
    ----------
    kinds : torch.Tensor
        (n_tunes, n_notes, 5) int64, numbers below :data:`VOCABULARY`; 0 after a tune's end.
    onsets : torch.Tensor
        (n_tunes, n_notes) float32, quarter notes.
    n_notes : torch.Tensor
        (n_tunes,) int64, how many notes there are before the padding.
    """

    kinds: torch.Tensor
    onsets: torch.Tensor
    n_notes: torch.Tensor

    def __len__(self) -> int:
        return len(self.n_notes)

    def __getitem__(self, rows: torch.Tensor | np.ndarray | slice) -> Symbols:
        return Symbols(self.kinds[rows], self.onsets[rows], self.n_notes[rows])

    def to(self, device: torch.device | str) -> Symbols:
        """The same on another device."""
        return Symbols(self.kinds.to(device), self.onsets.to(device), self.n_notes.to(device))


def tune_symbols(tunes: TuneSet, longest: int = LONGEST) -> Symbols:
    """Spell tunes in symbols that do not depend on the key.

    Parameters
    ----------
    tunes : TuneSet
        At least one.
    longest : int
        Notes that are kept of each.

    Returns
    -------
    Symbols

    Raises
    ------
    ValueError
        If there is no tune.
    """
    check_positive_int(longest, "longest")
    if len(tunes) == 0:
        raise ValueError("tunes must hold at least one tune, got none")
    kinds = np.zeros((len(tunes), longest, 5), dtype=np.int64)
    onsets = np.zeros((len(tunes), longest), dtype=np.float32)
    n_notes = np.minimum(tunes.n_notes, longest)
    for i, n in enumerate(n_notes):
        p, onset, length = (column[:n] for column in note_arrays(tunes, i))
        step = np.clip(np.append(np.diff(onset), length[-1]), 1 / 32, 16)
        ratio = np.log2(step / np.append(step[0], step[:-1]))
        sounding = np.bincount(p % 12, weights=np.clip(length, 0, 4), minlength=12)
        tonic = int(np.argmax(KEY_PROFILES @ sounding)) % 12
        kinds[i, :n, 0] = np.clip(np.diff(p, prepend=p[0]), -12, 12) + 13
        kinds[i, :n, 1] = np.clip(np.round(2 * ratio), -4, 4) + 5
        kinds[i, :n, 2] = np.clip(np.round(2 * np.log2(step)) + 7, 1, 12)
        kinds[i, :n, 3] = (p - tonic) % 12 + 1
        kinds[i, :n, 4] = np.clip(p - round(float(p.mean())) + 16, 1, 32)
        onsets[i, :n] = onset
    return Symbols(torch.from_numpy(kinds), torch.from_numpy(onsets), torch.from_numpy(n_notes))


def crop_symbols(symbols: Symbols, longest: int, rng: np.random.Generator) -> Symbols:
    """Cut a random excerpt out of every tune, half of `longest` to `longest` notes where there are
    so many.

    Parameters
    ----------
    symbols : Symbols
        The tunes.
    longest : int
        2 or more.
    rng : numpy.random.Generator
        Draws places and lengths.

    Returns
    -------
    Symbols
        As many, `longest` notes wide.
    """
    have = symbols.n_notes.numpy()
    keep = np.minimum(have, rng.integers(longest // 2, longest + 1, len(have)))
    start = (rng.random(len(have)) * (have - keep + 1)).astype(np.int64)
    place = np.minimum(start[:, None] + np.arange(longest), symbols.kinds.shape[1] - 1)
    row = np.arange(len(have))[:, None]
    inside = torch.from_numpy(np.arange(longest) < keep[:, None])
    kinds = symbols.kinds[row, place] * inside[..., None]
    return Symbols(kinds, symbols.onsets[row, place] * inside, torch.from_numpy(keep))


class _TuneNorm(nn.Module):
    """Group normalisation (Wu and He, ECCV 2018) over a tune's notes; the padding has no say."""

    def __init__(self, channels: int, n_groups: int = 8) -> None:
        super().__init__()
        self.n_groups = n_groups
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        grouped = x.unflatten(1, (self.n_groups, -1))
        inside = mask[:, None]
        n = inside.sum((2, 3), keepdim=True) * grouped.shape[2]
        mean = (grouped * inside).sum((2, 3), keepdim=True) / n
        centred = (grouped - mean) * inside
        spread = (centred.square().sum((2, 3), keepdim=True) / n + 1e-5).sqrt()
        return (centred / spread).flatten(1, 2) * self.weight + self.bias


class _Block(nn.Module):
    """A dilated convolution with a way around it."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = _TuneNorm(channels)
        self.wide = nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        z = self.wide(functional.gelu(self.norm(x, mask)) * mask)
        return (x + self.dropout(self.mix(functional.gelu(z)))) * mask


class MelodyReader(nn.Module):
    """Embed the symbols, convolve three times with growing reach, keep mean, spread and peak over
    the tune.

    Parameters
    ----------
    channels : int
        Width of every layer, a multiple of 8.
    n_features : int
        Numbers that describe a tune at the end.
    n_blocks : int
        Convolutions; the reach doubles from one to the next.
    """

    def __init__(self, channels: int = 80, n_features: int = 96, n_blocks: int = 3) -> None:
        super().__init__()
        for name, value in (
            ("channels", channels),
            ("n_features", n_features),
            ("n_blocks", n_blocks),
        ):
            check_positive_int(value, name)
        if channels % 8:
            raise ValueError(f"channels must be a multiple of 8, got {channels}")
        self.n_features = n_features
        self.embeddings = nn.ModuleList([nn.Embedding(size, channels) for size in VOCABULARY])
        for weight in self.embeddings.parameters():
            nn.init.normal_(weight, std=0.5)
        self.beat = nn.Linear(2 * len(PERIODS), channels)
        self.blocks = nn.ModuleList([_Block(channels, 2**i, 0.1) for i in range(n_blocks)])
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(3 * channels, n_features)

    def forward(self, symbols: Symbols) -> torch.Tensor:
        """Describe tunes.

        Parameters
        ----------
        symbols : Symbols
            n tunes.

        Returns
        -------
        torch.Tensor
            (n, n_features).
        """
        kinds, onsets = symbols.kinds, symbols.onsets
        inside = torch.arange(kinds.shape[1], device=kinds.device) < symbols.n_notes[:, None]
        mask = inside[:, None].to(onsets.dtype)
        turn = 2 * torch.pi * onsets[..., None] / onsets.new_tensor(PERIODS)
        x = self.beat(torch.cat([turn.sin(), turn.cos()], -1))
        for i, embedding in enumerate(self.embeddings):
            x = x + embedding(kinds[..., i])
        x = x.transpose(1, 2) * mask
        for block in self.blocks:
            x = block(x, mask)
        n = mask.sum(2)
        mean = (x * mask).sum(2) / n
        spread = (((x - mean[..., None]) ** 2 * mask).sum(2) / n + 1e-4).sqrt()
        peak = (x - 1e4 * (1 - mask)).amax(2)
        return self.out(self.dropout(torch.cat([mean, spread, peak], 1)))

    @torch.no_grad()
    def describe(self, symbols: Symbols, batch: int = 256) -> np.ndarray:
        """Describe many tunes, without dropout or gradients: (n_tunes, n_features) float32."""
        was_training = self.training
        self.eval()
        parts = [self(symbols[slice(i, i + batch)]) for i in range(0, len(symbols), batch)]
        self.train(was_training)
        return torch.cat(parts).cpu().numpy()


class Pretraining(nn.Module):
    """A reader with the questions it is trained by: one classifier per label, and the other
    excerpt.

    Parameters
    ----------
    reader : MelodyReader
        What is kept afterwards.
    sizes : mapping of str to int
        Classes of each label.
    weights : mapping of str to float
        How much each label's cross-entropy counts.
    contrast : float
        How much finding the other excerpt of the same tune counts.
    """

    def __init__(
        self,
        reader: MelodyReader,
        sizes: Mapping[str, int],
        weights: Mapping[str, float],
        contrast: float = 1.0,
    ) -> None:
        super().__init__()
        self.reader, self.weights, self.contrast = reader, dict(weights), contrast
        self.heads = nn.ModuleDict({k: nn.Linear(reader.n_features, n) for k, n in sizes.items()})
        self.project = nn.Linear(reader.n_features, 64)

    def loss(self, batch: tuple[Symbols, dict[str, torch.Tensor]]) -> torch.Tensor:
        """Sum up the questions.

        Parameters
        ----------
        batch : tuple
            Symbols of 2n excerpts, rows i and i + n of the same tune, and for each label 2n int64
            classes, −1 where a tune has none.

        Returns
        -------
        torch.Tensor
            A number, in nats.
        """
        symbols, labels = batch
        z = self.reader(symbols)
        total = z.new_zeros(())
        for name, head in self.heads.items():
            known = labels[name] >= 0
            if known.any():
                logits = head(functional.gelu(z[known]))
                loss = functional.cross_entropy(logits, labels[name][known], label_smoothing=0.1)
                total = total + self.weights[name] * loss
        n = len(z) // 2
        unit = functional.normalize(self.project(z), dim=1)
        alike = (unit @ unit.T / 0.15).masked_fill(
            torch.eye(2 * n, dtype=torch.bool, device=z.device), -1e4
        )
        other = torch.arange(2 * n, device=z.device).roll(n)
        return total + self.contrast * functional.cross_entropy(alike, other)
