"""A mask generator and its critic: what the losses are of, and what each of the two can see."""

from functools import partial

import numpy as np
import pytest
import torch
from toys import high_over_low

from etudes.evaluate import si_sdr
from etudes.separators import Critic, MaskGenerator, apply_masks, oracle_masks
from etudes.separators.gan import critic_loss, passing_loss, reachable
from etudes.separators.mask_network import mask_loss
from etudes.separators.torch_stft import stft

duet = partial(high_over_low, n_samples=4096)
STEMS = duet(np.random.default_rng(99))
MIXTURE = STEMS.sum(axis=0)


def small(seed=0, **sizes):
    torch.manual_seed(seed)
    return MaskGenerator(**{"width": 12, "n_layers": 1, "n_fft": 256, "hop_length": 128, **sizes})


def spectra_of(stems):
    return stft(torch.from_numpy(np.asarray(stems, np.float32)), 256, 128)


def noisy(seed=0, n=2, n_sources=2, n_samples=4096):
    """Spectra of white noise, the examples of very different loudness: phases of every kind."""
    noise = np.random.default_rng(seed).normal(size=(n, n_sources, n_samples))
    return spectra_of(noise * 10.0 ** -np.arange(n)[:, None, None])


@pytest.fixture(scope="module")
def trained():
    """A small generator after eighty steps."""
    rng, model = np.random.default_rng(0), small()
    descent = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        loss = model.loss(torch.from_numpy(np.stack([duet(rng) for _ in range(4)])))
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:5])
    return model


# The squared error of masks


def test_the_loss_is_zero_for_the_unclipped_phase_sensitive_mask_only():
    spectra = noisy()
    mixture = spectra.sum(dim=1, keepdim=True)
    best = (spectra / mixture).real
    assert best.min() < 0 and best.max() > 1
    assert mask_loss(best, spectra).item() == pytest.approx(0, abs=1e-8)
    for other in (best.clamp(0, 1), best + 0.01, best.flip(1)):
        assert mask_loss(other, spectra).item() > 1e-3


def test_the_loss_is_the_error_of_the_masked_mixture_less_what_no_mask_can_mend():
    spectra = noisy()
    mixture = spectra.sum(dim=1, keepdim=True)
    loudest = mixture.abs().amax(dim=(2, 3), keepdim=True)
    masks = torch.rand(2, *spectra.shape, generator=torch.Generator().manual_seed(0))
    lacking = []
    for mask in masks:
        error = 1000 * ((mask * mixture - spectra).abs() / loudest).square().mean()
        lacking.append((error - mask_loss(mask, spectra)).item())
    across = (spectra * (mixture.conj() / mixture.abs())).imag  # at right angles to the mixture
    wanted = 1000 * (across / loudest).square().mean().item()
    assert lacking == pytest.approx([wanted, wanted], rel=1e-4) and wanted > 1


def test_the_loss_asks_neither_for_order_of_examples_nor_for_loudness():
    spectra = noisy()
    masks = torch.rand(spectra.shape, generator=torch.Generator().manual_seed(0))
    loss = mask_loss(masks, spectra).item()
    assert mask_loss(masks, 0.001 * spectra).item() == pytest.approx(loss, rel=1e-4)
    each = [mask_loss(masks[[k]], spectra[[k]]).item() for k in range(2)]
    assert loss == pytest.approx(np.mean(each), rel=1e-4)  # a quiet example counts as much
    assert mask_loss(masks.flip(1), spectra.flip(1)).item() == pytest.approx(loss, rel=1e-5)
    assert mask_loss(masks.flip(1), spectra).item() != pytest.approx(loss, rel=1e-3)
    assert mask_loss(masks, 0 * spectra).item() == 0


def test_a_mask_for_each_stem():
    spectra = noisy()
    for masks in (torch.ones(2, 3, *spectra.shape[2:]), torch.ones(2, 1, *spectra.shape[2:])):
        with pytest.raises(ValueError, match="masks and spectra must be of one shape, got"):
            mask_loss(masks, spectra)


