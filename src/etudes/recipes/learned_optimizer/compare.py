"""Everybody fits the same test notes from the same starts.

The idea in a sentence: an optimizer is judged by the loss after a number of steps on notes that
nobody practised on, against rivals whose step size was chosen for that number of steps. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from etudes.evaluate import Estimate, bootstrap_mean, bootstrap_ratio, log_spectral_distance
from etudes.generators.harmonic_noise import NoteNetwork, note_picture
from etudes.learners.meta_network import descend
from etudes.recipes.learned_optimizer.rivals import RATES, RIVALS, Tuned, tune
from etudes.recipes.learned_optimizer.tasks import Batch, NoteTasks

VALIDATION_SEED, TEST_SEED = 10_000, 2016
LONG = (100, 200)
"""Steps far beyond the twenty that an optimizer practised."""

SIZES = (4, 8, 32, 64)
"""Hidden units of inner networks that nobody practised on; 16 is the one of training."""

HEARD = (0, 5, 20)
"""Steps at which the sound is compared."""


@dataclass(eq=False)
class Fits:
    """What everybody reached.

    Attributes
    ----------
    program
        Instrument of each test note, shape ``(n_notes,)``.
    losses
        Method → losses, ``(n_notes, n_steps + 1)``.
    distances
        Method → step → distance of the sound from the note's, dB, ``(n_notes,)``.
    tuned
        Method → the rival and its step size.
    best
        The better of Adam with a constant and with a falling step size, at 20 steps, on validation
        notes.
    """

    program: np.ndarray
    losses: dict[str, np.ndarray] = field(default_factory=dict)
    distances: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    best: str = "adam"

    def loss(self, name: str, step: int) -> Estimate:
        """Mean loss of a method after some steps, with the interval over instruments."""
        return bootstrap_mean(self.losses[name][:, step], self.program)

    def ratio(self, name: str, other: str, step: int) -> Estimate:
        """Loss of one method over another's, on the same notes."""
        ours, theirs = self.losses[name][:, step], self.losses[other][:, step]
        return bootstrap_ratio(ours, theirs, self.program)

    def distance(self, name: str, step: int) -> Estimate:
        """Mean distance of the sound from the note's, dB."""
        return bootstrap_mean(self.distances[name][step], self.program)

    def lines(self) -> list[str]:
        """What came out, a line for each method."""
        lines = [f"best Adam at 20 steps on validation notes: {self.best}"]
        for name, losses in self.losses.items():
            steps = [step for step in (0, 5, 20, *LONG) if step < losses.shape[1]]
            reached = "  ".join(f"{step}: {losses[:, step].mean():.4f}" for step in steps)
            rate = f"  {self.tuned[name].setting}" if name in self.tuned else ""
            lines.append(f"{name:28s} {reached}{rate}")
        for name, sounds in self.distances.items():
            heard = "  ".join(f"{step}: {self.distance(name, step)}" for step in sounds)
            lines.append(f"{name:28s} dB  {heard}")
        for rival in (self.best, "adam-betas"):
            lines.append(f"learned over {rival}, 20 steps: {self.ratio('learned', rival, 20)}")
        return lines


@dataclass(frozen=True, eq=False)
class Sizes:
    """Loss at twenty steps on inner networks of other sizes, over the best Adam's there.

    Attributes
    ----------
    ratios
        Hidden units → ratio with its interval.
    losses
        Hidden units → mean loss of the learned optimizer and of the best Adam.
    """

    ratios: dict[int, Estimate]
    losses: dict[int, tuple[float, float]]

    def lines(self) -> list[str]:
        """What came out, a line for each size."""
        return [f"{size} hidden units: {ratio}" for size, ratio in self.ratios.items()]


def best_adam(
    batch: Batch,
    network: NoteNetwork,
    n_steps: int,
    among: Sequence[str] = ("adam", "adam-decay"),
) -> Tuned:
    """The best of some kinds of Adam, each tuned.

    Parameters
    ----------
    batch
        Validation notes.
    network
        The inner network.
    n_steps
        When to look.
    among
        Names of rivals.

    Returns
    -------
    Tuned
    """
    return min((tune(name, batch, network, n_steps) for name in among), key=lambda one: one.loss)


