"""Graders of chapter 17, "Separation with a GAN and with an LSTM-VAE": a share, a floor, a score, a
slope, two names.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 17 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from etudes.checks import describe
from etudes.exercises.diagnosis import as_array, diagnose, finite
from etudes.exercises.registry import Right, exercise
from etudes.exercises.slips import known_slip, number


@exercise(
    "17.1",
    title="Everybody's share",
    hints=[
        "At each place a source gets its own variance over the sum of all variances there. Along "
        "which axis do the sources stand?",
        "variances.sum(axis=0) has the shape of the spectrum. What is multiplied by the shares is "
        "the spectrum itself, with its phase.",
        "return variances / variances.sum(axis=0) * spectrum",
    ],
    when_right="The parts add up to the mixture, and all of them have its phase: a model of "
    "variances says nothing of another.",
)
def grade_wiener(answer: Callable[..., Any]) -> str | None:
    """Right multiplies the mixture by each source's share of the variance; others are known."""
    rng = np.random.default_rng(17)
    for n_sources in (3, 2):
        shape = (n_sources, 6, 5)
        v = np.exp(rng.normal(0, 1.5, shape))
        x = rng.normal(size=shape[1:]) + 1j * rng.normal(size=shape[1:])
        expected = v / v.sum(axis=0) * x
        told = answer(v, x)
        got = finite(told, shape)
        if got is not None:
            said = known_slip(got, _other_shares(v, x))
            if said:
                return said
        wrong = diagnose(told, expected, "the answer", axes=("n_sources", "n_freq", "n_frames"))
        if wrong is None:
            continue
        if got is not None and not np.allclose(got.sum(axis=0), x, rtol=1e-4, atol=1e-6):
            wrong += " The parts ought to add up to the mixture, and yours do not."
        return wrong
    return None