def test_gradients_of_the_loss_are_those_of_finite_differences():
    random = torch.Generator().manual_seed(0)
    spectra = torch.randn(2, 2, 3, 4, dtype=torch.complex128, generator=random)
    masks = torch.rand(2, 2, 3, 4, dtype=torch.float64, generator=random).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: mask_loss(m, spectra), (masks,))


def test_what_is_reachable_is_what_the_phase_sensitive_mask_lets_through():
    stems = np.random.default_rng(0).normal(size=(3, 4096)).astype(np.float32)
    spectra = spectra_of(stems)
    size = spectra.sum(dim=0).abs()
    found = reachable(spectra[None])[0]
    oracle = oracle_masks(stems, "phase-sensitive", 256, 128)
    np.testing.assert_allclose(found, oracle * size.numpy(), atol=1e-4)
    assert found.min() == 0 and (found <= size).all() and (found == size).any()
    assert (spectra.abs() > size).any()  # the stems' own magnitudes are not


# The generator


@torch.no_grad()
def test_masks_lie_within_0_and_1_and_add_up():
    for n_sources in (2, 3):
        masks = small(n_sources=n_sources)(spectra_of([MIXTURE, STEMS[0]]))
        assert masks.shape == (2, n_sources, 129, 33)
        assert masks.min() >= 0 and masks.max() <= 1 and masks.std() > 0
        np.testing.assert_allclose(masks.sum(dim=1), 1, atol=1e-5)


@torch.no_grad()
def test_masks_are_of_their_own_example_and_their_own_time():
    model = small(3)
    both = model(spectra_of([MIXTURE, STEMS[0]]))
    torch.testing.assert_close(model(spectra_of([STEMS[0]]))[0], both[1], rtol=0, atol=1e-5)
    model.outward.weight.zero_()
    model.outward.bias.copy_(torch.linspace(-3, 3, 258))
    masks = model(spectra_of([MIXTURE]))
    votes = torch.linspace(-3, 3, 258).view(2, 129, 1)
    torch.testing.assert_close(masks[0], votes.softmax(dim=0).expand(2, 129, 33))


@torch.no_grad()
def test_what_comes_after_is_heard_too_and_loudness_is_not():
    model, late = small(), MIXTURE.copy()
    late[3000:] *= 0.1
    whole, other, quiet = (model(spectra_of([x])) for x in (MIXTURE, late, 1e-3 * MIXTURE))
    assert not torch.allclose(whole[..., :10], other[..., :10], rtol=0, atol=1e-5)
    torch.testing.assert_close(whole, quiet, rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_loss_of_stems_is_that_of_their_masks():
    spectra = spectra_of([STEMS, STEMS[:, ::-1].copy()])
    wanted = mask_loss(small()(spectra.sum(dim=1)), spectra)
    x = torch.from_numpy(np.stack([STEMS, STEMS[:, ::-1]]))
    assert small().loss(x).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_tones_that_were_learned_come_apart_in_the_order_of_training(trained):
    for seed in range(3):
        stems = duet(np.random.default_rng(1000 + seed))
        found = trained.separate(stems.sum(axis=0))
        assert found.dtype == np.float32 and found.shape == stems.shape
        np.testing.assert_allclose(found.sum(axis=0), stems.sum(axis=0), atol=1e-5)
        assert (si_sdr(found, stems) > 10).all() and (si_sdr(found[::-1], stems) < 0).all()
        straight, crossed = (torch.from_numpy(x.copy())[None] for x in (stems, stems[::-1]))
        assert trained.loss(crossed) > 5 * trained.loss(straight)


def test_separating_applies_the_masks_changes_nothing_and_repeats(trained):
    with torch.no_grad():
        masks = trained(spectra_of([MIXTURE]))[0].numpy()
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    trained.zero_grad()
    found = trained.separate(MIXTURE)
    np.testing.assert_allclose(found, apply_masks(MIXTURE, np.clip(masks, 0, 1), 128), atol=1e-6)
    np.testing.assert_array_equal(found, trained.separate(MIXTURE))
    assert all(torch.equal(before[key], x) for key, x in trained.state_dict().items())
    assert all(p.grad is None for p in trained.parameters())


@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(np.random.default_rng(0).normal(size=4000), id="white noise"),
        pytest.param(np.eye(1, 4000, 2000)[0], id="click"),
        pytest.param(np.r_[MIXTURE, np.zeros(4000)], id="silent half"),
        pytest.param(MIXTURE[:256], id="one window"),
        pytest.param(1e-20 * MIXTURE, id="very quiet"),
        pytest.param(1e6 * MIXTURE, id="very loud"),
    ],
)
def test_odd_mixtures_still_add_up(mixture):
    found, scale = small().separate(mixture), np.abs(mixture).max()
    assert found.shape == (2, mixture.size) and np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0) / scale, mixture / scale, atol=1e-4)


