"""Études in Learning to Learn: meta-learning and generative models for sound and music.

This is the package behind the book. A chapter explains an idea and builds it by hand; the module
of the same name holds the version the rest of the book works with. Submodules load when they are
first used, so ``import etudes`` is quick and ``etudes.features.stft(...)`` needs no second import.
"""

import importlib
import sys
from types import ModuleType

__version__ = "0.1.0"

_SUBMODULES = frozenset(
    {
        "checks",
        "data",
        "episodes",
        "evaluate",
        "exercises",
        "features",
        "generators",
        "learners",
        "ledger",
        "listen",
        "recipes",
        "separators",
        "train",
    }
)

__all__ = ["__version__", "seed_everything", *sorted(_SUBMODULES)]


def __getattr__(name: str) -> ModuleType:
    """Import a submodule on first use (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the submodules too, so that tab completion finds them before they are loaded."""
    return sorted({*globals(), *_SUBMODULES})


def seed_everything(seed: int) -> None:
    """Seed every source of chance a chapter uses.

    Seeds Python's ``random``, NumPy's global generator and PyTorch (CPU and GPU); TensorFlow is
    seeded only when it is already imported, since importing it takes seconds. Data sets and
    episode samplers take a seed of their own and do not depend on this one.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Raises
    ------
    TypeError
        If `seed` is not an integer.
    ValueError
        If `seed` is out of range.
    """
    import operator
    import random

    if isinstance(seed, bool):
        raise TypeError(f"seed must be an integer, got {seed!r}")
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be an integer, got {type(seed).__name__}") from None
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, got {seed}")

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (libraries that use the global generator)
    torch.manual_seed(seed)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.random.set_seed(seed)
