"""VAEs of sources: Gaussians by hand, the bound of a mixture, and tones that come apart."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.distributions import Normal, kl_divergence

from etudes.evaluate import si_sdr
from etudes.separators import MixtureEncoder, SourceVAE, VAESeparator
from etudes.separators.gaussian import divergence, drawn, gaussian_kl
from etudes.separators.mask_network import mask_loss
from etudes.separators.masking import apply_masks
from etudes.separators.torch_stft import stft
from etudes.train import load_weights, save_weights

RATE, N_FFT, HOP = 8000, 256, 128


def voice(rng, low, n_samples=4096):
    """Five harmonics with vibrato, of mean square 1, around a low or a higher note."""
    time = np.arange(n_samples) / RATE
    hertz = rng.uniform(150, 300) if low else rng.uniform(350, 700)
    sway = 1 + 0.03 * np.sin(2 * np.pi * rng.uniform(4, 7) * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(hertz * sway) / RATE
    x = sum(0.8**k * np.sin((k + 1) * phase + rng.uniform(0, 6)) for k in range(5))
    return (x / np.sqrt(np.mean(x**2))).astype(np.float32)


def small(seed=0, **sizes):
    torch.manual_seed(seed)
    return SourceVAE(**{"n_latents": 3, "width": 8, "n_fft": N_FFT, "hop_length": HOP, **sizes})


def pair():
    """Two VAEs that have learned nothing."""
    return [small(0), small(1)]


def telling(variance, mean=0.0, log_variance=0.0, seed=0):
    """A VAE whose variances and moments are given, whatever it hears."""
    model = small(seed)
    with torch.no_grad():
        for layer in (model.moments, model.outward):
            layer.weight.zero_()
        model.outward.bias.copy_(torch.as_tensor(variance).log().expand(129))
        model.moments.bias.copy_(torch.tensor([mean] * 3 + [log_variance] * 3))
    return model


STEMS = np.stack([voice(np.random.default_rng(7), low) for low in (False, True)]) / 10
MIXTURE = STEMS.sum(axis=0)


@pytest.fixture(scope="module")
def trained():
    """VAEs of higher and of low notes, and what their losses were."""
    models, losses = [], []
    for low in (False, True):
        rng, model, told = np.random.default_rng(int(low)), small(n_latents=6, width=32), []
        descent = torch.optim.Adam(model.parameters(), lr=2e-2)
        for i in range(90):
            gains = 10 ** rng.uniform(-0.6, 0, (8, 1))
            pieces = gains * np.stack([voice(rng, low, 2048) for _ in range(8)])
            far, kl = model.terms(torch.from_numpy(pieces).float())
            descent.zero_grad()
            (far + min(1, i / 45) * kl).backward()
            descent.step()
            told.append((far + kl).item())
        model.zero_grad()
        models.append(model)
        losses.append(told)
    return models, losses


# Gaussians


def log_density(x, variance):
    """Of a circular complex Gaussian: real and imaginary part have half the variance each."""
    each = Normal(0.0, (variance / 2) ** 0.5)
    return each.log_prob(x.real) + each.log_prob(x.imag)


def test_divergence_is_what_the_log_density_lacks_in_the_mean_over_hiss():
    random, noise = torch.Generator().manual_seed(0), 0.3
    hiss = torch.randn(400_000, dtype=torch.complex128, generator=random) * noise**0.5
    for power, variance in ((2.0, 0.5), (0.1, 3.0), (0.0, 1.0), (1.0, 0.0)):
        heard = torch.tensor(power**0.5 * np.exp(1j)) + hiss
        best, told = (log_density(heard, torch.tensor(v + noise)) for v in (power, variance))
        lacking = (best - told).mean().item()
        found = divergence(torch.tensor(power), torch.tensor(variance), noise).item()
        assert found == pytest.approx(lacking, rel=0.02)


def test_without_hiss_it_is_the_difference_of_log_densities_itself():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=50) + 1j * rng.normal(size=50))
    variance, power = torch.from_numpy(rng.uniform(0.1, 5, 50)), x.abs().square()
    lacking = log_density(x, power) - log_density(x, variance)
    found = divergence(power, variance, 1e-15)
    np.testing.assert_allclose(found, lacking)
    assert (lacking >= 0).all()


def test_divergence_is_least_and_zero_at_equality_and_no_scale_changes_it():
    power = torch.tensor([0.0, 1e-6, 1.0, 1e6], dtype=torch.float64)
    torch.testing.assert_close(divergence(power, power, 0.01), torch.zeros_like(power))
    for factor in (0.5, 0.99, 1.01, 2.0):
        assert (divergence(power[1:], factor * power[1:], 0.01) > 0).all()
    one = divergence(power, 0.3 * power + 1, 0.01)
    torch.testing.assert_close(divergence(7 * power, 7 * (0.3 * power + 1), 0.07), one)
    assert one.shape == power.shape


def test_kl_is_that_of_torch():
    rng = np.random.default_rng(0)
    mean, log_variance = (torch.from_numpy(rng.normal(size=(3, 4))) for _ in range(2))
    wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), wanted)
    assert gaussian_kl(torch.zeros(2), torch.zeros(2)).tolist() == [0, 0]


def test_gradients_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    power, variance, a, b = (torch.from_numpy(x) for x in rng.uniform(0.2, 2, (4, 5)))
    for x in (power, variance, a, b):
        x.requires_grad_()

    def same_noise(mean, log_variance):
        return drawn(mean, log_variance, torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(lambda p, v: divergence(p, v, 0.1), (power, variance))
    assert torch.autograd.gradcheck(gaussian_kl, (a, b))
    assert torch.autograd.gradcheck(same_noise, (a, b))


def test_draws_have_the_moments_asked_for_and_repeat_with_the_generator():
    mean = torch.tensor([[-2.0], [3.0]]).expand(2, 200_000)
    log_variance = torch.tensor([[4.0], [0.25]]).log().expand(2, 200_000)
    x = drawn(mean, log_variance, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(x.mean(dim=1), [-2, 3], atol=0.02)
    np.testing.assert_allclose(x.var(dim=1), [4, 0.25], rtol=0.02)
    assert torch.equal(x, drawn(mean, log_variance, torch.Generator().manual_seed(0)))
    torch.manual_seed(0)
    assert torch.equal(x, drawn(mean, log_variance))  # torch's own by default
    assert not torch.equal(x, drawn(mean, log_variance))


# One source


def test_white_noise_of_mean_square_1_has_power_1_at_every_frequency():
    noise = np.random.default_rng(0).normal(size=(2, 200_000)).astype(np.float32)
    power = small().power(torch.from_numpy(noise))
    assert power.shape == (2, 129, 200_000 // HOP + 1)
    assert power.mean().item() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(power.mean(dim=(0, 2)), 1, atol=0.1)
    double = small().power(2 * torch.from_numpy(noise))
    torch.testing.assert_close(double, 4 * power)
    wide = small(n_fft=512).power(torch.from_numpy(noise))
    assert wide.mean().item() == pytest.approx(1, abs=0.01)


def test_shapes_of_latents_and_variances():
    model = small(n_latents=5)
    power = model.power(torch.from_numpy(STEMS))
    with torch.no_grad():
        mean, log_variance = model.encode(power)
        variance = model.decode(mean)
    assert mean.shape == log_variance.shape == (2, 33, 5)
    assert variance.shape == power.shape == (2, 129, 33) and (variance > 0).all()


@torch.no_grad()
def test_the_encoder_hears_how_loud_a_sound_is_in_decades_above_the_hiss():
    model, heard = small(noise=1e-2), []
    model.encoder.register_forward_pre_hook(lambda layer, given: heard.append(given[0]))
    power = torch.tensor([0.0, 0.81, 98.01]).expand(1, 129, 3)
    quiet = model.encode(power)[0]
    torch.testing.assert_close(heard[0], torch.tensor([-0.5, 0.5, 1.5])[:, None].expand(1, 3, 129))
    assert not torch.allclose(quiet, model.encode(100 * power)[0], atol=1e-3)


@torch.no_grad()
def test_what_comes_after_and_before_is_heard_too():
    model, power = small(), small().power(torch.from_numpy(STEMS[:1]))
    late, early = power.clone(), power.clone()
    late[:, :, 25:], early[:, :, :8] = 0, 0
    means = [model.encode(p)[0][0, 15] for p in (power, late, early)]
    assert not torch.allclose(means[0], means[1], rtol=0, atol=1e-6)
    assert not torch.allclose(means[0], means[2], rtol=0, atol=1e-6)
    latents = torch.randn(1, 33, 3)
    for place in (0, 32):
        other = latents.clone()
        other[:, place] += 3
        assert not torch.equal(model.decode(latents)[..., 16], model.decode(other)[..., 16])


@torch.no_grad()
def test_extreme_moments_and_variances_are_held():
    for bias, log_variance, variance in ((99.0, 4, np.exp(12)), (-99.0, -10, np.exp(-20))):
        model = small()
        model.moments.bias[3:] = bias
        model.outward.bias.fill_(bias)
        found = model.encode(model.power(torch.from_numpy(STEMS)))[1]
        assert (found == log_variance).all()
        np.testing.assert_allclose(model.decode(torch.zeros(1, 9, 3)), variance, rtol=1e-5)


def test_the_bound_of_a_case_made_by_hand():
    variance = torch.linspace(0.1, 2, 129)
    model = telling(variance, mean=1.5, log_variance=-0.7)
    x = torch.from_numpy(np.stack([voice(np.random.default_rng(k), True) for k in range(2)]))
    far, kl = model.terms(x)
    assert kl.item() == pytest.approx(3 * (1.5**2 + np.exp(-0.7) - 1 + 0.7) / 2, rel=1e-5)
    ratio = (model.power(x).double() + 1e-2) / (variance.double()[:, None] + 1e-2)
    wanted = (ratio - ratio.log() - 1).sum(dim=1).mean()
    assert far.ndim == kl.ndim == 0 and far.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_the_bound_is_of_draws_and_gradients_reach_every_weight():
    model, x = small(), torch.from_numpy(10 * STEMS)
    first, second = (model.terms(x)[0] for _ in range(2))
    assert first.item() != second.item()
    sum(model.terms(x)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_training_lowers_the_loss(trained):
    for told in trained[1]:
        assert np.mean(told[-10:]) < 0.5 * np.mean(told[:5])


def test_weights_survive_a_file(trained, tmp_path):
    model = trained[0][0]
    save_weights(model, tmp_path / "vae.safetensors")
    other = small(5, n_latents=6, width=32)
    load_weights(other, tmp_path / "vae.safetensors")
    power = model.power(torch.from_numpy(STEMS))
    with torch.no_grad():
        for a, b in zip(model.encode(power), other.encode(power), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
        latents = torch.randn(1, 9, 6)
        torch.testing.assert_close(model.decode(latents), other.decode(latents), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"n_latents": 0}, "n_latents must be a positive integer, got 0"),
        ({"width": -1}, "width must be"),
        ({"noise": 0.0}, "noise must be a finite number above 0"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop_length": 600}, "hop_length must be at most n_fft"),
    ],
)
def test_sources_that_cannot_be_are_named(sizes, words):
    with pytest.raises(ValueError, match=words):
        SourceVAE(**sizes)


# A mixture of sources


def imbalanced(seed):
    """A higher note, and a low one 10 dB below it."""
    rng = np.random.default_rng(seed)
    return np.stack([voice(rng, False), 10**-0.5 * voice(rng, True)]) / 10


def test_fitting_beats_the_first_guess_and_both_beat_the_mixture(trained):
    guessing, fitting = (VAESeparator(trained[0], n_steps) for n_steps in (0, 20))
    gains = []
    for seed in range(3):
        stems = imbalanced(100 + seed)
        mixture = stems.sum(axis=0)
        before = si_sdr(np.stack([mixture, mixture]), stems)
        gains.append(
            [(si_sdr(how.separate(mixture), stems) - before).mean() for how in (guessing, fitting)]
        )
    guessed, fitted = np.mean(gains, axis=0)
    assert guessed > 3 and fitted > guessed + 1


def test_the_bound_of_a_mixture_falls_to_that_of_the_best_gains():
    """Two sources of fixed variances: only the gains and the prior's term are left to move."""
    shapes = torch.stack([torch.linspace(0.2, 0.002, 129), torch.linspace(0.2, 6, 129)]).double()
    models = [telling(shapes[0].float(), 1.0, -0.5), telling(shapes[1].float(), -0.5, 0.3)]
    noise = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    mixture = np.convolve(noise, [1, 0.3], "same").astype(np.float32)
    masks, bounds = VAESeparator(models, 200).fit(mixture)
    scaled = torch.from_numpy(mixture / np.sqrt(np.mean(mixture**2)))
    power = models[0].power(scaled[None])[0].double()

    def far(log_gains):
        told = (torch.tensor(log_gains).exp()[:, None] * shapes).sum(dim=0)
        return divergence(power, told[:, None], 1e-2).sum(dim=0).mean().item()

    kl = 3 * ((1 + np.exp(-0.5) - 0.5) / 2 + (0.25 + np.exp(0.3) - 1.3) / 2)
    assert bounds.shape == (200,) and bounds[0] == pytest.approx(far([0.0, 0.0]) + kl, rel=1e-4)
    best = minimize(far, [0.0, 0.0], method="Nelder-Mead")
    assert bounds[-1] == pytest.approx(best.fun, abs=0.01)
    told = np.exp(best.x)[:, None] * shapes.numpy()
    wanted = told / told.sum(axis=0)
    np.testing.assert_allclose(masks, np.repeat(wanted[:, :, None], 32, axis=2), atol=0.02)
    slopes = [far([0.01, 0.0]) - far([-0.01, 0.0]), far([0.0, 0.01]) - far([0.0, -0.01])]
    assert slopes[0] < 0 < slopes[1]
    once = VAESeparator(models, 1, learning_rate=0.5).fit(mixture)[0]  # Adam's first step is 0.5
    told = np.exp([[0.5], [-0.5]]) * shapes.numpy()
    np.testing.assert_allclose(once[..., 0], told / told.sum(axis=0), atol=1e-4)


