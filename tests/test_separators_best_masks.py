"""The best mask: no mask of its kind is better; and transforms through which gradients flow."""

import numpy as np
import pytest
import torch

from etudes import features
from etudes.data.duets import duets
from etudes.evaluate import si_sdr
from etudes.separators import apply_masks, best_masks, oracle_masks
from etudes.separators.torch_stft import istft, log_magnitude, stft

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(2, 3, 3000)).astype(np.float32)


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (256, 64), (512, 256)])
@pytest.mark.parametrize("n_samples", [3000, 2900, 512])
def test_the_numbers_are_those_of_the_book(n_fft, hop, n_samples):
    x = NOISE[..., :n_samples]
    found = stft(torch.from_numpy(x), n_fft, hop)
    wanted = np.stack([features.stft(three, n_fft, hop) for three in x])
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.numpy(), wanted, atol=2e-4)
    changed = wanted * RNG.random(wanted.shape)  # no spectrum of any waveform
    back = istft(torch.from_numpy(changed.astype(np.complex64)), n_samples, hop).numpy()
    wanted = [[features.istft(one, hop, n_samples) for one in three] for three in changed]
    np.testing.assert_allclose(back, wanted, atol=2e-4)


def test_there_and_back_is_the_same():
    for x in (NOISE, NOISE[0], NOISE[0, 0]):
        back = istft(stft(torch.from_numpy(x)), x.shape[-1])
        assert back.shape == x.shape
        np.testing.assert_allclose(back.numpy(), x, atol=1e-5)


def test_gradients_flow_through_both():
    x = torch.from_numpy(NOISE[0]).requires_grad_()
    istft(stft(x), 3000).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1, atol=1e-4)


def test_a_network_sees_from_minus_2_to_2_however_loud():
    spectra = stft(torch.from_numpy(NOISE[0]) * torch.tensor([[1.0], [1e-3], [0.0]]))
    seen = log_magnitude(spectra)
    assert seen.shape == spectra.shape
    np.testing.assert_allclose(seen[:2].amax(dim=(1, 2)), 2, atol=1e-3)
    assert seen.min() >= -2 and (seen[2] == -2).all()
    np.testing.assert_allclose(seen[1], log_magnitude(7 * spectra)[1], atol=1e-4)
    one = torch.tensor([[[1.0, 0.1, 0.0]]]) + 0j
    np.testing.assert_allclose(log_magnitude(one)[0, 0], [2, 1, -2], atol=1e-3)


@pytest.fixture(scope="module")
def stems():
    """Two seconds of flute and bassoon, of a test chorale."""
    return duets("flute-bassoon", "test", seconds=2)[1].stems


@pytest.fixture(scope="module")
def best(stems):
    """Its best masks."""
    return best_masks(stems)


def errors(masks, stems):
    """Squared error of each estimate, in double precision: shape (n_sources,)."""
    wanted = torch.from_numpy(np.asarray(stems, dtype=np.float64))
    mixture = stft(wanted.sum(dim=0))
    made = istft(torch.from_numpy(np.asarray(masks, np.float64)) * mixture, wanted.shape[1])
    return (made - wanted).square().sum(dim=1)


def test_it_is_better_than_every_formula(stems, best):
    assert best.dtype == np.float32 and best.shape == (2, 257, 126)
    assert best.min() >= 0 and best.max() <= 1
    for kind in ("binary", "ratio", "wiener", "phase-sensitive"):
        assert (errors(best, stems) < errors(oracle_masks(stems, kind), stems)).all(), kind
    mixture = stems.sum(axis=0)
    sensitive = apply_masks(mixture, oracle_masks(stems, "phase-sensitive"))
    assert (si_sdr(apply_masks(mixture, best), stems) > si_sdr(sensitive, stems) + 0.1).all()


def test_more_steps_do_not_help(stems, best):
    more = errors(best_masks(stems, n_steps=400), stems)
    decibels = 10 * torch.log10(errors(best, stems) / more)
    assert decibels.abs().max() < 0.02


