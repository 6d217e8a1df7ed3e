"""Chapter 18's exercises: solutions are right, stubs untouched, wrong answers get a diagnosis."""

from __future__ import annotations

from itertools import permutations
from math import lgamma

import numpy as np
import pytest
import torch
from exercise_helpers import Chapter, Code, ExerciseTests

from etudes.exercises import chapter_18, check
from etudes.separators.gaussian import gaussian_kl
from etudes.separators.tcn import TCN, CumulativeNorm, DilatedBlock
from etudes.separators.tcn_vae import poisson_divergence

CHAPTER = Chapter("18")


def parts(k, d, c):
    """Frames that a block reaches back and ahead."""
    return ((k - 1) * d, 0) if c else ((k - 1) * d / 2, (k - 1) * d / 2)


def shared(causal=(1, 0), other=(0.5, 0.5), width=lambda k, d: (k - 1) * d):
    """Otherwise shared out to both sides, or with another width."""
    return lambda k, d, c: tuple(width(k, d) * share for share in (causal if c else other))


def added(blocks, of=parts):
    return np.array([of(*block) for block in blocks]).sum(axis=0)


def waiting(of=parts, span=lambda n, w, h: n * h + w / 2, reach=added):
    """Right, but for what a block reaches, the samples in so many frames, or how to add up."""
    return lambda blocks, w, h, rate: span(reach(blocks, of), w, h) / rate


def frames(of):
    """Right, but for the frames to both sides, made of blocks and of the right ones."""
    return waiting(reach=lambda blocks, _: np.array(of(blocks, *added(blocks))))


def each(blocks):
    """Frames back, and ahead, of one block after the other."""
    return np.array([parts(*block) for block in blocks]).T


def flagged(flag):
    """Every block has the flag that is made of all of them."""
    return lambda blocks, *sizes: waiting()(
        [(k, d, flag([c for *_, c in blocks])) for k, d, _ in blocks], *sizes
    )


