"""A trained network in the package: its weights, and a card that says what they are.

The idea in a sentence: weights without a card are a riddle, so the two are written together.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from etudes.files import write_atomically
from etudes.train import save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["save_with_card"]


def save_with_card(name: str, model: nn.Module, facts: Mapping[str, str], command: str) -> None:
    """Write weights in 16 bits, and a card.

    Parameters
    ----------
    name
        Of both files, without their endings.
    model
        Trained.
    facts
        What the card says, in this order; how many weights there are, and the command, are added.
    command
        That was run.
    """
    save_weights(model, WEIGHTS_FOLDER / f"{name}.safetensors", {"command": command}, half=True)
    n_weights = sum(p.numel() for p in model.parameters())
    told = {**facts, "Weights": f"{n_weights:,}, kept in 16 bits", "Command": f"`{command}`"}
    lines = [f"# {name}", "", "| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in told.items()]
    write_atomically(WEIGHTS_FOLDER / f"{name}.md", ("\n".join(lines) + "\n").encode())
