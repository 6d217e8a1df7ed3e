"""Resampling keeps what fits into the new rate and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from etudes.data.resampling import resample


def tone(frequency: float, sample_rate: int, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    return np.sin(2 * np.pi * frequency * time).astype(np.float32)


@pytest.mark.parametrize(("before", "after"), [(22_050, 16_000), (8000, 22_050), (44_100, 8000)])
def test_a_tone_stays_the_same_tone(before, after):
    resampled = resample(tone(440, before), before, after)
    assert resampled.dtype == np.float32 and len(resampled) == np.ceil(
        0.5 * before * after / before
    )
    middle = slice(after // 10, -after // 10)
    np.testing.assert_allclose(resampled[middle], tone(440, after)[middle], atol=0.01)


def test_what_does_not_fit_is_taken_away():
    assert np.abs(resample(tone(5000, 16_000), 16_000, 8000)[400:-400]).max() < 0.01


def test_equal_rates_change_nothing():
    waveform = tone(440, 8000)
    np.testing.assert_array_equal(resample(waveform, 8000, 8000), waveform)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((2, 9), np.float32), 8000, 16_000), ValueError, "waveform must have shape"),
        ((np.zeros(0, np.float32), 8000, 16_000), ValueError, "waveform must not be empty"),
        ((np.full(9, np.nan), 8000, 16_000), ValueError, "waveform must be finite"),
        ((np.zeros(9), 8, 16_000), ValueError, "from_rate must lie between"),
        ((np.zeros(9), 8000, "16000"), TypeError, "to_rate must be a whole number of Hz"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        resample(*arguments)