EARLY_RETURN = """
def heard(blocks, n_fft, hop_length, sample_rate):
    back = ahead = 0
    for k, d, causal in blocks:
        back += (k - 1) * d if causal else (k - 1) * d // 2
        ahead += 0 if causal else (k - 1) * d // 2
        return tuple((n * hop_length + n_fft / 2) / sample_rate for n in (back, ahead))
"""
FORGETFUL = """
def heard(blocks, n_fft, hop_length, sample_rate):
    back = ahead = 0
    for k, d, causal in blocks:
        back += (k - 1) * d if causal else (k - 1) * d // 2
        ahead = 0 if causal else ahead + (k - 1) * d // 2
    return tuple((n * hop_length + n_fft / 2) / sample_rate for n in (back, ahead))
"""
STEPWISE = """
def heard(blocks, n_fft, hop_length, sample_rate):
    first, last = 0, 0
    while blocks:
        kernel_size, dilation, causal = blocks.pop()
        taps = np.arange(kernel_size) - (kernel_size - 1 if causal else kernel_size // 2)
        first, last = first + dilation * taps[0], last + dilation * taps[-1]
    begin, end = first * hop_length - n_fft / 2, last * hop_length + n_fft / 2
    return [-begin / sample_rate, end / sample_rate]
"""


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
WELFORD = """
def cumulative_norm(x):
    out, n, mean, squares = np.empty(x.shape), 0, 0.0, 0.0
    for t in range(x.shape[1]):
        for value in x[:, t]:
            n += 1
            away = value - mean
            mean += away / n
            squares += away * (value - mean)
        out[:, t] = (x[:, t] - mean) / np.sqrt(squares / n + 1e-8)
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
    ("18.1", waiting(shared(causal=(0.5, 0.5))), "look to both sides alike"),
    ("18.1", flagged(lambda flags: flags[0]), "look to both sides alike"),
    ("18.1", flagged(all), "how far ahead does a causal one look"),
    ("18.1", flagged(lambda flags: flags[-1]), "taken for a causal one"),
    ("18.1", flagged(any), "taken for a causal one"),
    ("18.1", waiting(shared(causal=(0, 1))), "do your causal blocks look ahead"),
    ("18.1", lambda *a: waiting()(*a)[::-1], "stand in the wrong order"),
    ("18.1", waiting(lambda k, d, c: parts(k, d, not c)), "flag is read the wrong way round"),
    ("18.1", waiting(shared(other=(1, 1))), "half before and half after"),
    ("18.1", waiting(shared((1, 1), (1, 1))), "half after. And every block is taken to look"),
    ("18.1", frames(lambda _, b, a: (2 * b, 2 * a)), "All that the blocks reach is counted twice"),
    ("18.1", lambda *a: 2 * waiting()(*a), "before *and* after. That is a whole window at each"),
    ("18.1", waiting(shared(causal=(0.5, 0))), "You halve what a causal block reaches, too"),
    ("18.1", waiting(lambda k, d, c: (k // 2 * d, 0 if c else k // 2 * d)), "You halve what a"),
    ("18.1", frames(lambda _, b, a: (b, 0)), "You find nothing ahead"),
    ("18.1", Code(FORGETFUL), "a causal one does not take back"),
    ("18.1", waiting(shared(causal=(0, 0))), "causal blocks are left out"),
    ("18.1", waiting(shared(other=(0, 0))), "not causal are left out"),
    ("18.1", waiting(shared(width=lambda k, d: k * d)), "How many are there besides it"),
    (
        "18.1",
        waiting(lambda k, d, c: (k * d, 0) if c else (k * d // 2, k * d // 2)),
        "How many are there besides it",
    ),
    (
        "18.1",
        lambda blocks, *sizes: (
            waiting()(blocks, *sizes)
            if not all(c for *_, c in blocks)
            else (waiting()(blocks, *sizes)[0], 0)
        ),
        "Is the present frame known at its moment",
    ),
    (
        "18.1",
        waiting(lambda k, d, c: (k * d, 0) if c else (k // 2 * d, k // 2 * d)),
        "One of the kernel_size frames is the present one",
    ),
    ("18.1", waiting(shared((1, 0), (1, 1), lambda k, d: k * d)), "half after. And one of the"),
    ("18.1", waiting(shared(width=lambda k, d: k - 1)), "dilations are missing: that far apart"),
    ("18.1", waiting(shared(width=lambda k, d: k)), "dilations are missing, and one of the"),
    ("18.1", waiting(shared(width=lambda k, d: k - 1 + d)), "You add the dilation"),
    ("18.1", waiting(shared(width=lambda k, d: d)), "kernel_size must count"),
    ("18.1", waiting(shared(width=lambda k, d: 2 * d)), "kernel_size must count"),
    ("18.1", waiting(shared((1, 0), (1, 1), lambda k, d: d)), "kernel_size must count"),
    ("18.1", waiting(shared(width=lambda k, d: (k - 1) * 2**d)), "dilations are powers of 2"),
    (
        "18.1",
        frames(lambda blocks, *_: added([(k, 2**i, c) for i, (k, _, c) in enumerate(blocks)])),
        "each block says what its own is",
    ),
    ("18.1", frames(lambda n, b, a: (b + len(n), a + len(n))), "counted in every block"),
    ("18.1", waiting(shared(width=lambda k, d: (k - 1) * d + 1)), "counted in every block"),
    (
        "18.1",
        waiting(lambda k, d, c: ((k - 1) * d + 1, 0) if c else (k // 2 * d,) * 2),
        "neither before nor after",
    ),
    ("18.1", frames(lambda n, *_: (1 + each(n)).prod(axis=1) - 1), "You multiply what"),
    ("18.1", frames(lambda n, *_: (1 + each(n)).prod(axis=1)), "You multiply what"),
    ("18.1", frames(lambda n, *_: each(n).prod(axis=1)), "You multiply what"),
    ("18.1", frames(lambda n, *_: [row[row > 0].prod() for row in each(n)]), "You multiply what"),
    ("18.1", frames(lambda n, *_: each(n).max(axis=1)), "block that reaches furthest does alone"),
    ("18.1", Code(EARLY_RETURN), "That is the first block alone"),
    ("18.1", frames(lambda n, *_: each(n)[:, -1]), "That is the last block alone"),
    ("18.1", frames(lambda _, b, a: (b + 1, a + 1)), "one hop too many to each side"),
    ("18.1", frames(lambda _, b, a: (b - 1, a - 1)), "one hop too few to each side"),
    ("18.1", waiting(span=lambda n, w, h: n * h), "The window is missing"),
    ("18.1", waiting(span=lambda n, w, h: n * h + w), "That is a whole window at each end"),
    ("18.1", waiting(span=lambda n, w, h: n * h + [w / 2, 0]), "end of what comes after, the win"),
    ("18.1", waiting(span=lambda n, w, h: n * h + [0, w / 2]), "end of what came before, the win"),
    ("18.1", waiting(span=lambda n, w, h: n * h + [w, 0]), "window end at its frame's moment"),
    ("18.1", waiting(span=lambda n, w, h: n * h + [0, w]), "window begin at its frame's moment"),
    ("18.1", waiting(span=lambda n, w, h: n * h + w / 4), "a quarter of the window"),
    ("18.1", waiting(span=lambda n, w, h: n * h + h / 2), "half a hop at each end"),
    ("18.1", waiting(span=lambda n, w, h: n * w), "a whole window for each frame"),
    ("18.1", waiting(span=lambda n, w, h: n * w + w / 2), "a whole window for each frame"),
    ("18.1", waiting(span=lambda n, w, h: n * (h + w / 2)), "half of the window for each frame"),
    ("18.1", waiting(span=lambda n, w, h: n * (w - h) + w / 2), "not how much two windows share"),
    ("18.1", waiting(span=lambda n, w, h: n + w / 2), "a hop apart, not a sample"),
    ("18.1", waiting(span=lambda n, w, h: n), "not a sample. And the window is missing"),
    ("18.1", waiting(span=lambda n, w, h: n * h + w // 2 - 1), "right to a sample or so"),
    ("18.1", waiting(span=lambda n, w, h: n * h + (w - 1) / 2), "n_fft / 2 samples for half"),
    ("18.1", lambda n, w, h, rate: waiting()(n, w, h, 1), "Those are samples"),
    ("18.1", lambda *a: 1000 * waiting()(*a), "Those are milliseconds"),
    ("18.1", lambda n, *_: added(n), "Those are frames. Asked"),
    ("18.1", lambda n, w, h, rate: added(n) + w / 2 / h, "Those are frames, the window's half"),
    ("18.1", waiting(span=lambda n, w, h: 0 * n + w / 2), "That is the window alone"),
    ("18.1", lambda *a: waiting()(*a) * [-1, 1], "below 0. Both say"),
    ("18.1", lambda *a: waiting()(*a) * [1, -1], "below 0. Both say"),
    ("18.1", lambda *a: -waiting()(*a), "below 0. Both say"),
    (
        "18.1",
        waiting(shared(causal=(0.5, 0.5)), lambda n, w, h: n * h),
        "how far ahead does a causal one look? The window is missing",
    ),
    (
        "18.1",
        waiting(shared(width=lambda k, d: k * d), lambda n, w, h: n * h + w),
        "besides it? That is a whole window",
    ),
    ("18.1", lambda n, w, h, rate: waiting()(n, w, h, 8000), "sample_rate=16000"),
    (
        "18.1",
        lambda n, *sizes: waiting()(n, *sizes) if any(c for *_, c in n) else (0.1, 0.1),
        "With blocks=[(3, 1, False), (3, 2, False), (3, 4, False)]",
    ),
    (
        "18.1",
        waiting(lambda k, d, c: (2 * (k // 2) * d, 0) if c else parts(k, d, c)),
        "With blocks=[(2, 1, True)",
    ),
    (
        "18.1",
        lambda n, *sizes: waiting()(n, *sizes) if n[0][2] is False or n[-1][2] else (0.1, 0.1),
        "With blocks=[(3, 2, True), (5, 1, False)]",
    ),
    ("18.1", lambda *a: 1.3 * waiting()(*a), "1.3 times too large"),
    ("18.1", lambda *a: waiting()(*a).sum(), "That is the two times together. Asked are two"),
    ("18.1", lambda *a: waiting()(*a)[0], "That is the time before alone"),
    ("18.1", lambda *a: waiting()(*a)[1], "That is the time after alone"),
    ("18.1", lambda *a: 1.0, "That is one number. Asked are two"),
    ("18.1", lambda *a: np.nan, "That is one number. Asked are two"),
    ("18.1", lambda *a: (np.nan, 1.0), "NaN"),
    ("18.1", lambda n, *_: [parts(*block) for block in n], "something for each block"),
    ("18.1", lambda *a: (1.0, 2.0, 3.0), "has shape (3,), wanted is (2,)"),
    ("18.1", lambda *a: {"before": 1.0, "after": 1.0}, "should be numbers"),
    ("18.1", lambda *a: ("far", "farther"), "should be numbers"),
    ("18.1", lambda *a: waiting()(*a) + 1j, "complex"),
    ("18.1", (3.1, 0.8), "asks for a function"),
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
    ("18.4", lambda x: normed(x, *running(x)), "mean of the squares less the square of the mean"),
    (
        "18.4",
        lambda x: normed(x, running(x)[0], np.maximum(running(x)[1], 0)),
        "rounded before you subtract",
    ),
    ("18.4", lambda x: normed(x) * (1 if x.max() < 1e6 else np.nan), "and is NaN or infinite"),
    (
        "18.4",
        lambda x: normed(x, None, so_far(x**2, np.mean) - so_far(x, np.mean) ** 2),
        "the rounding is larger than what is left",
    ),
    ("18.4", lambda x: normed(x.astype(np.float32)), "Single precision"),
    ("18.4", lambda x: normed(x) if x.max() < 1e6 else normed(x)[0], "With x + 1e8"),
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
        ("18.1", waiting()),
        ("18.1", lambda *a: tuple(waiting()(*a))),
        ("18.1", lambda *a: torch.tensor(waiting()(*a), dtype=torch.float32)),
        ("18.1", lambda *a: tuple(torch.tensor(waiting()(*a)))),
        ("18.1", CHAPTER.answer("18.1", STEPWISE)),
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
        ("18.4", lambda x: normed(x - x[:, 0].mean())),
        ("18.4", lambda x: normed(x - x[:, 0].mean(), *running(x - x[:, 0].mean()))),
        ("18.4", CHAPTER.answer("18.4", WELFORD)),
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


def reached(blocks, n_frames=161):
    """Frames before and after the middle one on which its output depends, norms left out."""
    torch.manual_seed(0)
    for block in blocks:
        block.inside[2], block.inside[6] = torch.nn.Identity(), torch.nn.Identity()
    channels = blocks[0].back.out_channels
    x = torch.randn(1, channels, n_frames, dtype=torch.float64, requires_grad=True)
    told = torch.nn.Sequential(*blocks).double()(x)
    (slope,) = torch.autograd.grad(told[0, :, n_frames // 2].sum(), x)
    frames = torch.nonzero(slope.abs().sum(dim=(0, 1)))
    return n_frames // 2 - int(frames.min()), int(frames.max()) - n_frames // 2


@pytest.mark.parametrize("causal", [False, True])
def test_the_chapters_network_reaches_as_far_as_the_solution_says(causal):
    blocks = [(3, 2**k, causal) for _ in range(2) for k in range(5)]
    seconds = solved("18.1")(blocks, 2048, 512, 8000)
    tcn = TCN(4, 4, 4, n_blocks=5, n_repeats=2, causal=causal)
    back, ahead = reached(list(tcn.blocks), n_frames=281)
    assert back + ahead + 1 == tcn.receptive_field
    assert seconds == ((back * 512 + 1024) / 8000, (ahead * 512 + 1024) / 8000)
    said = check("18.1", solved("18.1")).text
    assert ahead == (0 if causal else 62)
    for figure in (f"{seconds[1]:.3f} s", *([] if causal else ["62 frames"])):
        assert figure in said


def test_a_network_of_both_kinds_reaches_as_far_as_the_solution_says():
    blocks = [(5, 3, False), (9, 6, True), (3, 1, False), (7, 5, False)]
    made = [DilatedBlock(3, 4, k, dilation=d, causal=causal) for k, d, causal in blocks]
    assert reached(made) == solved("18.1")(blocks, 0, 1, 1)


def test_no_two_slips_of_the_first_network_come_to_the_same():
    blocks, sizes = chapter_18._networks()[0]
    right = np.array(solved("18.1")(blocks, *sizes))
    slips = [(right, "right"), *chapter_18._other_waits(blocks, *sizes)]
    for place, (one, said) in enumerate(slips):
        for other, also in slips[:place]:
            assert said == also or not np.allclose(one, other, 1e-6, 1e-7), (said, also)


def test_the_other_solutions_agree_with_the_package():
    random = np.random.default_rng(3)
    c, r = random.poisson(2.0, (5, 6)).astype(float), random.gamma(1.0, 2.0, (5, 6)) + 1e-9
    want = poisson_divergence(torch.from_numpy(c), torch.from_numpy(r))
    np.testing.assert_allclose(solved("18.2")(c, r), want, atol=1e-12)
    x = random.normal(3, 2, (4, 9))
    want = CumulativeNorm(4).double()(torch.from_numpy(x)[None])[0].detach()
    np.testing.assert_allclose(solved("18.4")(x), want)
    np.testing.assert_allclose(solved("18.4")(x + 1e8), want, atol=1e-6)
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
