"""The inner network of chapter 03: from time to the levels of 72 sources, in 1,336 weights.

Its weights are one flat row for each note, so that many notes are fitted at once and an outer
network can see and change every weight in the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from etudes.checks import check_positive_int, describe
from etudes.generators.harmonic_noise.partials import N_PARTIALS, N_SOURCES
from etudes.generators.harmonic_noise.picture import FLOOR, N_BANDS, N_TIMES, TIMES
from etudes.generators.harmonic_noise.sound import render_levels

RELEASE = 0.8
"""Seconds until the key is let go, for every note of the book."""

START = torch.cat([torch.full((N_PARTIALS,), -3.5), torch.full((N_BANDS,), -4.5)])
"""Level of each source, in bels, before training: low, and noise lower than partials."""


def time_features(times: Any) -> torch.Tensor:
    """What the network is told of a moment: how long since the onset, on several scales, and since
    the key was let go.

    Parameters
    ----------
    times : array_like
        Seconds since the onset, shape ``(n_times,)``.

    Returns
    -------
    torch.Tensor
        Shape ``(n_times, 6)``, each between −1 and 1.
    """
    t = torch.as_tensor(np.asarray(times, np.float32))
    after = (t > RELEASE).float()
    fading = [torch.exp(-t / tau) for tau in (0.03, 0.1, 0.3)]
    ringing = after * torch.exp(-(t - RELEASE).clamp(min=0) / 0.05)
    return torch.stack([2 * t - 1, *fading, after, ringing], dim=1)


N_FEATURES = time_features(TIMES).shape[1]


class NoteNetwork:
    """One hidden layer from time to levels; the weights are handed in from outside.

    Parameters
    ----------
    hidden : int
        Units of the hidden layer (tanh).

    Raises
    ------
    TypeError, ValueError
        When ``hidden`` is not a positive integer.

    Examples
    --------
    >>> network = NoteNetwork(hidden=16)
    >>> weights = network.start(2, seed=0)
    >>> weights.shape, network.levels(weights).shape
    (torch.Size([2, 1336]), torch.Size([2, 16, 72]))
    """

    def __init__(self, hidden: int = 16) -> None:
        self.hidden = check_positive_int(hidden, "hidden")
        self.sizes = (N_FEATURES * hidden, hidden, hidden * N_SOURCES, N_SOURCES)

    @property
    def n_weights(self) -> int:
        """Number of weights of one note."""
        return sum(self.sizes)

    def start(self, n: int, seed: int = 0) -> torch.Tensor:
        """Fresh weights for some notes: normal, scaled by fan-in; biases zero.

        Parameters
        ----------
        n : int
            Notes. Each has weights of its own; the first ones do not depend on `n`.
        seed : int
            Of the weights.

        Returns
        -------
        torch.Tensor
            Shape ``(n, n_weights)``.
        """
        check_positive_int(n, "n")
        generator = torch.Generator().manual_seed(check_positive_int(seed, "seed", allow_zero=True))
        weights = torch.randn(n, self.n_weights, generator=generator)
        scales = (N_FEATURES**-0.5, 0.0, self.hidden**-0.5, 0.0)
        parts = weights.split(self.sizes, dim=1)
        return torch.cat([part * scale for part, scale in zip(parts, scales, strict=True)], dim=1)

    def levels(self, weights: torch.Tensor, times: Any = TIMES) -> torch.Tensor:
        """Level of every source at every moment.

        Parameters
        ----------
        weights : torch.Tensor
            Shape ``(n, n_weights)``.
        times : array_like
            Seconds, shape ``(n_times,)``; the moments of the picture by default.

        Returns
        -------
        torch.Tensor
            Bels, shape ``(n, n_times, 72)``: 32 partials, then 40 bands of noise.

        Raises
        ------
        TypeError, ValueError
            When the weights are of another shape.
        """
        self._check(weights)
        n, features = len(weights), time_features(times).to(weights)
        w1, b1, w2, b2 = weights.split(self.sizes, dim=1)
        hidden = torch.tanh(features @ w1.view(n, N_FEATURES, self.hidden) + b1[:, None])
        return hidden @ w2.view(n, self.hidden, N_SOURCES) + b2[:, None] + START.to(weights)

    def picture(self, weights: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
        """What the picture of each note would be, on average over the noise.

        Parameters
        ----------
        weights : torch.Tensor
            Shape ``(n, n_weights)``.
        shapes : torch.Tensor
            Of each note's pitch, from :func:`~etudes.generators.harmonic_noise.partials.shapes`:
            ``(n, 72, 40)``.

        Returns
        -------
        torch.Tensor
            Levels in bels, shape ``(n, 16, 40)``.

        Raises
        ------
        TypeError, ValueError
            When shapes do not fit.
        """
        if shapes.shape != (len(weights), N_SOURCES, N_BANDS):
            raise ValueError(
                f"shapes must have shape ({len(weights)}, {N_SOURCES}, {N_BANDS}), "
                f"got {tuple(shapes.shape)}"
            )
        return torch.log10(torch.pow(10.0, self.levels(weights)) @ shapes + FLOOR)

    def loss(
        self, weights: torch.Tensor, shapes: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared difference of a note's picture and the one wanted.

        Parameters
        ----------
        weights : torch.Tensor
            Shape ``(n, n_weights)``.
        shapes : torch.Tensor
            As for :meth:`picture`.
        target : torch.Tensor
            Pictures of the notes, shape ``(n, 16, 40)``.

        Returns
        -------
        torch.Tensor
            Squared bels, shape ``(n,)``: 0.01 is an error of one decibel everywhere.

        Raises
        ------
        TypeError, ValueError
            When shapes do not fit.
        """
        if target.shape != (len(weights), N_TIMES, N_BANDS):
            raise ValueError(
                f"target must have shape ({len(weights)}, {N_TIMES}, {N_BANDS}), "
                f"got {tuple(target.shape)}"
            )
        return (self.picture(weights, shapes) - target).square().mean(dim=(1, 2))

    def sample(self, weights: torch.Tensor, pitch: int, seed: int = 0) -> np.ndarray:
        """Play the note that the weights of one network describe.

        Parameters
        ----------
        weights : torch.Tensor
            Shape ``(n_weights,)``.
        pitch : int
            MIDI note number, 48 to 84; it need not be that of the note that was fitted.
        seed : int
            Of the noise and the phases.

        Returns
        -------
        numpy.ndarray
            One second at 16 kHz, float32, peak 0.5.

        Raises
        ------
        TypeError, ValueError
            When weights or pitch do not fit, or the levels are not finite.
        """
        if not isinstance(weights, torch.Tensor) or weights.ndim != 1:
            raise ValueError(f"weights must have shape (n_weights,), got {describe(weights)}")
        with torch.no_grad():
            levels = self.levels(weights[None].float(), np.arange(63) * 0.016)[0]
        return render_levels(levels.numpy(), pitch, seed)

    def _check(self, weights: Any) -> None:
        """Weights are rows of the right length."""
        if not isinstance(weights, torch.Tensor):
            raise TypeError(f"weights must be a tensor, got {describe(weights)}")
        if weights.ndim != 2 or weights.shape[1] != self.n_weights:
            raise ValueError(
                f"weights must have shape (n, {self.n_weights}), got {tuple(weights.shape)}"
            )
