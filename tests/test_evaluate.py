"""Evaluation: right numbers, honest intervals, the same tasks, networks left as they were."""

from __future__ import annotations

import doctest
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from etudes.episodes import Episode, EpisodeSampler
from etudes.evaluate import (
    bits_per_note,
    bootstrap_mean,
    bootstrap_ratio,
    chance,
    evaluate,
    evaluation_mode,
    few_shot,
    intervals,
    is_transductive,
    likelihood,
    log_spectral_distance,
    paired_difference,
)
from etudes.evaluate.intervals import class_interval, task_interval

N_CLASSES, PER_CLASS = 8, 30


def centres(episode: Episode) -> torch.Tensor:
    """The nearest centroid, as short as it can be."""
    middle = torch.stack(
        [episode.support_x[episode.support_y == c].mean(0) for c in range(episode.n_way)]
    )
    return -torch.cdist(episode.query_x, middle)


def know_everything(episode: Episode) -> torch.Tensor:
    """Always right."""
    return nn.functional.one_hot(episode.query_y, episode.n_way).float()


def sampler(seed: int = 0, spread: float = 1.0, **kwargs: Any) -> EpisodeSampler:
    """Eight Gaussian classes in the plane."""
    rng = np.random.default_rng(seed)
    middle = np.repeat(rng.normal(size=(N_CLASSES, 2)), PER_CLASS, axis=0)
    x = middle + spread * rng.normal(size=middle.shape)
    labels = np.repeat([f"class {c}" for c in range(N_CLASSES)], PER_CLASS)
    return EpisodeSampler(x, labels, **{"seed": seed, **kwargs})


def test_a_learner_that_knows_and_one_that_guesses() -> None:
    right = evaluate(know_everything, sampler(), 30, progress=False)
    assert right.mean == 1.0 and right.ci95 == (1.0, 1.0)
    assert np.array_equal(right.confusion, np.diag(right.confusion.diagonal()))

    def always_first(episode: Episode) -> torch.Tensor:
        return torch.eye(5)[torch.zeros(50, dtype=torch.long)]

    guess = evaluate(always_first, sampler(), 40, progress=False)
    assert guess.mean == pytest.approx(chance(5)) == 0.2
    assert guess.accuracies.shape == (40,) and np.allclose(guess.accuracies, 0.2)


def test_the_result_says_what_it_is() -> None:
    result = evaluate(centres, sampler(n_way=4, k_shot=3, n_query=6), 60, progress=False)
    assert (result.n_way, result.k_shot, result.n_query, result.n_tasks) == (4, 3, 6, 60)
    assert result.transductive is False
    assert result.classes == tuple(f"class {c}" for c in range(N_CLASSES))
    assert result.n == "60 tasks over 8 classes"
    assert result.mean == pytest.approx(result.accuracies.mean())
    assert result.ci95[0] < result.mean < result.ci95[1]
    assert result.ci95_tasks[0] < result.mean < result.ci95_tasks[1]
    assert result.confusion.sum() == 60 * 4 * 6
    assert sum(row.n_tasks for row in result.per_class.values()) == 60 * 4
    for code, name in enumerate(result.classes):
        row = result.confusion[code]
        assert result.per_class[name].accuracy == pytest.approx(row[code] / row.sum())
    assert re.fullmatch(
        r"4-way 3-shot: \d+\.\d% \(95% interval \d+\.\d to \d+\.\d, 60 tasks over 8 classes; "
        r"over tasks alone ±\d\.\d\)",
        str(result),
    )


def test_accuracy_is_counted_against_the_queries_own_labels() -> None:
    """By hand, one task at a time."""
    tasks = sampler()
    result = evaluate(centres, tasks, 5, progress=False)
    for i in range(5):
        episode = tasks[i]
        right = centres(episode).argmax(1) == episode.query_y
        assert result.accuracies[i] == pytest.approx(right.float().mean().item())
        for label, name in enumerate(episode.classes):
            assert result.classes[result.task_classes[i, label]] == name
            mine = right[episode.query_y == label].float().mean().item()
            assert result.recalls[i, label] == pytest.approx(mine)


