"""Peaks and the cut of their graph: partials of one note belong together."""

import warnings

import numpy as np
import pytest

from etudes.evaluate import si_sdr
from etudes.features import magnitude
from etudes.separators import SpectralSeparator, affinity, cut, find_peaks, peak_masks
from etudes.separators.peaks import PEAK_HOP, Peaks

RATE = 8000
TIME = np.arange(2 * RATE) / RATE


def tone(hertz, n_partials=5, time=TIME):
    """A steady note."""
    x = sum(np.sin(2 * np.pi * hertz * h * time + h) / h for h in range(1, n_partials + 1))
    return (0.1 * x).astype(np.float32)


HIGH, LOW = tone(587), tone(208)


def points(**given):
    """Peaks with given facts; everything else is the same for all of them."""
    n = len(next(iter(given.values())))
    facts = {name: np.zeros(n, dtype=int) for name in ("frame", "bin", "rank", "onset")}
    facts |= {name: np.full(n, 220.0) for name in ("hertz", "pitch", "level")}
    facts |= {name: np.asarray(values) for name, values in given.items()}
    return Peaks(**facts, shape=(513, 40), seconds_per_frame=0.1)


def test_partials_are_found_where_they_are():
    peaks = find_peaks(LOW + HIGH)
    partials = np.array([208.0 * h for h in range(1, 6)] + [587.0 * h for h in range(1, 6)])
    apart = np.abs(peaks.hertz[:, None] - partials)
    inside = (peaks.frame > 2) & (peaks.frame < peaks.shape[1] - 3)
    assert apart.min(axis=1)[inside].max() < 2  # a quarter of a bin
    assert set(apart.argmin(axis=1)[inside]) == set(range(10))
    np.testing.assert_array_equal(peaks.bin, np.round(peaks.hertz * 1024 / RATE))
    assert peaks.shape == (513, 1 + TIME.size // PEAK_HOP)
    assert peaks.seconds_per_frame == pytest.approx(0.032)


def test_each_partial_knows_its_note_and_its_rank():
    peaks = find_peaks(LOW + HIGH)
    of_high = np.abs(peaks.hertz / 587 - np.round(peaks.hertz / 587)) < 0.01
    assert of_high.any() and not of_high.all()
    np.testing.assert_allclose(peaks.pitch[of_high], 587, rtol=0.03)
    np.testing.assert_allclose(peaks.pitch[~of_high], 208, rtol=0.03)
    assert (peaks.rank[of_high] == 0).all() and (peaks.rank[~of_high] == 1).all()


def test_a_partial_knows_when_it_began():
    late = HIGH * (TIME > 1)
    peaks = find_peaks(LOW + late)
    began = peaks.onset * peaks.seconds_per_frame
    high = np.abs(peaks.hertz - 587) < 20
    assert np.abs(began[high & (peaks.frame > 36)] - 1).max() < 0.05  # its first frame
    low = np.abs(peaks.hertz - 208) < 20
    assert began[low & (peaks.frame < 25)].max() < 0.15


def test_only_the_loudest_are_kept():
    every, few = find_peaks(LOW + HIGH), find_peaks(LOW + HIGH, most=40)
    assert len(few) == 40 < len(every)
    assert few.level.min() >= np.sort(every.level)[-40] * 0.999
    loud = every[every.level > np.median(every.level)]
    assert loud.shape == every.shape and 0 < len(loud) < len(every)
    assert len(loud.pitch) == len(loud.onset) == len(loud)


def test_every_place_goes_where_the_nearest_peak_of_its_frame_goes():
    peaks = points(frame=[0, 0, 2], bin=[10, 20, 300])
    masks = peak_masks(peaks, [0, 1, 1], 2)
    assert masks.dtype == np.float32 and masks.shape == (2, 513, 40)
    np.testing.assert_array_equal(masks[0, :, 0], np.arange(513) <= 15)
    np.testing.assert_array_equal(masks[1, :, 0], np.arange(513) > 15)
    np.testing.assert_array_equal(masks[1, :, 2], 1)
    np.testing.assert_array_equal(masks[:, :, 1], 0.5)  # no peak, equal shares
    np.testing.assert_array_equal(masks.sum(axis=0), 1)


@pytest.mark.parametrize(
    ("labels", "n_labels", "words"),
    [
        ([0], 2, r"labels must have shape \(2,\)"),
        ([0, 2], 2, "labels must be integers from 0 to 1, got 2"),
        ([0, -1], 2, "labels must be integers from 0 to 1, got -1"),
        ([0, 0.5], 2, "labels must be integers from 0 to 1, got 0.5"),
        ([0, 0], 0, "n_labels must be a positive integer, got 0"),
    ],
)
def test_labels_that_do_not_fit_are_named(labels, n_labels, words):
    with pytest.raises(ValueError, match=words):
        peak_masks(points(frame=[0, 1]), labels, n_labels)


def test_the_affinity_is_symmetric_and_1_with_itself():
    found = affinity(find_peaks(LOW + HIGH, most=60), width=2.0, memory=0.5, onset=0.1)
    assert found.shape == (60, 60)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)
    assert found.min() >= 0 and found.max() == 1


