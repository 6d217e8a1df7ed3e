"""The inner network of a note: its picture, its sound, and that the two agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from etudes.data.instruments import render_note
from etudes.generators.harmonic_noise import (
    N_BANDS,
    N_PARTIALS,
    N_TIMES,
    TIMES,
    NoteNetwork,
    note_picture,
    render_levels,
    shapes,
)
from etudes.generators.harmonic_noise.partials import hats


def sine(frequency: float, decay: float = 0.0) -> np.ndarray:
    t = np.arange(16_000) / 16_000
    return (0.5 * np.exp(-decay * t) * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def test_a_picture_has_sixteen_moments_and_forty_bands():
    one = note_picture(sine(440))
    assert one.shape == (N_TIMES, N_BANDS) == (16, 40) and one.dtype == np.float32
    many = note_picture(np.stack([sine(440), sine(880)]))
    np.testing.assert_allclose(many[0], one, atol=1e-5)


def test_a_picture_does_not_know_how_loud_a_note_is():
    np.testing.assert_allclose(note_picture(sine(440)), note_picture(0.1 * sine(440)), atol=1e-3)


def test_a_picture_shows_where_and_when():
    low, high = note_picture(sine(200)).mean(0).argmax(), note_picture(sine(2000)).mean(0).argmax()
    assert low < high
    fading = note_picture(sine(440, decay=8.0)).max(axis=1)
    assert fading[1] - fading[-2] > 3  # bels: e^-8t loses 0.35 bels every 0.05 s


def test_the_moments_are_fine_at_the_onset():
    gaps = np.diff(TIMES)
    assert TIMES[0] == 0 and TIMES[-1] < 1
    assert gaps[0] == pytest.approx(0.016) and gaps.max() > 5 * gaps[0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(16_000), "silent"),
        (np.full(16_000, np.nan), "finite"),
        (sine(440)[:100], "16000 samples"),
        (np.zeros((2, 16_000)), "silent"),
    ],
)
def test_a_bad_waveform_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        note_picture(bad)


def test_shapes_put_partials_where_they_sound():
    table = shapes(69)
    assert table.shape == (N_PARTIALS + N_BANDS, N_BANDS)
    assert table[0].argmax() == note_picture(sine(440)).mean(0).argmax()
    audible = [k for k in range(1, N_PARTIALS + 1) if k * 440 < 7_900]
    sums = table.sum(axis=1)
    np.testing.assert_allclose(sums[: len(audible)], N_BANDS, rtol=1e-4)
    assert (sums[len(audible) : N_PARTIALS] == 0).all()
    np.testing.assert_allclose(sums[N_PARTIALS:], N_BANDS, rtol=1e-4)


def test_bands_of_noise_add_up_to_white_noise_and_lean_on_their_neighbours_only():
    np.testing.assert_allclose(hats().sum(axis=0), 1)
    noise = shapes(60)[N_PARTIALS:]
    assert (noise.argmax(axis=1) == np.arange(N_BANDS)).all()
    bands = np.arange(N_BANDS)
    far = abs(bands[:, None] - bands) > 2
    assert noise[far].max() < 0.02 * noise.max(axis=1).min()


@pytest.mark.parametrize(
    ("pitch", "error"), [(47, ValueError), (85, ValueError), (60.5, TypeError)]
)
def test_a_pitch_out_of_range_is_named(pitch, error):
    with pytest.raises(error, match="pitch"):
        shapes(pitch)


def test_the_number_of_weights():
    assert NoteNetwork(16).n_weights == 6 * 16 + 16 + 16 * 72 + 72 == 1336


def test_starts_are_repeatable_and_differ_between_notes():
    network = NoteNetwork()
    one, again, other = network.start(3, 1), network.start(2, 1), network.start(3, 2)
    torch.testing.assert_close(one[:2], again)
    assert not torch.equal(one, other) and not torch.equal(one[0], one[1])


def test_each_note_has_weights_of_its_own():
    """Changing one row changes no other row's picture."""
    network = NoteNetwork(4)
    weights = network.start(3, 0)
    table = torch.from_numpy(np.stack([shapes(60)] * 3))
    before = network.picture(weights, table)
    weights[1] += 1
    after = network.picture(weights, table)
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert (before[1] - after[1]).abs().max() > 0.1


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    network = NoteNetwork(2)
    weights = network.start(1, 3).double().requires_grad_()
    table = torch.from_numpy(shapes(60)[None]).double()
    target = torch.from_numpy(note_picture(render_note("flute", 60))[None]).double()
    assert torch.autograd.gradcheck(lambda w: network.loss(w, table, target), weights)