def test_without_steps_shares_are_those_of_the_variances_told():
    low = torch.where(torch.arange(129) < 40, 3.0, 0.5)
    masks, bounds = VAESeparator([telling(low), telling(1.0)], n_steps=0).fit(MIXTURE)
    assert bounds.shape == (0,)
    np.testing.assert_allclose(masks[0, :40], 0.75, atol=1e-6)
    np.testing.assert_allclose(masks[0, 40:], 1 / 3, atol=1e-6)


def test_masks_are_a_mean_over_draws(trained):
    masks = [VAESeparator(trained[0], 0, n_draws=n).fit(MIXTURE)[0] for n in (1, 2, 64, 128)]
    assert np.abs(masks[0] - masks[1]).mean() > 3 * np.abs(masks[2] - masks[3]).mean() > 0


def test_masks_add_up_and_bounds_fall_on_what_was_learned(trained):
    separator = VAESeparator(trained[0], 12)
    masks, bounds = separator.fit(MIXTURE)
    assert masks.shape == (2, 129, 33) and masks.dtype == np.float32
    assert masks.min() >= 0 and masks.max() <= 1
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-5)
    assert bounds.shape == (12,) and bounds[-3:].mean() < bounds[:2].mean() - 1
    found = separator.separate(MIXTURE)
    np.testing.assert_allclose(found, apply_masks(MIXTURE, masks, HOP), atol=1e-6)
    assert found.dtype == np.float32 and found.shape == STEMS.shape
    np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-5)


