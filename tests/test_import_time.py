"""``import etudes`` stays quick because it imports nothing heavy (how quick: benchmarks/)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "IPython",
    "ipywidgets",
    "librosa",
    "matplotlib",
    "music21",
    "numba",
    "numpy",
    "pooch",
    "scipy",
    "sklearn",
    "symusic",
    "tensorflow",
    "torch",
}


def imported_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after running `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {name.partition(".")[0] for name in json.loads(told.splitlines()[-1])}


def test_importing_etudes_imports_nothing_heavy() -> None:
    assert not imported_by("import etudes") & HEAVY


def test_looking_at_etudes_imports_nothing_heavy() -> None:
    assert not imported_by("import etudes; dir(etudes); etudes.__version__") & HEAVY


@pytest.mark.parametrize("name", ["data", "listen", "exercises"])
def test_what_a_reader_needs_without_learning_does_not_import_torch(name: str) -> None:
    assert not imported_by(f"import etudes.{name}") & {"torch", "tensorflow", "music21"}


def test_tensorflow_is_seeded_only_where_it_is_in_use() -> None:
    assert "tensorflow" not in imported_by("import etudes; etudes.seed_everything(1)")


def test_an_unknown_submodule_is_an_attribute_error() -> None:
    import etudes

    with pytest.raises(AttributeError, match="has no attribute 'feature'"):
        etudes.feature  # noqa: B018


def test_submodules_load_when_first_used() -> None:
    import etudes

    assert callable(etudes.checks.check_waveform)
    assert "features" in dir(etudes)


@pytest.mark.parametrize(
    ("seed", "error", "told"),
    [
        (-1, ValueError, "seed must be from 0 to 2\\*\\*32 - 1, got -1"),
        (2**32, ValueError, "seed must be from 0"),
        (1.5, TypeError, "seed must be an integer, got float"),
        (True, TypeError, "seed must be an integer, got True"),
        ("7", TypeError, "seed must be an integer, got str"),
    ],
)
def test_a_seed_is_an_integer_in_range(seed: object, error: type[Exception], told: str) -> None:
    import etudes

    with pytest.raises(error, match=told):
        etudes.seed_everything(seed)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_numbers() -> None:
    import random

    import numpy as np
    import torch

    import etudes

    def numbers() -> list[float]:
        etudes.seed_everything(3)
        return [random.random(), float(np.random.rand()), float(torch.rand(1))]  # noqa: NPY002

    first = numbers()
    assert numbers() == first
    etudes.seed_everything(4)
    assert random.random() != first[0]
