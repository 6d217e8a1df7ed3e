"""Masks: what they let through adds up, and masks made from the answer come near to it."""

import numpy as np
import pytest

from etudes.data.chorales import ChoraleMixtures
from etudes.evaluate import si_sdr, si_sdr_improvement
from etudes.features import stft
from etudes.separators import OracleMask, apply_masks, check_mixture, oracle_masks
from etudes.separators.oracle import KINDS

RATE = 8000
TIME = np.arange(RATE) / RATE
LOW, HIGH = (np.sin(2 * np.pi * hertz * TIME).astype(np.float32) / 2 for hertz in (400, 1900))
STEMS = np.stack([LOW, HIGH])


@pytest.fixture(scope="module")
def duet():
    """Four seconds of flute and bassoon, of a test chorale."""
    programs = {"soprano": [73], "bass": [70]}
    return ChoraleMixtures(("soprano", "bass"), programs, split="test", seconds=4)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_sounds_that_share_no_frequency_come_apart(kind):
    found = OracleMask(STEMS, kind).separate(STEMS.sum(axis=0))
    assert found.shape == STEMS.shape and found.dtype == np.float32
    assert (si_sdr(found, STEMS) > 25).all()


@pytest.mark.parametrize("kind", KINDS[:3])
def test_masks_share_out_everything_and_the_estimates_add_up(duet, kind):
    masks = oracle_masks(duet.stems, kind)
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-6)
    found = OracleMask(duet.stems, kind).separate(duet.mixture)
    np.testing.assert_allclose(found.sum(axis=0), duet.mixture, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_lie_within_0_and_1_and_help(duet, kind):
    masks = oracle_masks(duet.stems, kind)
    assert masks.min() >= 0 and masks.max() <= 1
    found = OracleMask(duet.stems, kind).separate(duet.mixture)
    assert (si_sdr_improvement(found, duet.stems, duet.mixture) > 5).all()


def test_each_mask_is_what_its_name_says(duet):
    spectra = stft(duet.stems, 512, 128)
    size, mixture = np.abs(spectra), spectra.sum(axis=0)
    binary, ratio, wiener, sensitive = (oracle_masks(duet.stems, kind) for kind in KINDS)
    np.testing.assert_array_equal(binary[0], size[0] >= size[1])
    np.testing.assert_allclose(ratio[0] * size.sum(axis=0), size[0], atol=1e-4)
    np.testing.assert_allclose(wiener[0] * (size**2).sum(axis=0), size[0] ** 2, atol=1e-3)
    here = np.abs(mixture) > 1e-3
    along = (spectra[1] / np.where(here, mixture, 1)).real
    np.testing.assert_allclose(sensitive[1][here], np.clip(along, 0, 1)[here], atol=1e-3)


def test_the_phase_sensitive_mask_is_the_best_of_all_real_ones(duet):
    """In each place it is nearest to the stem's spectrum, so no other mask of ours is nearer."""
    spectra = stft(duet.stems, 512, 128)
    away = {
        kind: (np.abs(spectra - oracle_masks(duet.stems, kind) * spectra.sum(axis=0)) ** 2).sum()
        for kind in KINDS
    }
    assert min(away, key=away.get) == "phase-sensitive"


def test_silence_is_shared_out_evenly():
    stems = np.zeros((2, 8000), np.float32)
    stems[:, :2000] = STEMS[:, :2000]
    for kind in ("ratio", "wiener"):
        masks = oracle_masks(stems, kind)
        assert np.isfinite(masks).all()
        np.testing.assert_array_equal(masks[:, :, -10:], 0.5)
    assert not oracle_masks(stems, "phase-sensitive")[:, :, -10:].any()


@pytest.mark.parametrize(
    ("mixture", "error", "words"),
    [
        (np.zeros(4000), ValueError, "must not be silent"),
        (np.ones(1), ValueError, "512 samples or more, one window, got 1"),
        (np.ones((4000, 2)), ValueError, "stereo"),
        (np.full(4000, np.nan), ValueError, "mixture"),
        ("a sound", TypeError, "mixture"),
    ],
)
def test_what_cannot_be_taken_apart_is_named(mixture, error, words):
    with pytest.raises(error, match=words):
        check_mixture(mixture)
    with pytest.raises(error, match=words):
        OracleMask(STEMS).separate(mixture)


def test_stems_and_masks_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="two or more, got 1"):
        oracle_masks(STEMS[:1])
    with pytest.raises(ValueError, match="kind"):
        oracle_masks(STEMS, "soft")
    with pytest.raises(ValueError, match="silent"):
        oracle_masks(np.zeros((2, 4000)))
    with pytest.raises(ValueError, match="as long as the stems, 8000 samples, got 4000"):
        OracleMask(STEMS).separate(LOW[:4000])
    with pytest.raises(ValueError, match="masks must be of shape"):
        apply_masks(LOW, np.ones((2, 257, 3)))
    with pytest.raises(ValueError, match="within 0…1"):
        apply_masks(LOW, np.full((2, 257, 63), 1.5))
