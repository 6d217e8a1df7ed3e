"""How good is it, and how sure are we: accuracy over many tasks, with an honest interval.

A few-shot result is a mean over tasks, and papers print it with the normal interval over tasks,
1.96 standard deviations over the root of their number. That interval answers: *where would the mean
be if I drew more tasks from these same classes?* With 600 tasks it is always about ±1 point, and
with 6,000 tasks ±0.3, however few classes there are to draw from. A reader wants to know something
else: *what will it do with the next classes?* The 600 tasks drawn from eight styles share those
eight styles, so they hold eight observations of "a style never seen before" and not 600.

So :class:`FewShotResult` has two intervals:

``ci95``
    Over classes as well as tasks: the headline. The accuracy of a task is taken to be the mean
    accuracy, plus an effect of each class that is part of it (whether it is recognised itself, and
    whether it takes others' items), plus the luck of the task. The effects are fitted by least
    squares; then classes and tasks are both resampled with replacement and their effects added up
    again, 2,000 times; the quantiles are widened for the small number of classes.
``ci95_tasks``
    Over tasks alone, as papers print it: for comparing with them, and nothing else.

Resampling rows and columns of a crossed table each on their own is the pigeonhole bootstrap of
Owen, "The pigeonhole bootstrap" (Annals of Applied Statistics 1, 2007). Applied as it stands to
tasks and classes, it either weights the answers by the class *asked about*, and then does not see
that a class also acts by being the wrong answer to others; or weights each task by the product of
the weights of all its classes, and then, with 5 of 8 classes in each task, few tasks are left in a
replicate and the interval is too narrow. Adding up fitted effects does neither; it is the linear
part of the statistic (Arvesen, "Jackknifing U-statistics", Annals of Mathematical Statistics 40,
1969, takes it apart in the same way). ``benchmarks/coverage.py`` simulates all four, with classes
and items drawn anew, 5-way 5-shot, 600 tasks. In 100 repetitions the truth lies inside

=================================  =========  =========  ==========
interval                           6 classes  8 classes  32 classes
=================================  =========  =========  ==========
over tasks alone                           6          9          17
product of the weights of classes         52         85          99
pigeonhole, by the class asked            85         90          95
``ci95``: fitted effects                  96         97          97
=================================  =========  =========  ==========

The effects are fitted from the tasks themselves, so the interval cannot become narrower than the
tasks can tell classes apart: with 600 tasks over 8 classes it reaches at least a third of a task's
standard deviation to either side, even where classes do not differ at all. It errs on the safe
side there; where a small difference matters, evaluate 2,400 tasks instead.

What the interval cannot know: the classes are taken to be a fair sample of those one cares about.
Eight folk styles from two books are not.

Chapter 02 builds this and shows what each shortcut is worth; every chapter uses it.
"""

from etudes.evaluate.few_shot import evaluate
from etudes.evaluate.intervals import Estimate, bootstrap_mean, bootstrap_ratio
from etudes.evaluate.likelihood import bits_per_note
from etudes.evaluate.modes import evaluation_mode
from etudes.evaluate.paired import Difference, paired_difference
from etudes.evaluate.results import ClassResult, FewShotResult, chance
from etudes.evaluate.separation import best_order, si_sdr, si_sdr_improvement
from etudes.evaluate.separators import SeparationResult, evaluate_separator, separation_difference
from etudes.evaluate.spectral import log_spectral_distance
from etudes.evaluate.transduction import is_transductive

__all__ = [
    "ClassResult",
    "Difference",
    "Estimate",
    "FewShotResult",
    "SeparationResult",
    "best_order",
    "bits_per_note",
    "bootstrap_mean",
    "bootstrap_ratio",
    "chance",
    "evaluate",
    "evaluate_separator",
    "evaluation_mode",
    "is_transductive",
    "log_spectral_distance",
    "paired_difference",
    "separation_difference",
    "si_sdr",
    "si_sdr_improvement",
]
