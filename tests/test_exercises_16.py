"""Chapter 16's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

import numpy as np
from exercise_helpers import Chapter, Code, ExerciseTests

from etudes.exercises import check
from etudes.exercises.chapter_16 import WANTED, _excerpts, _landmarks

CHAPTER = Chapter("16")


def rms(x):
    return np.sqrt((x**2).sum())


def gain(target, other, decibels):
    return rms(target) / rms(other) * 10 ** (-decibels / 20)


def mixing(of):
    """An answer that multiplies the other by what `of` returns."""
    return lambda target, other, decibels: target + of(target, other, decibels) * other


LEVEL_OF_TARGET = """
def mix(target, other, decibels):
    gain = np.sqrt((other**2).sum() / (target**2).sum()) * 10 ** (decibels / 20)
    return gain * target + other
"""
NORMALISED = """
def mix(target, other, decibels):
    gain = np.sqrt((target**2).sum() / (other**2).sum()) * 10 ** (-decibels / 20)
    mixture = target + gain * other
    return mixture / abs(mixture).max()
"""
WITH_THE_MIXTURE = """
def leak_gain(target, other, decibels):
    return target + other * 0.1
"""
BY_SEARCH = """
def leak_gain(target, other, decibels):
    low, high = 1e-6, 1e6
    for _ in range(200):
        g = np.sqrt(low * high)
        low, high = (g, high) if si_sdr(target + g * other, target) > decibels else (low, g)
    return g
"""


def leak(target, other, ratio, alpha=None, across=None):
    """A gain from a ratio of lengths, a share of the target and a length across it."""
    rho = (other @ target) / (target @ target)
    across = rms(other - rho * target) if across is None else across
    return rms(target) / (ratio * across - (rho if alpha is None else alpha) * rms(target))


def of_lengths(decibels):
    return 10 ** (decibels / 20)


def projected_onto_the_other(t, o, d):
    rho = (o @ t) / (o @ o)
    return rms(t) / (of_lengths(d) * rms(o - rho * t) - rho * rms(t))


def energies_added(t, o, d):
    rho = (o @ t) / (t @ t)
    return (t @ t) / (10 ** (d / 10) * rms(o - rho * t) ** 2 - rho * (t @ t))


def right_leak(t, o, d):
    return leak(t, o, of_lengths(d))


def wrong_sign(t, o, d):
    rho = (o @ t) / (t @ t)
    return rms(t) / (of_lengths(d) * rms(o - rho * t) + rho * rms(t))


def update(v, w, h):
    return w * (v @ h.T) / (w @ h @ h.T)


ACTIVATIONS = """
def update_spectra(v, w, h):
    return h * (w.T @ v) / (w.T @ w @ h)
"""
WRONG_ORDER = """
def update_spectra(v, w, h):
    return w * (h.T @ v) / (w @ h @ h.T)
"""


def parts_of(labels):
    return [labels == name for name in np.unique(labels)]


def leaves(w, part):
    return w[part][:, ~part].sum()


COUNTED = """
def normalised_cut(w, labels):
    cost = 0.0
    for name in range(labels.max() + 1):
        inside = labels == name
        cost += np.divide(w[inside][:, ~inside].sum(), w[inside].sum())
    return cost
"""
ZERO_AND_ONE = """
def normalised_cut(w, labels):
    cost = 0.0
    for name in (0, 1):
        inside = labels == name
        cost += w[inside][:, ~inside].sum() / max(w[inside].sum(), 1e-9)
    return cost
"""


def higher(x):
    """The rule that the higher note is the flute's."""
    from etudes.separators.masking import apply_masks
    from etudes.separators.peaks import find_peaks, peak_masks

    peaks = find_peaks(x)
    return apply_masks(x, peak_masks(peaks, np.minimum(peaks.rank, 1), 2), 256)


