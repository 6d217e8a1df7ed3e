"""Voices: the same words are the same numbers, whatever was said before and by whom."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from etudes.data import espeak, voices
from etudes.data.voices import list_languages, list_voices, load_utterances, say


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    return tmp_path


def test_a_waveform():
    waveform = say("Good morning.")
    assert waveform.ndim == 1 and waveform.dtype == np.float32
    assert 0.3 < len(waveform) / 16_000 < 3
    assert 0.05 < np.abs(waveform).max() <= 1 and np.isfinite(waveform).all()


def test_sample_rates_agree():
    native, half = say("one", sample_rate=22_050), say("one", sample_rate=11_025)
    assert abs(len(native) - 2 * len(half)) <= 1
    spectra = [np.abs(np.fft.rfft(w, 2**k)) / len(w) for w, k in ((native, 15), (half, 14))]
    np.testing.assert_allclose(spectra[0][:6000], spectra[1][:6000], atol=3e-3 * spectra[0].max())


# Long enough for the noise, the flutter and the phases of the oscillators to matter.
SENTENCE = "hello world, this is a test"


@pytest.mark.parametrize("voice", ["en-gb+f2", "en-gb+whisper"])
def test_what_was_said_before_changes_nothing(voice):
    first = say(SENTENCE, voice)
    say("Something else, at another speed.", "de+m3", speed=300, pitch=80)
    np.testing.assert_array_equal(first, say(SENTENCE, voice))


def test_another_process_says_the_same():
    """The library seeds its noise with the time of day, if it is left to."""
    code = (
        "import hashlib; from etudes.data.voices import say; "
        f"print(hashlib.sha256(say({SENTENCE!r}).tobytes()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    time.sleep(1.1)  # the next second
    assert other.stdout.strip() == hashlib.sha256(say(SENTENCE).tobytes()).hexdigest()


def test_many_threads_at_once():
    expected, heard = say("three"), []
    threads = [threading.Thread(target=lambda: heard.append(say("three"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(heard) == 6
    for waveform in heard:
        np.testing.assert_array_equal(waveform, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_after_a_fork_even_one_that_came_while_speaking():
    expected = hashlib.sha256(say("three").tobytes()).digest()
    reading, writing = os.pipe()
    with espeak._lock:  # as if another thread were speaking
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # rather die than wait for ever for a lock
            os.write(writing, hashlib.sha256(say("three").tobytes()).digest())
            os._exit(0)
    os.close(writing)
    try:
        assert os.read(reading, 64) == expected
    finally:
        os.close(reading)
        os.waitpid(child, 0)


def test_voices_differ():
    waveforms = [say("nine", voice) for voice in ("en-gb", "en-gb+f2", "en-gb+m3", "en-us", "fr")]
    assert len({waveform.tobytes() for waveform in waveforms}) == 5


def test_lists():
    assert {"en", "en-gb", "en-us", "de", "cmn"} <= set(list_languages())
    names = list_voices("de")
    assert names[0] == "de" and "de+f2" in names and len(names) > 90
    assert list_voices()[0] == "en-gb"
    assert espeak.languages()["en"] == espeak.languages()["en-gb"]  # not one of the accents


def test_every_listed_variant_speaks():
    for voice in list_voices()[::9]:
        assert np.abs(say("two", voice, sample_rate=8000)).max() > 0.02


def test_speed_and_pitch():
    slow, fast = say("nine nine nine", speed=100), say("nine nine nine", speed=300)
    assert len(slow) > 1.5 * len(fast)

    def lag(waveform):  # period of the voice, by autocorrelation between 80 and 400 Hz
        middle = waveform[2000:4000]
        return 40 + np.argmax([middle[:-k] @ middle[k:] for k in range(40, 200)])

    assert lag(say("aaaa", pitch=10)) > lag(say("aaaa", pitch=90))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"text": ""}, ValueError, "text must contain something to say, got ''"),
        ({"text": " \n"}, ValueError, "text must contain something to say"),
        ({"text": "a\0b"}, ValueError, "text must contain something to say"),
        ({"text": "..."}, ValueError, "text must contain something that voice en-gb.f2 can say"),
        ({"text": "a" * 5001}, ValueError, "text must have at most 5000 characters, got 5001"),
        ({"text": 7}, TypeError, "text must be text, got int 7"),
        ({"text": None}, TypeError, "text must be text, got None"),
        ({"voice": "en-gb+f22"}, ValueError, "variant of voice .* 'f22'; did you mean 'f2'?"),
        ({"voice": "en-gbb"}, ValueError, "language of voice .*'en-gbb'; did you mean 'en-gb'?"),
        ({"voice": "+f2"}, ValueError, "the language of voice must be one of"),
        ({"voice": 3}, TypeError, "voice must be text, got int 3"),
        ({"speed": 20}, ValueError, "speed must lie between 80 and 450, got 20"),
        ({"speed": 1.5}, TypeError, "speed must be an integer"),
        ({"pitch": 100}, ValueError, "pitch must lie between 0 and 99, got 100"),
        ({"sample_rate": 16}, ValueError, "sample_rate must lie between"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        say(**{"text": "one", **arguments})


def test_an_unknown_language_suggests_the_nearest():
    with pytest.raises(ValueError, match="language must be one of .* did you mean 'en-gb'?"):
        list_voices("en-gbb")


def test_utterances_are_cached(capsys):
    first = load_utterances(["one", "two"], ["en-gb", "de"], 8000)
    assert "Speaking" in capsys.readouterr().err
    second = load_utterances(["one", "two"], ["en-gb", "de"], 8000)
    assert capsys.readouterr().err == ""
    assert first.text == ["one", "two", "one", "two"]
    assert first.voice == ["en-gb", "en-gb", "de", "de"]
    assert len(first) == 4 and first.sample_rate == 8000
    for a, b in zip(first.waveforms, second.waveforms):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(first.waveforms[3], say("two", "de", 8000), atol=1 / 32767)
    other = load_utterances(["one", "two"], ["en-gb", "de"], 8000, speed=250)
    assert len(other.waveforms[0]) < len(first.waveforms[0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"texts": "one"}, TypeError, "texts must be a sequence of text, got 'one'"),
        ({"texts": []}, ValueError, "texts must not be empty"),
        ({"voices": []}, ValueError, "voices must not be empty"),
        ({"voices": ["en-gb+f22"]}, ValueError, "did you mean 'f2'?"),
        ({"texts": [""], "voices": ["en-gb"]}, ValueError, "text must contain something to say"),
    ],
)
def test_bad_utterances(arguments, error, message):
    with pytest.raises(error, match=message):
        load_utterances(**arguments)


def test_a_long_installation_path(monkeypatch, tmp_path):
    """The library holds 160 bytes of path; a virtual environment may lie deeper."""
    import espeakng_loader

    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    expected = say("one")
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))
    np.testing.assert_array_equal(say("one"), expected)


def test_missing_data_says_what_to_do(monkeypatch, tmp_path):
    import espeakng_loader

    threads = Path("/proc/self/task")  # where there is none, nothing is counted
    before = len(list(threads.glob("*")))
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
    for _ in range(5):
        with pytest.raises(RuntimeError, match="eSpeak cannot start .*--force-reinstall espeakng"):
            say("one")
    assert len(list(threads.glob("*"))) <= before, "eSpeak's thread outlives its library"


def test_a_missing_package_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(RuntimeError, match="pip install espeakng-loader"):
        say("one")


def test_digits_are_words():
    assert len(voices.DIGIT_WORDS) == 10 and voices.DIGIT_WORDS[7] == "seven"
