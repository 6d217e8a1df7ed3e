"""One conversation, and what both networks for speech make of it, as sound in the package.

The idea in a sentence: their weights would be too heavy for one section of a page, and four seconds
of what they say are not. Chapter 18.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

import etudes
from etudes.data.duets import SAMPLE_RATE
from etudes.evaluate import best_order
from etudes.files import write_atomically
from etudes.recipes.cards import write_card
from etudes.recipes.tcn_vae.speakers import TWINS, Conversation, conversations, middle_pitch

__all__ = ["NUMBER", "load_heard", "save_heard"]

NUMBER = 0
"""Which of the test conversations: the first."""

FILE = Path(etudes.__file__).parent / "audio" / "18-speakers.flac"


def save_heard(estimates: Mapping[str, np.ndarray], command: str) -> None:
    """Write the conversation and what was made of it, with a card.

    Parameters
    ----------
    estimates
        For each of :data:`etudes.recipes.tcn_vae.speakers.TWINS`, shape ``(2, n_samples)``; their
        order is put right.
    command
        That was run.
    """
    one = conversations("test")[NUMBER]
    found = [estimates[twin][best_order(estimates[twin], one.stems)] for twin in TWINS]
    sound = io.BytesIO()
    soundfile.write(
        sound, np.concatenate([one.stems, *found]).T, SAMPLE_RATE, "PCM_16", format="FLAC"
    )
    write_atomically(FILE, sound.getvalue())
    what = "; ".join(f"what the TCN-VAE makes of it that was {words}" for words in TWINS.values())
    facts = {
        "What": f"two eSpeak voices, the higher first; {what}",
        "Data": f"test conversation {NUMBER}, new voices and new words",
        "Form": f"{2 + 2 * len(TWINS)} channels of {one.mixture.size} samples, {SAMPLE_RATE} Hz",
        "Command": f"`{command}`",
    }
    write_card(FILE.with_suffix(".md"), facts)


def load_heard() -> tuple[Conversation, dict[str, np.ndarray]]:
    """The conversation in the package, and what was made of it.

    Returns
    -------
    talk : Conversation
    estimates : dict of str to numpy.ndarray
        For each of :data:`etudes.recipes.tcn_vae.speakers.TWINS`, shape ``(2, n_samples)``, the
        higher voice first.

    Raises
    ------
    ValueError
        When the file is missing or is not that sound.
    """
    wanted = 2 + 2 * len(TWINS)
    try:
        sound, _ = soundfile.read(FILE, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as problem:
        raise ValueError(f"{FILE.name} cannot be read: {problem}") from None
    if sound.shape[1] != wanted:
        raise ValueError(f"{FILE.name} must have {wanted} channels, got {sound.shape[1]}")
    stems, *estimates = np.split(sound.T, wanted // 2)
    higher, lower = (middle_pitch(one) for one in stems)
    talk = Conversation(stems, stems.sum(axis=0), NUMBER, float(12 * np.log2(higher / lower)))
    return talk, dict(zip(TWINS, estimates))
