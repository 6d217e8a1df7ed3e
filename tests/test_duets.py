"""Three duets: who sings what, how high, and that no hymn is heard on two sides."""

import numpy as np
import pytest

from etudes.data.duets import DUETS, duets
from etudes.features import fundamentals, magnitude


@pytest.mark.parametrize(
    ("name", "voices", "programs"),
    [
        ("flute-bassoon", ("soprano", "bass"), (73, 70)),
        ("choir-sb", ("soprano", "bass"), (52, 52)),
        ("choir-sa", ("soprano", "alto"), (52, 52)),
    ],
)
def test_each_duet_is_sung_by_whom_it_says(name, voices, programs):
    one = duets(name, seconds=2)[0]
    assert (one.voices, one.programs) == (voices, programs)
    assert one.stems.shape == (2, 16_000) and one.sample_rate == 8000
    np.testing.assert_array_equal(one.stems.sum(axis=0), one.mixture)
    heights = [np.median(fundamentals(magnitude(stem), 8000)) for stem in one.stems]
    assert heights[0] > heights[1]  # the higher voice first


@pytest.mark.parametrize("name", DUETS)
def test_no_hymn_is_in_two_splits(name):
    parts = {split: duets(name, split) for split in ("train", "validation", "test")}
    hymns = [{chorale.group for chorale in part.chorales} for part in parts.values()]
    for k, some in enumerate(hymns):
        assert some and not any(some & others for others in hymns[k + 1 :])
    assert {split: part.split for split, part in parts.items()} == {name: name for name in parts}
    assert len(parts["train"]) > len(parts["test"]) > len(parts["validation"]) > 16


def test_all_duets_are_of_the_same_hymns_on_the_same_side():
    train, test = (
        {chorale.group for name in DUETS for chorale in duets(name, split).chorales}
        for split in ("train", "test")
    )
    assert train and test and not train & test


def test_a_seed_repeats_and_excerpts_last_eight_seconds():
    first, again, other = (duets("choir-sa", seed=seed)[1] for seed in (4, 4, 5))
    assert first.mixture.shape == (64_000,)
    np.testing.assert_array_equal(first.stems, again.stems)
    assert not np.array_equal(first.stems, other.stems)
    assert duets("choir-sa", seconds=None).seconds is None


def test_an_unknown_name_or_split_is_named():
    with pytest.raises(ValueError, match="name must be one of .* did you mean 'choir-sb'"):
        duets("choir-bs")
    with pytest.raises(ValueError, match="split must be one of .* did you mean 'test'"):
        duets("choir-sa", "tests")
