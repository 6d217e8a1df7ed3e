"""How much of what it could hear a trained TCN-VAE uses.

The idea in a sentence: let every frame be told from a few frames around it, as if there were
nothing else, and see from how many frames on that makes no difference. Chapter 18.
"""

from __future__ import annotations

import numpy as np
import torch

from etudes.checks import check_positive_int
from etudes.separators import TCNVAE, apply_masks
from etudes.separators.torch_stft import log_magnitude

__all__ = ["FRAMES", "PAST", "separate_within"]

FRAMES = (1, 3, 9, 33)
"""So many frames are heard for each that is told; the receptive field is of 125."""

PAST = (9, 33)
"""So many when none of them comes after the one that is told."""


@torch.no_grad()
def separate_within(
    model: TCNVAE,
    mixture: np.ndarray,
    sources: tuple[str, ...],
    n_frames: int,
    past_only: bool = False,
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
        How many frames are heard, the one that is told in the middle: an odd number. At the ends
        of the mixture they are fewer.
    past_only
        Hear the frame that is told last instead, and nothing that follows; then any number will do.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_sources, n_samples)``.

    Raises
    ------
    ValueError
        When the number of frames is even, and they lie on both sides.
    """
    if check_positive_int(n_frames, "n_frames") % 2 == 0 and not past_only:
        raise ValueError(f"n_frames must be odd, as many before as after, got {n_frames}")
    before = n_frames - 1 if past_only else n_frames // 2
    after = n_frames - 1 - before
    features = log_magnitude(model.stft(torch.from_numpy(mixture)[None]), model.causal)
    told = []
    for t in range(features.shape[-1]):
        begin = max(0, t - before)
        told.append(model.hear_features(features[..., begin : t + after + 1])[:, :, t - begin])
    heard, which = torch.stack(told, dim=2), model.which(sources)
    masks = model.masks(heard, model.encode(heard, which)[0], which)[0]
    return apply_masks(mixture, masks.clamp(0, 1).numpy(), model.hop_length)
