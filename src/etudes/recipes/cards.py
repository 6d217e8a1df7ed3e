"""A trained network in the package: its weights, and a card that says what they are.

The idea in a sentence: weights without a card are a riddle, so the two are written together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from etudes.files import write_atomically
from etudes.train import save_weights
from etudes.train.weights import WEIGHTS_FOLDER

__all__ = ["save_with_card", "write_card"]


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
    write_card(WEIGHTS_FOLDER / f"{name}.md", told)


def write_card(path: Path, facts: Mapping[str, str]) -> None:
    """Write a card: what a file of the same name in the same folder is.

    Parameters
    ----------
    path
        Of the card; its name without the ending is the heading.
    facts
        One row of the table each, in this order.
    """
    lines = [f"# {path.stem}", "", "| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in facts.items()]
    write_atomically(path, ("\n".join(lines) + "\n").encode())
