"""Two synthetic speakers at a time: what the network of the chorales does to them, and its twins.

The idea in a sentence: one twin is trained with every order of the stems allowed, since speakers
have no names; the other is given names that can be heard, the higher voice and the lower. Voices
and words of the test are new to both. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch

from etudes.checks import check_in
from etudes.data.duets import SAMPLE_RATE
from etudes.data.voices import list_voices, say
from etudes.evaluate import SeparationResult, evaluate_separator
from etudes.recipes.separation_training import Crops, train_separator
from etudes.recipes.tcn_vae.networks import Numbered, warm_up
from etudes.separators import TCNVAE
from etudes.train import History

__all__ = ["TWINS", "WINDOW", "Conversation", "conversations", "on_speech", "train_speakers"]

TWINS = {
    "any-order": "trained on speech, stems in any order",
    "by-pitch": "trained on speech, asked for the higher and the lower voice",
}
"""The two trainings."""

SPEAKERS = ("higher", "lower")
"""Whose voice lies higher; where any order is allowed the names mean nothing."""

WINDOW = {"n_fft": 1024, "hop_length": 256}
"""For two voices as good to an ideal mask as the window of 512, and half the work."""

WITHOUT_PITCH = ("caleb", "croak", "Demonic", "grandpa", "whisper", "whisperf")
"""Variants that are noise for the most part: they are neither higher nor lower."""

WORDS = {
    "train": (
        ("The baker", "My sister", "A young doctor", "The old sailor", "Our teacher", "The queen"),
        ("carries", "remembers", "paints", "follows", "sells", "repairs"),
        ("the yellow boat", "a broken clock", "seven horses", "the long letter", "her garden"),
        ("in the morning", "without a word", "near the river", "for the third time", "at home"),
    ),
    "test": (
        ("The driver", "His uncle", "A tall farmer", "The painter", "Your neighbour"),
        ("builds", "forgets", "washes", "watches", "borrows"),
        ("a wooden bridge", "the silver cup", "nine apples", "the small window", "my coat"),
        ("after the rain", "with great care", "behind the church", "on Sunday", "in winter"),
    ),
}
"""What is said; test sentences share no noun and no verb with those of training."""

SECONDS = 4.0
N_SPOKEN = {"train": 2000, "validation": 24, "test": 64}


@dataclass(frozen=True, eq=False)
class Conversation:
    """Two voices that speak at once.

    Attributes
    ----------
    stems, mixture
        Waveforms at 8 kHz, shapes ``(2, n_samples)``, the higher voice first, and
        ``(n_samples,)``.
    group
        Number of the conversation.
    semitones
        By how much one voice lies above the other.
    """

    stems: np.ndarray
    mixture: np.ndarray
    group: int
    semitones: float


def speakers(split: str) -> list[str]:
    """Variants of a split, disjoint: every fifth is for testing, the next for validation.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``.

    Returns
    -------
    list of str
        Names for :func:`etudes.data.voices.say`.
    """
    variants = [
        one for one in list_voices("en-gb")[1:] if one.partition("+")[2] not in WITHOUT_PITCH
    ]
    place = {"test": (0,), "validation": (1,), "train": (2, 3, 4)}[split]
    return [one for k, one in enumerate(variants) if k % 5 in place]


@cache
def conversations(split: str, n: int | None = None) -> list[Conversation]:
    """Pairs of speakers; words, pitch, speed and loudness are drawn at random.

    Left to themselves most variants speak at one and the same pitch, of about 100 Hz, and nothing
    but their timbre would tell them apart.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``.
    n
        How many; :data:`N_SPOKEN` of the split by default.

    Returns
    -------
    list of Conversation
        4 s each; validation uses the words of training.
    """
    random = np.random.default_rng([18, sorted(N_SPOKEN).index(split)])
    voices, n_samples = speakers(split), int(SECONDS * SAMPLE_RATE)
    sentences = [
        " ".join(parts) for parts in product(*WORDS["test" if split == "test" else "train"])
    ]

    def spoken(voice: str) -> np.ndarray:
        told = ". ".join(random.choice(sentences, 2, replace=False))
        speed, pitch = int(random.integers(130, 200)), int(random.integers(15, 95))
        sound = say(told, voice, SAMPLE_RATE, speed, pitch)[:n_samples]
        sound = np.pad(sound, (0, n_samples - len(sound)))
        loudness = 10 ** (random.uniform(-2.5, 2.5) / 20) * 0.08
        return sound / np.sqrt(np.mean(sound**2)) * loudness

    found = []
    for number in range(n or N_SPOKEN[split]):
        stems = [spoken(str(voice)) for voice in random.choice(voices, 2, replace=False)]
        pitches = [middle_pitch(one) for one in stems]
        if pitches[0] < pitches[1]:
            stems.reverse()
        both = np.stack(stems).astype(np.float32)
        semitones = 12 * abs(np.log2(pitches[0] / pitches[1]))
        found.append(Conversation(both, both.sum(axis=0), number, float(semitones)))
    return found


def middle_pitch(waveform: np.ndarray) -> float:
    """Median fundamental frequency of the louder half of a waveform's frames.

    Parameters
    ----------
    waveform
        At 8 kHz, shape ``(n_samples,)``.

    Returns
    -------
    float
        In Hz.
    """
    pitch = librosa.yin(
        waveform, fmin=60, fmax=450, sr=SAMPLE_RATE, frame_length=1024, hop_length=256
    )
    loudness = librosa.feature.rms(y=waveform, frame_length=1024, hop_length=256)[0]
    return float(np.median(pitch[loudness >= np.median(loudness)]))


def train_speakers(
    twin: str,
    steps: int,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[TCNVAE, History]:
    """Train a TCN-VAE on two speakers.

    Parameters
    ----------
    twin
        One of :data:`TWINS`.
    steps
        Of Adam.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate other speakers best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNVAE, History

    Raises
    ------
    ValueError
        When there is no such twin.
    """
    any_order = check_in(twin, "twin", TWINS) == "any-order"
    crops = Crops([one.stems for one in conversations("train")], seed)
    torch.manual_seed(seed)
    return train_separator(
        TCNVAE(SPEAKERS, **WINDOW),
        lambda model, batch: model.loss(batch.stems, warm_up(batch.step), any_order=any_order),
        Numbered(SPEAKERS, crops),
        steps,
        score=(lambda model: on_speech(model.separate, "validation").mean) if validate else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


def on_speech(separate: Callable[[Any], np.ndarray], split: str) -> SeparationResult:
    """How well two speakers are taken apart, whichever of them comes first.

    Parameters
    ----------
    separate
        From a mixture to two estimates.
    split
        ``"validation"`` or ``"test"``.

    Returns
    -------
    SeparationResult
    """
    return evaluate_separator(lambda m: separate(m.mixture), conversations(split), any_order=True)
