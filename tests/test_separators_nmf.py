"""NMF: few spectra, each louder and softer; learned from sources alone, or from the mixture."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from etudes.data.chorales import ChoraleMixtures
from etudes.evaluate import si_sdr, si_sdr_improvement
from etudes.separators import SupervisedNMF, blind_components, by_nearest_stem

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)

TIME = np.arange(16_000) / 8000


def tone(hertz, seed):
    """A tone that comes and goes, a tenth of a second at a time."""
    sounds = np.random.default_rng(seed).permutation([1.0] * 8 + [0.0] * 12)
    x = np.sin(2 * np.pi * hertz * TIME) / 4 * np.repeat(sounds, 800)
    return x.astype(np.float32)


LOW = [tone(300, 0), tone(500, 1)]
HIGH = [tone(1500, 2), tone(2100, 3)]


@pytest.fixture(scope="module")
def duets():
    """Twelve training excerpts and two of test chorales, flute and bassoon."""
    programs = {"soprano": [73], "bass": [70]}
    train = ChoraleMixtures(("soprano", "bass"), programs, seed=1, seconds=4)
    test = ChoraleMixtures(("soprano", "bass"), programs, split="test", seed=3, seconds=4)
    return [train[k] for k in range(12)], [test[k] for k in range(2)]


@pytest.fixture(scope="module")
def learned(duets):
    """A supervised factorisation of the training excerpts."""
    sources = [[duet.stems[k] for duet in duets[0]] for k in range(2)]
    return SupervisedNMF(24, n_iter=60, most_frames=1500).fit(sources)


def test_tones_of_known_sources_come_apart():
    model = SupervisedNMF(2, n_iter=200).fit([LOW, HIGH])
    stems = np.stack([sum(LOW), sum(HIGH)])
    found = model.separate(stems.sum(axis=0))
    assert found.dtype == np.float32 and (si_sdr(found, stems) > 20).all()


def test_on_new_chorales_it_helps_and_adds_up(duets, learned):
    for duet in duets[1]:
        found = learned.separate(duet.mixture)
        np.testing.assert_allclose(found.sum(axis=0), duet.mixture, atol=1e-4)
        assert si_sdr_improvement(found, duet.stems, duet.mixture).mean() > 5


def test_the_order_is_that_of_fitting_and_a_seed_repeats(duets, learned):
    duet = duets[1][0]
    np.testing.assert_array_equal(learned.separate(duet.mixture), learned.separate(duet.mixture))
    turned = SupervisedNMF(24, n_iter=60, most_frames=1500)
    turned.fit([[d.stems[k] for d in duets[0]] for k in (1, 0)])
    stems = duet.stems[::-1]
    assert si_sdr_improvement(turned.separate(duet.mixture), stems, duet.mixture).mean() > 5


def test_spectra_are_as_loud_as_each_other(learned):
    assert learned.bases.shape == (2, 257, 24) and learned.bases.min() >= 0
    np.testing.assert_allclose(learned.bases.sum(axis=1), 1, rtol=1e-4)


def test_blind_parts_add_up_and_the_answer_groups_them():
    stems = np.stack([sum(LOW), sum(HIGH)])
    parts = blind_components(stems.sum(axis=0), n_components=6)  # four tones, and their onsets
    assert parts.shape == (6, 16_000)
    np.testing.assert_allclose(parts.sum(axis=0), stems.sum(axis=0), atol=1e-4)
    grouped = by_nearest_stem(parts, stems)
    np.testing.assert_allclose(grouped.sum(axis=0), stems.sum(axis=0), atol=1e-4)
    assert (si_sdr(grouped, stems) > 15).all()


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([LOW], "two or more, got 1"),
        ([LOW, []], r"sources\[1\] must hold a waveform"),
        ([LOW, [np.zeros(8000)]], r"sources\[1\] must not be silent"),
        ([LOW, [np.full(8000, np.nan)]], r"sources\[1\]"),
    ],
)
def test_sources_that_cannot_be_learned_are_named(sources, words):
    with pytest.raises(ValueError, match=words):
        SupervisedNMF(2, n_iter=2).fit(sources)


@pytest.mark.parametrize("mixture", [np.zeros(8000), np.ones(10), np.ones((8000, 2))])
def test_mixtures_that_cannot_be_taken_apart_are_refused(mixture, learned):
    for separate in (learned.separate, blind_components):
        with pytest.raises(ValueError, match="mixture"):
            separate(mixture)


def test_nothing_is_separated_before_it_is_learned():
    with pytest.raises(RuntimeError, match="fit must be called"):
        SupervisedNMF().separate(sum(LOW))
    for wrong in ({"n_components": 0}, {"n_iter": -1}, {"most_frames": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SupervisedNMF(**wrong)
