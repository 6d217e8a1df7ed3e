"""Learners: things that answer a few-shot task, all through one verb.

A *learner* is called with an :class:`etudes.episodes.Episode` and gives one row of logits per
query item: ``learner(episode) -> (n_way * n_query, n_way)``. Whatever evaluates or plays a learner
works through that call, so a nearest centroid and a relation network stand in the same table.

Without training: :mod:`~etudes.learners.centroid`, :mod:`~etudes.learners.classical`. Trained on
episodes: :mod:`~etudes.learners.prototypical`, :mod:`~etudes.learners.relation`,
:mod:`~etudes.learners.meta_svm`. On top of either: :mod:`~etudes.learners.finetune`. The networks
that turn an item into numbers are in :mod:`~etudes.learners.encoders`. Chapters 02, 05
and 06 use them; modules load when first used.

Two learn something other than a few-shot task. :mod:`~etudes.learners.meta_network` learns how to
train a network (chapter 03); :mod:`~etudes.learners.meta_tree` learns whom to trust and has
``fit(x, y)`` and ``predict(x)``, as in scikit-learn (chapter 04).
"""

import importlib
from typing import Any

_HOME = {
    "Learner": "protocol",
    "check_episode": "protocol",
    "NearestCentroid": "centroid",
    "KNearest": "classical",
    "LogisticRegression": "classical",
    "ConvEncoder": "encoders",
    "MelodyEncoder": "encoders",
    "PrototypicalNetwork": "prototypical",
    "RelationModule": "relation",
    "RelationNetwork": "relation",
    "FineTuned": "finetune",
    "MetaDecisionTree": "meta_tree",
    "MetaOptNet": "meta_svm",
    "StackedSVM": "meta_svm",
    "SupportVectorMachine": "meta_svm",
}
_SUBMODULES = frozenset({"blocks", "meta_network", *_HOME.values()})

__all__ = sorted({*_HOME, *_SUBMODULES})


def __getattr__(name: str) -> Any:
    """Import a submodule, or the class that lives in it, on first use (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    try:  # modules that later chapters add
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    """List the lazy names too, so that tab completion finds them."""
    return sorted({*globals(), *__all__})