def test_separating_changes_nothing_and_repeats(trained):
    models = trained[0]
    before = [{key: x.clone() for key, x in one.state_dict().items()} for one in models]
    state = torch.get_rng_state()
    separator = VAESeparator(models, 5)
    first = separator.separate(MIXTURE)
    assert torch.equal(torch.get_rng_state(), state)  # draws of its own
    torch.manual_seed(99)
    np.testing.assert_array_equal(separator.separate(MIXTURE), first)
    for one, kept in zip(models, before, strict=True):
        assert all(torch.equal(kept[key], x) for key, x in one.state_dict().items())
        assert not any(p.requires_grad for p in one.parameters())
    with torch.no_grad():  # as in a validation
        np.testing.assert_array_equal(separator.separate(MIXTURE), first)


def test_it_does_not_matter_how_loud_a_mixture_is(trained):
    separator = VAESeparator(trained[0], 10)
    masks = separator.fit(MIXTURE)[0]
    for factor in (0.01, 1000.0):
        np.testing.assert_allclose(separator.fit(factor * MIXTURE)[0], masks, atol=1e-2)
    np.testing.assert_array_equal(separator.fit(MIXTURE / 128)[0], masks)
    quiet, loud = (separator.separate(factor * MIXTURE) for factor in (0.01, 1.0))
    np.testing.assert_allclose(si_sdr(quiet, STEMS), si_sdr(loud, STEMS), atol=0.05)


