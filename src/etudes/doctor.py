"""Look over an installation: what is there, what is wrong, and how to mend it.

The idea in a sentence: every part that a chapter needs is tried for real (a note is rendered, a
word is said, the device is asked), and each trouble comes with the command that mends it.

Run ``python -m etudes doctor``; "How to use this book" tells when.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

OPTIONAL = ("tensorflow", "keras", "jupyter-book", "jupyterlab", "easyfsl")
"""Packages that only some readers need."""

LEAST_FREE = 2_000_000_000
"""Bytes of free disk below which the doctor warns."""

_MARKS = {"well": "ok", "note": "--", "doubtful": "??", "broken": "XX"}
_OLDEST, _NEWEST = (3, 11), (3, 13)


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes
    ----------
    part
        What was looked at, such as ``"soundfont"``.
    state
        ``"well"``, ``"note"`` (for information), ``"doubtful"`` (works, perhaps not well) or
        ``"broken"`` (a chapter will fail).
    what
        What was found.
    remedy
        What to do about it; empty when there is nothing to do.
    """

    part: str
    state: str
    what: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything.

    Returns
    -------
    list of Finding
        In the order in which to print them. Nothing raises: what fails is a finding.
    """
    parts: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("Python", _python),
        ("packages", _packages),
        ("device", _device),
        ("cache", _cache),
        ("soundfont", _soundfont),
        ("voices", _voices),
        ("recordings", _recordings),
    ]
    findings = []
    for part, look in parts:
        try:
            findings += look()
        except Exception as error:  # the doctor must not fall ill
            what = f"{type(error).__name__}: {error}"
            findings.append(Finding(part, "broken", what, _REINSTALL))
    return findings


def report(findings: list[Finding]) -> str:
    """Write findings as text, one a line, remedies below them.

    Parameters
    ----------
    findings
        From :func:`examine`.

    Returns
    -------
    str
        Ready to print; the last line sums up.
    """
    width = max((len(finding.part) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.state]}  {finding.part:<{width}}  {finding.what}")
        if finding.remedy:
            lines.append(f"    {'':<{width}}-> {finding.remedy}")
    broken = sum(finding.state == "broken" for finding in findings)
    doubtful = sum(finding.state == "doubtful" for finding in findings)
    if broken:
        summary = f"{broken} broken (XX): some chapters will not run until mended as said above."
    elif doubtful:
        summary = f"Everything needed works; {doubtful} doubtful (??)."
    else:
        summary = "Everything needed works."
    return "\n".join([*lines, "", summary])


def is_well(findings: list[Finding]) -> bool:
    """Tell whether nothing needed is broken.

    Parameters
    ----------
    findings
        From :func:`examine`.

    Returns
    -------
    bool
        True when no finding is ``"broken"``.
    """
    return not any(finding.state == "broken" for finding in findings)


_REINSTALL = "reinstall: `make book` in the repository, or `python -m pip install --upgrade etudes`"


def _python() -> list[Finding]:
    version = sys.version_info[:2]
    what = f"{platform.python_version()} on {platform.platform(terse=True)}, {platform.machine()}"
    if _OLDEST <= version <= _NEWEST:
        return [Finding("Python", "well", what)]
    remedy = "make an environment with Python 3.11, 3.12 or 3.13"
    state = "broken" if version < _OLDEST else "doubtful"
    return [Finding("Python", state, what, remedy)]


def _packages() -> list[Finding]:
    """Version of each package etudes requires, held against the requirement."""
    from packaging.requirements import Requirement

    try:
        own = importlib.metadata.version("etudes")
        requirements = [Requirement(line) for line in importlib.metadata.requires("etudes") or []]
    except importlib.metadata.PackageNotFoundError:
        remedy = "run `python -m pip install -e .` in the repository"
        return [Finding("etudes", "doubtful", "not installed, only found on the path", remedy)]
    findings = [Finding("etudes", "well", f"{own}, in {Path(__file__).parent}")]
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            findings.append(_package(requirement.name, requirement.specifier))
    for name in OPTIONAL:
        version = _version(name) or "not installed (optional)"
        findings.append(Finding(name, "note", version))
    return findings


def _package(name: str, wanted: object) -> Finding:
    version, install = _version(name), f'run `python -m pip install "{name}{wanted}"`'
    if version is None:
        return Finding(name, "broken", "not installed", install)
    if version not in wanted:  # type: ignore[operator]
        return Finding(name, "broken", f"{version}, wanted {wanted}", install)
    return Finding(name, "well", version)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device() -> list[Finding]:
    import torch

    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        return [Finding("device", "well", f"{name} ({torch.cuda.device_count()} GPU), {threads}")]
    what = f"CPU, {threads}; every chapter is made to run on it"
    return [Finding("device", "well", what)]


def _cache() -> list[Finding]:
    from etudes.data.cache import cache_dir, cache_info

    choose = "set ETUDES_CACHE to a folder that can be written"
    try:
        folder = cache_dir()
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        return [
            Finding("cache", "doubtful", f"cannot be written, nothing is kept: {error}", choose)
        ]
    entries = cache_info()
    total = sum(entry.bytes for entry in entries)
    findings = [Finding("cache", "well", f"{folder}, {_size(total)} in {len(entries)} files")]
    for entry in entries:
        if entry.path.suffix == ".npz":
            findings.append(_cached_file(entry.name, entry.path, entry.bytes))
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        remedy = "make room, or set ETUDES_CACHE to a folder on another disk"
        findings.append(Finding("disk", "doubtful", f"only {_size(free)} free", remedy))
    else:
        findings.append(Finding("disk", "well", f"{_size(free)} free"))
    return findings


def _cached_file(name: str, path: Path, size: int) -> Finding:
    from etudes.data.cache import is_whole

    if is_whole(path):
        return Finding("", "note", f"{_size(size):>8}  {name}")
    remedy = "nothing to do: it is prepared again when it is next needed"
    return Finding("", "doubtful", f"{_size(size):>8}  {name} is damaged", remedy)


def _soundfont() -> list[Finding]:
    from etudes.data.instruments import render_note

    try:
        note = render_note("flute", 72, length=0.3)
        if not np.array_equal(note, render_note("flute", 72, length=0.3)):
            raise ValueError("the same note comes out different")
    except (RuntimeError, ValueError, ImportError) as error:
        remedy = "run `python -m pip install --force-reinstall pretty_midi`"
        return [Finding("soundfont", "broken", f"renders nothing: {error}", remedy)]
    return [Finding("soundfont", "well", "renders notes")]


def _voices() -> list[Finding]:
    from etudes.data.voices import list_languages, list_voices, say

    try:
        say("one")
        languages, variants = len(list_languages()), len(list_voices()) - 1
    except (RuntimeError, ValueError, ImportError) as error:
        remedy = "run `python -m pip install --force-reinstall espeakng-loader`"
        return [Finding("voices", "broken", f"do not speak: {error}", remedy)]
    what = f"speak {languages} languages and accents, in {variants} variants each"
    return [Finding("voices", "well", what)]


def _recordings() -> list[Finding]:
    from etudes.data.recordings import SOURCES, is_here

    named = os.environ.get("ETUDES_DATA")
    if named and not Path(named).expanduser().is_dir():
        what = f"ETUDES_DATA names {named}, which is not a folder"
        return [Finding("recordings", "doubtful", what, "correct ETUDES_DATA, or unset it")]
    missing = [name for name in SOURCES if not is_here(name)]
    if not missing:
        return [Finding("recordings", "well", f"all {len(SOURCES)} here")]
    here = f"{len(SOURCES) - len(missing)} of {len(SOURCES)} here"
    what = f"{here}; missing: {', '.join(missing)} (no chapter needs them)"
    remedy = "to have them: `python -m etudes fetch --only recordings`, about 20 MB"
    return [Finding("recordings", "note", what, remedy)]


def _size(n_bytes: int) -> str:
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1000  # type: ignore[assignment]
    return f"{n_bytes:.1f} GB"
