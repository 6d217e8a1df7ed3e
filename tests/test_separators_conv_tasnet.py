"""Conv-TasNet: what its estimates add up to, what they must not depend on, and its loss."""

from functools import partial

import numpy as np
import pytest
import torch
from toys import high_over_low, random

from etudes.evaluate import si_sdr
from etudes.separators import ConvTasNet
from etudes.separators.conv_tasnet import si_sdr_loss
from etudes.separators.tcn import CumulativeNorm, GlobalNorm
from etudes.train import load_weights, save_weights

duet = partial(high_over_low, n_samples=2048)
STEMS = duet(np.random.default_rng(99))
MIXTURE = STEMS.sum(axis=0)

SMALL = {"n_filters": 16, "window": 16, "channels": 8, "hidden": 12, "n_blocks": 3, "n_repeats": 2}


def small(seed=0, **sizes):
    torch.manual_seed(seed)
    return ConvTasNet(**{**SMALL, **sizes})


def batch(rng, n=4):
    return torch.from_numpy(np.stack([duet(rng) for _ in range(n)]))


@pytest.fixture(scope="module", params=[False, True], ids=["sees all", "causal"])
def trained(request):
    """A small network after some steps, and the loss of each."""
    rng, model = np.random.default_rng(0), small(causal=request.param)
    descent = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = model.loss(batch(rng))
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(loss.item())
    return model, losses


# The loss


def test_the_loss_is_the_negative_si_sdr_of_the_book():
    rng = np.random.default_rng(0)
    stems = rng.normal(size=(5, 2, 500))
    estimates = stems + rng.normal(size=stems.shape) * 10.0 ** -np.arange(5)[:, None, None]
    sdr = si_sdr(estimates, stems)
    assert sdr.max() > 75 and sdr.min() < 5
    c2 = 1 / (1 + 10 ** (-sdr / 10))
    wanted = -10 * np.log10((c2 + 1e-8) / (1 - c2 + 1e-8))
    np.testing.assert_allclose(wanted[:3], -sdr[:3], atol=1e-3)  # 1e-8 is felt at 60 decibels
    for kind, error in ((torch.float64, 1e-6), (torch.float32, 0.01)):
        found, given = (torch.from_numpy(x).to(kind) for x in (estimates, stems))
        for k in range(5):
            loss = si_sdr_loss(found[k], given[k]).item()
            assert loss == pytest.approx(wanted[k].mean(), abs=error)
        assert si_sdr_loss(found, given).item() == pytest.approx(wanted.mean(), abs=error)


@pytest.mark.parametrize("loudness", [1e-30, 1e-4, 1e4, 1e30])
def test_the_loss_does_not_ask_how_loud(loudness):
    stems = random(2, 2, 500)
    estimates = stems + random(2, 2, 500, seed=1)
    wanted = si_sdr_loss(estimates, stems).item()
    for a, b in ((loudness, 1), (1, loudness), (loudness, loudness), (-loudness, 1)):
        assert si_sdr_loss(a * estimates, b * stems).item() == pytest.approx(wanted, abs=1e-3)


def test_the_loss_has_ends_and_silence_has_its_place():
    stems, none = random(1, 1, 500), torch.zeros(1, 1, 500)
    assert si_sdr_loss(stems, stems).item() == pytest.approx(-80, abs=0.1)
    across = stems.flip(-1) - (stems.flip(-1) * stems).sum() / (stems * stems).sum() * stems
    assert si_sdr_loss(across, stems).item() == pytest.approx(80, abs=0.1)
    assert si_sdr_loss(none, stems).item() == pytest.approx(80, abs=0.1)
    assert si_sdr_loss(stems, none).item() == pytest.approx(0, abs=1e-6)
    for found, wanted in ((stems, stems), (none, stems), (stems, none), (none, none)):
        found = found.clone().requires_grad_()
        si_sdr_loss(found, wanted).backward()
        assert found.grad.isfinite().all() and (wanted.any() or not found.grad.any())


def test_gradients_of_the_loss_are_those_of_finite_differences():
    stems = random(2, 2, 9, dtype=torch.float64)
    estimates = random(2, 2, 9, seed=1, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: si_sdr_loss(x, stems), (estimates,))


def test_an_estimate_for_each_stem():
    with pytest.raises(ValueError, match=r"must be of one shape, got \(2, 9\) and \(1, 9\)"):
        si_sdr_loss(torch.ones(2, 9), torch.ones(1, 9))
    for shape in ((2, 9), (9, 2), (1, 3, 9), (1, 1, 9), (1, 2, 3, 9)):
        with pytest.raises(ValueError, match=r"stems must have shape \(n, 2, n_samples\), got \("):
            small().loss(torch.ones(shape))


