"""Every method of chapter 17 by its name in the ledger.

The idea in a sentence: each is a function of a mixture, and its name says how it was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from etudes.checks import check_in
from etudes.data.mixture import Mixture
from etudes.recipes import masks
from etudes.recipes.gan_and_vae.sources import SOURCES, SOURCES_OF
from etudes.separators import MaskGenerator, SourceVAE, VAESeparator, apply_masks
from etudes.train import load_weights

__all__ = [
    "COMMITTED",
    "GENERATORS",
    "METHODS",
    "NAME",
    "load_generator",
    "load_vae",
    "separate_by",
]

NAME = "17-duets"
"""How the names of the committed checkpoints begin."""

GENERATORS = ("generator-only", "gan")
"""Committed mask generators: the same start, trained on without and with a critic."""

METHODS = {
    "generator-start": "the mask generator before it goes on",
    "generator-only": "the mask generator, trained on by the stems",
    "gan": "the mask generator, trained on by the stems and a critic",
    "critic-alone": "the mask generator, trained on by a critic alone",
    "lstm-vae": "a recurrent VAE for each source, heard alone, fitted to the mixture",
    "lstm-vae-guess": "the same VAEs, first guess of their encoders",
    "lstm-vae-from-stems": "the same VAEs, fitted to the mixture from the answer",
    "lstm-vae-stems": "the same VAEs, told the stems",
    "lstm-vae-supervised": "the same decoders, latents told by a network that has learned mixtures",
}
"""What the ledger calls each method."""

COMMITTED = tuple(
    name
    for name in METHODS
    if name not in ("generator-start", "critic-alone", "lstm-vae-supervised")
)
"""Methods whose weights come with the package."""


@cache
def load_generator(name: str = "generator-only") -> MaskGenerator:
    """A committed mask generator, in evaluation mode.

    Parameters
    ----------
    name
        One of :data:`GENERATORS`.

    Returns
    -------
    MaskGenerator

    Raises
    ------
    ValueError
        When there is no such generator, or its weights are missing or damaged.
    """
    model = MaskGenerator()
    load_weights(model, f"{NAME}-{check_in(name, 'name', GENERATORS)}")
    return model.eval()


@cache
def load_vae(source: str) -> SourceVAE:
    """The committed VAE of a source, in evaluation mode.

    Parameters
    ----------
    source
        One of :data:`etudes.recipes.gan_and_vae.SOURCES`.

    Returns
    -------
    SourceVAE

    Raises
    ------
    ValueError
        When there is no such source, or its weights are missing or damaged.
    """
    model = SourceVAE()
    load_weights(model, f"{NAME}-vae-{check_in(source, 'source', SOURCES)}")
    return model.eval()


def separate_by(method: str, duet: str, n_steps: int = 100) -> Callable[[Mixture], np.ndarray]:
    """A method as a function of a mixture.

    Parameters
    ----------
    method
        One of :data:`COMMITTED`, or of the methods of chapter 16.
    duet
        Which.
    n_steps
        Of fitting VAEs to a mixture.

    Returns
    -------
    callable
        ``separate(mixture) -> (n_sources, n_samples)``.

    Raises
    ------
    ValueError
        When there is no such method.
    """
    if method in masks.METHODS:
        return masks.separate_by(method, duet, masks.Settings())
    if check_in(method, "method", COMMITTED) in GENERATORS:
        return lambda m: load_generator(method).separate(m.mixture)
    fitted = method in ("lstm-vae", "lstm-vae-from-stems")
    told = method in ("lstm-vae-stems", "lstm-vae-from-stems")

    def separate(m: Mixture) -> np.ndarray:
        models = [load_vae(source) for source in SOURCES_OF[duet]]
        separator = VAESeparator(models, n_steps if fitted else 0)
        return apply_masks(m.mixture, separator.fit(m.mixture, m.stems if told else None)[0])

    return separate
