"""The same test tasks for everybody: trained networks, swapped heads, and what knows only the task.

The idea in a sentence: a head can be worth something at test time, or in training, or both, and
swapping tells which.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from etudes.checks import check_in
from etudes.evaluate import Difference, FewShotResult, evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid, envelope, time_average
from etudes.learners.melody import block_columns
from etudes.learners.meta_svm import MetaOptNet, StackedSVM, SupportVectorMachine
from etudes.recipes.instruments.networks import encoded_once
from etudes.recipes.styles.learners import Columns
from etudes.recipes.styles.tunes import describe, fit_space, load_tunes
from etudes.recipes.svm_heads.domains import Domain


def encoded(learner: Any, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Encode every item once where the learner has an encoder; see
    :func:`~etudes.recipes.instruments.networks.encoded_once`.

    Parameters
    ----------
    learner
        Any learner.
    x
        All items.

    Returns
    -------
    tuple
        A learner and the items that it wants.
    """
    if isinstance(learner, MetaOptNet):
        return learner.encoded_once(x)
    return encoded_once(learner, x)


def encoded_by(learner: Any, x: torch.Tensor) -> torch.Tensor:
    """What a network's embedding makes of items, as vectors ``(n, d)``.

    Parameters
    ----------
    learner
        A network with an ``encoder``.
    x
        Items.

    Returns
    -------
    torch.Tensor
    """
    return encoded(learner, x)[1].flatten(1)


def compare(
    learners: dict[str, Any],
    domain: Domain,
    k_shot: int,
    n_tasks: int = 600,
    split: str = "test",
    show: bool = True,
) -> dict[str, FewShotResult]:
    """Give every learner the same 5-way tasks.

    Parameters
    ----------
    learners
        Name → learner.
    domain
        Instruments or styles.
    k_shot
        Examples of each class.
    n_tasks
        Tasks.
    split
        ``"test"`` or ``"validation"``.
    show
        Print a line for each.

    Returns
    -------
    dict
        Name → result.
    """
    results = {}
    for name, learner in learners.items():
        head, x = encoded(learner, domain.items(split))
        results[name] = evaluate(head, domain.tasks(split, x, k_shot), n_tasks, progress=False)
        if show:
            print(f"  {name:26s} {results[name]}", flush=True)
    return results


SHOTS = (1, 5, 10)


def validated(model: Any, domain: Domain, n_tasks: int) -> float:
    """Mean accuracy on validation classes over 1, 5 and 10 shots.

    Parameters
    ----------
    model
        A trained network.
    domain
        Where it was trained.
    n_tasks
        Of each number of shots.

    Returns
    -------
    float
    """
    learner, x = encoded(model, domain.items("validation"))
    return float(
        np.mean(
            [
                evaluate(learner, domain.tasks("validation", x, k), n_tasks, False).mean
                for k in SHOTS
            ]
        )
    )


STRENGTHS: dict[str, tuple[float | None, ...]] = {
    "svm": (0.01, 0.1, 1.0),
    "ridge": (5.0, 50.0, 500.0),
    "prototype": (None,),
}
"""What a head may be told of the embedding that it is put on; the same as in training."""


def fitted_head(encoder: Any, head: str, domain: Domain, n_tasks: int = 150) -> MetaOptNet:
    """A head on an embedding that is given, its price chosen on validation classes.

    A price belongs to an embedding: it weighs margins against lengths, and lengths differ. The one
    that was chosen for another embedding makes a good head look useless.

    Parameters
    ----------
    encoder
        A trained encoder.
    head
        Of :data:`STRENGTHS`.
    domain
        Instruments or styles.
    n_tasks
        Validation tasks of 1, of 5 and of 10 shots for each price.

    Returns
    -------
    MetaOptNet
    """
    strengths = STRENGTHS[check_in(head, "head", STRENGTHS)]
    heads = [MetaOptNet(encoder, head, strength).eval() for strength in strengths]
    if len(heads) == 1:
        return heads[0]
    return max(heads, key=lambda one: validated(one, domain, n_tasks))


def swapped(trained: dict[str, Any], domain: Domain, n_tasks: int = 150) -> dict[str, MetaOptNet]:
    """Each head on the embedding that was trained with another.

    Parameters
    ----------
    trained
        Head → the network trained with it.
    domain
        Where they were trained.
    n_tasks
        Of :func:`fitted_head`.

    Returns
    -------
    dict
        ``"svm-head-on-prototype-embedding"`` and so on → learner.
    """
    return {
        f"{head}-head-on-{other}-embedding": fitted_head(network.encoder, head, domain, n_tasks)
        for other, network in trained.items()
        for head in trained
        if head != other
    }


CORNERS = (
    "svm",
    "svm-head-on-prototype-embedding",
    "prototype-head-on-svm-embedding",
    "prototype",
)
"""The machine at home, the machine on the prototypes' embedding, prototypes on the machine's, and
prototypes at home: two heads, two embeddings."""


def interaction(results: dict[str, FewShotResult]) -> Difference:
    """How much more the machine is worth on the embedding trained with it than on the other.

    Parameters
    ----------
    results
        Name → result of the same tasks, with the four of :data:`CORNERS` among them.

    Returns
    -------
    Difference
        What the head is worth on one embedding minus what it is worth on the other, task by task
        and class by class.
    """
    own, put, back, home = (results[name] for name in CORNERS)
    on_its_own, on_the_other = (
        dataclasses.replace(machine, recalls=machine.recalls - prototypes.recalls)
        for machine, prototypes in ((own, back), (put, home))
    )
    return paired_difference(on_its_own, on_the_other)


def instrument_baselines() -> dict[str, Any]:
    """What knows nothing but the task's own notes.

    Returns
    -------
    dict
        Name → learner.
    """
    inner = {  # prices and scalings chosen on validation instruments
        "notes": SupportVectorMachine(),
        "spectrum": SupportVectorMachine(time_average),
        "envelope": SupportVectorMachine(envelope, standardise=False),
    }
    return {
        "nearest-centroid": NearestCentroid(),
        "nearest-centroid-envelope": NearestCentroid(envelope),
        "raw-svm": inner["notes"],
        "raw-svm-envelope": inner["envelope"],
        "stacked-svm": StackedSVM(inner),
    }


def style_baselines() -> dict[str, Any]:
    """What knows no style but the task's; counts are brought to one scale by training tunes.

    Returns
    -------
    dict
        Name → learner.
    """
    training = load_tunes("train", unlabelled=True)
    x = describe(training)
    scale, space = fit_space(training, x, smoothing=None), fit_space(training, x)
    pitch = Columns(block_columns(names=("pitch_from_final", "interval")))
    rhythm = Columns(block_columns(names=("duration", "duration_pairs")))
    inner = {
        "pitch": SupportVectorMachine(pitch, standardise=False),
        "rhythm": SupportVectorMachine(rhythm, standardise=False),
        "all": SupportVectorMachine(scale, standardise=False),
    }
    return {
        "nearest-centroid": NearestCentroid(scale),
        "raw-svm": inner["all"],
        "stacked-svm": StackedSVM(inner),
        "svm-in-space": MetaOptNet(space, "svm", 0.1).eval(),
    }
