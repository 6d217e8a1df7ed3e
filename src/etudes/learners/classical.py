"""Textbook classifiers fitted on the support set alone: k nearest neighbours, logistic regression.

They know nothing but the few examples shown, so they say how hard a task is before anything is
meta-learned. The classifiers are scikit-learn's (Pedregosa et al. 2011); a good frozen embedding
under a logistic regression is hard to beat (Tian et al. 2020), so ``features`` may be a network
too. Chapters 02 and 06 use them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from etudes.checks import check_positive_float, check_positive_int, describe
from etudes.episodes import Episode
from etudes.learners.centroid import flatten
from etudes.learners.protocol import features_of

__all__ = ["KNearest", "LogisticRegression"]


@functools.cache
def _pools() -> Any:
    """The thread pools of linear algebra: a task is so small that threads cost more than they do.

    On two busy cores two threads took forty times as long as one.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class _FittedPerTask:
    """Turn support and query into standardised vectors, fit a classifier, give log-probabilities.

    Every feature is shifted and scaled by the support set's own mean and spread: the query set is
    never looked at.
    """

    transductive = False

    def __init__(self, features: Callable[[torch.Tensor], torch.Tensor]) -> None:
        if not callable(features):
            raise TypeError(f"features must be callable, got {describe(features)}")
        self.features = features

    def _classifier(self, k_shot: int) -> Any:
        raise NotImplementedError

    def _reduced(self, x: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Support and query in fewer numbers, where that changes no answer."""
        return x, q

    def __call__(self, episode: Episode) -> torch.Tensor:
        """Answer a task.

        Parameters
        ----------
        episode : Episode
            The task.

        Returns
        -------
        torch.Tensor
            Log-probabilities, shape ``(n_way * n_query, n_way)``, float32.
        """
        with torch.no_grad():
            support, query = features_of(episode, self.features)
        x, q = support.cpu().numpy().astype(np.float64), query.cpu().numpy().astype(np.float64)
        centre, spread = x.mean(0), x.std(0)
        spread[spread < 1e-8] = 1.0
        x, q = (x - centre) / spread, (q - centre) / spread
        classifier = self._classifier(episode.k_shot)
        with _pools().limit(limits=1):
            x, q = self._reduced(x, q)
            classifier.fit(x, episode.support_y.cpu().numpy())
            chances = classifier.predict_proba(q)
        return torch.from_numpy(np.log(np.maximum(chances, 1e-12))).float()


class KNearest(_FittedPerTask):
    """Answer with the class of the nearest support items.

    Parameters
    ----------
    k : int
        How many neighbours vote; never more than there are support items. Votes are weighted by
        nearness, so that ties are rare.
    features : callable
        ``features(x) -> (n, d)``; :func:`~etudes.learners.centroid.flatten` by default.

    Raises
    ------
    TypeError, ValueError
        When ``k`` is not a positive integer.
    """

    def __init__(
        self, k: int = 1, features: Callable[[torch.Tensor], torch.Tensor] = flatten
    ) -> None:
        super().__init__(features)
        self.k = check_positive_int(k, "k")

    def _classifier(self, k_shot: int) -> Any:
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(n_neighbors=min(self.k, k_shot), weights="distance")


class LogisticRegression(_FittedPerTask):
    """Fit a linear classifier with cross-entropy on the support set.

    Parameters
    ----------
    c : float
        Inverse strength of the squared penalty on the weights (scikit-learn's ``C``).
    features : callable
        ``features(x) -> (n, d)``; :func:`~etudes.learners.centroid.flatten` by default.
    max_iter : int
        Most iterations of the solver.

    Raises
    ------
    TypeError, ValueError
        When ``c`` is not a positive number or ``max_iter`` not a positive integer.
    """

    def __init__(
        self,
        c: float = 1.0,
        features: Callable[[torch.Tensor], torch.Tensor] = flatten,
        max_iter: int = 200,
    ) -> None:
        super().__init__(features)
        self.c = check_positive_float(c, "c")
        self.max_iter = check_positive_int(max_iter, "max_iter")

    def _classifier(self, k_shot: int) -> Any:
        from sklearn.linear_model import LogisticRegression as Classifier

        return Classifier(C=self.c, max_iter=self.max_iter)

    def _reduced(self, x: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in the span of the support set: the best weights lie there (Kimeldorf and
        Wahba 1971), so 25 numbers do the work of 4,032.
        """
        if len(x) >= x.shape[1]:
            return x, q
        basis = np.linalg.qr(x.T)[0]
        return x @ basis, q @ basis
