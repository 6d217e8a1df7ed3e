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
from etudes.separators import MaskGenerator, SourceVAE, VAESeparator, apply_masks, by_higher_note
from etudes.train import load_weights

__all__ = [
    "COMMITTED",
    "GENERATORS",
    "METHODS",
    "NAME",
    "load_generator",
    "load_vae",
    "separate_by",
    "start_of",
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
    "lstm-vae": "a recurrent VAE for each source, heard alone; best of three starts",
    "lstm-vae-two-starts": "the same VAEs, without the start that knows which voice is higher",
    "lstm-vae-one-start": "the same VAEs, fitted from the first guess of their encoders",
    "lstm-vae-guess": "the same VAEs, that first guess",
    "lstm-vae-from-stems": "the same VAEs, fitted to the mixture from the answer",
    "lstm-vae-stems": "the same VAEs, told the stems",
    "lstm-vae-supervised": "the same decoders, latents told by a network that has learned mixtures",
}
"""What the ledger calls each method."""

STARTS = {
    "lstm-vae": ("first guess", "NMF", "higher note"),
    "lstm-vae-two-starts": ("first guess", "NMF"),
    "lstm-vae-one-start": ("first guess",),
    "lstm-vae-guess": ("first guess",),
    "lstm-vae-from-stems": ("stems",),
    "lstm-vae-stems": ("stems",),
}
"""What the encoders listen to first, by method."""

AT_ONCE = ("lstm-vae-guess", "lstm-vae-stems")
"""Methods that stay with what the encoders say, without fitting."""

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
        One of :data:`etudes.recipes.gan_and_vae.sources.SOURCES`.

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
    models = [load_vae(source) for source in SOURCES_OF[duet]]
    separator = VAESeparator(models, 0 if method in AT_ONCE else n_steps)

    def separate(m: Mixture) -> np.ndarray:
        starts = {name: start_of(name, duet, m) for name in STARTS[method]}
        best = separator.best_start(m.mixture, starts) if len(starts) > 1 else next(iter(starts))
        return apply_masks(m.mixture, separator.fit(m.mixture, starts[best])[0])

    return separate


def start_of(name: str, duet: str, m: Mixture) -> np.ndarray | None:
    """What the encoders of VAEs listen to before they are fitted to a mixture.

    Parameters
    ----------
    name
        ``"first guess"``: to the mixture. ``"NMF"``: to what supervised NMF makes of it.
        ``"higher note"``: to the same mixture with its higher notes given to the first source.
        ``"stems"``: to the answer.
    duet
        Which.
    m
        The mixture.

    Returns
    -------
    numpy.ndarray or None
        As :meth:`etudes.separators.lstm_vae.VAESeparator.fit` wants it.

    Raises
    ------
    ValueError
        When there is no such start.
    """
    known = ("first guess", "NMF", "higher note", "stems")
    if check_in(name, "name", known) == "first guess":
        return None
    if name == "stems":
        return m.stems
    if name == "NMF":
        return masks.separate_by("nmf", duet, masks.Settings())(m)
    return by_higher_note(m.mixture)
