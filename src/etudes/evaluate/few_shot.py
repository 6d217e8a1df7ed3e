"""Ask a learner many tasks, and keep what it answered.

Nothing is trained here, and gradients are off. Chapter 02 uses it first, and every table of the
book comes from it.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any, Protocol

import numpy as np
import torch
from tqdm import tqdm

from etudes.checks import check_positive_int, describe
from etudes.episodes import Episode
from etudes.evaluate.answers import Learner, answer_of
from etudes.evaluate.modes import device_of, evaluation_mode
from etudes.evaluate.results import FewShotResult
from etudes.evaluate.transduction import is_transductive


class Episodes(Protocol):
    """Anything with numbered episodes: a sampler, or a list of episodes."""

    def __getitem__(self, i: int, /) -> Episode:
        """Episode number ``i``."""


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
            predicted = answer_of(learner, episode.to(device), f"task {task}").argmax(1).numpy()
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
