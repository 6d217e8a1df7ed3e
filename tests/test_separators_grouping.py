"""Grouping: parts become voices, by the answer or by how high they sound."""

import numpy as np
import pytest

from etudes.evaluate import si_sdr
from etudes.separators import (
    SpectralSeparator,
    SupervisedNMF,
    blind_components,
    by_higher_note,
    by_nearest_stem,
    by_pitch,
    cut,
)

RATE = 8000
TIME = np.arange(RATE) / RATE


def note(hertz, second, loudness=0.1):
    """A note of four partials that sounds for a quarter of a second."""
    x = sum(np.sin(2 * np.pi * hertz * h * TIME) / h for h in range(1, 5))
    return (loudness * x * (np.floor(4 * TIME) == second)).astype(np.float32)


LOW = [note(hertz, k) for k, hertz in enumerate((110, 123, 98, 131))]
HIGH = [note(hertz, k) for k, hertz in enumerate((523, 587, 494, 440))]
STEMS = np.stack([sum(HIGH), sum(LOW)])
SHUFFLED = np.stack([*LOW, *HIGH])[[3, 5, 0, 7, 1, 4, 6, 2]]


def test_each_part_goes_to_the_stem_that_it_is_of():
    grouped = by_nearest_stem(SHUFFLED, STEMS)
    assert grouped.dtype == np.float32 and (si_sdr(grouped, STEMS) > 40).all()
    turned = by_nearest_stem(SHUFFLED, STEMS[::-1])  # the order is that of the stems
    np.testing.assert_array_equal(turned, grouped[::-1])


def test_the_nearest_stem_is_not_simply_the_loudest():
    loud = STEMS * np.array([[1.0], [100.0]], np.float32)
    grouped = by_nearest_stem(SHUFFLED, loud)
    assert (si_sdr(grouped, STEMS) > 40).all()
    leaky = HIGH[0] + 0.02 * LOW[0]  # of the first, with a little of the loud other
    assert by_nearest_stem(leaky[None], loud)[0].any()


def test_no_stem_is_left_without_a_component_while_there_are_enough():
    clear, mixed = 0.9 * STEMS[0] + 0.1 * STEMS[1], 0.6 * STEMS[0] + 0.4 * STEMS[1]
    for order in ([clear, mixed], [mixed, clear]):
        np.testing.assert_allclose(by_nearest_stem(np.stack(order), STEMS), [clear, mixed])
    alone = by_nearest_stem(clear[None], STEMS)
    assert alone[0].any() and not alone[1].any()


def test_components_of_two_heights_are_grouped_highest_first():
    for components in (SHUFFLED, SHUFFLED[::-1]):
        grouped = by_pitch(components)
        assert grouped.dtype == np.float32 and (si_sdr(grouped, STEMS) > 40).all()


def test_three_heights_and_a_seed():
    middle = [note(hertz, k) for k, hertz in enumerate((247, 262, 220, 233))]
    components = np.concatenate([SHUFFLED, middle])
    wanted = np.stack([sum(HIGH), sum(middle), sum(LOW)])
    for seed in range(8):  # of which k-means calls the groups by other names
        grouped = by_pitch(components, 3, seed=seed)
        assert (si_sdr(grouped, wanted) > 40).all()
        np.testing.assert_array_equal(grouped, by_pitch(components, 3, seed=seed))
    np.testing.assert_allclose(by_pitch(components, 1)[0], components.sum(axis=0), atol=1e-6)


def test_loud_components_decide_where_the_border_is():
    """Whispers far above do not make one voice of the two that are loud."""
    loud = [note(110, 0), note(165, 1)]
    whispers = [note(880, k, loudness=1e-4) for k in range(4)]
    grouped = by_pitch(np.stack([*whispers, *loud]))
    assert (si_sdr(grouped, np.stack(loud[::-1])) > 40).all()


