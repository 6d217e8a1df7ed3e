"""Where a measurement was made: the commit of the code, and the machine in a few words."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def commit() -> str:
    """The commit of the repository, with a ``+`` when the package was changed since; or
    ``unknown``.

    Checkpoints do not count: a command that has just written them writes its rows next.

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    package = Path(__file__).parents[1]
    try:
        head, changed = _git("rev-parse", "--short=12", "HEAD", folder=package), _changed(package)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def hardware() -> str:
    """Processor, number of cores, and GPU when there is one.

    Returns
    -------
    str
        Such as ``"2 cores of x86_64"``, without the name of the machine.
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = f"{cores} core{'s' if cores != 1 else ''} of {platform.machine()}"
    if torch.cuda.is_available():
        words += f", {torch.cuda.get_device_name()}"
    return words


def _changed(package: Path) -> bool:
    """Whether a file under a folder differs from the last commit, weights apart."""
    code = ("status", "--porcelain", "--untracked-files=no", ".", ":(exclude)weights")
    return bool(_git(*code, folder=package))


def _git(*arguments: str, folder: Path) -> str:
    """What a git command prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
