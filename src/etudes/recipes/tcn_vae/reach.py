"""How much of what it could hear a trained TCN-VAE uses.

The idea in a sentence: let every frame be told from a few frames around it, as if there were
nothing else, and see from how many frames on that makes no difference. Chapter 18.
"""

from __future__ import annotations

import numpy as np
import torch

from etudes.checks import check_in, check_positive_int
from etudes.separators import TCNVAE, apply_masks
from etudes.separators.torch_stft import log_magnitude

__all__ = ["FRAMES", "ONE_SIDE", "SIDES", "separate_within"]

FRAMES = (1, 3, 9, 33)
"""So many frames are heard for each that is told; the receptive field is of 125."""

ONE_SIDE = (9, 33)
"""So many when all the others come before the one that is told, or all after it."""

SIDES = ("around", "past", "future")
"""Where the frames lie that are heard."""


@torch.no_grad()
def separate_within(
    model: TCNVAE,
    mixture: np.ndarray,
    sources: tuple[str, ...],
    n_frames: int,
    side: str = "around",
) -> np.ndarray:
    """Take a mixture apart by its mask head, told of each frame from those around it alone.

    The norms, too, know those frames only. Loudness is still that of the whole mixture.

    Parameters
    ----------
    model
        Trained.
    mixture
        Waveform, shape ``(n_samples,)``.
    sources
        Who is heard in it.
    n_frames
        How many frames are heard, with the one that is told. At the ends of the mixture they are
        fewer.
    side
        ``"around"``: as many before as after it, so that the number must be odd. ``"past"``: all
        others before it; ``"future"``: all after it.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_sources, n_samples)``.

    Raises
    ------
    TypeError, ValueError
        When the number of frames is not positive, or even with frames on both sides; or the side is
        none of :data:`SIDES`.
    """
    others = check_positive_int(n_frames, "n_frames") - 1
    if check_in(side, "side", SIDES) == "around" and others % 2:
        raise ValueError(f"n_frames must be odd, as many before as after, got {n_frames}")
    before = {"around": others // 2, "past": others, "future": 0}[side]
    after = others - before
    features = log_magnitude(model.stft(torch.from_numpy(mixture)[None]), model.causal)
    told = []
    for t in range(features.shape[-1]):
        begin = max(0, t - before)
        told.append(model.hear_features(features[..., begin : t + after + 1])[:, :, t - begin])
    heard, which = torch.stack(told, dim=2), model.which(sources)
    masks = model.masks(heard, model.encode(heard, which)[0], which)[0]
    return apply_masks(mixture, masks.clamp(0, 1).numpy(), model.hop_length)