def test_heights_are_told_apart_in_semitones():
    """180 Hz is nearer to 320 than to 80 in semitones, though not in hertz."""
    low, middle, high = (note(hertz, k) for k, hertz in enumerate((80, 180, 320)))
    grouped = by_pitch(np.stack([low, middle, high]))
    np.testing.assert_allclose(grouped, [middle + high, low], atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parts_of_one_height_and_silent_parts_still_add_up():
    for components in (
        np.stack([LOW[0], LOW[0]]),
        np.zeros((3, RATE)),
        SHUFFLED * (np.arange(8) < 2)[:, None],
    ):
        grouped = by_pitch(components)
        assert np.isfinite(grouped).all()
        np.testing.assert_allclose(grouped.sum(axis=0), components.sum(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"components": SHUFFLED[:1]}, "components must be 2 or more, got 1"),
        ({"components": SHUFFLED[:2], "n_sources": 3}, "components must be 3 or more, got 2"),
        ({"components": SHUFFLED[0]}, "components must have shape"),
        ({"components": SHUFFLED * np.nan}, "components must be finite"),
        ({"components": SHUFFLED, "n_sources": 0}, "n_sources must be a positive integer, got 0"),
        ({"components": SHUFFLED, "sample_rate": 8}, "sample_rate must lie between"),
    ],
)
def test_what_cannot_be_grouped_by_pitch_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        by_pitch(**arguments)


def test_components_and_stems_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="components must be as long .* 8000 samples, got 4000"):
        by_nearest_stem(SHUFFLED[:, :4000], STEMS)
    with pytest.raises(ValueError, match="components must be finite"):
        by_nearest_stem(SHUFFLED * np.nan, STEMS)
    with pytest.raises(ValueError, match="stems must be two or more, got 1"):
        by_nearest_stem(SHUFFLED, STEMS[:1])


def test_the_higher_note_of_each_moment_is_the_first_voices():
    """Both melodies leap: no fixed border lies between them."""
    high, low = (
        sum(note(hertz, k) for k, hertz in enumerate(notes))
        for notes in ((440, 880, 349, 659), (185, 523, 131, 392))
    )
    stems = np.stack([high, low])
    found = by_higher_note(high + low)
    assert found.dtype == np.float32 and (si_sdr(found, stems) > 8).all()
    np.testing.assert_allclose(found.sum(axis=0), high + low, atol=1e-4)


def test_of_three_notes_each_goes_to_its_own_voice():
    def steady(hertz):
        return sum(note(hertz, k) for k in range(4))

    stems = np.stack([steady(740), steady(330), steady(123)])
    assert (si_sdr(by_higher_note(stems.sum(axis=0), 3), stems) > 5).all()
    lower = by_higher_note(stems.sum(axis=0), 3, sample_rate=2000)  # the lowest is no note there
    assert si_sdr(lower[2], stems[2]) < 5
    np.testing.assert_allclose(by_higher_note(STEMS.sum(axis=0), 1)[0], sum(STEMS), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mixture": np.zeros(RATE)}, "mixture must not be silent"),
        ({"mixture": STEMS}, "mixture must have shape"),
        ({"mixture": STEMS[0], "n_sources": 0}, "n_sources must be a positive integer, got 0"),
        ({"mixture": STEMS[0], "sample_rate": 8}, "sample_rate must lie between"),
    ],
)
def test_what_has_no_notes_to_rank_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        by_higher_note(**arguments)


@pytest.mark.parametrize(
    "seeded",
    [
        lambda seed: SpectralSeparator(seed=seed),
        lambda seed: cut(np.ones((3, 3)), 1, seed),
        lambda seed: SupervisedNMF(seed=seed),
        lambda seed: blind_components(STEMS[0], 2, 2, seed),
        lambda seed: by_pitch(SHUFFLED, seed=seed),
    ],
    ids=["SpectralSeparator", "cut", "SupervisedNMF", "blind_components", "by_pitch"],
)
def test_a_seed_is_a_whole_number_of_0_or_more(seeded):
    with pytest.raises(ValueError, match="seed must be an integer of 0 or more, got -1"):
        seeded(-1)
    for wrong in (0.5, None, "1", True):
        with pytest.raises(TypeError, match="seed must be an integer of 0 or more, got"):
            seeded(wrong)
    seeded(np.int64(3))


@pytest.mark.parametrize("n_iter", [0, -1])
def test_blind_updates_are_counted(n_iter):
    with pytest.raises(ValueError, match="n_iter must be a positive integer"):
        blind_components(STEMS[0], 2, n_iter)
