"""Which head belongs on an embedding: train one for each, compare, swap, write down (chapter 05).

The idea in a sentence: the same backbone, the same training episodes and the same number of trials
for a support vector machine, ridge regression, prototypes and a relation module, so that what is
left is what the head is worth (MetaOptNet: Lee et al., CVPR 2019)::

    python -m etudes.recipes.svm_heads --full     # the committed checkpoints and rows, an hour
    python -m etudes.recipes.svm_heads            # small, on validation classes; writes nothing

Instruments come from :mod:`etudes.recipes.instruments`, styles from :mod:`etudes.recipes.styles`,
with their splits. Settings are chosen on validation classes; test classes are met once, at the end
of the full run. Training is repeated from other seeds; the committed checkpoints are of seed 0.
"""

from etudes.recipes.svm_heads.choosing import TRIALS, choose
from etudes.recipes.svm_heads.comparing import (
    CORNERS,
    compare,
    encoded,
    encoded_by,
    fitted_head,
    instrument_baselines,
    interaction,
    style_baselines,
    swapped,
)
from etudes.recipes.svm_heads.domains import DOMAINS, Domain, instruments, styles
from etudes.recipes.svm_heads.networks import HEAD_NAMES, load_trained, make_network
from etudes.recipes.svm_heads.solver import solver_against_sklearn

__all__ = [
    "CORNERS",
    "DOMAINS",
    "HEAD_NAMES",
    "TRIALS",
    "Domain",
    "choose",
    "compare",
    "encoded",
    "encoded_by",
    "fitted_head",
    "instrument_baselines",
    "instruments",
    "interaction",
    "load_trained",
    "make_network",
    "solver_against_sklearn",
    "style_baselines",
    "styles",
    "swapped",
]
