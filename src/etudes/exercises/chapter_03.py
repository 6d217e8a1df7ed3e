"""Graders of chapter 3, "Meta-neural networks": spectacles, an honest grid, one step, and a rule.

Each grader returns None when the answer is right, and otherwise a sentence that says what is likely
to have gone wrong. Chapter 3 states the exercises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from etudes.exercises.diagnosis import diagnose
from etudes.exercises.registry import Right, exercise


@exercise(
    "03.1",
    title="Two numbers",
    hints=[
        "torch.where(condition, a, b) takes from a where the condition holds, elsewhere from b.",
        "Both branches are computed everywhere: size.clamp(min=small) keeps the logarithm finite.",
        "torch.stack([first, second], dim=-1) puts the two side by side in a new last axis.",
    ],
    when_right="The same as `preprocess` of the package.",
)
def grade_spectacles(answer: Callable[..., Any]) -> str | None:
    """Right is the package's preprocessing, for tensors of any shape, with zeros."""
    from etudes.learners.meta_network import preprocess

    gradient = torch.tensor([[2.0, -0.03], [1e-6, -4e-6], [0.0, -5.0]])
    got, expected = torch.as_tensor(answer(gradient)), preprocess(gradient)
    if got.shape != expected.shape:
        if tuple(got.shape) == (2, 3, 2):
            return "The pair stands in the first axis. Stack along a new last one: dim=-1."
        return diagnose(got, expected, "the pairs")
    if torch.allclose(got.to(expected), expected, atol=1e-5):
        return None
    if torch.isnan(got).any() or torch.isinf(got).any():
        return (
            "Something is NaN or infinite: the logarithm of zero, or of a negative number? "
            "Take the logarithm of the size, and keep the size away from zero first."
        )
    if torch.allclose(got[..., 0], expected[..., 0] * 10, atol=1e-4) or torch.allclose(
        got[..., 0].clamp(max=-1), (expected[..., 0] * 10).clamp(max=-1), atol=1e-4
    ):
        return "The first number is not divided by p."
    small = gradient.abs() < np.exp(-10)
    if torch.allclose(got[~small], expected[~small], atol=1e-5):
        if torch.allclose(got[small][:, 1], gradient[small].sign()):
            return (
                "Large gradients are right. For small ones the second number is the gradient times "
                "exp(p), and not its sign: near zero the sign says nothing."
            )
        return "Large gradients are right. Where |g| < exp(-p) the pair is (-1, exp(p) g)."
    if torch.allclose(got[..., 1], gradient):
        return "The second number is the gradient itself. Where it is large, its sign is wanted."
    return diagnose(got, expected, "the pairs")


@exercise(
    "03.2",
    title="An honest grid",
    hints=[
        "Take losses[:, :, step], then the mean over notes: axis=1.",
        "A mean with an infinite or missing loss in it is not finite. Make it infinite.",
        "np.where(np.isfinite(x), x, np.inf).argmin() never chooses a rate that diverged.",
    ],
    when_right="One note in a hundred that diverges is enough to rule a step size out.",
)
def grade_best_rate(answer: Callable[..., Any]) -> str | None:
    """Right takes the mean at the step, and counts a rate with one diverged note as infinite."""
    rates = [0.01, 0.1, 1.0, 10.0]
    plain = np.ones((4, 5, 31))
    plain[1, :, 20], plain[2, :, 20] = 0.3, 0.5
    plain[2, :, 30], plain[3, :, 5], plain[0, 0, 20] = 0.1, 0.05, 0.2
    got = answer(rates, plain.copy(), 20)
    if got in (0, 1, 2, 3) and not isinstance(got, float):
        return "That is the number of the rate. Return the rate itself: rates[...]."
    if got == 1.0:
        return "That rate is best at the last step. The question is about the step that is named."
    if got == 10.0:
        return "That rate was best somewhere on the way. Look at the named step alone."
    if got == 0.01:
        return "That rate is best for one note. Average over the notes, then choose."
    if got != 0.1:
        return f"Of the rates {rates} the answer is 0.1 here, and yours is {got!r}."
    for what, bad in (("NaN", np.nan), ("infinite", np.inf)):
        broken = plain.copy()
        broken[2, :, 20] = 0.25
        broken[2, 3, 20] = bad
        if (got := answer(rates, broken, 20)) != 0.1:
            return (
                f"With one {what} loss among the notes of rate 1.0, yours is {got!r}. A rate at "
                "which a note diverged must not win: count its mean as infinite. "
                "(nanmean forgets the notes that diverged, and argmin takes NaN for the smallest.)"
            )
    return None


