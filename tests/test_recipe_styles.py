"""The recipe for styles: what is compared with what, and that nothing leaks."""

import json

import numpy as np
import pytest
import torch

from etudes.data.tunes import Tune, TuneSet
from etudes.learners.melody import N_STATISTICS, block_columns
from etudes.learners.style_space import DualLogistic, ShrunkenDiscriminant, StyleSpace
from etudes.recipes import styles as recipe
from etudes.recipes.styles import choosing, report
from etudes.recipes.styles.tunes import Tunes, statistics_of


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path / "cache"))


def random_tune(seed, shift=0, slower=1.0, n=24):
    rng = np.random.default_rng(seed)
    pitches = 70 + np.cumsum(rng.integers(-3, 4, n))
    durations = rng.choice([0.5, 0.5, 0.5, 1.0], n)
    return Tune(pitches + shift, slower * durations, np.zeros(n), style="a")


def fake_tunes(styles, n_each=24, noise=1.0, seed=0):
    """Points around a centre of their own for every style, dressed up as tunes."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(styles, n_each)
    tunes = TuneSet.from_tunes([random_tune(i) for i in range(len(labels))])
    centre = np.abs(rng.normal(size=(len(styles), N_STATISTICS)))
    x = np.repeat(centre, n_each, axis=0)
    x = x + noise * rng.normal(size=(len(labels), N_STATISTICS))
    return Tunes(tunes, labels, x.astype(np.float32))


def flat_space(seed=0, width=12):
    torch.manual_seed(seed)
    space = StyleSpace(N_STATISTICS, width)
    space.project.copy_(torch.randn(N_STATISTICS, width) / N_STATISTICS**0.5)
    return space


def test_relative_statistics_know_neither_key_nor_note_value(cache):
    tunes = TuneSet.from_tunes(
        [random_tune(1), random_tune(1, shift=5), random_tune(1, slower=2.0), random_tune(2)]
    )
    data = Tunes(tunes, np.array(["a"] * 4), statistics_of(tunes))
    relative = data.relative().statistics
    assert np.allclose(relative[0], relative[1], atol=1e-3)
    assert np.allclose(relative[0], relative[2], atol=1e-3)
    assert np.abs(relative[0] - relative[3]).max() > 0.1
    assert np.abs(data.statistics[0] - data.statistics[1]).max() > 0.1
    duration = block_columns(names=("duration",))
    assert np.abs(data.statistics[0, duration] - data.statistics[2, duration]).max() > 0.1


def test_a_module_shown_differences_cannot_tell_class_from_query():
    torch.manual_seed(0)
    a, b = torch.randn(2, 6, 64, 1, 1)
    there, back = torch.cat([a, b], 1), torch.cat([b, a], 1)
    differences = recipe.PairScore(difference=True).eval()
    assert torch.equal(differences(there), differences(back))
    assert torch.allclose(differences(there + 3), differences(there), atol=1e-5)
    beside = recipe.PairScore().eval()
    assert not torch.allclose(beside(there), beside(back))


def test_together_adds_the_answers_of_its_parts():
    data, space = fake_tunes(list("abcdef")), flat_space()
    prototypes = recipe.make_comparer("prototypical", space).eval()
    episode = data.sampler(torch.from_numpy(data.statistics))[3]
    with torch.no_grad():
        together = recipe.Together(prototypes, c=10.0)(episode)
        parts = DualLogistic(space, 10.0)(episode) + prototypes(episode)
    assert torch.allclose(together, parts, atol=1e-5)


@pytest.mark.parametrize("kind", [*recipe.COMPARERS, "together", "logistic", "discriminant"])
def test_mapping_once_changes_no_answer(kind):
    data, space = fake_tunes(list("abcdef")), flat_space()
    x = torch.from_numpy(data.statistics)
    learner = {
        "together": lambda: recipe.Together(recipe.make_comparer("prototypical", space)),
        "logistic": lambda: DualLogistic(space),
        "discriminant": lambda: ShrunkenDiscriminant(space),
    }.get(kind, lambda: recipe.make_comparer(kind, space))()
    if isinstance(learner, torch.nn.Module):
        learner.eval()
    head, z = recipe.mapped_once(learner, x)
    assert z.shape[1] < x.shape[1]
    with torch.no_grad():
        whole, once = learner(data.sampler(x, seed=9)[0]), head(data.sampler(z, seed=9)[0])
    assert torch.allclose(whole, once, atol=1e-4)


@pytest.mark.parametrize("kind", recipe.COMPARERS)
def test_comparers_repeat_and_learn(kind):
    data, space = fake_tunes(list("abcdef"), n_each=100, noise=0.3), flat_space()
    x = torch.from_numpy(data.statistics)
    model, same = (recipe.make_comparer(kind, space, seed=4) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters()))
    history = recipe.train_comparer(model.train(), data, x, steps=120)
    assert not model.training and len(history.losses) == 120
    assert np.mean(history.losses[-10:]) < 0.95 * np.mean(history.losses[:10])


def test_an_unknown_comparer_is_refused():
    with pytest.raises(ValueError, match="kind must be one of .*did you mean 'relation'"):
        recipe.make_comparer("relations", flat_space())


def test_styles_left_out_are_met_for_the_first_time(monkeypatch):
    names = (*choosing.TRAIN_STYLES, *choosing.VALIDATION_STYLES)
    data = fake_tunes(names, n_each=20)
    leak = np.arange(len(data.styles)) % 40  # each group stands in several styles
    data.tunes.all_groups[:] = leak
    seen = []

    def remember(training, x):
        seen.append(training)
        raise StopIteration

    monkeypatch.setattr(choosing, "fit_space", remember)
    with pytest.raises(StopIteration):
        choosing.other_splits(data, n_splits=1)
    (training,) = seen
    left_out = ~np.isin(data.styles, training.styles)
    assert len(set(names) - set(training.styles)) >= 5
    assert not set(training.tunes.groups) & set(data.tunes.groups[left_out])


def test_the_rows_of_the_choice(tmp_path, monkeypatch):
    from etudes import ledger

    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    choice = {"space": np.array([0.5, 0.6, 0.7]), "together": np.array([0.6, 0.7, 0.8])}
    report.write_choice(choice, "together", "python -m a", 1.0)
    table = {row["id"]: row for row in json.loads((tmp_path / "06.json").read_text())}
    margin = table["06.choosing.5way-5shot.margin.together-over-space"]
    assert margin["value"] == pytest.approx(0.1) and margin["ci95"] == pytest.approx([0.1, 0.1])
    assert table["06.choosing.5way-5shot.accuracy.space"]["n"] == 3


def test_every_pair_that_is_reported_has_words():
    assert {name.removesuffix("-relative") for pair in report.DIFFERENCES for name in pair} <= set(
        report.WORDS
    )
    assert set(recipe.hand_crafted(flat_space())) == set(report.HAND_CRAFTED)
