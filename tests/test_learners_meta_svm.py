"""The support vector machine inside a task: its optimum, its gradient, its heads, its learner."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from etudes.episodes import EpisodeSampler
from etudes.evaluate import evaluate
from etudes.learners.meta_svm import (
    HEADS,
    MetaOptNet,
    StackedSVM,
    SupportVectorMachine,
    dual_objective,
    fit_svm,
    kernel_gradient,
    primal_objective,
    prototype_head,
    ridge_head,
    solve_dual,
    svm_head,
)

PROBLEMS = [(5, 1, 64, 0.1), (5, 5, 64, 0.1), (3, 10, 2, 0.5), (5, 10, 16, 1.0), (2, 4, 6, 5.0)]


def blobs(n_way, k_shot, d, seed=0, n_query=4):
    """Points around a centre for each class: support, labels, queries; float64."""
    g = torch.Generator().manual_seed(seed)
    centre = torch.randn(n_way, d, generator=g, dtype=torch.float64)
    z = centre.repeat_interleave(k_shot, 0)
    z = z + torch.randn(z.shape, generator=g, dtype=torch.float64)
    query = torch.randn(n_query, d, generator=g, dtype=torch.float64)
    return z, torch.arange(n_way).repeat_interleave(k_shot), query


def sklearn_weights(z, y, c):
    from sklearn.svm import LinearSVC

    machine = LinearSVC(
        multi_class="crammer_singer", fit_intercept=False, C=c, tol=1e-9, max_iter=50_000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = machine.fit(z.numpy(), y.numpy()).coef_
    if len(weights) == 1:
        weights = np.concatenate([-weights, weights]) / 2
    return torch.from_numpy(weights)


# The optimum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_optimum_is_that_of_sklearn(problem):
    n_way, k_shot, d, c = problem
    z, y, query = blobs(n_way, k_shot, d)
    ours, theirs = fit_svm(z, y, n_way, c).weights, sklearn_weights(z, y, c)
    reached = [primal_objective(w, z, y, c) for w in (ours, theirs)]
    if n_way > 2:  # with two classes scikit-learn solves the binary machine, whose C counts else
        assert float(reached[0] - reached[1]) <= 1e-6 * float(reached[1])
        assert torch.allclose(query @ ours.T, query @ theirs.T, atol=1e-4)
    assert (query @ ours.T).argmax(1).tolist() == (query @ theirs.T).argmax(1).tolist()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_primal_and_dual_meet_and_the_conditions_of_the_optimum_hold(problem):
    n_way, k_shot, d, c = problem
    z, y, _ = blobs(n_way, k_shot, d)
    targets = nn.functional.one_hot(y, n_way).double()
    machine = fit_svm(z, y, n_way, c)
    primal = primal_objective(machine.weights, z, y, c)
    dual = dual_objective(z @ z.T, targets, machine.shares, c)
    assert torch.allclose(primal, dual, rtol=1e-6)
    assert (machine.shares >= 0).all() and torch.allclose(
        machine.shares.sum(1), torch.ones(len(y)).double()
    )
    # a share stands only on classes that tie for the largest score, margin included
    scores = z @ machine.weights.T + 1 - targets
    behind = scores.amax(1, keepdim=True) - scores
    assert float((behind * machine.shares).max()) < 1e-6
    assert torch.allclose(machine.weights.sum(0), torch.zeros(d).double(), atol=1e-9)


def test_only_support_vectors_matter():
    z, y, _ = blobs(3, 8, 2, seed=3)
    z = z + 4 * nn.functional.one_hot(y, 3).double()[:, :2]
    machine = fit_svm(z, y, 3, 1.0)
    assert 3 <= int(machine.is_support_vector.sum()) < len(y)
    assert ((machine.pull > 0) | ~machine.is_support_vector).all()
    without = fit_svm(z[machine.is_support_vector], y[machine.is_support_vector], 3, 1.0)
    assert torch.allclose(without.weights, machine.weights, atol=1e-5)
    one = torch.nonzero(machine.is_support_vector)[0, 0]
    rest = torch.arange(len(y)) != one
    assert not torch.allclose(fit_svm(z[rest], y[rest], 3, 1.0).weights, machine.weights, atol=1e-3)


@pytest.mark.parametrize("c", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("d", [2, 200])
def test_it_is_solved_whatever_the_price_and_with_equal_examples(c, d):
    z, y, query = blobs(4, 3, d, seed=5)
    z[1] = z[0]  # a singular kernel
    scores = svm_head(z, y, query, 4, c=c)
    assert torch.isfinite(scores).all()
    machine = fit_svm(z, y, 4, c)
    assert torch.allclose(machine.shares[0], machine.shares[1], atol=1e-4)


def test_what_is_not_solved_is_not_returned():
    z, y, _ = blobs(5, 5, 16)
    targets = nn.functional.one_hot(y, 5).double()
    with pytest.raises(ArithmeticError, match="was not solved in 3 steps .*lower c"):
        solve_dual(z @ z.T, targets, max_iter=3)


def test_float32_features_give_the_scores_of_float64():
    z, y, query = blobs(5, 5, 256)
    exact = svm_head(z, y, query, 5)
    single = svm_head(z.float(), y, query.float(), 5)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, atol=1e-4)


# The gradient -------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize(
    "problem", [(3, 2, 4, 1.0), (4, 2, 6, 0.5), (3, 4, 2, 0.3), (2, 3, 5, 1.0)]
)
def test_gradients_pass_gradcheck(head, problem):
    n_way, k_shot, d, c = problem
    z, y, query = blobs(n_way, k_shot, d, seed=1)
    settings = {"svm": {"c": c}, "ridge": {"strength": 2.0}, "prototype": {}}[head]
    assert torch.autograd.gradcheck(
        lambda a, b: HEADS[head](a, y, b, n_way, **settings),
        (z.requires_grad_(), query.requires_grad_()),
        atol=1e-5,
        rtol=1e-3,
    )


def test_the_implicit_gradient_is_that_of_the_unrolled_solver():
    z, y, query = blobs(3, 3, 5, seed=2)
    c, targets = 0.5, nn.functional.one_hot(y, 3).double()

    def unrolled(z, n_steps=20_000):
        """Projected gradient on the shares, every step remembered by autograd."""
        kernel, shares = c * z @ z.T, torch.full_like(targets, 1 / 3)
        step = 1 / torch.linalg.eigvalsh(kernel.detach()).max()
        for n in range(n_steps):
            if n < n_steps - 400:  # the start is forgotten: only the end needs a gradient
                shares = shares.detach()
            moved = shares - step * (kernel @ (shares - targets) + targets)
            shares = onto_simplex(moved)
        return query @ (c * (targets - shares).T @ z).T

    a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = [
        nn.functional.cross_entropy(s, torch.tensor([0, 1, 2, 0]))
        for s in (svm_head(a, y, query, 3, c), unrolled(b, 3000))
    ]
    for one in loss:
        one.backward()
    assert torch.allclose(loss[0], loss[1], atol=1e-6)
    assert torch.allclose(a.grad, b.grad, atol=1e-4)


def onto_simplex(rows):
    ordered = rows.sort(dim=1, descending=True).values
    over = (ordered.cumsum(1) - 1) / torch.arange(1, rows.shape[1] + 1)
    kept = (ordered > over).sum(1, keepdim=True) - 1
    return (rows - over.gather(1, kept)).clamp(min=0)


def test_where_the_set_of_support_vectors_changes_the_gradient_jumps():
    y, query = torch.tensor([0, 1]), torch.tensor([[1.0, 0.0]]).double()

    def scores(x):
        """Two examples at ±x on a line: both pull fully until their margins are met."""
        return svm_head(torch.stack([x, -x])[:, None] * torch.ones(1, 2), y, query, 2, c=0.25)[0, 0]

    slopes = []
    for x in (0.65, 0.75):  # w = 2 c x until 2 w·z = 1, at 8 c x² = 1: x = 0.7071; then w = 1 / 4x
        at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        scores(at).backward()
        slopes.append(float(at.grad))
    assert slopes[0] == pytest.approx(0.5, abs=1e-4)
    assert slopes[1] == pytest.approx(-1 / (4 * 0.75**2), abs=1e-4)


def test_a_gradient_in_the_kernel_leaves_what_is_no_support_vector_alone():
    z, y, _ = blobs(3, 8, 2, seed=3)
    z = z + 4 * nn.functional.one_hot(y, 3).double()[:, :2]
    targets = nn.functional.one_hot(y, 3).double()
    kernel = z @ z.T + 1e-8 * torch.eye(len(z)).double()
    solution = solve_dual(kernel, targets)
    found = kernel_gradient(kernel, targets, solution, torch.randn(targets.shape).double())
    idle = solution.shares.gather(1, y[:, None])[:, 0] > 1 - 1e-6
    assert float(found[:, idle].abs().max()) < 1e-4 < float(found[:, ~idle].abs().max())


# The heads ----------------------------------------------------------------------------------------


def test_ridge_is_sklearns():
    from sklearn.linear_model import Ridge

    z, y, query = blobs(4, 5, 12)
    targets = nn.functional.one_hot(y, 4).numpy()
    model = Ridge(alpha=3.0, fit_intercept=False).fit(z.numpy(), targets)
    ours = ridge_head(z, y, query, 4, strength=3.0)
    assert np.allclose(ours, model.predict(query.numpy()), atol=1e-8)


def test_prototypes_are_those_of_the_prototypical_network():
    from etudes.learners.prototypical import PrototypicalNetwork

    x, labels = np.random.default_rng(0).normal(size=(60, 8)), np.repeat(np.arange(6), 10)
    task = EpisodeSampler(x.astype("f"), labels, n_way=5, k_shot=3, n_query=2)[0]
    ours = prototype_head(task.support_x, task.support_y, task.query_x, 5)
    theirs = PrototypicalNetwork(nn.Identity(), temperature=8.0)(task)
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("head", sorted(HEADS))
def test_heads_do_not_care_about_the_order_of_examples_or_the_names_of_classes(head):
    z, y, query = blobs(4, 3, 10)
    scores = HEADS[head](z, y, query, 4)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(HEADS[head](z[order], y[order], query, 4), scores, atol=1e-6)
    names = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(HEADS[head](z, names[y], query, 4)[:, names], scores, atol=1e-6)


def without(values, n):
    return values[: len(values) - n]


Z, Y, Q = blobs(3, 2, 4)
BAD = [
    ((Z.numpy(), Y, Q, 3), TypeError, "support_z must be a floating-point tensor, got ndarray"),
    ((Z.long(), Y, Q, 3), TypeError, "support_z must be a floating-point tensor, got torch.int64"),
    ((Z[0], Y, Q, 3), ValueError, r"support_z must have shape \(n, d\).*got \(4,\)"),
    ((Z[:0], Y[:0], Q, 3), ValueError, r"support_z must have shape \(n, d\).*got \(0, 4\)"),
    ((Z * torch.nan, Y, Q, 3), ValueError, "support_z must be finite"),
    ((Z, Y, Q * torch.inf, 3), ValueError, "query_z must be finite"),
    ((Z, Y, Q[:, :2], 3), ValueError, "query_z must have as many features as support_z, 4, got 2"),
    ((Z, Y.float(), Q, 3), TypeError, "support_y must be an int64 tensor, got torch.float32"),
    ((Z, Y.tolist(), Q, 3), TypeError, "support_y must be an int64 tensor, got list"),
    ((Z, Y[:4], Q, 3), ValueError, r"support_y must have shape \(6,\)"),
    ((Z, Y + 1, Q, 3), ValueError, r"support_y must hold labels 0 to 2, got \[1, 2, 3\]"),
    ((Z, Y - 1, Q, 3), ValueError, "support_y must hold labels 0 to 2"),
    ((Z, Y, Q, 4), ValueError, "class 3 has no example: k_shot must be 1 or more"),
    ((Z, Y * 0, Q, 1), ValueError, "n_way must be 2 or more, got 1"),
    ((Z, Y, Q, 0), ValueError, "n_way must be a positive integer"),
    ((torch.ones_like(Z), Y, Q, 3), ValueError, "support_z must differ between items"),
]


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_input_is_named(head, arguments, error, message):
    with pytest.raises(error, match=message):
        HEADS[head](*arguments)


def test_prices_must_be_positive():
    with pytest.raises(ValueError, match="c must be a finite number above 0, got 0"):
        svm_head(Z, Y, Q, 3, c=0.0)
    with pytest.raises(ValueError, match="strength must be a finite number above 0, got -1"):
        ridge_head(Z, Y, Q, 3, strength=-1.0)


# The learner --------------------------------------------------------------------------------------


def sampler(n_way=4, k_shot=2, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), 20)
    x = rng.normal(size=(8, 6))[labels] + noise * rng.normal(size=(160, 6))
    return EpisodeSampler(x.astype("f"), labels, n_way=n_way, k_shot=k_shot, n_query=5)


@pytest.mark.parametrize("head", sorted(HEADS))
def test_training_reaches_the_embedding_and_the_scale(head):
    torch.manual_seed(0)
    model = MetaOptNet(nn.Linear(6, 8), head)
    held_out = [sampler(noise=1.0)[i] for i in range(100, 110)]
    before = sum(float(model.loss(task)) for task in held_out)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for i in range(30):
        optimizer.zero_grad()
        model.loss(sampler(noise=1.0)[i]).backward()
        assert float(model.encoder.weight.grad.abs().max()) > 0
        assert float(model.log_scale.grad.abs()) > 0
        optimizer.step()
    assert sum(float(model.loss(task)) for task in held_out) < before


@pytest.mark.parametrize("head", sorted(HEADS))
def test_the_learner_answers_and_does_not_look_at_its_neighbours(head):
    torch.manual_seed(0)
    result = evaluate(MetaOptNet(nn.Linear(6, 8), head), sampler(), 20, progress=False)
    assert result.mean > 0.7 and not result.transductive


def test_encoding_once_and_swapping_heads():
    torch.manual_seed(0)
    model = MetaOptNet(nn.Linear(6, 8), "svm", strength=0.5, scale=3.0)
    dealt = sampler()
    head, z = model.encoded_once(dealt.x if torch.is_tensor(dealt.x) else torch.from_numpy(dealt.x))
    once = EpisodeSampler(z, np.repeat(np.arange(8), 20), n_way=4, k_shot=2, n_query=5)
    assert torch.allclose(head(once[3]), model(dealt[3]), atol=1e-4)
    assert len(list(model.parameters())) == 3 and len(list(head.parameters())) == 1
    other = model.with_head("ridge", 2.0)
    assert other.encoder is model.encoder and other.settings == {"strength": 2.0}
    assert float(other.log_scale.exp()) == pytest.approx(3.0)


def test_what_a_learner_refuses():
    with pytest.raises(TypeError, match=r"encoder must be a torch.nn.Module, got list"):
        MetaOptNet([3])
    with pytest.raises(ValueError, match="head must be one of .*did you mean 'svm'"):
        MetaOptNet(nn.Identity(), "svn")
    with pytest.raises(ValueError, match="strength must be None for prototypes"):
        MetaOptNet(nn.Identity(), "prototype", strength=1.0)
    with pytest.raises(ValueError, match="scale must be a finite number above 0"):
        MetaOptNet(nn.Identity(), scale=0.0)
    with pytest.raises(ValueError, match="support_z must differ between items"):
        dead = nn.Linear(6, 3)
        nn.init.zeros_(dead.weight)
        MetaOptNet(dead)(sampler()[0])


# Fitted on the task alone -------------------------------------------------------------------------


def test_the_fitted_machine_is_sklearns_and_invariant_to_units():
    task = sampler()[0]
    scores = SupportVectorMachine()(task)
    assert scores.shape == (20, 4) and scores.dtype == torch.float32
    from dataclasses import replace

    metres = replace(task, support_x=task.support_x * 1000 + 5, query_x=task.query_x * 1000 + 5)
    assert torch.allclose(SupportVectorMachine()(metres), scores, atol=1e-3)
    alike = SupportVectorMachine(standardise=False)
    assert torch.allclose(alike(metres), alike(task), atol=1e-3)
    assert not torch.allclose(alike(task), scores, atol=1e-3)
    assert evaluate(SupportVectorMachine(), sampler(), 20, progress=False).mean > 0.8
    assert evaluate(SupportVectorMachine(), sampler(n_way=2), 10, progress=False).mean > 0.8


@pytest.mark.parametrize("k_shot", [1, 2, 6])
def test_stacking_answers_and_is_no_better_than_its_best_part(k_shot):
    halves = (lambda x: x[:, :3], lambda x: x[:, 3:])
    inner = {str(i): SupportVectorMachine(half) for i, half in enumerate(halves)}
    stacked = evaluate(StackedSVM(inner), sampler(k_shot=k_shot), 20, progress=False)
    assert stacked.mean > 0.5 and not stacked.transductive


def test_the_outer_machine_learns_from_examples_that_the_inner_ones_did_not_see():
    """A view that knows the examples by heart, and nothing of queries, must not be believed."""
    task = sampler(k_shot=6)[0]
    rng = np.random.default_rng(0)

    def by_heart(x):
        """One column for each item, all different: perfect on what was seen, empty elsewhere."""
        return torch.from_numpy(rng.normal(size=(len(x), 200)).astype("f"))

    inner = {"honest": SupportVectorMachine(), "by heart": SupportVectorMachine(by_heart)}
    right = (StackedSVM(inner)(task).argmax(1) == task.query_y).float().mean()
    assert float(right) > 0.8


def test_what_the_fitted_machines_refuse():
    with pytest.raises(TypeError, match="features must be callable"):
        SupportVectorMachine(features=3)
    with pytest.raises(ValueError, match="c must be a finite number above 0"):
        SupportVectorMachine(c=-1)
    with pytest.raises(TypeError, match="inner must map names to machines, got dict"):
        StackedSVM({})
    with pytest.raises(TypeError, match=r"inner\['a'\] must be a SupportVectorMachine"):
        StackedSVM({"a": 1})
