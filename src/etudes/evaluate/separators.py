"""How good a separator is on pieces it has not learned from, and which of two is better.

The idea in a sentence: SI-SDR improvement of every source of every mixture, their mean, and an
interval over *hymns*, because two harmonisations of one melody are not two observations. The
measure is that of :mod:`etudes.evaluate.separation`. Chapters 16 to 18.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from etudes.checks import check_array
from etudes.evaluate.intervals import Estimate, bootstrap_mean
from etudes.evaluate.separation import best_order, si_sdr_improvement

__all__ = [
    "Mixed",
    "SeparationResult",
    "evaluate_separator",
    "fingerprint",
    "separation_difference",
]


class Mixed(Protocol):
    """A mixture whose stems are known, such as :class:`etudes.data.chorales.Mixture`."""

    @property
    def mixture(self) -> np.ndarray:
        """Waveform, shape ``(n_samples,)``."""

    @property
    def stems(self) -> np.ndarray:
        """What it is the sum of, shape ``(n_sources, n_samples)``."""

    @property
    def group(self) -> int:
        """Mixtures that are not independent share a group."""


@dataclass(frozen=True, eq=False)
class SeparationResult:
    """What a separator did on a list of mixtures.

    Parameters
    ----------
    improvements : numpy.ndarray
        SI-SDR improvement in dB, shape ``(n_mixtures, n_sources)``.
    groups : numpy.ndarray
        Which mixtures belong together, shape ``(n_mixtures,)``.
    fingerprint : str
        A digest of the stems, from :func:`fingerprint`: two results with the same one are of the
        same mixtures.
    """

    improvements: np.ndarray
    groups: np.ndarray
    fingerprint: str

    @property
    def mean(self) -> float:
        """Mean over mixtures and sources, in dB."""
        return float(self.improvements.mean())

    @property
    def ci95(self) -> tuple[float, float]:
        """95% interval of the mean over groups, in dB."""
        return bootstrap_mean(self.improvements.mean(axis=1), self.groups).ci95

    @property
    def n(self) -> str:
        """What the interval is over, in words, for the ledger."""
        return f"{len(self.groups)} mixtures in {len(np.unique(self.groups))} groups"

    def __str__(self) -> str:
        """Mean and interval, with what they are over."""
        low, high = self.ci95
        return f"{self.mean:+.1f} dB (95% interval {low:+.1f} to {high:+.1f}; {self.n})"


def evaluate_separator(
    separate: Callable[[Any], Any], mixtures: Sequence[Mixed], any_order: bool = False
) -> SeparationResult:
    """Take mixtures apart and measure how much nearer to the stems the parts are.

    Parameters
    ----------
    separate : callable
        ``separate(mixture)`` returns estimates of shape ``(n_sources, n_samples)``. It is handed
        the whole mixture with its stems, so that oracles can be measured too; everybody else looks
        at ``mixture.mixture`` alone.
    mixtures : sequence of Mixture
        One or more, of equally many sources.
    any_order : bool
        Let the answer tell which estimate is whose, mixture by mixture: for methods that cannot
        know it.

    Returns
    -------
    SeparationResult

    Raises
    ------
    TypeError, ValueError
        When there are no mixtures, they are not of equally many sources, or estimates are not
        finite, silent or do not fit; the number of the mixture is named.
    """
    if not len(mixtures):
        raise ValueError("mixtures must be one or more, got none")
    rows: list[np.ndarray] = []
    stems: list[np.ndarray] = []
    for number, one in enumerate(mixtures):
        if stems and len(one.stems) != len(stems[0]):
            raise ValueError(
                f"mixtures must be of equally many sources, got {len(stems[0])} in mixtures[0] and "
                f"{len(one.stems)} in mixtures[{number}]"
            )
        stems.append(one.stems)
        try:
            estimates = check_array(separate(one), "estimates")
            if any_order:
                estimates = estimates[best_order(estimates, one.stems)]
            row = si_sdr_improvement(estimates, one.stems, one.mixture)
        except (TypeError, ValueError) as error:
            raise type(error)(f"mixtures[{number}]: {error}") from error
        if not np.isfinite(row).all():
            silent = [k for k, value in enumerate(row) if not np.isfinite(value)]
            raise ValueError(
                f"mixtures[{number}]: estimates must differ from silence and from the stems, "
                f"got SI-SDR {row[silent[0]]:g} for source {silent[0]}"
            )
        rows.append(row)
    groups = np.array([one.group for one in mixtures])
    return SeparationResult(np.stack(rows), groups, fingerprint(stems))


def fingerprint(stems: Iterable[np.ndarray]) -> str:
    """A digest of what mixtures are made of: the same for the same stems in the same order.

    Parameters
    ----------
    stems : iterable of numpy.ndarray
        Of each mixture, shape ``(n_sources, n_samples)``.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for one in stems:
        digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()[:16]


def separation_difference(a: SeparationResult, b: SeparationResult) -> Estimate:
    """How much better ``a`` is than ``b`` on the same mixtures, in dB.

    Parameters
    ----------
    a, b : SeparationResult
        Of the same mixtures.

    Returns
    -------
    Estimate
        Mean difference, with an interval over groups.

    Raises
    ------
    ValueError
        When they are of different mixtures.
    """
    if a.fingerprint != b.fingerprint:
        raise ValueError(
            f"a and b must be of the same mixtures, got {a.n} ({a.fingerprint}) and {b.n} "
            f"({b.fingerprint})"
        )
    return bootstrap_mean((a.improvements - b.improvements).mean(axis=1), a.groups)
