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
        multi_class="crammer_singer", fit_intercept=False, C=c, max_iter=5000, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an early stop, which moves no answer here
        machine.fit(x, y)
    weights = machine.coef_
    if len(weights) == 1:  # two classes: scikit-learn keeps one row
        weights = np.concatenate([-weights, weights]) / 2
    return q @ weights.T


def _standardised(x: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale both by the support set's own mean and spread; a constant 1 is the bias."""
    centre, spread = x.mean(0), x.std(0)
    spread[spread < 1e-8] = 1.0
    scale = spread * x.shape[1] ** 0.5
    x, q = (x - centre) / scale, (q - centre) / scale
    return np.hstack([x, np.ones((len(x), 1))]), np.hstack([q, np.ones((len(q), 1))])


class SupportVectorMachine:
    """A multi-class support vector machine on the support set's features, and nothing else.

    Parameters
    ----------
    features : callable
        ``features(x) -> (n, d)``; :func:`~etudes.learners.centroid.flatten` by default.
    c : float
        Price of a missed margin, for features of unit mean square.

    Raises
    ------
    TypeError, ValueError
        When ``features`` cannot be called or ``c`` is not a positive number.
    """

    transductive = False

    def __init__(self, features: View = flatten, c: float = 1.0) -> None:
        if not callable(features):
            raise TypeError(f"features must be callable, got {describe(features)}")
        self.features, self.c = features, check_positive_float(c, "c")

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
        return torch.from_numpy(_decisions(x, episode.support_y.numpy(), q, self.c)).float()


class StackedSVM:
    """An outer support vector machine over the decision values of inner ones.

    Each inner machine has its own view of the items. The outer one must not be fitted on values
    that the inner ones gave to their own examples, which are right by construction: where there are
    two examples of each class or more, every example is scored by inner machines that did not see
    its fold. With one example that cannot be done, and the outer machine learns from values that
    flatter.

    Parameters
    ----------
    views : mapping of str to callable
        ``view(x) -> (n, d)`` for each inner machine.
    c : float
        Price of a missed margin, of all machines.

    Raises
    ------
    TypeError, ValueError
        When there is no view, one cannot be called, or ``c`` is not a positive number.
    """

    transductive = False

    def __init__(self, views: Mapping[str, View], c: float = 1.0) -> None:
        if not isinstance(views, Mapping) or not views:
            raise TypeError(f"views must map names to functions, got {describe(views)}")
        for name, view in views.items():
            if not callable(view):
                raise TypeError(f"views[{name!r}] must be callable, got {describe(view)}")
        self.views, self.c = dict(views), check_positive_float(c, "c")

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
        fold = np.arange(len(y)) % k_shot % 5  # support items stand in order of their class
        inner, asked = [], []
        for view in self.views.values():
            x, q = _numbers(*features_of(episode, view))
            values = np.zeros((len(y), episode.n_way))
            for out in range(min(k_shot, 5)):
                held = fold == out
                seen = ~held if k_shot > 1 else held
                values[held] = _decisions(x[seen], y[seen], x[held], self.c)
            inner.append(values)
            asked.append(_decisions(x, y, q, self.c))
        x, q = _standardised(np.hstack(inner), np.hstack(asked))
        return torch.from_numpy(_decisions(x, y, q, self.c)).float()


def _numbers(support: torch.Tensor, query: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features of both sides, standardised, in float64."""
    x = support.detach().cpu().numpy().astype(np.float64)
    return _standardised(x, query.detach().cpu().numpy().astype(np.float64))
