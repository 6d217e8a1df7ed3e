"""Mixtures: stems that sum exactly, the same for the same index, no hymn on two sides."""

from __future__ import annotations

import numpy as np
import pytest

from etudes.data import chorales, rendering
from etudes.data.bach import Chorale
from etudes.data.chorales import ChoraleMixtures


def toy(number: int, group: int, quarters: int = 16) -> Chorale:
    """A chorale of held quarter notes, each voice on its own pitches."""
    time = np.arange(quarters)
    voices = {
        voice: np.column_stack([base + (time + number) % 5, time, np.ones(quarters)])
        for voice, base in {"soprano": 69, "alto": 62, "tenor": 55, "bass": 45}.items()
    }
    return Chorale(
        voices={voice: notes.astype(np.float32) for voice, notes in voices.items()},
        title=f"Hymn {group}",
        chorale_id=f"bwv{number}",
        key="C",
        mode="major",
        metre="4/4",
        group=group,
    )


@pytest.fixture(autouse=True)
def toys(tmp_path, monkeypatch):
    """Forty short chorales, two on each of twenty hymns."""
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    set_of_toys = [toy(number, group=number // 2) for number in range(40)]
    monkeypatch.setattr(chorales, "load_bach_chorales", lambda: set_of_toys)
    return set_of_toys


def mixtures(**arguments) -> ChoraleMixtures:
    return ChoraleMixtures(**{"programs": [73, 70], "seconds": 1.0, **arguments})


def test_stems_sum_to_the_mixture_exactly():
    for voices in (("soprano", "bass"), chorales.VOICES):
        mixture = mixtures(voices=voices)[3]
        assert mixture.stems.shape == (len(voices), 8000) and mixture.stems.dtype == np.float32
        assert np.array_equal(mixture.stems.sum(axis=0), mixture.mixture)
        assert mixture.mixture.dtype == np.float32
        assert 0.29 < np.abs(mixture.mixture).max() <= 1
        assert np.abs(mixture.stems).max() <= 1
        assert all(np.abs(stem).max() > 1e-3 for stem in mixture.stems)


def test_the_same_index_is_the_same_and_others_are_not():
    first, again, other = mixtures()[5], mixtures()[5], mixtures(seed=1)[5]
    assert np.array_equal(first.stems, again.stems)
    assert not np.array_equal(first.stems, other.stems)
    assert not np.array_equal(first.stems, mixtures()[6].stems)


def test_the_seed_changes_more_than_the_order(monkeypatch, toys):
    monkeypatch.setattr(chorales, "load_bach_chorales", lambda: toys[:1])
    splits = [split for split in chorales.SPLITS if len(mixtures(split=split))]
    assert mixtures(split=splits[0])[0].tempo != mixtures(split=splits[0], seed=1)[0].tempo


def test_everything_varies():
    several = [mixtures(programs=None)[i] for i in range(6)]
    for what in ("tempo", "programs", "title", "start"):
        assert len({getattr(mixture, what) for mixture in several}) > 1, what
    ratios = [mixture.gains[0] / mixture.gains[1] for mixture in several]
    assert max(ratios) > 1.2 * min(ratios)
    assert all(60 <= mixture.tempo <= 108 for mixture in several)


def test_stems_are_aligned_with_the_score():
    """Each stem is its voice, rendered alone at the mixture's own tempo."""
    whole = mixtures(seconds=None, programs={"soprano": ["flute"], "bass": [70]})
    mixture = whole[2]
    chorale = next(c for c in whole.chorales if c.chorale_id == mixture.chorale_id)
    for stem, voice, program, gain in zip(
        mixture.stems, mixture.voices, mixture.programs, mixture.gains
    ):
        alone = rendering.sum_of_notes(chorale.voices[voice], program, mixture.tempo, 8000)
        stem, alone = stem[: len(alone)] / gain, alone[: len(stem)]
        likeness = stem @ alone / np.linalg.norm(stem) / np.linalg.norm(alone)
        assert likeness > 0.98  # not 1, since velocities differ
    assert mixture.programs == (73, 70) and mixture.voices == ("soprano", "bass")


def test_hymns_are_split(toys):
    parts = {split: mixtures(split=split) for split in chorales.SPLITS}
    groups = {split: {c.group for c in part.chorales} for split, part in parts.items()}
    assert not groups["train"] & groups["test"] and not groups["train"] & groups["validation"]
    assert not groups["validation"] & groups["test"]
    assert sum(len(part) for part in parts.values()) == 40
    assert len(parts["train"]) > len(parts["test"]) > 0


def test_the_split_does_not_depend_on_the_order(toys, monkeypatch):
    before = {c.chorale_id for c in mixtures(split="test").chorales}
    monkeypatch.setattr(chorales, "load_bach_chorales", lambda: toys[::-1])
    assert {c.chorale_id for c in mixtures(split="test").chorales} == before


def test_a_round_has_each_chorale_once(monkeypatch, toys):
    monkeypatch.setattr(chorales, "load_bach_chorales", lambda: toys[:8])
    part = mixtures(seconds=0.3)
    titles = [mixture.chorale_id for mixture in part]
    assert len(titles) == len(part) == len(set(titles))
    following = [part[i].chorale_id for i in range(len(part), 2 * len(part))]
    assert sorted(following) == sorted(titles)


def test_mixtures_are_cached(capsys):
    direct = [mixtures()[i] for i in (2, 3)]
    capsys.readouterr()
    for cold in (True, False):
        loaded = mixtures().load(2, first=2)
        assert ("Rendering chorales" in capsys.readouterr().err) == cold
        for a, b in zip(direct, loaded):
            assert np.array_equal(a.stems, b.stems) and np.array_equal(a.mixture, b.mixture)
            assert (a.programs, a.tempo, a.title, a.start) == (
                b.programs,
                b.tempo,
                b.title,
                b.start,
            )
            np.testing.assert_array_equal(a.gains, b.gains)
    assert not np.array_equal(mixtures(seed=3).load(1)[0].stems, mixtures().load(1)[0].stems)


def test_a_silent_voice_names_the_chorale(monkeypatch):
    monkeypatch.setattr(chorales, "sum_of_notes", lambda *a: np.zeros(8000, np.float32))
    with pytest.raises(ValueError, match=r"the soprano of Hymn \d+ on program 7\d .* silence"):
        mixtures()[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"voices": ("sopran", "bass")}, ValueError, "voices must .* did you mean 'soprano'?"),
        ({"voices": ("bass", "bass")}, ValueError, "voices must be different and at least one"),
        ({"voices": ()}, ValueError, "voices must be different and at least one"),
        ({"voices": "bass"}, TypeError, "voices must be a sequence of names, got 'bass'"),
        ({"programs": ["flut"]}, ValueError, "program must .* did you mean 'flute'?"),
        ({"programs": [78]}, ValueError, r"program 78 \(whistle\) is left out"),
        ({"programs": []}, ValueError, "programs must be a sequence of at least one for soprano"),
        ({"programs": "flute"}, TypeError, "programs must be a sequence or a mapping"),
        ({"programs": {"soprano": [73]}}, ValueError, "programs must name instruments for bass"),
        ({"split": "tests"}, ValueError, "split must be .* did you mean 'test'?"),
        ({"sample_rate": 8}, ValueError, "sample_rate must lie between"),
        ({"seconds": 0}, ValueError, "seconds must be a finite number above 0, got 0"),
        ({"seed": -1}, ValueError, "seed must be an integer of 0 or more, got -1"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        mixtures(**arguments)


def test_bad_indices():
    with pytest.raises(ValueError, match="i must be an integer of 0 or more, got -1"):
        mixtures()[-1]
    with pytest.raises(TypeError, match="i must be an integer of 0 or more, got float 1.0"):
        mixtures()[1.0]
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        mixtures().load(0)


def test_chorales_shorter_than_the_excerpt_end_in_silence():
    mixture = mixtures(seconds=20.0)[0]
    assert mixture.mixture.shape == (160_000,) and mixture.start == 0
    assert not mixture.mixture[-4000:].any()
