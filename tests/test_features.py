"""Features: the right frequency in the right row, round trips, and what bad input is told."""

from __future__ import annotations

import doctest
import re
import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from etudes.features import (
    LOG_FLOOR,
    griffin_lim,
    istft,
    log_mel,
    magnitude,
    mel,
    mel_filterbank,
    mel_to_waveform,
    mu_law,
    mu_law_decode,
    mu_law_encode,
    notes_from_piano_roll,
    piano_roll,
    rolls,
    spectra,
    stft,
)

RATE = 16000


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    """A sine at half of full scale."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def test_stft_is_the_textbook_formula() -> None:
    """Window, transform, hop, written out."""
    x = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    padded = np.pad(x, 256)
    frames = [np.fft.rfft(window * padded[i : i + 512]) for i in range(0, len(padded) - 511, 128)]
    expected = np.stack(frames, axis=1)
    spectrum = stft(x, n_fft=512, hop_length=128)
    assert spectrum.dtype == np.complex64 and spectrum.shape == expected.shape == (257, 40)
    np.testing.assert_allclose(spectrum, expected, atol=1e-4)


def test_a_tone_is_in_the_row_of_its_frequency() -> None:
    for hertz in (500, 1000, 4000):
        loudest = magnitude(tone(hertz)).mean(axis=1).argmax()
        assert loudest == round(hertz * 1024 / RATE)


def test_istft_gives_the_waveform_back() -> None:
    x = np.random.default_rng(1).normal(size=12345).astype(np.float32)
    back = istft(stft(x), length=len(x))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, x, atol=1e-5)


def test_many_waveforms_are_the_same_as_one_after_the_other() -> None:
    x = np.random.default_rng(2).normal(size=(70, 1500)).astype(np.float32)  # more than one chunk
    together = log_mel(x, RATE)
    assert together.shape == (70, 64, 6)
    for i in (0, 63, 64, 69):
        np.testing.assert_allclose(together[i], log_mel(x[i], RATE), atol=1e-5)


def test_a_sound_shorter_than_a_window_is_padded_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert log_mel(tone(440, 0.01), RATE).shape == (64, 1)


def test_mel_filterbank_agrees_with_librosa_and_cannot_be_changed() -> None:
    bank = mel_filterbank(RATE, 1024, 64)
    np.testing.assert_allclose(bank, librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64))
    with pytest.raises(ValueError, match="read-only"):
        bank[0, 0] = 1


def test_log_mel_is_the_logarithm_of_mel_magnitude_with_a_floor() -> None:
    x = tone(440)
    expected = np.log(np.maximum(mel_filterbank(RATE) @ magnitude(x), 1e-5))
    np.testing.assert_allclose(log_mel(x, RATE), expected, rtol=1e-6)
    assert np.allclose(log_mel(np.zeros(RATE), RATE), np.log(LOG_FLOOR))
    assert log_mel(x, RATE).dtype == np.float32


def test_ten_times_louder_is_log_ten_more() -> None:
    x = 0.05 * np.random.default_rng(0).normal(size=RATE)
    np.testing.assert_allclose(log_mel(10 * x, RATE) - log_mel(x, RATE), np.log(10), atol=1e-3)


def inconsistency(waveform: np.ndarray, wanted: np.ndarray) -> float:
    """How far the spectrum of a waveform is from the one that was wanted."""
    return float(np.linalg.norm(magnitude(waveform) - wanted) / np.linalg.norm(wanted))


def test_griffin_lim_finds_a_phase_and_more_steps_find_a_better_one() -> None:
    x = np.concatenate([tone(440), tone(660), tone(550)])
    wanted = magnitude(x)
    few, many = (griffin_lim(wanted, n_iter=n, length=len(x)) for n in (1, 32))
    assert few.shape == many.shape == x.shape
    assert inconsistency(many, wanted) < 0.2 < inconsistency(few, wanted)
    assert np.array_equal(many, griffin_lim(wanted, n_iter=32, length=len(x)))
    assert not np.array_equal(many, griffin_lim(wanted, n_iter=32, length=len(x), seed=1))


def test_mel_round_trip_keeps_the_mel_spectrum() -> None:
    x = np.concatenate([tone(440, 0.3), tone(660, 0.3)])
    seen = log_mel(x, RATE)
    back = mel_to_waveform(seen, RATE, length=len(x))
    assert back.shape == x.shape
    loud = seen > np.log(0.1)
    assert np.abs(log_mel(back, RATE) - seen)[loud].mean() < 0.3
    assert np.array_equal(back, mel_to_waveform(seen, RATE, length=len(x)))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1, 1, width=32)))
def test_mu_law_round_trip(x: np.ndarray) -> None:
    codes = mu_law_encode(x)
    assert codes.dtype == np.int64 and codes.min() >= 0 and codes.max() <= 255
    back = mu_law_decode(codes)
    assert np.array_equal(mu_law_encode(back), codes)
    # a step at level |x| is 2 log(256) (1 + 255 |x|) / 255² wide; rounding errs by half of one
    assert (np.abs(back - x) <= 1.02 * np.log(256) * (1 / 255 + np.abs(x)) / 255 + 1e-6).all()


def test_mu_law_values_from_the_formula() -> None:
    assert mu_law_encode([-1.0, 0.0, 1.0]).tolist() == [0, 128, 255]
    assert mu_law_encode(0.1).item() == int((np.log(1 + 25.5) / np.log(256) + 1) / 2 * 255 + 0.5)
    assert mu_law_encode(np.linspace(-1, 1, 99).reshape(9, 11), n_levels=16).max() == 15
    assert mu_law_decode([[0, 255]]).tolist() == [[-1.0, 1.0]]


NOTES = np.array([(60, 0, 1), (64, 0, 2), (60, 1, 1), (67, 2.5, 0.25)], dtype=np.float32)


def test_piano_roll_is_one_where_a_note_sounds() -> None:
    roll = piano_roll(NOTES)
    assert roll.shape == (11, 128) and roll.dtype == np.uint8
    assert roll[:, 60].tolist() == [1] * 8 + [0] * 3
    assert roll[:, 64].tolist() == [1] * 8 + [0] * 3
    assert roll[:, 67].tolist() == [0] * 10 + [1]
    assert roll.sum() == 17
    assert piano_roll(NOTES, onsets=True)[:, 60].tolist() == [1, 0, 0, 0, 1] + [0] * 6


def test_equal_notes_in_a_row_merge_unless_onsets_are_kept() -> None:
    order = np.lexsort((NOTES[:, 0], NOTES[:, 1]))
    roll, onsets = piano_roll(NOTES), piano_roll(NOTES, onsets=True)
    assert np.array_equal(notes_from_piano_roll(roll, onsets=onsets), NOTES[order])
    assert notes_from_piano_roll(roll).tolist() == [[60, 0, 2], [64, 0, 2], [67, 2.5, 0.25]]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 6)), elements=st.integers(0, 1)
    )
)
def test_a_roll_survives_being_notes(roll: np.ndarray) -> None:
    notes = notes_from_piano_roll(roll, lowest_pitch=21)
    assert notes.shape[1] == 3
    if len(notes):
        again = piano_roll(notes)[:, 21 : 21 + roll.shape[1]]
        assert np.array_equal(again, roll[: len(again)]) and not roll[len(again) :].any()
    else:
        assert not roll.any()


def test_notes_shorter_than_a_step_are_not_lost() -> None:
    assert piano_roll([(60, 0.3, 0.01)], steps_per_quarter=1).sum() == 1


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: stft([]), ValueError, "waveform must not be empty, got shape (0,)"),
    (lambda: stft(np.zeros((2, 3, 4))), ValueError, "waveform must have 1 or 2 dimensions, got 3"),
    (lambda: stft(np.zeros((900, 2))), ValueError, "got (900, 2): samples come last"),
    (lambda: stft([0.0, np.nan]), ValueError, "waveform must be finite, got 1 NaN"),
    (lambda: stft(np.full(9, 300, np.int16)), TypeError, "divide 16-bit samples by 32768"),
    (lambda: stft(tone(9), n_fft=101), ValueError, "n_fft must be even, got 101"),
    (
        lambda: stft(tone(9), hop_length=0),
        ValueError,
        "hop_length must be a positive integer, got 0",
    ),
    (lambda: stft(tone(9), 64, 65), ValueError, "hop_length must be at most n_fft, 64, got 65"),
    (
        lambda: istft(np.zeros(513)),
        ValueError,
        "spectrum must have shape (n_fft // 2 + 1, n_frames), got (513,)",
    ),
    (lambda: log_mel(tone(9), 16), ValueError, "sample_rate must lie between"),
    (
        lambda: log_mel(tone(9), RATE, n_mels=500),
        ValueError,
        "n_mels must be smaller for n_fft = 1024 at 16000 Hz: of 500",
    ),
    (
        lambda: griffin_lim(-np.ones((513, 3))),
        ValueError,
        "magnitude must be real and at least 0, got -1",
    ),
    (
        lambda: griffin_lim(np.ones((513, 3), complex)),
        ValueError,
        "magnitude must be real and at least 0, got complex",
    ),
    (
        lambda: griffin_lim(np.ones((513, 3)), n_iter=0),
        ValueError,
        "n_iter must be a positive integer",
    ),
    (
        lambda: mel_to_waveform(np.ones(64), RATE),
        ValueError,
        "log_mel must have shape (n_mels, n_frames), got (64,)",
    ),
    (
        lambda: mel_to_waveform(np.full((64, 2), 40.0), RATE),
        ValueError,
        "log_mel must be a natural logarithm, at most 20",
    ),
    (lambda: mu_law_encode([1.5]), ValueError, "waveform must lie within -1..1, got a peak of 1.5"),
    (lambda: mu_law_encode([0.0], n_levels=1), ValueError, "n_levels must be 2 or more, got 1"),
    (lambda: mu_law_decode([256]), ValueError, "codes must lie within 0..255, got 256 to 256"),
    (lambda: mu_law_decode([0.5]), TypeError, "codes must be integers, got float64"),
    (lambda: piano_roll([]), ValueError, "notes must have 2 dimensions, got 1"),
    (lambda: piano_roll(np.zeros((0, 3))), ValueError, "notes must not be empty"),
    (lambda: piano_roll([(60, 0)]), ValueError, "notes must have columns pitch, onset, duration"),
    (
        lambda: piano_roll([(60.5, 0, 1)]),
        ValueError,
        "pitch must be a MIDI number within 0..127, got 60.5",
    ),
    (
        lambda: piano_roll([(128, 0, 1)]),
        ValueError,
        "pitch must be a MIDI number within 0..127, got 128",
    ),
    (lambda: piano_roll([(60, -1, 1)]), ValueError, "onset must be 0 or later, got -1"),
    (lambda: piano_roll([(60, 0, 0)]), ValueError, "duration must be above 0, got 0"),
    (
        lambda: notes_from_piano_roll(np.ones(5)),
        ValueError,
        "roll must have shape (n_steps, n_pitches)",
    ),
    (
        lambda: notes_from_piano_roll(np.ones((2, 88)), lowest_pitch=41),
        ValueError,
        "got 88 pitches from 41",
    ),
    (
        lambda: notes_from_piano_roll(np.ones((2, 8)), onsets=np.ones((3, 8))),
        ValueError,
        "onsets must have shape (2, 8), got (3, 8)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[row[2][:40] for row in BAD])
def test_bad_input(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (mel, mu_law, rolls, spectra):
        told = doctest.testmod(module)
        assert told.attempted and not told.failed