@pytest.mark.parametrize("width", [0.5, 4.0])
def test_the_affinity_has_fallen_to_061_at_one_width(width):
    pitch = 220 * 2 ** (np.array([0, width, -width, 2 * width]) / 12)
    found = affinity(points(pitch=pitch), width=width)
    np.testing.assert_allclose(found[0], [1, 0.6065, 0.6065, 0.1353], atol=1e-4)


def test_pitch_and_frequency_are_two_things():
    peaks = points(hertz=[200, 400, 800], pitch=[200, 200, 500])
    by_pitch, by_frequency = (affinity(peaks, by) for by in ("pitch", "frequency"))
    assert by_pitch[0, 1] == 1 > by_pitch[0, 2]
    other = points(hertz=[200, 400, 800], pitch=[100, 300, 350])
    np.testing.assert_array_equal(by_frequency, affinity(other, "frequency"))
    assert by_frequency[0, 1] == pytest.approx(np.exp(-0.5 * 3**2))  # an octave is 3 widths


def test_memory_and_onset_lower_it_as_they_say():
    late = points(frame=[0, 5, 10])  # 0, 0.5 and 1 second
    np.testing.assert_allclose(affinity(late), 1)
    np.testing.assert_allclose(affinity(late, memory=0.5)[0], [1, 0.6065, 0.1353], atol=1e-4)
    begun = points(frame=[20, 20, 22, 23], onset=[4, 6, 6, 6])
    found = affinity(begun, onset=0.2)[0]
    np.testing.assert_allclose(found, [1, 0.6065, 0.6065, 1], atol=1e-4)  # the last is later
    both = affinity(points(frame=[20, 22], onset=[4, 6]), onset=0.2, memory=0.2)
    assert both[0, 1] == pytest.approx(np.exp(-1))


@pytest.mark.parametrize(
    ("cue", "error", "words"),
    [
        ({"by": "pich"}, ValueError, "by must be one of .* did you mean 'pitch'"),
        ({"width": 0}, ValueError, "width must be a finite number above 0, got 0"),
        ({"memory": -1}, ValueError, "memory must be"),
        ({"onset": np.nan}, ValueError, "onset must be"),
        ({"widht": 1}, TypeError, "widht"),
    ],
)
def test_cues_that_are_none_are_named_when_given(cue, error, words):
    with pytest.raises(error, match=words):
        affinity(points(frame=[0, 1]), **cue)
    with pytest.raises(error, match=words):
        SpectralSeparator(**cue)


def same_parts(found, wanted):
    """Whether two divisions are the same, whatever the parts are called."""
    return np.array_equal(found[:, None] == found, np.equal.outer(wanted, wanted))


@pytest.mark.parametrize("sizes", [(5, 5), (3, 9), (4, 6, 8)])
def test_a_graph_in_pieces_is_cut_between_them(sizes):
    wanted = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    w = np.equal.outer(wanted, wanted).astype(float)
    found = cut(w, len(sizes))
    assert same_parts(found, wanted)
    np.testing.assert_array_equal(np.unique(found), np.arange(len(sizes)))
    np.testing.assert_array_equal(found, cut(w, len(sizes), seed=0))
    weak = w + 0.05 * np.random.default_rng(1).random(w.shape)
    assert same_parts(cut((weak + weak.T) / 2, len(sizes)), wanted)


def test_an_island_is_not_the_cheapest_cut():
    """Two stray points that have nothing in common with anybody else."""
    wanted = np.repeat([0, 1, 2], [10, 10, 2])
    w = np.where(np.equal.outer(wanted, wanted), 1.0, 0.05)
    w[20:, :20] = w[:20, 20:] = 0
    assert same_parts(cut(w, 2)[:20], wanted[:20])


def test_one_part_is_everything():
    np.testing.assert_array_equal(cut(np.ones((4, 4)), 1), 0)


@pytest.mark.parametrize(
    ("w", "words"),
    [
        (np.ones((2, 3)), r"affinities must be square and symmetric, got shape \(2, 3\)"),
        (np.triu(np.ones((3, 3))), "affinities must be square and symmetric"),
        (-np.ones((3, 3)), "affinities must be 0 or more, got -1"),
        (np.ones((1, 1)), "affinities must be of 2 points or more, got 1"),
        (np.full((3, 3), np.nan), "affinities must be finite"),
        (np.ones(3), "affinities must have"),
    ],
)
def test_what_is_no_graph_is_named(w, words):
    with pytest.raises(ValueError, match=words):
        cut(w, 2)


@pytest.mark.parametrize("low", [110, 208, 330])
def test_two_notes_come_apart_the_highest_first(low):
    stems = np.stack([HIGH, tone(low)])
    found = SpectralSeparator().separate(stems.sum(axis=0))
    assert found.dtype == np.float32 and (si_sdr(found, stems) > 10).all()
    np.testing.assert_allclose(found.sum(axis=0), stems.sum(axis=0), atol=1e-4)


