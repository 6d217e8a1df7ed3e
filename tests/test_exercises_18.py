"""Chapter 18's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from itertools import permutations
from math import lgamma

import numpy as np
import pytest
import torch
from exercise_helpers import Chapter, Code, ExerciseTests

from etudes.exercises import check
from etudes.separators.gaussian import gaussian_kl
from etudes.separators.tcn import TCN, CumulativeNorm
from etudes.separators.tcn_vae import poisson_divergence

CHAPTER = Chapter("18")


def reaching(n_frames, span=None):
    """An answer with so many frames, and so many samples in them, made of the sizes."""

    def heard(k, b, r, n_fft, hop, rate):
        frames = n_frames(k, b, r)
        return (span(frames, n_fft, hop) if span else (frames - 1) * hop + n_fft) / rate

    return heard


def field(k, b, r):
    return 1 + r * (k - 1) * (2**b - 1)


def far(c, r, safe=True):
    return c * np.log(np.where(c > 0, c, r if safe else c) / r) - c + r


def divided_by_nothing(c, r):
    with np.errstate(all="ignore"):
        return c * np.log(c / r) - c + r


def added_to_both(c, r, little=1e-8):
    return c * np.log((c + little) / (r + little)) - c + r


def itakura_saito(c, r):
    return c / r - np.log(c / r) - 1


def total(errors, order):
    return sum(errors[i, j] for i, j in enumerate(order))


def best(errors, of=min, by=total):
    return of(permutations(range(len(errors))), key=lambda order: by(errors, order))


def inverse(order):
    return tuple(int(i) for i in np.argsort(order))


GREEDY_ROWS = """
def best_order(errors):
    order = []
    for row in errors:
        left = [j for j in range(len(errors)) if j not in order]
        order.append(min(left, key=lambda j: row[j]))
    return tuple(order)
"""
GREEDY_COLUMNS = """
def best_order(errors):
    taken = []
    for column in errors.T:
        left = [i for i in range(len(errors)) if i not in taken]
        taken.append(min(left, key=lambda i: column[i]))
    return tuple(taken.index(i) for i in range(len(errors)))
"""
GREEDY_SMALLEST = """
def best_order(errors):
    order = [0] * len(errors)
    for _ in order:
        i, j = np.unravel_index(errors.argmin(), errors.shape)
        order[i] = int(j)
        errors[i], errors[:, j] = np.inf, np.inf
    return tuple(order)
"""
GREEDY_SUREST = """
def best_order(errors):
    order = {}
    for i in np.argsort(errors.min(axis=1)):
        left = [j for j in range(len(errors)) if j not in order.values()]
        order[i] = min(left, key=lambda j: errors[i, j])
    return tuple(order[i] for i in range(len(errors)))
"""
FROM_ZERO = """
def best_order(errors):
    least, found = 100, tuple(range(len(errors)))
    for order in permutations(range(len(errors))):
        total = sum(errors[i, j] for i, j in enumerate(order))
        if total < least:
            least, found = total, order
    return found
"""
BY_SCIPY = """
from scipy.optimize import linear_sum_assignment


def best_order(errors):
    return linear_sum_assignment(errors){}
"""


def so_far(x, of, ahead=1):
    return np.array([of(x[:, : t + ahead]) for t in range(x.shape[1])])


def normed(x, mean=None, variance=None, floor=1e-8):
    """Right, but for what else it is measured with."""
    mean = so_far(x, np.mean) if mean is None else mean
    variance = so_far(x, np.var) if variance is None else variance
    with np.errstate(all="ignore"):
        return (x - mean) / np.sqrt(variance + floor)


def running(x, ddof=0):
    """Mean and variance so far, from running sums."""
    heard = len(x) * np.arange(1, x.shape[1] + 1)
    mean = x.sum(axis=0).cumsum() / heard
    return mean, ((x**2).sum(axis=0).cumsum() / heard - mean**2) * heard / (heard - ddof)


def counted(x):
    return np.arange(1, x.shape[1] + 1)


WITHOUT_ITSELF = """
def cumulative_norm(x):
    out = np.empty(x.shape)
    out[:, 0] = {}
    for t in range(1, x.shape[1]):
        out[:, t] = (x[:, t] - x[:, :t].mean()) / np.sqrt(x[:, :t].var() + 1e-8)
    return out
