"""SI-SDR: a ratio of energies that no scale can change, beside torchmetrics and by hand."""

import itertools

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from etudes.evaluate import best_order, si_sdr, si_sdr_improvement

RNG = np.random.default_rng(0)


def test_it_is_the_ratio_of_what_was_mixed():
    target, noise = np.zeros(100), np.zeros(100)
    target[:50], noise[50:] = 2.0, 1.0
    assert si_sdr(target + noise, target) == pytest.approx(10 * np.log10(4))
    assert si_sdr(target + 0.1 * noise, target) == pytest.approx(10 * np.log10(400))


@pytest.mark.parametrize("n_samples", [7, 8000])
def test_it_is_that_of_torchmetrics(n_samples):
    target = RNG.normal(size=(3, n_samples))
    estimate = target + RNG.normal(size=(3, n_samples)) * np.array([[0.1], [1.0], [5.0]])
    theirs = scale_invariant_signal_distortion_ratio(
        torch.from_numpy(estimate), torch.from_numpy(target), zero_mean=False
    )
    np.testing.assert_allclose(si_sdr(estimate, target), theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, -3.0, 1e6])
def test_no_scale_changes_it(scale):
    target = RNG.normal(size=500)
    estimate = target + RNG.normal(size=500)
    assert si_sdr(scale * estimate, target) == pytest.approx(si_sdr(estimate, target))
    assert si_sdr(estimate, scale * target) == pytest.approx(si_sdr(estimate, target))


def test_nothing_of_the_target_is_minus_infinity_and_all_of_it_is_much():
    target, other = np.eye(2)
    assert si_sdr(other, target) == -np.inf
    assert si_sdr(np.zeros(2), target) == -np.inf
    assert si_sdr(target, target) == np.inf


def test_the_mixture_itself_improves_nothing():
    stems = RNG.normal(size=(3, 400))
    mixture = stems.sum(axis=0)
    np.testing.assert_allclose(si_sdr_improvement(np.stack([mixture] * 3), stems, mixture), 0)
    near = stems + 0.01 * RNG.normal(size=stems.shape)
    assert (si_sdr_improvement(near, stems, mixture) > 30).all()


def test_the_best_order_is_the_best_of_all():
    stems = RNG.normal(size=(4, 300))
    estimates = stems[[2, 0, 3, 1]] + 0.9 * RNG.normal(size=(4, 300))
    order = best_order(estimates, stems)
    means = {
        one: si_sdr(estimates[list(one)], stems).mean() for one in itertools.permutations(range(4))
    }
    assert tuple(order) == max(means, key=means.get)
    np.testing.assert_array_equal(best_order(stems[[1, 0, 2, 3]], stems), [1, 0, 2, 3])


@pytest.mark.parametrize(
    ("estimate", "target", "words"),
    [
        (np.ones(5), np.zeros(5), "target must not be silent"),
        (np.ones(5), np.ones(6), "equally many samples"),
        (np.full(5, np.nan), np.ones(5), "estimate"),
        (1.0, np.ones(5), "shape"),
        (np.ones(5) + 1j, np.ones(5), "real"),
    ],
)
def test_what_cannot_be_measured_is_named(estimate, target, words):
    with pytest.raises(ValueError, match=words):
        si_sdr(estimate, target)


@pytest.mark.parametrize("measure", [best_order, lambda a, b: si_sdr_improvement(a, b, np.ones(5))])
def test_as_many_estimates_as_stems(measure):
    with pytest.raises(ValueError, match="one shape"):
        measure(np.ones((2, 5)), np.ones((3, 5)))
    with pytest.raises(ValueError, match="one shape"):
        measure(np.ones(5), np.ones(5))
