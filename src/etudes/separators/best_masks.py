"""The best mask there is: no other of its kind comes nearer to the stem in squared error.

The idea in a sentence: the masks of :mod:`etudes.separators.oracle` are formulas, each right place
by place; but windows overlap, and what reaches the ear is their sum, so the mask with the smallest
error in the *waveform* is another one. That error is a convex function of the mask, hence descent
finds its least value and not merely a low one (Boyd and Vandenberghe, *Convex Optimization*, 2004).
It bounds the squared error, and not SI-SDR, which a mask can raise by aiming at a part of the stem.
Chapter 16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from etudes.checks import check_positive_float, check_positive_int
from etudes.separators.masking import HOP_LENGTH, N_FFT, check_mixture, check_stems
from etudes.separators.oracle import oracle_masks
from etudes.separators.torch_stft import istft, stft

__all__ = ["best_masks"]


def best_masks(
    stems: Any,
    highest: float = 1.0,
    n_steps: int = 150,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
) -> np.ndarray:
    """Masks from 0 to `highest` whose estimates have the smallest squared error.

    Parameters
    ----------
    stems : array_like
        Waveforms, shape ``(n_sources, n_samples)``; the mixture is their sum.
    highest : float
        What a mask may not exceed.
    n_steps : int
        Of descent (Adam, Kingma and Ba 2015, put back between the bounds after each step), from
        the phase-sensitive mask.
    n_fft, hop_length : int
        Window and hop in samples.

    Returns
    -------
    numpy.ndarray
        Float32, shape ``(n_sources, n_fft // 2 + 1, n_frames)``.

    Raises
    ------
    TypeError, ValueError
        As from :func:`~etudes.separators.oracle.oracle_masks`, or when `highest` is not positive.
    """
    check_positive_float(highest, "highest")
    steps = check_positive_int(n_steps, "n_steps")
    sources = check_stems(stems)
    check_mixture(sources.sum(axis=0), n_fft)
    start = np.minimum(oracle_masks(sources, "phase-sensitive", n_fft, hop_length), highest)
    wanted = torch.from_numpy(sources)
    mixture = stft(wanted.sum(dim=0), n_fft, hop_length)
    masks = torch.from_numpy(start).requires_grad_()
    descent = torch.optim.Adam([masks], lr=0.05)
    energy = wanted.square().sum(dim=1).clamp_min(1e-12)
    for step in range(steps):
        descent.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        error = istft(masks * mixture, wanted.shape[1], hop_length) - wanted
        descent.zero_grad()
        (error.square().sum(dim=1) / energy).sum().backward()
        descent.step()
        with torch.no_grad():
            masks.clamp_(0, highest)
    return masks.detach().numpy()
