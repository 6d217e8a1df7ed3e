"""Does an answer depend on the *other* questions?

A learner that looks at all queries at once knows more than one that is asked them one by one, and
the two must not stand in one table. The failure museums of chapters 02 and 06 show how a softmax
over the wrong axis and a batch-norm left in training mode do it unasked (Bronskill et al.,
"TaskNorm: Rethinking batch normalization for meta-learning", ICML 2020).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from etudes.episodes import Episode
from etudes.evaluate.answers import Learner, answer_of
from etudes.evaluate.modes import device_of


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
                answer_of(learner, replace(episode, query_x=query_x).to(device), "a task")[:keep]
            )
    scale = float(logits[0].abs().max())
    return bool((logits[0] - logits[1]).abs().max() > 1e-3 * max(scale, 1e-6))
