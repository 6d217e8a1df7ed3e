"""What the latents of a TCN-VAE say: a linear probe for the note that is sung.

The idea in a sentence: if logistic regression reads the pitch of a voice off that voice's latents,
and cannot read it off the other's, then the network has sorted what it heard. Masks sort, too: what
they leave of each voice is probed beside it. The probe is fitted on validation hymns and asked
about test hymns; the networks were trained on neither. Alain and Bengio (ICLR workshop 2017).
Chapter 18.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from etudes.data.duets import SAMPLE_RATE, duets
from etudes.data.mixture import Mixture
from etudes.data.scores import load_bach_chorales
from etudes.evaluate.intervals import Estimate, bootstrap_mean
from etudes.recipes.gan_and_vae import SOURCES_OF
from etudes.recipes.separation import VALIDATION_SEED, test_duets
from etudes.separators import TCNVAE, TCNMask, apply_masks
from etudes.separators.gaussian import drawn, gaussian_kl
from etudes.separators.torch_stft import log_magnitude, loudest

__all__ = ["LOUD", "PROBED", "nats_told", "note_of", "pitches", "probe", "separate_by_draw"]

N_PROBE = 64
"""Validation excerpts on which probes are fitted: of the 40 hymns or so, some twice."""

PROBED = {
    "own": "a linear probe reads a voice's note off draws of its own latents",
    "other": "a linear probe reads a voice's note off draws of the other voice's latents",
    "own-means": "a linear probe reads a voice's note off the means of its own latents",
    "other-means": "a linear probe reads a voice's note off the means of the other voice's latents",
    "own-speaking": "a linear probe reads a voice's note off the means of its latents that speak",
    "other-speaking": "a linear probe reads a voice's note off the means of those of the other's",
    "own-linear": "a linear probe reads a voice's note off the magnitudes that TCN masks leave",
    "other-linear": "a linear probe reads a voice's note off the magnitudes of the other",
    "own-masked": "a linear probe reads a voice's note off what TCN masks leave of it",
    "other-masked": "a linear probe reads a voice's note off what TCN masks leave of the other",
    "mixture": "a linear probe reads a voice's note off the mixture's spectrum, as many numbers",
    "harmony": "a voice's note guessed from which note the other voice sings",
}
"""What is probed, in the words of the ledger."""

IN_COMPONENTS = ("own-masked", "other-masked", "own-linear", "other-linear", "mixture")
"""Spectra, of which a probe sees the principal components, as many as there are latents."""

LOUD = 0.1
"""A latent that costs more nats a frame than this is said to speak."""


@cache
def _chorales() -> dict[str, Any]:
    """Chorales by their names."""
    return {one.chorale_id: one for one in load_bach_chorales()}


def note_of(m: Mixture, source: int, seconds: np.ndarray) -> np.ndarray:
    """The MIDI pitch that a voice sings at some moments.

    Parameters
    ----------
    m
        An excerpt of a chorale.
    source
        Number of the voice among the stems.
    seconds
        Moments since the excerpt's beginning, shape ``(n_moments,)``.

    Returns
    -------
    numpy.ndarray
        Whole numbers, 0 where the voice rests, of the same shape.
    """
    notes = _chorales()[m.chorale_id].voices[m.voices[source]]
    quarter = m.start + np.asarray(seconds) * m.tempo / 60
    sounding = (notes[:, [1]] <= quarter) & (quarter < notes[:, [1]] + notes[:, [2]])
    found = np.where(sounding, notes[:, [0]], 0).max(axis=0)
    return np.round(found).astype(int)


def pitches(mixtures: Sequence[Mixture], source: int, hop_length: int) -> list[np.ndarray]:
    """For each mixture, the pitch of a voice in the middle of each frame."""
    return [
        note_of(m, source, np.arange(1 + m.mixture.size // hop_length) * hop_length / SAMPLE_RATE)
        for m in mixtures
    ]


def probe(model: TCNVAE, masker: TCNMask, duet: str) -> dict[str, Estimate]:
    """How often a linear probe reads the note of a voice, frame by frame.

    Parameters
    ----------
    model
        It knows the voices of the duet.
    masker
        Whose masks are probed beside it, with the same window and hop.
    duet
        Which.

    Returns
    -------
    dict of str to Estimate
        For each of :data:`PROBED`, and ``"commonest"`` for always guessing the commonest note: the
        fraction of test frames in which the voice sings, mean over both voices, with an interval
        over hymns.
    """
    fitted_on = duets(duet, "validation", VALIDATION_SEED).load(N_PROBE)
    tested_on = test_duets(duet)
    seeds = count()
    latents = [
        [_latents(model, m, duet, next(seeds)) for m in some] for some in (fitted_on, tested_on)
    ]
    means, draws, nats = ([[z[k] for z in some] for some in latents] for k in range(3))
    cost = np.mean([one.mean(axis=1) for one in nats[0]], axis=0)
    speaking = cost >= np.minimum(LOUD, cost.max(axis=1, keepdims=True))  # the loudest at least
    heard = [[_spectrum(model, m) for m in some] for some in (fitted_on, tested_on)]
    masked = [[_masked(masker, m) for m in some] for some in (fitted_on, tested_on)]
    soft, loud = ([[x[k] for x in some] for some in masked] for k in range(2))
    right: dict[str, list[np.ndarray]] = {name: [] for name in (*PROBED, "commonest")}
    for source in range(2):
        y, wanted = (pitches(some, source, model.hop_length) for some in (fitted_on, tested_on))
        others = [pitches(some, 1 - source, model.hop_length) for some in (fitted_on, tested_on)]
        seen = {
            "own": [[z[source] for z in some] for some in draws],
            "other": [[z[1 - source] for z in some] for some in draws],
            "own-means": [[z[source] for z in some] for some in means],
            "other-means": [[z[1 - source] for z in some] for some in means],
            "own-speaking": [[z[source][:, speaking[source]] for z in some] for some in means],
            "other-speaking": [
                [z[1 - source][:, speaking[1 - source]] for z in some] for some in means
            ],
            "own-masked": [[x[source] for x in some] for some in soft],
            "other-masked": [[x[1 - source] for x in some] for some in soft],
            "own-linear": [[x[source] for x in some] for some in loud],
            "other-linear": [[x[1 - source] for x in some] for some in loud],
            "mixture": heard,
            "harmony": [[np.eye(128)[notes] for notes in some] for some in others],
        }
        for name, (x, asked) in seen.items():
            guess = _fit(x, y, model.n_latents if name in IN_COMPONENTS else None)
            right[name].append(_right(guess, asked, wanted))
        sung = np.concatenate(y)
        commonest = [np.full(len(one), np.bincount(sung[sung > 0]).argmax()) for one in wanted]
        right["commonest"].append(_right(lambda x: x, commonest, wanted))
    groups = np.array([m.group for m in tested_on])
    return {name: bootstrap_mean(np.mean(values, axis=0), groups) for name, values in right.items()}


@torch.no_grad()
def _latents(model: Any, m: Mixture, duet: str, seed: int) -> tuple[np.ndarray, ...]:
    """Means, a draw and the nats of both voices' latents, each ``(2, n_frames, n_latents)``.

    A draw holds what the latents say. Means hold more: a latent that says nothing has a mean that
    hardly moves, and a probe that rescales its inputs reads that little movement.
    """
    heard = model.hear(model.stft(torch.from_numpy(m.mixture)[None]))
    mean, log_variance = model.encode(heard, model.which(SOURCES_OF[duet]))
    one = drawn(mean, log_variance, torch.Generator().manual_seed(seed))
    return mean[0].numpy(), one[0].numpy(), gaussian_kl(mean, log_variance)[0].numpy()


def _spectrum(model: Any, m: Mixture) -> np.ndarray:
    """What the network sees of a mixture, shape ``(n_frames, n_freq)``."""
    return log_magnitude(model.stft(torch.from_numpy(m.mixture))).T.cpu().numpy()


@torch.no_grad()
def _masked(masker: TCNMask, m: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """What masks leave of each voice: as a network would see it, and without logarithms.

    Each of shape ``(2, n_frames, n_freq)``.
    """
    spectra = masker.stft(torch.from_numpy(m.mixture)[None])
    left = masker(spectra) * spectra[:, None]
    size = left[0].abs()
    each = log_magnitude(left[0]), size / loudest(size)
    return each[0].transpose(1, 2).numpy(), each[1].transpose(1, 2).numpy()


def _fit(
    x: Sequence[np.ndarray], y: Sequence[np.ndarray], n_components: int | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Logistic regression on frames in which the voice sings, or on some of their components."""
    frames, notes = np.concatenate(x), np.concatenate(y)
    steps = [StandardScaler(), LogisticRegression(max_iter=300)]
    if n_components is not None:
        steps.insert(0, PCA(n_components, random_state=0))
    return make_pipeline(*steps).fit(frames[notes > 0], notes[notes > 0]).predict


