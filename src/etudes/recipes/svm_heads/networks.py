"""One backbone under four heads.

The idea in a sentence: whatever differs between the rows of chapter 05's table, it is not the
embedding network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from etudes.checks import check_in
from etudes.learners.meta_svm import MetaOptNet
from etudes.learners.relation import RelationModule, RelationNetwork
from etudes.learners.style_space import StyleSpace
from etudes.recipes.instruments.networks import ITEM_SHAPE, make_encoder
from etudes.recipes.styles.comparers import PairScore, SpaceMaps
from etudes.train import load_weights

HEAD_NAMES = ("svm", "ridge", "prototype", "relation")
"""The heads that are compared."""

STYLE_FEATURES = 256
"""Numbers that the styles' backbone makes of a tune."""


class OnePixel(nn.Module):
    """A backbone's vectors as feature maps of one pixel, which is what a relation module takes."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Items to (n, c, 1, 1)."""
        return self.backbone(x)[..., None, None]


def make_network(
    head: str,
    seed: int = 0,
    *,
    space: StyleSpace | None = None,
    strength: float | None = None,
    scale: float = 7.0,
    loss: str = "cross-entropy",
    combine: str = "mean",
) -> Any:
    """A network with fresh weights.

    Parameters
    ----------
    head
        One of :data:`HEAD_NAMES`.
    seed
        Of the weights. The backbone's are the same for every head.
    space
        For styles: the space on which the backbone stands. Without it the backbone is the
        instruments', whose maps of shape ``(128, 4, 2)`` all heads share.
    strength, scale
        Of :class:`~etudes.learners.meta_svm.MetaOptNet`.
    loss, combine
        Of :class:`~etudes.learners.relation.RelationNetwork`.

    Returns
    -------
    MetaOptNet or RelationNetwork

    Raises
    ------
    ValueError
        When the head is unknown.
    """
    check_in(head, "head", HEAD_NAMES)
    torch.manual_seed(seed)
    if space is None:
        backbone: Any = make_encoder("maps")
        relation: nn.Module = RelationModule(backbone.map_shape(ITEM_SHAPE))
    else:
        backbone = SpaceMaps(space, STYLE_FEATURES, 0.5, maps=False)
        relation = PairScore(STYLE_FEATURES)
    if head != "relation":
        return MetaOptNet(backbone, head, strength, scale)
    maps = backbone if space is None else OnePixel(backbone)
    return RelationNetwork(maps, relation, loss, combine)


def load_trained(head: str = "svm") -> Any:
    """The committed network for instruments, in evaluation mode.

    Parameters
    ----------
    head
        One of :data:`HEAD_NAMES`.

    Returns
    -------
    MetaOptNet or RelationNetwork

    Raises
    ------
    ValueError
        When there is no such head, or its weights are missing or damaged.
    """
    import json

    from safetensors import safe_open

    from etudes.train.weights import WEIGHTS_FOLDER

    name = f"05-instruments-{check_in(head, 'head', HEAD_NAMES)}"
    with safe_open(WEIGHTS_FOLDER / f"{name}.safetensors", "pt") as file:
        settings = json.loads(file.metadata()["settings"])
    model = make_network(head, **settings)
    load_weights(model, name)
    return model.eval()