def test_what_the_encoders_listen_to_first_matters(trained):
    separator, found = VAESeparator(trained[0], 0), []
    for seed in range(4):
        stems = imbalanced(200 + seed)
        mixture = stems.sum(axis=0)
        masks = [separator.fit(mixture, start)[0] for start in (None, stems, stems[::-1])]
        found.append([si_sdr(apply_masks(mixture, one, HOP), stems).mean() for one in masks])
    deaf, told, misled = np.mean(found, axis=0)
    assert min(deaf, told) > misled + 5 and told > deaf
    same = separator.fit(mixture, [mixture, mixture])[0]
    np.testing.assert_array_equal(same, separator.fit(mixture)[0])


@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(1e-20 * MIXTURE, id="very quiet"),
        pytest.param(1e6 * MIXTURE, id="very loud"),
        pytest.param(STEMS[0], id="one voice silent"),
        pytest.param(np.r_[MIXTURE, np.zeros(4000)], id="silent half"),
        pytest.param(np.eye(1, 4000, 2000)[0], id="click"),
        pytest.param(np.ones(3000), id="constant"),
        pytest.param(MIXTURE[:N_FFT], id="one window"),
    ],
)
def test_odd_mixtures_still_add_up(trained, mixture):
    found = VAESeparator(trained[0], 3).separate(mixture)
    assert found.shape == (2, mixture.size) and np.isfinite(found).all()
    scale = np.abs(mixture).max()
    np.testing.assert_allclose(found.sum(axis=0) / scale, mixture / scale, atol=1e-4)


