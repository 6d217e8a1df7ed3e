"""The argument checks: what they let through, and the words they use when they do not."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from etudes.checks import (
    check_array,
    check_fraction,
    check_in,
    check_positive_float,
    check_positive_int,
    check_sample_rate,
    check_waveform,
)


def test_a_good_waveform_comes_back_as_float32() -> None:
    for given in ([0.0, 0.5], np.zeros(3), torch.zeros(3, requires_grad=True)):
        waveform = check_waveform(given)
        assert waveform.dtype == np.float32
        assert waveform.shape == (len(given),)


def test_a_float32_waveform_is_not_copied() -> None:
    given = np.zeros(4, dtype=np.float32)
    assert check_waveform(given) is given


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((2, 16000)), ValueError, "waveform must have shape (n_samples,), got (2, 16000)"),
        (np.zeros((9, 2)), ValueError, "average the two channels: waveform.mean(axis=1)"),
        (np.float32(0.5), ValueError, "waveform must have shape (n_samples,), got ()"),
        ([], ValueError, "waveform must not be empty, got shape (0,)"),
        (
            [0.0, np.nan, np.inf],
            ValueError,
            "waveform must be finite, got 2 NaN or infinite values",
        ),
        ([1e300], ValueError, "waveform must be finite"),
        (np.array([1, -32768], np.int16), TypeError, "with a peak of 32768; divide 16-bit samples"),
        (np.zeros(3, complex), TypeError, "waveform must be real"),
        ("trumpet.wav", TypeError, "waveform must be an array of numbers, got str 'trumpet.wav'"),
        (None, TypeError, "waveform must be an array of numbers, got None"),
        ([[1.0], [1.0, 2.0]], ValueError, "rows of different lengths"),
        (["a", "b"], TypeError, "waveform must be an array of numbers"),
    ],
)
def test_a_bad_waveform_is_refused(given: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_waveform(given)


def test_the_name_given_is_the_name_in_the_message() -> None:
    with pytest.raises(ValueError, match="^stem must not be empty"):
        check_waveform([], "stem")


def test_array_shapes_are_matched_by_number_and_by_name() -> None:
    x = np.ones((3, 4))
    assert check_array(x, "x", shape=(3, "n_frames")) is x
    assert check_array(x, "x", shape=(None, 4), ndim=(1, 2)) is x
    with pytest.raises(ValueError, match=re.escape("x must have shape (5, n_frames), got (3, 4)")):
        check_array(x, "x", shape=(5, "n_frames"))
    with pytest.raises(ValueError, match=re.escape("x must have shape (n,), got (3, 4)")):
        check_array(x, "x", shape=("n",))
    with pytest.raises(ValueError, match=re.escape("x must have 1 or 3 dimensions, got 2")):
        check_array(x, "x", ndim=(1, 3))
    with pytest.raises(ValueError, match=re.escape("x must have 1 dimension, got 2")):
        check_array(x, "x", ndim=1)


def test_array_finiteness_and_emptiness_can_be_waived() -> None:
    assert np.isnan(check_array([np.nan], "x", finite=False)).all()
    assert check_array(np.zeros((0, 3)), "x", allow_empty=True).shape == (0, 3)
    with pytest.raises(ValueError, match="x must not be empty"):
        check_array(np.zeros((0, 3)), "x")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (0, ValueError, "n_way must be a positive integer, got 0"),
        (-2, ValueError, "n_way must be a positive integer, got -2"),
        (2.0, TypeError, "n_way must be a positive integer, got float 2.0"),
        (True, TypeError, "n_way must be a positive integer, got bool True"),
        ("5", TypeError, "n_way must be a positive integer, got str '5'"),
    ],
)
def test_integers(given: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_positive_int(given, "n_way")


def test_numpy_integers_become_python_integers() -> None:
    assert type(check_positive_int(np.int64(3), "n_way")) is int
    assert check_positive_int(0, "n", allow_zero=True) == 0


def test_floats_and_fractions() -> None:
    assert check_positive_float(np.float32(0.5), "lr") == 0.5
    assert check_fraction(1, "p") == 1.0
    for bad in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="lr must be a finite number above 0"):
            check_positive_float(bad, "lr")
    with pytest.raises(ValueError, match="p must lie between 0 and 1, got 1.5"):
        check_fraction(1.5, "p")
    with pytest.raises(TypeError, match="lr must be a finite number above 0, got str"):
        check_positive_float("0.1", "lr")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    assert check_in("reel", "style", ("reel", "jig")) == "reel"
    with pytest.raises(ValueError, match="did you mean 'irish-air'"):
        check_in("irish-aire", "style", ["china", "irish-air"])
    with pytest.raises(ValueError, match="did you mean 'China'"):
        check_in("china", "style", ["China", "Lorraine"])
    with pytest.raises(ValueError, match="must be one of 'a', 'b', got 'zzz'$"):
        check_in("zzz", "style", ["a", "b"])
    with pytest.raises(ValueError, match="and 80 more"):
        check_in(1000, "program", range(100))
    assert check_in(np.int64(3), "program", range(5)) == 3


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (16, ValueError, "got 16 (did you give kHz?)"),
        (0, ValueError, "between 1000 and 192000 Hz, got 0"),
        (22050.5, ValueError, "sample_rate must be a whole number of Hz, got 22050.5"),
        (float("nan"), ValueError, "sample_rate must be a whole number of Hz, got nan"),
        ("16k", TypeError, "sample_rate must be a whole number of Hz, got str '16k'"),
    ],
)
def test_sample_rates(given: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_sample_rate(given)


def test_a_good_sample_rate_and_an_unexpected_one() -> None:
    assert check_sample_rate(16000.0) == 16000
    with pytest.raises(ValueError, match="sample_rate must be 16000 Hz, got 8000 Hz: resample"):
        check_sample_rate(8000, expected=16000)