def cut_at(frequency, order=None):
    """Everything above to the flute, everything below to the bassoon; an order makes it gentle."""

    def split(x):
        place = np.fft.rfftfreq(len(x), 1 / 8000) / frequency
        low = place < 1 if order is None else 1 / (1 + place**order)
        spectrum = np.fft.rfft(x)
        return np.fft.irfft(np.stack([spectrum * (1 - low), spectrum * low]), len(x))

    return split


def rarely_swapped(x):
    """The higher note's rule, in an order that has nothing to do with the instruments."""
    return higher(x)[:: 1 if x[2000] > 0 else -1]


def with_a_gap(x):
    parts = higher(x)
    parts[0, 100:110] = np.nan
    return parts


def half_as_good(x):
    return higher(x) + 0.8 * x


NOISE = np.random.default_rng(0).normal(size=(2, 32000))

WRONG = [
    ("16.1", mixing(lambda t, o, d: rms(t) / rms(o) * 10 ** (-d / 10)), "10 ** (d / 20)"),
    ("16.1", mixing(lambda t, o, d: gain(t, o, -d)), "wrong way round"),
    ("16.1", mixing(lambda t, o, d: 10 ** (-d / 20)), "equally loud to begin"),
    ("16.1", mixing(lambda t, o, d: rms(o) / rms(t) * 10 ** (-d / 20)), "upside down"),
    ("16.1", mixing(lambda t, o, d: gain(t, o, d) ** 2), "The gain is its root"),
    ("16.1", mixing(lambda t, o, d: (rms(t) / rms(o)) ** 2 * 10 ** (-d / 20)), "under the root"),
    ("16.1", mixing(lambda t, o, d: t.std() / o.std() * 10 ** (-d / 20)), "takes the mean away"),
    ("16.1", mixing(lambda t, o, d: 3.0), "6 dB, the target is"),
    ("16.1", mixing(lambda t, o, d: abs(t).max() / abs(o).max() * 10 ** (-d / 20)), "largest"),
    ("16.1", mixing(lambda t, o, d: -gain(t, o, d)), "subtracted"),
    ("16.1", mixing(lambda t, o, d: gain(t, o, abs(d))), "wrong way round"),  # −10 dB alone
    ("16.1", mixing(lambda t, o, d: gain(t, o, d) if d else 1), "equally loud to begin"),  # 0 dB
    ("16.1", lambda t, o, d: gain(t, o, d) * o, "target is missing"),
    ("16.1", lambda t, o, d: t, "other is missing"),
    ("16.1", lambda t, o, d: t * o, "not a sum of the two"),
    ("16.1", lambda t, o, d: gain(t, o, d), "one number; wanted is an array"),
    ("16.1", lambda t, o, d: np.full(400, np.nan), "NaN"),
    ("16.1", Code(LEVEL_OF_TARGET), "multiply the other instead"),
    ("16.1", Code(NORMALISED), "must stay untouched"),
    ("16.1", np.zeros(400), "asks for a function"),
    ("16.2", lambda t, o, d: gain(t, o, d), "gain of exercise 16.1"),
    ("16.2", lambda t, o, d: leak(t, o, of_lengths(d), alpha=0), "alpha is no longer 1"),
    ("16.2", lambda t, o, d: leak(t, o, of_lengths(d), across=rms(o)), "not the whole leak"),
    ("16.2", wrong_sign, "wrong sign: with a positive share"),
    ("16.2", lambda t, o, d: leak(t, o, 10 ** (d / 10)), "it is d / 20"),
    ("16.2", energies_added, "added energies"),
    ("16.2", lambda t, o, d: leak(t, o, 1 / of_lengths(d)), "upside down"),
    ("16.2", projected_onto_the_other, "project onto the other"),
    ("16.2", lambda t, o, d: right_leak(t - t.mean(), o - o.mean(), d), "means away"),
    ("16.2", lambda t, o, d: right_leak(t, o, d) ** 2, "square of the gain"),
    ("16.2", lambda t, o, d: 1 / right_leak(t, o, d), "one over the gain"),
    ("16.2", lambda t, o, d: -right_leak(t, o, d), "the leak is added"),
    ("16.2", lambda t, o, d: -wrong_sign(t, o, d), "which subtracts the other"),
    ("16.2", lambda t, o, d: leak(t, o, of_lengths(d + 1)), "11 dB; 10 dB are wanted"),
    ("16.2", lambda t, o, d: -0.01, "Is the gain positive?"),
    ("16.2", lambda t, o, d: 0.0, "Is the gain positive?"),
    ("16.2", lambda t, o, d: right_leak(t, o, d) if d == 10 else gain(t, o, d), "exercise 16.1"),
    ("16.2", lambda t, o, d: right_leak(t, o, d) if d else 1.0, "0 dB are wanted"),
    ("16.2", lambda t, o, d: np.nan, "NaN or infinite"),
    ("16.2", lambda t, o, d: [1.0, 2.0], "should be one number"),
    ("16.2", Code(WITH_THE_MIXTURE), "Return the gain"),
    ("16.2", 0.5, "asks for a function"),
    ("16.3", lambda v, w, h: w, "w as it was"),
    ("16.3", lambda v, w, h: w * ((v / (w @ h)) @ h.T) / h.sum(1), "update for the divergence"),
    ("16.3", lambda v, w, h: w * (v @ h.T) / h.sum(1), "lower is that of the divergence"),
    ("16.3", lambda v, w, h: w * (v @ h.T), "lower half"),
    ("16.3", lambda v, w, h: w / (w @ h @ h.T), "upper half of the fraction is missing"),
    ("16.3", lambda v, w, h: update(v, w, h) / w, "Multiply w by it"),
    ("16.3", lambda v, w, h: w**2 / update(v, w, h), "fraction is upside down"),
    ("16.3", lambda v, w, h: w * (v @ h.T) / np.outer(v.sum(1), h.sum(1)), "not a sum over v"),
    ("16.3", lambda v, w, h: w + (v - w @ h) @ h.T, "step against the slope"),
    ("16.3", lambda v, w, h: w - (v - w @ h) @ h.T, "up the slope"),
    ("16.3", lambda v, w, h: (w @ h - v) @ h.T, "That is the slope"),
    ("16.3", lambda v, w, h: w + update(v, w, h) / w, "is added"),
    ("16.3", lambda v, w, h: update(v, w, h) ** 2 / w, "not its square"),
    ("16.3", lambda v, w, h: update(v, update(v, w, h), h), "two updates"),
    ("16.3", lambda v, w, h: update(v, w, h) / update(v, w, h).sum(0), "add up to 1 afterwards"),
    ("16.3", lambda v, w, h: w - 3, "None may be negative"),
    ("16.3", lambda v, w, h: 30 * w, "error rises"),
    ("16.3", lambda v, w, h: (w + update(v, w, h)) / 2, "error falls from"),
    ("16.3", lambda v, w, h: update(v, w, h).T, "axes are swapped"),
    ("16.3", lambda v, w, h: w * np.inf, "NaN or infinite"),
    ("16.3", Code(ACTIVATIONS), "shape of h"),
    ("16.3", Code(WRONG_ORDER), "mismatch"),
    ("16.3", 3.0, "asks for a function"),
    ("16.4", lambda w, k: sum(leaves(w, p) for p in parts_of(k)), "added up over parts"),
    ("16.4", lambda w, k: sum(leaves(w, p) for p in parts_of(k)) / 2, "each pair once"),
    ("16.4", lambda w, k: sum(leaves(w, p) / p.sum() for p in parts_of(k)), "ratio cut"),
    (
        "16.4",
        lambda w, k: sum(leaves(w, p) / w[p][:, p].sum() for p in parts_of(k)),
        "*inside* the part",
    ),
    ("16.4", lambda w, k: sum(w[p][:, p].sum() / w[p].sum() for p in parts_of(k)), "that stays"),
    ("16.4", lambda w, k: sum(leaves(w, p) for p in parts_of(k)) / w.sum(), "all the affinity"),
    (
        "16.4",
        lambda w, k: np.mean([leaves(w, p) / w[p].sum() for p in parts_of(k)]),
        "mean over parts",
    ),
    (
        "16.4",
        lambda w, k: leaves(w, parts_of(k)[0]) / w[parts_of(k)[0]].sum(),
        "first part alone",
    ),
    (
        "16.4",
        lambda w, k: sum(leaves(w, p) / w[p].sum() for p in parts_of(k)[:2]),
        "Only two parts",
    ),
    ("16.4", lambda w, k: sum(leaves(w, p) / w[p].sum() for p in parts_of(k)) or 1.0, "cut is 0"),
    ("16.4", lambda w, k: np.array([leaves(w, p) for p in parts_of(k)]), "should be one number"),
    ("16.4", lambda w, k: 0.123, "not the value asked for"),
    ("16.4", lambda w, k: np.nan, "NaN or infinite"),
    ("16.4", Code(COUNTED), "np.unique(labels)"),
    ("16.4", Code(ZERO_AND_ONE), "Only two parts"),
    ("16.4", 0.5, "asks for a function"),
    ("16.5", lambda x: np.stack([x, x]), "Both parts are the mixture"),
    ("16.5", lambda x: np.stack([x / 2, -x / 2]), "Both parts are the mixture"),
    ("16.5", lambda x: np.stack([np.sin(x), np.sin(x)]), "the same sound"),
    ("16.5", lambda x: 0 * np.stack([x, x]), "both parts are silent"),
    ("16.5", lambda x: np.stack([x, 0 * x]), "one part is silent"),
    ("16.5", lambda x: x.reshape(2, -1), "16000 samples shorter"),
    ("16.5", lambda x: np.pad(higher(x), ((0, 0), (0, 7))), "7 samples longer"),
    ("16.5", lambda x: x, "one waveform"),
    ("16.5", lambda x: higher(x).T, "`.T` swaps them back"),
    ("16.5", lambda x: higher(x)[None], "must have shape (2, 32000)"),
    ("16.5", lambda x: (x, x[:-1]), "cannot be made into"),
    ("16.5", lambda x: "flute", "cannot be made into"),
    ("16.5", lambda x: higher(x) + 0j, "complex"),
    ("16.5", with_a_gap, "10 samples are NaN"),
    ("16.5", lambda x: higher(x)[::-1], "order is swapped: the flute comes first"),
    ("16.5", rarely_swapped, "let the part that sounds higher"),
    ("16.5", cut_at(400), "worse than to hand back the mixture"),
    ("16.5", cut_at(400, order=4), "a fixed share of each frequency"),
    ("16.5", half_as_good, "is the worst"),
    ("16.5", lambda x: NOISE, "worse than to hand back the mixture"),
    ("16.5", np.zeros((2, 32000)), "asks for a function"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG


def test_other_ways_to_the_right_answer_are_right():
    for exercise_id, answer in [
        ("16.1", lambda t, o, d: list(t + gain(t, o, d) * o)),
        ("16.2", lambda t, o, d: np.float32(right_leak(t, o, d))),
        ("16.2", CHAPTER.answer("16.2", BY_SEARCH)),
        ("16.3", lambda v, w, h: w * np.einsum("ft,rt->fr", v, h) / (w @ (h @ h.T))),
        ("16.4", lambda w, k: np.array(sum(leaves(w, p) / w[p].sum() for p in parts_of(k)))),
        ("16.5", lambda x: tuple(2 * higher(x))),
    ]:
        message = check(exercise_id, answer)
        assert message.right, message.text


def test_the_wanted_improvement_lies_between_one_cut_and_the_rule():
    one_cut, rule, known = _landmarks()
    assert one_cut + 2 < WANTED < rule - 1
    assert rule + 2 < known
    assert {excerpt.mixture.shape for excerpt in _excerpts()} == {(32000,)}


def test_the_reached_improvement_is_told():
    message = check("16.5", higher)
    one_cut, rule, _ = _landmarks()
    beside = f"(one cut at 400 Hz {one_cut:.1f};".replace("-", "−")
    assert f"by {rule:.1f} dB on 8 excerpts {beside}" in message.text