@torch.no_grad()
def test_the_loss_of_stems_is_that_of_their_estimates_in_their_order(trained):
    model, stems = trained[0], batch(np.random.default_rng(1))
    mixtures = stems.sum(dim=1)
    estimates = model(mixtures / mixtures.abs().amax(dim=1, keepdim=True))
    wanted, crossed = si_sdr_loss(estimates, stems), si_sdr_loss(estimates, stems.flip(1))
    assert model.loss(stems).item() == pytest.approx(wanted.item(), abs=1e-4)
    assert model.loss(stems.flip(1)).item() == pytest.approx(crossed.item(), abs=1e-4)
    assert crossed > wanted + 10
    each = [model.loss(stems[[k]] * 10.0 ** (4 * k - 8)).item() for k in range(4)]
    assert np.mean(each) == pytest.approx(wanted.item(), abs=1e-2)


def test_stems_that_cancel_or_are_silent_leave_weights_finite():
    for stems in (torch.stack([random(1, 500), -random(1, 500)], dim=1), torch.zeros(1, 2, 500)):
        model = small()
        loss = model.loss(stems)
        loss.backward()
        assert loss.isfinite()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


# The network


@torch.no_grad()
def test_a_window_of_filters_masks_and_filters_back():
    """The network once more, window by window, in a loop."""
    model, x = small(3), random(2, 100)
    n_frames = 14  # windows of 16 that step by 8, the first with 8 zeros, the last with more
    padded = torch.zeros(2, 120)
    padded[:, 8:108] = x
    filters, back = model.encoder.weight[:, 0], model.decoder.weight[:, 0]
    windows = [padded[:, 8 * k : 8 * k + 16] for k in range(n_frames)]
    frames = torch.stack([(w @ filters.T).clamp_min(0) for w in windows], dim=-1)
    masks = model.masks(frames)
    sound = torch.zeros(2, 2, 120)
    for k in range(n_frames):
        sound[..., 8 * k : 8 * k + 16] += (masks * frames[:, None])[..., k] @ back
    wanted = sound[..., 8:108]
    wanted = wanted + (x - wanted.sum(dim=1))[:, None] / 2
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=1e-5)
    assert (x - sound[..., 8:108].sum(dim=1)).abs().max() > 0.1  # there was something to share


@torch.no_grad()
def test_masks_are_the_sum_of_what_all_blocks_tell():
    model, frames = small(), random(2, 16, 30).abs()
    x, told = model.inward(frames), 0
    for block, skip in zip(model.blocks, model.skips):
        told = told + skip(block.inside(x))
        x = block(x)
    masks = model.masks(frames)
    assert masks.shape == (2, 2, 16, 30) and masks.std() > 0.01
    votes = model.outward(told).reshape(2, 2, 16, 30)
    torch.testing.assert_close(masks, votes.softmax(dim=1))
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 16, 30))
    assert {block.inside[4].groups for block in model.blocks} == {12}  # depthwise


def expected(n, window, channels, hidden, blocks, repeats, n_sources=2, kernel=3):
    """Weights, from the paper's figure 1; norms and PReLUs are counted too."""
    norm, prelu = 2, 1  # each channel's gain and bias; one slope
    block = (channels + 1) * hidden + prelu + norm * hidden  # 1x1
    block += (kernel + 1) * hidden + prelu + norm * hidden  # depthwise
    block += 2 * (hidden + 1) * channels  # residual and skip
    ends = 2 * n * window + norm * n + (n + 1) * channels
    return ends + repeats * blocks * block + prelu + (channels + 1) * n_sources * n


@pytest.mark.parametrize("n_sources", [2, 3])
def test_as_many_weights_as_the_formula_says(n_sources):
    model = small(n_sources=n_sources)
    count = sum(p.numel() for p in model.parameters())
    assert count == expected(16, 16, 8, 12, 3, 2, n_sources)


def test_half_a_million_weights_and_the_papers_five():
    count = sum(p.numel() for p in ConvTasNet().parameters())
    assert count == expected(128, 32, 96, 128, 6, 2) == 504_185
    with torch.device("meta"):
        paper = ConvTasNet(2, 512, 16, 128, 512, 8, 3)
    count = sum(p.numel() for p in paper.parameters())
    assert count == expected(512, 16, 128, 512, 8, 3) and round(count / 1e6, 1) == 5.1


def test_every_weight_learns_but_the_way_back_from_the_last_block():
    model = small()
    model.loss(batch(np.random.default_rng(0))).backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == ["blocks.5.back.weight", "blocks.5.back.bias"]


@pytest.mark.parametrize("n_samples", [1, 7, 8, 16, 100, 101, 2048])
@pytest.mark.parametrize("n_sources", [1, 2, 3])
@torch.no_grad()
def test_estimates_are_as_long_as_the_mixture_and_add_up(n_samples, n_sources):
    x = random(2, n_samples)
    for seed, causal in ((0, False), (1, True)):
        found = small(seed, n_sources=n_sources, causal=causal)(x)
        assert found.shape == (2, n_sources, n_samples)
        torch.testing.assert_close(found.sum(dim=1), x, rtol=0, atol=1e-5)
        assert n_sources == 1 or n_samples < 100 or (found[:, 0] - x / n_sources).std() > 1e-3


def test_estimates_are_of_their_own_example():
    model, x = small(), random(3, 200)
    torch.testing.assert_close(model(x[[2]])[0], model(x)[2], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"mixtures must have shape \(n, n_samples\), got \(9,\)"):
        model(torch.ones(9))


