"""Chapter 17's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

import numpy as np
import torch
from exercise_helpers import Chapter, Code, ExerciseTests

from etudes.exercises import check
from etudes.exercises.chapter_17 import PLAYING, _heard
from etudes.separators.gaussian import divergence

CHAPTER = Chapter("17")


def share(v, axis=0):
    return v / v.sum(axis=axis, keepdims=True)


def shared(of):
    """An answer that multiplies the mixture by what `of` makes of the variances."""
    return lambda v, x: of(v) * x


IN_PLACE = """
def wiener(variances, spectrum):
    out = np.zeros(variances.shape)
    for k, v in enumerate(variances):
        out[k] = (v / variances.sum(axis=0) * spectrum).real
    return out
"""
FOR_TWO = """
def wiener(variances, spectrum):
    first = variances[0] / (variances[0] + variances[1])
    return np.stack([first * spectrum, (1 - first) * spectrum])
"""

FOR_THREE = """
def wiener(variances, spectrum):
    first, second, third = variances
    return np.stack([v / (first + second + third) * spectrum for v in variances])
"""


def parts(spectra):
    """Stem, other, mixture, angle between stem and mixture."""
    stem, other = spectra
    return stem, other, stem + other, np.angle(stem / (stem + other))


def angled(of):
    """An answer that adds up what `of` makes of the stem's size and of the angle."""

    def floor(spectra):
        with np.errstate(all="ignore"):
            stem, _, _, theta = parts(spectra)
        return of(np.abs(stem), theta).sum()

    return floor


def masked(of):
    """An answer that says what the mask leaves that `of` makes of stem, other and mixture."""

    def floor(spectra):
        stem, other, x, _ = parts(spectra)
        return (np.abs(of(stem, other, x) * x - stem) ** 2).sum()

    return floor


def best(stem, other, x):
    return (stem * x.conj()).real / np.abs(x) ** 2


def careful(nothing, what=lambda stem: np.abs(stem) ** 2):
    """Right, but at places where the mixture is at most `nothing` the error is `what`."""

    def floor(spectra):
        stem, x = spectra[0], spectra.sum(axis=0)
        empty = np.abs(x) <= nothing
        across = (stem * x.conj()).imag / np.where(empty, 1, np.abs(x))
        return np.where(empty, what(stem), across**2).sum()

    return floor


right_floor = careful(0)

FROM_ANGLES = """
def floor(spectra):
    theta = np.angle(spectra[0]) - np.angle(spectra.sum(axis=0))
    return (np.abs(spectra[0]) ** 2 * np.sin(theta) ** 2).sum()
"""
NAN_SKIPPED = """
def floor(spectra):
    stem, mixture = spectra[0], spectra.sum(axis=0)
    with np.errstate(all="ignore"):
        across = (stem * mixture.conj()).imag / np.abs(mixture)
    return np.nansum(across**2)
"""
BY_MASK = """
def floor(spectra):
    stem, mixture = spectra[0], spectra.sum(axis=0)
    mask = (stem * mixture.conj()).real / np.maximum(np.abs(mixture) ** 2, 1e-12)
    return (np.abs(mask * mixture - stem) ** 2).sum()
"""

SILENCE_FORGOTTEN = """
def floor(spectra):
    stem, mixture = spectra[0], spectra.sum(axis=0)
    with np.errstate(all="ignore"):
        across = (stem * mixture.conj()).imag / np.abs(mixture)
    return np.where((mixture == 0) & (stem != 0), np.abs(stem) ** 2, across**2).sum()
"""


def rates(of):
    """An answer made of rates."""
    return lambda a, b: of(a / a.sum(), b / b.sum())


def best_scores(a, b, never=0.5):
    p, q = a / a.sum(), b / b.sum()
    found = p + q > 0
    return np.where(found, p / np.where(found, p + q, 1), never)


def divided_by_nothing(a, b):
    with np.errstate(invalid="ignore"):
        return rates(lambda p, q: p / (p + q))(a, b)


def kept_inside(a, b):
    return np.clip(best_scores(a, b), 0.01, 0.99)


def softmax(a, b):
    return np.exp(a) / (np.exp(a) + np.exp(b))


