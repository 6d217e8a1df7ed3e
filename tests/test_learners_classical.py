"""Learners without training, and the door that every learner shares."""

import numpy as np
import pytest
import torch

from etudes import learners
from etudes.episodes import Episode, EpisodeSampler
from etudes.learners import KNearest, Learner, LogisticRegression, NearestCentroid, check_episode
from etudes.learners.centroid import (
    class_means,
    envelope,
    negative_squared_distance,
    time_average,
)


def make_episode(k_shot=5, n_way=4, spread=0.1, item=(3, 6), seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, *item))
    x = np.concatenate([c + spread * rng.normal(size=(20, *item)) for c in centres])
    sampler = EpisodeSampler(
        x.astype("f"), np.repeat(np.arange(8), 20), n_way=n_way, k_shot=k_shot, n_query=6, seed=seed
    )
    return sampler[0]


ALL = [NearestCentroid(), KNearest(1), KNearest(5), LogisticRegression()]


@pytest.mark.parametrize("learner", ALL, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("k_shot", [1, 5])
def test_every_baseline_solves_separable_classes(learner, k_shot):
    episode = make_episode(k_shot)
    logits = learner(episode)
    assert logits.shape == (24, 4)
    assert logits.dtype == torch.float32
    assert (logits.argmax(1) == episode.query_y).all()
    assert isinstance(learner, Learner)


@pytest.mark.parametrize("learner", ALL, ids=lambda value: type(value).__name__)
def test_an_answer_does_not_depend_on_the_other_queries(learner):
    episode = make_episode(spread=1.0)
    one = [int((episode.query_y == c).nonzero()[0]) for c in range(4)]
    part = Episode(
        episode.support_x,
        episode.support_y,
        episode.query_x[one],
        episode.query_y[one],
        episode.support_index,
        episode.query_index[one],
        episode.classes,
    )
    assert torch.allclose(learner(part), learner(episode)[one], atol=1e-5)


def test_working_in_the_span_of_the_support_set_changes_no_answer():
    from sklearn.linear_model import LogisticRegression as Plain

    episode = make_episode(k_shot=2, spread=1.0)
    x, q = episode.support_x.flatten(1).double(), episode.query_x.flatten(1).double()
    assert len(x) < x.shape[1]
    centre, spread = x.mean(0), x.std(0, correction=0)
    plain = Plain(C=1.0, max_iter=2000, tol=1e-8)
    plain.fit(((x - centre) / spread).numpy(), episode.support_y.numpy())
    wanted = plain.predict_proba(((q - centre) / spread).numpy())
    ours = LogisticRegression(max_iter=2000)(episode).exp().numpy()
    assert np.abs(ours - wanted).max() < 1e-3


def test_class_means_are_those_of_numpy_and_squared_distances_are_squared():
    z = torch.randn(12, 5, dtype=torch.float64)
    y = torch.tensor([2, 0, 1] * 4)
    means = class_means(z, y, 3)
    for c in range(3):
        assert np.allclose(means[c].numpy(), z[y == c].numpy().mean(0))
    distance = negative_squared_distance(z, means)
    assert np.isclose(float(distance[4, 2]), -float(((z[4] - means[2]) ** 2).sum()))


def test_class_means_name_what_is_wrong():
    z = torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"y must have shape \(n,\) = \(4,\), got \(3,\)"):
        class_means(z, torch.zeros(3, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match="class 1 has no example"):
        class_means(z, torch.tensor([0, 0, 2, 2]), 3)
    with pytest.raises(ValueError, match=r"labels 0 to 1, got \[0, 1, 7\]"):
        class_means(z, torch.tensor([0, 1, 7, 7]), 2)


def test_features_are_used():
    episode = make_episode()
    raw = NearestCentroid()(episode)
    averaged = NearestCentroid(features=time_average)(episode)
    assert not torch.allclose(raw, averaged)
    with pytest.raises(TypeError, match="features must be callable, got"):
        NearestCentroid(features=3)
    with pytest.raises(ValueError, match=r"features\(support_x\) must have shape \(n, d\)"):
        NearestCentroid(features=lambda x: x)(episode)
    with pytest.raises(ValueError, match="one row for each of 20 items, got 19"):
        KNearest(features=lambda x: x.flatten(1)[1:])(episode)


def test_the_envelope_knows_when_and_not_which_band_or_how_loud():
    x = torch.full((1, 3, 4), -9.0)
    x[0, 1] = torch.tensor([-2.0, -1.0, -3.0, -5.0])
    assert torch.equal(envelope(x), torch.tensor([[-1.0, 0.0, -2.0, -4.0]]))
    assert torch.equal(envelope(x.roll(1, dims=1) + 0.5), envelope(x))


def test_wrong_episodes_are_refused_by_name():
    for thing in (None, "episode", np.zeros((4, 2))):
        with pytest.raises(TypeError, match="episode must be an etudes.episodes.Episode, got"):
            check_episode(thing)
    e = make_episode()

    def altered(**parts):
        fields = {
            "support_x": e.support_x,
            "support_y": e.support_y,
            "query_x": e.query_x,
            "query_y": e.query_y,
            "support_index": e.support_index,
            "query_index": e.query_index,
            "classes": e.classes,
        }
        return Episode(**{**fields, **parts})

    bad = e.query_x.clone()
    bad[0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="query_x must be finite, got NaN"):
        NearestCentroid()(altered(query_x=bad))
    with pytest.raises(ValueError, match=r"one shape, got \(3, 6\) and \(3, 5\)"):
        NearestCentroid()(altered(query_x=e.query_x[..., :5]))
    with pytest.raises(
        TypeError, match=r"episode.support_x must be floating point, got torch.int64"
    ):
        NearestCentroid()(altered(support_x=e.support_x.long()))


@pytest.mark.parametrize("k", [0, -1, 1.5, True])
def test_k_must_be_a_positive_integer(k):
    with pytest.raises((TypeError, ValueError), match="k must be a positive integer"):
        KNearest(k)


def test_penalty_must_be_positive():
    with pytest.raises(ValueError, match="c must be a finite number above 0"):
        LogisticRegression(c=0)


def test_lazy_names():
    assert learners.NearestCentroid is NearestCentroid
    assert "RelationNetwork" in dir(learners)
    with pytest.raises(AttributeError, match="has no attribute 'oracle'"):
        _ = learners.oracle
