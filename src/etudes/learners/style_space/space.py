"""The space itself: standardise, keep the main directions, divide by the spread inside styles.

Within-class covariance normalisation (A. Hatch, S. Kajarekar and A. Stolcke, ICSLP 2006), from
speaker recognition, where a voice is to be known from a few sentences. Chapter 06.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from etudes.checks import check_array, check_positive_float, check_positive_int


class StyleSpace(nn.Module):
    """Standardise, keep the main directions, and divide by the spread inside the training classes.

    Parameters
    ----------
    n_inputs : int
        Numbers per item.
    n_outputs : int
        Numbers per item in the space.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.shift: torch.Tensor
        self.scale: torch.Tensor
        self.limit: torch.Tensor
        self.project: torch.Tensor
        self.register_buffer("shift", torch.zeros(check_positive_int(n_inputs, "n_inputs")))
        self.register_buffer("scale", torch.ones(n_inputs))
        self.register_buffer("limit", torch.full((n_inputs,), torch.inf))
        n_outputs = check_positive_int(n_outputs, "n_outputs")
        self.register_buffer("project", torch.zeros(n_inputs, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map items (n, n_inputs) to the space, (n, n_outputs)."""
        if x.ndim != 2 or x.shape[1] != len(self.shift):
            raise ValueError(f"x must have shape (n, {len(self.shift)}), got {tuple(x.shape)}")
        z = (x - self.shift) * self.scale
        return torch.minimum(torch.maximum(z, -self.limit), self.limit) @ self.project

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        labels: np.ndarray,
        blocks: Sequence[np.ndarray],
        measures: np.ndarray,
        *,
        n_components: int = 250,
        smoothing: float | None = 0.3,
        learned: np.ndarray | None = None,
        learned_weight: float = 2.0,
    ) -> StyleSpace:
        """Learn the space from labelled tunes.

        Parameters
        ----------
        x : numpy.ndarray
            (n_tunes, n_inputs).
        labels : numpy.ndarray
            (n_tunes,) training styles as strings; tunes labelled ``""`` are left out.
        blocks : sequence of numpy.ndarray
            Columns that stand on one scale of their own: each standardised column is divided by the
            root of the number of columns in its block.
        measures : numpy.ndarray
            Columns to be standardised, and clipped at four standard deviations; others are only
            centred.
        n_components : int
            Principal directions kept of the columns that are not `learned`.
        smoothing : float or None
            Times the mean variance inside classes, added to every direction.  Infinite smoothing
            would leave the space as it is; ``None`` does, and the training styles then give no more
            than the scale.
        learned : numpy.ndarray, optional
            Columns that a network made; they pass by the principal directions.
        learned_weight : float
            Root mean square of the learned columns, times that of the others.

        Returns
        -------
        StyleSpace

        Raises
        ------
        ValueError
            If shapes do not fit or fewer than two classes are labelled.
        """
        x = np.asarray(check_array(x, "x", ndim=2), dtype=np.float64)
        labels = np.asarray(labels)
        if labels.shape != (len(x),):
            raise ValueError(f"labels must have shape ({len(x)},), got {labels.shape}")
        names = [name for name in np.unique(labels) if name]
        if len(names) < 2:
            raise ValueError(f"labels must name at least two classes, got {len(names)}")
        known = labels != ""
        shift, scale = x[known].mean(0), np.ones(x.shape[1])
        limit = np.full(x.shape[1], np.inf)
        width = np.ones(x.shape[1])
        for block in blocks:
            width[block] = len(block) ** -0.5
        scale[measures] = width[measures] / np.maximum(x[known][:, measures].std(0), 1e-3)
        limit[measures] = 4 * width[measures]
        z = np.clip((x - shift) * scale, -limit, limit)
        learned = np.zeros(0, dtype=np.int64) if learned is None else np.asarray(learned)
        counted = np.setdiff1d(np.arange(x.shape[1]), learned)
        _, axes = np.linalg.eigh(np.cov(z[known][:, counted].T))
        axes = axes[:, ::-1][:, :n_components]
        project = np.zeros((x.shape[1], axes.shape[1] + len(learned)))
        project[counted, : axes.shape[1]] = axes
        if len(learned):
            spread = z[known].var(0)
            kept = (z[known][:, counted] @ axes).var(0).sum()
            factor = learned_weight * np.sqrt(kept / max(spread[learned].sum(), 1e-12))
            project[learned, axes.shape[1] + np.arange(len(learned))] = factor
        if smoothing is not None:
            project = project @ _whitening(z @ project, labels, names, smoothing)
        space = cls(*project.shape)
        for name, value in (
            ("shift", shift),
            ("scale", scale),
            ("limit", limit),
            ("project", project),
        ):
            getattr(space, name).copy_(torch.from_numpy(value))
        return space


def _whitening(
    z: np.ndarray, labels: np.ndarray, names: Sequence[str], smoothing: float
) -> np.ndarray:
    """The map that makes the mean covariance inside the classes nearly one; classes count alike."""
    check_positive_float(smoothing, "smoothing")
    within = np.mean([np.cov(z[labels == name].T, bias=True) for name in names], axis=0)
    variance, axes = np.linalg.eigh(within)
    variance = np.maximum(variance, 0)
    return axes / np.sqrt(variance + smoothing * variance.mean())
