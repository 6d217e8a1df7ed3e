"""Nothing is lost to a kill, a second process, a damaged file, or a folder that is read-only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from etudes.data import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path))
    monkeypatch.delenv("ETUDES_PROGRESS", raising=False)
    return tmp_path


class Builder:
    """Counts how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"x": np.arange(5000, dtype=np.float32), "names": np.array(["a", "b"])}


def child(code: str, folder: Path, **popen) -> subprocess.Popen:
    """Start Python on `code` with the given cache folder."""
    environment = {
        **os.environ,
        "ETUDES_CACHE": str(folder),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    prelude = (
        "import time, numpy as np\nfrom pathlib import Path\nfrom etudes.data.cache import cached\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + textwrap.dedent(code)], env=environment, text=True, **popen
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the child ended early"
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def test_built_once_then_loaded(folder, capsys):
    build = Builder()
    first = cache.cached("toy", build, 1, "a toy")
    assert "Preparing a toy (once; kept in" in capsys.readouterr().err
    second = cache.cached("toy", build, 1, "a toy")
    assert build.calls == 1
    assert capsys.readouterr().err == ""
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
        assert first[key].dtype == second[key].dtype


def test_a_new_version_is_built_anew():
    build = Builder()
    cache.cached("toy", build, 1, "a toy")
    cache.cached("toy", build, 2, "a toy")
    assert build.calls == 2


@pytest.mark.parametrize(
    "where", ["first array", "last array", "directory", "cut", "empty", "text"]
)
def test_a_damaged_file_is_reported_once_and_built_again(folder, where):
    build = Builder()
    cache.cached("toy", build, 1, "a toy")
    path = folder / "toy-v1.npz"
    whole = bytearray(path.read_bytes())
    if where == "first array":
        whole[9000] ^= 1  # one bit, in the middle of the numbers
    elif where == "last array":
        whole[whole.find(b"a\0\0\0b")] ^= 1
    elif where == "directory":
        whole[-10] ^= 0xFF
    path.write_bytes(
        {"cut": whole[:7000], "empty": b"", "text": b"not an archive"}.get(where, whole)
    )
    with pytest.warns(RuntimeWarning, match=r"toy-v1\.npz is damaged .* prepared again") as caught:
        again = cache.cached("toy", build, 1, "a toy")
    assert len(caught) == 1 and build.calls == 2
    np.testing.assert_array_equal(again["x"], np.arange(5000))
    cache.cached("toy", build, 1, "a toy")  # and now whole again: no warning, no build
    assert build.calls == 2


def test_a_builder_that_raises_leaves_nothing(folder):
    def broken():
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        cache.cached("toy", broken, 1, "a toy")
    assert cache.cache_info() == []
    # The lock was given back:
    assert cache.cached("toy", Builder(), 1, "a toy")["x"].shape == (5000,)


def test_killed_while_building_then_built_by_the_next(folder):
    process = child(
        """
        def build():
            Path("started").touch()
            time.sleep(600)
        cached("toy", build, 1, "a toy")
        """,
        folder,
        cwd=folder,
    )
    wait_for(folder / "started", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "toy-v1.npz").exists()
    build = Builder()
    assert cache.cached("toy", build, 1, "a toy")["x"].shape == (5000,)
    assert build.calls == 1


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_killed_while_writing_leaves_no_half_file(folder, moment):
    process = child(
        f"""
        import os
        def stuck(*_):
            Path("written").touch()
            time.sleep(600)
        os.{moment} = stuck
        cached("toy", lambda: {{"x": np.zeros(5000)}}, 1, "a toy")
        """,
        folder,
        cwd=folder,
    )
    wait_for(folder / "written", process)
    assert not (folder / "toy-v1.npz").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "toy-v1.npz").exists()
    assert list(folder.glob(".toy-v1.*.tmp")), "the kill came too late to test anything"
    assert cache.cached("toy", Builder(), 1, "a toy")["x"].shape == (5000,)
    assert not list(folder.glob(".toy-v1.*.tmp"))  # the leftover is cleared away


def test_two_processes_build_once(folder):
    code = """
        def build():
            with open("calls", "a") as file:
                file.write("x")
            time.sleep(0.5)
            return {"x": np.full(10, 7.0)}
        print(cached("toy", build, 1, "a toy")["x"].sum())
        """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [child(code, folder, cwd=folder, **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [out.strip() for out, _ in outputs] == ["70.0", "70.0"]
    assert (folder / "calls").read_text() == "x"


def test_the_second_process_says_that_it_waits(folder):
    process = child(
        """
        def build():
            Path("started").touch()
            while not Path("go").exists():
                time.sleep(0.01)
            return {"x": np.ones(3)}
        cached("toy", build, 1, "a toy")
        """,
        folder,
        cwd=folder,
    )
    wait_for(folder / "started", process)
    waiter = child(
        """
        print(cached("toy", lambda: 1 / 0, 1, "a toy")["x"].sum())
        """,
        folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert "Another process is preparing a toy; waiting" in waiter.stderr.readline()
    (folder / "go").touch()
    out, _ = waiter.communicate(timeout=60)
    assert out.strip() == "3.0"
    assert process.wait(timeout=60) == 0


def test_a_folder_that_cannot_be_made_costs_only_a_warning(folder, monkeypatch):
    (folder / "file").write_text("in the way")
    monkeypatch.setenv("ETUDES_CACHE", str(folder / "file" / "below"))
    with pytest.warns(
        RuntimeWarning, match="no cache folder .* a toy will be prepared but not kept"
    ):
        assert cache.cached("toy", Builder(), 1, "a toy")["x"].shape == (5000,)


def test_a_cache_that_can_only_be_read_is_still_read(folder, monkeypatch):
    cache.cached("toy", Builder(), 1, "a toy")

    def refused(*_, **__):
        raise PermissionError("read-only")

    monkeypatch.setattr(cache, "FileLock", refused)
    monkeypatch.setattr(cache.np, "savez", refused)
    build = Builder()
    assert cache.cached("toy", build, 1, "a toy")["x"].shape == (5000,)
    assert build.calls == 0


def test_a_full_disk_costs_only_a_warning(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "savez", full)
    with pytest.warns(RuntimeWarning, match="a toy could not be kept .*No space left"):
        assert cache.cached("toy", Builder(), 1, "a toy")["x"].shape == (5000,)
    assert cache.cache_info() == [] and not list(folder.glob(".*.tmp"))


@pytest.mark.parametrize("returned", [None, {}, [np.ones(3)], {"x": [1, 2]}, {"x": np.array([{}])}])
def test_only_plain_arrays_are_kept(returned):
    with pytest.raises(TypeError, match="build must return"):
        cache.cached("toy", lambda: returned, 1, "a toy")
    assert cache.cache_info() == []


def test_nothing_is_unpickled(folder):
    np.savez(folder / "toy-v1.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert cache.cached("toy", Builder(), 1, "a toy")["x"].shape == (5000,)


@pytest.mark.parametrize("name", ["", "../up", "A b", ".hidden", None, "a/b"])
def test_bad_names(name):
    with pytest.raises(ValueError, match="name must be lower-case letters"):
        cache.cached(name, Builder(), 1, "a toy")


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True])
def test_bad_versions(version):
    with pytest.raises(ValueError, match="version must be a positive whole number"):
        cache.cached("toy", Builder(), version, "a toy")


def test_info_and_clear(folder):
    cache.cached("small", lambda: {"x": np.zeros(1)}, 1, "a toy")
    cache.cached("large", Builder(), 3, "a toy")
    (folder / "downloads").mkdir()
    (folder / "downloads" / "a.ogg").write_bytes(b"12345")
    names = [entry.name for entry in cache.cache_info()]
    assert names == ["large-v3", "small-v1", "downloads/a.ogg"]
    assert cache.cache_info()[-1].bytes == 5
    with pytest.raises(ValueError, match="got 'larg'; the nearest is 'large-v3'"):
        cache.clear_cache("larg")
    assert cache.clear_cache("large") > 20_000
    assert cache.clear_cache() > 5
    assert cache.cache_info() == []


def test_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("ETUDES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform.startswith("linux"):
        assert cache.cache_dir() == tmp_path / "etudes"


def test_progress_bar_passes_items_on(monkeypatch, capsys):
    assert list(cache.progress_bar(range(3), "Counting", unit="number")) == [0, 1, 2]
    assert "Counting" in capsys.readouterr().err
    monkeypatch.setenv("ETUDES_PROGRESS", "0")
    assert list(cache.progress_bar(iter("ab"), "Counting")) == ["a", "b"]
    assert capsys.readouterr().err == ""
