"""Know a new instrument from one note or five: train, compare and write down (chapters 02 and 06).

The idea in a sentence: a network that has learned to tell *some* instruments apart from a few notes
each can tell *others* apart, organs and oboes, say, when it has only heard pianos and flutes.
Prototypical networks (Snell et al. 2017) and relation networks (Sung et al. 2018), beside learners
that know nothing but the support set. The command trains them, compares everything on the same test
episodes, and writes checkpoints and ledger rows::

    python -m etudes.recipes.instruments --full     # the committed checkpoints and rows, an hour
    python -m etudes.recipes.instruments            # quick, as in the chapter; writes nothing

Training instruments, validation instruments (guitars and brass) and test instruments (organs,
strings, reeds, pads) come from different families of General MIDI. Everything was chosen on the
validation families; the test families are met in :func:`compare` alone. Training is repeated from
other seeds; the committed checkpoints are those of seed 0, whichever did best.
"""

from etudes.recipes.instruments.command import all_learners, compare
from etudes.recipes.instruments.networks import (
    ITEM_SHAPE,
    TRAINED,
    encoded_once,
    load_trained,
    make_encoder,
    make_prototypical,
    make_relation,
)
from etudes.recipes.instruments.notes import InTurn, LayeredEpisodes, Notes, load_notes
from etudes.recipes.instruments.training import train

__all__ = [
    "ITEM_SHAPE",
    "TRAINED",
    "InTurn",
    "LayeredEpisodes",
    "Notes",
    "all_learners",
    "compare",
    "encoded_once",
    "load_notes",
    "load_trained",
    "make_encoder",
    "make_prototypical",
    "make_relation",
    "train",
]
