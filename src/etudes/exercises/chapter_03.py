"""Graders of chapter 3, "Meta-neural networks": a count, an honest grid, one step, and a rule.

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
    title="Who grows?",
    hints=[
        "Inside: u has 6 weights for each hidden unit, c one; v has 72 for each, b 72 in all.",
        "Outside: four gates, each with a weight for every one of the 2 inputs, for every one of "
        "the memory's numbers, and two biases, for every unit. Then one weight a unit, and a bias.",
        "Memory: an LSTM keeps two numbers a unit, and every inner weight has an LSTM of its own.",
    ],
    when_right="With 16 units inside and 20 outside: 1,336 inner weights, 1,941 outer ones, and "
    "53,440 numbers of memory for one note. Whatever it trains, the trainer stays as it is; what "
    "it must remember grows with the network inside.",
)
def grade_count(answer: Callable[..., Any]) -> str | None:
    """Right are the counts of the package's networks, for any two sizes."""
    for inside, outside in ((16, 20), (5, 3), (64, 8)):
        got = answer(inside, outside)
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            return "Return three numbers: inner weights, outer weights, numbers remembered."
        inner = 79 * inside + 72
        outer = 4 * outside * (2 + outside + 2) + outside + 1
        memory = 2 * outside * inner
        given = f"with {inside} units inside and {outside} outside"
        if got[0] != inner:
            if got[0] in (78 * inside + 72, 79 * inside, 78 * inside):
                return f"Inner weights {given}: are all biases there, c and b?"
            return diagnose(got[0], inner, f"inner weights {given}")
        if got[1] != outer:
            if got[1] == outer - 4 * outside:
                return (
                    f"Outer weights {given}: `nn.LSTMCell` has two biases for each gate, one for "
                    "the input and one for the memory. (One would do, but so it is.)"
                )
            if got[1] == outer - outside - 1:
                return f"Outer weights {given}: the last layer, `nn.Linear`, is missing."
            if got[1] == outside * (2 + outside + 2) + outside + 1:
                return f"Outer weights {given}: an LSTM has four gates, and each has all of these."
            if got[1] in (outer * inner, outer * inside):
                return (
                    "One trainer serves every inner weight: its weights do not multiply with them."
                )
            return diagnose(got[1], outer, f"outer weights {given}")
        if got[2] != memory:
            if got[2] == outside * inner:
                return "An LSTM remembers two numbers for each unit: h and c."
            if got[2] == 2 * outside:
                return "That is the memory for one inner weight. Each inner weight has its own."
            return diagnose(got[2], memory, f"numbers remembered {given}")
    return None


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
            return (
                "That is the slope at alpha = 0. One of the two gradients must be taken at theta', "
                "after the step."
            )
        if np.isclose(got, -float(new @ new), rtol=1e-4):
            return "Both gradients are taken after the step. The step itself went down the old one."
        return f"At alpha = {alpha} yours is {got:.4g}, wanted is {expected:.4g}."
    return None


WANTED, TUNED, N_STEPS = 0.068, 0.085, 20


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


@functools.cache
def _beside() -> tuple[float, float]:
    """What Rprop with tuned factors reaches on these notes, and the learned optimiser."""
    from etudes.learners.meta_network import LearnedOptimizer, descend
    from etudes.train import load_weights

    loss, weights = _validation_notes()
    learned = LearnedOptimizer()
    load_weights(learned, "03-notes-learned")
    rules = (lambda w: torch.optim.Rprop(w, lr=0.1, etas=(0.6, 1.1)), learned.eval())
    first, second = (descend(rule, loss, weights, N_STEPS)[0][:, -1].mean() for rule in rules)
    return float(first), float(second)


@exercise(
    "03.4",
    title="Be the optimiser",
    hints=[
        "Write Adam first: averages of the gradient and of its square, both divided by what is "
        "missing from their start, 1 - beta ** (step + 1).",
        "With a first decay rate of 0.6 or 0.7 and a step size of 0.1 you are near 0.072. Now look "
        "at the two pictures of the learned optimiser's steps: what changes on the way?",
        "Let the step size fall on the way, to a third or so, and begin with larger steps. And the "
        "memory may be short at first and longer later.",
    ],
    when_right="The learned optimiser has 1,941 outer weights. How many numbers has yours?",
)
def grade_rule(answer: Callable[..., Any]) -> str | None:
    """Right reaches 0.068 on 61 validation notes in twenty steps."""
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
        if step == 0 and float((change.detach() * gradient).sum()) > 0:
            return (
                "Your first step goes uphill, along the gradient. The change is *added* to the "
                "weights: has it a minus sign?"
            )
        weights = weights + change.detach()
    start = float(loss(_validation_notes()[1]).mean())
    reached = float(loss(weights).mean())
    if reached <= WANTED:
        rprop, learned = _beside()
        return Right(
            f"After twenty steps the mean loss is {reached:.4f}, from {start:.2f} (Rprop, tuned: "
            f"{rprop:.4f}; the learned optimiser: {learned:.4f})."
        )
    told = (
        f"After twenty steps the mean loss is {reached:.4f}, from {start:.2f}; {WANTED} is wanted. "
    )
    if reached < TUNED:
        return told + (
            "That is about where Adam with tuned rates gets. Let something change on the way: are "
            "your last steps as long as your first, and is the memory?"
        )
    return told + "How long does your rule remember, and how long are its steps?"