# Time


def moved_by(model, t, n_samples=400):
    """How strongly each sample of a mixture moves sample `t` of the first estimate."""
    x = random(1, n_samples, dtype=torch.float64).requires_grad_()
    model.double()(x)[0, 0, t].backward()
    model.float()
    return x.grad[0].abs()


@pytest.mark.parametrize("t", [0, 160, 165, 167, 399])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_only_a_causal_network_hears_nothing_to_come_but_one_window(trained, mode, t):
    model = trained[0].train(mode == "train")
    causal = isinstance(model.inward[0], CumulativeNorm)
    assert causal is not isinstance(model.blocks[0].inside[2], GlobalNorm)
    moves = moved_by(model, t)
    later = (t // 8 + 2) * 8  # the end of the last window that holds this sample
    assert later - t <= model.window
    assert (moves[:later] > 0).all()
    assert (moves[later:] == 0).all() if causal else (moves[later:] > 0).all()


# Separating


def test_a_toy_comes_apart_in_the_order_of_training(trained):
    model, losses = trained
    assert np.mean(losses[-5:]) < np.mean(losses[:3]) - 8
    for seed in range(3):
        stems = duet(np.random.default_rng(1000 + seed))
        found = model.separate(stems.sum(axis=0))
        assert found.dtype == np.float32 and found.shape == stems.shape
        np.testing.assert_allclose(found.sum(axis=0), stems.sum(axis=0), atol=1e-5)
        assert (si_sdr(found, stems) > 8).all() and (si_sdr(found[::-1], stems) < 0).all()
        straight, crossed = (torch.from_numpy(x.copy())[None] for x in (stems, stems[::-1]))
        assert model.loss(crossed) > model.loss(straight) + 10


def test_separating_changes_nothing_and_repeats(trained):
    model = trained[0]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.zero_grad()
    found, peak = model.separate(MIXTURE), np.abs(MIXTURE).max()
    with torch.no_grad():
        wanted = model(torch.from_numpy(MIXTURE / peak)[None])[0].numpy() * peak
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(found, model.separate(MIXTURE))
    assert all(torch.equal(before[key], x) for key, x in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("loudness", [1e-30, 1e-20, 1e-3, 1e6, 1e30])
def test_how_loud_a_mixture_is_does_not_matter(trained, loudness):
    wanted, found = (trained[0].separate(MIXTURE * gain) for gain in (1, loudness))
    np.testing.assert_allclose(found / loudness, wanted, atol=1e-5)


@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(np.random.default_rng(0).normal(size=4000), id="white noise"),
        pytest.param(np.eye(1, 4000, 2000)[0], id="click"),
        pytest.param(np.r_[MIXTURE, np.zeros(4000)], id="silent half"),
        pytest.param(np.r_[np.zeros(4000), MIXTURE], id="silent beginning"),
        pytest.param(np.ones(4000), id="constant"),
        pytest.param(-np.ones(4000), id="below zero"),
        pytest.param(MIXTURE[:16], id="one window"),
        pytest.param(MIXTURE[:1001], id="odd length"),
        pytest.param(1e-20 * MIXTURE, id="very quiet"),
        pytest.param(1e6 * MIXTURE, id="very loud"),
    ],
)
def test_odd_mixtures_still_add_up(trained, mixture):
    scale = np.abs(mixture).max()
    for model in (trained[0], small(n_sources=3)):
        found = model.separate(mixture)
        assert found.shape == (model.n_sources, mixture.size) and np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=0) / scale, mixture / scale, atol=1e-5)


def test_weights_come_back_from_a_file(trained, tmp_path):
    model = trained[0]
    path = save_weights(model, tmp_path / "tasnet.safetensors")
    other = small(7, causal=isinstance(model.inward[0], CumulativeNorm))
    assert not np.allclose(other.separate(MIXTURE), model.separate(MIXTURE), atol=1e-3)
    load_weights(other, path)
    np.testing.assert_array_equal(other.separate(MIXTURE), model.separate(MIXTURE))


@pytest.mark.parametrize(
    ("mixture", "error", "words"),
    [
        (np.zeros(4000), ValueError, "mixture must not be silent"),
        (np.ones(15), ValueError, "16 samples or more, one window, got 15"),
        (np.ones((4000, 2)), ValueError, "stereo"),
        (np.full(4000, np.nan), ValueError, "mixture must be finite"),
        ("a sound", TypeError, "mixture"),
    ],
)
def test_what_cannot_be_separated_is_named(mixture, error, words):
    with pytest.raises(error, match=words):
        small().separate(mixture)


@pytest.mark.parametrize("size", ["n_sources", *SMALL])
def test_networks_that_cannot_be_are_named(size):
    with pytest.raises(ValueError, match=f"{size} must be a positive integer, got 0"):
        small(**{size: 0})
    with pytest.raises(TypeError, match=f"{size} must be a positive integer, got float 1.5"):
        small(**{size: 1.5})
    with pytest.raises(ValueError, match="window must be even, got 31"):
        small(window=31)
