"""Learned optimizers, unrolls and hypernetworks: shapes, gradients, and what they must not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from etudes.learners.meta_network import (
    HyperNetwork,
    LearnedOptimizer,
    descend,
    preprocess,
    unroll,
)


def bowls(n_tasks: int = 3, n_weights: int = 4, seed: int = 0):
    """Quadratic tasks, one to a row, that are not quadratic in the end (so curvature changes)."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(n_tasks, n_weights, n_weights, generator=generator, dtype=torch.float64)
    matrix = matrix / n_weights**0.5
    goal = torch.randn(n_tasks, n_weights, generator=generator, dtype=torch.float64)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        reached = torch.tanh(torch.einsum("nij,nj->ni", matrix.to(weights), weights))
        return (reached - goal.to(weights)).square().sum(dim=1)

    return loss, torch.randn(n_tasks, n_weights, generator=generator, dtype=torch.float64)


def small_optimizer(layers: int = 1, seed: int = 0) -> LearnedOptimizer:
    torch.manual_seed(seed)
    optimizer = LearnedOptimizer(hidden=3, layers=layers).double()
    for parameter in optimizer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return optimizer


# Preprocessing -----------------------------------------------------------------------------------


def test_preprocessing_is_the_papers():
    gradient = torch.tensor([2.5, -0.01, 1e-6, -1e-6, 0.0])
    size, sign = preprocess(gradient, p=10).unbind(-1)
    expected = [math.log(2.5) / 10, math.log(0.01) / 10, -1, -1, -1]
    torch.testing.assert_close(size, torch.tensor(expected))
    small = math.exp(10) * 1e-6
    torch.testing.assert_close(sign, torch.tensor([1, -1, small, -small, 0.0]))


def test_preprocessing_does_not_jump_where_small_begins():
    edge = math.exp(-10)
    below, above = preprocess(torch.tensor([edge * (1 - 1e-5), edge * (1 + 1e-5)]))
    torch.testing.assert_close(below, above, atol=1e-4, rtol=0)


@pytest.mark.parametrize("gradient", [0.0, 1e-30, -1e-30, 1e30])
def test_preprocessing_stays_finite(gradient):
    x = torch.tensor([gradient], requires_grad=True)
    out = preprocess(x)
    out.sum().backward()
    assert torch.isfinite(out).all() and torch.isfinite(x.grad).all()


# The optimizer -----------------------------------------------------------------------------------


def test_the_number_of_outer_weights():
    def count(layers):
        return sum(p.numel() for p in LearnedOptimizer(20, layers).parameters())

    first = 4 * 20 * (2 + 20) + 2 * 4 * 20
    assert count(1) == first + 21 == 1941
    assert count(2) == first + 4 * 20 * 40 + 2 * 4 * 20 + 21


def test_every_weight_is_handled_alike_and_alone():
    """Shuffling weights shuffles steps; one weight's gradient moves no other weight."""
    optimizer = small_optimizer()
    gradient = torch.randn(2, 5, dtype=torch.float64)
    step, state = optimizer(gradient)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(optimizer(gradient[:, order])[0], step[:, order])
    other = gradient.clone()
    other[0, 0] += 1
    changed = (optimizer(other)[0] != step).nonzero().tolist()
    assert changed == [[0, 0]]
    assert state[0][0].shape == (10, 3)


def test_memory_matters():
    optimizer = small_optimizer()
    gradient = torch.randn(2, 5, dtype=torch.float64)
    first, state = optimizer(gradient)
    second, _ = optimizer(gradient, state)
    assert (first - second).abs().max() > 1e-3


def test_one_optimizer_serves_inner_networks_of_any_size():
    optimizer = LearnedOptimizer()
    for n_weights in (1, 7, 300):
        assert optimizer(torch.randn(2, n_weights))[0].shape == (2, n_weights)


# The unroll --------------------------------------------------------------------------------------


def outer_value(optimizer, loss, weights, second_order, n_steps=4):
    return unroll(optimizer, loss, weights, n_steps, second_order=second_order).losses.mean()


@pytest.mark.parametrize("layers", [1, 2])
def test_the_outer_gradient_is_that_of_finite_differences(layers):
    loss, weights = bowls()
    optimizer = small_optimizer(layers)
    outer_value(optimizer, loss, weights, second_order=True).backward()
    for name, parameter in optimizer.named_parameters():
        for place in (0, parameter.numel() - 1):
            at = parameter.data.view(-1)
            kept, epsilon = at[place].item(), 1e-6
            at[place] = kept + epsilon
            up = outer_value(optimizer, loss, weights, second_order=True).item()
            at[place] = kept - epsilon
            down = outer_value(optimizer, loss, weights, second_order=True).item()
            at[place] = kept
            slope = (up - down) / (2 * epsilon)
            assert parameter.grad.view(-1)[place].item() == pytest.approx(
                slope, rel=1e-5, abs=1e-8
            ), name