def test_more_tasks_narrow_the_one_interval_and_not_the_other() -> None:
    few = evaluate(centres, sampler(), 100, progress=False)
    many = evaluate(centres, sampler(), 800, progress=False)
    width = {
        name: (r.ci95[1] - r.ci95[0], r.ci95_tasks[1] - r.ci95_tasks[0])
        for name, r in (("few", few), ("many", many))
    }
    assert width["many"][1] < width["few"][1] / 2
    assert width["many"][0] > width["few"][0] / 2
    assert width["many"][0] > 5 * width["many"][1]


def test_the_interval_repeats() -> None:
    result = evaluate(centres, sampler(), 50, progress=False)
    assert result.ci95 == evaluate(centres, sampler(), 50, progress=False).ci95


def test_pairs_need_the_same_episodes() -> None:
    a = evaluate(know_everything, sampler(), 40, progress=False)
    b = evaluate(centres, sampler(), 40, progress=False)
    difference = paired_difference(a, b)
    assert difference.mean == pytest.approx(a.mean - b.mean)
    assert difference.excludes_zero and difference.ci95[0] > 0
    assert paired_difference(b, a).ci95[1] < 0
    assert str(difference).startswith(f"+{100 * difference.mean:.1f} points (95% interval +")
    for other in (
        evaluate(centres, sampler(seed=1), 40, progress=False),
        evaluate(centres, sampler(), 41, progress=False),
        evaluate(centres, sampler(n_query=9), 40, progress=False),
    ):
        with pytest.raises(ValueError, match="a and b must come from the same episodes"):
            paired_difference(a, other)
    with pytest.raises(TypeError, match="b must be a FewShotResult, got float"):
        paired_difference(a, 0.5)  # type: ignore[arg-type]


def test_other_features_of_the_same_tasks_can_be_paired() -> None:
    tasks = sampler()
    wide = EpisodeSampler(torch.cat([tasks.x, tasks.x], 1), tasks.labels, seed=0)
    difference = paired_difference(
        evaluate(centres, tasks, 30, progress=False), evaluate(centres, wide, 30, progress=False)
    )
    assert difference.mean == 0 and not difference.excludes_zero


def test_a_paired_interval_is_narrower_than_either() -> None:
    def slightly_worse(episode: Episode) -> torch.Tensor:
        return centres(replace(episode, query_x=episode.query_x.round(decimals=0)))

    a = evaluate(centres, sampler(), 200, progress=False)
    b = evaluate(slightly_worse, sampler(), 200, progress=False)
    difference = paired_difference(a, b)
    assert difference.ci95[1] - difference.ci95[0] < a.ci95[1] - a.ci95[0]


