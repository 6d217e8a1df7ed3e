"""Graders of chapter 16, "Masks, NMF and spectral clustering": a level, a leak, an update, a cut.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 16 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from etudes.exercises.diagnosis import as_array, diagnose, finite
from etudes.exercises.registry import Right, exercise
from etudes.exercises.slips import known_slip, number


def _numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """The answer as finite real numbers of the right shape; None when it is anything else."""
    got = finite(value, shape)
    return None if got is None or got.dtype.kind == "c" else got


@exercise(
    "16.1",
    title="So many decibels louder",
    hints=[
        "Energy is the sum of the squares. How much energy must the other have in the mixture? "
        "Then: by how much must it be multiplied?",
        "A ratio of energies of d decibels is 10 ** (d / 10). A gain is the root of a ratio of "
        "energies.",
        "gain = np.sqrt((target**2).sum() / (other**2).sum() / 10 ** (decibels / 10)), and only "
        "the other is multiplied by it.",
    ],
    when_right="At 0 dB both have the same energy. A positive number makes the target easy to "
    "hear, a negative one hides it.",
)
def grade_mix(answer: Callable[..., Any]) -> str | None:
    """Right is target + gain · other; a wrong gain is known by what it would be after a slip."""
    rng = np.random.default_rng(16)
    target = rng.normal(0.1, 0.3, 400)  # with a mean, so that a standard deviation is no level
    other = rng.normal(0.02, 0.05, 400)
    both = np.stack([target, other], axis=1)
    for decibels in (6.0, -10.0, 0.0):
        told = answer(target, other, decibels)
        gain = _gain(target, other, decibels)
        got = _numbers(told, target.shape)
        if got is None:
            return diagnose(told, target + gain * other, "the mixture")
        a, b = np.linalg.lstsq(both, got, rcond=None)[0]
        if not np.allclose(got, both @ [a, b], atol=1e-4):
            return (
                "That is not a sum of the two. Multiply each by nothing but one number and add "
                "them up."
            )
        if np.allclose([a, b], [1, gain], rtol=1e-3):
            continue
        return _wrong_gain(a, b, gain, target, other, decibels)
    return None


def _gain(target: np.ndarray, other: np.ndarray, decibels: float) -> float:
    """What the other is to be multiplied by."""
    return float(np.sqrt((target**2).sum() / (other**2).sum()) * 10 ** (-decibels / 20))


def _wrong_gain(
    a: float, b: float, gain: float, target: np.ndarray, other: np.ndarray, decibels: float
) -> str:
    """What to say when the target came `a` times and the other `b` times."""
    if abs(a) < 1e-6:
        return "The target is missing. Asked is the sum of both, not the other alone."
    if abs(b) < 1e-6:
        return "The other is missing: that is the target alone."
    ratio = float((target**2).sum() / (other**2).sum())
    if not np.isclose(a, 1, rtol=1e-3):
        right = np.isclose(abs(b / a), gain, rtol=1e-3)
        return (
            f"The target comes out {a:.3g} times as loud as it was. Its level must stay untouched"
            + (": the ratio is right, so multiply the other instead." if right else ".")
        )
    power, rms = 10 ** (-decibels / 10), np.sqrt(ratio)
    slips = [
        (
            rms * power,
            "A gain is a ratio of amplitudes, and those go with 10 ** (d / 20). You used 10, which "
            "is for energies, without taking the root.",
        ),
        (
            rms / np.sqrt(power),
            "It is the wrong way round: with you a positive number makes the *other* louder. The "
            "sign of the decibels, or the ratio, must be turned.",
        ),
        (
            np.sqrt(power),
            "That would be right if both were equally loud to begin with. They are not: measure "
            "the energy of each first.",
        ),
        (
            np.sqrt(power) / rms,
            "The ratio of the two energies is upside down: a quiet other must be made louder, so "
            "the target's energy stands above the line.",
        ),
        (ratio * power, "That is a ratio of energies. The gain is its root."),
        (
            ratio * np.sqrt(power),
            "The levels were not put under the root: a gain is a ratio of "
            "amplitudes, the root of the ratio of energies.",
        ),
        (
            target.std() / other.std() * np.sqrt(power),
            "`np.std` takes the mean away before it squares. Energy is the sum of the squares "
            "themselves.",
        ),
        (
            np.abs(target).max() / np.abs(other).max() * np.sqrt(power),
            "You compare the largest samples. Asked are energies: all samples, squared and added "
            "up.",
        ),
        (-gain, "The other is subtracted. Its gain is right, but must be positive."),
    ]
    said = known_slip(np.array(b), slips, rtol=1e-3, atol=1e-5)
    is_now = number(round(10 * np.log10(ratio / b**2), 2))
    return said or f"Asked for {number(decibels)} dB, the target is {is_now} dB louder with you."


@exercise(
    "16.2",
    title="How loud may the leak be?",
    hints=[
        "Cut the other in two first: a part along the target, rho * target, and a part at right "
        "angles to it. Which of them, times g, belongs to alpha, and which is the error?",
        "alpha = 1 + g * rho with rho = (other @ target) / (target @ target), and "
        "e = g * (other - rho * target). SI-SDR is 20 times the logarithm of a ratio of lengths.",
        "So (1 + g * rho) * norm(target) = 10 ** (decibels / 20) * g * norm(other - rho * target). "
        "Solve that for g.",
    ],
    when_right="The more a leak resembles the voice, the louder it may be for the same SI-SDR: "
    "what they share is counted as voice.",
)
def grade_leak_gain(answer: Callable[..., Any]) -> str | None:
    """Right has the SI-SDR asked for; a wrong gain is known by what it would be after a slip."""
    rng = np.random.default_rng(162)
    target = rng.normal(0.1, 0.3, 500)  # with a mean, so that taking it away makes a difference
    noise = rng.normal(0.0, 0.1, 500)
    for shared, decibels in ((0.15, 10.0), (-0.12, 6.0), (0.2, 0.0)):
        other = noise + shared * target
        told = answer(target, other, decibels)
        right = _leak_gain(target, other, decibels)
        raw, got = as_array(told), _numbers(told, ())
        if raw is not None and raw.shape == target.shape:
            return (
                f"That is a waveform of {target.size} samples. Return the gain, one number; the "
                "sum is made by whoever asked."
            )
        if got is None:
            return diagnose(told, right, "the gain")
        gain = float(got)
        said = known_slip(
            np.array(gain), _other_gains(target, other, decibels, right), rtol=1e-3, atol=1e-5
        )
        reached = _si_sdr(target + gain * other, target)
        if gain > 0 and abs(reached - decibels) < 0.01:
            continue
        if said:
            return said
        return (
            f"With your gain, {number(gain)}, the estimate has an SI-SDR of "
            f"{number(round(reached, 2))} dB; {number(decibels)} dB are wanted. Is the gain "
            + ("positive?" if gain <= 0 else "too small or too large?")
        )
    return None


def _si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    """In decibels, within ±300."""
    from etudes.evaluate.separation import si_sdr

    return float(np.clip(si_sdr(estimate, target), -300, 300))


def _leak_gain(
    target: np.ndarray, other: np.ndarray, decibels: float, shared: float | None = None
) -> float:
    """What the other is to be multiplied by; `shared` replaces its share of the target."""
    rho = (other @ target) / (target @ target) if shared is None else shared
    across, length = np.linalg.norm(other - rho * target), np.linalg.norm(target)
    return float(length / (10 ** (decibels / 20) * across - rho * length))


def _other_gains(
    target: np.ndarray, other: np.ndarray, decibels: float, right: float
) -> list[tuple[float, str]]:
    """What other derivations would give, and what to say of each."""
    length, whole = float(np.linalg.norm(target)), float(np.linalg.norm(other))
    rho, ratio = float(other @ target) / length**2, 10 ** (decibels / 20)
    across = float(np.linalg.norm(other - rho * target))
    upside_down = length / (across / ratio - rho * length)
    slips = [
        (
            length / (ratio * whole),
            "That is the gain of exercise 16.1: the whole leak is taken for error. A part of it "
            "points along the target, and SI-SDR counts that as target.",
        ),
        (
            length / (ratio * across),
            "The error is right: what stands at right angles. But the leak adds to the target as "
            "well, so alpha is no longer 1.",
        ),
        (
            length / (ratio * whole - rho * length),
            "Alpha is right. The error is not the whole leak, only what stands at right angles to "
            "the target.",
        ),
        (
            length / (ratio * across + rho * length),
            "The part along the target has the wrong sign: with a positive share alpha is "
            "1 + g * rho, above 1.",
        ),
        (
            length / (ratio**2 * across - rho * length),
            "10 ** (d / 10) is a ratio of energies. You compare lengths, so it is d / 20.",
        ),
        (
            length**2 / (ratio**2 * across**2 - rho * length**2),
            "You have added energies. Alpha is a sum of amplitudes, 1 + g * rho, and squared only "
            "afterwards: take the root of both sides first.",
        ),
        (upside_down, "It is upside down: with you the error stands above the line."),
        (
            _leak_gain(target, other, decibels, float(other @ target) / whole**2),
            "You project onto the other: the share of the target is divided by the energy of "
            "the *target*.",
        ),
        (
            _leak_gain(target - target.mean(), other - other.mean(), decibels),
            "You have taken the means away first. This SI-SDR does not: a constant is sound, too.",
        ),
        (right**2, "That is the square of the gain."),
        (1 / right, "That is one over the gain: the target would be multiplied by it."),
        (-right, "The gain has the wrong sign: the leak is added."),
        (
            -length / (ratio * across + rho * length),
            "That is the other solution, which subtracts the other. A positive gain is asked for.",
        ),
    ]
    return [(gain, said) for gain, said in slips if not np.isclose(gain, right, rtol=2e-3)]


def _error(v: np.ndarray, model: np.ndarray) -> float:
    """Half the sum of squared errors of a model."""
    return float(((v - model) ** 2).sum() / 2)


@exercise(
    "16.3",
    title="Another error, another rule",
    hints=[
        "The slope of half a squared error is the error, model minus v, times the slope of the "
        "model. The model at (f, t) changes with w[f, r] as h[r, t] does; add up over frames.",
        "The slope is (w @ h) @ h.T minus v @ h.T. Both have the shape of w, and are positive.",
        "Where the slope is negative w must grow: the part with the minus stands above the line, "
        "w * (v @ h.T) / (w @ h @ h.T).",
    ],
    when_right="Lee and Seung gave this update and the chapter's together. It has no step size "
    "either, and here the loud partials decide.",
)
def grade_update_spectra(answer: Callable[..., Any]) -> str | None:
    """Right is Lee and Seung's update of the spectra for the squared error; others are known."""
    rng = np.random.default_rng(3)
    w, h = rng.uniform(0.1, 2, (7, 3)), rng.uniform(0.1, 2, (3, 5))
    v = rng.uniform(0.2, 2, (7, 3)) @ rng.uniform(0.2, 3, (3, 5))
    above, below = v @ h.T, w @ h @ h.T
    expected = w * above / below
    told = answer(v, w, h)
    axes = ("n_freq", "n_components")
    raw = as_array(told)
    if raw is not None and raw.shape == h.shape:
        return (
            f"What came back has the shape of h, {h.shape}. The activations are held fixed; the "
            f"spectra w change, and have shape {w.shape}."
        )
    got = _numbers(told, w.shape)
    if got is None or np.allclose(got, expected, rtol=1e-4):
        return diagnose(told, expected, "the new w", axes=axes)
    said = known_slip(got, _other_updates(v, w, h), atol=1e-5)
    if said:
        return said
    if got.min() < 0:
        return f"The smallest number of the new w is {number(got.min())}. None may be negative."
    before, after, best = (_error(v, x @ h) for x in (w, got, expected))
    if after > before:
        return f"The squared error rises, from {before:.4g} to {after:.4g}. It must not."
    return (
        f"The squared error falls from {before:.4g} to {after:.4g}; with the update asked for it "
        f"falls to {best:.4g}. {diagnose(told, expected, 'the new w', axes=axes)}"
    )


