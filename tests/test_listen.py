"""Players without a browser: what is refused, how loud, how large, and what the page says."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import freqz

from etudes.listen import compare, loudness, piano_roll, play, spectrogram
from etudes.listen.describe import brightness
from etudes.listen.levels import k_weighting_coefficients, matching_gains, safety_gain
from etudes.listen.page import script, style
from etudes.listen.pictures import (
    frequency_ticks,
    hz_to_mel,
    mel_to_hz,
    spectrogram_db,
)

RATE = 16000
SECOND = np.arange(RATE) / RATE
TONE = (0.5 * np.sin(2 * np.pi * 440 * SECOND)).astype(np.float32)
NOTES = np.array([[60, 0, 1], [64, 1, 1], [67, 2, 2]])


def sounds(html: str) -> list[tuple[np.ndarray, int]]:
    """The sounds inside a player, decoded."""
    found = re.findall(r'<audio [^>]*src="data:audio/flac;base64,([^"]+)"', html)
    return [soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="float32") for text in found]


class Tags(HTMLParser):
    """Every element of a piece of HTML; fails on one that is closed in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in ("img", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))


# --- bad input -------------------------------------------------------------------------------

BAD_WAVEFORMS = [
    (np.zeros((2, 100)), ValueError, r"must have shape \(n_samples,\), got \(2, 100\)"),
    (np.zeros(0), ValueError, "must not be empty"),
    (np.array([0.0, np.nan]), ValueError, "must be finite, got 1 NaN"),
    (np.array([0.0, np.inf]), ValueError, "must be finite"),
    (np.array([1 + 1j]), TypeError, "must be real"),
    (np.array([0, 20000], dtype=np.int16), TypeError, "divide 16-bit samples by 32768"),
    ("trumpet", TypeError, "must be an array of numbers, got str 'trumpet'"),
    (None, TypeError, "must be an array of numbers, got None"),
]


@pytest.mark.parametrize(("waveform", "error", "message"), BAD_WAVEFORMS)
@pytest.mark.parametrize("verb", [play, spectrogram])
def test_a_bad_waveform_is_refused_by_name(verb, waveform, error, message) -> None:
    with pytest.raises(error, match="^waveform .*" + message):
        verb(waveform, RATE)


@pytest.mark.parametrize(("waveform", "error", "message"), BAD_WAVEFORMS)
def test_compare_says_which_take_is_bad(waveform, error, message) -> None:
    with pytest.raises(error, match=r"takes\['broken'\] .*" + message):
        compare({"good": TONE, "broken": waveform}, RATE)


@pytest.mark.parametrize(
    ("rate", "error"), [(0, ValueError), (-16000, ValueError), (16, ValueError), ("16k", TypeError)]
)
def test_a_bad_rate_is_refused(rate, error) -> None:
    for verb in (play, spectrogram):
        with pytest.raises(error, match="^sample_rate must"):
            verb(TONE, rate)
    with pytest.raises(error, match="^sample_rate must"):
        compare({"a": TONE, "b": TONE}, rate)
    with pytest.raises(error, match="^sample_rate must"):
        piano_roll(NOTES, waveform=TONE, sample_rate=rate)


def test_compare_wants_two_to_nine_named_takes() -> None:
    with pytest.raises(ValueError, match="takes must hold 2 to 9 waveforms, got 1"):
        compare({"only": TONE}, RATE)
    with pytest.raises(ValueError, match="takes must hold 2 to 9 waveforms, got 10"):
        compare({str(i): TONE[:100] for i in range(10)}, RATE)
    with pytest.raises(TypeError, match="takes must map names to waveforms, got list"):
        compare([TONE, TONE], RATE)
    with pytest.raises(TypeError, match="takes must have non-empty names, got int 0"):
        compare({0: TONE, 1: TONE}, RATE)


def test_other_bad_arguments() -> None:
    with pytest.raises(ValueError, match="picture must be one of .* did you mean 'spectrogram'"):
        play(TONE, RATE, picture="spektrogram")
    with pytest.raises(ValueError, match="scale must be one of 'mel', 'linear', got 'log'"):
        play(TONE, RATE, scale="log")
    with pytest.raises(ValueError, match="description must be one of 'a', 'b', got 'c'"):
        compare({"a": TONE, "b": TONE}, RATE, description={"c": "text"})
    with pytest.raises(TypeError, match="description must be a text or map names to texts"):
        play(TONE, RATE, description=3)
    with pytest.raises(TypeError, match="title must be a text, got int 3"):
        play(TONE, RATE, title=3)