def test_no_single_place_can_be_bettered(stems, best):
    """At the least value of a convex function no step inside the bounds leads down."""

    def descent(masks):
        m = torch.from_numpy(masks.astype(np.float64)).requires_grad_()
        wanted = torch.from_numpy(stems.astype(np.float64))
        mixture = stft(wanted.sum(dim=0))
        error = (istft(m * mixture, wanted.shape[1]) - wanted).square().sum(dim=1)
        (gradient,) = torch.autograd.grad(error.sum(), m)
        inside = (m.detach() - gradient).clamp(0, 1) - m.detach()
        return inside.abs().amax(dim=(1, 2))

    before = descent(oracle_masks(stems, "phase-sensitive"))
    assert (descent(best) < 0.1 * before).all()
    base = errors(best, stems)
    loud = np.argsort(np.abs(features.stft(stems.sum(axis=0), 512, 128)).ravel())[-4000:]
    for place in RNG.permutation(loud)[:40]:
        f, t = np.unravel_index(place, best.shape[1:])
        for step in (-0.05, 0.05):
            moved = best.copy()
            moved[:, f, t] = np.clip(moved[:, f, t] + step, 0, 1)
            assert (errors(moved, stems) >= base * (1 - 1e-5)).all()


def test_a_higher_bound_is_better_and_a_lower_one_is_kept(stems, best):
    high, low = best_masks(stems, highest=2.0), best_masks(stems, highest=0.5, n_steps=20)
    assert 1 < high.max() <= 2 and high.min() >= 0
    assert (errors(high, stems) < errors(best, stems)).all()
    assert low.max() == pytest.approx(0.5)


def test_quiet_sources_are_taken_as_seriously_as_loud_ones(stems, best):
    """The error is counted beside each source's own energy, and a pair may be in any order."""
    turned = best_masks(stems[::-1])
    np.testing.assert_allclose(errors(turned, stems[::-1]).flip(0), errors(best, stems), rtol=0.02)
    whisper = stems * np.array([[1.0], [0.01]], np.float32)
    found, formula = best_masks(whisper), oracle_masks(whisper, "phase-sensitive")
    assert (errors(found, whisper) < 0.99 * errors(formula, whisper)).all()


def test_another_window_is_used_throughout(stems):
    found = best_masks(stems[:, :6000], n_steps=5, n_fft=256, hop_length=64)
    assert found.shape == (2, 129, 94)
    estimates = apply_masks(stems[:, :6000].sum(axis=0), found, 64)
    assert (si_sdr(estimates, stems[:, :6000]) > 5).all()


def test_a_silent_stem_is_masked_away(stems):
    found = best_masks(np.stack([stems[0], 0 * stems[0]]), n_steps=20)
    assert np.isfinite(found).all()
    estimates = apply_masks(stems[0], found)
    assert np.abs(estimates[1]).max() < 1e-3 and si_sdr(estimates[0], stems[0]) > 30


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"highest": 0}, "highest must be a finite number above 0, got 0"),
        ({"highest": np.inf}, "highest must be a finite number above 0"),
        ({"n_steps": 0}, "n_steps must be a positive integer, got 0"),
        ({"stems": NOISE[0, :1]}, "stems must be two or more, got 1"),
        ({"stems": NOISE[0, 0]}, "stems must have shape"),
        ({"stems": NOISE[0] * np.nan}, "stems must be finite"),
        ({"stems": np.zeros((2, 4000))}, "silent"),
        ({"stems": np.stack([NOISE[0, 0], -NOISE[0, 0]])}, "mixture must not be silent"),
        ({"stems": NOISE[0, :, :100]}, "512 samples or more, one window, got 100"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop_length": 600}, "hop_length must be at most n_fft"),
    ],
)
def test_what_has_no_best_mask_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        best_masks(**{"stems": NOISE[0], **arguments})
