"""Train a mask generator, and go on with a critic or without.

The idea in a sentence: three continuations of one and the same start, for as many steps of the
generator on the same crops: by the stems, by the stems and a critic, and by the critic alone (which
is the unsupervised phase of Fan et al. 2018). Chapter 17.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from etudes.data.duets import DUETS
from etudes.recipes.separation_training import (
    N_EXCERPTS,
    Crops,
    duets_score,
    train_separator,
    training_stems,
)
from etudes.separators import Critic, MaskGenerator
from etudes.separators.gan import critic_loss, passing_loss, reachable
from etudes.separators.mask_network import mask_loss
from etudes.train import History, cosine_schedule, fit

__all__ = ["Rivals", "Turns", "generator_score", "scores", "train_generator", "train_rivals"]


def train_generator(
    steps: int,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 0,
    validate: bool = True,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[MaskGenerator, History]:
    """Train the mask generator with supervision, one network for all three duets.

    Parameters
    ----------
    steps
        Of Adam.
    n_excerpts
        Of each duet.
    seed
        Of weights and crops.
    validate
        Keep the weights that separate validation duets best.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    MaskGenerator, History
    """
    torch.manual_seed(seed)
    return train_separator(
        MaskGenerator(),
        lambda network, stems: network.loss(stems),
        Crops(training_stems(tuple(DUETS), n_excerpts), seed),
        steps,
        score=generator_score if validate else None,
        clip=5.0,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )


class Rivals(nn.Module):
    """A mask generator and its critic.

    Parameters
    ----------
    generator, critic
        Changed in place.
    """

    def __init__(self, generator: MaskGenerator, critic: Critic) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic

    def turn(
        self, batch: tuple[bool, torch.Tensor], supervision: float, adversary: float
    ) -> torch.Tensor:
        """The loss of one turn: the critic's, or the generator's.

        Parameters
        ----------
        batch
            Whether it is the critic's turn, and stems of shape ``(n, n_sources, n_samples)``.
        supervision, adversary
            Weights of the two terms of the generator's loss.

        Returns
        -------
        torch.Tensor
            A scalar on which the other's weights have no gradient.
        """
        critics_turn, stems = batch
        if critics_turn:
            return critic_loss(*scores(self.generator, self.critic, stems))
        each = self.generator.stft(stems)
        mixture = each.sum(dim=1)
        masks, size = self.generator(mixture), mixture.abs()
        loss = supervision * mask_loss(masks, each)
        if adversary:
            self.critic.requires_grad_(False)
            loss = loss + adversary * passing_loss(self.critic(size, masks * size[:, None]))
            self.critic.requires_grad_(True)
        return loss


def scores(
    generator: MaskGenerator, critic: Critic, stems: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a critic thinks of sources, and of a generator's estimates of them.

    Parameters
    ----------
    generator
        Has no gradient.
    critic
        Has one.
    stems
        Shape ``(n, n_sources, n_samples)``.

    Returns
    -------
    torch.Tensor, torch.Tensor
        Scores of patches, near 1 for what it takes for a source.
    """
    each = generator.stft(stems)
    mixture = each.sum(dim=1)
    size = mixture.abs()
    with torch.no_grad():
        estimates = generator(mixture) * size[:, None]
    return critic(size, reachable(each)), critic(size, estimates)


class Turns:
    """Crops, and whose turn it is: first the critic's alone, then one after the other.

    Parameters
    ----------
    crops
        Batches of stems.
    n_alone
        Turns of the critic before the generator moves.
    with_critic
        Without, only the generator's turns, on the same crops.
    """

    def __init__(self, crops: Crops, n_alone: int, with_critic: bool = True) -> None:
        self.crops, self.n_alone, self.with_critic = crops, n_alone, with_critic

    def __getitem__(self, i: int) -> tuple[bool, torch.Tensor]:
        """Whether the critic moves, and stems."""
        if not self.with_critic:
            return False, self.crops[self.n_alone + 2 * i + 1]
        return i < self.n_alone or (i - self.n_alone) % 2 == 0, self.crops[i]


def train_rivals(
    generator: MaskGenerator,
    steps: int,
    supervision: float = 1.0,
    adversary: float = 0.0,
    n_alone: int = 300,
    n_excerpts: int = N_EXCERPTS,
    seed: int = 1,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[Rivals, History]:
    """Go on training a generator, with or without a critic, and keep the last weights.

    Parameters
    ----------
    generator
        Where to go on from; a copy is trained.
    steps
        Of the generator.
    supervision, adversary
        Weights of the two terms of its loss; with no adversary there is no critic.
    n_alone
        Turns of the critic before the generator moves.
    n_excerpts
        Of each duet.
    seed
        Of the critic's weights and of crops.
    checkpoint
        Where a run that is interrupted goes on.
    progress
        Show a bar.

    Returns
    -------
    Rivals, History
    """
    torch.manual_seed(seed)
    model = Rivals(deepcopy(generator).requires_grad_(True), Critic(generator.n_sources))
    crops = Crops(training_stems(tuple(DUETS), n_excerpts), seed)
    n_turns = n_alone + 2 * steps if adversary else steps
    history = fit(
        model,
        lambda network, batch: network.turn(batch, supervision, adversary),
        Turns(crops, n_alone, bool(adversary)),
        steps=n_turns,
        optimizer=lambda _: torch.optim.Adam(
            [
                {"params": model.generator.parameters(), "lr": 3e-4},
                {"params": model.critic.parameters(), "lr": 4e-4, "betas": (0.5, 0.999)},
            ]
        ),
        schedule=cosine_schedule(n_turns),
        clip=5.0,
        every=500,
        checkpoint=checkpoint,
        progress=progress,
        seed=seed,
    )
    return model.eval(), history


def generator_score(model: MaskGenerator | Rivals) -> float:
    """Mean SI-SDR improvement on validation duets, in dB."""
    generator = model.generator if isinstance(model, Rivals) else model
    return duets_score(generator.separate)
