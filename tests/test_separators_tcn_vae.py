"""The TCN-VAE and the TCN that makes masks: bounds, heads, names, and what a causal one hears."""

import math
from functools import partial
from itertools import permutations

import numpy as np
import pytest
import torch
from toys import high_over_low, random

from etudes.evaluate import si_sdr
from etudes.separators import TCNVAE, TCNMask, apply_masks
from etudes.separators.gaussian import gaussian_kl
from etudes.separators.mask_network import mask_loss
from etudes.separators.tcn_vae import COUNTS, HEADS, MASK_WEIGHT, poisson_divergence
from etudes.train import load_weights, save_weights

duet = partial(high_over_low, n_samples=4096)
STEMS = duet(np.random.default_rng(99))
MIXTURE = STEMS.sum(axis=0)

SMALL = {"channels": 12, "hidden": 12, "n_blocks": 3, "n_repeats": 1, "n_fft": 256}
SMALL = {**SMALL, "hop_length": 64}


def small(seed=0, sources=("high", "low"), **sizes):
    torch.manual_seed(seed)
    return TCNVAE(sources, **{"n_latents": 4, "width": 16, **SMALL, **sizes})


def mask_network(seed=0, **sizes):
    torch.manual_seed(seed)
    return TCNMask(**{**SMALL, **sizes})


def batch(rng, n=4):
    return torch.from_numpy(np.stack([duet(rng) for _ in range(n)]))


def descend(model, steps, rate=1e-2, **how):
    rng, descent = np.random.default_rng(0), torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        loss = model.loss(batch(rng), **how)
        descent.zero_grad()
        loss.backward()
        descent.step()
    return model.eval()


@pytest.fixture(scope="module")
def trained():
    return descend(small(), 150)


def improvement(estimates, stems=STEMS):
    return (si_sdr(estimates, stems) - si_sdr(stems.sum(axis=0)[None], stems)).mean()


# The divergence of counts


def test_the_divergence_is_that_of_poisson_probabilities():
    counts = torch.arange(6.0)[:, None]
    rates = torch.tensor([0.1, 1.0, 3.5, 20.0])
    probability = torch.distributions.Poisson(rates).log_prob(counts)
    best = torch.distributions.Poisson(counts.clamp_min(1e-30)).log_prob(counts)
    torch.testing.assert_close(poisson_divergence(counts, rates), best - probability)


def test_the_divergence_is_least_where_rates_are_counts_and_has_gradients_everywhere():
    counts = torch.tensor([0.0, 0.5, 3.0])
    assert poisson_divergence(counts, counts.clamp_min(1e-20)).abs().max() < 1e-6
    assert (poisson_divergence(counts, counts + 0.1) > 0).all()
    rates = torch.tensor([1e-6, 0.5, 2.0], requires_grad=True)
    poisson_divergence(counts, rates).sum().backward()
    torch.testing.assert_close(rates.grad, 1 - counts / rates.detach())


# The bound


@torch.no_grad()
def log_probability(model, counts, heard, n_draws):
    """Importance sampling: ``log p(counts)`` of one frame and source, in nats."""
    mean, log_variance = model.encode(heard, [0])
    z = mean + random(n_draws, *mean.shape[1:]) * (log_variance / 2).exp()
    of_prior = -(z.square() + math.log(2 * math.pi)).sum(dim=-1) / 2
    far = (z - mean).square() / log_variance.exp() + log_variance + math.log(2 * math.pi)
    of_counts = torch.distributions.Poisson(model.decode(z, [0])).log_prob(counts).sum(dim=2)
    weight = of_prior + far.sum(dim=-1) / 2 + of_counts
    return torch.logsumexp(weight, dim=0) - math.log(n_draws), of_counts


@torch.no_grad()
def test_the_two_terms_bound_the_log_probability_of_whole_counts(trained):
    """Of one frame: what ``terms`` says lies above −log p, and not by much after training."""
    each = trained.stft(torch.from_numpy(STEMS)[None])
    mixtures = each.sum(dim=1)
    whole = trained.counts(each, mixtures).round()[:, :1, :, 20:21]
    heard = trained.hear(mixtures)[:, :, 20:21]
    exact, _ = log_probability(trained, whole, heard, 20_000)
    mean, log_variance = trained.encode(heard, [0])
    draws = mean + random(2000, *mean.shape[1:], seed=1) * (log_variance / 2).exp()
    far = poisson_divergence(whole, trained.decode(draws, [0])).sum(dim=2).mean()
    perfect = torch.distributions.Poisson(whole.clamp_min(1e-30)).log_prob(whole).sum()
    bound = far + gaussian_kl(mean, log_variance).sum() - perfect
    assert whole.sum() > 20
    assert -exact.item() < bound.item() < -exact.item() + 15