def test_first_order_differentiates_the_steps_with_gradients_taken_as_given():
    """The paper's gradient: finite differences with the inner gradients frozen agree with it."""
    loss, weights = bowls()
    optimizer = small_optimizer()
    current, gradients = weights.clone(), []
    state = None
    for _ in range(4):
        leaf = current.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf).sum(), leaf)
        gradients.append(gradient)
        with torch.no_grad():
            step, state = optimizer(gradient, state)
            current = current + step

    def frozen() -> torch.Tensor:
        place, memory, losses = weights, None, [loss(weights)]
        for gradient in gradients:
            step, memory = optimizer(gradient, memory)
            place = place + step
            losses.append(loss(place))
        return torch.stack(losses, 1).mean()

    wanted = torch.autograd.grad(frozen(), list(optimizer.parameters()))
    outer_value(optimizer, loss, weights, second_order=False).backward()
    for parameter, gradient in zip(optimizer.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_both_orders_give_the_same_losses_and_different_gradients():
    loss, weights = bowls()
    optimizer = small_optimizer()
    values, gradients = [], []
    for second_order in (False, True):
        value = outer_value(optimizer, loss, weights, second_order)
        gradients.append(torch.autograd.grad(value, optimizer.out.weight)[0])
        values.append(value.item())
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-4


def test_an_unroll_goes_on_where_another_stopped():
    loss, weights = bowls()
    optimizer = small_optimizer(2)
    whole = unroll(optimizer, loss, weights, 6)
    half = unroll(optimizer, loss, weights, 3).detached()
    rest = unroll(optimizer, loss, half.weights, 3, half.state)
    torch.testing.assert_close(rest.losses, whole.losses[:, 3:])
    assert not half.weights.requires_grad and not half.state[1][0].requires_grad


def test_using_an_optimizer_gives_the_losses_of_its_unroll():
    loss, weights = bowls()
    optimizer = small_optimizer()
    losses, kept = descend(optimizer, loss, weights, 5, keep=(0, 5))
    unrolled = unroll(optimizer, loss, weights, 5)
    torch.testing.assert_close(losses, unrolled.losses.detach())
    torch.testing.assert_close(kept[0], weights)
    torch.testing.assert_close(kept[5], unrolled.weights.detach())


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.05),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        lambda p: torch.optim.Adam(p, lr=0.05),
    ],
)
def test_textbook_optimizers_run_each_task_as_if_it_were_alone(make):
    loss, weights = bowls()
    together, _ = descend(make, loss, weights, 10)
    for row in range(3):

        def alone(one, row=row):
            return loss(torch.cat([weights[:row], one, weights[row + 1 :]]))[row : row + 1]

        torch.testing.assert_close(
            descend(make, alone, weights[row : row + 1], 10)[0], together[row : row + 1]
        )


def test_a_schedule_scales_the_step_size():
    loss, weights = bowls()
    still, kept = descend(
        lambda p: torch.optim.SGD(p, lr=0.1),
        loss,
        weights,
        3,
        keep=(1, 3),
        schedule=lambda k: float(k == 0),
    )
    torch.testing.assert_close(kept[1], kept[3])
    assert still[0, 0] != still[0, 1]


def test_a_step_size_that_diverges_is_reported_and_not_raised():
    losses, _ = descend(
        lambda p: torch.optim.SGD(p, lr=1e20), lambda w: w.square().sum(1), torch.ones(1, 2), 5
    )
    assert not torch.isfinite(losses[0, -1])


def test_training_an_optimizer_makes_it_better():
    loss, weights = bowls(n_tasks=8)
    torch.manual_seed(0)
    optimizer = LearnedOptimizer(hidden=8).double()
    outer = torch.optim.Adam(optimizer.parameters(), lr=0.02)
    before = descend(optimizer, loss, weights, 10)[0][:, -1].mean()
    for _ in range(40):
        outer.zero_grad()
        unroll(optimizer, loss, weights, 10).losses.mean().backward()
        outer.step()
    after = descend(optimizer, loss, weights, 10)[0][:, -1].mean()
    assert after < 0.5 * before


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.zeros((2, 2)), TypeError, "weights must be a tensor"),
        (torch.zeros(3), ValueError, r"weights must have shape \(n_tasks, n_weights\), got \(3,\)"),
        (torch.zeros(0, 3), ValueError, "weights must have shape"),
        (torch.tensor([[math.nan]]), ValueError, "weights must be finite"),
    ],
)
def test_bad_weights_are_named(weights, error, message):
    for act in (unroll, descend):
        with pytest.raises(error, match=message):
            act(LearnedOptimizer(), lambda w: w.sum(1), weights, 2)


