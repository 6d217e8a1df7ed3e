"""The commands behind make: the ledger's commands, tidy notebooks, the text mirror."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tool(name: str):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A ledger whose commands write what they were given into a file."""
    results = tool("results")
    out = tmp_path / "out.txt"
    write = f"python -c \"import os, sys; open(r'{out}', 'a').write(os.environ.get('SCALE', '-'))\""
    rows = [
        {"id": "02.a", "command": write, "seconds": 3},
        {"id": "02.b", "command": write, "seconds": 3},
        {"id": "06.c", "command": f"SCALE=full {write}", "seconds": None},
        {"id": "06.d", "command": 'python -c "raise SystemExit(3)"', "seconds": 1},
    ]
    (tmp_path / "02.json").write_text(json.dumps(rows[:2]))
    (tmp_path / "06.json").write_text(json.dumps(rows[2:]))
    monkeypatch.setattr(results, "commands", _with_default(results.commands, tmp_path))
    return results, out


def _with_default(function, folder: Path):
    return lambda beginnings: function(beginnings, folder)


def test_each_command_of_the_ledger_runs_once(ledger, capfd: pytest.CaptureFixture) -> None:
    results, out = ledger
    assert results.main([]) == 1, "one of them failed"
    assert out.read_text() == "-full"
    told = capfd.readouterr()
    assert "[1/3]" in told.out and "02.a" in told.out and "02.b" in told.out
    assert "raise SystemExit(3)" in told.err


def test_rows_can_be_chosen_and_listed(ledger, capsys: pytest.CaptureFixture) -> None:
    results, out = ledger
    assert results.main(["06.c"]) == 0
    assert out.read_text() == "full"
    assert results.main(["02", "--list"]) == 0
    assert out.read_text() == "full"
    assert results.main(["07"]) == 1
    assert "no row of the ledger starts with 07" in capsys.readouterr().out


def test_the_text_mirror_and_back_keeps_a_notebook(tmp_path: Path) -> None:
    """`make text`: edits in Markdown come back; ids, tags and everything else stay."""
    tidy = tool("tidy")
    (tmp_path / "chapters").mkdir()
    shutil.copy(ROOT / "jupytext.toml", tmp_path)
    source = {
        "metadata": tidy.METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": [
            {
                "cell_type": "markdown",
                "id": "title",
                "metadata": {},
                "source": ["# One\n", "\n", "Old."],
            },
            {
                "cell_type": "code",
                "id": "hear-first",
                "metadata": {"tags": ["hide-input"]},
                "source": ["x = 1"],
                "outputs": [],
                "execution_count": None,
            },
        ],
    }
    path = tmp_path / "chapters" / "01-one.ipynb"
    path.write_text(tidy.written(source))
    before = path.read_text()

    def sync() -> str:
        command = [sys.executable, "-m", "jupytext", "--sync", str(path)]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
        return tidy.written(tidy.tidy(json.loads(path.read_text())))

    assert sync() == before
    mirror = tmp_path / "text" / "01-one.md"
    mirror.write_text(mirror.read_text().replace("Old.", "New."))
    newer = path.stat().st_mtime + 10
    os.utime(mirror, (newer, newer))
    assert sync() == before.replace("Old.", "New.")


def test_make_says_what_there_is() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in ("book", "test", "lab", "results", "text", "tidy", "address", "lock", "clean"):
        assert f"make {target}" in told
    assert "PYTHON=" in told and "TORCH=cpu" in told
