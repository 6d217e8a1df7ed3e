"""Who sings? A TCN-VAE asked by its likelihood, and a plain classifier beside it.

The idea in a sentence: for each pair of names, hold the mixture against the sum of what is drawn
for the two; the pair under which the mixture is least improbable is the answer. The network was
never trained to compare pairs, and of the ten it has met three. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from etudes.data.bach import VOICES
from etudes.data.duets import DUETS, duets
from etudes.data.mixture import Mixture
from etudes.evaluate.intervals import Estimate, bootstrap_mean
from etudes.recipes.gan_and_vae import SOURCES, SOURCES_OF
from etudes.recipes.separation import VALIDATION_SEED, excerpts_of
from etudes.separators import TCNVAE
from etudes.separators.torch_stft import log_magnitude

__all__ = [
    "ASKED",
    "NEW_COMPANY",
    "bounds",
    "classify",
    "likeliest",
    "line_of",
    "new_company",
    "who_sings",
]

NEW_COMPANY: dict[str, tuple[str, str]] = {
    "flute-choir-alto": ("flute", "choir-alto"),
    "flute-choir-bass": ("flute", "choir-bass"),
    "choir-soprano-bassoon": ("choir-soprano", "bassoon"),
    "choir-alto-bassoon": ("choir-alto", "bassoon"),
    "choir-alto-choir-bass": ("choir-alto", "choir-bass"),
}
"""All pairs of voices that the network knows and has never heard together; the higher one first.

Of the ten, three are the duets, and two would sing one and the same line."""

ASKED = {
    "ten": tuple(combinations(SOURCES, 2)),
    "three": tuple(SOURCES_OF[duet] for duet in DUETS),
}
"""Among which pairs of names the likelihood chooses: all, or those of training."""

N_DRAWS = 4
N_FITTED = 64


@cache
def new_company(name: str) -> list[Mixture]:
    """One excerpt of every test chorale, of two voices that were never heard together.

    Parameters
    ----------
    name
        Of :data:`NEW_COMPANY`.

    Returns
    -------
    list of Mixture
        The higher voice first.
    """
    return excerpts_of(dict(line_of(one) for one in NEW_COMPANY[name]))


def line_of(source: str) -> tuple[str, tuple[int, ...]]:
    """Which voice of a chorale a source sings, and the General MIDI programs that sing it.

    Parameters
    ----------
    source
        One of :data:`etudes.recipes.gan_and_vae.sources.SOURCES`.

    Returns
    -------
    voice : str
    programs : tuple of int
    """
    duet, place = SOURCES[source]
    return list(DUETS[duet].items())[place]


@torch.no_grad()
def bounds(
    model: TCNVAE, mixture: np.ndarray, pairs: Sequence[tuple[str, str]], seed: int = 0
) -> np.ndarray:
    """How improbable a mixture is under each pair of names.

    Parameters
    ----------
    model
        It knows all the names.
    mixture
        Waveform, shape ``(n_samples,)``.
    pairs
        Of names.
    seed
        Of the draws, the same for every pair.

    Returns
    -------
    numpy.ndarray
        Nats a frame, distortion and rate, mean over four draws; shape ``(n_pairs,)``.
    """
    found, again = [], torch.from_numpy(mixture).repeat(N_DRAWS, 1)
    with torch.random.fork_rng(devices=[]):
        for pair in pairs:
            torch.manual_seed(seed)
            found.append(sum(model.mixture_terms(again, pair)).item())
    return np.array(found)


def likeliest(model: TCNVAE, mixture: np.ndarray, seed: int = 0) -> tuple[str, str]:
    """The pair of names, of all ten, under which a mixture is least improbable.

    Parameters
    ----------
    model, mixture, seed
        As of :func:`bounds`.

    Returns
    -------
    tuple of str
        The name of the higher line first.
    """
    best = ASKED["ten"][int(bounds(model, mixture, ASKED["ten"], seed).argmin())]
    first, second = sorted(best, key=lambda one: VOICES.index(line_of(one)[0]))
    return first, second


def who_sings(
    model: TCNVAE, mixtures: Sequence[Mixture], names: tuple[str, str]
) -> tuple[dict[str, Estimate], dict[str, int]]:
    """How often the likelihood is highest for the two who sing.

    Parameters
    ----------
    model
        It knows all the names.
    mixtures
        All of the same two.
    names
        Of the two.

    Returns
    -------
    right : dict of str to Estimate
        For each of :data:`ASKED` in which the two are, the fraction of mixtures.
    told : dict of str to int
        How often each of the ten pairs was the answer.
    """
    groups = np.array([m.group for m in mixtures])
    ten = ASKED["ten"]
    nats = np.array([bounds(model, m.mixture, ten, seed) for seed, m in enumerate(mixtures)])
    right = {}
    for among, pairs in ASKED.items():
        some = [k for k, pair in enumerate(ten) if {*pair} in map(set, pairs)]
        truth = [k for k in some if {*ten[k]} == {*names}]
        if truth:
            best = np.take(some, nats[:, some].argmin(axis=1))
            right[among] = bootstrap_mean((best == truth[0]).astype(float), groups)
    answers = ["+".join(ten[k]) for k in nats.argmin(axis=1)]
    return right, {one: answers.count(one) for one in sorted({*answers}, key=answers.count)[::-1]}


def classify(model: TCNVAE, tested: dict[str, Sequence[Mixture]]) -> dict[str, Estimate]:
    """How often logistic regression tells which of the three duets a mixture is.

    It is fitted on validation excerpts, of which it sees, for each frequency, mean and deviation
    over time of what the network sees.

    Parameters
    ----------
    model
        Whose window is used.
    tested
        Mixtures of each duet.

    Returns
    -------
    dict of str to Estimate
        By duet, the fraction that is told right.
    """

    def seen(m: Any) -> np.ndarray:
        frames = log_magnitude(model.stft(torch.from_numpy(m.mixture)))
        return torch.cat([frames.mean(dim=1), frames.std(dim=1)]).numpy()

    known = {duet: duets(duet, "validation", VALIDATION_SEED).load(N_FITTED) for duet in tested}
    labels = np.repeat(list(known), [len(some) for some in known.values()])
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(
        np.array([seen(m) for some in known.values() for m in some]), labels
    )
    return {
        duet: bootstrap_mean(
            (fitted.predict(np.array([seen(m) for m in some])) == duet).astype(float),
            np.array([m.group for m in some]),
        )
        for duet, some in tested.items()
    }
