"""Temporal convolutional networks: what each frame is made of, and what it must not be."""

import pytest
import torch
from torch import nn
from toys import random

from etudes.separators import TCN
from etudes.separators.tcn import CumulativeNorm, DilatedBlock, GlobalNorm, dilated_blocks

NORMS = (GlobalNorm, CumulativeNorm)


def small(seed=0, **sizes):
    torch.manual_seed(seed)
    return TCN(**{"n_in": 3, "channels": 4, "hidden": 5, "n_blocks": 3, "n_repeats": 2, **sizes})


def without_norms(model):
    """The same convolutions with nothing between them that hears further."""
    for layers in [x for x in model.modules() if isinstance(x, nn.Sequential)]:
        for place, layer in enumerate(layers):
            if isinstance(layer, NORMS):
                layers[place] = nn.Identity()
    assert not any(isinstance(x, NORMS) for x in model.modules())
    return model


def heard(model, t, n_frames=61, n_in=3):
    """How strongly each frame of input moves frame `t` of output, shape ``(n_frames,)``."""
    x = random(2, n_in, n_frames, seed=9, dtype=torch.float64).requires_grad_()
    out = model.double()(x)
    (out[..., t] * random(2, out.shape[1], seed=8, dtype=torch.float64)).sum().backward()
    return x.grad.abs().sum(dim=(0, 1))


# Norms


def measured(x, upto=None):
    """The definition of both norms in float64: against all frames, or against those `upto` one."""
    x = x.double()
    told = []
    for t in range(x.shape[-1]):
        seen = x[..., : t + 1] if upto else x
        mean = seen.mean(dim=(1, 2))[:, None]
        spread = (seen - mean[..., None]).square().mean(dim=(1, 2))[:, None]
        told.append((x[..., t] - mean) / (spread + 1e-8).sqrt())
    return torch.stack(told, dim=-1)


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(random(2, 6, 40), id="normal"),
        pytest.param(100 + 0.01 * random(2, 6, 40), id="far from zero"),
        pytest.param(random(2, 6, 40) + torch.arange(40) * 10, id="rising"),
        pytest.param(1e-3 * random(2, 6, 40), id="quiet"),
        pytest.param(1e6 * random(2, 6, 40), id="loud"),
        pytest.param(torch.full((2, 6, 40), 3.7), id="constant"),
        pytest.param(torch.full((2, 6, 40), 1e4 / 3), id="a large constant"),
        pytest.param(torch.zeros(2, 6, 40), id="silent"),
        pytest.param((100 + 0.01 * random(2, 6, 40)) * (torch.arange(40) > 5), id="late"),
        pytest.param(random(2, 6, 1), id="one frame"),
    ],
)
def test_the_cumulative_norm_is_that_of_all_frames_so_far(x):
    x = x.clone().requires_grad_()
    found = CumulativeNorm(6)(x)
    torch.testing.assert_close(found.double(), measured(x, "now"), rtol=0, atol=1e-5)
    (found * random(*x.shape, seed=1)).sum().backward()
    assert x.grad.isfinite().all()


