"""One training loop for every model of the book, with nothing hidden.

:func:`fit` takes a model, a loss and numbered batches, and does what a reader expects of a loop: a
progress bar with loss and validation, the best weights kept, an early stop, and a checkpoint from
which an interrupted run goes on and ends with *the same bits* as an uninterrupted one. It can do
that because nothing in a step depends on anything but the weights, the optimizer and the number of
the step: batch ``i`` is ``batches[i]``, and the random numbers of batch ``i`` come from ``(seed,
i)``. For the same reason a run under ``torchrun`` with several processes takes the same steps as
one process::

    torchrun --standalone --nproc-per-node 2 my_script.py

The shape of the loop is that of Karpathy's nanoGPT: one file that can be read on a train. Chapters
02 and 06 train with it first.
"""

from etudes.train.loop import fit
from etudes.train.machine import budget, pick_device
from etudes.train.run import History
from etudes.train.schedule import cosine_schedule
from etudes.train.weights import load_weights, save_weights

__all__ = [
    "History",
    "budget",
    "cosine_schedule",
    "fit",
    "load_weights",
    "pick_device",
    "save_weights",
]