def test_voices_are_followed_through_their_notes():
    time = np.arange(4 * RATE) / RATE
    quarter = np.floor(time)[None] == np.arange(4)[:, None]
    stems = np.stack(
        [
            sum(tone(hertz, 5, time) * on for hertz, on in zip(notes, quarter, strict=True))
            for notes in ((523, 587, 494, 554), (147, 165, 131, 156))
        ]
    )
    found = SpectralSeparator().separate(stems.sum(axis=0))
    assert (si_sdr(found, stems) > 10).all()
    np.testing.assert_array_equal(found, SpectralSeparator().separate(stems.sum(axis=0)))


def test_cues_reach_the_cut():
    """By frequency the partials of both notes are divided at one height."""
    stems = np.stack([HIGH, LOW])
    found = SpectralSeparator(by="frequency").separate(LOW + HIGH)
    assert not (si_sdr(found, stems) > 10).any()
    size = magnitude(found[0])[:, 5:-5].sum(axis=1) > magnitude(found[1])[:, 5:-5].sum(axis=1)
    partials = np.round(np.sort([hertz * h for hertz in (208, 587) for h in range(1, 6)]) / 7.8125)
    owner = size[partials.astype(int)].astype(int)
    assert np.abs(np.diff(owner)).sum() == 1


def test_more_parts_than_voices_add_up_too():
    parts = SpectralSeparator(memory=0.5).components(LOW + HIGH, 7)
    assert parts.shape == (7, TIME.size) and all(part.any() for part in parts)
    np.testing.assert_allclose(parts.sum(axis=0), LOW + HIGH, atol=1e-4)


def test_three_voices_make_three_estimates():
    stems = np.stack([tone(740), tone(330), tone(123)])
    found = SpectralSeparator(3).separate(stems.sum(axis=0))
    assert (si_sdr(found, stems) > 5).all()


@pytest.mark.parametrize("names", [(1, 2, 0), (2, 0, 1), (0, 2, 1)])
def test_the_highest_comes_first_whatever_the_cut_calls_it(names, monkeypatch):
    mixture = tone(740) + tone(330) + tone(123)
    wanted = SpectralSeparator(3).separate(mixture)
    renamed = lambda *a: np.array(names)[cut(*a)]  # noqa: E731
    monkeypatch.setattr("etudes.separators.spectral.cut", renamed)
    np.testing.assert_array_equal(SpectralSeparator(3).separate(mixture), wanted)


def test_a_mixture_of_more_than_ten_seconds_is_cut_piece_by_piece(monkeypatch):
    time = np.arange(21 * RATE) / RATE
    stems = np.stack([tone(587, 3, time), tone(208, 3, time)])
    sizes = []

    def counted(w, n, seed):
        sizes.append(len(w))
        return cut(w, n, seed)

    monkeypatch.setattr("etudes.separators.spectral.cut", counted)
    monkeypatch.setattr("etudes.separators.spectral._BLOCK", 5.0)
    found = SpectralSeparator().separate(stems.sum(axis=0))
    assert len(sizes) == 4 and max(sizes) < 1.2 * min(sizes)
    np.testing.assert_allclose(found.sum(axis=0), stems.sum(axis=0), atol=1e-4)
    assert (si_sdr(found, stems) > 10).all()  # the same voice leads in every piece


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(np.sin(2 * np.pi * 440 * TIME[:6000]), id="pure sine"),
        pytest.param(RNG.normal(size=4000), id="white noise"),
        pytest.param(np.eye(1, 4000, 2000)[0], id="click"),
        pytest.param(np.r_[LOW[:4000] + HIGH[:4000], np.zeros(4000)], id="silent half"),
        pytest.param(np.ones(3000), id="constant: no peaks"),
        pytest.param(HIGH[:1024], id="one window"),
        pytest.param(np.sin(2 * np.pi * 440 * np.arange(11 * RATE) / RATE), id="eleven seconds"),
    ],
)
def test_odd_mixtures_still_add_up(mixture):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # no mean of nothing, no division by 0
        found = SpectralSeparator().separate(mixture)
    assert found.shape == (2, mixture.size) and np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0), mixture, atol=1e-4)


@pytest.mark.parametrize(
    ("mixture", "words"),
    [
        (np.zeros(4000), "mixture must not be silent"),
        (np.ones(600), "mixture must have 1024 samples or more, one window, got 600"),
        (np.ones((4000, 2)), "stereo"),
        (np.full(4000, np.nan), "mixture must be finite"),
    ],
)
def test_what_cannot_be_cut_is_named(mixture, words):
    for refuses in (SpectralSeparator().separate, find_peaks):
        with pytest.raises(ValueError, match=words):
            refuses(mixture)


def test_numbers_out_of_range_are_named():
    for wrong in ({"n_sources": 0}, {"sample_rate": 8}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SpectralSeparator(**wrong)
    with pytest.raises(ValueError, match="n_components must be a positive integer, got 0"):
        SpectralSeparator().components(LOW, 0)
    with pytest.raises(ValueError, match="most must be a positive integer, got 0"):
        find_peaks(LOW, most=0)