def test_the_global_norm_is_that_of_all_channels_and_frames():
    x = random(3, 6, 40) * torch.tensor([1.0, 1e-3, 1e4])[:, None, None]  # items of their own
    torch.testing.assert_close(GlobalNorm(6)(x).double(), measured(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(GlobalNorm(6)(x), nn.GroupNorm(1, 6, eps=1e-8)(x))
    assert (GlobalNorm(6)(0 * x) == 0).all()


@pytest.mark.parametrize("kind", NORMS)
def test_each_channel_has_its_gain_and_bias(kind):
    norm, x = kind(6), random(2, 6, 40)
    plain = norm(x).detach()
    assert [list(one.shape) for one in norm.parameters()] == [[6], [6]]
    with torch.no_grad():
        norm.weight.copy_(torch.arange(1.0, 7.0))
        norm.bias.copy_(torch.arange(6.0) - 3)
        wanted = plain * torch.arange(1.0, 7.0)[:, None] + torch.arange(6.0)[:, None] - 3
        torch.testing.assert_close(norm(x), wanted)


def test_the_last_frame_of_both_norms_is_the_same_and_their_weights_fit():
    one, other, x = GlobalNorm(6), CumulativeNorm(6), random(2, 6, 40)
    with torch.no_grad():
        one.weight.copy_(random(6, seed=1))
        one.bias.copy_(random(6, seed=2))
        other.load_state_dict(one.state_dict())
        torch.testing.assert_close(one(x)[..., -1], other(x)[..., -1], rtol=0, atol=1e-5)
        assert (one(x) - other(x)).abs()[..., :10].max() > 0.1


@pytest.mark.parametrize("kind", NORMS)
def test_gradients_of_norms_are_those_of_finite_differences(kind):
    norm = kind(3).double()
    x = (5 + random(2, 3, 7, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(norm, (x,))


# Blocks


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
def test_a_block_adds_to_each_frame_what_the_formula_says(causal, depthwise):
    torch.manual_seed(0)
    block = DilatedBlock(4, 6, 5, 3, causal, depthwise)
    first, slope, norm, _, dilated, other_slope, other_norm = block.inside
    x = random(2, 4, 30)
    with torch.no_grad():
        slope.weight.fill_(0.1)
        other_slope.weight.fill_(-0.3)
        y = torch.einsum("hc,nct->nht", first.weight[..., 0], x) + first.bias[:, None]
        y = norm(torch.where(y < 0, 0.1 * y, y))
        z = dilated.bias[None, :, None].repeat(2, 1, 30)
        for tap in range(5):
            weight = dilated.weight[..., tap]
            weight = torch.diag(weight[:, 0]) if depthwise else weight
            for t in range(30):
                there = t + 3 * (tap - (4 if causal else 2))
                if 0 <= there < 30:
                    z[..., t] += y[..., there] @ weight.T
        z = other_norm(torch.where(z < 0, -0.3 * z, z))
        told = torch.einsum("ch,nht->nct", block.back.weight[..., 0], z) + block.back.bias[:, None]
        torch.testing.assert_close(block.inside(x), z, rtol=0, atol=1e-5)
        torch.testing.assert_close(block(x), x + told, rtol=0, atol=1e-5)
    assert {type(norm), type(other_norm)} == {CumulativeNorm if causal else GlobalNorm}


def test_depthwise_has_the_fewer_weights():
    counts = [
        sum(p.numel() for p in DilatedBlock(4, 6, depthwise=depthwise).parameters())
        for depthwise in (False, True)
    ]
    common = 4 * 6 + 6 + 6 * 4 + 4 + 2 * (1 + 2 * 6) + 6
    assert counts == [common + 6 * 6 * 3, common + 6 * 3]


def test_dilations_double_and_begin_again():
    blocks = dilated_blocks(2, 3, n_blocks=4, n_repeats=3, kernel_size=5, depthwise=True)
    assert [block.inside[4].dilation for block in blocks] == [(1,), (2,), (4,), (8,)] * 3
    assert {block.inside[4].kernel_size for block in blocks} == {(5,)}
    assert {block.inside[4].groups for block in blocks} == {3}


# The network


@pytest.mark.parametrize("n_frames", [1, 2, 50])
@pytest.mark.parametrize("causal", [False, True])
@torch.no_grad()
def test_as_many_frames_come_out_as_go_in(n_frames, causal):
    model = small(causal=causal)
    out = model(random(2, 3, n_frames))
    assert out.shape == (2, 4, n_frames) and out.isfinite().all()
    x = random(2, 3, n_frames)
    torch.testing.assert_close(model(x[1:])[0], model(x)[1], rtol=0, atol=1e-5)


@torch.no_grad()
def test_first_a_convolution_then_a_norm_then_block_after_block():
    model, x = small(), random(2, 3, 30)
    first, norm = model.inward
    wanted = torch.einsum("cf,nft->nct", first.weight[..., 0], x) + first.bias[:, None]
    wanted = norm(wanted)
    for block in model.blocks:
        wanted = block(wanted)
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=1e-5)
    assert len(model.blocks) == 6 and isinstance(norm, GlobalNorm)
    assert isinstance(small(causal=True).inward[1], CumulativeNorm)


SIZES = [
    {"n_blocks": 3, "n_repeats": 2},
    {"n_blocks": 4, "n_repeats": 1},
    {"n_blocks": 2, "n_repeats": 3, "kernel_size": 5},
    {"n_blocks": 1, "n_repeats": 1, "kernel_size": 1},
    {"n_blocks": 3, "n_repeats": 2, "depthwise": True},
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("causal", [False, True])
def test_the_receptive_field_is_what_the_convolutions_hear(sizes, causal):
    model = without_norms(small(causal=causal, **sizes))
    field, middle = model.receptive_field, 40
    kernel, blocks, repeats = sizes.get("kernel_size", 3), sizes["n_blocks"], sizes["n_repeats"]
    assert field == 1 + repeats * (kernel - 1) * (2**blocks - 1) < 40
    first = middle - (field - 1) // (1 if causal else 2)
    moves = heard(model, middle, n_frames=81) != 0
    assert moves.nonzero()[:, 0].tolist() == list(range(first, first + field))


def test_receptive_fields_of_the_paper():
    """Seconds in table II; windows step by half of their length, at 8 kHz."""
    told = [(7, 2, 40, 1.28), (6, 4, 40, 1.27), (4, 6, 40, 0.46), (8, 3, 40, 3.83)]
    for n_blocks, n_repeats, window, seconds in [*told, (8, 3, 32, 3.06), (8, 3, 16, 1.53)]:
        frames = small(n_blocks=n_blocks, n_repeats=n_repeats).receptive_field
        assert ((frames - 1) * window / 2 + window) / 8000 == pytest.approx(seconds, abs=0.006)
    assert TCN(1).receptive_field == 253


def trained(model):
    """After some steps towards noise: weights and gains that no initialisation would choose."""
    descent = torch.optim.Adam(model.parameters(), lr=0.03)
    for step in range(20):
        loss = (model(random(4, 3, 61, seed=step)) - random(4, 4, 61, seed=100 + step)).square()
        descent.zero_grad()
        loss.mean().backward()
        descent.step()
    assert (model.blocks[0].inside[2].weight - 1).abs().max() > 0.01
    return model


@pytest.mark.parametrize("after", ["as made", "after training"])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("depthwise", [False, True])
def test_a_causal_network_hears_all_that_was_and_nothing_to_come(after, mode, depthwise):
    model = small(causal=True, depthwise=depthwise)
    model = trained(model) if after == "after training" else model
    model.train(mode == "train")
    for t in (0, 30, 60):
        moves = heard(model, t)
        assert (moves[t + 1 :] == 0).all() and (moves[: t + 1] > 0).all()
    x, later = random(2, 3, 61, dtype=torch.float64), random(2, 3, 61, dtype=torch.float64)
    later[..., 31:] *= 1e6
    assert torch.equal(model(x)[..., :31], model(later)[..., :31])
    torch.testing.assert_close(model(x[..., :31]), model(x)[..., :31])


def test_a_global_norm_in_causal_convolutions_hears_what_is_to_come():
    """The mistake of the failure museum: the convolutions are causal, the network is not."""
    model = small(causal=True)
    for layers in [x for x in model.modules() if isinstance(x, nn.Sequential)]:
        for place, layer in enumerate(layers):
            if isinstance(layer, CumulativeNorm):
                layers[place] = GlobalNorm(len(layer.weight))
    assert (heard(model, 30)[31:] > 0).all()
    assert (heard(small(), 30) > 0).all()  # as does every network that is not causal
    assert (heard(without_norms(small(causal=True)), 30)[31:] == 0).all()


def test_every_weight_learns():
    for causal in (False, True):
        model = small(causal=causal)
        (model(random(2, 3, 30)) * random(2, 4, 30, seed=1)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_weights_of_a_network_fit_its_causal_twin():
    one, other = small(1), small(2, causal=True)
    other.load_state_dict(one.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


KINDS = {
    TCN: ("n_in", "channels", "hidden", "n_blocks", "n_repeats"),
    DilatedBlock: ("channels", "hidden", "dilation"),
    dilated_blocks: ("channels", "hidden", "n_blocks", "n_repeats"),
}


@pytest.mark.parametrize(("kind", "size"), [(kind, size) for kind in KINDS for size in KINDS[kind]])
def test_networks_that_cannot_be_are_named(kind, size):
    sizes = dict.fromkeys(KINDS[kind], 2)
    with pytest.raises(ValueError, match=f"{size} must be a positive integer, got 0"):
        kind(**{**sizes, size: 0})
    with pytest.raises(TypeError, match=f"{size} must be a positive integer, got str 'many'"):
        kind(**{**sizes, size: "many"})


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_have_a_middle(kind):
    sizes = dict.fromkeys(KINDS[kind], 2)
    for number, words in ((4, "kernel_size must be odd, got 4"), (0, "kernel_size must be a posi")):
        with pytest.raises(ValueError, match=words):
            kind(**sizes, kernel_size=number)


@pytest.mark.parametrize("kind", NORMS)
def test_norms_that_cannot_be_are_named(kind):
    with pytest.raises(ValueError, match="channels must be a positive integer, got 0"):
        kind(0)
    with pytest.raises(TypeError, match="channels must be a positive integer"):
        kind(2.0)


@pytest.mark.parametrize("shape", [(3, 30), (2, 3), (2, 4, 30), (2, 30, 3), (2, 3, 5, 30)])
def test_what_cannot_be_heard_is_named(shape):
    words = r"x must have shape \(n, 3, n_frames\), got \(" + ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=words):
        small()(torch.zeros(shape))
