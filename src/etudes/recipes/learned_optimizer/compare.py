"""Everybody fits the same test notes from the same starts.

The idea in a sentence: an optimizer is judged by the loss after a number of steps on notes that
nobody practised on, against rivals whose step size was chosen for that number of steps. Chapter 03.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch

from etudes.evaluate import Estimate, bootstrap_mean, bootstrap_ratio, log_spectral_distance
from etudes.generators.harmonic_noise import NoteNetwork, note_picture
from etudes.learners.meta_network import descend
from etudes.recipes.learned_optimizer.rivals import BETAS, FACTORS, RATES, RIVALS, Tuned, tune
from etudes.recipes.learned_optimizer.tasks import Batch, NoteTasks

VALIDATION_SEED, TEST_SEED = 10_000, 2016
LONG = (100, 200)
"""Steps far beyond the twenty that an optimizer practised."""

SIZES = (4, 8, 32, 64)
"""Hidden units of inner networks that nobody practised on; 16 is the one of training."""

HEARD = (0, 5, 20)
"""Steps at which the sound is compared."""

HEARD_ALSO = (
    "adam-betas",
    "rprop",
    "learned",
    "hypernetwork-adam",
    "hypernetwork-learned",
    "adam-betas-for-200",
)
"""Whose sounds are compared, besides the best Adam's; the last after 200 steps."""

KINDS = {"adam": ("adam", "adam-decay"), "adam-betas": ("adam-betas",), "rprop": ("rprop",)}
"""Rivals that a learned optimizer is held against, and what each may choose from: Adam as papers
tune it, with a constant or a falling step size; Adam with its decay rates tuned; Rprop."""

LOW_RATES = (0.001, 0.002, 0.005, *RATES)
"""Step sizes for a start that is nearly there."""


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
    replays
        Distance of what the learned optimizer's networks play at step 20 from what they play with
        other noise and phases, dB, ``(n_notes,)``: no fit can be expected to come nearer.
    tuned
        Method → the rival and its step size.
    best
        The better of Adam with a constant and with a falling step size, at 20 steps, on validation
        notes.
    """

    program: np.ndarray
    losses: dict[str, np.ndarray] = field(default_factory=dict)
    distances: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    replays: np.ndarray = field(default_factory=lambda: np.zeros(0))
    tuned: dict[str, Tuned] = field(default_factory=dict)
    best: str = "adam"

    def rival(self, kind: str, step: int = 20) -> str:
        """Under which name a rival of :data:`KINDS` ran that was tuned for so many steps."""
        if step != 20:
            return f"{kind}-for-{step}"
        return self.best if kind == "adam" else kind

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

    def replayed(self) -> Estimate:
        """Mean distance of two performances of the same networks, dB."""
        return bootstrap_mean(self.replays, self.program)

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
        lines.append(f"played twice                 dB  {self.replayed()}")
        for rival in map(self.rival, KINDS):
            lines.append(f"learned over {rival}, 20 steps: {self.ratio('learned', rival, 20)}")
        return lines


@dataclass(frozen=True, eq=False)
class Sizes:
    """Loss at twenty steps on inner networks of other sizes, over the rivals' there.

    Attributes
    ----------
    over
        Rival of :data:`KINDS` → hidden units → ratio with its interval, the rival tuned for that
        size.
    """

    over: dict[str, dict[int, Estimate]]

    def lines(self) -> list[str]:
        """What came out, a line for each size and rival."""
        return [
            f"{size} hidden units, over {rival}: {ratio}"
            for rival, ratios in self.over.items()
            for size, ratio in ratios.items()
        ]


def best_of(among: Sequence[str], batch: Batch, network: NoteNetwork, n_steps: int) -> Tuned:
    """The best of some rivals, each tuned.

    Parameters
    ----------
    among
        Names of rivals.
    batch
        Validation notes.
    network
        The inner network.
    n_steps
        When to look.

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
        keep = HEARD if tuned.n_steps == 20 else (tuned.n_steps,)
        losses, kept[name] = tuned.run(batch, network, begin, keep)
        fits.losses[name], fits.tuned[name] = losses.numpy(), tuned

    for name in RIVALS:
        run(name, tune(name, chosen_on, network, 20))
    for n_steps in LONG:
        for kind, among in {**KINDS, "adam-betas": ("adam-betas", "adam-decay")}.items():
            run(f"{kind}-for-{n_steps}", best_of(among, chosen_on, network, n_steps))
    fits.best = min(("adam", "adam-decay"), key=lambda name: fits.tuned[name].loss)

    for name, model in networks.items():
        if name.startswith("learned"):
            losses, kept[name] = descend(model, loss, start, max(LONG), keep=HEARD)
            fits.losses[name] = losses.numpy()
        else:
            with torch.no_grad():
                begin = model(batch.example())
                chosen_from = model(chosen_on.example())
            for rival, others in (("adam", ()), ("adam-betas", BETAS), ("rprop", FACTORS)):
                low = list(product(LOW_RATES, *others))
                tuned = tune(rival, chosen_on, network, 20, chosen_from, low)
                run(f"{name}-{rival}", tuned, begin)
            losses, kept[f"{name}-learned"] = descend(
                networks["learned"], loss, begin, 20, keep=HEARD
            )
            fits.losses[f"{name}-learned"] = losses.numpy()

    for name in (fits.best, *HEARD_ALSO):
        if name in kept:
            fits.distances[name] = {
                step: log_spectral_distance(
                    performed(network, weights, test), test.pictures.numpy()
                )
                for step, weights in kept[name].items()
            }
    twice = [performed(network, kept["learned"][20], test, seed) for seed in (0, 1)]
    fits.replays = log_spectral_distance(*twice)
    return fits


def performed(
    network: NoteNetwork, weights: torch.Tensor, notes: NoteTasks, seed: int = 0
) -> np.ndarray:
    """Pictures of what the networks play.

    Parameters
    ----------
    network
        The inner network.
    weights
        Of each note, shape ``(n_notes, n_weights)``.
    notes
        The notes that they were fitted to, which say the pitches.
    seed
        Of noise and phases.

    Returns
    -------
    np.ndarray
        Levels in bels, shape ``(n_notes, 16, 40)``.
    """
    sounds = [
        network.sample(row, int(pitch), seed)
        for row, pitch in zip(weights, notes.pitch, strict=True)
    ]
    return note_picture(np.stack(sounds))


def compare_sizes(optimizer: torch.nn.Module, validation: NoteTasks, test: NoteTasks) -> Sizes:
    """Give a learned optimizer inner networks of other sizes; rivals are tuned anew for each.

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
    over: dict[str, dict[int, Estimate]] = {kind: {} for kind in KINDS}
    chosen_on = validation.everything(every=2, seed=VALIDATION_SEED)
    batch = test.everything(seed=TEST_SEED)
    for size in SIZES:
        network = NoteNetwork(size)
        ours, _ = descend(optimizer, batch.loss(network), batch.start(network), 20)
        for kind, among in KINDS.items():
            theirs, _ = best_of(among, chosen_on, network, 20).run(batch, network)
            last = ours[:, -1].numpy(), theirs[:, -1].numpy()
            over[kind][size] = bootstrap_ratio(*last, test.program)
    return Sizes(over)
