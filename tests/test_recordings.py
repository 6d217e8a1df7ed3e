"""Recordings: whole or not at all, from a folder, the cache or the network."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import os
import threading
import warnings
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from etudes.data import downloads, recordings
from etudes.data.recordings import (
    EXAMPLES,
    SOURCES,
    RecordingUnavailable,
    find,
    is_here,
    load_example,
    load_jsb_chorales,
    load_spoken_digits,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, no folder of recordings, and addresses where nobody answers."""
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    monkeypatch.delenv("ETUDES_DATA", raising=False)
    for name, source in SOURCES.items():
        monkeypatch.setitem(
            SOURCES, name, dataclasses.replace(source, url=f"http://127.0.0.1:9/{source.path}")
        )
    return tmp_path


def ogg(seconds: float = 0.5) -> bytes:
    """A small recording: two channels at 22,050 Hz."""
    import soundfile

    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(22_050 * seconds)) / 22_050)
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone, 0.5 * tone], axis=1), 22_050, format="OGG")
    return file.getvalue()


def digits(prefix: str = "", rate: int = 8000) -> bytes:
    """A small archive of digits, its files in no order."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, level in (("9_theo_1", 900), ("0_lucas_10", 100), ("0_lucas_2", 200)):
            content = io.BytesIO()
            with wave.open(content, "wb") as file:
                file.setparams((1, 2, rate, 0, "NONE", ""))
                file.writeframes(np.full(level, level, dtype="<i2").tobytes())
            packed.writestr(f"{prefix}recordings/{name}.wav", content.getvalue())
        packed.writestr(f"{prefix}README.md", "words")
    return archive.getvalue()


def use(monkeypatch, name: str, content: bytes) -> None:
    """Let the checksum of a source be that of this content."""
    path = Path(SOURCES[name].path)
    if path.suffix == ".zip":
        digest = hashlib.sha256()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for wav, member in downloads.members(archive):
                digest.update(wav.encode() + b"\0" + hashlib.sha256(archive.read(member)).digest())
    else:
        digest = hashlib.sha256(content)
    changed = dataclasses.replace(SOURCES[name], sha256=digest.hexdigest())
    monkeypatch.setitem(SOURCES, name, changed)


@pytest.fixture
def server(monkeypatch):
    """A web server with one answer for everything; counts the requests."""

    class Answer(http.server.BaseHTTPRequestHandler):
        body, status, promised, requests = b"", 200, None, 0

        def do_GET(self):
            type(self).requests += 1
            self.send_response(self.status)
            self.send_header("Content-Length", str(self.promised or len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    for name, source in SOURCES.items():
        address = f"http://127.0.0.1:{running.server_port}/{source.path}"
        monkeypatch.setitem(SOURCES, name, dataclasses.replace(source, url=address))
    yield Answer
    running.shutdown()
    running.server_close()


def put(folder: Path, monkeypatch, name: str, content: bytes) -> Path:
    """Lay a file into the reader's own folder."""
    monkeypatch.setenv("ETUDES_DATA", str(folder / "mine"))
    path = folder / "mine" / SOURCES[name].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_an_example_from_the_readers_folder(folder, monkeypatch):
    content = ogg()
    put(folder, monkeypatch, "trumpet", content)
    use(monkeypatch, "trumpet", content)
    waveform, rate = load_example("trumpet")
    assert rate == 22_050 and waveform.shape == (11_025,) and waveform.dtype == np.float32
    assert 0.3 < np.abs(waveform).max() < 0.45  # the mean of two channels
    slower, rate = load_example("trumpet", 8000)
    assert rate == 8000 and slower.shape == (4000,)
    assert is_here("trumpet") and not is_here("libri1")


def test_an_example_from_the_network_is_kept(folder, monkeypatch, server, capsys):
    server.body = ogg()
    use(monkeypatch, "robin", server.body)
    assert len(load_example("robin")[0]) == 11_025
    assert "%" in capsys.readouterr().err  # a progress bar
    assert len(load_example("robin")[0]) == 11_025
    assert server.requests == 1 and is_here("robin")
    assert find("robin") == folder / "cache" / "downloads" / SOURCES["robin"].path


@pytest.mark.parametrize("promised", [None, 100_000])
def test_a_truncated_download_is_not_kept(folder, monkeypatch, server, promised):
    whole = ogg()
    use(monkeypatch, "robin", whole)
    server.body, server.promised = whole[:1000], promised
    with pytest.raises(RecordingUnavailable, match="Nothing is lost.*fetch --only recordings"):
        load_example("robin")
    assert [p for p in (folder / "cache" / "downloads").rglob("*") if p.is_file()] == []
    server.body, server.promised = whole, None
    assert len(load_example("robin")[0]) == 11_025  # the next try works


def test_a_truncated_archive_is_not_kept(folder, monkeypatch, server):
    whole = digits()
    use(monkeypatch, "spoken-digits", whole)
    server.body = whole[:-40]
    with pytest.raises(RecordingUnavailable, match="truncated or altered: wrong checksum"):
        load_spoken_digits()
    assert list((folder / "cache").rglob("*.npz")) == []
    server.body = whole
    assert len(load_spoken_digits()) == 3


def test_a_missing_page(server):
    server.status = 404
    with pytest.raises(RecordingUnavailable, match="404"):
        find("robin")


def test_no_network(monkeypatch):
    with pytest.raises(RecordingUnavailable) as caught:
        load_example("trumpet")
    message = str(caught.value)
    assert "no connection to 127.0.0.1" in message
    assert "`python -m etudes fetch --only recordings`" in message
    assert "set ETUDES_DATA to a folder that holds librosa/sorohanro" in message
    assert "No chapter needs it." in message
    for load in (load_spoken_digits, load_jsb_chorales):
        with pytest.raises(RecordingUnavailable, match="no connection"):
            load()


