"""Voices: any text, said by any of some hundred synthetic speakers in some hundred languages.

The idea in a sentence: a formant synthesizer computes speech from rules, so a change of its
parameters is a new speaker, and a voice becomes a task that can be learned from a few examples.

The synthesizer is eSpeak NG, driven by :mod:`etudes.data.espeak`. A voice is a language and, after
a plus sign, a variant: ``en-gb``, ``en-gb+f2``, ``de+whisper``. Chapters 2 and 13 use it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etudes.checks import check_in, check_positive_int, check_sample_rate, describe
from etudes.data import espeak
from etudes.data.cache import cached, progress_bar
from etudes.data.resampling import resample

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_LONGEST_TEXT = 5000
_VERSION = 1


@dataclass(frozen=True, eq=False)
class UtteranceSet:
    """Several texts in several voices.

    Attributes
    ----------
    waveforms
        One float32 array of shape (n_samples,) for each utterance; lengths differ.
    text, voice
        What each one says, and in which voice.
    sample_rate
        In Hz.
    """

    waveforms: list[np.ndarray]
    text: list[str]
    voice: list[str]
    sample_rate: int

    def __len__(self) -> int:
        """Return the number of utterances."""
        return len(self.waveforms)


def list_languages() -> list[str]:
    """Codes of all languages and accents.

    Returns
    -------
    list of str
        For example ``["af", "am", …, "en-gb", "en-us", …]``, in alphabetical order.

    Raises
    ------
    RuntimeError
        When eSpeak is not installed or cannot start; the message says what to do.
    """
    return sorted(espeak.languages())


def list_voices(language: str = "en-gb") -> list[str]:
    """Voices of a language: the plain one, then every variant.

    Parameters
    ----------
    language
        A code from :func:`list_languages`.

    Returns
    -------
    list of str
        Names for :func:`say`: ``["en-gb", "en-gb+Alex", "en-gb+f1", …]``.

    Raises
    ------
    ValueError
        When there is no such language; the message suggests the nearest.
    RuntimeError
        When eSpeak is not installed or cannot start.
    """
    check_in(language, "language", list_languages())
    return [language, *(f"{language}+{variant}" for variant in espeak.variants())]


def say(
    text: str,
    voice: str = "en-gb+f2",
    sample_rate: int = 16_000,
    speed: int = 160,
    pitch: int = 50,
) -> np.ndarray:
    """Say a text in a voice.

    Parameters
    ----------
    text
        What to say, 1 to 5,000 characters.
    voice
        A language with or without a variant, as :func:`list_voices` lists them.
    sample_rate
        In Hz. eSpeak computes at 22,050 Hz; other rates are resampled from that.
    speed
        Words a minute, 80 to 450.
    pitch
        How high the voice is, 0 to 99; 50 is its own.

    Returns
    -------
    np.ndarray
        Waveform of shape (n_samples,), float32, −1 to 1. The same arguments give the same numbers.

    Raises
    ------
    ValueError
        When the voice is unknown (the message suggests the nearest), when there is nothing in the
        text that can be spoken, or when a number is out of range.
    TypeError
        When text or voice is not text.
    RuntimeError
        When eSpeak is not installed or cannot start; the message says what to do.

    Examples
    --------
    >>> say("Good morning.", voice="en-gb+m3").dtype
    dtype('float32')
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be text, got {describe(text)}")
    if not text.strip() or "\0" in text:
        raise ValueError(f"text must contain something to say, got {text!r}")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"text must have at most {_LONGEST_TEXT} characters, got {len(text)}")
    rate = check_sample_rate(sample_rate)
    for name, value, low, high in (("speed", speed, 80, 450), ("pitch", pitch, 0, 99)):
        if not low <= check_positive_int(value, name, allow_zero=True) <= high:
            raise ValueError(f"{name} must lie between {low} and {high}, got {value}")
    samples = espeak.speak(text, _identifier(voice), int(speed), int(pitch))
    if not samples.any():
        raise ValueError(f"text must contain something that voice {voice} can say, got {text!r}")
    waveform = samples.astype(np.float32) / 32768
    return np.clip(resample(waveform, espeak.NATIVE_SAMPLE_RATE, rate), -1, 1)


def load_utterances(
    texts: Sequence[str] = DIGIT_WORDS,
    voices: Sequence[str] | None = None,
    sample_rate: int = 16_000,
    speed: int = 160,
    pitch: int = 50,
) -> UtteranceSet:
    """Every text in every voice, kept in the cache.

    Parameters
    ----------
    texts
        What to say; the ten digits by default.
    voices
        All variants of British English by default.
    sample_rate, speed, pitch
        As in :func:`say`.

    Returns
    -------
    UtteranceSet
        ``len(voices) * len(texts)`` utterances, voice by voice.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As in :func:`say`.
    """
    for name, sequence in (("texts", texts), ("voices", voices)):
        if isinstance(sequence, str):
            raise TypeError(f"{name} must be a sequence of text, got {sequence!r}")
        if sequence is not None and len(sequence) == 0:
            raise ValueError(f"{name} must not be empty")
    chosen = list(list_voices() if voices is None else voices)
    for voice in chosen:
        _identifier(voice)
    rate = check_sample_rate(sample_rate)
    plan = [(text, voice) for voice in chosen for text in texts]

    def build() -> dict[str, np.ndarray]:
        spoken = [
            say(text, voice, rate, speed, pitch)
            for text, voice in progress_bar(plan, "Speaking", unit="utterance")
        ]
        samples = np.round(np.concatenate(spoken) * 32767).astype(np.int16)
        return {"samples": samples, "lengths": np.array([len(waveform) for waveform in spoken])}

    key = hashlib.sha256(json.dumps([list(texts), chosen, speed, pitch]).encode()).hexdigest()[:12]
    arrays = cached(
        f"utterances-{len(plan)}-{rate}hz-{key}",
        build,
        version=_VERSION,
        description=f"{len(texts)} texts in {len(chosen)} voices",
    )
    samples = np.multiply(arrays["samples"], np.float32(1 / 32767), dtype=np.float32)
    waveforms = np.split(samples, np.cumsum(arrays["lengths"])[:-1])
    return UtteranceSet(waveforms, [t for t, _ in plan], [v for _, v in plan], rate)


def _identifier(voice: str) -> str:
    """What eSpeak calls a voice: the path of its file, since it knows some by no other name."""
    if not isinstance(voice, str):
        raise TypeError(f"voice must be text, got {describe(voice)}")
    language, plus, variant = voice.partition("+")
    languages = espeak.languages()
    check_in(language, "the language of voice", languages)
    if not plus:
        return languages[language]
    check_in(variant, "the variant of voice", espeak.variants())
    return f"{languages[language]}+{variant}"
