"""requirements.lock holds what the package and its extras need, and it is what runs here."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
LOCKED = {
    canonicalize_name(name): Version(version)
    for name, _, version in (x.partition("==") for x in LINES)
}
WANTED = [
    Requirement(text)
    for texts in [
        PROJECT["dependencies"],
        *(texts for extra, texts in PROJECT["optional-dependencies"].items() if extra != "parity"),
    ]
    for text in texts
]


def test_each_line_is_one_exact_public_version() -> None:
    for line in LINES:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*", line), line
    names = [line.partition("==")[0] for line in LINES]
    assert names == sorted(set(names))


def test_the_lock_names_no_index() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not [line for line in LINES if line.startswith("-")]


@pytest.mark.parametrize("requirement", WANTED, ids=lambda requirement: requirement.name)
def test_the_lock_covers_a_dependency(requirement: Requirement) -> None:
    locked = LOCKED.get(canonicalize_name(requirement.name))
    assert locked is not None, f"{requirement.name} is not in requirements.lock: make lock"
    assert requirement.specifier.contains(locked, prereleases=True)


def test_the_running_environment_has_the_locked_versions() -> None:
    """Names of packages for other platforms may be missing here; no version may differ."""
    different = []
    for name, locked in LOCKED.items():
        try:
            installed = Version(Version(metadata.version(name)).public)
        except metadata.PackageNotFoundError:
            continue
        if installed != locked:
            different.append(f"{name}: locked {locked}, installed {installed}")
    assert not different, "\n".join(different)


def test_the_lock_is_closed_under_what_its_packages_need() -> None:
    missing = []
    for name in LOCKED:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in map(Requirement, needs):
            here = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if not here:
                continue
            locked = LOCKED.get(canonicalize_name(requirement.name))
            if locked is None and not for_gpus(requirement.name):
                missing.append(f"{name} needs {requirement}")
            elif locked is not None and not requirement.specifier.contains(
                locked, prereleases=True
            ):
                missing.append(f"{name} needs {requirement}, locked {locked}")
    assert not missing, "\n".join(missing)


def for_gpus(name: str) -> bool:
    """Packages that only PyTorch's CUDA builds ask for; pip takes those that fit."""
    return bool(re.match(r"nvidia-|cuda-|triton", canonicalize_name(name)))


def test_the_package_requires_what_it_imports() -> None:
    """An import that works here by luck, through somebody else's dependency, fails on Colab."""
    known = metadata.packages_distributions()
    required = {
        canonicalize_name(Requirement(text).name)
        for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["tf"]
    }
    undeclared = []
    for module in sorted((ROOT / "src" / "etudes").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name in sys.stdlib_module_names or name in ("etudes", "__future__"):
                    continue
                if not required & set(map(canonicalize_name, known.get(name, []))):
                    undeclared.append(f"{module.relative_to(ROOT)}:{node.lineno} {name}")
    assert not undeclared, "\n".join(undeclared)


def test_conda_and_make_install_the_same_lock() -> None:
    assert "-r requirements.lock" in (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-r requirements.lock" in (ROOT / "Makefile").read_text(encoding="utf-8")
