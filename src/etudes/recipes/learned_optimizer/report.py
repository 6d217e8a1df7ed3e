"""What the command of :mod:`etudes.recipes.learned_optimizer` writes: ledger rows and checkpoints.

Chapter 03.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from etudes import ledger
from etudes.data.instruments import TRAIN_PROGRAMS
from etudes.recipes.learned_optimizer.compare import KINDS, LONG, Fits, Sizes
from etudes.recipes.learned_optimizer.rivals import RIVALS
from etudes.recipes.rows import Measured, Rows
from etudes.train import History, save_weights
from etudes.train.weights import WEIGHTS_FOLDER

WORDS = {
    "sgd": "gradient descent, step size tuned",
    "momentum": "momentum, step size and momentum tuned",
    "adam": "Adam, step size tuned",
    "adam-decay": "Adam with a falling step size, tuned",
    "adam-betas": "Adam, step size and both decay rates tuned",
    "rprop": "Rprop, step size and both factors tuned",
    "learned": "the learned optimiser, trained on 20 steps",
    "learned-100": "the learned optimiser, trained on 100 steps in truncated unrolls of 20",
    "hypernetwork-adam": "Adam, tuned, from the hypernetwork's start",
    "hypernetwork-adam-betas": "Adam, decay rates tuned as well, from the hypernetwork's start",
    "hypernetwork-rprop": "Rprop, all numbers tuned, from the hypernetwork's start",
    "hypernetwork-learned": "the learned optimiser from the hypernetwork's start",
    "common-start-adam": "Adam, tuned, from one common start",
    "common-start-adam-betas": "Adam, decay rates tuned as well, from one common start",
    "common-start-rprop": "Rprop, all numbers tuned, from one common start",
    "common-start-learned": "the learned optimiser from one common start",
}
"""What the ledger calls each method in a sentence."""


def in_words(name: str) -> str:
    """A method in a sentence; ``adam-for-100`` is Adam, tuned for 100 steps.

    Parameters
    ----------
    name
        One of :data:`WORDS`, with or without ``-for-`` and a number of steps.

    Returns
    -------
    str
    """
    kind, _, steps = name.partition("-for-")
    return WORDS[kind] + (f" for {steps} steps" if steps else "")


def over(kind: str) -> str:
    """How an id ends that compares with a rival; the first that everybody names goes unsaid."""
    return "" if kind == "adam" else f".over-{kind}"


STARTS = ("hypernetwork", "common-start")
STEM = "03.notes"
DATASET = (
    "{n} General MIDI notes of 1 s at 16 kHz, C3 to C6, from the TimGM6mb soundfont, of {k} "
    "instruments of families not trained on (organs, strings, reeds, synth pads)"
)


def write_rows(fits: Fits, sizes: Sizes, command: str, seconds: float) -> None:
    """Write the comparison into the ledger.

    Parameters
    ----------
    fits, sizes
        What the test notes showed.
    command
        The command line.
    seconds
        Training and evaluation together.
    """
    n_notes, n_programs = len(fits.program), len(np.unique(fits.program))
    rows = Rows(DATASET.format(n=n_notes, k=n_programs), command, 0, seconds)

    def write(name: str, claim: str, found: Measured, unit: str, **more: Any) -> None:
        n = f"{n_notes} notes of {n_programs} instruments"
        rows.estimate(f"{STEM}.{name}", claim, found, unit, n, **more)

    beside = {name: fits.ratio(name, fits.best, 20).mean for name in RIVALS}
    for kind in KINDS:
        write(
            f"loss-ratio.20-steps{over(kind)}",
            f"Loss after 20 steps: the learned optimiser over {in_words(fits.rival(kind))}",
            fits.ratio("learned", fits.rival(kind), 20),
            "ratio",
            baselines=beside if kind == "adam" else {},
        )
    for name, losses in fits.losses.items():
        if name.startswith("learned-seed"):
            continue
        for step in (0, 5, 20, *LONG):
            if step < losses.shape[1]:
                claim = f"Loss after {step} steps: {in_words(name)}"
                write(f"loss.{step}-steps.{name}", claim, fits.loss(name, step), "squared bels")
    for step in LONG:
        for name in ("learned", "learned-100"):
            for kind in KINDS:
                other = fits.rival(kind, step)
                claim = f"Loss after {step} steps: {in_words(name)}, over {in_words(other)}"
                ratio = fits.ratio(name, other, step)
                write(f"loss-ratio.{step}-steps.{name}{over(kind)}", claim, ratio, "ratio")
    starts = [f"{start}-{then}" for start in STARTS for then in (*KINDS, "learned")]
    for name in ("learned-100", *starts):
        for kind in KINDS:
            rival = fits.rival(kind)
            claim = f"Loss after 20 steps: {in_words(name)}, over {in_words(rival)}"
            ratio = fits.ratio(name, rival, 20)
            write(f"loss-ratio.20-steps.{name}{over(kind)}", claim, ratio, "ratio")
    for name, steps in fits.distances.items():
        for step in steps:
            claim = f"Log-spectral distance of the sound, step {step}: {in_words(name)}"
            write(f"distance.{step}-steps.{name}", claim, fits.distance(name, step), "dB")
    claim = (
        "Log-spectral distance of two performances, with other noise and phases, of what the "
        "learned optimiser reached at step 20"
    )
    write("distance.played-twice", claim, fits.replayed(), "dB")
    for kind, ratios in sizes.over.items():
        for size, ratio in ratios.items():
            claim = (
                f"Inner network of {size} hidden units instead of 16, loss after 20 "
                f"steps: the learned optimiser over {in_words(kind)} for that size"
            )
            write(f"loss-ratio.20-steps.hidden-{size}{over(kind)}", claim, ratio, "ratio")
    trainings = [n for n in fits.losses if n == "learned" or n.startswith("learned-seed")]
    for step in (20, *LONG):
        for kind, ending in (
            ("adam" if step == 20 else "adam-betas", ""),
            ("rprop", over("rprop")),
        ):
            rival = fits.rival(kind, step)
            if len(trainings) > 1:
                rows.repeated(
                    f"{STEM}.loss-ratio.{step}-steps.seeds{ending}",
                    f"Loss after {step} steps: the learned optimiser over {in_words(rival)}, mean "
                    f"of {len(trainings)} trainings",
                    [fits.ratio(name, rival, step).mean for name in trainings],
                    "ratio",
                )


CARDS = {
    "learned": ("A learned optimiser", "Trained on 20 inner steps"),
    "learned-100": (
        "A learned optimiser",
        "Trained on 100 inner steps, in truncated unrolls of 20",
    ),
    "hypernetwork": ("A hypernetwork", "Trained to propose weights that need no step"),
}

CARD = """# 03-notes-{name}

