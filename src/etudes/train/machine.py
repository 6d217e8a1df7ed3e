"""What the machine at hand allows: a GPU or none, the full experiment or the small one.

Chapters run on any laptop in minutes and, where there is more, do more. Chapter 06 asks first.
"""

from __future__ import annotations

import os
from typing import TypeVar

import torch

from etudes.checks import check_in

T = TypeVar("T")


def budget(quick: T, full: T) -> T:
    """The small size of an experiment, or the large one where there is time for it.

    Parameters
    ----------
    quick, full : object
        What to use at each size, for example numbers of steps.

    Returns
    -------
    object
        ``full`` when the environment variable ``ETUDES_SCALE`` is ``full``, ``quick`` when it is
        ``quick``; when it is not set, ``full`` on a machine with a GPU.

    Raises
    ------
    ValueError
        When ``ETUDES_SCALE`` is something else.
    """
    scale = os.environ.get("ETUDES_SCALE") or ("full" if torch.cuda.is_available() else "quick")
    return full if check_in(scale, "ETUDES_SCALE", ("quick", "full")) == "full" else quick


def pick_device() -> torch.device:
    """The GPU when there is one, otherwise the CPU; under ``torchrun`` one GPU for each process.

    Returns
    -------
    torch.device
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", local % torch.cuda.device_count())
