"""Instruments sound: in tune, audibly, the same each time; and what cannot sound says why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from etudes.data import instruments, programs, rendering, sampler, soundfont
from etudes.data.instruments import load_instrument_notes, render_note, render_score


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    return tmp_path


def strength(waveform: np.ndarray, frequency: float, sample_rate: int) -> float:
    """How strong one frequency is in a waveform, in its own units."""
    turns = np.exp(-2j * np.pi * frequency * np.arange(len(waveform)) / sample_rate)
    return float(np.abs(np.mean(waveform * np.hanning(len(waveform)) * turns)) * 4)


def test_families_are_split_without_overlap():
    parts = [instruments.TRAIN_PROGRAMS, instruments.VALIDATION_PROGRAMS, instruments.TEST_PROGRAMS]
    families = [{program // 8 for program in part} for part in parts]
    assert not families[0] & families[1] and not families[0] & families[2]
    assert not families[1] & families[2]
    assert sorted(sum(parts, ())) == list(instruments.USABLE_PROGRAMS)
    assert families[2] == {2, 5, 8, 11} and families[1] == {3, 7}
    assert len(set(instruments.PROGRAMS)) == 128 and len(instruments.FAMILIES) == 16
    assert 78 not in instruments.USABLE_PROGRAMS and max(instruments.USABLE_PROGRAMS) == 118


# The guitar, the violin and the piano have root keys that override those of their samples: a
# player that ignores them is up to 24 semitones off.
@pytest.mark.parametrize("program", ["acoustic grand piano", "nylon guitar", "violin", "flute"])
@pytest.mark.parametrize("pitch", [55, 60, 67, 76])
def test_instruments_are_in_tune(program, pitch):
    waveform = render_note(program, pitch, duration=1.0, sample_rate=16_000)
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    at_pitch = [strength(waveform, frequency * k, 16_000) for k in (1, 2, 3)]
    halfway = [strength(waveform, frequency * (k + 0.5), 16_000) for k in (1, 2)]
    flat = [strength(waveform, frequency * 2 ** (-70 / 1200) * k, 16_000) for k in (1, 2, 3)]
    assert max(at_pitch) > 5 * max(halfway)
    assert max(at_pitch) > 2 * max(flat)


def test_detuning_moves_the_pitch():
    plain, sharp = render_note("flute", 72), render_note("flute", 72, cents=50)
    above = 440 * 2 ** (3.5 / 12)
    assert strength(sharp, above, 16_000) > 5 * strength(plain, above, 16_000)


def test_every_usable_program_sounds():
    for program in instruments.USABLE_PROGRAMS:
        waveform = render_note(program, 60, duration=0.2, length=0.25, sample_rate=8000)
        assert waveform.dtype == np.float32 and waveform.shape == (2000,)
        assert np.isfinite(waveform).all() and 1e-3 < np.abs(waveform).max() <= 1


def test_the_same_note_twice_is_the_same():
    assert np.array_equal(render_note("choir pad", 50), render_note("choir pad", 50))


def test_velocity_is_loudness_and_brightness():
    assert render_note("trumpet", 60, velocity=1).any()
    piano = "acoustic grand piano"
    soft, loud = render_note(piano, 60, velocity=40), render_note(piano, 60, velocity=120)
    assert np.abs(loud).max() > 4 * np.abs(soft).max()
    spectra = [np.abs(np.fft.rfft(w)) for w in (soft, loud)]
    centroids = [(s * np.arange(len(s))).sum() / s.sum() for s in spectra]
    assert centroids[1] > 1.1 * centroids[0]


def test_notes_end_without_a_click():
    waveform = render_note("drawbar organ", 60, duration=0.5, length=1.0)
    jumps = np.abs(np.diff(waveform))
    assert jumps[8000:].max() <= jumps[2000:8000].max()
    assert np.abs(waveform[-1600:]).max() < 1e-3
    assert abs(render_note("drawbar organ", 60, duration=1.0, length=0.5)[-1]) < 1e-3


def test_high_notes_do_not_alias():
    """A sawtooth's harmonics above 4 kHz are taken away at 8 kHz, not folded back below it."""
    low = render_note("sawtooth lead", 88, duration=0.9, sample_rate=8000)
    high = render_note("sawtooth lead", 88, duration=0.9, sample_rate=48_000)
    frequency = 440 * 2 ** ((88 - 69) / 12)  # 1319 Hz
    assert strength(high, 4 * frequency, 48_000) > 0.05 * strength(high, frequency, 48_000)
    for harmonic in (4, 5):
        folded = 8000 - harmonic * frequency
        assert strength(low, folded, 8000) < 0.01 * strength(low, frequency, 8000)


def test_a_gap_between_keys_is_filled_from_the_nearest():
    font = soundfont.default_soundfont()
    assert not [z for z in font.programs[65] if z.keys[0] <= 64 <= z.keys[1]]  # alto sax, E4
    assert render_note("alto sax", 64).any()