def _other_updates(v: np.ndarray, w: np.ndarray, h: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other rules would give, and what to say of each."""
    above, below, sums = v @ h.T, w @ h @ h.T, h.sum(axis=1)
    expected = w * above / below
    rate = (v / (w @ h)) @ h.T / sums
    return [
        (w, "Nothing has changed: that is w as it was."),
        (
            w * rate,
            "That is the update for the divergence, as it stands in the chapter. The squared "
            "error has another slope, in which nothing is divided by w @ h place by place.",
        ),
        (
            w * above / sums,
            "The upper half is right. The lower is that of the divergence; here the positive part "
            "of the slope is (w @ h) @ h.T.",
        ),
        (w * above, "The lower half of the fraction is missing: the positive part of the slope."),
        (w / below, "The upper half of the fraction is missing: what the slope subtracts."),
        (above / below, "That is the factor. Multiply w by it."),
        (
            w * below / above,
            "The fraction is upside down: where the model is too quiet, w must grow.",
        ),
        (
            w * above / (v.sum(axis=1, keepdims=True) * sums),
            "Below the line stands what the *model* has, (w @ h) @ h.T, not a sum over v.",
        ),
        (
            w + above - below,
            "That is a step against the slope. The update multiplies by the ratio of its two "
            "parts; that is why nothing can go below zero.",
        ),
        (w - above + below, "That is a step, and it goes up the slope. The update multiplies."),
        (below - above, "That is the slope. Multiply w by the ratio of its two parts."),
        (w + above / below, "The factor is added. w is *multiplied* by it."),
        (
            w * (above / below) ** 2,
            "The factor comes twice: the ratio itself is enough, not its square.",
        ),
        (
            expected * above / (expected @ h @ h.T),
            "Those are two updates. One is asked for.",
        ),
        (
            expected / expected.sum(axis=0),
            "You have made the spectra add up to 1 afterwards. With h held fixed that changes the "
            "model: leave them as loud as they come.",
        ),
    ]


@exercise(
    "16.4",
    title="What a cut costs",
    hints=[
        "inside = labels == one_label marks the points of a part. What leaves it are the rows of "
        "those points and the columns of the others: w[inside][:, ~inside].sum().",
        "All affinity of its points is w[inside].sum(). Divide, for each part on its own, then add "
        "up.",
        "sum(w[p][:, ~p].sum() / w[p].sum() for p in [labels == k for k in np.unique(labels)])",
    ],
    when_right="From 0, where nothing is cut, to the number of parts. To cut off a single point "
    "costs 1 already, however weakly it hangs.",
)
def grade_normalised_cut(answer: Callable[..., Any]) -> str | None:
    """Right adds up, over any number of parts, the share of affinity that leaves each."""
    w = np.random.default_rng(4).uniform(0, 1, (7, 7))
    w = (w + w.T) / 2
    np.fill_diagonal(w, 0)
    cases = [
        (np.array([0, 0, 1, 0, 1, 1, 1]), "two parts"),
        (np.array([2, 0, 1, 1, 0, 2, 0]), "three parts"),
        (np.array([9, 4, 4, 9, 9, 4, 7]), "parts that are called 4, 7 and 9"),
        (np.zeros(7, dtype=int), "a single part"),
    ]
    for labels, what in cases:
        expected = _cut_cost(w, labels)
        told = answer(w, labels)
        got = _numbers(told, ())
        if got is not None and np.isclose(got, expected, rtol=1e-4, atol=1e-7):
            continue
        name = f"the normalised cut of {what}"
        if got is None:
            bad = as_array(told)
            if bad is not None and bad.shape == () and len(np.unique(labels)) < labels.max() + 1:
                return (
                    "With labels 4, 7 and 9 the answer is not finite. Go through the labels that "
                    "there are, `np.unique(labels)`: 0 to the largest leaves some parts empty."
                )
            return diagnose(told, expected, name)
        said = known_slip(got, _other_costs(w, labels), atol=1e-5)
        if said:
            return said
        if len(np.unique(labels)) == 1:
            return f"Of a single part nothing leaves, so the cut is 0. Yours is {got:.4g}."
        return (diagnose(told, expected, name) or "") + (
            ""
            if what == "two parts"
            else " Two parts are right already: is each part gone through, whatever it is called?"
        )
    return None


def _cut_cost(w: np.ndarray, labels: np.ndarray) -> float:
    """Shi and Malik's normalised cut."""
    parts = [labels == k for k in np.unique(labels)]
    return float(sum(w[p][:, ~p].sum() / w[p].sum() for p in parts))


def _other_costs(w: np.ndarray, labels: np.ndarray) -> list[tuple[float, str]]:
    """What other sums would give, and what to say of each; nothing for a single part."""
    parts = [labels == k for k in np.unique(labels)]
    if len(parts) == 1:
        return []
    leaves = np.array([w[p][:, ~p].sum() for p in parts])
    whole = np.array([w[p].sum() for p in parts])
    within, size = whole - leaves, np.array([p.sum() for p in parts])
    plain = (
        "That is the cut without the division: the affinity that leaves{}. So the cheapest cut "
        "would be a single stray point. Divide what leaves each part by all affinity of its points."
    )
    return [
        (leaves.sum(), plain.format(", added up over parts")),
        (leaves.sum() / 2, plain.format(", each pair once")),
        (
            float((leaves / size).sum()),
            "You divide by the number of points; that is the ratio cut. The normalised cut divides "
            "by all affinity of the part's points.",
        ),
        (
            float((leaves / within).sum()),
            "You divide by the affinity *inside* the part. All affinity of its points is wanted: "
            "inside and leaving, w[inside].sum().",
        ),
        (
            float((within / whole).sum()),
            "That is the share that stays. Wanted is the share that leaves.",
        ),
        (
            float(leaves.sum() / w.sum()),
            "You divide by all the affinity there is. Each part is divided by that of its own "
            "points, before they are added up.",
        ),
        (float((leaves / whole).mean()), "You took the mean over parts. They are added up."),
        (
            float((leaves / whole)[0]),
            "That is the first part alone. Every part has its share that leaves: add them up.",
        ),
        (
            float((leaves / whole)[:2].sum()),
            "Only two parts are counted. There may be any number: go through np.unique(labels).",
        ),
    ]


WANTED = 5.0
"""Mean improvement of SI-SDR in decibels that exercise 16.5 asks for."""

N_EXCERPTS, SEED = 8, 16


@functools.cache
def _excerpts() -> list[Any]:
    """Flute and bassoon, four seconds each, from validation hymns."""
    from etudes.data.duets import duets

    return duets("flute-bassoon", "validation", seed=SEED, seconds=4).load(N_EXCERPTS)


def _improvement(parts: Any, excerpt: Any) -> float:
    """Mean over flute and bassoon, in decibels, within ±60."""
    from etudes.evaluate.separation import si_sdr_improvement

    found = si_sdr_improvement(parts, excerpt.stems, excerpt.mixture)
    return float(np.clip(found, -60, 60).mean())


@functools.cache
def _landmarks() -> tuple[float, float, float]:
    """What one cut at 400 Hz reaches, the rule that the higher note is the flute's, and masks made
    by somebody who knows the stems."""
    from etudes.separators.grouping import by_higher_note
    from etudes.separators.oracle import OracleMask

    def cut(x: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(x)
        low = np.fft.rfftfreq(len(x), 1 / 8000) < 400
        return np.fft.irfft(np.stack([spectrum * ~low, spectrum * low]), len(x))

    reached = [
        [
            _improvement(parts, e)
            for parts in (
                cut(e.mixture),
                by_higher_note(e.mixture),
                OracleMask(e.stems, "wiener").separate(e.mixture),
            )
        ]
        for e in _excerpts()
    ]
    one_cut, higher, known = np.mean(reached, axis=0)
    return float(one_cut), float(higher), float(known)


@exercise(
    "16.5",
    title="A separator of your own",
    hints=[
        "One cut at a fixed frequency cannot do it: the bassoon's partials lie as high as the "
        "flute's notes. Ask of each peak of the spectrogram whose note it is a partial of, and "
        "remember who has the upper voice.",
        "find_peaks(mixture) gives the peaks as points. peaks.rank says how many notes of the "
        "moment are higher than the one of which it is a partial. peak_masks turns a label for "
        "each peak into masks, and apply_masks lets the parts through.",
        "peaks = find_peaks(mixture); masks = peak_masks(peaks, np.minimum(peaks.rank, 1), 2); "
        "then apply_masks(mixture, masks, PEAK_HOP).",
    ],
    when_right="Listen to both parts as well: two errors with one figure can sound quite unlike.",
)
def grade_split(answer: Callable[..., Any]) -> str | None:
    """Right reaches the wanted improvement, in the right order, on excerpts it has not seen."""
    straight, turned = [], []
    for place, excerpt in enumerate(_excerpts()):
        told = answer(excerpt.mixture)
        wrong = _unusable(told, excerpt.mixture, place)
        if wrong:
            return wrong
        parts = np.asarray(as_array(told), dtype=float)
        straight.append(_improvement(parts, excerpt))
        turned.append(_improvement(parts[::-1], excerpt))
    got, other = float(np.mean(straight)), float(np.mean(turned))
    one_cut, higher, known = _landmarks()
    beside = (
        f"(one cut at 400 Hz {_db(one_cut)}; the rule that the higher note is the flute's "
        f"{_db(higher)}; masks made by somebody who knows the answer {_db(known)})"
    )
    if got >= WANTED:
        return Right(f"It improves SI-SDR by {_db(got)} dB on {N_EXCERPTS} excerpts {beside}.")
    swapped = np.array(turned) > np.array(straight) + 3
    if swapped.all():
        return (
            f"The order is swapped: the flute comes first, and your first part is the bassoon. As "
            f"they stand the parts are worth {_db(got)} dB, the other way round {_db(other)} dB; "
            f"{WANTED:g} are wanted."
        )
    if swapped.any() and np.maximum(straight, turned).mean() >= WANTED:
        return (
            f"In {swapped.sum()} of {N_EXCERPTS} excerpts the order is swapped, and so the mean is "
            f"{_db(got)} dB. Taken apart they are well: let the part that sounds higher come "
            "first, every time."
        )
    worst = int(np.argmin(straight))
    if got < -0.05:
        slip = "That is worse than to hand back the mixture itself."
    elif got < 2:
        slip = (
            "So far a fixed share of each frequency goes as well. The bassoon's partials lie where "
            "the flute's notes are: ask of each peak which note it belongs to."
        )
    else:
        slip = (
            f'Excerpt {worst} of duets("flute-bassoon", "validation", seed={SEED}, seconds=4) is '
            f"the worst, with {_db(straight[worst])} dB: listen to your parts of it."
        )
    return f"It improves SI-SDR by {_db(got)} dB; {WANTED:g} are wanted {beside}. {slip}"


def _db(value: float) -> str:
    """Decibels to one place, with a minus sign that is one."""
    return f"{value:.1f}".replace("-", "−")


def _unusable(told: Any, mixture: np.ndarray, place: int) -> str | None:
    """Why something is not two parts of a mixture; None when it is."""
    n, parts = len(mixture), as_array(told)
    if parts is None:
        return (
            f"Return numbers of shape (2, {n}): two waveforms, each as long as the mixture. Yours "
            "cannot be made into such an array."
        )
    if parts.shape != (2, n):
        said = f"The parts must have shape (2, {n}), yours have {parts.shape}."
        if parts.shape == (n, 2):
            said += " The axes are swapped: `.T` swaps them back."
        elif parts.shape == (n,):
            said += " That is one waveform; both are wanted, the flute first."
        elif parts.ndim == 2 and len(parts) == 2:
            more = "longer" if parts.shape[1] > n else "shorter"
            said += (
                f" Each is {abs(parts.shape[1] - n)} samples {more} than the mixture. Going back "
                "from a spectrogram, say how many samples there were."
            )
        return said
    if parts.dtype.kind == "c":
        return "The parts are complex. A waveform is real: is the inverse transform missing?"
    if not np.isfinite(parts).all():
        return (
            f"Of excerpt {place}, {(~np.isfinite(parts)).sum()} samples are NaN or infinite. Does "
            "a mask divide 0 by 0?"
        )
    parts = parts.astype(float)
    energy = (parts**2).sum(axis=1)
    if not energy.all():
        which = "both parts are" if not energy.any() else "one part is"
        return f"Of excerpt {place}, {which} silent. Both instruments play in every excerpt."

    def alike(x: np.ndarray, y: np.ndarray) -> bool:
        x, y = x.astype(float), y.astype(float)
        return abs(x @ y) > 0.99999 * np.sqrt((x @ x) * (y @ y))

    if alike(*parts):
        if alike(parts[0], mixture):
            return (
                "Both parts are the mixture, louder or softer. SI-SDR does not ask how loud an "
                "estimate is, so that improves nothing: 0 dB."
            )
        return "Both parts are the same sound, so they cannot be two instruments."
    return None
