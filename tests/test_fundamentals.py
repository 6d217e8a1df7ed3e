"""Fundamentals: the notes that a tone was made of are the notes that are found in it."""

import numpy as np
import pytest

from etudes.features import fundamentals, magnitude
from etudes.features.fundamentals import harmonic_combs

RATE = 8000
TIME = np.arange(RATE) / RATE


def tone(hertz, loudness=1.0):
    """A note of six partials, each weaker than the one below."""
    return loudness * sum(np.sin(2 * np.pi * hertz * h * TIME + h) / h for h in range(1, 7))


def semitones(found, wanted):
    """How far apart, in semitones."""
    return 12 * np.abs(np.log2(np.asarray(found) / np.asarray(wanted)))


@pytest.mark.parametrize("hertz", [75, 110, 185, 220, 440, 620, 880])
def test_one_note_is_found_in_every_frame(hertz):
    found = fundamentals(magnitude(tone(hertz)), RATE)
    assert found.shape == (1, 1 + RATE // 256)
    assert semitones(found[:, 2:-2], hertz).max() < 0.5


@pytest.mark.parametrize("pair", [(110, 185), (130, 415), (220, 330), (262, 392), (247, 587)])
def test_two_notes_are_found_and_the_louder_leads(pair):
    for low, high in ((1.0, 0.4), (0.4, 1.0)):
        both = tone(pair[0], low) + tone(pair[1], high)
        found = np.median(fundamentals(magnitude(both), RATE, 2), axis=1)
        assert semitones(np.sort(found), pair).max() < 0.5
        if high > low:
            assert semitones(found[0], pair[1]) < 0.5


def test_the_first_note_is_the_same_however_many_are_looked_for():
    size = magnitude(tone(147) + tone(370))
    one, three = fundamentals(size, RATE, 1), fundamentals(size, RATE, 3)
    assert three.shape == (3, size.shape[1])
    np.testing.assert_array_equal(one[0], three[0])


def test_neither_loudness_nor_window_nor_rate_moves_a_note():
    size = magnitude(tone(196))
    np.testing.assert_array_equal(fundamentals(size, RATE), fundamentals(1e-4 * size, RATE))
    finer = fundamentals(magnitude(tone(196), 2048), RATE)
    assert semitones(np.median(finer), 196) < 0.5
    twice = fundamentals(magnitude(tone(196)), 2 * RATE)  # the same samples, played twice as fast
    assert semitones(np.median(twice), 2 * 196) < 0.5


def test_a_comb_has_teeth_at_multiples_each_lower_than_the_last():
    (comb,) = harmonic_combs(np.array([1000.0]), 41, RATE)  # bins of 100 Hz
    np.testing.assert_allclose(comb[10::10], [1, 0.7, 0.49, 0.343], rtol=1e-6)
    np.testing.assert_allclose(comb[[9, 11]], 1 / 3, rtol=1e-6)
    assert not comb[[0, 5, 8, 12, 15, 25]].any()
    (low,) = harmonic_combs(np.array([100.0]), 401, RATE)
    assert low[80] > 0 and not low[82:].any()  # eight partials


def test_what_was_given_is_left_as_it_was():
    size = magnitude(tone(196))
    before = size.copy()
    fundamentals(size, RATE, 2)
    np.testing.assert_array_equal(size, before)


@pytest.mark.parametrize("size", [np.zeros((513, 3)), np.random.default_rng(0).random((513, 3))])
def test_where_nothing_sounds_a_number_is_found_all_the_same(size):
    found = fundamentals(size, RATE, 2)
    assert (found >= 70).all() and (found <= 890).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((-np.ones((5, 3)), RATE), ValueError, "magnitudes must be 0 or more, got -1"),
        ((np.full((5, 3), np.nan), RATE), ValueError, "magnitudes must be finite"),
        ((np.ones(5), RATE), ValueError, "magnitudes must have shape"),
        ((np.ones((1, 3)), RATE), ValueError, "magnitudes must have 2 bins or more, got 1"),
        (("a tone", RATE), TypeError, "magnitudes"),
        ((np.ones((5, 3)), 8), ValueError, "sample_rate must lie between"),
        ((np.ones((5, 3)), RATE, 0), ValueError, "n_pitches must be a positive integer, got 0"),
    ],
)
def test_what_has_no_fundamentals_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        fundamentals(*arguments)
