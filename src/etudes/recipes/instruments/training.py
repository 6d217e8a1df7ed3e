"""Train a network on episodes of layered and plain training instruments.

The idea in a sentence: many short tasks with more classes than the test has, and the weights that
do best on instruments of other families are kept. Chapter 06.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from etudes.episodes import Episode
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationNetwork
from etudes.recipes.instruments.notes import InTurn, LayeredEpisodes, Notes
from etudes.train import History, cosine_schedule, fit


def train(
    model: PrototypicalNetwork | RelationNetwork,
    notes: Notes,
    steps: int,
    *,
    validation: Notes | None = None,
    n_way: int = 16,
    k_shots: Sequence[int] = (1, 5),
    n_query: int = 3,
    share: float = 0.7,
    colour: float = 0.3,
    lr: float = 2e-3,
    seed: int = 0,
    every: int = 300,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """Train a learner on episodes of layered and plain instruments.

    Parameters
    ----------
    model
        A network with ``loss(episode)``; trained in place.
    notes
        Training notes.
    steps
        Episodes, one a step; the learning rate rises for fifty and falls along a cosine.
    validation
        Notes of instruments not trained on; the weights that do best on 5-way 5-shot and 1-shot
        episodes of these are kept. Without them, the last ones.
    n_way, n_query
        Classes of a training episode (more than at test time: a harder school) and questions for
        each.
    k_shots
        Support items for each class, in turn.
    share
        Fraction of classes that are layered; see
        :class:`~etudes.recipes.instruments.notes.LayeredEpisodes`.
    colour
        Spread of each class's own filter and envelope; see there.
    lr
        Largest step size of Adam.
    seed
        Of the episodes.
    every
        Steps between validations.
    checkpoint
        Where to keep the state of the run, so that it can go on after an interruption.
    progress
        Show a bar.

    Returns
    -------
    History
    """
    episodes = [
        LayeredEpisodes(notes, notes.sampler(n_way, k, n_query, seed), share, colour, seed)
        for k in k_shots
    ]

    def validate(network: nn.Module) -> float:
        right = [(network(e).argmax(1) == e.query_y).float().mean() for e in tasks]
        return float(torch.stack(right).mean())

    tasks: list[Episode] = []
    if validation is not None:
        for k in (1, 5):
            sampler = validation.sampler(5, k, 10, seed=10_000)
            tasks += [sampler[i] for i in range(60)]
    return fit(
        model,
        lambda network, episode: network.loss(episode),  # type: ignore[operator]
        InTurn(episodes),
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=lr, weight_decay=1e-4),
        schedule=cosine_schedule(steps, min(50, steps // 4)),
        validate=validate if tasks else None,
        every=every,
        checkpoint=checkpoint,
        seed=seed,
        clip=5.0,
        progress=progress,
    )
