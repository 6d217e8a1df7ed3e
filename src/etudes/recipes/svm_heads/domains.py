"""Instruments and styles behind one face: practise, and tasks of classes never practised.

The idea in a sentence: the recipe asks the same questions of both, so both answer the same calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from etudes.checks import check_in
from etudes.data.scores import TEST_STYLES
from etudes.episodes import EpisodeSampler
from etudes.recipes.instruments.notes import InTurn, Notes, load_notes
from etudes.recipes.instruments.training import train as train_instruments
from etudes.recipes.styles.tunes import describe, fit_space, load_tunes
from etudes.recipes.svm_heads.networks import make_network
from etudes.train import History, cosine_schedule, fit

N_WAY = {"instruments": 8, "styles": 5}
"""Classes of a training task; there are nine training styles."""

K_SHOTS = (1, 5)
"""Shots of training tasks, in turn, the same for every head."""

LOADED = {
    "instruments": "General MIDI notes of 1 s at 16 kHz from the TimGM6mb soundfont, 20 notes of "
    "each of 32 instruments of families not trained on (organs, strings, reeds, synth pads)",
    "styles": f"folk tunes from music21's corpus, test styles {', '.join(TEST_STYLES)}",
}
"""What the test tasks are made of, for the ledger."""


@dataclass(frozen=True)
class Domain:
    """What the recipe needs to know of instruments or of styles.

    Attributes
    ----------
    name
        ``"instruments"`` or ``"styles"``.
    make
        ``make(head, seed, **settings)``, a network with fresh weights.
    train
        ``train(model, steps, lr, seed, checkpoint, progress)``, in place.
    items
        ``items(split)``: all items of ``"validation"`` or ``"test"`` as learners see them.
    tasks
        ``tasks(split, x, k_shot)``: 5-way tasks of that split, its items described by ``x``.
    """

    name: str
    make: Callable[..., Any]
    train: Callable[..., History]
    items: Callable[[str], torch.Tensor]
    tasks: Callable[[str, torch.Tensor, int], EpisodeSampler]


def instruments(n_notes: int = 98) -> Domain:
    """Notes of instruments, in the families' splits.

    Parameters
    ----------
    n_notes
        Training notes of each instrument.

    Returns
    -------
    Domain
    """
    notes = load_notes("train", n_notes)
    others = {split: load_notes(split) for split in ("validation",)}

    def split_notes(split: str) -> Notes:
        if split not in others:  # the test families are not even loaded before they are asked for
            others[split] = load_notes(split)
        return others[split]

    def train(
        model: Any,
        steps: int,
        lr: float = 1e-3,
        seed: int = 0,
        checkpoint: Path | None = None,
        validate: bool = True,
        progress: bool = False,
    ) -> History:
        return train_instruments(
            model,
            notes,
            steps,
            validation=split_notes("validation") if validate else None,
            n_way=N_WAY["instruments"],
            k_shots=K_SHOTS,
            lr=lr,
            seed=seed,
            checkpoint=checkpoint,
            progress=progress,
        )

    def tasks(split: str, x: torch.Tensor, k_shot: int) -> EpisodeSampler:
        known = split_notes(split)
        n_query = min(10, 20 - k_shot)
        return Notes(x, known.program, known.pitch).sampler(5, k_shot, n_query, _SEEDS[split])

    return Domain("instruments", make_network, train, lambda s: split_notes(s).x, tasks)


def styles() -> Domain:
    """Folk tunes, described by statistics, in the space that training styles make of them.

    Returns
    -------
    Domain
    """
    training = load_tunes("train", unlabelled=True)
    x_training = describe(training)
    space = fit_space(training, x_training)
    common = training.common
    others: dict[str, Any] = {}

    def split_tunes(split: str) -> Any:
        if split not in others:
            others[split] = load_tunes(check_in(split, "split", ("validation", "test")))
        return others[split]

    def make(head: str, seed: int = 0, **settings: Any) -> Any:
        return make_network(head, seed, space=space, **settings)

    def train(
        model: Any,
        steps: int,
        lr: float = 1e-3,
        seed: int = 0,
        checkpoint: Path | None = None,
        validate: bool = True,
        progress: bool = False,
    ) -> History:
        practised = training.only(common)
        episodes = [
            practised.sampler(x_training[common], N_WAY["styles"], k, seed=100 + seed)
            for k in K_SHOTS
        ]
        history = fit(
            model,
            lambda network, episode: network.loss(episode),
            InTurn(episodes),
            steps=steps,
            optimizer=lambda p: torch.optim.AdamW(p, lr=lr, weight_decay=0.01),
            schedule=cosine_schedule(steps, min(50, steps // 4)),
            checkpoint=checkpoint,
            seed=seed,
            clip=5.0,
            progress=progress,
        )
        model.eval()
        return history

    def tasks(split: str, x: torch.Tensor, k_shot: int) -> EpisodeSampler:
        return split_tunes(split).sampler(x, 5, k_shot, _SEEDS[split])

    return Domain("styles", make, train, lambda s: describe(split_tunes(s)), tasks)


_SEEDS = {"validation": 77, "test": 2018}

DOMAINS: dict[str, Callable[[], Domain]] = {"instruments": instruments, "styles": styles}
"""The two, by name."""