def test_unknown_program_suggests_the_nearest():
    with pytest.raises(ValueError, match="program must be one of .*got 'vioolin'; did you mean 'v"):
        render_note("vioolin", 60)
    with pytest.raises(ValueError, match="program must lie between 0 and 127, got 128"):
        render_note(128, 60)
    with pytest.raises(TypeError, match="program must be an integer of 0 or more, got float"):
        render_note(1.5, 60)


@pytest.mark.parametrize("call", [render_note, lambda p, _: load_instrument_notes(1, programs=[p])])
@pytest.mark.parametrize("whistle", [78, "whistle"])
def test_program_78_is_refused_with_the_reason(call, whistle):
    with pytest.raises(ValueError, match=r"program 78 \(whistle\) is left out: .*differs"):
        call(whistle, 60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pitch": 20}, "pitch must lie between 21 and 108, got 20"),
        ({"pitch": 109}, "pitch must lie between 21 and 108, got 109"),
        ({"velocity": 0}, "velocity must be a positive integer, got 0"),
        ({"velocity": 128}, "velocity must lie between 1 and 127, got 128"),
        ({"duration": 0}, "duration must be a finite number above 0, got 0"),
        ({"duration": float("nan")}, "duration must be a finite number above 0, got nan"),
        ({"length": -1}, "length must be a finite number above 0, got -1"),
        ({"length": 301}, "length must be at most 300 seconds, got 301"),
        ({"sample_rate": 16}, "sample_rate must lie between .* .did you give kHz"),
        ({"cents": 200}, "cents must lie between -100 and 100, got 200"),
    ],
)
def test_bad_notes(change, message):
    with pytest.raises(ValueError, match=message):
        render_note(**{"program": 0, "pitch": 60, **change})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda w: w * 0, r"program 0 \(acoustic grand piano\) at pitch 60 rendered to silence"),
        (lambda w: w * np.nan, r"program 0 \(acoustic grand piano\) at pitch 60 rendered to NaN"),
        (lambda w: w * 100, r"program 0 .* rendered to a peak of .*, above 1"),
    ],
)
def test_a_bad_render_names_the_program(monkeypatch, broken, message):
    play = sampler.play
    monkeypatch.setattr(sampler, "play", lambda *a: broken(play(*a)))
    with pytest.raises(ValueError, match=message):
        render_note(0, 60)
    with pytest.raises(ValueError, match=message.split(" at ")[0]):
        load_instrument_notes(1, 8000, programs=[0])


def test_a_render_that_differs_names_the_program(monkeypatch):
    play, calls = sampler.play, []

    def unsteady(*arguments):
        calls.append(1)
        return play(*arguments) * (1 + len(calls) / 100)

    monkeypatch.setattr(sampler, "play", unsteady)
    with pytest.raises(ValueError, match=r"program 73 \(flute\) differs when rendered again"):
        load_instrument_notes(1, 8000, programs=[73])


def test_a_score_is_the_sum_of_its_notes():
    notes = np.array(
        [
            [60, 0, 1],
            [
                64,
                1,
                1,
            ],
            [67, 2, 2],
        ]
    )
    score = render_score(notes, "piccolo", tempo=240, sample_rate=8000)
    assert len(score) == 8000 * 1.5  # four quarters of a quarter second, and half a second
    first = render_score(notes[:1], "piccolo", 240, 8000, length=1.5)
    rest = render_score(notes[1:], "piccolo", 240, 8000, length=1.5)
    np.testing.assert_allclose(score, first + rest, atol=1e-6)
    np.testing.assert_array_equal(score, render_score(notes[::-1], "piccolo", 240, 8000))
    assert strength(score[2000:3500], 440 * 2 ** (-5 / 12), 8000) > 0.01  # E4 in its place


def test_velocities_and_programs_of_single_notes():
    notes = np.array([[60, 0, 1, 100], [60, 2, 1, 50]])
    score = render_score(notes, [16, 73], tempo=240, sample_rate=8000)
    assert np.abs(score[:2000]).max() > 2 * np.abs(score[4000:]).max()
    organ = render_score(notes, 16, tempo=240, sample_rate=8000)
    np.testing.assert_array_equal(score[:4000], organ[:4000])
    assert not np.array_equal(score[4000:], organ[4000:])


