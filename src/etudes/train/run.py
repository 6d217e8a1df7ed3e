"""The state of a training run, kept so that an interrupted one goes on; see :mod:`etudes.train`."""

from __future__ import annotations

import hashlib
import io
import os
import random
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from etudes.files import write_atomically
from etudes.train.weights import check_same_shapes, copy_of


@dataclass
class History:
    """What happened during training.

    Parameters
    ----------
    losses : list of float
        Loss of every step, mean over its batches.
    validation : list of (int, float)
        Steps done and the validation measure found then, higher is better.
    best_step : int
        Steps done when validation was best; without validation, all of them.
    best_validation : float or None
        The best validation measure.
    stopped_early : bool
        Whether patience ran out before ``steps`` were done.
    resumed_from : int
        Steps that an earlier, interrupted run had done already.
    seconds : float
        Time spent in all runs together.
    """

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    best_step: int = 0
    best_validation: float | None = None
    stopped_early: bool = False
    resumed_from: int = 0
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """Steps done."""
        return len(self.losses)


@dataclass
class Run:
    """Everything that a run needs to go on as if nothing had happened."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    history: History
    best: dict[str, torch.Tensor]
    without_gain: int

    def record(self, value: float, patience: int | None) -> None:
        """Take note of a validation: keep the best weights, or lose patience."""
        history = self.history
        history.validation.append((history.steps, value))
        if history.best_validation is None or value > history.best_validation:
            history.best_validation, history.best_step = value, history.steps
            self.best, self.without_gain = copy_of(self.model), 0
        else:
            self.without_gain += 1
            history.stopped_early = patience is not None and self.without_gain >= patience

    def save(self, path: Path, seed: int) -> None:
        """Write the state, with a checksum before it."""
        box = io.BytesIO()
        state = {
            "seed": seed,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "without_gain": self.without_gain,
            "history": vars(self.history),
        }
        torch.save(state, box)
        content = box.getvalue()
        write_atomically(path, hashlib.sha256(content).digest() + content)

    def load(self, path: Path, seed: int) -> None:
        """Take up the state written before; a damaged file is set aside with a warning."""
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            aside = path.with_name(path.name + ".damaged")
            os.replace(path, aside)
            warnings.warn(
                f"checkpoint {path.name} is damaged; training starts anew ({aside.name} kept)",
                stacklevel=3,
            )
            return
        state = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
        check_same_shapes(state["model"], self.model, f"checkpoint {path.name}")
        if state["seed"] != seed:
            raise ValueError(
                f"checkpoint {path.name} was made with seed {state['seed']}, got seed {seed}: give "
                "another path, or resume=False to start anew"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.without_gain = state["best"], state["without_gain"]
        vars(self.history).update(state["history"])
        self.history.resumed_from = self.history.steps


class Generators:
    """The global random generators: seeded for each batch, put back at the end."""

    def __init__(self) -> None:
        legacy = np.random.get_state()  # noqa: NPY002
        self.before = (random.getstate(), legacy, torch.random.get_rng_state())

    def seed(self, seed: int, number: int) -> None:
        """Random numbers for batch ``number`` of a run."""
        word = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        random.seed(word)
        np.random.seed(word)  # noqa: NPY002 (a loss may call libraries that use it)
        torch.manual_seed(word)

    def restore(self) -> None:
        """As before the run."""
        random.setstate(self.before[0])
        np.random.set_state(self.before[1])  # noqa: NPY002
        torch.random.set_rng_state(self.before[2])