@torch.no_grad()
def test_terms_are_what_their_names_say():
    model, stems = small(), batch(np.random.default_rng(1), 3)
    torch.manual_seed(7)
    distortion, kl, masks = model.terms(stems)
    each = model.stft(stems)
    mixtures = each.sum(dim=1)
    heard = model.hear(mixtures)
    mean, log_variance = model.encode(heard, [0, 1])
    torch.manual_seed(7)
    latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    size = mixtures.abs().amax(dim=(1, 2))[:, None, None, None]
    far = poisson_divergence(COUNTS * each.abs() / size, model.decode(latents, [0, 1]))
    n_frames = each.shape[-1]
    torch.testing.assert_close(distortion, far.sum() / (3 * n_frames))
    torch.testing.assert_close(kl, gaussian_kl(mean, log_variance).sum() / (3 * n_frames))
    torch.testing.assert_close(masks, mask_loss(model.masks(heard, latents, [0, 1]), each))
    for beta in (0.0, 0.5, 1.0):
        torch.manual_seed(7)
        wanted = distortion + beta * kl + MASK_WEIGHT * masks
        torch.testing.assert_close(model.loss(stems, beta), wanted)


@torch.no_grad()
def test_the_terms_of_a_mixture_ask_for_no_stems():
    model, stems = small(), batch(np.random.default_rng(1), 3)
    mixtures = stems.sum(dim=1)
    torch.manual_seed(7)
    distortion, kl = model.mixture_terms(mixtures)
    torch.manual_seed(7)
    torch.testing.assert_close(kl, model.terms(stems).kl)
    spectra = model.stft(mixtures)
    mean, log_variance = model.encode(model.hear(spectra), [0, 1])
    torch.manual_seed(7)
    latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    counts = COUNTS * spectra.abs() / spectra.abs().amax(dim=(1, 2), keepdim=True)
    far = poisson_divergence(counts, model.decode(latents, [0, 1]).sum(dim=1))
    torch.testing.assert_close(distortion, far.sum(dim=1).mean())


def test_every_weight_learns():
    model = small()
    model.loss(batch(np.random.default_rng(0))).backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_a_silent_stem_and_a_faint_one_leave_weights_finite():
    for gains in ((1.0, 0.0), (1e-20, 1e-20), (1e15, 1e15)):
        model = small()
        loss = model.loss(batch(np.random.default_rng(0)) * torch.tensor(gains)[:, None])
        loss.backward()
        assert loss.isfinite()
        assert all(p.grad.isfinite().all() for p in model.parameters())


def test_weights_are_counted():
    def expected(n_freq, n_sources, n_latents, channels, hidden, width, blocks):
        norm = 2
        block = (channels + 1) * hidden + 2 * (1 + norm * hidden)
        block += (3 * hidden + 1) * hidden + (hidden + 1) * channels
        tcn = (n_freq + 1) * channels + norm * channels + blocks * block + channels
        head = [
            (a + 1) * b + 2 * n_sources * b + 1 + (b + 1) * c
            for a, b, c in (
                (channels, channels, 2 * n_latents),
                (n_latents, width, n_freq),
                (channels + n_latents, width, n_freq),
            )
        ]
        return tcn + sum(head)

    count = sum(p.numel() for p in small(sources=("a", "b", "c")).parameters())
    assert count == expected(129, 3, 4, 12, 12, 16, 3)
    count = sum(p.numel() for p in TCNVAE().parameters())
    assert count == expected(1025, 2, 32, 128, 128, 256, 10) == 1_563_737


# What it does


@pytest.mark.parametrize("head", HEADS)
def test_a_high_and_a_low_note_are_learned_by_every_head(trained, head):
    before = improvement(small().separate(MIXTURE, head=head))
    after = improvement(trained.separate(MIXTURE, head=head))
    assert after > (15 if head != "raw" else 3) and after > before + 3


def test_estimates_of_masks_add_up_and_raw_ones_need_not(trained):
    for head in ("mask", "wiener"):
        found = trained.separate(MIXTURE, head=head)
        assert found.shape == STEMS.shape and found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-5)
    raw = trained.separate(MIXTURE, head="raw")
    assert raw.shape == STEMS.shape and raw.dtype == np.float32
    left = np.abs(raw.sum(axis=0) - MIXTURE).max()
    assert 1e-3 < left < np.abs(MIXTURE).max()