@pytest.mark.parametrize(
    ("notes", "error", "message"),
    [
        (np.zeros((0, 3)), ValueError, "notes must not be empty"),
        (np.zeros(3), ValueError, "notes must have 2 dimensions, got 1"),
        (np.zeros((4, 2)), ValueError, r"notes must have shape \(n_notes, 3\) or .* got \(4, 2\)"),
        ([[128, 0, 1]], ValueError, "notes must have pitches from 0 to 127, got 128"),
        ([[60, -1, 1]], ValueError, "notes must have onsets of 0 or more, got -1"),
        ([[60, 0, 0]], ValueError, "notes must have durations above 0, got 0"),
        ([[60, 0, np.nan]], ValueError, "notes must be finite"),
        ({"bass": [[60, 0]]}, ValueError, r"notes\['bass'\] must have shape"),
        ({}, ValueError, "notes must hold at least one voice"),
    ],
)
def test_bad_notes_are_refused(notes, error, message) -> None:
    with pytest.raises(error, match=message):
        piano_roll(notes)


def test_piano_roll_wants_sound_and_rate_together_and_at_the_right_tempo() -> None:
    with pytest.raises(ValueError, match="go together, got no sample_rate"):
        piano_roll(NOTES, waveform=TONE)
    with pytest.raises(ValueError, match="go together, got no waveform"):
        piano_roll(NOTES, sample_rate=RATE)
    with pytest.raises(ValueError, match="at tempo 60 it holds 1.0 quarter notes, the notes 4.0"):
        piano_roll(NOTES, tempo=60, waveform=TONE, sample_rate=RATE)
    with pytest.raises(ValueError, match="tempo must be a finite number above 0"):
        piano_roll(NOTES, tempo=0)


# --- loudness --------------------------------------------------------------------------------


def test_a_full_scale_sine_has_the_loudness_that_the_recommendation_states() -> None:
    t = np.arange(48000 * 2) / 48000
    assert loudness(np.sin(2 * np.pi * 997 * t), 48000) == pytest.approx(-3.01, abs=0.02)