{what} for the notes of chapter 03: {how}.

| | |
| --- | --- |
| Command | `{command}` |
| Data | {n_notes} notes of each of {n_programs} General MIDI instruments from the TimGM6mb soundfont, those between C3 and C6, 1 s, 16 kHz, as pictures of 16 moments and 40 mel bands |
| Never seen | guitars and brass (validation); organs, strings, reeds, pads (test) |
| Inner network | 6 features of time, 16 hidden units, 72 levels: 1,336 weights |
| Steps | {steps} outer steps; best weights at step {best_step} |
| Weights | {n_weights:,} |
| Seed | 0 |
| Time | {seconds:.0f} s on {hardware} |
| Validation | mean log10 loss {loss:.3f} on guitars and brass |
| Test | see rows `03.notes.*` of the ledger |
| Use | `etudes.recipes.learned_optimizer.load_trained("{name}")` |
| Limits | Made for one family of small networks and one loss; nothing is promised about others |
"""  # noqa: E501


def save(name: str, model: nn.Module, history: History, facts: dict[str, Any]) -> None:
    """Write a checkpoint and its card into the package.

    Parameters
    ----------
    name
        The checkpoint becomes ``03-notes-<name>``.
    model
        The trained outer network.
    history
        Of its training.
    facts
        What else the card says: ``command`` and ``n_notes``.
    """
    what, how = CARDS[name]
    best = history.best_validation
    known = {
        **facts,
        "name": name,
        "what": what,
        "how": how[0].lower() + how[1:],
        "n_programs": len(TRAIN_PROGRAMS),
        "steps": history.steps,
        "best_step": history.best_step,
        "n_weights": sum(p.numel() for p in model.parameters()),
        "seconds": history.seconds,
        "hardware": ledger.hardware(),
        "loss": float("nan") if best is None else -best,
    }
    path = save_weights(
        model,
        WEIGHTS_FOLDER / f"03-notes-{name}.safetensors",
        {key: str(value) for key, value in known.items()},
    )
    path.with_suffix(".md").write_text(CARD.format(**known), encoding="utf-8")
