"""Graders of chapter 16, "Masks, NMF and spectral clustering": a level, a mask, an update, a cut.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 16 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from etudes.exercises.diagnosis import as_array, diagnose
from etudes.exercises.registry import Right, exercise
from etudes.exercises.slips import number


def _numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """The answer as finite real numbers of the right shape; None when it is anything else."""
    got = as_array(value)
    if got is None or got.dtype.kind == "c" or got.shape != shape or not np.isfinite(got).all():
        return None
    return got.astype(float)


def _slip(got: np.ndarray, slips: Iterable[tuple[Any, str]], rtol: float = 1e-4) -> str | None:
    """What to say about the first slip that gives the answer; None when none does."""
    for slip, said in slips:
        if np.allclose(got, slip, rtol=rtol, atol=1e-5):
            return said
    return None


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
    said = _slip(np.array(b), slips, rtol=1e-3)
    is_now = number(round(10 * np.log10(ratio / b**2), 2))
    return said or f"Asked for {number(decibels)} dB, the target is {is_now} dB louder with you."


@exercise(
    "16.2",
    title="Shares of power",
    hints=[
        "Power is magnitude squared. Each source's power is divided by the power of all of them "
        "together, at the same frequency and moment.",
        "The sum over sources is .sum(axis=0). Where it is 0 every mask is 1 / len(magnitudes).",
        "np.divide(power, whole, out=np.full(power.shape, 1 / len(power)), where=whole > 0)",
    ],
    when_right="Where one of two sources has twice the other's magnitude it gets four fifths. A "
    "mask of magnitudes would give it two thirds.",
)
def grade_wiener(answer: Callable[..., Any]) -> str | None:
    """Right shares out power, and has no NaN where nothing sounds."""
    size = np.random.default_rng(2).uniform(0.1, 2, (3, 4, 5)).round(2)
    size[:, 1, 2] = 0  # nothing sounds
    size[1:, 3, 0] = 0  # one alone
    size[:, 2, 4] = [0.003, 0.004, 0]  # quiet, and yet there
    power = size**2
    silent = power.sum(axis=0) == 0
    axes = ("n_sources", "n_freq", "n_frames")

    def over(parts: np.ndarray, axis: Any = 0) -> np.ndarray:
        whole = parts.sum(axis=axis, keepdims=True)
        shared = np.divide(parts, whole, out=np.zeros(parts.shape), where=whole > 0)
        shared[:, silent] = 1 / 3
        return shared

    expected = over(power)
    told = answer(size)
    found = as_array(told)
    if found is not None and found.shape == size.shape:
        broken = ~np.isfinite(found).all(axis=0)
        if broken.any() and not broken[~silent].any():
            return (
                "The masks are NaN or infinite where nothing sounds: there you divide 0 by 0. "
                "Give each source the same share there."
            )
    got = _numbers(told, size.shape)
    if got is None or np.allclose(got, expected, atol=2e-3):
        return diagnose(told, expected, "the table of masks", axes=axes, atol=2e-3)
    loud = ~silent & (power.sum(axis=0) > 1e-3)
    if np.allclose(got[:, loud], expected[:, loud], atol=2e-3):
        here = got[:, silent][:, 0]
        if not np.allclose(here, 1 / 3, atol=2e-3):
            if np.allclose(here, 0.5):
                return "Half each is the equal share of two. For n sources it is 1 / n."
            return (
                f"Where nothing sounds your masks are {np.round(here, 3)}. Equal shares are "
                "wanted, so that they add up to 1 there too."
            )
        return (
            "Loud places are right, quiet ones are not: magnitudes 0.003 and 0.004 give powers of "
            "about 0.00001. Did you add a number to the powers that is not small beside that?"
        )
    loudest = (size == size.max(axis=0)).astype(float)
    loudest[:, silent] = 1 / 3
    said = _slip(
        got[:, loud],
        [
            (
                over(size)[:, loud],
                "You share out magnitudes; that is the ratio mask. Wiener's shares out power: "
                "square the magnitudes first.",
            ),
            (
                (over(size) ** 2)[:, loud],
                "You squared the shares of the magnitudes, and they no longer add up to 1. Square "
                "the magnitudes before you add them up.",
            ),
            (
                np.sqrt(expected)[:, loud],
                "That is the root of the share of power. The masks must add up to 1.",
            ),
            (
                loudest[:, loud],
                "That gives everything to the loudest; it is the binary mask. Here each source "
                "gets a share.",
            ),
        ],
        rtol=2e-3,
    )
    for axis, word in ((1, "frequencies"), (2, "frames"), (None, "everything")):
        for parts in (power, size):
            if said is None and np.allclose(got[:, loud], over(parts, axis)[:, loud], atol=1e-4):
                said = (
                    f"You divide by the sum over {word}. At each frequency and moment the "
                    "*sources* share: sum over axis 0."
                )
    if said is None and not np.allclose(got.sum(axis=0), 1, atol=1e-3):
        where = np.unravel_index(np.abs(got.sum(axis=0) - 1).argmax(), silent.shape)
        said = (
            f"At frequency {where[0]} and frame {where[1]} your masks add up to "
            f"{got.sum(axis=0)[where]:.3g}. Shares add up to 1."
        )
    return said or diagnose(told, expected, "the table of masks", axes=axes, atol=2e-3)


def _divergence(v: np.ndarray, model: np.ndarray) -> float:
    """Kullback and Leibler's, of a model from what it is to explain."""
    return float((v * np.log(v / model) - v + model).sum())


