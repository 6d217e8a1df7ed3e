"""Can a critic that is new to a generator tell its estimates from sources?

The idea in a sentence: a critic that was trained together with a generator is a judge in its own
cause; so train another for every generator, always alike, and count on hymns that it has not seen
(a classifier two-sample test: Lopez-Paz and Oquab, ICLR 2017). Chapter 17.
"""

from __future__ import annotations

import torch

from etudes.data.duets import DUETS
from etudes.recipes.gan_and_vae.rivals import scores
from etudes.recipes.separation import test_duets
from etudes.recipes.separation_training import N_EXCERPTS, Crops, training_stems
from etudes.separators import Critic, MaskGenerator
from etudes.separators.gan import critic_loss
from etudes.train import fit

__all__ = ["told_apart"]


def told_apart(
    generator: MaskGenerator, steps: int = 400, n_excerpts: int = N_EXCERPTS, n_batches: int = 60
) -> float:
    """How often a new critic is right about patches of unseen hymns.

    Parameters
    ----------
    generator
        Whose estimates are judged.
    steps
        Of the critic's training.
    n_excerpts
        Of each duet, for it to learn from.
    n_batches
        Of test crops, as many of sources as of estimates.

    Returns
    -------
    float
        Fraction from 0 to 1; 0.5 is guessing.
    """
    torch.manual_seed(0)
    critic = Critic(generator.n_sources)
    fit(
        critic,
        lambda network, stems: critic_loss(*scores(generator, network, stems)),
        Crops(training_stems(tuple(DUETS), n_excerpts), seed=3),
        steps=steps,
        optimizer=lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.5, 0.999)),
        every=steps,
        progress=False,
        seed=3,
    )
    critic.eval()
    unseen = Crops([one.stems for name in DUETS for one in test_duets(name)], seed=4)
    right = []
    with torch.no_grad():
        for i in range(n_batches):
            of_sources, of_estimates = scores(generator, critic, unseen[i])
            right += [(of_sources > 0.5).float().mean(), (of_estimates < 0.5).float().mean()]
    return float(torch.stack(right).mean())
