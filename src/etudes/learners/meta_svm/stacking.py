"""Support vector machines that nothing prepares: one fitted on the task, and one on several more.

The second is what "an inner and an outer support vector machine" comes to when it is built as it
is usually described: the outer machine is fitted on the inner ones' decision values and changes
nothing in them. That is stacking (Wolpert, "Stacked generalization", *Neural Networks* 5, 1992), a
way of combining; no task teaches anything to the next. The machines are scikit-learn's (Pedregosa
et al. 2011, after Keerthi et al., KDD 2008). Chapter 05.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch

from etudes.checks import check_positive_float, describe
from etudes.episodes import Episode
from etudes.learners.centroid import flatten
from etudes.learners.protocol import check_episode, features_of

__all__ = ["StackedSVM", "SupportVectorMachine"]

View = Callable[[torch.Tensor], torch.Tensor]


def _decisions(x: np.ndarray, y: np.ndarray, q: np.ndarray, c: float) -> np.ndarray:
    """Fit Crammer and Singer's machine on ``x, y`` and score ``q``: (n_query, n_way)."""
    from sklearn.svm import LinearSVC

    if len(x) < x.shape[1]:  # the weights lie in the span of the examples: ask for no more
        basis = np.linalg.qr(x.T)[0]
        x, q = x @ basis, q @ basis
    machine = LinearSVC(
        multi_class="crammer_singer", fit_intercept=False, C=c, tol=1e-3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an early stop, which moves no answer here
        machine.fit(x, y)
    weights = machine.coef_
    if len(weights) == 1:  # two classes: scikit-learn keeps one row
        weights = np.concatenate([-weights, weights]) / 2
    return q @ weights.T


def _scaled(x: np.ndarray, q: np.ndarray, standardise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale both by the support set alone; a constant 1 behind them is the bias."""
    centre, spread = x.mean(0), x.std(0)
    if standardise:
        spread[spread < 1e-8] = 1.0
        scale = spread * x.shape[1] ** 0.5
    else:
        scale = np.maximum((spread**2).sum() ** 0.5, 1e-8)
    x, q = (x - centre) / scale, (q - centre) / scale
    return np.hstack([x, np.ones((len(x), 1))]), np.hstack([q, np.ones((len(q), 1))])


class SupportVectorMachine:
    """A multi-class support vector machine on the support set's features, and nothing else.

    Parameters
    ----------
    features : callable
        ``features(x) -> (n, d)``; :func:`~etudes.learners.centroid.flatten` by default.
    c : float
        Price of a missed margin, for items of mean squared length 1.
    standardise : bool
        Scale every feature by its own spread in the support set. With False all are scaled alike,
        which is better where they share one unit and few examples must tell which of them matter.

    Raises
    ------
    TypeError, ValueError
        When ``features`` cannot be called or ``c`` is not a positive number.
    """

    transductive = False

    def __init__(self, features: View = flatten, c: float = 10.0, standardise: bool = True) -> None:
        if not callable(features):
            raise TypeError(f"features must be callable, got {describe(features)}")
        self.features, self.c = features, check_positive_float(c, "c")
        self.standardise = bool(standardise)

    def scores(self, x: np.ndarray, y: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Fit on some examples and score others.

        Parameters
        ----------
        x, y, q : numpy.ndarray
            Features of examples ``(n, d)``, labels ``(n,)``, features of queries ``(m, d)``.

        Returns
        -------
        numpy.ndarray
            Decision values, shape ``(m, n_way)``.
        """
        x, q = _scaled(x, q, self.standardise)
        return _decisions(x, y, q, self.c)

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The task; two classes or more.

        Returns
        -------
        torch.Tensor
            Decision values, shape ``(n_way * n_query, n_way)``, float32.
        """
        x, q = _numbers(*features_of(episode, self.features))
        return torch.from_numpy(self.scores(x, episode.support_y.numpy(), q)).float()


class StackedSVM:
    """An outer support vector machine over the decision values of inner ones.

    Each inner machine has its own view of the items. The outer one must not be fitted on values
    that the inner ones gave to their own examples, which are right by construction: where there are
    two examples of each class or more, every example is scored by inner machines that did not see
    its fold. With one example that cannot be done, and the outer machine learns from values that
    flatter.

    Parameters
    ----------
    inner : mapping of str to SupportVectorMachine
        The inner machines by name.
    c : float
        Price of a missed margin, of the outer machine.

    Raises
    ------
    TypeError, ValueError
        When there is no inner machine, one is something else, or ``c`` is not a positive number.
    """

    transductive = False

    def __init__(self, inner: Mapping[str, SupportVectorMachine], c: float = 1.0) -> None:
        if not isinstance(inner, Mapping) or not inner:
            raise TypeError(f"inner must map names to machines, got {describe(inner)}")
        for name, machine in inner.items():
            if not isinstance(machine, SupportVectorMachine):
                raise TypeError(
                    f"inner[{name!r}] must be a SupportVectorMachine, got {describe(machine)}"
                )
        self.inner, self.c = dict(inner), check_positive_float(c, "c")

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The task; two classes or more.

        Returns
        -------
        torch.Tensor
            The outer machine's decision values, shape ``(n_way * n_query, n_way)``, float32.
        """
        check_episode(episode)
        y, k_shot = episode.support_y.numpy(), episode.k_shot
        fold = np.arange(len(y)) % k_shot % 3  # support items stand in order of their class
        told, asked = [], []
        for machine in self.inner.values():
            x, q = _numbers(*features_of(episode, machine.features))
            values = np.zeros((len(y), episode.n_way))
            for out in range(min(k_shot, 3)):
                held = fold == out
                seen = ~held if k_shot > 1 else held
                values[held] = machine.scores(x[seen], y[seen], x[held])
            told.append(values)
            asked.append(machine.scores(x, y, q))
        x, q = _scaled(np.hstack(told), np.hstack(asked), standardise=False)
        return torch.from_numpy(_decisions(x, y, q, self.c)).float()


def _numbers(support: torch.Tensor, query: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features of both sides in float64."""
    x, q = (z.detach().cpu().numpy().astype(np.float64) for z in (support, query))
    return x, q
