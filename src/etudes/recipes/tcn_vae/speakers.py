"""Two synthetic speakers at a time: what the network of the chorales does to them, and its twin.

The idea in a sentence: speakers have no names and come in any order, so the twin is trained with
every order of the stems allowed; the speakers and the words of the test are new to it. Chapter 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch

from etudes.data.duets import SAMPLE_RATE
from etudes.data.voices import list_voices, say
from etudes.evaluate import evaluate_separator
from etudes.recipes.separation_training import CROP_FRAMES, Crops, train_separator
from etudes.recipes.tcn_vae.networks import Numbered, warm_up
from etudes.separators import TCNVAE
from etudes.separators.masking import HOP_LENGTH, N_FFT
from etudes.train import History

__all__ = ["Conversation", "conversations", "train_speakers"]

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

SPEAKERS = ("one", "another")
"""They have no names."""

SECONDS = 4.0
N_SPOKEN = {"train": 320, "validation": 16, "test": 48}


@dataclass(frozen=True, eq=False)
class Conversation:
    """Two voices that speak at once.

    Attributes
    ----------
    stems, mixture
        Waveforms at 8 kHz, shapes ``(2, n_samples)`` and ``(n_samples,)``.
    group
        Number of the pair of speakers.
    """

    stems: np.ndarray
    mixture: np.ndarray
    group: int


def speakers(split: str) -> list[str]:
    """Voices of a split, disjoint: every fifth variant is for testing, the next for validation."""
    variants = list_voices("en-gb")[1:]
    place = {"test": (0,), "validation": (1,), "train": (2, 3, 4)}[split]
    return [one for k, one in enumerate(variants) if k % 5 in place]


@cache
def conversations(split: str) -> list[Conversation]:
    """Pairs of speakers, the words and the loudness drawn at random.

    Parameters
    ----------
    split
        ``"train"``, ``"validation"`` or ``"test"``.

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
    found = []
    for number in range(N_SPOKEN[split]):
        stems = []
        for voice in random.choice(voices, 2, replace=False):
            told = ". ".join(random.choice(sentences, 2, replace=False))
            sound = say(told, str(voice), SAMPLE_RATE)[:n_samples]
            sound = np.pad(sound, (0, n_samples - len(sound)))
            loudness = 10 ** (random.uniform(-2.5, 2.5) / 20) * 0.08
            stems.append(sound / np.sqrt(np.mean(sound**2)) * loudness)
        both = np.stack(stems).astype(np.float32)
        found.append(Conversation(both, both.sum(axis=0), number))
    return found


def train_speakers(
    steps: int,
    seed: int = 0,
    any_order: bool = True,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[TCNVAE, History]:
    """Train a TCN-VAE on two speakers, with the short window that speech asks for.

    Parameters
    ----------
    steps
        Of Adam.
    seed
        Of weights and crops.
    any_order
        Whether stems may come in any order (they have none).
    validate
        Keep the weights that separate other speakers best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    TCNVAE, History
    """
    crops = Crops([one.stems for one in conversations("train")], seed, n_frames=CROP_FRAMES)
    held = conversations("validation") if validate else []

    def score(model: TCNVAE) -> float:
        return evaluate_separator(lambda m: model.separate(m.mixture), held, any_order=True).mean

    torch.manual_seed(seed)
    return train_separator(
        TCNVAE(SPEAKERS, n_fft=N_FFT, hop_length=HOP_LENGTH),
        lambda model, batch: model.loss(batch.stems, warm_up(batch.step), any_order=any_order),
        Numbered(SPEAKERS, crops),
        steps,
        score=score if validate else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