class Normalised(nn.Module):
    """Nearest centroid after batch-norm and dropout, to see which mode they are in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.drop = nn.Dropout(0.5)
        with torch.no_grad():  # as if trained on other data
            self.norm.running_mean += 0.3
            self.norm.running_var *= 2

    def forward(self, episode: Episode) -> torch.Tensor:
        norm, drop = self.norm, self.drop
        self.modes = (self.training, norm.training, drop.training, torch.is_grad_enabled())
        support, query = drop(norm(episode.support_x)), drop(norm(episode.query_x))
        return centres(replace(episode, support_x=support, query_x=query))


def test_networks_are_evaluated_in_evaluation_mode_and_left_as_they_were() -> None:
    model = Normalised().train()
    model.drop.eval()
    mean = model.norm.running_mean.clone()
    result = evaluate(model, sampler(), 3, progress=False)
    assert model.modes == (False, False, False, False)
    assert result.transductive is False
    assert (model.training, model.norm.training, model.drop.training) == (True, True, False)
    assert torch.equal(model.norm.running_mean, mean)


def test_networks_are_restored_after_an_error() -> None:
    model = Normalised().train()
    with pytest.raises(ValueError, match="must return logits of shape"):
        evaluate(lambda episode: model(episode)[:3], sampler(), 3, progress=False)
    assert model.training and model.norm.training and torch.is_grad_enabled()


class Holder:
    """A learner that is no module itself."""

    def __init__(self, model: nn.Module) -> None:
        self.parts = {"model": model}

    def __call__(self, episode: Episode) -> torch.Tensor:
        return self.parts["model"](episode)

    def answer(self, episode: Episode) -> torch.Tensor:
        return self(episode)


GLOBAL_MODEL = Normalised()


def test_networks_inside_wrappers_are_found() -> None:
    model = Normalised().train()
    GLOBAL_MODEL.train()

    def call(inner: Any, episode: Episode) -> torch.Tensor:
        return inner(episode)

    def outer(episode: Episode) -> torch.Tensor:
        return call(model, episode)

    for learner in (
        Holder(model),
        Holder(model).answer,
        lambda episode: model(episode),
        lambda episode: outer(episode),
        partial(call, model),
        partial(call, Holder(model)),
        model.forward,
    ):
        model.modes = (True, True, True, True)
        evaluate(learner, sampler(), 1, progress=False)
        assert model.modes == (False, False, False, False)
        assert model.training
    evaluate(lambda episode: GLOBAL_MODEL(episode), sampler(), 1, progress=False)
    assert GLOBAL_MODEL.modes == (False, False, False, False) and GLOBAL_MODEL.training


def test_batch_statistics_are_flagged_and_leave_the_averages_alone() -> None:
    model = Normalised().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = evaluate(model, sampler(), 3, progress=False, batch_statistics=True)
    assert model.modes == (False, True, False, False)
    assert result.transductive is True
    assert "5-shot, transductive:" in str(result)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_transduction_is_measured_not_believed() -> None:
    episode = sampler()[0]
    assert not is_transductive(centres, episode)
    assert not is_transductive(know_everything, episode)

    def look_at_all(episode: Episode) -> torch.Tensor:
        shift = episode.query_x.mean(0) - episode.support_x.mean(0)
        return centres(replace(episode, query_x=episode.query_x - shift))

    assert is_transductive(look_at_all, episode)
    with evaluation_mode(model := Normalised()):
        assert not is_transductive(model, episode)
    model.train().drop.eval()
    assert is_transductive(model, episode)
    untracked = nn.BatchNorm1d(2, track_running_stats=False).eval()
    result = evaluate(
        lambda e: centres(
            replace(e, query_x=untracked(e.query_x), support_x=untracked(e.support_x))
        ),
        sampler(),
        2,
        progress=False,
    )
    assert result.transductive

    class Declared:
        transductive = True

        def __call__(self, episode: Episode) -> torch.Tensor:
            return centres(episode)

    assert evaluate(Declared(), sampler(), 2, progress=False).transductive


def test_randomness_in_a_learner_is_not_taken_for_transduction() -> None:
    def dither(episode: Episode) -> torch.Tensor:
        return centres(episode) + torch.rand(1)

    state = torch.random.get_rng_state()
    assert not is_transductive(dither, sampler()[0])
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("learner", "error", "message"),
    [
        (
            lambda e: centres(e).T,
            ValueError,
            "of shape (n_way * n_query, n_way) = (50, 5), got (5, 50)",
        ),
        (lambda e: centres(e).argmax(1), ValueError, "= (50, 5), got (50,)"),
        (lambda e: centres(e) * np.nan, ValueError, "learner returned NaN for a task"),
        (lambda e: None, TypeError, "learner must return logits, got None"),
        ("centroid", TypeError, "learner must be callable with an episode, got str 'centroid'"),
    ],
)
def test_learners_that_do_not_answer(learner: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        evaluate(learner, sampler(), 2, progress=False)


def test_numpy_logits_and_lists_of_episodes_are_welcome() -> None:
    tasks = sampler()
    listed = [tasks[i] for i in range(4)]
    a = evaluate(lambda e: centres(e).numpy(), listed, 4, progress=False)
    assert a.fingerprint == evaluate(centres, tasks, 4, progress=False).fingerprint
    with pytest.raises(
        ValueError, match=r"tasks must all have one shape, got \(4, 5, 10\) in task 1"
    ):
        evaluate(centres, [tasks[0], sampler(n_way=4)[0]], 2, progress=False)
    with pytest.raises(ValueError, match="sampler must hold n_tasks = 9, got 4"):
        evaluate(centres, listed, 9, progress=False)
    with pytest.raises(ValueError, match="n_tasks must be a positive integer, got 0"):
        evaluate(centres, tasks, 0)


def test_a_progress_bar_shows_the_accuracy(capfd: pytest.CaptureFixture[str]) -> None:
    evaluate(know_everything, sampler(), 3)
    assert "accuracy=1.000" in capfd.readouterr().err


def test_class_effects_are_seen_with_or_without_spare_classes() -> None:
    """One easy class among hard ones widens the interval, in every task or in some."""
    rng = np.random.default_rng(0)
    for n_classes in (5, 8):
        classes = np.argsort(rng.random((300, n_classes)), 1)[:, :5]
        recalls = 0.5 + 0.3 * (classes == 0) + 0.05 * rng.normal(size=classes.shape)
        low, high = class_interval(recalls, classes)
        tasks = task_interval(recalls.mean(1))
        assert high - low > 5 * (tasks[1] - tasks[0])
        assert low < recalls.mean() < high


def test_the_effect_of_a_wrong_answer_is_seen() -> None:
    """A class that steals from the others acts on tasks, not on its own recall."""
    rng = np.random.default_rng(0)
    classes = np.argsort(rng.random((400, 10)), 1)[:, :5]
    thief = (classes % 2).sum(1, keepdims=True)  # odd classes each cost every class five points
    recalls = 0.9 - 0.05 * thief + 0.02 * rng.normal(size=classes.shape)
    low, high = class_interval(recalls, classes)
    # effect of each class on a task: ±2.5 points; of the mean over 5 of 10: 5 × 2.5 / √10, t = 2.26
    expected = 2.26 * 5 * 0.025 / np.sqrt(9)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.15)


def test_one_class_or_one_task_promises_nothing() -> None:
    assert class_interval(np.ones((4, 1)), np.zeros((4, 1), int)) == (-np.inf, np.inf)
    assert task_interval(np.ones(1)) == (-np.inf, np.inf)
    one = evaluate(centres, sampler(n_way=1, classes=["class 3"]), 2, progress=False)
    assert one.ci95 == (0.0, 1.0)


def simulate(
    n_classes: int, k_shot: int, n_repeats: int, n_tasks: int = 600
) -> tuple[np.ndarray, float, float]:
    """How often each interval holds the true mean, when classes and items are drawn anew."""
    n_way, n_query, rng = 5, 10, np.random.default_rng(n_classes + k_shot)

    def recalls_of(n: int, items: int, tasks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        spread = 1.6 * np.exp(0.35 * rng.normal(size=(n, 1, 1)))
        x = rng.normal(size=(n, 1, 6)) + spread * rng.normal(size=(n, items, 6))
        classes = np.argsort(rng.random((tasks, n)), 1)[:, :n_way]
        order = np.argsort(rng.random((tasks, n_way, items)), 2)[:, :, : k_shot + n_query]
        z = x[classes[:, :, None], order]
        gap = z[:, :, k_shot:, None] - z[:, None, None, :, :k_shot].mean(4)
        target = np.arange(n_way)[None, :, None]
        both = [
            (d.argmin(-1) == target).mean(2)
            for d in ((gap**2).sum(-1), np.abs(gap[..., :3]).sum(-1))
        ]
        return classes, both[0], both[1]

    truth = np.mean(
        [[a.mean(), (a - b).mean()] for _, a, b in (recalls_of(5, 30, 4) for _ in range(4000))], 0
    )
    held = []
    for _ in range(n_repeats):
        classes, a, b = recalls_of(n_classes, 25, n_tasks)
        for values, true in ((a, truth[0]), (a - b, truth[1])):
            for low, high in (class_interval(values, classes), task_interval(values.mean(1))):
                held.append(low <= true <= high)
    rates = np.reshape(held, (n_repeats, 4)).mean(0)
    return rates, truth[0], truth[1]


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "k_shot"), [(8, 5), (32, 1)])
def test_coverage_by_simulation(n_classes: int, k_shot: int) -> None:
    """The interval over classes holds what it promises; the one over tasks does not come near."""
    (accuracy, accuracy_tasks, gain, gain_tasks), _, _ = simulate(n_classes, k_shot, 150)
    assert 0.90 <= accuracy <= 0.99 and 0.90 <= gain <= 0.99
    assert accuracy_tasks < 0.5 and gain_tasks < 0.75


def test_bits_per_note() -> None:
    assert bits_per_note(np.log([0.5, 0.25])) == pytest.approx(1.5)
    assert bits_per_note([np.log([0.5]), np.log([0.25, 0.25])]) == pytest.approx(5 / 3)
    assert bits_per_note([0.0, 0.0]) == 0
    assert bits_per_note([0.0, -np.inf]) == np.inf
    for bad, message in (
        ([], "log_probs must not be empty"),
        ([0.5], "log_probs must be natural logarithms of probabilities, at most 0, got 0.5"),
        ([np.nan, -1], "log_probs must not be NaN, got 1 of 2"),
        ([[-1.0, -2.0]], None),
        (np.zeros((2, 2)), "log_probs must have shape (n_notes,), got (2, 2)"),
    ):
        if message is None:
            assert bits_per_note(bad) == pytest.approx(1.5 / np.log(2))
        else:
            with pytest.raises(ValueError, match=re.escape(message)):
                bits_per_note(bad)


def test_bootstrap_mean_agrees_with_students_t() -> None:
    values = np.random.default_rng(0).normal(3, 2, 12)
    estimate = bootstrap_mean(values)
    half = 2.201 * values.std(ddof=1) / 12**0.5
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.ci95 == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15)
    assert bootstrap_mean(values, seed=1).ci95 != estimate.ci95
    assert "12 values" in str(estimate)


def test_bootstrap_mean_resamples_whole_groups() -> None:
    """A hundred notes of each tune say hardly more about other tunes than one."""
    rng = np.random.default_rng(0)
    tunes = rng.normal(0, 1, 10)
    notes = np.repeat(tunes, 100) + 0.01 * rng.normal(size=1000)
    grouped = bootstrap_mean(notes, groups=np.repeat(np.arange(10), 100))
    alone = bootstrap_mean(notes)
    assert grouped.n_groups == 10 and grouped.n == 1000 and alone.n_groups == 1000
    assert grouped.ci95[1] - grouped.ci95[0] > 5 * (alone.ci95[1] - alone.ci95[0])
    assert bootstrap_mean([1.0, 2.0], groups=["a", "a"]).ci95 == (-np.inf, np.inf)


def test_bootstrap_mean_bad_input() -> None:
    with pytest.raises(ValueError, match=re.escape("groups must have shape (3,), got (2,)")):
        bootstrap_mean([1.0, 2.0, 3.0], groups=[0, 1])
    with pytest.raises(ValueError, match="values must be finite, got 1 NaN"):
        bootstrap_mean([1.0, np.nan])
    with pytest.raises(ValueError, match="n_boot must be a positive integer"):
        bootstrap_mean([1.0], n_boot=0)


def test_chance() -> None:
    assert chance(20) == 0.05
    with pytest.raises(ValueError, match="n_way must be a positive integer, got 0"):
        chance(0)


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (few_shot, intervals, likelihood):
        told = doctest.testmod(module)
        assert told.attempted and not told.failed


# Ratios and spectra ------------------------------------------------------------------------------


def test_a_ratio_of_means_keeps_pairs_together():
    """What makes a task hard for both cancels: the interval of a constant ratio has no width."""
    hard = np.random.default_rng(0).lognormal(size=50)
    estimate = bootstrap_ratio(0.5 * hard, hard)
    assert estimate.mean == pytest.approx(0.5) and np.ptp(estimate.ci95) < 1e-12


def test_a_ratio_resamples_groups():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(6), 30)
    effect = rng.normal(size=6)[groups]
    a, b = np.exp(effect), np.ones(180)
    grouped, single = bootstrap_ratio(a, b, groups), bootstrap_ratio(a, b)
    assert grouped.n_groups == 6 and grouped.mean == pytest.approx(a.mean())
    assert np.ptp(np.log(grouped.ci95)) > 3 * np.ptp(np.log(single.ci95))


def test_a_ratio_names_what_does_not_fit():
    with pytest.raises(ValueError, match="a must be positive, got 0"):
        bootstrap_ratio([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="b must have shape"):
        bootstrap_ratio([1.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="groups must have shape"):
        bootstrap_ratio([1.0, 1.0], [1.0, 1.0], [0])


def test_spectral_distance_is_a_root_mean_square_of_decibels():
    a = np.zeros((2, 3, 4))
    b = a.copy()
    b[0, 1, 2] = 1.0  # ten decibels in one of four bands of one of three moments
    np.testing.assert_allclose(log_spectral_distance(a, b), [10 * 0.5 / 3, 0])
    np.testing.assert_allclose(log_spectral_distance(a, b), log_spectral_distance(b, a))
    with pytest.raises(ValueError, match="one shape"):
        log_spectral_distance(a, b[:, :2])
    with pytest.raises(ValueError, match="a must be finite"):
        log_spectral_distance(np.full((2, 2), np.nan), np.zeros((2, 2)))
