"""The doctor finds each trouble, says how to mend it, and fails only where something is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from etudes import __main__ as command_line
from etudes import doctor
from etudes.data import cache, espeak, instruments, prepare, rendering, sampler


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    monkeypatch.delenv("ETUDES_DATA", raising=False)
    return tmp_path


def found(part: str, state: str) -> list[doctor.Finding]:
    return [f for f in doctor.examine() if f.part == part and f.state == state]


def test_all_is_well(capsys):
    cache.cached("toy", lambda: {"x": np.zeros(1000)}, 1, "a toy")
    assert command_line.main(["doctor"]) == 0
    text = capsys.readouterr().out
    for part in ("Python", "etudes", "torch", "device", "soundfont", "voices", "recordings"):
        assert f" {part} " in text, part
    assert "toy-v1" in text and "GB free" in text and str(cache.cache_dir()) in text
    assert "Everything needed works" in text


def test_silence_is_broken(monkeypatch, capsys):
    monkeypatch.setattr(sampler, "play", lambda *_: np.zeros(100, np.float32))
    assert command_line.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "XX  soundfont" in text and "flute" in text
    assert "-> run `python -m pip install --force-reinstall pretty_midi`" in text
    assert "1 broken (XX): some chapters will not run" in text


def test_a_missing_soundfont_is_broken(monkeypatch):
    def missing():
        raise RuntimeError("the soundfont TimGM6mb.sf2 of pretty_midi is missing")

    monkeypatch.setattr(rendering, "default_soundfont", missing)
    assert "missing" in found("soundfont", "broken")[0].what


def test_a_mute_is_broken(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak.languages.cache_clear()
    espeak.variants.cache_clear()
    (finding,) = found("voices", "broken")
    assert "espeakng-loader" in finding.remedy


def test_a_package_of_a_wrong_version_is_broken(monkeypatch):
    version = doctor.importlib.metadata.version
    monkeypatch.setattr(
        doctor.importlib.metadata, "version", lambda n: "0.6.0" if n == "symusic" else version(n)
    )
    (finding,) = found("symusic", "broken")
    assert finding.what.startswith("0.6.0, wanted ") and "pip install" in finding.remedy


def test_a_package_that_is_missing_is_broken(monkeypatch):
    version = doctor.importlib.metadata.version

    def without_pooch(name):
        if name in ("pooch", "tensorflow"):
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", without_pooch)
    (finding,) = found("pooch", "broken")
    assert finding.what == "not installed" and "pip install" in finding.remedy
    assert "optional" in found("tensorflow", "note")[0].what


def test_a_damaged_cache_file_is_named_and_no_reason_to_fail():
    cache.cached("toy", lambda: {"x": np.zeros(1000)}, 1, "a toy")
    path = cache.cache_dir() / "toy-v1.npz"
    path.write_bytes(path.read_bytes()[:-100])
    findings = doctor.examine()
    (damaged,) = [f for f in findings if "is damaged" in f.what]
    assert "toy-v1" in damaged.what and "prepared again" in damaged.remedy
    assert damaged.state == "doubtful" and doctor.is_well(findings)
    assert path.exists()  # looking changes nothing


def test_a_cache_that_cannot_be_written(folder, monkeypatch):
    (folder / "file").write_text("in the way")
    monkeypatch.setenv("ETUDES_CACHE", str(folder / "file" / "below"))
    (finding,) = found("cache", "doubtful")
    assert "cannot be written" in finding.what and "ETUDES_CACHE" in finding.remedy


def test_a_full_disk(monkeypatch):
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 10**6)
    )
    assert "only 1 MB free" in found("disk", "doubtful")[0].what


def test_an_old_python_is_broken(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1))
    assert "3.11" in found("Python", "broken")[0].remedy


def test_a_wrong_folder_of_recordings(monkeypatch, folder):
    assert "fetch --only recordings" in found("recordings", "note")[0].remedy
    monkeypatch.setenv("ETUDES_DATA", str(folder / "nowhere"))
    assert "not a folder" in found("recordings", "doubtful")[0].what


def test_the_doctor_does_not_fall_ill(monkeypatch):
    def ill():
        raise KeyError("surprise")

    monkeypatch.setattr(doctor, "_device", ill)
    (finding,) = found("device", "broken")
    assert "KeyError" in finding.what and finding.remedy


def test_as_a_command(folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-m", "etudes", "--version"],
        env=environment,
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    assert run.stdout.startswith("etudes ")


@pytest.fixture
def small(monkeypatch):
    """Make every part small; notes are real, and so is the cache."""
    monkeypatch.setattr(instruments, "USABLE_PROGRAMS", (0, 73))
    for part in ("scores", "chorales", "voices"):
        monkeypatch.setitem(prepare.PARTS, part, lambda part=part: f"{part} are here")


def test_fetch_fills_the_cache(small, monkeypatch, capsys):
    monkeypatch.setitem(prepare.PARTS, "recordings", lambda: "recordings are here")
    assert command_line.main(["fetch"]) == 0
    printed = capsys.readouterr()
    for part in prepare.PARTS:
        assert f"ok  {part}" in printed.out
    assert "Rendering notes" in printed.err
    assert cache.cache_info()[0].name.startswith("instrument-notes-2x20")
    assert command_line.main(["fetch", "--only", "instruments"]) == 0
    assert capsys.readouterr().err == ""  # at once


def test_fetch_only_some(small, capsys):
    assert command_line.main(["fetch", "--only", "voices", "scores", "voices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["voices", "scores"]


def test_fetch_without_a_network(small, monkeypatch, capsys):
    """Recordings are an addition: missing, they are a failure only where they were asked for."""
    from etudes.data import recordings

    def nothing(name):
        raise recordings.RecordingUnavailable(f"{name}: no connection")

    monkeypatch.setattr(recordings, "find", nothing)
    assert command_line.main(["fetch"]) == 0
    text = capsys.readouterr().out
    assert "XX  recordings" in text and "trumpet: no connection" in text
    assert command_line.main(["fetch", "--only", "recordings"]) == 1


def test_fetch_goes_on_after_a_failure(small, monkeypatch, capsys):
    def fails():
        raise RuntimeError("no corpus")

    monkeypatch.setitem(prepare.PARTS, "scores", fails)
    assert command_line.main(["fetch", "--only", "scores", "voices"]) == 1
    text = capsys.readouterr().out
    assert "XX  scores" in text and "RuntimeError: no corpus" in text and "ok  voices" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "--only", "recording"], "did you mean 'recordings'?"),
        (["fech"], "invalid choice: 'fech'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_bad_commands(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_unknown_part():
    with pytest.raises(ValueError, match="part must be one of .* did you mean 'scores'?"):
        prepare.prepare("score")