BY_DESCENT = """
def best_scores(of_sources, of_estimates):
    p = torch.from_numpy(of_sources / of_sources.sum())
    q = torch.from_numpy(of_estimates / of_estimates.sum())
    scores = torch.full(p.shape, 0.5, dtype=torch.float64, requires_grad=True)
    for _ in range(2000):
        loss = (p * (scores - 1) ** 2 + q * scores**2).sum() / 2
        (slope,) = torch.autograd.grad(loss, scores)
        scores = (scores - 1.5 * slope).detach().requires_grad_()
    return scores
"""


def sloped(of):
    """An answer made of the first model's variance, of all variance and of what was heard."""

    def slope(power, v1, v2, log_gain, noise):
        mine = np.exp(log_gain) * v1
        return of(mine, mine + v2 + noise, power + noise).sum()

    return slope


def slope(power, v1, v2, log_gain, noise, hiss=None):
    """Right; `hiss` is what the power gets, if not the noise."""
    mine = np.exp(log_gain) * v1
    v = mine + v2 + noise
    return (mine / v * (1 - (power + (noise if hiss is None else hiss)) / v)).sum()


AUTOGRAD = """
def slope(power, v1, v2, log_gain, noise):
    g = torch.tensor(log_gain, requires_grad=True)
    v = g.exp() * torch.from_numpy(v1) + torch.from_numpy(v2)
    divergence(torch.from_numpy(power), v, noise).sum().backward()
    return g.grad
"""
AUTOGRAD_IN_GAIN = """
def slope(power, v1, v2, log_gain, noise):
    gain = torch.tensor(np.exp(log_gain), requires_grad=True)
    v = gain * torch.from_numpy(v1) + torch.from_numpy(v2)
    divergence(torch.from_numpy(power), v, noise).sum().backward()
    return gain.grad
"""
AUTOGRAD_TWICE_HISS = """
def slope(power, v1, v2, log_gain, noise):
    g = torch.tensor(log_gain, requires_grad=True)
    v = g.exp() * torch.from_numpy(v1) + torch.from_numpy(v2) + noise
    divergence(torch.from_numpy(power), v, noise).sum().backward()
    return g.grad
"""
BY_DIFFERENCES = """
def slope(power, v1, v2, log_gain, noise):
    def far(g):
        r = (power + noise) / (np.exp(g) * v1 + v2 + noise)
        return (r - np.log(r) - 1).sum()
    return (far(log_gain + 1e-4) - far(log_gain - 1e-4)) / 2e-4
"""


def knowing(instead=None, of=tuple):
    """An answer that knows what will be asked, but says something else of some mixtures."""

    def who(mixture, models):
        place = next(i for i, one in enumerate(_heard()) if np.array_equal(one, mixture))
        return of((instead or {}).get(place, PLAYING[place]))

    return who


WORST = """
from itertools import combinations


def who(mixture, models):
    def negative_bound(pair):
        fitted = VAESeparator([models[name] for name in pair], 1, n_draws=1)
        return fitted.fit(mixture[:8000])[1][0]

    return max(combinations(models, 2), key=negative_bound)
"""
FIRST_GUESS = WORST.replace("max", "min").replace("8000", "16000")
WITHOUT_A_FIT = """
def who(mixture, models):
    return min(models, key=lambda name: models[name].fit(mixture))
"""

