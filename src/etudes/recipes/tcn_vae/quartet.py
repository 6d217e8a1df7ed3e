"""Four voices of one choir: soprano, alto, tenor and bass, each asked for by name.

The idea in a sentence: the network of the duets with two more names, and supervised NMF with two
more dictionaries. Chapter 18.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from etudes.data.bach import VOICES
from etudes.data.chorales import ChoraleMixtures
from etudes.data.duets import EXCERPT, SAMPLE_RATE
from etudes.data.mixture import Mixture
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation import N_VALIDATION, TEST_SEED, VALIDATION_SEED
from etudes.recipes.separation_training import TRAIN_SEED, Crops, train_separator
from etudes.recipes.tcn_vae.networks import Numbered, loss_of
from etudes.separators import TCNVAE, SupervisedNMF
from etudes.train import History, load_weights

__all__ = ["QUARTET", "load_quartet", "nmf_quartet", "quartets", "train_quartet"]

QUARTET = "18-quartet-tcn-vae"
"""Name of the committed checkpoint."""

CHOIR = 52

N_EXCERPTS = 640


@cache
def quartets(split: str, n: int | None = None) -> list[Mixture]:
    """Excerpts of chorales sung by a choir.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``.
    n
        How many; every chorale once by default.

    Returns
    -------
    list of Mixture
        Each of four stems, the highest first.
    """
    seed = {"train": TRAIN_SEED, "validation": VALIDATION_SEED, "test": TEST_SEED}[split]
    programs: Any = dict.fromkeys(VOICES, (CHOIR,))
    mixtures = ChoraleMixtures(
        VOICES, programs, SAMPLE_RATE, seed=seed, split=split, seconds=EXCERPT
    )
    return mixtures.load(n or len(mixtures))


def train_quartet(
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[TCNVAE, History]:
    """Train a TCN-VAE for four voices.

    Parameters
    ----------
    steps
        Of Adam.
    n_excerpts
        Of training.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation excerpts best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNVAE, History
    """
    crops = Crops([m.stems for m in quartets("train", n_excerpts)], seed)
    held = quartets("validation", N_VALIDATION) if validate else []
    torch.manual_seed(seed)
    return train_separator(
        TCNVAE(VOICES),
        loss_of,
        Numbered(VOICES, crops),
        steps,
        score=(lambda model: evaluate_separator(lambda m: model.separate(m.mixture), held).mean)
        if validate
        else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


@cache
def load_quartet() -> TCNVAE:
    """The committed network for four voices, in evaluation mode.

    Returns
    -------
    TCNVAE

    Raises
    ------
    ValueError
        When its weights are missing or damaged.
    """
    model = TCNVAE(VOICES)
    load_weights(model, QUARTET)
    return model.eval()


@cache
def nmf_quartet(n_excerpts: int = 64, n_components: int = 48) -> SupervisedNMF:
    """Supervised NMF that has learned each of the four voices alone.

    Parameters
    ----------
    n_excerpts
        Of training.
    n_components
        Spectra of each voice: as many as chapter 16 found best for two.

    Returns
    -------
    SupervisedNMF
    """
    heard = quartets("train", n_excerpts)
    return SupervisedNMF(n_components).fit([[m.stems[k] for m in heard] for k in range(4)])