@pytest.mark.parametrize(
    ("mixture", "error", "words"),
    [
        (np.zeros(4000), ValueError, "mixture must not be silent"),
        (np.ones(200), ValueError, "256 samples or more, one window, got 200"),
        (np.ones((4000, 2)), ValueError, "stereo"),
        (np.full(4000, np.nan), ValueError, "mixture must be finite"),
        ("a sound", TypeError, "mixture"),
    ],
)
def test_what_cannot_be_separated_is_named(mixture, error, words):
    with pytest.raises(error, match=words):
        small().separate(mixture)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"n_sources": 0}, "n_sources must be a positive integer, got 0"),
        ({"width": -1}, "width must be"),
        ({"n_layers": 0}, "n_layers must be"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop_length": 600}, "hop_length must be at most n_fft"),
    ],
)
def test_generators_that_cannot_be_are_named(sizes, words):
    with pytest.raises(ValueError, match=words):
        MaskGenerator(**sizes)


# The critic


def critic(seed=0, **sizes):
    torch.manual_seed(seed)
    return Critic(**{"width": 4, **sizes})


def magnitudes(seed=0, n=2, n_sources=2):
    """Mixtures, and sources that a mask could make."""
    spectra = noisy(seed, n, n_sources)
    return spectra.sum(dim=1).abs(), reachable(spectra)


@pytest.mark.parametrize(
    ("n_freq", "n_frames", "rows", "columns"), [(257, 128, 33, 16), (64, 40, 8, 5)]
)
@torch.no_grad()
def test_one_score_for_each_patch_of_eight_by_eight(n_freq, n_frames, rows, columns):
    scores = critic(n_sources=3)(
        torch.rand(2, n_freq, n_frames), torch.rand(2, 3, n_freq, n_frames)
    )
    assert scores.shape == (2, 1, rows, columns)


@torch.no_grad()
def test_a_score_is_of_its_patch_and_what_is_around_it():
    judge, mixture = critic().eval(), torch.rand(1, 160, 160)
    mixture[0, 0, 0] = 2  # the loudest place stays where it is
    sources = torch.stack([0.3 * mixture, 0.7 * mixture], dim=1)
    other = sources.clone()
    other[:, 0, 80:88, 80:88] = 0
    moved = (judge(mixture, sources) - judge(mixture, other)).abs()[0, 0] > 1e-7
    rows, columns = np.nonzero(moved.numpy())
    assert moved[10, 10] and {*rows} | {*columns} <= set(range(6, 15))


