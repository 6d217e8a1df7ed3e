"""Episodes: nothing leaks, everything repeats, and a class that is too small is named."""

from __future__ import annotations

import doctest
import hashlib
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import etudes.episodes
from etudes.episodes import Episode, EpisodeSampler, check_disjoint, split_classes

NAMES = ("bassoon", "clarinet", "flute", "horn", "oboe", "tuba")


def data(per_class: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Items whose first number is their row, so that a test can tell where they came from."""
    labels = np.repeat(NAMES, per_class)
    x = np.zeros((len(labels), 3), np.float32)
    x[:, 0] = np.arange(len(labels))
    return x, labels


def digest(sampler: EpisodeSampler, numbers: range) -> str:
    """A short name for the exact rows of some episodes."""
    text = "".join(
        f"{e.classes} {e.support.tolist()} {e.query.tolist()}" for e in map(sampler.index, numbers)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_an_episode_has_the_shape_that_was_asked_for() -> None:
    x, labels = data()
    episode = EpisodeSampler(x, labels, n_way=4, k_shot=2, n_query=3)[0]
    assert (episode.n_way, episode.k_shot, episode.n_query) == (4, 2, 3)
    assert episode.support_x.shape == (8, 3) and episode.query_x.shape == (12, 3)
    assert episode.support_y.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert torch.bincount(episode.query_y).tolist() == [3, 3, 3, 3]
    assert episode.support_x.dtype == torch.float32
    for side_x, side_y, rows in (
        (episode.support_x, episode.support_y, episode.support_index),
        (episode.query_x, episode.query_y, episode.query_index),
    ):
        assert side_x[:, 0].long().tolist() == rows.tolist()
        assert [episode.classes[y] for y in side_y] == labels[rows].tolist()


def test_queries_are_not_in_the_order_of_their_classes() -> None:
    sampler = EpisodeSampler(*data())
    assert any(sampler[i].query_y.tolist() != sorted(sampler[i].query_y.tolist()) for i in range(3))


def test_the_same_number_is_the_same_episode_whatever_was_drawn_before() -> None:
    x, labels = data()
    groups = np.arange(len(labels)) // 2
    forward = EpisodeSampler(x, labels, groups=groups, n_query=5, seed=3)
    backward = EpisodeSampler(torch.from_numpy(x), labels, groups=groups, n_query=5, seed=3)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    first = [forward[i] for i in range(5)]
    np.random.seed(9)  # noqa: NPY002
    torch.manual_seed(9)
    second = [backward[i] for i in reversed(range(5))][::-1]
    for a, b in zip(first, second, strict=True):
        assert a.classes == b.classes
        assert torch.equal(a.support_x, b.support_x) and torch.equal(a.query_x, b.query_x)
        assert torch.equal(a.query_y, b.query_y)


def test_episodes_are_the_same_on_every_machine() -> None:
    """These digests were made once; a library or machine that draws otherwise breaks the ledger."""
    x, labels = data()
    plain = EpisodeSampler(x, labels, seed=1)
    grouped = EpisodeSampler(x, labels, groups=np.arange(120) // 3, n_query=8, seed=1)
    assert plain.index(0).classes == ("flute", "oboe", "tuba", "bassoon", "horn")
    assert (digest(plain, range(20)), digest(grouped, range(20))) == (
        "107490c33cee245a",
        "24879577f70319bd",
    )


def test_another_seed_or_number_is_another_episode() -> None:
    x, labels = data()
    a, b = EpisodeSampler(x, labels, seed=0), EpisodeSampler(x, labels, seed=1)
    assert digest(a, range(1)) != digest(b, range(1))
    assert digest(a, range(1)) != digest(a, range(1, 2))


def test_the_order_in_which_classes_are_named_does_not_matter() -> None:
    x, labels = data()
    a = EpisodeSampler(x, labels, n_way=3, classes=["tuba", "oboe", "flute"])
    b = EpisodeSampler(x, labels, n_way=3, classes=("flute", "tuba", "oboe"))
    assert digest(a, range(5)) == digest(b, range(5))
    assert set(a[0].classes) == {"tuba", "oboe", "flute"}


def test_labels_are_permuted_per_task() -> None:
    sampler = EpisodeSampler(*data(), n_way=6, k_shot=1, n_query=1)
    label_of_oboe = {sampler.index(i).classes.index("oboe") for i in range(60)}
    assert label_of_oboe == set(range(6))


def test_every_item_and_class_is_drawn_equally_often() -> None:
    x, labels = data()
    for groups in (None, np.arange(120)):
        sampler = EpisodeSampler(x, labels, groups=groups, n_way=3, k_shot=2, n_query=4)
        drawn = np.zeros(120)
        for i in range(1500):
            drawn[sampler.index(i).support] += 1
        assert drawn.sum() == 1500 * 6
        expected = 1500 * 6 / 120
        # each count is close to Poisson: five standard deviations either way
        assert abs(drawn - expected).max() < 5 * expected**0.5


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n_groups=st.integers(8, 60),
    k_shot=st.integers(1, 3),
    n_query=st.integers(1, 4),
)
def test_no_group_is_ever_on_both_sides(
    seed: int, n_groups: int, k_shot: int, n_query: int
) -> None:
    """Groups that hold items of several classes, of any sizes: each episode keeps them apart."""
    x, labels = data()
    groups = np.random.default_rng(seed).integers(0, n_groups, len(labels))
    sampler = EpisodeSampler(
        x, labels, groups=groups, n_way=3, k_shot=k_shot, n_query=n_query, seed=seed
    )
    for i in range(3):
        rows = sampler.index(i)
        assert not set(groups[rows.support]) & set(groups[rows.query])
        assert len(set(rows.support) | set(rows.query)) == 3 * (k_shot + n_query)


def test_a_few_big_groups_that_hold_every_class_still_make_episodes() -> None:
    """Six speakers who all say every word: some must be on one side, the others on the other."""
    x, labels = data(24)
    speaker = np.tile(np.repeat(np.arange(6), 4), 6)
    sampler = EpisodeSampler(x, labels, groups=speaker, k_shot=3, n_query=4)
    on_support = [len(set(sampler[i].support_groups)) for i in range(30)]  # type: ignore[arg-type]
    assert min(on_support) >= 1 and max(on_support) > 1


def test_exactly_enough_is_enough() -> None:
    """Where only one parting exists, the sampler finds it."""
    x, labels = data(15)
    per_class = np.repeat(np.arange(2), (11, 4))
    groups = np.concatenate([per_class + 2 * c for c in range(6)])
    sampler = EpisodeSampler(x, labels, groups=groups, k_shot=5, n_query=4)
    for i in range(20):
        assert len(sampler[i].query_y) == 20


def test_a_class_with_too_few_items_is_named_with_its_count() -> None:
    x, labels = data()
    labels[labels == "oboe"] = "flute"
    labels[0] = "oboe"
    with pytest.raises(
        ValueError,
        match=re.escape(
            "class 'oboe' has too few items: 1, an episode needs k_shot + n_query = 5 + 10 = 15"
        ),
    ):
        EpisodeSampler(x, labels)
    EpisodeSampler(x, labels, classes=["bassoon", "flute", "horn", "tuba", "clarinet"], n_query=5)


def test_a_class_with_too_few_groups_is_named_with_its_counts() -> None:
    x, labels = data()
    groups = np.arange(120)
    groups[labels == "horn"] = 7
    with pytest.raises(
        ValueError, match=re.escape("class 'horn' has too few groups: 20 items in 1 group(s)")
    ):
        EpisodeSampler(x, labels, groups=groups)
    groups[60:67] = 8  # two groups, of 7 and 13: enough for 5 + 13, not for 5 + 14
    with pytest.raises(ValueError, match="20 items in 2 group"):
        EpisodeSampler(x, labels, groups=groups, n_query=14)
    EpisodeSampler(x, labels, groups=groups, n_query=13)


def test_groups_across_classes_that_cannot_be_parted_are_reported() -> None:
    """Each class alone could be parted; together they cannot."""
    x, labels = np.zeros((6, 1), np.float32), np.repeat(["a", "b", "c"], 2)
    groups = np.array([0, 1, 1, 2, 2, 0])  # a triangle: no two-colouring
    sampler = EpisodeSampler(x, labels, groups=groups, n_way=3, k_shot=1, n_query=1)
    with pytest.raises(
        ValueError, match=r"episode 0 cannot have .* tightest class is '[abc]', with 2 items in 2"
    ):
        sampler[0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_way": 7}, ValueError, "n_way must be at most the number of classes, 6, got 7"),
        ({"k_shot": 0}, ValueError, "k_shot must be a positive integer, got 0"),
        ({"n_query": 0}, ValueError, "n_query must be a positive integer, got 0"),
        ({"n_way": 2.5}, TypeError, "n_way must be a positive integer, got float 2.5"),
        ({"seed": -1}, ValueError, "seed must be an integer of 0 or more, got -1"),
        ({"classes": ["obo"]}, ValueError, "did you mean 'oboe'?"),
        ({"classes": ["oboe", "oboe"]}, ValueError, "classes must be distinct, got 'oboe' twice"),
        ({"classes": "oboe"}, TypeError, "classes must be a sequence of class names"),
        ({"groups": [1, 2]}, ValueError, "groups must have shape (n_items,) = (120,), got (2,)"),
        ({"groups": [0.5] * 120}, TypeError, "groups must be integers or strings, got float64"),
        (
            {"labels": np.zeros((120, 2), int)},
            ValueError,
            "labels must have shape (n_items,) = (120,), got (120, 2)",
        ),
        (
            {"x": np.full((120, 2), np.nan)},
            ValueError,
            "x must be finite, got NaN or infinite values, first in row 0",
        ),
        (
            {"x": np.zeros((0, 2))},
            ValueError,
            "x must have shape (n_items, ...) and items, got (0, 2)",
        ),
        ({"x": [[1.0]] * 120}, TypeError, "x must be a tensor or an array of items, got list"),
        ({"x": np.zeros((120, 2), complex)}, TypeError, "x must hold real numbers, got complex128"),
        ({"transform": 3}, TypeError, "transform must be callable, got int 3"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    x, labels = data()
    arguments = {"x": x, "labels": labels, **changes}
    with pytest.raises(error, match=re.escape(message)):
        EpisodeSampler(arguments.pop("x"), arguments.pop("labels"), **arguments)


def test_a_negative_episode_number_is_refused() -> None:
    with pytest.raises(ValueError, match="episode number must be an integer of 0 or more, got -1"):
        EpisodeSampler(*data())[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_index": [0, 9, 10, 11]}, "support and query share 1 item(s), for example row 0"),
        ({"query_index": [9, 9, 10, 11]}, "query_index must not repeat a row"),
        ({"query_groups": [5, 1, 6, 6]}, "support and query share 1 group(s), for example"),
        ({"query_groups": None}, "support_groups and query_groups must both be given, or neither"),
        ({"support_y": torch.tensor([1, 0])}, "support_y must be ordered"),
        (
            {"query_y": torch.tensor([0, 0, 0, 1])},
            "query_y must hold the labels 0 to 1 equally often",
        ),
        (
            {"query_y": torch.tensor([0, 0, 2, 2])},
            "query_y must hold the labels 0 to 1 equally often",
        ),
        ({"query_x": torch.zeros(3, 7)}, "every part of the query set must have one length"),
        ({"query_x": torch.zeros(4, 8)}, "items of one shape, got (7,) and (8,)"),
        ({"classes": ("a", "a")}, "classes must be distinct"),
    ],
)
def test_an_episode_that_leaks_or_does_not_fit_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    good = Episode(
        support_x=torch.zeros(2, 7),
        support_y=torch.tensor([0, 1]),
        query_x=torch.zeros(4, 7),
        query_y=torch.tensor([0, 1, 1, 0]),
        support_index=np.array([0, 1]),
        query_index=np.array([8, 9, 10, 11]),
        classes=("a", "b"),
        support_groups=np.array([0, 1]),
        query_groups=np.array([5, 5, 6, 6]),
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(good, **changes)


def test_transform_changes_both_sides_and_repeats() -> None:
    def louder(items: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        return items + 1000 * float(rng.random())

    x, labels = data()
    plain, changed = EpisodeSampler(x, labels), EpisodeSampler(x, labels, transform=louder)
    assert torch.equal(changed[4].query_x, changed[4].query_x)
    assert not torch.equal(changed[4].query_x, plain[4].query_x)
    assert not torch.equal(changed[4].support_x, plain[4].support_x)
    assert np.array_equal(changed[4].query_index, plain[4].query_index)


def test_batches_are_runs_of_episodes() -> None:
    sampler = EpisodeSampler(*data())
    batch = sampler.batches(3)[2]
    assert [e.classes for e in batch] == [sampler.index(i).classes for i in (6, 7, 8)]
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        sampler.batches(0)


def test_a_read_only_array_is_taken_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    x, labels = data()
    x.setflags(write=False)
    EpisodeSampler(x, labels)[0]
    assert len(recwarn) == 0


def test_to_where_it_is_already_is_the_same_episode() -> None:
    episode = EpisodeSampler(*data())[0]
    assert episode.to("cpu") is episode


def test_split_classes_by_counts_and_fractions() -> None:
    for parts in ((3, 2, 1), (0.5, 0.34, 0.16)):
        train, validation, test = split_classes(np.repeat(NAMES, 4), parts, seed=5)
        assert [len(train), len(validation), len(test)] == [3, 2, 1]
        assert sorted(train + validation + test) == sorted(NAMES)
    assert split_classes(NAMES, (3, 3), seed=0) == split_classes(
        list(reversed(NAMES)), (3, 3), seed=0
    )
    assert split_classes(NAMES, (3, 3), seed=0) != split_classes(NAMES, (3, 3), seed=1)
    assert sum(map(len, split_classes(NAMES, (2, 1)))) == 3


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((4, 3), "parts must sum to at most the number of classes, 6, got (4, 3)"),
        ((0.5, 0.6), "parts must be fractions that sum to 1"),
        ((0.95, 0.05), "leave a part without a class"),
        ((), "parts must name at least one part"),
        ((3, 0), "parts must be a positive integer, got 0"),
    ],
)
def test_splits_that_cannot_be(parts: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        split_classes(NAMES, parts)


def test_check_disjoint_names_what_is_shared() -> None:
    x, labels = data()
    groups = np.arange(120)
    groups[100] = 0  # one tune, under two names, in classes bassoon and tuba
    kwargs: dict[str, Any] = {"n_way": 2, "groups": groups}
    train = EpisodeSampler(x, labels, classes=["bassoon", "flute"], **kwargs)
    check_disjoint(train, EpisodeSampler(x, labels, classes=["oboe", "horn"], **kwargs))
    with pytest.raises(ValueError, match=re.escape("1 class(es) in both, for example 'flute'")):
        check_disjoint(train, EpisodeSampler(x, labels, classes=["oboe", "flute"], **kwargs))
    with pytest.raises(ValueError, match=re.escape("1 group(s) in both, for example 0")):
        check_disjoint(train, EpisodeSampler(x, labels, classes=["oboe", "tuba"], **kwargs))


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (etudes.episodes.sampler, etudes.episodes.splits):
        told = doctest.testmod(module)
        assert told.attempted and not told.failed