def _other_shares(v: np.ndarray, x: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other ways of sharing out would give, and what to say of each."""
    share, root = v / v.sum(axis=0), np.sqrt(v)
    votes = np.exp(v - v.max(axis=0))
    return [
        (share, "Those are the shares. Each is to be multiplied by the spectrum of the mixture."),
        (
            share * np.abs(x),
            "The magnitudes are right, and the phase is lost: multiply by the spectrum itself, not "
            "by its magnitude.",
        ),
        (
            share * np.abs(x) ** 2,
            "Those are shares of the mixture's power. Asked is the spectrum: multiply by it as it "
            "is.",
        ),
        (
            share * x.real,
            "The imaginary part is lost. A real array cannot hold a complex spectrum.",
        ),
        (
            root / root.sum(axis=0) * x,
            "You have taken roots first, which is the ratio mask of magnitudes. Variances add, "
            "magnitudes do not; the share is made of variances.",
        ),
        (
            np.sqrt(share) * x,
            "That is the root of the share. It would give each source the *power* that is expected "
            "of it; the expected spectrum is smaller, and only with the share do the parts add up.",
        ),
        (
            v**2 / (v**2).sum(axis=0) * x,
            "You have squared. Variances are squares already: share them out as they are.",
        ),
        (
            votes / votes.sum(axis=0) * x,
            "That is a softmax over the variances. They are above 0 already, and need no exp: "
            "divide by their sum.",
        ),
        (
            (v == v.max(axis=0)) * x,
            "You gave each place to the loudest source alone, a binary mask. Each gets its share.",
        ),
        (
            v / v.max(axis=0) * x,
            "You divide by the largest variance of the place. Divide by the sum of all.",
        ),
        (
            v / (v.sum(axis=0) - v) * x,
            "You divide by the variances of the others. A source's own stands below the line, too.",
        ),
        (
            (1 - share) * x,
            "That is what the others get. A source's own variance stands above the line.",
        ),
        (
            v / v.sum(axis=1, keepdims=True) * x,
            "You share out over frequencies. The sources stand along axis 0, and the shares of one "
            "place add up over them.",
        ),
        (
            v / v.sum(axis=2, keepdims=True) * x,
            "You share out over frames. The sources stand along axis 0, and the shares of one "
            "place add up over them.",
        ),
        (
            v / v.sum() * x,
            "You divide by the sum over everything. Each place is shared out on its own: axis=0.",
        ),
        (
            v.sum(axis=(1, 2), keepdims=True) / v.sum() * x,
            "Each source gets one share for all places. Every place is shared out on its own.",
        ),
        (v * x, "You multiply by the variance itself. Divide by the sum over sources first."),
        (
            np.broadcast_to(x / len(v), v.shape),
            "All sources get the same, whatever their variances.",
        ),
        (
            root * x / np.abs(x),
            "Those have the size that was expected before the mixture was heard, with the "
            "mixture's phase. Given the mixture, share *it* out.",
        ),
    ]


@exercise(
    "17.2",
    title="What no mask can mend",
    hints=[
        "The chapter writes |M X − S|² as two terms. Which of them has no M in it? That is what is "
        "left when the other is made 0.",
        "It is |S|² sin²θ, added up, with θ between S and X. The imaginary part of S times the "
        "conjugate of X is |S| |X| sin θ. What is left where X is 0, whatever M is?",
        "stem, mixture = spectra[0], spectra.sum(axis=0). Where mixture is not 0 the error is "
        "((stem * mixture.conj()).imag / np.abs(mixture)) ** 2, elsewhere np.abs(stem) ** 2. "
        "np.where chooses; then .sum().",
    ],
    when_right="For the second stem it is the same number, although the masks are others: what is "
    "missing of one of two is too much in the other.",
)
def grade_floor(answer: Callable[..., Any]) -> str | None:
    """Right adds up |S|² sin² θ, and all of |S|² where the mixture is 0; others are known."""
    rng = np.random.default_rng(172)
    shape = (2, 5, 6)
    spectra = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    spectra[1] *= 0.6  # with one stem louder, and many places where no mask within 0…1 is best
    cancelled = spectra.copy()
    cancelled[1, 2, 3] = -cancelled[0, 2, 3]
    silent = cancelled.copy()
    silent[:, 1, 1] = 0
    for case in (spectra, cancelled, silent):
        expected = _floor(case)
        told = answer(case)
        got = finite(told, ())
        raw = as_array(told)
        if raw is not None and raw.shape in (shape, shape[1:]):
            return (
                f"That has shape {raw.shape}. Asked is one number, for the first stem: add up what "
                "every place leaves."
            )
        if case is not spectra and raw is not None and raw.shape == () and got is None:
            return (
                "At a place where the mixture is 0 the answer is NaN or infinite: something is "
                "divided by 0. What does any mask leave of S there?"
            )
        if got is not None and np.isclose(got, expected, rtol=1e-4):
            continue
        slips = _other_floors if case is spectra else _other_cancelled
        said = None if got is None else known_slip(got, slips(case))
        if said:
            return said
        wrong = diagnose(told, expected, "the error")
        if case is not spectra:
            return f"{wrong} Without a place where the mixture is 0 it was right."
        if got is not None and np.isrealobj(got) and got < expected:
            return f"{wrong} It is less than any real mask leaves."
        return wrong
    return None


def _floor(spectra: np.ndarray) -> float:
    """The sum of |S|² sin² θ for the first stem."""
    stem, mixture = spectra[0], spectra.sum(axis=0)
    size = np.abs(mixture)
    across = (stem * mixture.conj()).imag / np.where(size > 0, size, 1)
    return float(np.where(size > 0, across**2, np.abs(stem) ** 2).sum())


def _error_of(mask: Any, spectra: np.ndarray) -> float:
    """Squared error of the first stem's estimate by a mask."""
    return float((np.abs(mask * spectra.sum(axis=0) - spectra[0]) ** 2).sum())


def _other_floors(spectra: np.ndarray) -> list[tuple[float, str]]:
    """What other derivations would give where the mixture is nowhere 0, and what to say of each."""
    stem, other = spectra
    x = stem + other
    power, size = np.abs(stem) ** 2, np.abs(stem)
    theta = np.angle(stem / x)
    best = size * np.cos(theta) / np.abs(x)
    between = np.angle(stem / other)
    within = np.clip(best, 0, 1)
    cut = (
        "That is what masks from 0 to 1 leave. Any real mask is allowed: where the stems pull "
        "against each other the best is above 1 or below 0."
    )
    floor = float((power * np.sin(theta) ** 2).sum())
    return [
        (
            floor / x.size,
            "That is the mean over places. The error asked for is the sum.",
        ),
        (np.sqrt(floor), "That is the root of the error. The error asked for is a sum of squares."),
        (2 * floor, "That is twice too large. Are both stems counted? The first one is asked for."),
        (
            float((power * np.cos(theta) ** 2).sum()),
            "That is cosine where a sine is wanted: the part of S *along* X, which a mask can "
            "make. What it cannot make stands across.",
        ),
        (
            float((np.sin(theta) ** 2).sum()),
            "The sines are right, and not how loud the stem is: each place counts with |S|².",
        ),
        (
            float((size * np.abs(np.sin(theta))).sum()),
            "Those are lengths, |S| |sin θ|. They are squared before they are added up.",
        ),
        (
            float((size * np.sin(theta) ** 2).sum()),
            "Only the sine is squared. The error is |S|² sin² θ: square the loudness as well.",
        ),
        (
            float((power * np.abs(np.sin(theta))).sum()),
            "Only the loudness is squared. The error is |S|² sin² θ: square the sine as well.",
        ),
        (
            float((np.abs(x) ** 2 * np.sin(theta) ** 2).sum()),
            "You count each place with the mixture's power. It is the stem's: |S|² sin² θ.",
        ),
        (
            float((power * np.abs(x) ** 2 * np.sin(theta) ** 2).sum()),
            "The imaginary part of S times the conjugate of X is |S| |X| sin θ. Divide it by |X| "
            "before you square.",
        ),
        (
            float((power * np.sin(between) ** 2).sum()),
            "Your angle is that between the two stems. θ stands between the stem and the mixture.",
        ),
        (
            float((power * np.sin(np.angle(stem)) ** 2).sum()),
            "Your angle is the stem's own phase. θ stands between the stem and the mixture.",
        ),
        (_error_of(within, spectra), cut),
        (_error_of(np.maximum(best, 0), spectra), cut.replace("from 0 to 1", "of 0 or more")),
        (_error_of(np.minimum(best, 1), spectra), cut.replace("from 0 to 1", "of up to 1")),
        (
            _error_of(power / (power + np.abs(other) ** 2), spectra),
            "That is what the Wiener mask leaves, the share of the powers. The best real mask "
            "leaves less: it knows the phases.",
        ),
        (
            _error_of(size / (size + np.abs(other)), spectra),
            "That is what the ratio mask leaves, the share of the magnitudes. The best real mask "
            "leaves less: it knows the phases.",
        ),
        (
            _error_of(size / np.abs(x), spectra),
            "That is what the mask |S| / |X| leaves. The estimate has the right size then, and "
            "is too long: the nearest point on the line of X is the foot of the perpendicular.",
        ),
        (
            _error_of(power > np.abs(other) ** 2, spectra),
            "That is what the binary mask leaves. Any real number is allowed at each place.",
        ),
        (
            float(power.sum() - (stem * x.conj()).real.sum() ** 2 / (np.abs(x) ** 2).sum()),
            "That is what the best *single* number leaves. A mask has one for each place.",
        ),
        (
            float(((size - np.abs(x)) ** 2).sum()),
            "That is a difference of magnitudes. The error is that of complex numbers, after the "
            "best mask.",
        ),
        (float(power.sum()), "That is all of the stem's energy: what a mask of 0 leaves."),
        (
            0.0,
            "That is 0, which takes a complex mask. A real one cannot turn X towards S.",
        ),
    ]


def _other_cancelled(spectra: np.ndarray) -> list[tuple[float, str]]:
    """What is often done with places where the mixture is 0, and what to say of it."""
    gone = np.abs(spectra.sum(axis=0)) == 0
    stem = spectra[0]
    right, lost = _floor(spectra), float((np.abs(stem[gone]) ** 2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        endless = np.angle(stem[gone] / 0)
    turned, diverted = (
        float(np.nansum(np.abs(stem[gone]) ** 2 * np.sin(angle) ** 2))
        for angle in (np.angle(stem[gone]), endless)
    )
    return [
        (
            right - lost,
            "Where the mixture is 0 you count nothing. A mask lets nothing through there, so all "
            "of |S|² is missing, and that is an error.",
        ),
        (
            right - lost + turned,
            "Where the mixture is 0 there is no angle: `np.angle(0)` is 0, and so θ became the "
            "stem's own phase. All of |S|² is missing there.",
        ),
        (
            right - lost + diverted,
            "Where the mixture is 0 you divide by it, and the angle of what comes out means "
            "nothing. All of |S|² is missing there.",
        ),
    ]


@exercise(
    "17.3",
    title="The perfect critic",
    hints=[
        "Which score is best for one kind, if it makes up the part p of all sources and q of all "
        "estimates? The chapter finds the lowest point of a parabola.",
        "p and q are rates: each array is divided by its own sum. Then p / (p + q), for all kinds "
        "at once. Which kinds divide 0 by 0?",
        "p, q = of_sources / of_sources.sum(), of_estimates / of_estimates.sum(); the score is "
        "p / (p + q) where p + q > 0, and 0.5 elsewhere: np.where.",
    ],
    when_right="Whoever knows p / (p + q) knows the ratio p / q. A critic is an estimate of how "
    "many times as common a patch is among sources.",
)
def grade_best_scores(answer: Callable[..., Any]) -> str | None:
    """Right is p / (p + q) of the rates, and ½ for a kind that was not found; others are known."""
    met = np.array([40, 12, 3, 25, 8, 1, 11]), np.array([6, 20, 28, 50, 80, 9, 7])
    missing = np.array([40, 0, 3, 0, 8, 7, 0]), np.array([6, 5, 0, 0, 80, 9, 2])
    alone = np.array([0, 5, 1, 0]), np.array([1, 0, 3, 0])
    for of_sources, of_estimates in (met, missing, alone):
        p, q = of_sources / of_sources.sum(), of_estimates / of_estimates.sum()
        never = p + q == 0
        expected = np.where(never, 0.5, p / np.where(never, 1, p + q))
        told = answer(of_sources, of_estimates)
        raw, got = as_array(told), finite(told, p.shape)
        if got is not None and np.allclose(got, expected, rtol=1e-4, atol=1e-6):
            continue
        if of_sources is not met[0] and raw is not None and raw.shape == p.shape:
            said = _of_the_missing(raw, expected, of_sources, of_estimates)
            if said:
                return said
        said = None if got is None else known_slip(got, _other_scores(of_sources, of_estimates))
        if said:
            return said
        return diagnose(told, expected, "the array of scores", axes=("n_kinds",))
    return None


def _of_the_missing(
    got: np.ndarray, expected: np.ndarray, of_sources: np.ndarray, of_estimates: np.ndarray
) -> str | None:
    """What to say when nothing but kinds with a count of 0 is wrong."""
    right = np.isclose(got, expected, rtol=1e-4, atol=1e-6)
    both = (of_sources > 0) & (of_estimates > 0)
    never = (of_sources == 0) & (of_estimates == 0)
    if not right[both].all():
        return None
    if not right[never].all() and right[~never].all():
        value = got[never][0]
        is_now = "NaN" if not np.isfinite(value) else number(value)
        return (
            f"A kind that was found in neither gets {is_now}. Nothing speaks for a source and "
            "nothing against it: ½."
        )
    wrong = ~right & ~never
    k = int(np.flatnonzero(wrong)[0])
    where = "sources" if of_sources[k] else "estimates"
    return (
        f"A kind that was found among {where} alone gets {number(got[k])}; "
        f"{number(expected[k])} makes the loss least. The kinds that were found in both are right."
    )


def _other_scores(a: np.ndarray, b: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other scores would be, and what to say of each; `a` and `b` are counts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = a / a.sum(), b / b.sum()
        soft = np.exp(p) / (np.exp(p) + np.exp(q))
        over = p / (p + q)
        smooth_p, smooth_q = (a + 1) / (a + 1).sum(), (b + 1) / (b + 1).sum()
        return [
            (
                a / (a + b),
                "You compare the counts as they are. More was counted of one than of the other, "
                "and the loss does not mind: make rates of them first, each array over its own "
                "sum.",
            ),
            (
                b / (a + b),
                "It is upside down, 1 being for sources, and the counts are compared as they are: "
                "make rates of them, each array over its own sum.",
            ),
            (1 - over, "It is upside down: with you 1 means an estimate. 1 is for sources."),
            (
                p / q,
                "That is the ratio p / q, without an upper end. The lowest point of the parabola "
                "is another function of p and q.",
            ),
            (
                a / b,
                "That is a ratio of counts. Make rates of them, and find the lowest point of the "
                "parabola: it lies between 0 and 1.",
            ),
            (
                np.log(p / q),
                "That is the logarithm of p / q, which a critic with another loss would learn. "
                "Here the score lies between 0 and 1.",
            ),
            (
                p > q,
                "You decided: 1 where a kind is commoner among sources, else 0. The loss is "
                "squared, and least at a probability.",
            ),
            (
                a > b,
                "You decided: 1 where a kind was counted more often among sources, else 0. The "
                "loss is squared, and least at a probability.",
            ),
            (
                soft,
                "That is a softmax over the two rates. Divide by their sum as they are, without "
                "exp.",
            ),
            (
                np.exp(a - a.max()) / np.exp(a - a.max()).sum(),
                "That is a softmax over kinds. Each kind has a score of its own.",
            ),
            (p, "That is p: how common each kind is among sources. How common is it elsewhere?"),
            (p - q, "That is the difference of the rates. Find the lowest point of the parabola."),
            (
                2 * over - 1,
                "That runs from −1 to 1. The critic's targets here are 0 and 1.",
            ),
            (
                p**2 / (p**2 + q**2),
                "You have squared the rates. The squares of the loss are over scores: its "
                "derivative in c is p (c − 1) + q c.",
            ),
            (
                over / over.sum(),
                "You have made the scores add up to 1. Each kind's score is found on its own.",
            ),
            (
                smooth_p / (smooth_p + smooth_q),
                "You have added 1 to every count. That may be wise with few patches, but does not "
                "make this loss least.",
            ),
            (
                np.ones(a.shape),
                "1 everywhere is what the generator wishes the critic to say. The critic has a "
                "loss of its own.",
            ),
            (
                np.full(a.shape, 0.5),
                "½ everywhere is what is left when sources and estimates are equally common. Here "
                "they are not.",
            ),
        ]


@exercise(
    "17.4",
    title="Louder or softer?",
    hints=[
        "Take it in two steps: how r − log r − 1 changes with v, and how v changes with g. At each "
        "place the derivative is the product of the two.",
        "r is (power + noise) / v. The derivative of r in v is −r / v, and that of −log r is "
        "1 / v; that of v in g is exp(g) · v1.",
        "mine = np.exp(log_gain) * v1, v = mine + v2 + noise, and the sum of "
        "mine / v * (1 - (power + noise) / v).",
    ],
    when_right="Positive where too much is expected, and weighed by the mask: each model answers "
    "for what it claims. That is how one makes another give way.",
)
def grade_slope(answer: Callable[..., Any]) -> str | None:
    """Right is the gradient that torch finds; a wrong one is known by what is missing."""
    rng = np.random.default_rng(174)
    shape = (5, 4)
    for log_gain, noise in ((0.7, 0.05), (-0.4, 0.2), (0.0, 0.05)):
        power, v1, v2 = np.exp(rng.normal(0, 1, (3, *shape)))
        expected = _gradient(power, v1, v2, log_gain, noise)
        told = answer(power, v1, v2, log_gain, noise)
        raw, got = as_array(told), finite(told, ())
        if raw is not None and raw.shape == shape:
            return f"That has shape {shape}, a number for each place. Add them up: there is one g."
        if got is not None and np.isclose(got, expected, rtol=1e-4, atol=1e-6):
            continue
        said = None
        if got is not None:
            said = known_slip(got, _other_slopes(power, v1, v2, log_gain, noise))
        return said or diagnose(told, expected, "the derivative")
    return None


def _gradient(
    power: np.ndarray, v1: np.ndarray, v2: np.ndarray, log_gain: float, noise: float
) -> float:
    """The slope of the package's divergence, as torch finds it."""
    import torch

    from etudes.separators.gaussian import divergence

    gain = torch.tensor(log_gain, dtype=torch.float64, requires_grad=True)
    heard, first, second = (torch.from_numpy(x) for x in (power, v1, v2))
    divergence(heard, gain.exp() * first + second, noise).sum().backward()
    assert gain.grad is not None
    return float(gain.grad)


def _other_slopes(
    power: np.ndarray, v1: np.ndarray, v2: np.ndarray, log_gain: float, noise: float
) -> list[tuple[float, str]]:
    """What other derivations would give, and what to say of each."""
    gain = np.exp(log_gain)
    mine = gain * v1
    v = mine + v2 + noise
    heard = power + noise
    r, share = heard / v, mine / v
    right = float((share * (1 - r)).sum())
    far = float((r - np.log(r) - 1).sum())

    def of(mine: np.ndarray, v: np.ndarray, heard: np.ndarray) -> float:
        return float((mine / v * (1 - heard / v)).sum())

    slips = [
        (
            -right,
            "It has the wrong sign. Where more is expected than was heard, r < 1, a louder model "
            "makes it worse: there the divergence must rise.",
        ),
        (far, "That is the divergence itself. Asked is its derivative."),
        (
            right / gain,
            "That is the derivative in the gain. Asked is that in its *logarithm*: v changes by "
            "exp(g) · v1.",
        ),
        (
            right / power.size,
            "That is the mean over places. The divergence here is the sum.",
        ),
        (
            right / power.shape[1],
            "That is for each frame, as `my_fit` has it. The divergence here is the sum over all "
            "places.",
        ),
        (
            of(mine, v, power),
            "The hiss is missing in the power: r is (power + noise) / v.",
        ),
        (
            of(mine, v - noise, heard),
            "The hiss is missing in v. The mixture's variance is that of both models and the hiss.",
        ),
        (
            of(mine, v - noise, power),
            "The hiss is missing, in the power and in v.",
        ),
        (
            of(mine, v + noise, heard),
            "The hiss is in v twice. Does `divergence` not add it already?",
        ),
        (
            float((mine / (mine + v2) * (1 - r)).sum()),
            "1 − r is right. The share is mine / v with the hiss in v: the hiss claims its part, "
            "too.",
        ),
        (
            float((1 - r).sum()),
            "The share is missing: at each place 1 − r is multiplied by the part of v that changes "
            "with g.",
        ),
        (
            float((mine * (1 - r)).sum()),
            "A division by v is missing: both r and log r change by something over v.",
        ),
        (
            float(((1 - r) / v).sum()),
            "That is the derivative in v. The chain goes on: v changes with g by exp(g) · v1.",
        ),
        (
            float((v1 / v * (1 - r)).sum()),
            "That is the derivative in the gain. Asked is that in its *logarithm*: v changes by "
            "exp(g) · v1.",
        ),
        (
            of(v1, v1 + v2 + noise, heard),
            "The gain is missing: the first model's variance is exp(g) · v1, in v as well.",
        ),
        (
            of(mine, v1 + v2 + noise, heard),
            "The gain is missing in v: the first model's variance is exp(g) · v1 there, too.",
        ),
        (
            of(log_gain * v1, log_gain * v1 + v2 + noise, heard),
            "g is the logarithm of the gain. The gain itself is exp(g).",
        ),
        (
            of(gain**2 * v1, gain**2 * v1 + v2 + noise, heard),
            "You have squared the gain. It multiplies a variance here, so once is right.",
        ),
        (
            of(mine, mine + noise, heard),
            "The second model is missing in v. Then nobody would give way to anybody.",
        ),
        (
            float((v2 / v * (1 - r)).sum()),
            "That is the second model's derivative. g is the gain of the first.",
        ),
        (
            float(((mine + v2) / v * (1 - r)).sum()),
            "That is the derivative for a gain of both models. g is the gain of the first.",
        ),
        (
            float((share * (1 - 1 / r)).sum()),
            "r is upside down: what was heard stands above what was expected.",
        ),
        (
            -float((share * r).sum()),
            "That is the derivative of r alone. −log r changes with g as well.",
        ),
        (
            float(share.sum()),
            "That is the derivative of −log r alone. r changes with g as well.",
        ),
        (
            float((share * (1 + r)).sum()),
            "One of the two signs is wrong: with v, r falls, and −log r rises.",
        ),
        (
            of(mine, v, np.sqrt(power) + noise),
            "You have taken the root of the power. It is compared with variances as it is.",
        ),
        (0.0, "The derivative is 0. Does the divergence depend on g in your code?"),
    ]
    return [(value, said) for value, said in slips if not np.isclose(value, right, rtol=2e-4)]


WANTED = 5
"""So many of the six pairs must be found in exercise 17.5."""

SECONDS, SEED = 4.0, 17

KNOWN = {
    "flute": ("soprano", 73),
    "bassoon": ("bass", 70),
    "choir-soprano": ("soprano", 52),
    "choir-bass": ("bass", 52),
    "choir-alto": ("alto", 52),
}
"""Voice and General MIDI program of each source of which the book has a model."""

PLAYING = (
    ("flute", "bassoon"),
    ("choir-soprano", "choir-bass"),
    ("choir-soprano", "choir-alto"),
    ("flute", "choir-bass"),
    ("bassoon", "choir-soprano"),
    ("flute", "choir-alto"),
)
"""Who plays in each of the six mixtures."""

WHICH = (0, 1, 1, 0, 2, 1)
"""Which mixture of each pair: such that a first guess does not find five, and a fit does."""


@functools.cache
def _heard() -> list[np.ndarray]:
    """One mixture of each pair, from validation hymns."""
    from etudes.data.chorales import ChoraleMixtures
    from etudes.data.duets import SAMPLE_RATE

    found = []
    for pair, i in zip(PLAYING, WHICH):
        programs = {voice: (program,) for voice, program in (KNOWN[name] for name in pair)}
        hymns = ChoraleMixtures(
            tuple(programs),
            programs,
            SAMPLE_RATE,
            seed=SEED,
            split="validation",
            seconds=SECONDS,
        )
        found.append(hymns[i].mixture)
    return found


def _models() -> dict[str, Any]:
    """The committed model of each source, newly read: whoever changes them changes these alone."""
    from etudes.separators import SourceVAE
    from etudes.train import load_weights

    models = {}
    for name in KNOWN:
        models[name] = SourceVAE()
        load_weights(models[name], f"17-duets-vae-{name}")
        models[name].eval()
    return models


@exercise(
    "17.5",
    title="Who is playing?",
    hints=[
        "There are ten pairs. A pair that explains the mixture badly is probably not the one that "
        "plays. Which number says how well a mixture is explained?",
        "VAESeparator([models[a], models[b]], n_steps).fit(mixture) returns masks and negative "
        "bounds; the smaller the last bound, the better. A first guess is not always right, "
        "a few dozen steps are. To be quick, hear two seconds only.",
        "Make the pairs with itertools.combinations(models, 2). Compare all by the bound of one "
        "step, keep the best four, and compare those after 25 steps.",
    ],
    when_right="Nothing was trained to tell mixtures apart. Models that say how likely a sound is "
    "can be asked about things that nobody thought of when they were trained.",
)
def grade_who(answer: Callable[..., Any]) -> str | None:
    """Right names both sources of enough mixtures; the order does not matter."""
    models = _models()
    said: list[set[str]] = []
    for place, mixture in enumerate(_heard()):
        told = answer(mixture, dict(models))
        wrong = _not_two_names(told, list(models), place)
        if wrong:
            return wrong
        said.append({str(name) for name in told})
    right = sum(names == set(pair) for names, pair in zip(said, PLAYING))
    single = sum(len(names & set(pair)) for names, pair in zip(said, PLAYING))
    score = f"{right} of {len(PLAYING)} pairs and {single} of {2 * len(PLAYING)} names are right"
    if right >= WANTED:
        return Right(f"{score}; chance finds one pair in ten.")
    if len({frozenset(names) for names in said}) == 1:
        return (
            f"It says {_both(said[0])} every time, whatever is played. Does the answer depend on "
            "the mixture?"
        )
    if right == 0:
        slip = (
            "Do you compare bounds? `fit` returns *negative* ones: the pair with the smallest "
            "explains best."
        )
    else:
        missed = next(i for i, pair in enumerate(PLAYING) if said[i] != set(pair))
        slip = (
            f"In mixture {missed} it hears {_both(said[missed])}, where {_both(PLAYING[missed])} "
            "play. What changes if each pair is fitted for more steps before they are compared?"
        )
    return f"{score}; {WANTED} pairs are wanted. {slip}"


def _both(names: Iterable[str]) -> str:
    """Two names in words."""
    return " and ".join(sorted(names))


def _not_two_names(told: Any, names: list[str], place: int) -> str | None:
    """Why something is not the names of two models; None when it is."""
    known = ", ".join(names)
    if isinstance(told, str):
        return (
            f"For mixture {place} you return the text {told!r}. Return two names, such as a tuple."
        )
    try:
        listed = list(told)
    except TypeError:
        return f"For mixture {place} you return {describe(told)}. Return two of {known}."
    odd = [one for one in listed if not isinstance(one, str) or one not in names]
    if odd:
        shown = repr(odd[0]) if isinstance(odd[0], str) else describe(odd[0])
        return f"{shown} is not one of the names. They are {known}."
    if len(listed) != 2:
        return f"For mixture {place} you return {len(listed)} names. Two play at a time."
    if listed[0] == listed[1]:
        return f"For mixture {place} both names are {listed[0]}. Two different ones play."
    return None