def test_the_sound_has_the_picture_that_was_promised():
    network = NoteNetwork()
    for seed, pitch in ((0, 48), (1, 61), (2, 84)):
        weights = network.start(1, seed)
        promised = network.picture(weights, torch.from_numpy(shapes(pitch)[None]))[0].numpy()
        heard = note_picture(network.sample(weights[0], pitch))
        difference = (heard - heard.mean()) - (promised - promised.mean())
        assert np.median(np.abs(difference)) < 0.12  # bels; noise alone makes about 0.1


@pytest.mark.parametrize("jump", [0, 1, 3])
def test_neighbouring_bands_of_noise_sound_as_promised_however_they_differ(jump):
    """Mel bands overlap, so a quiet band beside a loud one is louder than its own level says."""
    levels = np.full((63, N_PARTIALS + N_BANDS), -9.0)
    levels[:, N_PARTIALS:] = -1.0
    levels[:, N_PARTIALS + 1 :: 2] -= jump
    promised = np.log10(10 ** levels[0] @ shapes(60))
    promised -= np.log10((10**promised).mean())
    heard = [note_picture(render_levels(levels, 60, seed))[2:-2].mean(0) for seed in range(6)]
    gap = np.mean(heard, axis=0) - promised
    assert np.abs(gap[2:-2]).max() < 0.15  # bels


def test_sound_is_finite_loud_enough_and_repeatable():
    network = NoteNetwork()
    weights = network.start(1, 0)[0]
    sound = network.sample(weights, 60, seed=4)
    assert sound.shape == (16_000,) and sound.dtype == np.float32
    assert np.isfinite(sound).all() and np.abs(sound).max() == pytest.approx(0.5, abs=1e-4)
    np.testing.assert_array_equal(sound, network.sample(weights, 60, seed=4))
    assert not np.array_equal(sound, network.sample(weights, 60, seed=5))


def test_a_single_partial_is_a_sine_wave():
    levels = np.full((63, N_PARTIALS + N_BANDS), -9.0)
    levels[:, 2] = 0
    spectrum = np.abs(np.fft.rfft(render_levels(levels, 69)))
    assert spectrum.argmax() == 1320  # the third partial of A4; one second, so bins are Hz


def test_bad_arguments_are_named():
    network = NoteNetwork()
    weights = network.start(2, 0)
    table = torch.from_numpy(np.stack([shapes(60)] * 2))
    with pytest.raises(ValueError, match=r"weights must have shape \(n, 1336\)"):
        network.levels(weights[:, 1:])
    with pytest.raises(TypeError, match="weights must be a tensor"):
        network.levels(weights.numpy())
    with pytest.raises(ValueError, match="shapes must have shape"):
        network.picture(weights, table[:1])
    with pytest.raises(ValueError, match="target must have shape"):
        network.loss(weights, table, torch.zeros(2, 40, 16))
    with pytest.raises(ValueError, match=r"weights must have shape \(n_weights,\)"):
        network.sample(weights, 60)
    with pytest.raises(ValueError, match="hidden"):
        NoteNetwork(0)
    with pytest.raises(ValueError, match="levels must be finite"):
        render_levels(np.full((63, 72), np.nan), 60)
