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

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from tqdm import tqdm

from etudes.checks import check_array, check_positive_int, describe
from etudes.episodes import Episode
from etudes.evaluate.intervals import Estimate, bootstrap_mean, class_interval, task_interval
from etudes.evaluate.modes import device_of, evaluation_mode

__all__ = [
    "ClassResult",
    "Difference",
    "Estimate",
    "FewShotResult",
    "bits_per_note",
    "bootstrap_mean",
    "chance",
    "evaluate",
    "evaluation_mode",
    "is_transductive",
    "paired_difference",
]

Learner = Callable[[Episode], Any]


class Episodes(Protocol):
    """Anything with numbered episodes: a sampler, or a list of episodes."""

    def __getitem__(self, i: int, /) -> Episode:
        """Episode number ``i``."""


class ClassResult(NamedTuple):
    """How one class fared: the fraction of its queries answered rightly, and in how many tasks."""

    accuracy: float
    n_tasks: int


@dataclass(frozen=True, eq=False)
class FewShotResult:
    """What a learner did on a list of tasks.

    Parameters
    ----------
    recalls : numpy.ndarray
        Shape ``(n_tasks, n_way)``: the fraction of each class's queries answered rightly.
    task_classes : numpy.ndarray
        Shape ``(n_tasks, n_way)``, integers: column ``i`` of ``recalls`` is class
        ``classes[task_classes[task, i]]``.
    classes : tuple
        All the classes that appeared, sorted.
    confusion : numpy.ndarray
        Shape ``(n_classes, n_classes)``: how many queries of the row's class were given to the
        column's.
    k_shot, n_query : int
        Support and query items per class.
    transductive : bool
        Whether an answer depends on the *other* queries (measured on the first task, or declared by
        the learner). Such results must not be compared with those that are not.
    fingerprint : str
        A digest of the rows of all episodes: two results with the same one saw the same tasks.
    seconds : float
        How long it took.
    """

    recalls: np.ndarray
    task_classes: np.ndarray
    classes: tuple[Any, ...]
    confusion: np.ndarray
    k_shot: int
    n_query: int
    transductive: bool
    fingerprint: str
    seconds: float

    @property
    def accuracies(self) -> np.ndarray:
        """Accuracy of each task, shape ``(n_tasks,)``, 0…1."""
        return self.recalls.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean accuracy over tasks, 0…1."""
        return float(self.recalls.mean())

    @property
    def ci95(self) -> tuple[float, float]:
        """95% interval of the mean over classes as well as tasks, within 0…1."""
        low, high = class_interval(self.recalls, self.task_classes)
        return max(low, 0.0), min(high, 1.0)

    @property
    def ci95_tasks(self) -> tuple[float, float]:
        """95% normal interval of the mean over tasks alone: these classes only."""
        return task_interval(self.accuracies)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.recalls)

    @property
    def n_way(self) -> int:
        """Classes per task."""
        return self.recalls.shape[1]

    @property
    def n(self) -> str:
        """What the interval is over, in words, for the ledger."""
        return f"{self.n_tasks} tasks over {len(self.classes)} classes"

    @property
    def per_class(self) -> dict[Any, ClassResult]:
        """For each class: accuracy on its queries, and the number of tasks it was part of."""
        table = {}
        for code, name in enumerate(self.classes):
            here = self.task_classes == code
            table[name] = ClassResult(float(self.recalls[here].mean()), int(here.sum()))
        return table

    def __str__(self) -> str:
        """Mean, both intervals, and what they are over."""
        (low, high), tasks = self.ci95, self.ci95_tasks
        kind = ", transductive" if self.transductive else ""
        return (
            f"{self.n_way}-way {self.k_shot}-shot{kind}: {100 * self.mean:.1f}% "
            f"(95% interval {100 * low:.1f} to {100 * high:.1f}, {self.n}; "
            f"over tasks alone ±{50 * (tasks[1] - tasks[0]):.1f})"
        )


@dataclass(frozen=True, eq=False)
class Difference:
    """How much better one learner is than another on the same tasks.

    Parameters
    ----------
    mean : float
        Mean difference in accuracy, −1…1; positive when the first is better.
    ci95 : tuple of float
        95% interval over classes as well as tasks.
    ci95_tasks : tuple of float
        95% normal interval over tasks alone.
    n : str
        What the interval is over, in words.
    """

    mean: float
    ci95: tuple[float, float]
    ci95_tasks: tuple[float, float]
    n: str

    @property
    def excludes_zero(self) -> bool:
        """Whether ``ci95`` lies on one side of zero."""
        return self.ci95[0] > 0 or self.ci95[1] < 0

    def __str__(self) -> str:
        """Difference and both intervals, in points."""
        (low, high), tasks = self.ci95, self.ci95_tasks
        return (
            f"{100 * self.mean:+.1f} points (95% interval {100 * low:+.1f} to {100 * high:+.1f}, "
            f"{self.n}; over tasks alone ±{50 * (tasks[1] - tasks[0]):.1f})"
        )


def evaluate(
    learner: Learner,
    sampler: Episodes,
    n_tasks: int = 600,
    progress: bool = True,
    *,
    batch_statistics: bool = False,
) -> FewShotResult:
    """Ask a learner the first ``n_tasks`` episodes of a sampler.

    Torch modules inside the learner are in evaluation mode while it runs (dropout off, batch-norm
    with the statistics of training) and afterwards as they were before. Gradients are off: a
    learner that fine-tunes turns them on itself with ``torch.enable_grad()``.

    Parameters
    ----------
    learner : callable
        ``learner(episode) -> logits``, shape ``(n_way * n_query, n_way)``, torch or numpy.
    sampler : EpisodeSampler or sequence of Episode
        Episodes 0…n_tasks−1 are used, all of one ``n_way``, ``k_shot`` and ``n_query``.
    n_tasks : int
        Number of tasks; 600 is what papers use.
    progress : bool
        Show a progress bar with the accuracy so far.
    batch_statistics : bool
        Let batch-norm use the mean and variance of whatever batch it is given, as in training mode,
        leaving its running averages alone. Transductive when queries share a batch, and so marked.

    Returns
    -------
    FewShotResult

    Raises
    ------
    TypeError
        When the learner cannot be called, or returns something other than numbers.
    ValueError
        When logits have the wrong shape or are NaN (the task is named), or tasks differ in shape.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from etudes.episodes import EpisodeSampler
    >>> sampler = EpisodeSampler(np.eye(60), np.arange(60) % 3, n_way=3, k_shot=2, n_query=4)
    >>> guess = lambda episode: torch.zeros(12, 3)
    >>> round(evaluate(guess, sampler, 20, progress=False).mean, 3)
    0.333
    """
    if not callable(learner):
        raise TypeError(f"learner must be callable with an episode, got {describe(learner)}")
    check_positive_int(n_tasks, "n_tasks")
    started = time.perf_counter()
    device = device_of(learner)
    answers: list[tuple[tuple[Any, ...], np.ndarray]] = []
    digest = hashlib.sha256()
    correct = 0.0
    with evaluation_mode(learner, batch_statistics), torch.no_grad():
        first = sampler[0]
        transductive = bool(getattr(learner, "transductive", False))
        transductive = transductive or is_transductive(learner, first)
        bar = tqdm(range(n_tasks), disable=not progress, desc="tasks", unit="task", leave=False)
        for task in bar:
            try:
                episode = sampler[task]
            except IndexError:
                raise ValueError(f"sampler must hold n_tasks = {n_tasks}, got {task}") from None
            shape = (episode.n_way, episode.k_shot, episode.n_query)
            if shape != (first.n_way, first.k_shot, first.n_query):
                raise ValueError(f"tasks must all have one shape, got {shape} in task {task}")
            predicted = _answer(learner, episode.to(device), f"task {task}").argmax(1).numpy()
            true = episode.query_y.numpy()
            confusion = np.zeros((episode.n_way, episode.n_way))
            np.add.at(confusion, (true, predicted), 1)
            answers.append((episode.classes, confusion))
            digest.update(repr(episode.classes).encode())
            digest.update(np.asarray(episode.support_index, np.int64).tobytes())
            digest.update(np.asarray(episode.query_index, np.int64).tobytes())
            correct += float((true == predicted).mean())
            done = task + 1
            bar.set_postfix(accuracy=f"{correct / done:.3f}", refresh=done == n_tasks)
    classes = tuple(sorted({name for names, _ in answers for name in names}))
    code = {name: j for j, name in enumerate(classes)}
    task_classes = np.array([[code[name] for name in names] for names, _ in answers])
    total = np.zeros((len(classes), len(classes)))
    for codes, (_, confusion) in zip(task_classes, answers, strict=True):
        total[np.ix_(codes, codes)] += confusion
    return FewShotResult(
        recalls=np.array([c.diagonal() for _, c in answers]) / first.n_query,
        task_classes=task_classes,
        classes=classes,
        confusion=total.astype(int),
        k_shot=first.k_shot,
        n_query=first.n_query,
        transductive=transductive,
        fingerprint=digest.hexdigest()[:16],
        seconds=time.perf_counter() - started,
    )


def paired_difference(a: FewShotResult, b: FewShotResult) -> Difference:
    """How much better ``a`` is than ``b``, task by task and class by class.

    Two learners that met the same tasks found the same ones hard, so the difference is known
    better than either mean. It is the difference, not the overlap of two intervals, that answers
    which is better.

    Parameters
    ----------
    a, b : FewShotResult
        From the same episodes.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        When the two come from different episodes.
    """
    for name, value in (("a", a), ("b", b)):
        if not isinstance(value, FewShotResult):
            raise TypeError(f"{name} must be a FewShotResult, got {describe(value)}")
    if a.fingerprint != b.fingerprint:
        raise ValueError(
            "a and b must come from the same episodes: evaluate both with samplers of the same "
            f"labels, groups, sizes and seed; got {a.n_way}-way {a.k_shot}-shot, {a.n} "
            f"({a.fingerprint}) and {b.n_way}-way {b.k_shot}-shot, {b.n} ({b.fingerprint})"
        )
    difference = a.recalls - b.recalls
    return Difference(
        mean=float(difference.mean()),
        ci95=class_interval(difference, a.task_classes),
        ci95_tasks=task_interval(difference.mean(axis=1)),
        n=a.n,
    )


def chance(n_way: int) -> float:
    """Accuracy of guessing among ``n_way`` classes.

    Parameters
    ----------
    n_way : int
        Classes per task.

    Returns
    -------
    float
        ``1 / n_way``.
    """
    return 1 / check_positive_int(n_way, "n_way")


def bits_per_note(log_probs: Any) -> float:
    """How many bits a model needs for a note, on average; 0 for a prophet, log2(n) for n-way
    guessing.

    Parameters
    ----------
    log_probs : array_like or list of array_like
        Natural logarithms of the probability that the model gave to each note that came, shape
        ``(n_notes,)``, or one such array for each tune. At most 0; −∞ for a note held impossible.

    Returns
    -------
    float
        Mean of −log2 p over all notes; infinite when some note was held impossible.

    Raises
    ------
    ValueError
        When there are none, one is NaN, or one is above 0 (a probability above 1).

    Examples
    --------
    >>> bits_per_note(np.log([0.5, 0.25]))
    1.5
    """
    if isinstance(log_probs, (list, tuple)) and log_probs and np.ndim(log_probs[0]) == 1:
        parts = [
            check_array(p, f"log_probs[{j}]", ndim=1, finite=False, allow_empty=True)
            for j, p in enumerate(log_probs)
        ]
        log_probs = np.concatenate(parts)
    x = check_array(log_probs, "log_probs", shape=("n_notes",), finite=False).astype(float)
    if np.isnan(x).any():
        raise ValueError(f"log_probs must not be NaN, got {int(np.isnan(x).sum())} of {len(x)}")
    if x.max() > 1e-6:
        raise ValueError(
            f"log_probs must be natural logarithms of probabilities, at most 0, got {x.max():.4g}"
        )
    return float(-np.minimum(x, 0).mean() / np.log(2))


def is_transductive(learner: Learner, episode: Episode) -> bool:
    """Whether the answers to some queries change when the *other* queries are replaced.

    Parameters
    ----------
    learner : callable
        ``learner(episode) -> logits``. It is called twice, with torch's random numbers set alike.
    episode : Episode
        Any task with two queries or more.

    Returns
    -------
    bool
        True for batch-norm on the statistics of the query batch, for label propagation, and the
        like.
    """
    keep = max(1, len(episode.query_x) // 2)
    others = episode.query_x.clone()
    others[keep:] = episode.query_x[0]
    device = device_of(learner)
    logits = []
    for query_x in (episode.query_x, others):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            logits.append(
                _answer(learner, replace(episode, query_x=query_x).to(device), "a task")[:keep]
            )
    scale = float(logits[0].abs().max())
    return bool((logits[0] - logits[1]).abs().max() > 1e-3 * max(scale, 1e-6))


def _answer(learner: Learner, episode: Episode, where: str) -> torch.Tensor:
    """A learner's logits for one episode, on the CPU, checked."""
    logits = learner(episode)
    if not isinstance(logits, (torch.Tensor, np.ndarray, Sequence)):
        raise TypeError(f"learner must return logits, got {describe(logits)} for {where}")
    logits = torch.as_tensor(logits).detach().cpu().float()
    wanted = (len(episode.query_y), episode.n_way)
    if tuple(logits.shape) != wanted:
        raise ValueError(
            f"learner must return logits of shape (n_way * n_query, n_way) = {wanted}, "
            f"got {tuple(logits.shape)} for {where}"
        )
    if torch.isnan(logits).any():
        raise ValueError(f"learner returned NaN for {where}")
    return logits
