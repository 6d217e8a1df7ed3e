"""Separators on lists of mixtures: what is averaged, over what, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest

from etudes.evaluate import (
    bootstrap_mean,
    evaluate_separator,
    separation_difference,
    si_sdr_improvement,
)
from etudes.evaluate.separators import fingerprint
from etudes.separators import OracleMask


@dataclass
class Toy:
    """A mixture whose stems are known."""

    stems: np.ndarray
    group: int

    @property
    def mixture(self):
        return self.stems.sum(axis=0)


def toys(groups=(0, 0, 1, 2), seed=0, n_samples=600):
    """Mixtures of noises."""
    rng = np.random.default_rng(seed)
    return [Toy(rng.normal(size=(2, n_samples)).astype(np.float32), group) for group in groups]


def blurred(strength):
    """A separator that has seen the answer, through fog."""

    def separate(one):
        noise = np.random.default_rng(int(1e6 * abs(one.stems[0, 0]))).normal(size=one.stems.shape)
        return one.stems + strength * noise

    return separate


def test_every_source_of_every_mixture_counts_once():
    mixtures = toys()
    result = evaluate_separator(blurred(0.3), mixtures)
    for row, one in zip(result.improvements, mixtures, strict=True):
        wanted = si_sdr_improvement(blurred(0.3)(one), one.stems, one.mixture)
        np.testing.assert_allclose(row, wanted)
    assert result.improvements.shape == (4, 2)
    assert result.mean == pytest.approx(result.improvements.mean()) and result.mean > 5
    np.testing.assert_array_equal(result.groups, [0, 0, 1, 2])
    assert result.n == "4 mixtures in 3 groups"


def test_an_oracle_is_handed_the_stems():
    mixtures = toys()
    ratio, binary = (
        evaluate_separator(lambda m, k=kind: OracleMask(m.stems, k).separate(m.mixture), mixtures)
        for kind in ("ratio", "binary")
    )
    assert ratio.mean > 3 and binary.mean > 3
    assert separation_difference(ratio, binary).mean == pytest.approx(ratio.mean - binary.mean)


def test_the_mixture_itself_is_no_improvement():
    result = evaluate_separator(lambda m: np.stack([m.mixture] * 2), toys())
    assert result.mean == pytest.approx(0, abs=1e-9)


def test_the_order_may_be_told_mixture_by_mixture():
    mixtures = toys()
    swap = iter([0, 1, 1, 0])

    def shuffled(one):
        return blurred(0.1)(one)[[1, 0]] if next(swap) else blurred(0.1)(one)

    told = evaluate_separator(shuffled, mixtures, any_order=True)
    known = evaluate_separator(blurred(0.1), mixtures)
    np.testing.assert_allclose(told.improvements, known.improvements)
    swap = iter([0, 1, 1, 0])
    blind = evaluate_separator(shuffled, mixtures)
    assert (blind.improvements[[1, 2]] < -5).all() and (blind.improvements[[0, 3]] > 5).all()


def test_the_interval_is_over_groups():
    mixtures = toys(range(5))
    once = evaluate_separator(blurred(0.5), mixtures)
    twice = evaluate_separator(blurred(0.5), [*mixtures, *mixtures])  # nothing new is learned
    assert twice.mean == pytest.approx(once.mean)
    assert twice.ci95 == pytest.approx(once.ci95)
    per_mixture = twice.improvements.mean(axis=1)
    assert twice.ci95 == bootstrap_mean(per_mixture, twice.groups).ci95
    alone = bootstrap_mean(per_mixture).ci95
    assert alone[1] - alone[0] < 0.9 * (twice.ci95[1] - twice.ci95[0])
    assert twice.ci95[0] < twice.mean < twice.ci95[1]
    assert str(twice).startswith(f"{twice.mean:+.1f} dB (95% interval ")
    assert str(twice).endswith("; 10 mixtures in 5 groups)")


def test_a_difference_is_that_of_the_same_mixtures_and_has_a_sign():
    mixtures = toys((0, 0, 1, 2, 3))
    good, bad = (evaluate_separator(blurred(x), mixtures) for x in (0.1, 0.5))
    found = separation_difference(good, bad)
    assert found.mean == pytest.approx(good.mean - bad.mean) and found.mean > 5
    assert found.ci95[0] > 0 and (found.n, found.n_groups) == (5, 4)
    assert separation_difference(bad, good).mean == pytest.approx(-found.mean)
    wide = good.ci95[1] - good.ci95[0] + bad.ci95[1] - bad.ci95[0]
    assert found.ci95[1] - found.ci95[0] < wide  # what makes a mixture hard cancels


@pytest.mark.parametrize("others", [toys(seed=1), toys()[:3], toys()[::-1]])
def test_results_of_other_mixtures_are_not_compared(others):
    a, b = evaluate_separator(blurred(0.1), toys()), evaluate_separator(blurred(0.1), others)
    with pytest.raises(ValueError, match="a and b must be of the same mixtures, got 4 mixtures"):
        separation_difference(a, b)


def failing_at(number, wrong):
    """A separator that returns something wrong at one mixture."""
    count = iter(range(100))
    return lambda m: wrong(m) if next(count) == number else blurred(0.1)(m)


@pytest.mark.parametrize("any_order", [False, True])
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda m: m.stems[:1], ValueError, r"mixtures\[2\]: estimates and stems must have one"),
        (lambda m: m.stems[:, 1:], ValueError, r"mixtures\[2\]: estimates and stems"),
        (lambda m: m.stems * np.nan, ValueError, r"mixtures\[2\]: estimates must be finite"),
        (lambda m: "two sounds", TypeError, r"mixtures\[2\]: estimates"),
    ],
)
def test_estimates_that_do_not_fit_are_named_with_their_mixture(wrong, error, words, any_order):
    with pytest.raises(error, match=words):
        evaluate_separator(failing_at(2, wrong), toys(), any_order)


def test_silent_and_perfect_estimates_are_named_with_mixture_and_source():
    def silent(m):
        return blurred(0.1)(m) * np.array([[1.0], [0.0]])

    with pytest.raises(ValueError, match=r"mixtures\[1\]: .* silence .* -inf for source 1"):
        evaluate_separator(failing_at(1, silent), toys())

    def perfect(m):
        return np.stack([m.stems[0], m.mixture])

    eye = Toy(np.eye(2), 0)
    with pytest.raises(ValueError, match=r"mixtures\[0\]: .* the stems, got SI-SDR inf for source"):
        evaluate_separator(perfect, [eye])


def test_what_a_separator_complains_of_is_told_with_the_mixture():
    def complains(m):
        raise ValueError("too short for me")

    with pytest.raises(ValueError, match=r"mixtures\[3\]: too short for me"):
        evaluate_separator(failing_at(3, complains), toys())


def test_no_mixtures_are_refused():
    with pytest.raises(ValueError, match="mixtures must be one or more, got none"):
        evaluate_separator(blurred(0.1), [])


@pytest.mark.parametrize("any_order", [False, True])
@pytest.mark.parametrize("n_estimates", [1, 3])
def test_another_number_of_estimates_than_of_sources_is_counted(n_estimates, any_order):
    def other(m):
        return np.stack([m.mixture] * n_estimates)

    words = rf"mixtures\[2\]: .*: 2 estimates are wanted, one of each source, got {n_estimates}$"
    with pytest.raises(ValueError, match=words):
        evaluate_separator(failing_at(2, other), toys(), any_order)


def test_estimates_that_are_no_array_are_named_with_their_mixture():
    with pytest.raises(ValueError, match=r"mixtures\[1\]: estimates must be a rectangular array"):
        evaluate_separator(failing_at(1, lambda m: [[0.0] * 600, [0.0] * 599]), toys())


def test_mixtures_of_different_numbers_of_sources_are_refused_before_they_are_taken_apart():
    asked = []

    def counting(m):
        asked.append(len(m.stems))
        return blurred(0.1)(m)

    trio = Toy(np.random.default_rng(9).normal(size=(3, 600)), 7)
    words = r"equally many sources, got 2 in mixtures\[0\] and 3 in mixtures\[4\]"
    with pytest.raises(ValueError, match=words):
        evaluate_separator(counting, [*toys(), trio])
    assert asked == [2] * 4
    assert evaluate_separator(blurred(0.1), [trio, trio]).improvements.shape == (2, 3)


def test_a_fingerprint_is_of_the_stems_and_their_order():
    mixtures = toys()
    stems = [one.stems for one in mixtures]
    own = evaluate_separator(blurred(0.1), mixtures).fingerprint
    assert own == fingerprint(stems) == fingerprint(iter(stems)) and len(own) == 16
    assert len({own, fingerprint(stems[::-1]), fingerprint(stems[:3])}) == 3
