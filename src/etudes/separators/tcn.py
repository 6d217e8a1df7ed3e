"""Temporal convolutional networks: convolutions with holes, which hear far with few layers.

The idea in a sentence: each block hears twice as far as the one before it, so that the number of
frames heard grows exponentially with depth, and all frames are worked out at once, which a
recurrent network cannot. The name is of Bai, Kolter and Koltun, "An empirical evaluation of generic
convolutional and recurrent networks for sequence modeling" (2018); block and norms are those of Luo
and Mesgarani, "Conv-TasNet: surpassing ideal time-frequency magnitude masking for speech
separation" (IEEE/ACM TASLP 27, 2019). Chapter 18.
"""

from __future__ import annotations

import torch
from torch import nn

from etudes.checks import check_positive_int
from etudes.checks.words import shape_text

__all__ = ["TCN", "CumulativeNorm", "DilatedBlock", "GlobalNorm", "dilated_blocks"]

_EPS = 1e-8  # added to variances


class GlobalNorm(nn.GroupNorm):
    """Layer norm over channels and time of each item together; "gLN" in the paper.

    Every frame is measured against the whole sound, what is still to come included. It is a group
    norm of one group. Silence stays silence: 1e-8 is added to the variance.

    Parameters
    ----------
    channels : int
        Each has a learned gain, ``weight``, and a ``bias``.

    Raises
    ------
    TypeError, ValueError
        When the number is not positive.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(1, check_positive_int(channels, "channels"), eps=_EPS)


class CumulativeNorm(nn.Module):
    """Layer norm over all channels and all frames up to now; "cLN" in the paper.

    Nothing is known of what is still to come, and the last frame is that of :class:`GlobalNorm`,
    whose weights fit here. (Other people's cLN is a norm of each frame for itself.)

    Parameters
    ----------
    channels : int
        Each has a learned gain, ``weight``, and a ``bias``.

    Raises
    ------
    TypeError, ValueError
        When the number is not positive.

    Notes
    -----
    The obvious way, the mean of squares less the square of the mean, loses its digits where the
    mean is large: a variance may come out below 0, and its root is NaN. Here the squares within
    a frame, and those between it and the frames before it, are added up: sums of what is never
    below 0 (Chan, Golub and LeVeque, The American Statistician 37, 1983).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(check_positive_int(channels, "channels")))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Subtract the mean so far, divide by the standard deviation so far, then gain and bias.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, channels, n_frames)``.

        Returns
        -------
        torch.Tensor
            Of the same shape.
        """
        x = x - x[..., :1].mean(dim=1, keepdim=True).detach()  # changes nothing but keeps digits
        heard = torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)
        frame = x.mean(dim=1, keepdim=True)
        mean = frame.cumsum(dim=-1) / heard
        before = nn.functional.pad(mean[..., :-1], (1, 0))
        within = (x - frame).square().mean(dim=1, keepdim=True)
        between = (frame - before).square() * ((heard - 1) / heard)
        variance = (within + between).cumsum(dim=-1) / heard
        normed = (x - mean) * (variance + _EPS).rsqrt()
        return self.weight[:, None] * normed + self.bias[:, None]


class DilatedBlock(nn.Module):
    """What is added to each frame after listening to a few frames that lie `dilation` apart.

    A 1×1 convolution, PReLU, norm, a dilated convolution, PReLU, norm, and a 1×1 convolution back
    (Luo and Mesgarani 2019, figure 1C, whose second way out is in
    :mod:`etudes.separators.conv_tasnet`).

    Parameters
    ----------
    channels : int
        Of what comes in and goes out.
    hidden : int
        Channels in between.
    kernel_size : int
        Frames that are listened to; odd.
    dilation : int
        From one of them to the next.
    causal : bool
        Listen to this frame and those before it (zeros before the first), and normalise with
        :class:`CumulativeNorm`. Otherwise to as many before as after, with :class:`GlobalNorm`.
    depthwise : bool
        Each hidden channel listens to itself only, as in Conv-TasNet: ``hidden * kernel_size``
        weights instead of ``hidden * hidden * kernel_size``.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or `kernel_size` is even.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        kernel_size: int = 3,
        dilation: int = 1,
        causal: bool = False,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        check_positive_int(channels, "channels")
        check_positive_int(hidden, "hidden")
        if check_positive_int(kernel_size, "kernel_size") % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        norm = CumulativeNorm if causal else GlobalNorm
        reach = (kernel_size - 1) * check_positive_int(dilation, "dilation")
        later = 0 if causal else reach // 2
        groups = hidden if depthwise else 1
        self.inside = nn.Sequential(
            nn.Conv1d(channels, hidden, 1),
            nn.PReLU(),
            norm(hidden),
            nn.ConstantPad1d((reach - later, later), 0.0),
            nn.Conv1d(hidden, hidden, kernel_size, dilation=dilation, groups=groups),
            nn.PReLU(),
            norm(hidden),
        )
        self.back = nn.Conv1d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to each frame what was heard around it.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, channels, n_frames)``.

        Returns
        -------
        torch.Tensor
            Of the same shape.
        """
        return x + self.back(self.inside(x))


def dilated_blocks(
    channels: int,
    hidden: int,
    n_blocks: int = 6,
    n_repeats: int = 2,
    kernel_size: int = 3,
    causal: bool = False,
    depthwise: bool = False,
) -> nn.ModuleList:
    """Blocks of dilations 1, 2, 4, …, ``2**(n_blocks - 1)``, and again from 1.

    Parameters
    ----------
    channels, hidden : int
        As of a :class:`DilatedBlock`.
    n_blocks : int
        From one dilation of 1 to the next.
    n_repeats : int
        How often the dilations run from 1 to the largest.
    kernel_size : int
        Frames that one block listens to; odd.
    causal, depthwise : bool
        As of a :class:`DilatedBlock`.

    Returns
    -------
    torch.nn.ModuleList
        ``n_repeats * n_blocks`` blocks.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or `kernel_size` is even.
    """
    check_positive_int(n_blocks, "n_blocks")
    check_positive_int(n_repeats, "n_repeats")
    return nn.ModuleList(
        DilatedBlock(channels, hidden, kernel_size, 2**k, causal, depthwise)
        for _ in range(n_repeats)
        for k in range(n_blocks)
    )


class TCN(nn.Module):
    """A temporal convolutional network: a 1×1 convolution, a norm, and dilated blocks.

    Parameters
    ----------
    n_in : int
        Numbers that are given of each frame.
    channels : int
        Numbers that are told of each frame.
    hidden : int
        Channels within a block.
    n_blocks : int
        Dilations: 1, 2, 4, …, ``2**(n_blocks - 1)``.
    n_repeats : int
        How often they are run through.
    kernel_size : int
        Frames that one block listens to; odd.
    causal : bool
        Never listen to what is still to come; see :class:`DilatedBlock`.
    depthwise : bool
        Convolve each channel for itself. The default is dense: on a CPU that is quicker at equally
        many weights.

    Raises
    ------
    TypeError, ValueError
        When a number is not positive, or `kernel_size` is even.
    """

    def __init__(
        self,
        n_in: int,
        channels: int = 128,
        hidden: int = 128,
        n_blocks: int = 6,
        n_repeats: int = 2,
        kernel_size: int = 3,
        causal: bool = False,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        self.n_in = check_positive_int(n_in, "n_in")
        self._sizes = n_blocks, n_repeats, kernel_size
        self.blocks = dilated_blocks(
            channels, hidden, n_blocks, n_repeats, kernel_size, causal, depthwise
        )
        self.inward = nn.Sequential(
            nn.Conv1d(n_in, channels, 1),
            CumulativeNorm(channels) if causal else GlobalNorm(channels),
        )

    @property
    def receptive_field(self) -> int:
        """How many frames of input the convolutions let one frame of output hear.

        A block of dilation d reaches over d (kernel_size − 1) frames besides its own, and each adds
        its reach to that of those before it. Dilations 1 + 2 + … + 2**(n_blocks − 1) add up to
        2**n_blocks − 1, so the field is ``1 + n_repeats * (kernel_size - 1) * (2**n_blocks - 1)``
        frames: half of the others before and half after, or all of them before in a causal network.

        It is of the convolutions alone. The norms hear further: a :class:`GlobalNorm` lets every
        frame depend, through one mean and one variance, on the whole sound, and a
        :class:`CumulativeNorm` on all that came before.
        """
        n_blocks, n_repeats, kernel_size = self._sizes
        return 1 + n_repeats * (kernel_size - 1) * (2**n_blocks - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What is told of each frame.

        Parameters
        ----------
        x : torch.Tensor
            Shape ``(n, n_in, n_frames)``.

        Returns
        -------
        torch.Tensor
            Shape ``(n, channels, n_frames)``.

        Raises
        ------
        ValueError
            When `x` has another shape.
        """
        if x.ndim != 3 or x.shape[1] != self.n_in:
            raise ValueError(
                f"x must have shape (n, {self.n_in}, n_frames), got {shape_text(x.shape)}"
            )
        x = self.inward(x)
        for block in self.blocks:
            x = block(x)
        return x
