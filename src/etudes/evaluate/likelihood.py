"""How surprised a model is by the notes that come: bits per note.

Shannon, "A mathematical theory of communication" (Bell System Technical Journal 27, 1948); chapter
01 measures its melody makers so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etudes.checks import check_array


def bits_per_note(log_probs: Any) -> float:
    """How many bits a model needs for a note, on average; 0 for a prophet, log2(n) for n-way
    guessing.

    Parameters
    ----------
    log_probs : array_like or list of array_like
        Natural logarithms of the probability that the model gave to each note that came, shape
        ``(n_notes,)``, or one such array for each tune. At most 0; −∞ for a note held impossible.

    Returns
    -------
    float
        Mean of −log2 p over all notes; infinite when some note was held impossible.

    Raises
    ------
    ValueError
        When there are none, one is NaN, or one is above 0 (a probability above 1).

    Examples
    --------
    >>> bits_per_note(np.log([0.5, 0.25]))
    1.5
    """
    if isinstance(log_probs, (list, tuple)) and log_probs and np.ndim(log_probs[0]) == 1:
        parts = [
            check_array(p, f"log_probs[{j}]", ndim=1, finite=False, allow_empty=True)
            for j, p in enumerate(log_probs)
        ]
        log_probs = np.concatenate(parts)
    x = check_array(log_probs, "log_probs", shape=("n_notes",), finite=False).astype(float)
    if np.isnan(x).any():
        raise ValueError(f"log_probs must not be NaN, got {int(np.isnan(x).sum())} of {len(x)}")
    if x.max() > 1e-6:
        raise ValueError(
            f"log_probs must be natural logarithms of probabilities, at most 0, got {x.max():.4g}"
        )
    return float(-np.minimum(x, 0).mean() / np.log(2))
