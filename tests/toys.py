"""Small sounds and numbers that the tests of several separators take apart."""

import numpy as np
import torch


def high_over_low(rng, n_samples):
    """A high note and a low one at 8 kHz, each of three harmonics, shape ``(2, n_samples)``."""
    time = np.arange(n_samples) / 8000
    return np.stack(
        [
            sum(np.sin(2 * np.pi * h * hertz * time + rng.uniform(0, 6)) for h in (1, 2, 3)) / 10
            for hertz in (rng.uniform(700, 1000), rng.uniform(150, 250))
        ]
    ).astype(np.float32)


def random(*shape, seed=0, dtype=torch.float32):
    """Standard Gaussian numbers, the same for the same seed."""
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))
