"""Where sound comes from: scores, instruments, chorales, voices, recordings, and the cache they
share.

Submodules load when first used: ``etudes.data.scores.load_folk_tunes()``.
"""

import importlib
from types import ModuleType

_SUBMODULES = (
    "cache",
    "chorales",
    "duets",
    "instruments",
    "recordings",
    "scores",
    "tunes",
    "voices",
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
