"""What nearly everyone would try first on styles, and how it fails.

The idea in a sentence: a convolutional prototypical network over the first notes of each tune knows
its own tunes all but perfectly, and new styles hardly better than before it was trained. Chapter
06 shows it in its museum.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from etudes.evaluate import FewShotResult, evaluate
from etudes.learners.encoders import MelodyEncoder
from etudes.learners.melody_encoder import VOCABULARY, tune_symbols
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.recipes.styles.tunes import TEST_SEED, Tunes
from etudes.train import fit


def one_hot_notes(data: Tunes, n_notes: int = 64) -> torch.Tensor:
    """First notes of every tune: height and duration one-hot, (n_tunes, 46, n_notes)."""
    kinds = tune_symbols(data.tunes, n_notes).kinds
    parts = [functional.one_hot(kinds[..., i], VOCABULARY[i]) for i in (4, 2)]
    return torch.cat(parts, -1).transpose(1, 2).float()


def naive_failure(
    training: Tunes,
    unseen: Tunes,
    steps: int = 500,
    n_tasks: int = 200,
    tunes_per_style: int | None = 60,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, FewShotResult]:
    """A three-layer convolutional prototypical network: it memorises its training styles and fails
    on others.

    Parameters
    ----------
    training, unseen
        Tunes of disjoint styles.
    steps
        Training episodes.
    n_tasks
        Episodes of each evaluation.
    tunes_per_style
        Train on so many of each style: a few are learned by heart in half a minute, all of them
        (``None``) take longer.
    seed
        Of weights and episodes.
    progress
        Show bars.

    Returns
    -------
    dict
        ``"own"``: episodes of the very tunes that it was trained on; ``"held-out"``: other tunes of
        the same styles; ``"unseen"``: tunes of other styles; and the latter two as the same network
        had them before training, ``"held-out-untrained"`` and ``"unseen-untrained"``.
    """
    torch.manual_seed(seed)
    training = training.only(training.common)
    held = training.tunes.groups % 5 == 0
    x = one_hot_notes(training)
    rows = np.flatnonzero(~held)
    if tunes_per_style is not None:
        first = [rows[training.styles[rows] == style] for style in np.unique(training.styles)]
        rng = np.random.default_rng(seed)
        rows = np.concatenate([rng.permutation(own)[:tunes_per_style] for own in first])
    kept, other = training.only(rows), training.only(held)
    samplers = {
        "own": kept.sampler(x[rows], seed=11),
        "held-out": other.sampler(x[held], seed=12),
        "unseen": unseen.sampler(one_hot_notes(unseen), seed=TEST_SEED),
    }
    model = PrototypicalNetwork(MelodyEncoder(x.shape[1]))
    results = {
        f"{name}-untrained": evaluate(model, samplers[name], n_tasks, progress)
        for name in ("held-out", "unseen")
    }
    fit(
        model,
        lambda m, episode: m.loss(episode),
        kept.sampler(x[rows], seed=10),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=3e-3),
        seed=seed,
        progress=progress,
    )
    results.update({name: evaluate(model, s, n_tasks, progress) for name, s in samplers.items()})
    return results
