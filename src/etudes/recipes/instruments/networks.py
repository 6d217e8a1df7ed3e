"""The networks that learn instruments: an encoder, and prototypes or a relation module on it.

The idea in a sentence: fine steps at a note's onset and coarse ones later, since a note says most
about itself in its first hundredth of a second. Chapter 06.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from etudes.checks import check_in
from etudes.learners.encoders import ConvEncoder
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationModule, RelationNetwork
from etudes.train import load_weights

ITEM_SHAPE = (64, 63)
"""Mel bands and frames of a note: one second at 16 kHz, 1,024 samples a frame, 256 apart."""

FRAME_EDGES = (0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 29, 36, 43, 50, 54, 63)
"""Frames taken together: single ones (16 ms) at the onset, up to nine at the end."""


def make_encoder(output: str = "vector", norm: str = "group") -> ConvEncoder:
    """The embedding network that every learner here shares: three strided blocks, 0.3M weights.

    Parameters
    ----------
    output
        ``"vector"`` of 128 numbers, or ``"maps"`` of shape ``(128, 4, 2)``.
    norm
        ``"group"`` or ``"batch"``.

    Returns
    -------
    ConvEncoder
    """
    return ConvEncoder(
        channels=(64, 96, 128),
        n_blocks=3,
        kernels=(5, 3, 3),
        strides=((4, 2), 2, 2),
        norm=norm,
        output=output,
        n_features=128 if output == "vector" else None,
        item_shape=ITEM_SHAPE,
        input_range=9.0,
        frame_edges=FRAME_EDGES,
    )


def make_prototypical(seed: int = 0) -> PrototypicalNetwork:
    """A prototypical network with fresh weights.

    Parameters
    ----------
    seed
        Of the weights.

    Returns
    -------
    PrototypicalNetwork
    """
    torch.manual_seed(seed)
    return PrototypicalNetwork(make_encoder())


def make_relation(
    loss: str = "squared-error", norm: str = "group", seed: int = 0
) -> RelationNetwork:
    """A relation network with fresh weights.

    Parameters
    ----------
    loss
        ``"squared-error"`` or ``"cross-entropy"``.
    norm
        ``"group"``, or ``"batch"`` as in the paper.
    seed
        Of the weights.

    Returns
    -------
    RelationNetwork
    """
    torch.manual_seed(seed)
    encoder = make_encoder("maps", norm)
    relation = RelationModule(encoder.map_shape(ITEM_SHAPE), norm=norm)
    return RelationNetwork(encoder, relation, loss=loss)


TRAINED: dict[str, Callable[..., Any]] = {
    "prototypical": make_prototypical,
    "relation": make_relation,
    "relation-cross-entropy": lambda seed=0: make_relation("cross-entropy", seed=seed),
}
"""The networks whose checkpoints are committed, by name (after ``06-instruments-``)."""


def load_trained(name: str = "prototypical") -> Any:
    """A learner with the committed weights, in evaluation mode.

    Parameters
    ----------
    name
        One of :data:`TRAINED`.

    Returns
    -------
    PrototypicalNetwork or RelationNetwork

    Raises
    ------
    ValueError
        When there is no such learner, or its weights are missing or damaged.
    """
    model = TRAINED[check_in(name, "name", TRAINED)]()
    load_weights(model, f"06-instruments-{name}")
    return model.eval()


def encoded_once(learner: Any, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Take the encoder out of a network and encode every item once, not once for every episode.

    The answers are the same, since no item's encoding depends on another's: not with group
    normalisation. Learners for which that does not hold are left as they are.

    Parameters
    ----------
    learner
        Any learner.
    x
        All items, such as notes of shape ``(n_notes, 64, 63)``.

    Returns
    -------
    tuple
        A learner and the items that it wants.
    """
    if not isinstance(learner, (PrototypicalNetwork, RelationNetwork)):
        return learner, x
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in learner.modules()):
        return learner, x
    with torch.no_grad():
        z = torch.cat([learner.encoder(x[i : i + 128]) for i in range(0, len(x), 128)])
    head = copy.copy(learner)
    head._modules = {**learner._modules, "encoder": nn.Identity()}
    return head, z