def compare(networks: Mapping[str, Any], validation: NoteTasks, test: NoteTasks) -> Fits:
    """Tune the rivals on validation notes, and fit the test notes with everything.

    Parameters
    ----------
    networks
        Trained outer networks by name: ``learned…``, ``hypernetwork``, ``common-start``.
    validation, test
        Notes.

    Returns
    -------
    Fits
    """
    network = NoteNetwork()
    chosen_on = validation.everything(every=2, seed=VALIDATION_SEED)
    batch = test.everything(seed=TEST_SEED)
    loss, start = batch.loss(network), batch.start(network)
    fits = Fits(test.program)
    kept: dict[str, dict[int, torch.Tensor]] = {}

    def run(name: str, tuned: Tuned, begin: torch.Tensor | None = None) -> None:
        losses, kept[name] = tuned.run(batch, network, begin, keep=_within(HEARD, tuned.n_steps))
        fits.losses[name], fits.tuned[name] = losses.numpy(), tuned

    for name in RIVALS:
        run(name, tune(name, chosen_on, network, 20))
    for n_steps in LONG:
        run(f"adam-for-{n_steps}", best_adam(chosen_on, network, n_steps))
        everything = best_adam(chosen_on, network, n_steps, ("adam-betas", "adam-decay"))
        run(f"adam-betas-for-{n_steps}", everything)
    fits.best = min(("adam", "adam-decay"), key=lambda name: fits.tuned[name].loss)

    for name, model in networks.items():
        if name.startswith("learned"):
            losses, kept[name] = descend(model, loss, start, max(LONG), keep=HEARD)
            fits.losses[name] = losses.numpy()
        else:
            with torch.no_grad():
                begin = model(batch.example())
                chosen_from = model(chosen_on.example())
            low = [(lr,) for lr in (0.001, 0.002, 0.005, *RATES)]
            run(f"{name}-adam", tune("adam", chosen_on, network, 20, chosen_from, low), begin)
            losses, kept[f"{name}-learned"] = descend(
                networks["learned"], loss, begin, 20, keep=HEARD
            )
            fits.losses[f"{name}-learned"] = losses.numpy()

    for name in (fits.best, "adam-betas", "learned", "hypernetwork-adam"):
        if name in kept:
            fits.distances[name] = {
                step: sound_distance(network, weights, test) for step, weights in kept[name].items()
            }
    return fits


def sound_distance(network: NoteNetwork, weights: torch.Tensor, notes: NoteTasks) -> np.ndarray:
    """Distance of what the networks play from the notes themselves.

    Parameters
    ----------
    network
        The inner network.
    weights
        Of each note, shape ``(n_notes, n_weights)``.
    notes
        The notes.

    Returns
    -------
    np.ndarray
        Log-spectral distance of the sounds, dB, shape ``(n_notes,)``.
    """
    sounds = [
        network.sample(row, int(pitch)) for row, pitch in zip(weights, notes.pitch, strict=True)
    ]
    return log_spectral_distance(note_picture(np.stack(sounds)), notes.pictures.numpy())


def compare_sizes(optimizer: torch.nn.Module, validation: NoteTasks, test: NoteTasks) -> Sizes:
    """Give a learned optimizer inner networks of other sizes; Adam is tuned anew for each.

    Parameters
    ----------
    optimizer
        Trained on networks of 16 hidden units.
    validation, test
        Notes.

    Returns
    -------
    Sizes
    """
    ratios, means = {}, {}
    chosen_on = validation.everything(every=2, seed=VALIDATION_SEED)
    batch = test.everything(seed=TEST_SEED)
    for size in SIZES:
        network = NoteNetwork(size)
        theirs = best_adam(chosen_on, network, 20).run(batch, network)[0][:, -1].numpy()
        ours, _ = descend(optimizer, batch.loss(network), batch.start(network), 20)
        final = ours[:, -1].numpy()
        ratios[size] = bootstrap_ratio(final, theirs, test.program)
        means[size] = (float(final.mean()), float(theirs.mean()))
    return Sizes(ratios, means)


def _within(steps: tuple[int, ...], n_steps: int) -> tuple[int, ...]:
    return tuple(step for step in steps if step <= n_steps)
