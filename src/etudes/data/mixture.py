"""One mixture: stems, their exact sum, and what was drawn to make them; and many as plain arrays.

Stems are whole multiples of 1/32768, so that their sum is exact in float32 and 16-bit integers keep
them without loss. Chapters 16 to 18 take mixtures apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_STEPS = 32_768


@dataclass(frozen=True, eq=False)
class Mixture:
    """One chorale, or an excerpt, as stems and as their sum.

    Attributes
    ----------
    stems
        Shape (n_sources, n_samples), float32, −1 to 1.
    mixture
        Shape (n_samples,), float32, −1 to 1: exactly ``stems.sum(axis=0)``.
    voices, programs
        Voice and General MIDI program of each stem.
    gains
        Factor by which each stem was made louder, shape (n_sources,).
    tempo
        Quarter notes a minute.
    title, chorale_id, group
        Which chorale; harmonisations of one melody share a group.
    start
        Where the excerpt begins, in quarter notes.
    sample_rate
        In Hz.
    """

    stems: np.ndarray
    mixture: np.ndarray
    voices: tuple[str, ...]
    programs: tuple[int, ...]
    gains: np.ndarray
    tempo: float
    title: str
    chorale_id: str
    group: int
    start: float
    sample_rate: int


def on_steps(stems: np.ndarray) -> np.ndarray:
    """Stems moved to the nearest multiple of 1/32768, float32."""
    return (np.round(stems * _STEPS) / _STEPS).astype(np.float32)


def packed(mixtures: Sequence[Mixture]) -> dict[str, np.ndarray]:
    """Mixtures as three arrays, of which :func:`unpacked` makes the same mixtures again."""
    facts = [
        [m.programs, m.gains.tolist(), m.tempo, m.title, m.chorale_id, m.group, m.start]
        for m in mixtures
    ]
    steps = [np.round(m.stems * _STEPS).astype(np.int16).ravel() for m in mixtures]
    return {
        "stems": np.concatenate(steps),
        "lengths": np.array([m.mixture.size for m in mixtures]),
        "facts": np.array([json.dumps(fact) for fact in facts]),
    }


def unpacked(
    arrays: Mapping[str, np.ndarray], voices: tuple[str, ...], sample_rate: int
) -> list[Mixture]:
    """The mixtures that :func:`packed` made arrays of, all of the same voices and rate."""
    edges = np.cumsum(arrays["lengths"] * len(voices))[:-1]
    mixtures = []
    for steps, fact in zip(np.split(arrays["stems"], edges), arrays["facts"]):
        stems = (steps / np.float32(_STEPS)).reshape(len(voices), -1)
        programs, gains, tempo, title, chorale_id, group, start = json.loads(str(fact))
        mixtures.append(
            Mixture(
                stems=stems,
                mixture=stems.sum(axis=0),
                voices=voices,
                programs=tuple(programs),
                gains=np.array(gains),
                tempo=tempo,
                title=title,
                chorale_id=chorale_id,
                group=group,
                start=start,
                sample_rate=sample_rate,
            )
        )
    return mixtures
