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
QUIET_FLOOR = """
def wiener(magnitudes):
    power = magnitudes**2 + 1e-4
    return power / power.sum(axis=0)
"""
NO_SHARES_OF_SILENCE = """
def wiener(magnitudes):
    power = magnitudes**2
    return power / (power.sum(axis=0) + 1e-12)
"""
HALF_OF_SILENCE = """
def wiener(magnitudes):
    power = magnitudes**2
    whole = power.sum(axis=0)
    return np.divide(power, whole, out=np.full(power.shape, 0.5), where=whole > 0)
"""
OVER_FRAMES = """
def wiener(magnitudes):
    power = magnitudes**2
    return power / (power.sum(axis=2, keepdims=True) + 1e-12)
"""


def binary(size):
    return (size.argmax(axis=0) == np.arange(len(size))[:, None, None]) * 1.0


def ratio_mask(size):
    return (size + 1e-12) / (size + 1e-12).sum(axis=0)


def louder(v, w, h):
    return h * (w.T @ (v / (w @ h))) / w.sum(axis=0)[:, None]


SPECTRA = """
def louder(v, w, h):
    return w * ((v / (w @ h)) @ h.T) / h.sum(axis=1)
"""
WRONG_AXIS = """
def louder(v, w, h):
    return h * (w.T @ (v / (w @ h))) / w.sum(axis=1)[:, None]
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
    ("16.2", lambda m: m**2 / (m**2).sum(axis=0), "divide 0 by 0"),
    ("16.2", ratio_mask, "ratio mask"),
    ("16.2", lambda m: ratio_mask(m) ** 2, "no longer add up"),
    ("16.2", lambda m: np.sqrt(ratio_mask(m**2)), "root of the share"),
    ("16.2", binary, "binary mask"),
    ("16.2", lambda m: (m**2) / (m**2).sum(), "sum over everything"),
    ("16.2", lambda m: (m**2 + 1e-15) / (m**2 + 1e-15).sum(1, keepdims=True), "over frequencies"),
    ("16.2", Code(OVER_FRAMES), "sum over frames"),
    ("16.2", Code(NO_SHARES_OF_SILENCE), "Where nothing sounds your masks are [0. 0. 0.]"),
    ("16.2", Code(HALF_OF_SILENCE), "Half each"),
    ("16.2", Code(QUIET_FLOOR), "quiet ones are not"),
    ("16.2", lambda m: m**2 + 1, "Shares add up to 1"),
    ("16.2", lambda m: ratio_mask(m**3), "differs in"),
    ("16.2", lambda m: ratio_mask(m**2)[0], "has shape (4, 5)"),
    ("16.2", "masks", "asks for a function"),
    ("16.3", lambda v, w, h: h, "h as it was"),
    ("16.3", lambda v, w, h: louder(v, w, h) / h, "Multiply h by"),
    ("16.3", lambda v, w, h: h * (w.T @ (v / (w @ h))), "lower half"),
    ("16.3", lambda v, w, h: h * (w.T @ (v / (w @ h))) / w.sum(), "sum of all of w"),
    ("16.3", lambda v, w, h: louder(v, w, h) * len(w), "it is the sum"),
    ("16.3", lambda v, w, h: h * (w.T @ (v / (w @ h))) / len(w), "a plain mean"),
    ("16.3", lambda v, w, h: h * (w.T @ v) / (w.T @ w @ h), "squared error"),
    ("16.3", lambda v, w, h: h * (w.T @ v) / w.sum(0)[:, None], "divided by the model"),
    ("16.3", lambda v, w, h: h * (w.T @ (w @ h / v)) / w.sum(0)[:, None], "ratio is upside down"),
    ("16.3", lambda v, w, h: h**2 / louder(v, w, h), "fraction is upside down"),
    ("16.3", lambda v, w, h: h + w.T @ (v / (w @ h)) - w.sum(0)[:, None], "with a plus"),
    ("16.3", lambda v, w, h: h + louder(v, w, h) / h, "is added"),
    ("16.3", lambda v, w, h: louder(v, w, louder(v, w, h)), "two updates"),
    ("16.3", lambda v, w, h: h - 3, "is −2.8"),
    ("16.3", lambda v, w, h: 30 * h, "divergence rises"),
    ("16.3", lambda v, w, h: (h + louder(v, w, h)) / 2, "divergence falls from"),
    ("16.3", lambda v, w, h: louder(v, w, h).T, "axes are swapped"),
    ("16.3", lambda v, w, h: h * np.inf, "NaN or infinite"),
    ("16.3", Code(SPECTRA), "shape of w"),
    ("16.3", Code(WRONG_AXIS), "could not be broadcast"),
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
    eps = 1e-12
    for exercise_id, answer in [
        ("16.1", lambda t, o, d: list(t + gain(t, o, d) * o)),
        ("16.2", lambda m: (m**2 + eps) / (m**2 + eps).sum(axis=0)),
        ("16.3", lambda v, w, h: h * (w.T @ (v / (w @ h))) / (w.T @ np.ones(v.shape))),
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
