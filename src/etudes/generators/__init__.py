"""Models that make new sound or music: ``model.sample(...)``, and ``model.log_prob(...)`` where
there is a likelihood.

Submodules load when first used: ``etudes.generators.markov.MarkovChain(order=3)``.
"""

import importlib
from types import ModuleType

_SUBMODULES = (
    "harmonic_noise",
    "markov",
    "memory",
    "note_questions",
    "note_trees",
    "rules",
    "smoothing",
    "tokens",
    "trusted_trees",
)

__all__ = list(_SUBMODULES)


def __getattr__(name: str) -> ModuleType:
    """Import a submodule on first use (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the submodules too, so that tab completion finds them before they are loaded."""
    return sorted({*globals(), *_SUBMODULES})