def test_three_sources_are_three_estimates():
    found = VAESeparator([*pair(), small(2, n_latents=7)], 2).separate(MIXTURE)
    assert found.shape == (3, MIXTURE.size)
    np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-5)


BAD_MIXTURES = [
    (np.zeros(4000), ValueError, "mixture must not be silent"),
    (np.ones(200), ValueError, "256 samples or more, one window, got 200"),
    (np.ones((4000, 2)), ValueError, "stereo"),
    (np.full(4000, np.nan), ValueError, "mixture must be finite"),
    ("a sound", TypeError, "mixture"),
]


@pytest.mark.parametrize(("mixture", "error", "words"), BAD_MIXTURES)
@pytest.mark.parametrize("make", [VAESeparator, MixtureEncoder])
def test_what_cannot_be_separated_is_named(make, mixture, error, words):
    with pytest.raises(error, match=words):
        make(pair()).separate(mixture)


@pytest.mark.parametrize(
    ("start", "error", "words"),
    [
        (STEMS[:1], ValueError, "start must be one sound for each of 2 models, got 1"),
        (np.ones((3, 4096)), ValueError, "start must be one sound for each of 2 models, got 3"),
        (STEMS[:, :-1], ValueError, "start must be as long as the mixture, 4096 samples, got 4095"),
        (MIXTURE, ValueError, "start must have shape"),
        (np.full((2, 4096), np.nan), ValueError, "start must be finite|start\\[0\\] must be"),
        (1.0, ValueError, "start must have shape"),
        ("stems", TypeError, "start must be an array"),
        ([MIXTURE, MIXTURE[:9]], ValueError, "start must be a rectangular array"),
    ],
)
def test_what_cannot_be_started_from_is_named(start, error, words):
    with pytest.raises(error, match=words):
        VAESeparator(pair(), 1).fit(MIXTURE, start)