"""
OWN_TIME = """
def cumulative_norm(x):
    heard = np.arange(1, x.shape[1] + 1)
    mean = x.mean(axis=0).cumsum() / heard
    variance = ((x - mean) ** 2).mean(axis=0).cumsum() / heard
    return (x - mean) / np.sqrt(variance + 1e-8)
"""
FRAMES_ALONE = """
def cumulative_norm(x):
    heard = np.arange(1, x.shape[1] + 1)
    mean = x.sum(axis=0).cumsum() / heard
    variance = (x**2).sum(axis=0).cumsum() / heard - mean**2
    with np.errstate(invalid="ignore"):
        return (x - mean) / np.sqrt(variance + 1e-8)
"""


def kl(mean, log_variance):
    return (mean**2 + np.exp(log_variance) - 1 - log_variance) / 2


def priced(of):
    """An answer that halves what `of` makes of mean and log-variance, and takes the mean."""
    return lambda m, lv: of(m, lv).mean(axis=0) / 2


VARIANCE_GIVEN = """
def nats(mean, log_variance):
    with np.errstate(all="ignore"):
        return (mean**2 + log_variance - 1 - np.log(log_variance)).mean(axis=0) / 2
"""

WRONG = [
    ("18.1", reaching(lambda k, b, r: field(k, b, 1)), "each time adds its reach"),
    ("18.1", reaching(lambda k, b, r: field(k, b, 1) ** r), "multiply what the repeats hear"),
    (
        "18.1",
        reaching(lambda k, b, r: int(np.prod([1 + (k - 1) * 2**i for i in range(b)])) ** r),
        "multiply what the blocks hear",
    ),
    ("18.1", reaching(lambda k, b, r: r * field(k, b, 1)), "counted in every repeat"),
    ("18.1", reaching(lambda k, b, r: r * (field(k, b, 1) - 1 + b)), "counted in every block"),
    ("18.1", reaching(lambda k, b, r: 1 + r * (k - 1) * 2**b), "one less than 2**n_blocks"),
    (
        "18.1",
        reaching(lambda k, b, r: 1 + r * (k - 1) * sum(2**i for i in range(1, b + 1))),
        "first dilation is 1, not 2",
    ),
    ("18.1", reaching(lambda k, b, r: field(k, b + 1, r)), "one block too many"),
    ("18.1", reaching(lambda k, b, r: 1 + r * (k - 1) * 2 ** (b - 1)), "largest dilation alone"),
    (
        "18.1",
        reaching(lambda k, b, r: 1 + r * (k - 1) * sum(range(1, b + 1))),
        "dilations grow by one",
    ),
    ("18.1", reaching(lambda k, b, r: 1 + r * (k - 1) * b), "You count n_blocks where"),
    (
        "18.1",
        reaching(lambda k, b, r: 1 + r * (k - 1) * sum(k**i for i in range(b))),
        "powers of kernel_size",
    ),
    ("18.1", reaching(lambda k, b, r: field(k, r * b, 1)), "go on doubling"),
    ("18.1", reaching(lambda k, b, r: 1 + r * k * (2**b - 1)), "kernel_size − 1 others"),
    ("18.1", reaching(lambda k, b, r: 1 + r * (k // 2) * (2**b - 1)), "That is one side"),
    ("18.1", reaching(lambda k, b, r: 2 * field(k, b, r) - 1), "twice the reach"),
    ("18.1", reaching(lambda k, b, r: field(k, b, r) - 1), "frame's own is missing"),
    ("18.1", reaching(field, lambda n, w, h: n * h), "You count a hop for each frame"),
    ("18.1", reaching(field, lambda n, w, h: (n - 1) * h), "window is missing"),
    ("18.1", reaching(field, lambda n, w, h: n * h + w), "one hop too many"),
    ("18.1", reaching(field, lambda n, w, h: n * w), "a whole window for each frame"),
    ("18.1", reaching(field, lambda n, w, h: (n - 1) * h + w / 2), "Half of the window"),
    ("18.1", reaching(field, lambda n, w, h: (n - 1) * h + 2 * w), "one window too many"),
    ("18.1", reaching(field, lambda n, w, h: (n - 1) * (w - h) + w), "not how much the two share"),
    ("18.1", lambda k, b, r, w, h, rate: (field(k, b, r) - 1) * h + w, "Those are samples"),
    ("18.1", lambda *a: 1000 * reaching(field)(*a), "Those are milliseconds"),
    ("18.1", lambda k, b, r, w, h, rate: field(k, b, r), "Those are frames"),
    ("18.1", lambda k, b, r, w, h, rate: w / rate, "That is one window"),
    (
        "18.1",
        reaching(lambda k, b, r: field(k, b, 1), lambda n, w, h: n * h),
        "adds its reach. You count a hop for each frame",
    ),
    (
        "18.1",
        reaching(lambda k, b, r: 1 + r * (k - 1) * 2**b, lambda n, w, h: (n - 1) * h),
        "one less than 2**n_blocks. That is from the start",
    ),
    ("18.1", lambda k, b, r, w, h, rate: reaching(field)(k, b, r, w, h, 8000), "sample_rate=16000"),
    ("18.1", lambda k, b, r, w, h, rate: reaching(field)(k, b, 3, w, h, rate), "n_repeats=2"),
    ("18.1", lambda *a: 1.3 * reaching(field)(*a), "not the value asked for"),
    ("18.1", lambda *a: [1.0, 2.0], "should be one number"),
    ("18.1", lambda *a: np.nan, "NaN"),
    ("18.1", lambda *a: "far", "should be numbers"),
    ("18.1", lambda *a: 1j, "complex"),
    ("18.1", 6.9, "asks for a function"),
    ("18.2", lambda c, r: far(r, c), "The two are swapped"),
    ("18.2", itakura_saito, "That is the Itakura–Saito divergence, of powers"),
    ("18.2", lambda c, r: itakura_saito(r, c), "turned round"),
    ("18.2", lambda c, r: far(c, r) + c - r, "−c + r is missing"),
    ("18.2", lambda c, r: far(c, r) + c, "−c is missing"),
    ("18.2", lambda c, r: far(c, r) - r, "+r is missing"),
    ("18.2", lambda c, r: far(c, r) + 2 * (c - r), "the rest has the wrong sign"),
    ("18.2", lambda c, r: -far(c, r), "never below 0"),
    ("18.2", lambda c, r: c * np.log(r / c) - c + r, "not of r / c"),
    ("18.2", lambda c, r: (c - r) ** 2, "That is the squared error"),
    ("18.2", lambda c, r: (c - r) ** 2 / 2, "half the squared error"),
    ("18.2", lambda c, r: abs(c - r), "how far they lie apart"),
    ("18.2", lambda c, r: c * np.log10(c / r) - c + r, "to base 10"),
    ("18.2", lambda c, r: c * np.log2(c / r) - c + r, "to base 2"),
    ("18.2", lambda c, r: far(c, r) / np.log(2), "Those are bits"),
    ("18.2", lambda c, r: r * np.log(c / r) - c + r, "weighted with the rate"),
    ("18.2", lambda c, r: np.log(c / r) - c + r, "lost its weight"),
    ("18.2", lambda c, r: c * (np.log(c) / np.log(r)) - c + r, "ratio of logarithms"),
    ("18.2", lambda c, r: r - c * np.log(r), "minus the log-probability, but for"),
    ("18.2", lambda c, r: c * np.log(r) - r, "That is the log-probability, but for"),
    (
        "18.2",
        lambda c, r: r - c * np.log(r) + np.vectorize(lgamma)(c + 1),
        "minus the log-probability itself",
    ),
    ("18.2", lambda c, r: added_to_both(c, r, 1.0), "1 is added to both"),
    ("18.2", lambda c, r: c / c.sum() * np.log(c / c.sum() / (r / r.sum())), "both add up to 1"),
    ("18.2", lambda c, r: far(c / c.sum(), r / r.sum()), "both add up to 1"),
    ("18.2", lambda c, r: far(c, r).sum(), "That is one number. Asked is the divergence of each"),
    ("18.2", lambda c, r: far(c, r).mean(), "no mean taken"),
    ("18.2", lambda c, r: far(c, r).sum(axis=0), "That is 6 numbers"),
    ("18.2", lambda c, r: far(c, r).sum(axis=1), "That is 4 numbers"),
    ("18.2", lambda c, r: far(c, r).T, "axes are swapped"),
    ("18.2", lambda c, r: 2 * far(c, r), "twice too large"),
    ("18.2", divided_by_nothing, "is NaN or infinite. 0 times the logarithm of 0"),
    ("18.2", lambda c, r: np.nan_to_num(divided_by_nothing(c, r)), "You charge nothing"),
    ("18.2", lambda c, r: np.where(c > 0, far(c, r), 0.5), "the answer is 0.5. What do the three"),
    ("18.2", lambda c, r: np.where(c > 0, far(c, r), far(c, r) + (c == 0)), "the three terms"),
    ("18.2", added_to_both, "Is something added to the rate"),
    ("18.2", lambda c, r: far(c, np.maximum(r, 1e-6)), "cut off below"),
    ("18.2", lambda c, r: far(c, np.where(r > 1e-6, r, np.nan)), "rounded to 0"),
    ("18.2", lambda c, r: far(c, r) * np.nan, "NaN"),
    ("18.2", lambda c, r: far(c, r) + 1j, "complex"),
    ("18.2", lambda c, r: "nothing", "should be numbers"),
    ("18.2", np.zeros((4, 6)), "asks for a function"),
    ("18.3", lambda e: tuple(e.argmin(axis=1)), "Each estimate takes the stem nearest"),
    ("18.3", lambda e: tuple(e.argmin(axis=0)), "Each *stem* takes the estimate nearest"),
    ("18.3", lambda e: (0,) * len(e), "Stem 0 is given to 4 estimates. Each comes once"),
    ("18.3", lambda e: inverse(best(e)), "the other way round"),
    ("18.3", lambda e: best(e, max), "the *largest* total"),
    ("18.3", lambda e: best(abs(e)), "made all errors positive"),
    (
        "18.3",
        lambda e: best(e, by=lambda e, order: max(e[i, j] for i, j in enumerate(order))),
        "whose *worst* error is least",
    ),
    ("18.3", lambda e: tuple(range(len(e))), "the order in which they came"),
    ("18.3", lambda e: list(enumerate(best(e))), "Those are pairs"),
    ("18.3", lambda e: total(e, best(e)), "That is the least total"),
    ("18.3", lambda e: 3, "That is one number"),
    ("18.3", lambda e: np.eye(len(e))[list(best(e))], "a table of 4 × 4"),
    ("18.3", lambda e: tuple(j + 1 for j in best(e)), "number the stems from 1"),
    ("18.3", lambda e: (0, 1, 2, 4), "There is no stem 4"),
    ("18.3", lambda e: (0, 1, 2, -1), "There is no stem −1"),
    ("18.3", lambda e: best(e)[:-1], "yours has shape (3,)"),
    ("18.3", lambda e: tuple(float(j) for j in best(e)), "Yours are of type float64"),
    ("18.3", lambda e: (np.nan,) * len(e), "Yours are of type float64"),
    ("18.3", lambda e: "0231", "you return str"),
    ("18.3", lambda e: {0: 0}, "you return dict"),
    ("18.3", lambda e: permutations(range(len(e))), "you return permutations"),
    ("18.3", lambda e: [[0], [1, 2]], "you return list"),
    ("18.3", lambda e: (1, 0) if len(e) == 2 else best(e), "For 2 sources your order (1, 0)"),
    ("18.3", lambda e: (0, 1) if len(e) == 2 else best(e), "For 2 sources your order (0, 1)"),
    ("18.3", lambda e: (2, 0, 3, 1), "comes to a total of"),
    ("18.3", Code(GREEDY_ROWS), "go from estimate to estimate"),
    ("18.3", Code(GREEDY_COLUMNS), "go from stem to stem"),
    ("18.3", Code(GREEDY_SMALLEST), "take the smallest error first"),
    ("18.3", Code(GREEDY_SUREST), "begin with the estimate that has the smallest error"),
    (
        "18.3",
        Code("from itertools import permutations\n" + FROM_ZERO),
        "For 3 sources your order (0, 1, 2)",
    ),
    ("18.3", Code(BY_SCIPY.format("")), "Those are pairs"),
    ("18.3", (0, 1), "asks for a function"),
    ("18.4", lambda x: normed(x, x.mean(), x.var()), "against the whole sound"),
    ("18.4", lambda x: normed(x, x.mean(axis=0), x.var(axis=0)), "against itself alone"),
    (
        "18.4",
        lambda x: np.concatenate([normed(row[None]) for row in x]),
        "Each channel is measured for itself. One",
    ),
    (
        "18.4",
        lambda x: normed(x, x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)),
        "and against all frames",
    ),
    ("18.4", Code(WITHOUT_ITSELF.format("0")), "not among those it is measured against"),
    ("18.4", Code(WITHOUT_ITSELF.format("x[:, 0]")), "not among those it is measured"),
    ("18.4", Code(WITHOUT_ITSELF.format("np.nan")), "not among those it is measured"),
    (
        "18.4",
        lambda x: normed(x, np.append(0, so_far(x, np.mean)[:-1])),
        "mean leaves the frame itself out",
    ),
    (
        "18.4",
        lambda x: normed(x, so_far(x, np.mean, 2), so_far(x, np.var, 2)),
        "one frame of what is still to come",
    ),
    ("18.4", lambda x: normed(x[:, ::-1])[:, ::-1], "what came *before*"),
    ("18.4", lambda x: normed(x.T).T, "go from channel to channel"),
    ("18.4", lambda x: normed(x, *running(x, ddof=1)), "ddof=0"),
    ("18.4", lambda x: normed(x, 0), "The mean is not taken away: only the size"),
    ("18.4", lambda x: normed(x, 0, so_far(x**2, np.mean)), "root of the mean square"),
    ("18.4", lambda x: normed(x, None, so_far(x**2, np.mean)), "not before you square"),
    ("18.4", lambda x: x - so_far(x, np.mean), "division by the standard deviation is missing"),
    ("18.4", lambda x: (x - so_far(x, np.mean)) / so_far(x, np.var), "You divide by the variance"),
    ("18.4", lambda x: (x - so_far(x, np.mean)) * so_far(x, np.std), "You multiply by"),
    (
        "18.4",
        lambda x: normed(x, None, x.var(axis=0).cumsum() / counted(x)),
        "mean of each frame's own",
    ),
    (
        "18.4",
        lambda x: normed(x, None, so_far(x.mean(axis=0, keepdims=True), np.var)),
        "that of the frames' means",
    ),
    ("18.4", Code(OWN_TIME), "the mean of *its* time"),
    (
        "18.4",
        lambda x: normed(x, None, ((x - so_far(x, np.mean)) ** 2).mean(axis=0)),
        "that of the present frame alone around it",
    ),
    ("18.4", lambda x: normed(x, None, x.var(axis=0)), "is that of the present frame"),
    ("18.4", lambda x: normed(x, None, x.var()), "is that of the whole sound"),
    (
        "18.4",
        lambda x: normed(x, x.mean(axis=0)),
        "The mean must be so too, and is that of the pre",
    ),
    ("18.4", lambda x: normed(x, x.mean()), "The mean must be so too, and is that of the whole"),
    ("18.4", lambda x: normed(x, len(x) * so_far(x, np.mean)), "`channels` times too large"),
    ("18.4", Code(FRAMES_ALONE), "NaN"),
    ("18.4", lambda x: x, "Nothing has changed"),
    ("18.4", lambda x: normed(x) + x.max(), "hears what is still to come: when the last frame"),
    ("18.4", lambda x: np.where(np.arange(x.shape[1]), normed(x), np.nan), "Only the first frame"),
    ("18.4", lambda x: 1.5 * normed(x), "1.5 times too large"),
    ("18.4", lambda x: normed(x, floor=0), "nothing is added to the variance"),
    ("18.4", lambda x: (x - so_far(x, np.mean)) / (so_far(x, np.std) + 1e-8), "after the root"),
    ("18.4", lambda x: normed(x, floor=1e-5), "you add 1e-5 to the variance"),
    (
        "18.4",
        lambda x: normed(x, None, np.maximum(so_far(x, np.var), 1e-8), 0),
        "whichever is larger",
    ),
    ("18.4", lambda x: normed(x, floor=3e-8), "In a soft sound, where 1e-8 counts"),
    ("18.4", lambda x: normed(x) * (len(x) != 2), "With x of shape (2, 7)"),
    ("18.4", lambda x: normed(x) * (len(x) > 1), "With x of shape (1, 7)"),
    ("18.4", lambda x: normed(x) * (x.shape[1] > 1), "With x of shape (3, 1)"),
    ("18.4", lambda x: normed(x).T, "axes are swapped"),
    ("18.4", lambda x: normed(x)[:, :-1], "One too few along `n_frames`"),
    ("18.4", lambda x: so_far(x, np.mean), "1 dimension instead of 2"),
    ("18.4", lambda x: normed(x) * np.nan, "NaN"),
    ("18.4", lambda x: "silence", "should be numbers"),
    ("18.4", np.zeros((3, 7)), "asks for a function"),
    ("18.5", lambda m, lv: kl(m, lv).sum(axis=0), "the sum over frames"),
    ("18.5", lambda m, lv: 2 * kl(m, lv).mean(axis=0), "The half is missing"),
    ("18.5", lambda m, lv: -kl(m, lv).mean(axis=0), "never below 0"),
    ("18.5", lambda m, lv: kl(m, lv).mean(axis=0) / np.log(2), "Those are bits"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) - 1 + lv), "with +log"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) - lv), "The −1 is missing"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) + 1 - lv), "The 1 has the wrong sign"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv / 2) - 1 - lv), "In the divergence stands"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv / 2) - 1 - lv / 2), "throughout"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(2 * lv) - 1 - 2 * lv), "*standard deviation*"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(2 * lv) - 1 - lv), "is not squared"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) - 1 - lv / 2), "Half of the logarithm"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) - 1 - 2 * lv), "The logarithm comes twice"),
    ("18.5", priced(lambda m, lv: m**2 + lv - 1 - np.exp(lv)), "exp and its exponent"),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(-lv) - 1 + lv), "one over the variance"),
    (
        "18.5",
        priced(lambda m, lv: (1 + m**2) / np.exp(lv) - 1 + lv),
        "the other way round",
    ),
    ("18.5", priced(lambda m, lv: m**2 + np.exp(lv) - 1), "logarithm of the variance is missing"),
    ("18.5", priced(lambda m, lv: m**2), "the mean's part alone"),
    ("18.5", priced(lambda m, lv: np.exp(lv) - 1 - lv), "The mean's part is missing"),
    ("18.5", priced(lambda m, lv: m + np.exp(lv) - 1 - lv), "The mean is not squared"),
    ("18.5", priced(lambda m, lv: abs(m) + np.exp(lv) - 1 - lv), "The mean is not squared"),
    (
        "18.5",
        lambda m, lv: m.mean(axis=0) ** 2 / 2 + kl(0, lv).mean(axis=0),
        "over frames before you square",
    ),
    ("18.5", lambda m, lv: kl(m.mean(axis=0), lv.mean(axis=0)), "mean of the posteriors"),
    ("18.5", lambda m, lv: m.var(axis=0), "how much the mean moves"),
    ("18.5", lambda m, lv: np.median(kl(m, lv), axis=0), "the median over frames"),
    ("18.5", lambda m, lv: kl(m, lv).max(axis=0), "the largest over frames"),
    ("18.5", lambda m, lv: kl(m, lv)[0], "the first frame alone"),
    ("18.5", lambda m, lv: np.full(m.shape[1], kl(m, lv).mean()), "Every latent has the same"),
    (
        "18.5",
        lambda m, lv: kl(m, lv).mean(axis=0) / kl(m, lv).mean(axis=0).sum(),
        "made them add up to 1",
    ),
    ("18.5", lambda m, lv: kl(m, lv).mean(axis=0) + 0.2, "that costs nothing"),
    ("18.5", lambda m, lv: kl(m, lv), "The mean over frames is missing"),
    ("18.5", lambda m, lv: kl(m, lv).sum(axis=1), "Asked is one for each latent, shape (4,)"),
    ("18.5", lambda m, lv: kl(m, lv).sum(axis=1).mean(), "one number, the sum over latents"),
    ("18.5", lambda m, lv: kl(m, lv).mean(), "one number, over all latents"),
    ("18.5", lambda m, lv: kl(m, lv).mean(axis=0, keepdims=True), "An axis of length 1"),
    ("18.5", lambda m, lv: kl(m, lv).mean(axis=0)[:-1], "One too few along `n_latents`"),
    ("18.5", lambda m, lv: 1.3 * kl(m, lv).mean(axis=0), "1.3 times too large"),
    ("18.5", lambda m, lv: kl(m, lv).sum(axis=0) / 7, "With 5 frames"),
    ("18.5", lambda m, lv: "many", "should be numbers"),
    ("18.5", Code(VARIANCE_GIVEN), "is a logarithm already"),
    ("18.5", np.zeros(4), "asks for a function"),
]


class TestExercises(ExerciseTests):
    chapter, wrong = CHAPTER, WRONG


def test_other_ways_to_the_right_answer_are_right():
    from scipy.special import kl_div, xlogy

    for exercise_id, answer in [
        ("18.1", lambda *a: torch.tensor(reaching(field)(*a))),
        ("18.1", reaching(lambda k, b, r: 1 + sum((k - 1) * 2**i for i in range(b)) * r)),
        ("18.2", kl_div),
        ("18.2", lambda c, r: (xlogy(c, c) - c * np.log(r) - c + r).tolist()),
        ("18.2", lambda c, r: far(c, r).astype(np.float32)),
        ("18.2", lambda c, r: far(np.maximum(c, 1e-12), r)),
        ("18.2", lambda c, r: np.where(c == 0, r, divided_by_nothing(c, r))),
        ("18.2", lambda c, r: poisson_divergence(torch.from_numpy(c), torch.from_numpy(r))),
        ("18.3", lambda e: list(best(e))),
        ("18.3", lambda e: np.array(best(e))),
        ("18.3", lambda e: torch.tensor(best(e))),
        ("18.3", CHAPTER.answer("18.3", BY_SCIPY.format("[1]"))),
        ("18.4", lambda x: normed(x, *running(x))),
        ("18.4", lambda x: normed(x).astype(np.float32)),
        ("18.4", lambda x: CumulativeNorm(len(x)).double()(torch.from_numpy(x)[None])[0]),
        ("18.5", lambda m, lv: list(kl(m, lv).mean(axis=0))),
        ("18.5", lambda m, lv: gaussian_kl(torch.from_numpy(m), torch.from_numpy(lv)).mean(0)),
    ]:
        message = check(exercise_id, answer)
        assert message.right, (exercise_id, message.text)


class Awkward:
    """Raises whatever is done to it."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("exercise_id", CHAPTER.ids)