def test_the_filters_are_those_of_the_recommendation_at_48_khz() -> None:
    (shelf_b, shelf_a), (pass_b, pass_a) = k_weighting_coefficients(48000)
    assert shelf_b == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285])
    assert shelf_a == pytest.approx([1, -1.69065929318241, 0.73248077421585])
    assert pass_b == pytest.approx([1, -2, 1])
    assert pass_a == pytest.approx([1, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_the_filters_weigh_alike_at_other_rates(rate) -> None:
    frequencies = np.array([50.0, 200.0, 1000.0, 2000.0, 3000.0])

    def response(at: int) -> np.ndarray:
        both = [
            np.abs(freqz(b, a, worN=frequencies, fs=at)[1]) for b, a in k_weighting_coefficients(at)
        ]
        return 20 * np.log10(both[0] * both[1])

    # The bilinear transform squeezes the shelf a little when half the rate is not far above it.
    assert response(rate) == pytest.approx(response(48000), abs=0.6 if rate == 8000 else 0.25)


def test_loudness_follows_gain_exactly_and_ignores_silence_around_a_sound() -> None:
    assert loudness(0.001 * TONE, RATE) == pytest.approx(loudness(TONE, RATE) - 60, abs=1e-3)
    long = np.tile(TONE, 4)
    padded = np.concatenate([long, np.zeros(20 * RATE, dtype=np.float32)])
    assert loudness(padded, RATE) == pytest.approx(loudness(long, RATE), abs=0.3)
    assert loudness(np.zeros(RATE), RATE) == -np.inf


def test_quiet_stretches_do_not_count_but_softer_ones_do() -> None:
    tone = np.tile(TONE, 4)
    alone = loudness(tone, RATE)
    quiet = np.concatenate([0.1 * tone, tone, 0.1 * tone])  # 20 dB lower: behind the gate
    assert loudness(quiet, RATE) == pytest.approx(alone, abs=0.5)
    softer = np.concatenate([0.5 * tone, tone, 0.5 * tone])  # 6 dB lower: in front of it
    assert loudness(softer, RATE) == pytest.approx(alone - 3.0, abs=0.3)


@pytest.mark.parametrize("n_samples", [1, 2, 10, 100, 6399, 6400, 6401])
def test_loudness_of_short_clips_is_finite(n_samples) -> None:
    assert np.isfinite(loudness(np.full(n_samples, 0.5), RATE))


@pytest.mark.parametrize("rate", [1000, 4000, 8000, 44100, 96000, 192000])
def test_loudness_hardly_depends_on_the_rate(rate) -> None:
    t = np.arange(rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 300 * t)
    assert loudness(tone, rate) == pytest.approx(-9.7, abs=0.3)


def test_takes_come_out_equally_loud_and_never_clip() -> None:
    rng = np.random.default_rng(0)
    click = np.zeros(RATE)
    click[::4000] = 1.0
    takes = {"tone": 0.01 * TONE, "noise": 0.2 * rng.standard_normal(RATE), "clicks": click}
    player = compare(takes, RATE)
    heard = sounds(player.html)
    levels = [loudness(sound, rate) for sound, rate in heard]
    assert np.ptp(levels) < 0.1
    peaks = [np.abs(sound).max() for sound, _ in heard]
    assert max(peaks) <= 10 ** (-1 / 20) + 1e-3
    # The clicks are what keeps the others down, and they go as far up as they may.
    assert max(peaks) == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert levels[0] < -20.5


def test_a_lone_player_sits_at_the_loudness_of_the_book() -> None:
    for gain in (0.001, 1.0, 1.9):
        (sound, rate) = sounds(play(gain * TONE, RATE).html)[0]
        assert loudness(sound, rate) == pytest.approx(-20, abs=0.05)


def test_levels_are_kept_when_level_is_the_point() -> None:
    player = compare({"loud": TONE, "quiet": 0.1 * TONE}, RATE, match_levels=False)
    loud, quiet = (sound for sound, _ in sounds(player.html))
    assert loud == pytest.approx(TONE, abs=1e-4)
    assert quiet == pytest.approx(0.1 * TONE, abs=1e-4)
    assert player.gains_db == {"loud": 0.0, "quiet": 0.0}
    assert "level as it is" in player.text


def test_takes_beyond_full_scale_come_down_together_and_say_so() -> None:
    player = compare({"loud": 4 * TONE, "quiet": 0.4 * TONE}, RATE, match_levels=False)
    loud, quiet = (sound for sound, _ in sounds(player.html))
    assert np.abs(loud).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert np.abs(loud).max() / np.abs(quiet).max() == pytest.approx(10, rel=1e-2)
    assert "turned down 7.0 dB to keep it from clipping" in player.text


def test_gains_by_hand() -> None:
    assert matching_gains([-30, -10], [0.1, 0.5]) == pytest.approx([10, -10])
    # The second is full of peaks at 0 dBFS: it can reach only -41 LUFS, so both go there.
    assert matching_gains([-30, -40], [0.1, 1.0]) == pytest.approx([-11, -1])
    assert matching_gains([-np.inf, -30], [0.0, 0.1]) == pytest.approx([0, 10])
    assert safety_gain([0.5, 1.0]) == 0
    assert safety_gain([0.5, 2.0]) == pytest.approx(-7.02, abs=0.01)


# --- what is in the page ----------------------------------------------------------------------


def test_silence_is_allowed_and_labelled() -> None:
    player = play(np.zeros(RATE), RATE, title="Nothing")
    assert str(player) == "Nothing: 1.00 s, silent"
    assert "Silent." in player.html
    both = compare({"tone": TONE, "nothing": np.zeros(RATE)}, RATE)
    assert both.gains_db["nothing"] == 0
    assert 'data-gain="silent"' in both.html
    level = loudness(*sounds(both.html)[0])
    assert level == pytest.approx(-20, abs=0.1)


def test_shorter_takes_are_padded_and_the_page_says_so() -> None:
    player = compare({"long": TONE, "short": TONE[: RATE // 2]}, RATE)
    lengths = [len(sound) for sound, _ in sounds(player.html)]
    assert lengths == [RATE, RATE]
    assert "silence added at the end to 1.00 s" in player.text.splitlines()[1]
    assert "silence added" not in player.text.splitlines()[0]


@pytest.mark.parametrize("n_samples", [1, 2, 17, 300])
def test_tiny_clips_are_padded_to_something_a_browser_plays(n_samples) -> None:
    html = play(np.full(n_samples, 0.5), RATE).html
    assert len(sounds(html)[0][0]) == RATE // 20
    for picture in ("waveform", None):
        play(np.full(n_samples, 0.5), RATE, picture=picture)
    spectrogram(np.full(n_samples, 0.5), RATE)


@pytest.mark.parametrize(("given", "held"), [(1000, 8000), (4000, 8000), (96000, 48000)])
def test_rates_that_browsers_do_not_promise_are_resampled_and_the_page_says_so(given, held) -> None:
    t = np.arange(given) / given
    player = play(0.5 * np.sin(2 * np.pi * 200 * t), given)
    sound, rate = sounds(player.html)[0]
    assert (rate, player.sample_rate) == (held, held)
    assert len(sound) == held
    assert brightness(sound, rate) == pytest.approx(200, abs=30)
    assert f"held at {held // 1000} kHz (given at {given // 1000} kHz)" in player.text


def test_what_is_played_is_the_waveform_within_16_bits() -> None:
    player = play(TONE, RATE, match_levels=False)
    sound, rate = sounds(player.html)[0]
    assert rate == RATE
    assert np.abs(sound - TONE).max() <= 0.5 / 32768 + 1e-7


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_five_seconds_stay_under_300_kb_a_take_even_for_noise(rate) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, 5 * rate)
    one = play(noise, rate)
    assert len(one.html) < 300_000
    two = compare({"a": noise, "b": noise[::-1]}, rate)
    assert len(two.html) < 2 * 300_000
    if two.sample_rate < rate:
        assert f"given at {rate / 1000:.3g} kHz" in two.text


def test_a_concert_is_refused_before_it_is_put_into_a_page() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 8000 * 200)
    with pytest.raises(ValueError, match=r"too long for a player .* pass an excerpt"):
        play(noise, 8000, picture=None)


def test_style_and_script_are_small() -> None:
    assert len(script().encode()) < 8000
    assert len(style().encode()) < 8000
    assert "</script" not in script()
    assert "http" not in script() + style()


def test_the_page_needs_no_network_and_its_html_is_well_formed() -> None:
    players = [
        play(TONE, RATE, title='A <b> & "c"', description="x < y & 'z'"),
        play(TONE, RATE, picture="waveform"),
        play(TONE, RATE, picture=None),
        compare({"<one>": TONE, 'two"': 0.5 * TONE}, RATE, description={"<one>": "1 < 2"}),
        spectrogram(TONE, RATE, title="<i>"),
        piano_roll({"<v>": NOTES, "w": NOTES}, title="&"),
        piano_roll(NOTES, waveform=np.tile(TONE, 2), sample_rate=RATE),
    ]
    for player in players:
        tags = Tags(re.sub(r"<(script|style)>.*?</\1>", "", player.html, flags=re.S))
        for tag, attributes in tags.all:
            for name in ("src", "href"):
                assert (attributes.get(name) or "data:").startswith("data:")
            if tag == "img":
                assert len(attributes["alt"] or "") > 20
            if attributes.get("role") == "img":
                assert len(attributes["aria-label"] or "") > 20
        assert tags.all[0][1]["role"] == "group"
        assert "<b>" not in player.html
        assert "<one>" not in player.html
        assert "<i>" not in player.html
        assert "<v>" not in player.html


def test_ids_are_unique_and_each_refers_to_something() -> None:
    players = [play(TONE, RATE, title="Same", description="Same") for _ in range(3)]
    html = "".join(player.html for player in players)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids)) == 9
    referred = re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', html)
    assert len(referred) == 6
    assert set(referred) <= set(ids)


def test_every_clip_has_words() -> None:
    assert str(play(TONE, RATE)) == (
        "1.00 s, peak −6.0 dBFS, RMS −9.0 dBFS, brightness 440 Hz; turned down 10.4 dB"
    )
    player = compare({"a": TONE, "b": 0.25 * TONE}, RATE, title="T", description={"b": "Softer"})
    assert player.text.splitlines() == [
        "T",
        "1 a: 1.00 s, peak −6.0 dBFS, RMS −9.0 dBFS, brightness 440 Hz; turned down 10.4 dB",
        "2 b: Softer. 1.00 s, peak −18.1 dBFS, RMS −21.1 dBFS, brightness 440 Hz; turned up 1.7 dB",
    ]
    for line in player.text.splitlines():
        assert line.split(": ", 1)[-1] in player.html


def test_a_notebook_shows_the_html_and_a_terminal_the_words() -> None:
    for shown in (play(TONE, RATE), spectrogram(TONE, RATE), piano_roll(NOTES)):
        assert shown._repr_html_() == shown.html
        assert repr(shown) == shown.text


def test_tensors_and_lists_are_waveforms_too() -> None:
    first = play(torch.from_numpy(TONE), RATE)
    second = play(list(TONE), RATE)
    assert sounds(first.html)[0][0] == pytest.approx(sounds(second.html)[0][0])


def test_giving_a_waveform_does_not_change_it() -> None:
    before = TONE.copy()
    compare({"a": TONE, "b": 2 * TONE}, RATE)
    assert np.array_equal(before, TONE)


def test_pictures_without_sound_carry_no_script() -> None:
    assert "<script" not in spectrogram(TONE, RATE).html
    assert "<script" not in piano_roll(NOTES).html
    assert "<script" in piano_roll(NOTES, waveform=np.tile(TONE, 2), sample_rate=RATE).html


# --- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["mel", "linear"])
@pytest.mark.parametrize("frequency", [250.0, 1000.0, 3500.0])
def test_a_tone_is_bright_where_its_frequency_is(scale, frequency) -> None:
    level = spectrogram_db(np.sin(2 * np.pi * frequency * SECOND), RATE, scale)
    row = level.mean(axis=1).argmax() / (len(level) - 1)
    where = frequency / 8000 if scale == "linear" else hz_to_mel(frequency) / hz_to_mel(8000)
    assert row == pytest.approx(float(where), abs=0.015)
    assert level.max() == pytest.approx(0, abs=1.5)  # a full-scale sine is at 0 dB


def test_a_click_is_bright_at_its_time_even_in_a_long_clip() -> None:
    for seconds in (1, 60):
        clip = np.zeros(RATE * seconds)
        clip[int(0.75 * len(clip))] = 1
        level = spectrogram_db(clip, RATE)
        assert level.max(axis=0).argmax() / level.shape[1] == pytest.approx(0.75, abs=0.03)


def test_the_mel_scale_is_librosas() -> None:
    import librosa

    frequencies = np.array([0.0, 100, 999, 1000, 1001, 4000, 11025])
    assert hz_to_mel(frequencies) == pytest.approx(librosa.hz_to_mel(frequencies))
    assert mel_to_hz(hz_to_mel(frequencies)) == pytest.approx(frequencies)


@pytest.mark.parametrize("rate", [1000, 8000, 16000, 44100, 192000])
@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_axis_labels_do_not_run_into_each_other(rate, scale) -> None:
    heights = [height for height, _ in frequency_ticks(rate, scale)]
    assert heights[0] == 0
    assert heights[-1] == 1
    assert np.diff(heights).min() > 0.08


def test_all_takes_of_a_comparison_share_one_colour_scale() -> None:
    from PIL import Image

    noise = np.random.default_rng(0).standard_normal(RATE) * 0.1
    quiet = {"loud": noise, "30 dB lower": noise / 31.6}

    def lightness(html: str) -> list[float]:
        images = re.findall(r'src="data:image/webp;base64,([^"]+)"', html)
        files = [io.BytesIO(base64.b64decode(text)) for text in images]
        return [float(np.asarray(Image.open(file).convert("L")).mean()) for file in files]

    loud, lower = lightness(compare(quiet, RATE, match_levels=False).html)
    assert lower < 0.6 * loud
    loud, lower = lightness(compare(quiet, RATE).html)
    assert lower == pytest.approx(loud, rel=0.01)


def test_a_piano_roll_draws_each_note_and_says_what_there_is() -> None:
    roll = piano_roll(NOTES, title="Triad")
    assert str(roll) == "Triad: 3 notes from C4 to G4; 4 quarter notes long"
    assert roll.html.split("<svg")[1].count("h-") == 3
    assert "Piano roll: 3 notes from C4 to G4" in roll.html
    two = piano_roll({"high": NOTES, "low": NOTES - [12, 0, 0]})
    assert "high: 3 notes from C4 to G4; low: 3 notes from C3 to G3" in two.text
    assert "etudes-legend" in two.html
    assert "etudes-hollow" in two.html.split("</style>")[1]


def test_a_piano_roll_is_as_wide_as_its_sound_lasts() -> None:
    # 4 quarters at 120 a minute last 2 s; the sound lasts 4 s, so the last note ends half-way.
    roll = piano_roll(NOTES, tempo=120, waveform=np.tile(TONE, 4), sample_rate=RATE)
    starts = [float(x) for x in re.findall(r"M([\d.]+) [\d.]+h", roll.html.split("<svg")[1])]
    assert max(starts) == pytest.approx(250, abs=1)
    assert len(sounds(roll.html)) == 1


def test_a_long_score_stays_small() -> None:
    rng = np.random.default_rng(0)
    notes = np.stack([rng.integers(30, 90, 1000), np.arange(1000), np.ones(1000)], axis=1)
    assert len(piano_roll(notes).html) < 50_000


def test_importing_listen_does_not_import_torch() -> None:
    code = "import sys, etudes.listen; print('torch' in sys.modules, 'librosa' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
