"""With the same weights, our blocks and masks and asteroid's are the same numbers.

Asteroid 0.7 has other names for two things: its ``cgLN`` is the paper's cumulative norm (its
``cLN`` is a norm of each frame), and its block returns what is to be added to the input, not the
sum. Its cumulative norm loses digits where the mean is far from 0, so that random numbers around
0 are compared.

It asks for an older torchmetrics than the book has. What is needed here comes with
``pip install --no-deps asteroid asteroid-filterbanks huggingface-hub``.
"""

import pytest
import torch
from torch import nn

from etudes.separators import ConvTasNet
from etudes.separators.tcn import CumulativeNorm, DilatedBlock, GlobalNorm

pytest.importorskip("asteroid")
convolutional = pytest.importorskip("asteroid.masknn.convolutional")
norms = pytest.importorskip("asteroid.masknn.norms")

NORM = {False: "gLN", True: "cgLN"}
both_ways = pytest.mark.parametrize("causal", [False, True])


def stirred(theirs, seed=0):
    """Gains, biases and slopes too are other than they are made."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator))
    return theirs


def copy(ours, theirs):
    ours.load_state_dict(theirs.state_dict())


def copy_norm(ours, theirs):
    ours.load_state_dict({"weight": theirs.gamma.detach(), "bias": theirs.beta.detach()})


def copy_block(ours, skip, theirs):
    first, slope, norm, dilated, other_slope, other_norm = theirs.shared_block
    copy(ours.inside[0], first)
    copy(ours.inside[1], slope)
    copy_norm(ours.inside[2], norm)
    copy(ours.inside[4], next(x for x in dilated.modules() if isinstance(x, nn.Conv1d)))
    copy(ours.inside[5], other_slope)
    copy_norm(ours.inside[6], other_norm)
    copy(ours.back, theirs.res_conv)
    copy(skip, theirs.skip_conv)


@both_ways
@torch.no_grad()
def test_norms(causal):
    theirs = stirred(norms.get(NORM[causal])(8))
    ours = (CumulativeNorm if causal else GlobalNorm)(8)
    copy_norm(ours, theirs)
    x = torch.randn(3, 8, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.double()(x), theirs.double()(x), rtol=0, atol=1e-12)


@both_ways
@pytest.mark.parametrize(("kernel_size", "dilation"), [(3, 1), (3, 8), (5, 4)])
@torch.no_grad()
def test_a_block_and_its_skip(causal, kernel_size, dilation):
    reach = (kernel_size - 1) * dilation
    theirs = convolutional.Conv1DBlock(
        6, 10, 7, kernel_size, reach if causal else reach // 2, dilation, NORM[causal], causal
    )
    ours = DilatedBlock(6, 10, kernel_size, dilation, causal, depthwise=True)
    skip = nn.Conv1d(10, 7, 1)
    copy_block(ours, skip, stirred(theirs))
    x = torch.randn(3, 6, 100, generator=torch.Generator().manual_seed(1))
    added, told = theirs.double()(x.double())
    ours, skip = ours.double(), skip.double()
    torch.testing.assert_close(ours(x.double()), x + added, rtol=0, atol=1e-10)
    torch.testing.assert_close(skip(ours.inside(x.double())), told, rtol=0, atol=1e-10)
    added, told = theirs.float()(x)
    ours, skip = ours.float(), skip.float()
    torch.testing.assert_close(ours(x), x + added, rtol=1e-6, atol=1e-5)
    assert told.std() > 0.1 and added.std() > 0.1


@both_ways
@torch.no_grad()
def test_all_masks_of_a_network(causal):
    theirs = convolutional.TDConvNet(
        16, 2, None, 3, 2, 8, 12, 8, 3, NORM[causal], mask_act="softmax", causal=causal
    )
    ours = ConvTasNet(2, 16, 16, 8, 12, 3, 2, causal)
    stirred(theirs)
    copy_norm(ours.inward[0], theirs.bottleneck[0])
    copy(ours.inward[1], theirs.bottleneck[1])
    for block, skip, other in zip(ours.blocks, ours.skips, theirs.TCN, strict=True):
        copy_block(block, skip, other)
    copy(ours.outward, theirs.mask_net)
    frames = torch.randn(2, 16, 80, generator=torch.Generator().manual_seed(1)).abs()
    found, wanted = ours.masks(frames), theirs(frames)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    found, wanted = ours.double().masks(frames.double()), theirs.double()(frames.double())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert wanted.std() > 0.1


def test_as_many_weights():
    theirs = convolutional.TDConvNet(512, 2)
    with torch.device("meta"):
        ours = ConvTasNet(2, 512, 16, 128, 512, 8, 3)
    filters = 2 * 512 * 16
    count = sum(p.numel() for p in theirs.parameters()) + filters
    assert sum(p.numel() for p in ours.parameters()) == count