def test_a_loud_score_is_made_quieter_as_a_whole():
    chord = np.array([[p, 0, 1, 127] for p in range(40, 80, 2)])
    score = render_score(chord, "sawtooth lead", sample_rate=8000)
    assert 0.99 < np.abs(score).max() <= 1
    loud = rendering.sum_of_notes(chord, "sawtooth lead", sample_rate=8000)
    assert np.abs(loud).max() > 1
    np.testing.assert_allclose(score, loud / np.abs(loud).max(), atol=1e-5)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        (np.zeros((0, 3)), "notes must not be empty"),
        (np.zeros(3), "notes must have 2 dimensions, got 1"),
        (np.zeros((2, 5)), r"notes must have shape \(n_notes, 3\) or \(n_notes, 4\), got \(2, 5\)"),
        ([[60, 0, np.nan]], "notes must be finite"),
        ([[12, 0, 1]], "notes must have a pitch of whole numbers between 21 and 108, got 12"),
        ([[60.5, 0, 1]], "notes must have a pitch of whole numbers .* got 60.5"),
        ([[60, -1, 1]], "notes must have onsets of 0 or more, got -1"),
        ([[60, 0, 0]], "notes must have durations above 0, got 0"),
        ([[60, 0, 1, 300]], "notes must have a velocity of whole numbers .* got 300"),
    ],
)
def test_bad_scores(notes, message):
    with pytest.raises(ValueError, match=message):
        render_score(notes)


def test_bad_arguments_of_scores():
    notes = np.array([[60, 0, 1]])
    with pytest.raises(ValueError, match="tempo must be a finite number above 0, got 0"):
        render_score(notes, tempo=0)
    with pytest.raises(ValueError, match="program must be one program or one for each of 1 notes"):
        render_score(notes, [0, 1])
    with pytest.raises(ValueError, match=r"program 78 \(whistle\) is left out"):
        render_score(notes, [78])


def test_note_sets_are_cached_and_repeat(folder, capsys):
    first = load_instrument_notes(3, 8000, programs=["flute", 40])
    assert "Rendering notes" in capsys.readouterr().err
    second = load_instrument_notes(3, 8000, programs=["flute", 40])
    assert capsys.readouterr().err == ""
    assert first.waveforms.shape == (6, 8000) and first.waveforms.dtype == np.float32
    assert first.program.tolist() == [73] * 3 + [40] * 3
    assert first.family.tolist() == [9] * 3 + [5] * 3
    assert first.names[0] == "flute" and len(first) == 6
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    np.testing.assert_allclose(
        first.waveforms[0],
        render_note("flute", int(first.pitch[0]), int(first.velocity[0]), sample_rate=8000),
        atol=1 / 32767,
    )


def test_notes_of_a_program_depend_on_nothing_else():
    many = load_instrument_notes(3, 8000, programs=[73, 40])
    one = load_instrument_notes(2, 8000, programs=[40])
    np.testing.assert_array_equal(many.waveforms[3:5], one.waveforms)
    other = load_instrument_notes(2, 8000, seed=1, programs=[40])
    assert not np.array_equal(one.pitch, other.pitch)


def test_no_note_comes_twice():
    plan = instruments._plan(5, 120, seed=0)
    assert len(set(plan)) == 120
    assert len({pitch for pitch, _ in plan[:49]}) == 49  # all pitches before any returns


def test_select():
    notes = load_instrument_notes(1, 8000, programs=[0, 40, 73])
    assert notes.select(["violin", 0]).program.tolist() == [0, 40]
    with pytest.raises(ValueError, match="programs must name some of this set"):
        notes.select([5])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_per_program": 0}, ValueError, "n_per_program must be a positive integer, got 0"),
        ({"n_per_program": 2000}, ValueError, "n_per_program must be at most 1000, got 2000"),
        ({"seed": -1}, ValueError, "seed must be an integer of 0 or more, got -1"),
        ({"sample_rate": 1}, ValueError, "sample_rate must lie between"),
        ({"programs": []}, ValueError, "programs must be different and at least one"),
        ({"programs": [3, 3]}, ValueError, "programs must be different and at least one"),
        ({"programs": "flute"}, TypeError, "programs must be a sequence of programs, got 'flute'"),
        ({"programs": ["flut"]}, ValueError, "did you mean 'flute'"),
    ],
)
def test_bad_note_sets(arguments, error, message):
    with pytest.raises(error, match=message):
        load_instrument_notes(**arguments)


def test_a_missing_soundfont_says_what_to_do(monkeypatch):
    soundfont.default_soundfont.cache_clear()
    monkeypatch.setattr(soundfont.importlib.util, "find_spec", lambda _: None)
    try:
        with pytest.raises(RuntimeError, match="pip install --force-reinstall pretty_midi"):
            soundfont.default_soundfont()
    finally:
        soundfont.default_soundfont.cache_clear()


def test_a_file_that_is_no_soundfont(folder):
    path = folder / "song.sf2"
    path.write_bytes(b"RIFF....WAVEfmt ")
    with pytest.raises(ValueError, match="path must name a SoundFont 2 file, got song.sf2"):
        soundfont.SoundFont(path)


def test_names_come_in_any_case():
    assert programs.program_number(" Flute ") == programs.program_number(73) == 73
    assert programs.program_number(np.int64(5)) == 5
    assert programs.label(73) == "73 (flute)"