@torch.no_grad()
def test_wiener_is_each_ones_share_of_squares(trained):
    spectra = trained.stft(torch.from_numpy(MIXTURE)[None])
    rates = trained.decode(trained.encode(trained.hear(spectra), [0, 1])[0], [0, 1])[0].numpy()
    shares = rates**2 / (rates**2).sum(axis=0)
    wanted = apply_masks(MIXTURE, shares.clip(0, 1), 64)
    np.testing.assert_allclose(trained.separate(MIXTURE, head="wiener"), wanted, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_louder_mixture_has_louder_estimates(trained, head):
    quiet = trained.separate(MIXTURE * 1e-4, head=head)
    wanted = trained.separate(MIXTURE, head=head)
    np.testing.assert_allclose(quiet * 1e4, wanted, atol=1e-4)


def test_the_same_answer_twice_and_after_a_loss(trained):
    wanted = trained.separate(MIXTURE)
    trained.loss(batch(np.random.default_rng(5), 1))
    np.testing.assert_array_equal(trained.separate(MIXTURE), wanted)


def test_latents_are_the_means_of_those_asked_for(trained):
    both = trained.latents(MIXTURE)
    assert both.shape == (2, 65, 4) and both.dtype == np.float32
    np.testing.assert_allclose(trained.latents(MIXTURE, ["low"])[0], both[1], atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 0.1


# Names


def test_sources_come_in_the_order_asked_for(trained):
    high, low = trained.separate(MIXTURE)
    for head in HEADS:
        told = trained.separate(MIXTURE, ["high", "low"], head)
        swapped = trained.separate(MIXTURE, ["low", "high"], head)
        np.testing.assert_allclose(swapped[::-1], told, atol=1e-5)
    assert si_sdr(high, STEMS[0]) > 10 and si_sdr(low, STEMS[1]) > 10


def test_only_those_asked_for_share_the_mixture():
    model = small(sources=("a", "b", "c"))
    found = model.separate(MIXTURE, ["c", "a"])
    assert found.shape == STEMS.shape
    np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-5)
    np.testing.assert_allclose(model.separate(MIXTURE, ["b"])[0], MIXTURE, atol=1e-5)
    stems = batch(np.random.default_rng(0), 2)
    torch.manual_seed(0)
    wanted = model.terms(stems, ["c", "a"])
    torch.manual_seed(0)
    crossed = model.terms(stems, ["a", "c"])
    assert crossed.distortion != wanted.distortion and crossed.masks != wanted.masks
    torch.manual_seed(0)
    straight = model.terms(stems.flip(1), ["a", "c"])
    torch.testing.assert_close(straight.masks, wanted.masks, rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("sources", "error", "said"),
    [
        ("high", TypeError, "sources must be a sequence of names, got 'high'"),
        ([], ValueError, "sources must be 1 or more, all different"),
        (["high", "high"], ValueError, "all different"),
        (["high", 3], TypeError, "sources must be names"),
        (["high", "bassoon"], ValueError, "bassoon"),
    ],
)
def test_unknown_sources_are_named(sources, error, said):
    for asked in (small().separate, small().latents):
        with pytest.raises(error, match=said):
            asked(MIXTURE, sources)
    if sources != ["high", "bassoon"]:
        with pytest.raises(error, match=said.replace("1 or more", "2 or more")):
            TCNVAE(sources)


def test_as_many_stems_as_sources():
    for shape in ((2, 4096), (1, 3, 4096), (1, 1, 4096)):
        for loss in (small().loss, partial(small().loss, any_order=True), small().terms):
            with pytest.raises(ValueError, match=r"stems must have shape \(n, 2, n_samples\)"):
                loss(torch.ones(shape))


# Sources without names


@torch.no_grad()
def test_the_best_order_is_the_one_with_the_least_loss():
    model = small(sources=("a", "b", "c"))
    third = random(5, 1, 4096, seed=3) / 10
    stems = torch.cat([batch(np.random.default_rng(1), 5), third], dim=1)
    found = model.in_best_order(stems)
    each = model.stft(stems)
    heard = model.hear(each.sum(dim=1))
    masks = model.masks(heard, model.encode(heard, [0, 1, 2])[0], [0, 1, 2])
    for k in range(5):
        losses = {
            order: mask_loss(masks[[k]], each[[k]][:, list(order)]).item()
            for order in permutations(range(3))
        }
        best = min(losses, key=losses.get)
        torch.testing.assert_close(found[k], stems[k, list(best)])


def test_any_order_learns_what_a_fixed_one_cannot():
    """Stems that come in either order: with names the two cancel, without names they do not."""

    class Shuffled(TCNVAE):
        def loss(self, stems, **how):
            turned = stems.clone()
            turned[::2] = stems[::2].flip(1)
            return super().loss(turned, **how)

    def found(**how):
        torch.manual_seed(0)
        model = descend(Shuffled(n_latents=4, width=16, **SMALL), 150, **how)
        estimates = model.separate(MIXTURE)
        return max(improvement(estimates), improvement(estimates[::-1]))

    assert found(any_order=True) > 12 > 6 > found(any_order=False)


# What a causal one hears


@pytest.mark.parametrize("make", [small, mask_network], ids=["TCN-VAE", "TCN mask"])
@torch.no_grad()
def test_a_causal_network_does_not_hear_what_is_still_to_come(make):
    other = MIXTURE.copy()
    other[3000:] = random(1096, seed=4).numpy()
    for seed in range(3):
        causal, free = make(seed, causal=True), make(seed)
        before = causal.separate(MIXTURE)[:, : 3000 - 256]
        np.testing.assert_allclose(causal.separate(other)[:, : 3000 - 256], before, atol=1e-6)
        moved = np.abs(free.separate(other) - free.separate(MIXTURE))[:, : 3000 - 256]
        assert moved.max() > 1e-4


@pytest.mark.parametrize("head", ["wiener", "raw"])
@torch.no_grad()
def test_nor_does_its_decoder(head):
    model, other = small(causal=True), MIXTURE.copy()
    other[3000:] *= 20
    before = model.separate(MIXTURE, head=head)[:, : 3000 - 256]
    after = model.separate(other, head=head)[:, : 3000 - 256]
    np.testing.assert_allclose(after, before, atol=1e-5)


@torch.no_grad()
def test_nor_do_the_counts_that_it_learns_from():
    for causal in (True, False):
        model = small(causal=causal)
        each = model.stft(torch.from_numpy(STEMS)[None])
        louder = each.clone()
        louder[..., 40:] *= 20
        counts, others = (model.counts(x, x.sum(dim=1))[..., :40] for x in (each, louder))
        assert torch.equal(counts, others) == causal
        assert model.counts(each, each.sum(dim=1)).sum(dim=1).amax() >= COUNTS * 0.99


def test_the_masks_of_a_causal_network_at_once_and_frame_by_frame():
    """What it says of a frame is what it says of that frame when nothing follows."""
    model = mask_network(causal=True).eval()
    spectra = model.stft(torch.from_numpy(MIXTURE)[None])
    with torch.no_grad():
        together = model(spectra)
        for t in (1, 5, 20, 64):
            alone = model(spectra[..., :t])[..., -1]
            torch.testing.assert_close(alone, together[..., t - 1], atol=1e-5, rtol=0)


# The TCN that makes masks


def test_the_mask_network_learns_too():
    before = improvement(mask_network().separate(MIXTURE))
    assert improvement(descend(mask_network(), 100).separate(MIXTURE)) > max(before + 5, 15)


@torch.no_grad()
def test_its_masks_add_up():
    spectra = mask_network().stft(batch(np.random.default_rng(0))).sum(dim=1)
    for n_sources in (1, 2, 4):
        masks = mask_network(n_sources=n_sources)(spectra)
        assert masks.shape == (4, n_sources, *spectra.shape[1:])
        torch.testing.assert_close(masks.sum(dim=1), torch.ones(spectra.shape))
        assert masks.min() >= 0


# Bad input


@pytest.mark.parametrize(
    ("mixture", "said"),
    [
        (np.zeros(4096), "must not be silent"),
        (np.ones(1), "must have 256 samples or more, one window, got 1"),
        (np.ones((2, 4096)), "mixture must"),
        (np.full(4096, np.nan), "NaN"),
    ],
)
@pytest.mark.parametrize("make", [small, mask_network])
def test_what_cannot_be_taken_apart_is_refused(make, mixture, said):
    with pytest.raises(ValueError, match=said):
        make().separate(mixture)


def test_there_are_three_heads():
    with pytest.raises(ValueError, match="head"):
        small().separate(MIXTURE, head="masks")


@pytest.mark.parametrize(
    "sizes", [{"n_latents": 0}, {"channels": 0}, {"width": 0}, {"n_blocks": 0}, {"hop_length": 300}]
)
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match=next(iter(sizes))):
        small(**sizes)
    if {"n_latents", "width"}.isdisjoint(sizes):
        with pytest.raises(ValueError, match=next(iter(sizes))):
            mask_network(**sizes)


def test_weights_come_back(tmp_path, trained):
    save_weights(trained, tmp_path / "one.safetensors")
    other = small(5)
    load_weights(other, tmp_path / "one.safetensors")
    np.testing.assert_array_equal(other.eval().separate(MIXTURE), trained.separate(MIXTURE))
