"""A TCN-VAE, and beside it the TCN mask network and Conv-TasNet, on the duets of chapter 16.

The idea in a sentence: three networks on the same crops, for about the same time, and what a latent
space is good for that a mask is not. Chapter 18::

    python -m etudes.recipes.tcn_vae                        # minutes, writes nothing
    python -m etudes.recipes.tcn_vae --full                 # checkpoints, cards, ledger rows
    python -m etudes.recipes.tcn_vae --full --only speed    # one part of that
"""

from etudes.recipes.tcn_vae.networks import (
    COMMITTED,
    NETWORKS,
    Asked,
    ByDuet,
    load_network,
    loss_of,
    make_network,
    separate,
    train_network,
    validation_score,
)

__all__ = [
    "COMMITTED",
    "NETWORKS",
    "Asked",
    "ByDuet",
    "load_network",
    "loss_of",
    "make_network",
    "separate",
    "train_network",
    "validation_score",
]
