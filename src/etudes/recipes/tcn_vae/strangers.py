"""What the networks do to what they have never heard: other instruments, and noise.

The idea in a sentence: nothing is trained; a duet of clarinet and cello is asked for as flute and
bassoon, and white noise is added to mixtures that would otherwise be taken apart well. Chapter 18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from etudes.data.mixture import Mixture

__all__ = ["ASKED_AS", "SNR", "noisy"]

ASKED_AS = {"clarinet-cello": "flute-bassoon", "trumpet-viola": "choir-sa"}
"""As which duet strangers are asked for."""

SNR = (30, 20, 10, 0)
"""Of mixture to noise, in dB."""


def noisy(mixtures: Sequence[Mixture], snr: float, seed: int = 0) -> list[Mixture]:
    """The same mixtures with white noise.

    Parameters
    ----------
    mixtures
        Their stems stay as they are.
    snr
        Power of the mixture over that of the noise, in dB.
    seed
        Of the noise.

    Returns
    -------
    list of Mixture
        Whose ``mixture`` is the sum of stems and noise.
    """
    random = np.random.default_rng([seed, 18])
    found = []
    for m in mixtures:
        noise = random.normal(size=m.mixture.size)
        gain = np.sqrt(np.mean(m.mixture**2) / np.mean(noise**2)) * 10 ** (-snr / 20)
        found.append(replace(m, mixture=(m.mixture + gain * noise).astype(np.float32)))
    return found
