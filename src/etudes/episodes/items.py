"""What episodes are drawn from: items with a class each and perhaps a group each, checked once.

Chapter 02's failure museum shows what the checks are for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from etudes.checks import check_in, describe


def as_items(x: Any) -> torch.Tensor:
    """Items as a finite tensor, one row each."""
    if not isinstance(x, (torch.Tensor, np.ndarray)):
        raise TypeError(f"x must be a tensor or an array of items, got {describe(x)}")
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "biuf":
            raise TypeError(f"x must hold real numbers, got {x.dtype}")
        x = torch.from_numpy(x if x.flags.writeable else x.copy())
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"x must have shape (n_items, ...) and items, got {tuple(x.shape)}")
    if x.dtype == torch.float64:
        x = x.float()
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x.reshape(len(x), -1)).all(1)).nonzero()[0])
        raise ValueError(f"x must be finite, got NaN or infinite values, first in row {bad}")
    return x


def as_names(values: Any, name: str, n_items: int) -> np.ndarray:
    """Labels or groups as a one-dimensional array of integers or strings."""
    if isinstance(values, torch.Tensor):
        values = values.cpu().numpy()
    array = np.asarray(values)
    if array.dtype == object and array.size and all(isinstance(v, str) for v in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "iuU":
        raise TypeError(f"{name} must be integers or strings, got {array.dtype}")
    if array.shape != (n_items,):
        raise ValueError(f"{name} must have shape (n_items,) = ({n_items},), got {array.shape}")
    if n_items == 0:
        raise ValueError(f"{name} must not be empty")
    return array


def chosen_classes(labels: np.ndarray, classes: Sequence[Any] | None) -> tuple[Any, ...]:
    """The classes to draw from, sorted, each one known."""
    known = np.unique(labels).tolist()
    if classes is None:
        return tuple(known)
    if isinstance(classes, str):
        raise TypeError(f"classes must be a sequence of class names, got the string {classes!r}")
    chosen = [
        check_in(c.item() if isinstance(c, np.generic) else c, "classes", known) for c in classes
    ]
    repeated = [name for name, count in Counter(chosen).items() if count > 1]
    if repeated:
        raise ValueError(f"classes must be distinct, got {repeated[0]!r} twice")
    return tuple(sorted(chosen))
