"""Train the reader of melodies on many questions at once, before it meets a new style.

The idea in a sentence: asked for style, region, metre, mode and kind of song of training tunes, and
for the other excerpt of the same tune, a small network learns to hear what counting does not. It
is shown notes alone; the header fields are the questions. Chapter 06.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from etudes.evaluate import evaluate
from etudes.learners.centroid import NearestCentroid
from etudes.learners.melody_encoder import (
    MelodyReader,
    Pretraining,
    Symbols,
    crop_symbols,
    tune_symbols,
)
from etudes.recipes.styles.tunes import Tunes
from etudes.train import History, cosine_schedule, fit

#: What the reader is asked about a training tune, and how much each question counts.
QUESTIONS = {"style": 1.0, "region": 0.5, "metre": 0.5, "mode": 0.3, "rhythm": 0.5}
_FEWEST = {"style": 10, "region": 8, "metre": 15, "mode": 15, "rhythm": 8}  # tunes of an answer


class Excerpts:
    """Numbered training batches for the reader: two excerpts of each of 48 tunes, with the answers.

    Rare styles are drawn more often than their share, as the root of their number.

    Parameters
    ----------
    data
        Training tunes.
    seed
        Batch ``i`` depends on ``(seed, i)`` alone.
    """

    def __init__(self, data: Tunes, seed: int = 0, n_tunes: int = 48, longest: int = 64) -> None:
        self.symbols, self.seed = tune_symbols(data.tunes), seed
        self.n_tunes, self.longest = n_tunes, longest
        texts = {
            "style": data.styles,
            "region": data.tunes.column("origin"),
            "metre": data.tunes.column("metre"),
            "mode": data.tunes.column("mode"),
            "rhythm": np.array(
                [re.split("[,;/]", r.lower())[0].strip() for r in data.tunes.column("rhythm")]
            ),
        }
        self.answers: dict[str, torch.Tensor] = {}
        self.sizes: dict[str, int] = {}
        for name, values in texts.items():
            number = Counter(v for v in values.tolist() if v)
            known = sorted(v for v, n in number.items() if n >= _FEWEST[name])
            code = {v: i for i, v in enumerate(known)}
            self.answers[name] = torch.tensor([code.get(v, -1) for v in values.tolist()])
            self.sizes[name] = len(known)
        share = Counter(data.styles.tolist())
        weight = np.array([share[s] ** -0.5 for s in data.styles.tolist()])
        self.chances = weight / weight.sum()

    def __getitem__(self, i: int) -> tuple[Symbols, dict[str, torch.Tensor]]:
        """Batch number ``i``, as ``Pretraining.loss`` wants it."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, i]))
        rows = np.tile(rng.choice(len(self.chances), self.n_tunes, p=self.chances), 2)
        symbols = crop_symbols(self.symbols[rows], self.longest, rng)
        return symbols, {name: answer[rows] for name, answer in self.answers.items()}


def pretrain_reader(
    data: Tunes,
    steps: int,
    validation: Tunes | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[MelodyReader, History]:
    """Train the reader on many labels of training tunes at once.

    Parameters
    ----------
    data
        Training tunes.
    steps
        Batches of 48 tunes.
    validation
        Tunes of other styles: the steps that do best on them, by nearest centroid, are kept.
    seed
        Of weights and batches.
    checkpoint
        Where to keep the state of the run.
    progress
        Show a progress bar.

    Returns
    -------
    MelodyReader, History
    """
    torch.manual_seed(seed)
    batches = Excerpts(data, seed)
    model = Pretraining(MelodyReader(), batches.sizes, QUESTIONS)
    validate: Callable[[Pretraining], float] | None = None
    if validation is not None:
        symbols = tune_symbols(validation.tunes)

        def validate(model: Pretraining) -> float:
            sampler = validation.sampler(model.reader.describe(symbols), seed=1)
            return evaluate(NearestCentroid(), sampler, 100, progress=False).mean

    history = fit(
        model,
        lambda m, batch: m.loss(batch),
        batches,
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.02),
        schedule=cosine_schedule(steps, warmup=max(1, steps // 10)),
        validate=validate,
        every=max(1, steps // 4),
        clip=2.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
    return model.reader, history