@exercise(
    "03.3",
    title="The outer gradient of one step",
    hints=[
        "Chain rule: d loss(theta') / d alpha = gradient(theta') · d theta' / d alpha.",
        "And d theta' / d alpha = -gradient(theta).",
    ],
    when_right="At the best step size the new gradient stands at right angles to the old one.",
)
def grade_slope_of_the_rate(answer: Callable[..., Any]) -> str | None:
    """Right is minus the product of the gradients after and before the step."""
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    theta = torch.randn(4, generator=generator, dtype=torch.float64)

    def loss(place: torch.Tensor) -> torch.Tensor:
        return torch.tanh(matrix @ place).square().sum()

    def gradient(place: torch.Tensor) -> torch.Tensor:
        place = place.detach().requires_grad_()
        return torch.autograd.grad(loss(place), place)[0]

    for alpha in (0.05, 0.7):
        old = gradient(theta)
        new = gradient(theta - alpha * old)
        got, expected = float(answer(loss, theta.clone(), alpha)), -float(new @ old)
        if np.isclose(got, expected, rtol=1e-4):
            continue
        if np.isclose(got, -expected, rtol=1e-4):
            return "The sign is turned round: a longer step goes *down* the old gradient."
        if np.isclose(got, -float(old @ old), rtol=1e-4):
            return "That is the slope at alpha = 0. The first gradient is taken *after* the step."
        if np.isclose(got, -float(new @ new), rtol=1e-4):
            return "Both gradients are taken after the step. The step itself went down the old one."
        return diagnose(got, expected, f"the slope at alpha = {alpha}")
    return None


WANTED, N_STEPS = 0.055, 20


@functools.cache
def _validation_notes() -> Any:
    """One in four of the validation notes that the inner network can play."""
    from etudes.data.instruments import VALIDATION_PROGRAMS, load_instrument_notes
    from etudes.generators.harmonic_noise import NoteNetwork, note_picture, shapes

    notes = load_instrument_notes(20).select(VALIDATION_PROGRAMS)
    rows = np.flatnonzero((notes.pitch >= 48) & (notes.pitch <= 84))[::4]
    tables = torch.from_numpy(np.stack([shapes(int(pitch)) for pitch in notes.pitch[rows]]))
    target = torch.from_numpy(note_picture(notes.waveforms[rows]))
    network = NoteNetwork()
    return lambda weights: network.loss(weights, tables, target), network.start(len(rows), 10_000)


@exercise(
    "03.4",
    title="Be the optimizer",
    hints=[
        "Write Adam first: averages of the gradient and of its square, both divided by what is "
        "missing from their start, 1 - beta ** (step + 1).",
        "Its usual numbers were chosen for thousands of steps. How long is its memory, in steps?",
        "A first decay rate of 0.7 and a step size of 0.1 will do.",
    ],
    when_right="Compare with the learned optimiser: 1,941 outer weights against your two or three.",
)
def grade_rule(answer: Callable[..., Any]) -> str | None:
    """Right reaches 0.055 on 61 validation notes in twenty steps."""
    loss, weights = _validation_notes()
    memory = None
    for step in range(N_STEPS):
        place = weights.detach().requires_grad_()
        value = loss(place)
        if not bool(torch.isfinite(value).all()):
            return f"Before step {step} the loss is not finite: the steps are too long."
        (gradient,) = torch.autograd.grad(value.sum(), place)
        made = answer(gradient, memory, step)
        if not isinstance(made, tuple) or len(made) != 2:
            return "The rule must return two things: the change of the weights, and the memory."
        change, memory = made
        if not isinstance(change, torch.Tensor) or change.shape != weights.shape:
            shape = tuple(getattr(change, "shape", ()))
            return f"The change must have the gradient's shape {tuple(weights.shape)}, got {shape}."
        weights = weights + change.detach()
    start = float(loss(_validation_notes()[1]).mean())
    reached = float(loss(weights).mean())
    if reached <= WANTED:
        return Right(f"After twenty steps the mean loss is {reached:.4f}, from {start:.2f}.")
    if not reached < start:
        return (
            f"After twenty steps the mean loss is {reached:.2f}, no lower than the {start:.2f} of "
            "the start. The change is *added* to the weights: has it a minus sign?"
        )
    return (
        f"After twenty steps the mean loss is {reached:.4f}, from {start:.2f}; {WANTED} is wanted. "
        "Does your rule remember too long, or not at all?"
    )