def _right(
    guess: Callable[[Any], np.ndarray], asked: Sequence[Any], wanted: Sequence[np.ndarray]
) -> np.ndarray:
    """For each mixture, how often the guess is right where the voice sings."""
    return np.array([(guess(x)[y > 0] == y[y > 0]).mean() for x, y in zip(asked, wanted)])


@torch.no_grad()
def nats_told(model: TCNVAE, duet: str) -> np.ndarray:
    """What each latent of each voice costs on test hymns.

    Parameters
    ----------
    model
        It knows the voices of the duet.
    duet
        Which.

    Returns
    -------
    numpy.ndarray
        Nats a frame, shape ``(2, n_latents)``, the higher voice first.
    """
    told, which = [], model.which(SOURCES_OF[duet])
    for m in test_duets(duet):
        heard = model.hear(model.stft(torch.from_numpy(m.mixture)[None]))
        told.append(gaussian_kl(*model.encode(heard, which))[0].mean(dim=1))
    return torch.stack(told).mean(dim=0).numpy()


@torch.no_grad()
def separate_by_draw(
    model: TCNVAE, mixture: np.ndarray, sources: Sequence[str], seed: int = 0
) -> np.ndarray:
    """The Wiener head, played from one draw of the latents where it is played from means else.

    Parameters
    ----------
    model
        It knows the sources.
    mixture
        Waveform, shape ``(n_samples,)``.
    sources
        Who is heard in it.
    seed
        Of the draw.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_sources, n_samples)``.
    """
    which = model.which(sources)
    told = model.encode(model.hear(model.stft(torch.from_numpy(mixture)[None])), which)
    latents = drawn(*told, torch.Generator().manual_seed(seed))
    power = model.decode(latents, which)[0].square()
    masks = (power / power.sum(dim=0)).clamp(0, 1).numpy()
    return apply_masks(mixture, masks, model.hop_length)