@pytest.mark.parametrize(
    ("models", "error", "words"),
    [
        (list, ValueError, "models must be two or more, got 0"),
        (lambda: [small()], ValueError, "models must be two or more, got 1"),
        (lambda: small(), TypeError, "models must be a sequence"),
        (lambda: [small(), "flute"], TypeError, r"models\[1\] must be a SourceVAE, got"),
        (lambda: [small(), small(n_fft=512)], ValueError, "models must share n_fft"),
        (lambda: [small(), small(hop_length=64)], ValueError, "hop_length and noise"),
        (lambda: [small(), small(noise=0.1)], ValueError, "models must share .* noise"),
    ],
)
@pytest.mark.parametrize("make", [VAESeparator, MixtureEncoder])
def test_models_that_do_not_go_together_are_named(make, models, error, words):
    with pytest.raises(error, match=words):
        make(models())


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"n_steps": -1}, "n_steps must be"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number above 0"),
        ({"n_draws": 0}, "n_draws must be a positive integer, got 0"),
    ],
)
def test_numbers_that_do_not_fit_are_named(numbers, words):
    with pytest.raises(ValueError, match=words):
        VAESeparator(pair(), **numbers)


# Where to start


def test_the_start_with_the_best_bound_is_chosen(trained):
    separator = VAESeparator(trained[0], 40)
    stems = imbalanced(300)
    mixture = stems.sum(axis=0)
    starts = {"swapped": stems[::-1], "answer": stems, "mixture": None}
    bounds = {
        name: np.median(separator.fit(mixture, start)[1][3:8][-5:])
        for name, start in starts.items()
    }
    order = sorted(starts, key=lambda name: bounds[name])
    assert order[-1] == "swapped" and bounds["swapped"] > bounds[order[1]] + 100
    for names in (order, order[::-1], order[1:], order[:0:-1]):
        given = {name: starts[name] for name in names}
        wanted = min(names, key=order.index)
        assert separator.best_start(mixture, given, n_steps=8) == wanted
    assert separator.best_start(mixture, {"only": stems[::-1]}, 1) == "only"


def test_one_freak_bound_does_not_decide(trained, monkeypatch):
    told = {1.0: [9, 9, 9, 5, 5, 5, 99, 5], 2.0: [1, 1, 1, 7, 7, 0, 7, 7]}
    asked = []

    def fit(self, mixture, start):
        asked.append((self.n_steps, self.learning_rate, self.models))
        return None, np.array(told[start])

    monkeypatch.setattr(VAESeparator, "fit", fit)
    separator = VAESeparator(trained[0], 40, learning_rate=0.01)
    assert separator.best_start(MIXTURE, {"freak": 2.0, "steady": 1.0}, 8) == "steady"
    assert asked == [(8, 0.01, separator.models)] * 2