def test_a_damaged_file_in_the_readers_folder_is_not_used(folder, monkeypatch, server):
    content = ogg()
    path = put(folder, monkeypatch, "robin", content[:-9])
    use(monkeypatch, "robin", content)
    server.body = content
    with pytest.warns(UserWarning, match="is damaged .wrong checksum. and not used"):
        found = find("robin")
    assert found != path and found.read_bytes() == content
    assert path.read_bytes() == content[:-9]  # what is the reader's stays as it is


def test_a_download_damaged_later_is_fetched_again(folder, monkeypatch, server):
    server.body = ogg()
    use(monkeypatch, "robin", server.body)
    path = find("robin")
    path.write_bytes(server.body[:-1] + b"!")
    with pytest.warns(UserWarning, match="damaged"):
        assert find("robin").read_bytes() == server.body
    assert server.requests == 2


def test_two_at_once_download_once(monkeypatch, server):
    server.body = ogg()
    use(monkeypatch, "robin", server.body)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(find("robin"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(set(found)) == 1 and len(found) == 4 and server.requests == 1


@pytest.mark.parametrize("prefix", ["", "free-spoken-digit-dataset-26eb9aaf/"])
def test_digits_however_packed(folder, monkeypatch, prefix):
    use(monkeypatch, "spoken-digits", digits())
    put(folder, monkeypatch, "spoken-digits", digits(prefix))
    digit_set = load_spoken_digits()
    assert digit_set.digit.tolist() == [0, 0, 9]
    assert digit_set.speaker.tolist() == ["lucas", "lucas", "theo"]
    assert digit_set.take.tolist() == [2, 10, 1]
    assert [len(waveform) for waveform in digit_set.waveforms] == [200, 100, 900]
    assert digit_set.waveforms[2][0] == np.float32(900 / 32768)
    assert digit_set.sample_rate == 8000
    padded = digit_set.padded(150)
    assert padded.shape == (3, 150) and padded[1, 99] != 0 and padded[1, 100] == 0
    with pytest.raises(ValueError, match="n_samples must be a positive integer, got 0"):
        digit_set.padded(0)


def test_digits_are_read_once(folder, monkeypatch):
    use(monkeypatch, "spoken-digits", digits())
    path = put(folder, monkeypatch, "spoken-digits", digits())
    load_spoken_digits()
    path.unlink()
    assert len(load_spoken_digits()) == 3


def test_digits_of_a_wrong_rate(folder, monkeypatch):
    use(monkeypatch, "spoken-digits", digits(rate=16_000))
    put(folder, monkeypatch, "spoken-digits", digits(rate=16_000))
    with pytest.raises(ValueError, match=r"0_lucas_10.wav must be mono, 16 bits, 8000 Hz, got"):
        load_spoken_digits()


def test_jsb(folder, monkeypatch):
    from scipy.io import savemat

    file = io.BytesIO()
    contents = {}
    for part, name in recordings._JSB_NAMES.items():
        rolls = np.empty((1, recordings._JSB_SIZES[part]), dtype=object)
        for i in range(rolls.shape[1]):
            rolls[0, i] = np.eye(i % 3 + 2, 88)
        contents[name] = rolls
    savemat(file, contents)
    use(monkeypatch, "jsb-chorales", file.getvalue())
    put(folder, monkeypatch, "jsb-chorales", file.getvalue())
    parts = load_jsb_chorales()
    assert {part: len(rolls) for part, rolls in parts.items()} == recordings._JSB_SIZES
    assert parts["test"][1].shape == (3, 88) and parts["test"][1].dtype == np.uint8
    assert parts["test"][1].sum() == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: load_example("trumpets"), ValueError, "name must be .*; did you mean 'trumpet'?"),
        (lambda: load_example("jsb-chorales"), ValueError, "name must be one of 'trumpet'"),
        (lambda: load_example("trumpet", 16), ValueError, "sample_rate must lie between"),
        (lambda: load_example("trumpet", "16000"), TypeError, "sample_rate must be"),
        (lambda: find("digits"), ValueError, "name must be one of .* did you mean"),
        (lambda: is_here("digits"), ValueError, "name must be one of"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_every_source_says_whose_it_is():
    for name, source in SOURCES.items():
        assert source.author and source.home.startswith("https://"), name
        assert source.licence.startswith(("CC BY", "public domain", "music in the")), name
        assert source.title in source.credit and source.licence in source.credit
        assert len(source.sha256) == 64 and not Path(source.path).is_absolute()
    assert len(EXAMPLES) == 10 and "trumpet" in EXAMPLES


REAL = Path(os.environ.get("ETUDES_DATA", "") or Path(__file__).parents[2] / "shared" / "data")


@pytest.mark.skipif(not REAL.is_dir(), reason="the recordings are not beside the repository")
def test_the_real_files_have_the_listed_checksums(monkeypatch):
    monkeypatch.setenv("ETUDES_DATA", str(REAL))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in SOURCES:
            assert is_here(name), name
        sizes = {part: len(rolls) for part, rolls in load_jsb_chorales().items()}
        assert sizes == {"train": 229, "validation": 76, "test": 77}
        assert 5.2 < len(load_example("trumpet", 16_000)[0]) / 16_000 < 5.4
        digit_set = load_spoken_digits()
    assert len(digit_set) == 3000 and len(set(digit_set.speaker.tolist())) == 6
    assert (np.bincount(digit_set.digit) == 300).all()
