"""Train the trainer: an optimizer that has practised on notes, beside Adam (chapter 03).

The idea in a sentence: whoever has fitted thousands of notes knows how notes are fitted. An LSTM
that sets the steps (Andrychowicz et al. 2016) and a hypernetwork that proposes all weights at once
(Ha et al. 2017) are trained on pianos and flutes, and compared with tuned textbook optimizers on
organs and oboes. The command trains them and writes checkpoints and ledger rows::

    python -m etudes.recipes.learned_optimizer --full   # checkpoints and rows, an hour or two
    python -m etudes.recipes.learned_optimizer          # quick, as in the chapter; writes nothing

Training, validation (guitars and brass) and test instruments (organs, strings, reeds, pads) are of
different families. Everything was chosen on the validation instruments, the step sizes of the
rivals too.
"""

from etudes.recipes.learned_optimizer.rivals import RIVALS, Tuned, tune
from etudes.recipes.learned_optimizer.tasks import Batch, NoteTasks, TaskBatches, load_tasks
from etudes.recipes.learned_optimizer.training import (
    N_STEPS,
    TRAINED,
    CommonStart,
    load_trained,
    make_hypernetwork,
    train_optimizer,
    train_start,
)

__all__ = [
    "N_STEPS",
    "RIVALS",
    "TRAINED",
    "Batch",
    "CommonStart",
    "NoteTasks",
    "TaskBatches",
    "Tuned",
    "load_tasks",
    "load_trained",
    "make_hypernetwork",
    "train_optimizer",
    "train_start",
    "tune",
]