@pytest.mark.parametrize(
    ("starts", "n_steps", "error", "words"),
    [
        ({}, 25, ValueError, "starts must be one or more, got none"),
        ({"guess": None}, 0, ValueError, "n_steps must be a positive integer, got 0"),
        ({"guess": None, "one": STEMS[:1]}, 1, ValueError, "start must be one sound for each"),
    ],
)
def test_starts_that_cannot_be_compared_are_named(starts, n_steps, error, words):
    with pytest.raises(error, match=words):
        VAESeparator(pair(), 1).best_start(MIXTURE, starts, n_steps)


# The supervised shortcut


def shortcut(models=None, seed=3):
    torch.manual_seed(seed)
    return MixtureEncoder(models or pair(), width=8)


SPECTRA = stft(torch.from_numpy(STEMS)[None], N_FFT, HOP)


@torch.no_grad()
def test_the_shortcuts_masks_are_shares_of_the_variances_told():
    low = torch.where(torch.arange(129) < 40, 3.0, 0.5)
    masks = shortcut([telling(low), telling(1.0)])(SPECTRA.sum(dim=1))
    assert masks.shape == (1, 2, 129, 33)
    np.testing.assert_allclose(masks[0, 0, :40], 0.75, atol=1e-6)
    np.testing.assert_allclose(masks[0, 0, 40:], 1 / 3, atol=1e-6)


@torch.no_grad()
def test_every_model_is_told_its_own_latents():
    models = [small(0, n_latents=2), small(1, n_latents=5)]
    model = shortcut(models)
    masks = model(SPECTRA.sum(dim=1))
    assert masks.min() >= 0 and masks.max() <= 1
    np.testing.assert_allclose(masks.sum(dim=1), 1, atol=1e-5)
    assert model.outward.out_features == 7
    heard = []
    for one in models:
        one.decoder.register_forward_pre_hook(lambda layer, given: heard.append(given[0]))
    whole = []
    model.outward.register_forward_hook(lambda layer, given, told: whole.append(told))
    again = model(SPECTRA.sum(dim=1))
    torch.testing.assert_close(torch.cat(heard, dim=-1), whole[0])
    torch.testing.assert_close(again, masks)


def test_the_shortcuts_loss_is_that_of_its_masks_and_falls_while_decoders_stay(trained):
    models, x = trained[0], torch.from_numpy(STEMS)[None]
    model = shortcut(models)
    kept = [{key: v.clone() for key, v in one.state_dict().items()} for one in models]
    with torch.no_grad():
        wanted = mask_loss(model(SPECTRA.sum(dim=1)), SPECTRA)
    first = model.loss(x)
    assert first.item() == pytest.approx(wanted.item(), rel=1e-5)
    first.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert all(p.grad is None and not p.requires_grad for one in models for p in one.parameters())
    for named in (model.state_dict(), dict(model.named_parameters())):
        assert {key.split(".")[0] for key in named} == {"recurrent", "outward"}
    descent = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(15):
        descent.zero_grad()
        loss = model.loss(x)
        loss.backward()
        descent.step()
    assert loss.item() < 0.8 * first.item()
    for one, before in zip(models, kept, strict=True):
        assert all(torch.equal(before[key], v) for key, v in one.state_dict().items())


def test_the_shortcut_takes_a_mixture_apart_however_loud_it_is():
    model = shortcut()
    found = model.separate(MIXTURE)
    assert found.dtype == np.float32 and found.shape == STEMS.shape
    np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-5)
    np.testing.assert_array_equal(found, model.separate(MIXTURE))
    np.testing.assert_allclose(100 * model.separate(MIXTURE / 100), found, atol=1e-4)
    assert np.isfinite(model.separate(np.eye(1, 4000, 2000)[0])).all()


def test_the_shortcut_needs_units():
    with pytest.raises(ValueError, match="width must be a positive integer, got 0"):
        MixtureEncoder(pair(), width=0)
