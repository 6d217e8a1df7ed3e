"""The way a chapter starts on Colab, for real: a fresh environment, and the set-up cell as it is.

The set-up cell installs the package from its public address. Git is told to find that address in
this repository, so that what is tested is what the last commit holds, and nothing needs to be
published first. Versions come from requirements.lock, as a constraint.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import execute
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = execute.chapters()
TIMEOUT = 1800  # seconds for one cell: the first one installs several gigabytes

pytestmark = [
    pytest.mark.colab,
    pytest.mark.skipif(not CHAPTERS, reason="there is no chapter yet"),
]


def address() -> str:
    """The public address, as `_config.yml` has it."""
    spec = importlib.util.spec_from_file_location("address", ROOT / "tools" / "address.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.current()


def environment() -> dict[str, str]:
    """This process's environment, with the public address leading to this repository."""
    git = {
        "safe.directory": "*",
        f"url.{ROOT.as_uri()}.insteadOf": address(),
        "uploadpack.allowFilter": "true",
    }
    made = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME") and name[:4] != "GIT_"
    }
    made["GIT_CONFIG_COUNT"] = str(len(git))
    for number, (key, value) in enumerate(git.items()):
        made[f"GIT_CONFIG_KEY_{number}"], made[f"GIT_CONFIG_VALUE_{number}"] = key, value
    made["PIP_CONSTRAINT"] = str(ROOT / "requirements.lock")
    made["GIT_TERMINAL_PROMPT"] = "0"
    if os.environ.get("TORCH") == "cpu":
        indexes = [
            os.environ.get("PIP_EXTRA_INDEX_URL", ""),
            "https://download.pytorch.org/whl/cpu",
        ]
        made["PIP_EXTRA_INDEX_URL"] = " ".join(filter(None, indexes))
    return {**made, **execute.SURROUNDINGS}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with a notebook kernel and nothing else, as on Colab."""
    folder = tmp_path_factory.mktemp("colab") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "ipykernel"], env=environment(), check=True
    )
    here = subprocess.run([python, "-c", "import etudes"], capture_output=True, cwd=folder)
    assert here.returncode != 0, "etudes must not be there before the set-up cell ran"
    return python


def test_a_chapter_installs_the_package_and_runs(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    chapter = CHAPTERS[0]
    kernel = tmp_path / "share" / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    arguments = [str(fresh), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": arguments, "display_name": "Colab", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    notebook = nbformat.read(chapter, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="colab",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    try:
        client.execute(env=environment())
    except CellExecutionError as error:
        pytest.fail(f"{chapter.name} does not run as on Colab:\n{error}", pytrace=False)
    place = subprocess.run(
        [fresh, "-c", "import etudes; print(etudes.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout
    assert str(fresh.parent.parent) in place, "etudes was imported from somewhere else"
    assert sys.prefix not in place


def test_the_installed_package_carries_weights_and_ledger(fresh: Path, tmp_path: Path) -> None:
    """What is not code travels with the wheel too."""
    look = (
        "from importlib import resources; root = resources.files('etudes');"
        "print(sorted(f'{part}/{f.name}' for part in ('weights', 'results')"
        " if (root / part).is_dir() for f in (root / part).iterdir()))"
    )
    told = subprocess.run([fresh, "-c", look], capture_output=True, text=True, cwd=tmp_path)
    if told.returncode != 0:
        pytest.skip("the package is not installed: the chapter's test says why")
    there = set(json.loads(told.stdout.replace("'", '"')))
    listed = subprocess.run(
        ["git", "ls-files", "src/etudes/weights", "book/results/*.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {"/".join(Path(name).parts[-2:]) for name in listed}
    assert wanted <= there, wanted - there