WRONG = [
    ("17.1", lambda v, x: share(v), "Those are the shares"),
    ("17.1", lambda v, x: share(v) * np.abs(x), "phase is lost"),
    ("17.1", lambda v, x: share(v) * np.abs(x) ** 2, "mixture's power"),
    ("17.1", shared(lambda v: share(np.sqrt(v))), "ratio mask of magnitudes"),
    ("17.1", shared(lambda v: np.sqrt(share(v))), "root of the share"),
    ("17.1", shared(lambda v: share(v**2)), "Variances are squares already"),
    ("17.1", shared(lambda v: share(np.exp(v))), "softmax over the variances"),
    ("17.1", shared(lambda v: v == v.max(axis=0)), "a binary mask"),
    ("17.1", shared(lambda v: v / v.max(axis=0)), "largest variance"),
    ("17.1", shared(lambda v: v / (v.sum(axis=0) - v)), "variances of the others"),
    ("17.1", shared(lambda v: 1 - share(v)), "what the others get"),
    ("17.1", shared(lambda v: share(v, 1)), "over frequencies"),
    ("17.1", shared(lambda v: share(v, 2)), "over frames"),
    ("17.1", shared(lambda v: v / v.sum()), "sum over everything"),
    ("17.1", shared(lambda v: share(v.sum(axis=(1, 2), keepdims=True))), "one share for all"),
    ("17.1", lambda v, x: v * x, "the variance itself"),
    ("17.1", lambda v, x: np.stack([x] * len(v)) / len(v), "All sources get the same"),
    ("17.1", lambda v, x: np.sqrt(v) * x / np.abs(x), "before the mixture was heard"),
    ("17.1", lambda v, x: share(v) * x.conj(), "complex conjugate"),
    ("17.1", lambda v, x: share(v) * x * (1 + 0.1 * v), "ought to add up to the mixture"),
    ("17.1", lambda v, x: (share(v) * x)[0], "2 dimensions instead of 3"),
    ("17.1", lambda v, x: (share(v) * x).transpose(0, 2, 1), "wanted is (3, 6, 5)"),
    ("17.1", lambda v, x: share(v) * x * np.nan, "NaN"),
    ("17.1", Code(IN_PLACE), "imaginary part is lost"),
    ("17.1", Code(FOR_TWO), "n_sources"),
    ("17.1", Code(FOR_THREE), "not enough values"),
    ("17.1", np.zeros((3, 6, 5)), "asks for a function"),
    ("17.2", lambda s: right_floor(s) / s[0].size, "mean over places"),
    ("17.2", lambda s: right_floor(s) ** 0.5, "root of the error"),
    ("17.2", lambda s: right_floor(s) + right_floor(s[::-1]), "both stems counted"),
    ("17.2", angled(lambda size, t: size**2 * np.cos(t) ** 2), "cosine where a sine"),
    ("17.2", angled(lambda size, t: np.sin(t) ** 2), "not how loud the stem is"),
    ("17.2", angled(lambda size, t: size * np.abs(np.sin(t))), "Those are lengths"),
    ("17.2", angled(lambda size, t: size * np.sin(t) ** 2), "Only the sine is squared"),
    ("17.2", angled(lambda size, t: size**2 * np.abs(np.sin(t))), "Only the loudness"),
    ("17.2", angled(lambda size, t: size**2), "all of the stem's energy"),
    ("17.2", angled(lambda size, t: size * 0), "takes a complex mask"),
    (
        "17.2",
        lambda s: (np.abs(s.sum(0)) ** 2 * np.sin(parts(s)[3]) ** 2).sum(),
        "with the mixture's power",
    ),
    ("17.2", lambda s: ((s[0] * s.sum(0).conj()).imag ** 2).sum(), "Divide it by |X|"),
    (
        "17.2",
        lambda s: (np.abs(s[0]) ** 2 * np.sin(np.angle(s[0] / s[1])) ** 2).sum(),
        "between the two stems",
    ),
    ("17.2", lambda s: (s[0].imag ** 2).sum(), "stem's own phase"),
    ("17.2", masked(lambda *a: np.clip(best(*a), 0, 1)), "masks from 0 to 1 leave"),
    ("17.2", masked(lambda *a: np.maximum(best(*a), 0)), "masks of 0 or more leave"),
    ("17.2", masked(lambda *a: np.minimum(best(*a), 1)), "masks of up to 1 leave"),
    ("17.2", masked(lambda s, o, x: abs(s) ** 2 / (abs(s) ** 2 + abs(o) ** 2)), "Wiener mask"),
    ("17.2", masked(lambda s, o, x: abs(s) / (abs(s) + abs(o))), "ratio mask leaves"),
    ("17.2", masked(lambda s, o, x: abs(s) / abs(x)), "foot of the perpendicular"),
    ("17.2", masked(lambda s, o, x: abs(s) > abs(o)), "binary mask"),
    (
        "17.2",
        masked(lambda s, o, x: (s * x.conj()).real.sum() / (abs(x) ** 2).sum()),
        "*single* number",
    ),
    ("17.2", lambda s: ((abs(s[0]) - abs(s.sum(0))) ** 2).sum(), "difference of magnitudes"),
    ("17.2", lambda s: 0.9 * right_floor(s), "less than any real mask leaves"),
    ("17.2", lambda s: 1.03 * right_floor(s), "not the value asked for"),
    ("17.2", angled(lambda size, t: size**2 * np.sin(t) ** 2), "means nothing"),
    ("17.2", careful(0, what=lambda stem: 0), "you count nothing"),
    ("17.2", careful(0, what=lambda stem: 1.0), "Without a place where the mixture is 0"),
    ("17.2", lambda s: np.abs(s[0]) ** 2, "one number, for the first stem"),
    ("17.2", lambda s: np.ones(s.shape), "one number, for the first stem"),
    ("17.2", lambda s: [right_floor(s), right_floor(s)], "should be one number"),
    ("17.2", lambda s: np.nan, "NaN"),
    ("17.2", Code(FROM_ANGLES), "there is no angle"),
    ("17.2", Code(NAN_SKIPPED), "you count nothing"),
    ("17.2", Code(SILENCE_FORGOTTEN), "divided by 0"),
    ("17.2", Code(NAN_SKIPPED.replace("nansum", "sum")), "divided by 0"),
    ("17.2", 0.5, "asks for a function"),
    ("17.3", lambda a, b: a / (a + b), "compare the counts as they are. More"),
    ("17.3", lambda a, b: b / (a + b), "upside down, 1 being for sources"),
    ("17.3", rates(lambda p, q: q / (p + q)), "1 means an estimate"),
    ("17.3", rates(lambda p, q: p / q), "the ratio p / q"),
    ("17.3", lambda a, b: a / b, "ratio of counts"),
    ("17.3", rates(lambda p, q: np.log(p / q)), "logarithm of p / q"),
    ("17.3", rates(lambda p, q: p > q), "commoner among sources"),
    ("17.3", lambda a, b: a > b, "counted more often"),
    ("17.3", rates(softmax), "softmax over the two rates"),
    ("17.3", lambda a, b: np.exp(a - 40) / np.exp(a - 40).sum(), "softmax over kinds"),
    ("17.3", rates(lambda p, q: p), "That is p:"),
    ("17.3", rates(lambda p, q: p - q), "difference of the rates"),
    ("17.3", lambda a, b: 2 * best_scores(a, b) - 1, "from −1 to 1"),
    ("17.3", rates(lambda p, q: p**2 / (p**2 + q**2)), "squared the rates"),
    ("17.3", lambda a, b: best_scores(a, b) / best_scores(a, b).sum(), "scores add up to 1"),
    ("17.3", lambda a, b: best_scores(a + 1, b + 1), "added 1 to every count"),
    ("17.3", lambda a, b: np.ones(len(a)), "generator wishes"),
    ("17.3", lambda a, b: np.full(len(a), 0.5), "½ everywhere"),
    ("17.3", divided_by_nothing, "gets NaN"),
    ("17.3", lambda a, b: best_scores(a, b, never=0), "in neither gets 0"),
    ("17.3", lambda a, b: best_scores(a, b, never=1), "in neither gets 1"),
    ("17.3", kept_inside, "among estimates alone gets 0.01; 0 makes"),
    ("17.3", lambda a, b: best_scores(a, b) - 0.02 * (b == 0) * (a > 0), "sources alone gets"),
    ("17.3", lambda a, b: 0.9 * best_scores(a, b), "too small everywhere"),
    ("17.3", lambda a, b: best_scores(a, b)[:-1], "One too few along `n_kinds`"),
    ("17.3", lambda a, b: np.stack([a, b]), "2 dimensions instead of 1"),
    ("17.3", lambda a, b: 0.5, "one number; wanted is an array"),
    ("17.3", np.zeros(7), "asks for a function"),
    ("17.4", lambda *a: -slope(*a), "wrong sign"),
    ("17.4", sloped(lambda m, v, x: x / v - np.log(x / v) - 1), "divergence itself"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, b, g, e) / np.exp(g), "in its *logarithm*"),
    ("17.4", lambda *a: slope(*a) / 20, "mean over places"),
    ("17.4", lambda *a: slope(*a) / 4, "for each frame"),
    ("17.4", lambda *a: slope(*a, hiss=0), "missing in the power"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, b, g, 0, hiss=e), "hiss is missing in v"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, b, g, 0), "missing, in the power and in v"),
    ("17.4", sloped(lambda m, v, x: 1 - x / v), "share is missing"),
    ("17.4", sloped(lambda m, v, x: m * (1 - x / v)), "division by v is missing"),
    ("17.4", sloped(lambda m, v, x: (1 - x / v) / v), "derivative in v"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, b, 0, e), "gain is missing: the first"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, b, 2 * g, e), "squared the gain"),
    ("17.4", lambda p, a, b, g, e: slope(p, g * a, b, 0, e), "g is the logarithm of the gain"),
    ("17.4", lambda p, a, b, g, e: slope(p, a, 0 * b, g, e), "second model is missing"),
    ("17.4", sloped(lambda m, v, x: m / v * (1 - v / x)), "r is upside down"),
    ("17.4", sloped(lambda m, v, x: -m / v * x / v), "of r alone"),
    ("17.4", sloped(lambda m, v, x: m / v), "of −log r alone"),
    ("17.4", sloped(lambda m, v, x: m / v * (1 + x / v)), "One of the two signs"),
    ("17.4", lambda p, a, b, g, e: slope(p**0.5, a, b, g, e), "root of the power"),
    ("17.4", lambda *a: 0.0, "Does the divergence depend on g"),
    (
        "17.4",
        lambda p, a, b, g, e: (
            (np.exp(g) * a / (np.exp(g) * a + b)) * (1 - (p + e) / (np.exp(g) * a + b + e))
        ).sum(),
        "the hiss claims its part",
    ),
    (
        "17.4",
        lambda p, a, b, g, e: (
            slope(p, np.exp(g) * b, np.exp(g) * a, 0, e) * 0
            + (b / (np.exp(g) * a + b + e) * (1 - (p + e) / (np.exp(g) * a + b + e))).sum()
        ),
        "second model's derivative",
    ),
    (
        "17.4",
        lambda p, a, b, g, e: slope(p, np.exp(g) * a + b, 0 * b, 0, e),
        "gain of both models",
    ),
    (
        "17.4",
        lambda p, a, b, g, e: (np.exp(g) * a / (a + b + e) * (1 - (p + e) / (a + b + e))).sum(),
        "gain is missing in v",
    ),
    ("17.4", lambda p, *a: p, "a number for each place"),
    ("17.4", lambda *a: slope(*a) * 1.5, "not the value asked for"),
    ("17.4", lambda *a: [1.0, 2.0], "should be one number"),
    ("17.4", lambda *a: np.inf, "NaN or infinite"),
    ("17.4", Code(AUTOGRAD_IN_GAIN), "in its *logarithm*"),
    ("17.4", Code(AUTOGRAD_TWICE_HISS), "hiss"),
    ("17.4", 0.5, "asks for a function"),
    ("17.5", lambda x, models: ("flute", "bassoon"), "bassoon and flute every time"),
    ("17.5", knowing({0: ("flute", "choir-alto"), 4: ("flute", "bassoon")}), "4 of 6 pairs"),
    (
        "17.5",
        knowing({0: ("flute", "choir-alto"), 4: ("flute", "bassoon")}),
        "In mixture 0 it hears choir-alto and flute, where bassoon and flute play",
    ),
    ("17.5", lambda x, models: "flute", "the text 'flute'"),
    ("17.5", lambda x, models: 3, "Return two of flute, bassoon"),
    ("17.5", lambda x, models: (0, 1), "is not one of the names"),
    ("17.5", lambda x, models: ("flute", "oboe"), "'oboe' is not one of the names"),
    ("17.5", lambda x, models: list(models.values())[:2], "is not one of the names"),
    ("17.5", lambda x, models: ("flute",), "1 names"),
    ("17.5", lambda x, models: list(models), "5 names. Two play at a time"),
    ("17.5", knowing({2: ("flute", "flute")}), "For mixture 2 both names are flute"),
    ("17.5", Code(FIRST_GUESS), "fitted for more steps"),
    ("17.5", Code(WORST), "the smallest explains best"),
    ("17.5", Code(WITHOUT_A_FIT), "stopped with an error"),
    ("17.5", ("flute", "bassoon"), "asks for a function"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG


def test_other_ways_to_the_right_answer_are_right():
    for exercise_id, answer in [
        ("17.1", lambda v, x: list(share(v) * x)),
        ("17.1", lambda v, x: torch.from_numpy(v / v.sum(axis=0)) * torch.from_numpy(x)),
        ("17.1", lambda v, x: np.exp(np.log(v) - np.log(v.sum(0))) * x),
        ("17.1", lambda v, x: (v / (v.sum(axis=0) + 1e-9) * x).astype(np.complex64)),
        ("17.2", right_floor),
        ("17.2", lambda s: np.float32(right_floor(s[::-1]))),  # the other stem lacks as much
        ("17.2", careful(1e-9)),
        ("17.2", CHAPTER.answer("17.2", BY_MASK)),
        ("17.3", lambda a, b: list(best_scores(a, b))),
        (
            "17.3",
            lambda a, b: (
                a * b.sum() / np.maximum(a * b.sum() + b * a.sum(), 1) + 0.5 * (a + b == 0)
            ),
        ),
        ("17.3", CHAPTER.answer("17.3", BY_DESCENT)),
        ("17.4", lambda *a: np.float32(slope(*a))),
        ("17.4", sloped(lambda m, v, x: m * (v - x) / v**2)),
        ("17.4", CHAPTER.answer("17.4", AUTOGRAD)),
        ("17.4", CHAPTER.answer("17.4", BY_DIFFERENCES)),
    ]:
        message = check(exercise_id, answer)
        assert message.right, (exercise_id, message.text)


def test_the_slope_that_the_solution_gives_is_that_of_the_packages_divergence():
    written = CHAPTER.answer("17.4", CHAPTER.solution("17.4").code)
    random = np.random.default_rng(5)
    for log_gain in (-1.0, 0.0, 0.6):
        power, v1, v2 = random.uniform(0.1, 3, (3, 7, 4))
        gain = torch.tensor(log_gain, dtype=torch.float64, requires_grad=True)
        mixed = gain.exp() * torch.from_numpy(v1) + torch.from_numpy(v2)
        divergence(torch.from_numpy(power), mixed, 0.03).sum().backward()
        np.testing.assert_allclose(written(power, v1, v2, log_gain, 0.03), gain.grad.item())


def test_the_floor_is_that_of_the_mask_of_least_squares_at_each_place():
    random = np.random.default_rng(6)
    spectra = random.normal(size=(2, 3, 4)) + 1j * random.normal(size=(2, 3, 4))
    spectra[1, 0, 0] = -spectra[0, 0, 0]
    error = 0.0
    for s, x in zip(spectra[0].flat, spectra.sum(axis=0).flat):
        there = np.array([[x.real], [x.imag]])
        mask = np.linalg.lstsq(there, np.array([s.real, s.imag]))[0][0]
        error += abs(mask * x - s) ** 2
    written = CHAPTER.answer("17.2", CHAPTER.solution("17.2").code)
    np.testing.assert_allclose(written(spectra), error)


def test_two_names_come_in_any_order_and_five_pairs_are_enough():
    for answer, score in [
        (knowing(), "6 of 6 pairs and 12 of 12 names"),
        (knowing(of=set), "6 of 6"),
        (knowing(of=lambda pair: list(pair)[::-1]), "6 of 6"),
        (knowing(of=np.array), "6 of 6"),
        (knowing({3: ("flute", "choir-alto")}), "5 of 6 pairs and 11 of 12 names"),
    ]:
        message = check("17.5", answer)
        assert message.right and score in message.text, message.text


def test_models_that_an_answer_has_spoilt_are_whole_the_next_time():
    met = []

    def spoil(mixture, models):
        met.append(models["flute"].outward.weight.abs().sum().item())
        models["flute"].outward.weight.data.zero_()
        models.pop("bassoon")
        return "flute", "choir-bass"

    check("17.5", spoil)
    check("17.5", spoil)
    assert met[0] == met[6] > 0
    assert met[1] == 0