def test_no_answer_is_too_odd(exercise_id):
    odd = [
        None,
        ...,
        "text",
        b"bytes",
        float("nan"),
        -np.inf,
        1 + 2j,
        10**400,
        True,
        [],
        (),
        {},
        {1, 2},
        [[1, 2], [3]],
        ["a", None],
        range(4),
        np.zeros(0),
        np.zeros((0, 3)),
        np.full((3, 7), np.nan),
        np.full((4, 6), 1j),
        np.array(["a"] * 4),
        np.array([None] * 4),
        torch.full((7, 4), torch.nan),
        Awkward(),
        object,
    ]
    for value in odd:
        for answer in (value, lambda *_, value=value: value):
            assert check(exercise_id, answer).state in {"not yet", "not attempted"}
    assert check(exercise_id, lambda: 1).state == "not yet"


def solved(exercise_id):
    """The function that the chapter gives as the solution."""
    return CHAPTER.answer(exercise_id, CHAPTER.solution(exercise_id).code)


def test_the_chapters_network_hears_as_far_as_the_solution_says():
    n_fft, hop_length, sizes = 8, 4, (3, 3, 2)
    tcn = TCN(1, 4, 4, *sizes[1:], sizes[0]).double()
    middle = 40
    x = torch.zeros(1, 1, 81, dtype=torch.float64, requires_grad=True)
    for block in tcn.blocks:
        block.inside[2], block.inside[6] = torch.nn.Identity(), torch.nn.Identity()
    tcn.inward[1] = torch.nn.Identity()
    (slope,) = torch.autograd.grad(tcn(x)[0, :, middle].sum(), x)
    frames = torch.nonzero(slope[0, 0])
    span = int(frames.max() - frames.min())
    assert span + 1 == tcn.receptive_field
    assert solved("18.1")(*sizes, n_fft, hop_length, 10) == (span * hop_length + n_fft) / 10


def test_the_other_solutions_agree_with_the_package():
    random = np.random.default_rng(3)
    c, r = random.poisson(2.0, (5, 6)).astype(float), random.gamma(1.0, 2.0, (5, 6)) + 1e-9
    want = poisson_divergence(torch.from_numpy(c), torch.from_numpy(r))
    np.testing.assert_allclose(solved("18.2")(c, r), want, atol=1e-12)
    x = random.normal(3, 2, (4, 9))
    want = CumulativeNorm(4).double()(torch.from_numpy(x)[None])[0].detach()
    np.testing.assert_allclose(solved("18.4")(x), want)
    m, lv = random.normal(size=(2, 8, 3))
    want = gaussian_kl(torch.from_numpy(m), torch.from_numpy(lv)).mean(0)
    np.testing.assert_allclose(solved("18.5")(m, lv), want)


def test_the_best_order_is_that_of_the_assignment_problem():
    from scipy.optimize import linear_sum_assignment

    random = np.random.default_rng(4)
    for n in (2, 3, 4):
        for _ in range(20):
            errors = random.normal(size=(n, n))
            assert solved("18.3")(errors) == tuple(linear_sum_assignment(errors)[1])