def test_other_bad_arguments_are_named():
    optimizer, weights = LearnedOptimizer(), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="loss must return one number for each of 2 tasks"):
        unroll(optimizer, lambda w: w.sum(), weights, 2)
    with pytest.raises(ValueError, match="n_steps"):
        unroll(optimizer, lambda w: w.sum(1), weights, 0)
    with pytest.raises(ValueError, match="keep must name steps from 0 to 2, got 3"):
        descend(optimizer, lambda w: w.sum(1), weights, 2, keep=[3])
    with pytest.raises(TypeError, match="rule"):
        descend(0.1, lambda w: w.sum(1), weights, 2)
    with pytest.raises(ValueError, match="gradient must have shape"):
        optimizer(torch.zeros(3))
    with pytest.raises(ValueError, match="state must hold 1 layers of 6 memories"):
        optimizer(weights, optimizer(torch.zeros(2, 2))[1])
    for bad in ({"hidden": 0}, {"layers": 0}, {"scale": 0.0}, {"p": -1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            LearnedOptimizer(**bad)


# The hypernetwork --------------------------------------------------------------------------------


def test_an_untrained_hypernetwork_proposes_its_start_and_a_trained_one_looks():
    torch.manual_seed(0)
    start = torch.randn(6)
    outer = HyperNetwork(4, start)
    examples = torch.randn(5, 4)
    torch.testing.assert_close(outer(examples), start.expand(5, -1))
    wanted = examples @ torch.randn(4, 6)
    optimizer = torch.optim.Adam(outer.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        error = (outer(examples) - wanted).square().mean()
        error.backward()
        optimizer.step()
    assert error < 0.01


def test_a_hypernetwork_names_bad_examples():
    outer = HyperNetwork(4, torch.zeros(2))
    with pytest.raises(ValueError, match=r"example must have shape \(n_tasks, 4\)"):
        outer(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="example must be finite"):
        outer(torch.full((1, 4), math.inf))
    with pytest.raises(ValueError, match=r"start must have shape \(n_weights,\)"):
        HyperNetwork(4, torch.zeros(1, 2))


# The twin in TensorFlow --------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
def test_the_twin_takes_the_same_steps_and_has_the_same_outer_gradient(layers):
    tf = pytest.importorskip("tensorflow")
    from etudes.tf import meta_network as twin

    torch.manual_seed(0)
    ours = LearnedOptimizer(layers=layers)
    theirs = twin.LearnedOptimizer(layers=layers)
    twin.copy_weights(theirs, ours.state_dict())
    rng = np.random.default_rng(0)
    matrix, start = rng.normal(size=(3, 5, 5)).astype("f"), rng.normal(size=(3, 5)).astype("f")

    def loss(weights):
        return torch.einsum("nij,nj->ni", torch.from_numpy(matrix), weights).square().mean(1)

    def loss_tf(weights):
        return tf.reduce_mean(tf.einsum("nij,nj->ni", matrix, weights) ** 2, axis=1)

    one = unroll(ours, loss, torch.from_numpy(start), 6)
    one.losses.mean().backward()
    with tf.GradientTape() as tape:
        losses, weights, memory = twin.unroll(theirs, loss_tf, start, 6)
        value = tf.reduce_mean(losses)
    gradient = tape.gradient(value, theirs.out.trainable_variables[0])
    np.testing.assert_allclose(losses, one.losses.detach(), atol=1e-4)
    np.testing.assert_allclose(weights, one.weights.detach(), atol=1e-4)
    np.testing.assert_allclose(memory[-1][0], one.state[-1][0].detach(), atol=1e-4)
    np.testing.assert_allclose(gradient, ours.out.weight.grad.T, atol=1e-5)
    x = np.array([[3.0, -1e-7, 0.0, -0.2]], "f")
    np.testing.assert_allclose(twin.preprocess(x), preprocess(torch.from_numpy(x)), atol=1e-6)


def test_the_twin_names_a_weight_that_does_not_fit():
    pytest.importorskip("tensorflow")
    from etudes.tf import meta_network as twin

    state = LearnedOptimizer(hidden=8).state_dict()
    with pytest.raises(ValueError, match=r"cells.0.weight_ih.*shape \(80, 2\), got \(32, 2\)"):
        twin.copy_weights(twin.LearnedOptimizer(hidden=20), state)
    del state["out.bias"]
    with pytest.raises(ValueError, match="must hold 'out.bias'"):
        twin.copy_weights(twin.LearnedOptimizer(hidden=8), state)
    with pytest.raises(ValueError, match="gradient must have shape"):
        twin.LearnedOptimizer()(np.zeros(3, "f"))
