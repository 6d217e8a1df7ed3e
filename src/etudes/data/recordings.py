"""Recordings of the real world: ten short examples, three thousand spoken digits, 382 chorales.

The idea in a sentence: real recordings stand beside the synthetic sounds as a test of what was
learned from those; they are downloaded once, checked against checksums, and never needed to run a
chapter.

Origins and licences stand in :data:`SOURCES`; :mod:`etudes.data.downloads` looks for the files.
Chapters 1 and 2 listen to the examples and the digits; the chorales (Boulanger-Lewandowski, Bengio
and Vincent, ICML 2012) are the benchmark of chapter 11.
"""

from __future__ import annotations

import io
import wave
import zipfile
from dataclasses import dataclass

import numpy as np

from etudes.checks import check_in, check_positive_int, check_sample_rate
from etudes.data.cache import cached, progress_bar
from etudes.data.downloads import RecordingUnavailable, find, is_here, members
from etudes.data.recording_sources import EXAMPLES, SOURCES, Source
from etudes.data.resampling import resample

__all__ = [
    "EXAMPLES",
    "SOURCES",
    "DigitSet",
    "RecordingUnavailable",
    "Source",
    "find",
    "is_here",
    "load_example",
    "load_jsb_chorales",
    "load_spoken_digits",
]

DIGIT_SAMPLE_RATE = 8000
_JSB_SIZES = {"train": 229, "validation": 76, "test": 77}
_JSB_NAMES = {"train": "traindata", "validation": "validdata", "test": "testdata"}


@dataclass(frozen=True, eq=False)
class DigitSet:
    """Spoken digits, trimmed, of different lengths.

    Attributes
    ----------
    waveforms
        One float32 array of shape (n_samples,) for each recording, −1 to 1.
    digit
        What is said, 0 to 9, shape (n_recordings,), int64.
    speaker
        Who says it, shape (n_recordings,), text.
    take
        Number of the recording among those of this digit and speaker, shape (n_recordings,).
    sample_rate
        8,000 Hz.
    """

    waveforms: list[np.ndarray]
    digit: np.ndarray
    speaker: np.ndarray
    take: np.ndarray
    sample_rate: int

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.waveforms)

    def padded(self, n_samples: int = 8000) -> np.ndarray:
        """All recordings at one length: cut at the end, or followed by silence.

        Parameters
        ----------
        n_samples
            The length; by default one second.

        Returns
        -------
        np.ndarray
            Shape (n_recordings, n_samples), float32.

        Raises
        ------
        ValueError
            When `n_samples` is not positive.
        """
        n_samples = check_positive_int(n_samples, "n_samples")
        out = np.zeros((len(self), n_samples), dtype=np.float32)
        for row, waveform in zip(out, self.waveforms):
            row[: len(waveform)] = waveform[:n_samples]
        return out


def load_example(name: str, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """One of the examples that librosa also uses: a trumpet, readers, a string orchestra, a whale.

    Parameters
    ----------
    name
        One of :data:`EXAMPLES`; who made it and its licence stand in ``SOURCES[name]``.
    sample_rate
        In Hz; the recording's own (22,050) by default.

    Returns
    -------
    waveform : np.ndarray
        Mono, shape (n_samples,), float32, −1 to 1.
    sample_rate : int
        In Hz.

    Raises
    ------
    ValueError
        When there is no such example (the message suggests the nearest) or the rate is impossible.
    RecordingUnavailable
        When it is neither here nor can be downloaded.
    """
    check_in(name, "name", EXAMPLES)
    rate = None if sample_rate is None else check_sample_rate(sample_rate)
    import soundfile

    samples, own_rate = soundfile.read(find(name), dtype="float32", always_2d=True)
    waveform = samples.mean(axis=1)
    if rate is not None and rate != own_rate:
        waveform = resample(waveform, own_rate, rate)
    return np.clip(waveform, -1, 1), rate or own_rate


def load_spoken_digits() -> DigitSet:
    """Load the Free Spoken Digit Dataset: 6 speakers, 10 digits, 50 takes of each.

    Returns
    -------
    DigitSet
        3,000 recordings at 8,000 Hz, ordered by digit, speaker, take.

    Raises
    ------
    RecordingUnavailable
        When it is neither here nor can be downloaded. ``load_utterances`` of
        :mod:`etudes.data.voices` says the same ten words in synthetic voices.
    """
    arrays = cached("spoken-digits", _read_digits, version=1, description="3,000 spoken digits")
    samples = arrays["samples"].astype(np.float32) / 32768
    return DigitSet(
        waveforms=np.split(samples, np.cumsum(arrays["lengths"])[:-1]),
        digit=arrays["digit"],
        speaker=arrays["speaker"],
        take=arrays["take"],
        sample_rate=DIGIT_SAMPLE_RATE,
    )


def load_jsb_chorales() -> dict[str, list[np.ndarray]]:
    """Load the piano-roll benchmark: Bach's chorales, one row for each quarter note.

    Returns
    -------
    dict
        ``"train"``, ``"validation"`` and ``"test"``: lists of 229, 76 and 77 arrays of shape
        (n_steps, 88), uint8; column k is 1 where MIDI note 21 + k sounds.

    Raises
    ------
    RecordingUnavailable
        When it is neither here nor can be downloaded.
    """
    from scipy.io import loadmat

    contents = loadmat(find("jsb-chorales"))
    parts = {}
    for part, size in _JSB_SIZES.items():
        rolls = [np.asarray(roll, dtype=np.uint8) for roll in contents[_JSB_NAMES[part]].ravel()]
        if len(rolls) != size or any(roll.ndim != 2 or roll.shape[1] != 88 for roll in rolls):
            raise RecordingUnavailable(f"the JSB chorales must be {size} rolls of 88 notes: {part}")
        parts[part] = rolls
    return parts


def _read_digits() -> dict[str, np.ndarray]:
    rows, pieces = [], []
    with zipfile.ZipFile(find("spoken-digits")) as archive:
        recordings = members(archive)
        for name, member in progress_bar(recordings, "Reading digits", unit="recording"):
            digit, speaker, take = name.removesuffix(".wav").split("_")
            rows.append((int(digit), speaker, int(take)))
            pieces.append(_read_wav(archive.read(member), name))
    order = sorted(range(len(rows)), key=lambda i: rows[i])
    pieces = [pieces[i] for i in order]
    digit, speaker, take = zip(*(rows[i] for i in order))
    return {
        "samples": np.concatenate(pieces),
        "lengths": np.array([len(piece) for piece in pieces]),
        "digit": np.array(digit),
        "speaker": np.array(speaker),
        "take": np.array(take),
    }


def _read_wav(data: bytes, name: str) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, DIGIT_SAMPLE_RATE):
            raise ValueError(f"{name} must be mono, 16 bits, 8000 Hz, got {form}")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
