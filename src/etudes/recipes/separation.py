"""What chapters 16 to 18 share: what is trained on, what is measured on, and how a result becomes a
row of the ledger.

The idea in a sentence: one excerpt of every test chorale, the same for all methods of all three
chapters, so that any two of them can be compared piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from etudes.checks import check_positive_float, check_positive_int
from etudes.data.chorales import ChoraleMixtures
from etudes.data.duets import EXCERPT, SAMPLE_RATE, duets
from etudes.data.mixture import Mixture
from etudes.evaluate import SeparationResult, evaluate_separator, separation_difference
from etudes.evaluate.separators import fingerprint
from etudes.recipes.rows import Rows
from etudes.recipes.work import Remembered
from etudes.separators.masking import HOP_LENGTH, check_stems

__all__ = [
    "ELSEWHERE",
    "TRAIN_SEED",
    "WORDS",
    "Crops",
    "elsewhere",
    "measured",
    "rows_of",
    "test_duets",
    "training_stems",
    "validation_duets",
]

TRAIN_SEED, VALIDATION_SEED, TEST_SEED = 1, 2, 3
N_VALIDATION = 16

BATCH, CROP_FRAMES = 8, 128
_SILENT = 1e-3  # a crop in which a voice stays below this teaches nothing

ELSEWHERE: dict[str, dict[str, tuple[int, ...]]] = {
    "clarinet-cello": {"soprano": (71,), "bass": (42,)},
    "trumpet-viola": {"soprano": (56,), "alto": (41,)},
    "choir-sab": {"soprano": (52,), "alto": (52,), "bass": (52,)},
}
"""Sources that nothing has been trained on, and the programs that play them."""

WORDS = {
    "flute-bassoon": "Flute as soprano, bassoon as bass",
    "choir-sb": "Choir, soprano and bass",
    "choir-sa": "Choir, soprano and alto",
    "clarinet-cello": "Clarinet as soprano, cello as bass",
    "trumpet-viola": "Trumpet as soprano, viola as alto",
    "choir-sab": "Choir, soprano, alto and bass",
}
"""What the ledger calls each duet, and what is taken apart elsewhere."""


def training_stems(names: Sequence[str], n_excerpts: int) -> list[np.ndarray]:
    """Stems of training excerpts.

    Parameters
    ----------
    names
        Of duets.
    n_excerpts
        Of each; up to 320, every training chorale once.

    Returns
    -------
    list of numpy.ndarray
        Each of shape ``(2, n_samples)``, one duet after the other.
    """
    return [
        one.stems for name in names for one in duets(name, "train", TRAIN_SEED).load(n_excerpts)
    ]


class Crops:
    """Batches of short pieces of excerpts, the same for the same seed and number.

    Every piece is drawn anew: from which excerpt, from where, and how loud each source is. Pieces
    in which a source is silent are not used.

    Parameters
    ----------
    stems
        Excerpts, each of shape ``(n_sources, n_samples)``.
    seed
        Of everything drawn.
    batch, n_frames
        Pieces in a batch, and how long they are, in hops of 128 samples.
    balance
        So many decibels up or down is each source made louder, besides what the excerpts bring.

    Raises
    ------
    TypeError, ValueError
        When there are no excerpts, they are of different numbers of sources, one is shorter than a
        piece, or has no piece in which every source sounds; or a number is out of range.
    """

    def __init__(
        self,
        stems: Sequence[np.ndarray],
        seed: int = 0,
        batch: int = BATCH,
        n_frames: int = CROP_FRAMES,
        balance: float = 3.0,
    ) -> None:
        self.stems, self.seed = stems, check_positive_int(seed, "seed", allow_zero=True)
        self.batch = check_positive_int(batch, "batch")
        self.n_samples = check_positive_int(n_frames, "n_frames") * HOP_LENGTH
        self.balance = check_positive_float(balance, "balance", allow_zero=True)
        if not len(stems):
            raise ValueError("stems must be of one excerpt or more, got none")
        counts = {_count(one, number, self.n_samples) for number, one in enumerate(stems)}
        if len(counts) > 1:
            raise ValueError(
                "stems must be equally many in every excerpt, got "
                f"{' and '.join(map(str, sorted(counts)))}"
            )

    def __getitem__(self, i: int) -> torch.Tensor:
        """Batch `i`, shape ``(batch, n_sources, n_samples)``."""
        random = np.random.default_rng([self.seed, i])
        pieces: list[np.ndarray] = []
        while len(pieces) < self.batch:
            stems = self.stems[int(random.integers(len(self.stems)))]
            start = random.integers(stems.shape[1] - self.n_samples + 1)
            piece = stems[:, start : start + self.n_samples]
            gain = 10 ** (random.uniform(-self.balance, self.balance, (len(stems), 1)) / 20)
            if (np.abs(piece).max(axis=1) > _SILENT).all():
                pieces.append((piece * gain).astype(np.float32))
        return torch.from_numpy(np.stack(pieces))


def _count(stems: np.ndarray, number: int, n_samples: int) -> int:
    """How many sources an excerpt has, when it has a piece in which all of them sound."""
    try:
        x = check_stems(stems)
    except (TypeError, ValueError) as error:
        raise type(error)(f"excerpt {number}: {error}") from error
    if x.shape[1] < n_samples:
        raise ValueError(
            f"excerpt {number}: stems must have {n_samples} samples or more, the length of a "
            f"piece, got {x.shape[1]}"
        )
    sounding = np.pad(np.cumsum(np.abs(x) > _SILENT, axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    in_piece = sounding[:, n_samples:] > sounding[:, :-n_samples]
    if not in_piece.all(axis=0).any():
        raise ValueError(
            f"excerpt {number}: stems must all sound (above {_SILENT:g}) in at least one piece of "
            f"{n_samples} samples, got none such; leave the excerpt out"
        )
    return len(x)


@cache
def test_duets(name: str) -> list[Mixture]:
    """One excerpt of every test chorale.

    Parameters
    ----------
    name
        Of the duet.

    Returns
    -------
    list of Mixture
    """
    mixtures = duets(name, "test", TEST_SEED)
    return mixtures.load(len(mixtures))


@cache
def validation_duets(name: str) -> list[Mixture]:
    """Excerpts on which settings are chosen.

    Parameters
    ----------
    name
        Of the duet.

    Returns
    -------
    list of Mixture
    """
    return duets(name, "validation", VALIDATION_SEED).load(N_VALIDATION)


@cache
def elsewhere(name: str) -> list[Mixture]:
    """One excerpt of every test chorale, sung and played by others.

    Parameters
    ----------
    name
        Of :data:`ELSEWHERE`.

    Returns
    -------
    list of Mixture
    """
    programs: Any = ELSEWHERE[name]
    mixtures = ChoraleMixtures(
        tuple(programs), programs, SAMPLE_RATE, seed=TEST_SEED, split="test", seconds=EXCERPT
    )
    return mixtures.load(len(mixtures))


def measured(
    answers: Remembered,
    key: str,
    separate: Callable[[Mixture], Any],
    mixtures: Sequence[Mixture],
    any_order: bool = False,
) -> SeparationResult:
    """Evaluate a separator, or remember what an earlier run found.

    Parameters
    ----------
    answers
        Where results are kept.
    key
        Everything that the result depends on, besides the mixtures.
    separate, mixtures, any_order
        As :func:`etudes.evaluate.evaluate_separator` wants them.

    Returns
    -------
    SeparationResult
    """

    def find() -> dict[str, Any]:
        result = evaluate_separator(separate, mixtures, any_order)
        return {
            "improvements": result.improvements.tolist(),
            "groups": result.groups.tolist(),
            "fingerprint": result.fingerprint,
        }

    told = answers.ask(f"{key} {fingerprint(one.stems for one in mixtures)}", find).value
    return SeparationResult(
        np.array(told["improvements"]), np.array(told["groups"]), told["fingerprint"]
    )


def rows_of(
    chapter: str,
    name: str,
    results: Mapping[str, SeparationResult],
    words: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    rows: Rows,
    paper: Mapping[str, dict[str, Any]] | None = None,
    only: Container[str] | None = None,
) -> None:
    """Write the results of one duet into the ledger.

    Parameters
    ----------
    chapter
        Two digits.
    name
        Of the duet.
    results
        By method, all of the same mixtures.
    words
        What the ledger calls each method.
    pairs
        Whose differences are written, too, where both were measured.
    rows
        Where they come from.
    paper
        By method, what was published.
    only
        Methods that get a row of their own; the others serve for differences. All by default.
    """
    where = WORDS.get(name, name)
    for method, result in results.items():
        if only is not None and method not in only:
            continue
        rows.estimate(
            f"{chapter}.{name}.si-sdri.{method}",
            f"{where}: SI-SDR improvement of {words[method]}",
            result,
            "dB",
            result.n,
            baselines={"mixture": 0.0},
            paper=(paper or {}).get(method),
        )
    for a, b in pairs:
        if a in results and b in results:
            found = separation_difference(results[a], results[b])
            claim = f"{where}, same mixtures: {words[a]} against {words[b]}"
            rows.estimate(f"{chapter}.{name}.margin.{a}-over-{b}", claim, found, "dB", results[a].n)