@torch.no_grad()
def test_scores_do_not_depend_on_loudness_but_on_all_that_is_shown():
    judge, (mixture, sources) = critic().eval(), magnitudes()
    scores = judge(mixture, sources)
    for factor in (1e-3, 100.0):
        torch.testing.assert_close(
            judge(factor * mixture, factor * sources), scores, atol=1e-4, rtol=0
        )
    torch.testing.assert_close(judge(mixture[1:], sources[1:]), scores[1:], atol=1e-5, rtol=0)
    for changed in (
        judge(mixture, 0.5 * sources),
        judge(mixture, sources.flip(1)),
        judge(mixture.flip(2), sources),
    ):
        assert (changed - scores).abs().max() > 1e-3
    assert judge(0 * mixture, 0 * sources).isfinite().all()


@torch.no_grad()
def test_it_sees_60_decibels_below_the_loudest_place_of_the_mixture():
    judge, shown = critic(), []
    judge.layers[0].register_forward_pre_hook(lambda layer, given: shown.append(given[0]))
    mixture, sources = torch.full((1, 8, 8), 4.0), torch.zeros(1, 2, 8, 8)
    sources[:, 0] = 4e-3
    judge(mixture, sources)
    wanted = [np.log10(1.001) + 1.5, np.log10(0.002) + 1.5, -1.5]
    np.testing.assert_allclose(shown[0][0].mean(dim=(1, 2)), wanted, atol=1e-5)


@torch.no_grad()
def test_between_layers_what_is_negative_is_made_smaller():
    judge, seen = critic(), []
    for layer in judge.layers[1::2]:
        layer.register_forward_hook(lambda layer, given, told: seen.append((given[0], told)))
    judge(*magnitudes())
    assert len(seen) == 3
    for given, told in seen:
        torch.testing.assert_close(told, torch.where(given < 0, 0.2 * given, given))
        assert given.min() < 0 < given.max()


def test_layers_have_spectral_norm_1_after_a_while():
    judge, (mixture, sources) = critic(), magnitudes()
    with torch.no_grad():
        for layer in judge.layers:
            if hasattr(layer, "parametrizations"):
                layer.parametrizations.weight.original.mul_(7)  # no scale of weights matters
        for _ in range(100):
            judge(mixture, sources)
        weights = [one.weight.flatten(1) for one in judge.layers if hasattr(one, "weight")]
    assert len(weights) == 4
    norms = [torch.linalg.matrix_norm(weight, 2).item() for weight in weights]
    assert norms == pytest.approx([1] * 4, abs=0.05)


def test_losses_by_hand():
    sources, estimates = torch.tensor([1.0, 0.5]), torch.tensor([0.0, -1.0, 2.0])
    assert critic_loss(sources, estimates).item() == pytest.approx((0.125 + 5 / 3) / 2)
    assert passing_loss(estimates).item() == pytest.approx((1 + 4 + 1) / 3 / 2)
    assert critic_loss(torch.ones(3), torch.zeros(3)).item() == 0 == passing_loss(torch.ones(3))


def test_a_critic_learns_to_tell_and_its_gradient_reaches_the_estimates():
    judge = critic()
    descent = torch.optim.Adam(judge.parameters(), lr=3e-3)
    for step in range(40):
        mixture, sources = magnitudes(step)
        even = mixture[:, None].expand(sources.shape) / 2  # what a lazy generator would make
        loss = critic_loss(judge(mixture, sources), judge(mixture, even))
        descent.zero_grad()
        loss.backward()
        descent.step()
    mixture, sources = magnitudes(1000)
    even = (mixture[:, None].expand(sources.shape) / 2).clone().requires_grad_()
    judge.eval()
    assert judge(mixture, sources).mean() > 0.7 and judge(mixture, even).mean() < 0.3
    passing_loss(judge(mixture, even)).backward()
    assert even.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"n_sources": 0}, "n_sources must be a positive integer, got 0"),
        ({"width": 0}, "width must be a positive integer, got 0"),
    ],
)
def test_critics_that_cannot_be_are_named(sizes, words):
    with pytest.raises(ValueError, match=words):
        Critic(**sizes)
    with pytest.raises(TypeError, match=next(iter(sizes))):
        Critic(**dict.fromkeys(sizes, "many"))
