"""A mask generator with and without a critic, and a recurrent VAE for each source.

The idea in a sentence: what an adversary adds to supervision, what it does alone, and what can be
done with sources that were heard alone, on the duets of chapter 16. Chapter 17::

    python -m etudes.recipes.gan_and_vae          # minutes, writes nothing
    python -m etudes.recipes.gan_and_vae --full   # checkpoints, cards, ledger rows
"""

from etudes.recipes.gan_and_vae.methods import (
    COMMITTED,
    GENERATORS,
    METHODS,
    STARTS,
    load_generator,
    load_vae,
    separate_by,
    start_of,
)
from etudes.recipes.gan_and_vae.rivals import (
    Rivals,
    Turns,
    scores,
    train_generator,
    train_rivals,
)
from etudes.recipes.gan_and_vae.sources import (
    SOURCES,
    SOURCES_OF,
    Solos,
    train_encoder,
    train_vae,
    vae_loss,
)

__all__ = [
    "COMMITTED",
    "GENERATORS",
    "METHODS",
    "SOURCES",
    "SOURCES_OF",
    "STARTS",
    "Rivals",
    "Solos",
    "Turns",
    "load_generator",
    "load_vae",
    "scores",
    "separate_by",
    "start_of",
    "train_encoder",
    "train_generator",
    "train_rivals",
    "train_vae",
    "vae_loss",
]