@exercise(
    "16.3",
    title="One step louder or softer",
    hints=[
        "model = w @ h, and v / model says at each place how many times too quiet the model is.",
        "w.T @ (v / model) adds that up over frequencies, each weighted with the spectrum: one row "
        "for each component, one column for each frame.",
        "Divide by w.sum(axis=0)[:, None], so that the weights of each component add up to 1, and "
        "multiply h by the result.",
    ],
    when_right="No step size, no sign to check: positive numbers stay positive, and the divergence "
    "falls at every step.",
)
def grade_louder(answer: Callable[..., Any]) -> str | None:
    """Right is Lee and Seung's update of the activations; several others are known."""
    rng = np.random.default_rng(3)
    w, h = rng.uniform(0.1, 2, (7, 3)), rng.uniform(0.1, 2, (3, 5))
    v = rng.uniform(0.2, 2, (7, 3)) @ rng.uniform(0.2, 3, (3, 5))
    model = w @ h
    factor = w.T @ (v / model)
    sums = w.sum(axis=0)[:, None]
    expected = h * factor / sums
    told = answer(v, w, h)
    axes = ("n_components", "n_frames")
    raw = as_array(told)
    if raw is not None and raw.shape == w.shape:
        return (
            f"What came back has the shape of w, {w.shape}. The spectra are held fixed; the "
            f"activations h change, and have shape {h.shape}."
        )
    got = _numbers(told, h.shape)
    if got is None or np.allclose(got, expected, rtol=1e-4):
        return diagnose(told, expected, "the new h", axes=axes)
    twice = expected * (w.T @ (v / (w @ expected))) / sums
    said = _slip(
        got,
        [
            (h, "Nothing has changed: that is h as it was."),
            (
                factor / sums,
                "That is the factor by which each activation is to be multiplied. Multiply h by "
                "it.",
            ),
            (
                h * factor,
                "The lower half of the fraction is missing: divide by the sum of each spectrum, "
                "the column sums of w.",
            ),
            (
                h * factor / w.sum(),
                "You divide by the sum of all of w. Each component is divided by the sum of its "
                "own spectrum, w.sum(axis=0)[:, None].",
            ),
            (
                h * factor / w.mean(axis=0)[:, None],
                "You divide by the mean of each spectrum; it is the sum.",
            ),
            (
                h * factor / len(w),
                "You divide by the number of frequencies, a plain mean. The weights are the "
                "spectrum, so divide by the sum of the spectrum.",
            ),
            (
                h * (w.T @ v) / (w.T @ model),
                "That is the update for the squared error. For this divergence v is divided by "
                "w @ h place by place, *before* the sum over frequencies.",
            ),
            (
                h * (w.T @ v) / sums,
                "v must first be divided by the model, w @ h: what counts is how many times too "
                "quiet the model is, not how loud the sound.",
            ),
            (
                h * (w.T @ (model / v)) / sums,
                "The ratio is upside down: where the model is too quiet, v / (w @ h) is above 1 "
                "and makes it louder.",
            ),
            (
                h * sums / factor,
                "The fraction is upside down: the sum of the spectrum stands below the line.",
            ),
            (
                h + factor - sums,
                "That is a step along the slope, with a plus. The update multiplies; that is why "
                "it cannot go below zero.",
            ),
            (h + factor / sums, "The factor is added. h is *multiplied* by it."),
            (twice, "Those are two updates. One is asked for."),
        ],
    )
    if said:
        return said
    if got.min() < 0:
        return f"The smallest of the new activations is {number(got.min())}. None may be negative."
    before, after = _divergence(v, model), _divergence(v, np.maximum(w @ got, 1e-300))
    best = _divergence(v, w @ expected)
    if after > before:
        return f"The divergence rises, from {before:.4g} to {after:.4g}. It must not."
    return (
        f"The divergence falls from {before:.4g} to {after:.4g}; with the update asked for it "
        f"falls to {best:.4g}. {diagnose(told, expected, 'the new h', axes=axes)}"
    )


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
        said = _slip(got, _other_costs(w, labels))
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
    from etudes.separators.masking import apply_masks
    from etudes.separators.oracle import OracleMask
    from etudes.separators.peaks import PEAK_HOP, find_peaks, peak_masks

    def cut(x: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(x)
        low = np.fft.rfftfreq(len(x), 1 / 8000) < 400
        return np.fft.irfft(np.stack([spectrum * ~low, spectrum * low]), len(x))

    def rule(x: np.ndarray) -> np.ndarray:
        peaks = find_peaks(x)
        masks = peak_masks(peaks, np.minimum(peaks.rank, 1), 2)
        return apply_masks(x, masks, PEAK_HOP)

    reached = [
        [
            _improvement(parts, e)
            for parts in (
                cut(e.mixture),
                rule(e.mixture),
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
        "flute's notes. Ask of each peak whose note it is a partial of.",
        "The flute has the upper voice. peaks.rank is 0 for the partials of the highest note of a "
        "frame, 1 for the next: that is a label for each peak.",
        "peaks = find_peaks(mixture); masks = peak_masks(peaks, np.minimum(peaks.rank, 1), 2); "
        "then apply_masks(mixture, masks, 256).",
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
