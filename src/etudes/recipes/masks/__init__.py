"""Taking duets apart before, and at the edge of, networks (chapter 16).

The idea in a sentence: what masks could do with the answer in hand, what notes and cuts do without
it, and what an affinity is worth that has been learned::

    python -m etudes.recipes.masks --full             # trains, chooses, measures; an hour
    python -m etudes.recipes.masks --full --seeds 3   # trains the network from two more seeds
    python -m etudes.recipes.masks                    # a few validation excerpts; writes nothing

Settings are chosen on validation hymns, one choice for all three duets; test hymns are met once, at
the end of the full run. What was trained, tried and measured is remembered, so that a run which was
interrupted goes on.
"""

from etudes.recipes.masks.methods import (
    ANY_ORDER,
    METHODS,
    Settings,
    load_trained,
    separate_by,
)
from etudes.recipes.masks.training import train
from etudes.recipes.separation_training import Crops

__all__ = ["ANY_ORDER", "METHODS", "Crops", "Settings", "load_trained", "separate_by", "train"]
