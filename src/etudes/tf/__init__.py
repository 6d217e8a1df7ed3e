"""TensorFlow twins: the same models under the same names as the torch modules that they mirror.

A twin is held to its torch version by a test: with copied weights, the same input gives the same
output. Imported by nobody unless asked for, since TensorFlow takes seconds to load.
"""

import importlib
from types import ModuleType

_SUBMODULES = ("meta_network",)

__all__ = list(_SUBMODULES)


def __getattr__(name: str) -> ModuleType:
    """Import a submodule on first use (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the submodules too, so that tab completion finds them before they are loaded."""
    return sorted({*globals(), *_SUBMODULES})
