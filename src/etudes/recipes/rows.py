"""Rows that one measurement writes into the ledger: they share data, command, seed and time.

The idea in a sentence: what was measured decides value, unit, interval and what the interval is
over, so a recipe has only the row's name and its sentence left to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from etudes import ledger
from etudes.evaluate import FewShotResult, paired_difference
from etudes.ledger.fields import RANGES
from etudes.recipes.spread import spread

__all__ = ["Measured", "Rows"]


class Measured(Protocol):
    """A mean with its interval: every result of :mod:`etudes.evaluate`."""

    @property
    def mean(self) -> float:
        """The value."""

    @property
    def ci95(self) -> tuple[float, float]:
        """The 95% interval."""


@dataclass(frozen=True)
class Rows:
    """Writes rows that share where they come from.

    Parameters
    ----------
    dataset : str
        What was measured on.
    command : str
        The command line that was run.
    seed : int or None
        Of the run.
    seconds : float
        How long it took; written to the second.
    """

    dataset: str
    command: str
    seed: int | None
    seconds: float

    def number(
        self,
        row_id: str,
        claim: str,
        value: float,
        unit: str,
        n: str | int,
        ci95: tuple[float, float] | None = None,
        **more: Any,
    ) -> None:
        """Write a number; an interval is cut where its unit ends, as Student's knows no bounds.

        Parameters
        ----------
        row_id, claim, value, unit, n, ci95
            As :func:`etudes.ledger.record` wants them.
        **more
            ``baselines`` and ``paper``.
        """
        if ci95 is not None:
            least, most = RANGES.get(unit, (-np.inf, np.inf))
            ci95 = (max(ci95[0], least), min(ci95[1], most))
        ledger.record(
            row_id,
            claim=claim,
            value=value,
            unit=unit,
            ci95=ci95,
            n=n,
            dataset=self.dataset,
            command=self.command,
            seed=self.seed,
            seconds=round(self.seconds),
            **more,
        )

    def estimate(
        self, row_id: str, claim: str, found: Measured, unit: str, n: str | int, **more: Any
    ) -> None:
        """Write a mean and its interval.

        Parameters
        ----------
        row_id, claim, unit, n
            As :func:`etudes.ledger.record` wants them.
        found
            With ``mean`` and ``ci95``.
        **more
            ``baselines`` and ``paper``.
        """
        self.number(row_id, claim, found.mean, unit, n, found.ci95, **more)

    def accuracy(self, row_id: str, claim: str, result: FewShotResult, **more: Any) -> None:
        """Write how many answers were right."""
        self.estimate(row_id, claim, result, "fraction", result.n, **more)

    def margin(
        self, row_id: str, claim: str, a: FewShotResult, b: FewShotResult, **more: Any
    ) -> None:
        """Write by how much ``a`` is more often right than ``b`` on the same tasks."""
        difference = paired_difference(a, b)
        self.estimate(row_id, claim, difference, "fraction-difference", difference.n, **more)

    def repeated(
        self,
        row_id: str,
        claim: str,
        values: Sequence[float] | np.ndarray,
        unit: str,
        **more: Any,
    ) -> None:
        """Write the mean of repeated runs with Student's interval over them.

        Parameters
        ----------
        row_id, claim, unit
            As :func:`etudes.ledger.record` wants them.
        values
            (n_runs,), 2 or more.
        **more
            ``baselines`` and ``paper``.
        """
        mean, ci95 = spread(np.asarray(values))
        self.number(row_id, claim, mean, unit, len(values), ci95, **more)
