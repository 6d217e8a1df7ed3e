"""Deep clustering: the loss is that of all pairs, and what has been learned takes tones apart."""

import numpy as np
import pytest
import torch

from etudes.evaluate import best_order, si_sdr
from etudes.separators import DeepClustering
from etudes.separators.deep_clustering import affinity_loss
from etudes.separators.torch_stft import stft

RATE = 8000
TIME = np.arange(4096) / RATE


def tone(hertz, partials):
    """A steady note."""
    return sum(np.sin(2 * np.pi * hertz * h * TIME) for h in partials) / 10


def mixture_of_families(rng):
    """A note of odd partials, and a high one: stems that no place shares."""
    low, high = rng.uniform(150, 300), rng.uniform(1500, 2500)
    return np.stack([tone(low, (1, 3)), tone(high, (1, 1.2))]).astype(np.float32)


def small(seed=0, **sizes):
    torch.manual_seed(seed)
    return DeepClustering(**{"width": 12, "n_layers": 1, "n_fft": 256, "hop_length": 128, **sizes})


@pytest.fixture(scope="module")
def trained():
    """A small network after eighty steps."""
    rng, model = np.random.default_rng(0), small()
    descent = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        stems = np.stack([mixture_of_families(rng) for _ in range(4)])
        loss = model.loss(torch.from_numpy(stems))
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:5])
    return model


STEMS = mixture_of_families(np.random.default_rng(99))
MIXTURE = STEMS.sum(axis=0)


def tiny(seed=0, dtype=torch.float64):
    """Vectors, owners and weights of two mixtures of 2 x 5 places."""
    rng = np.random.default_rng(seed)
    vectors = torch.from_numpy(rng.normal(size=(2, 2, 5, 3))).to(dtype)
    owners = torch.nn.functional.one_hot(torch.from_numpy(rng.integers(0, 2, (2, 2, 5))), 2)
    return vectors, owners, torch.from_numpy(rng.random((2, 2, 5))).to(dtype)


def test_the_loss_is_the_sum_over_all_pairs():
    vectors, owners, weights = tiny()
    wanted = 0.0
    for v, y, w in zip(
        vectors.flatten(1, 2), owners.flatten(1, 2).double(), weights.flatten(1), strict=True
    ):
        w = w / w.sum()
        for i in range(10):
            for j in range(10):
                wanted += w[i] * w[j] * (v[i] @ v[j] - y[i] @ y[j]) ** 2 / len(vectors)
    assert affinity_loss(vectors, owners, weights).item() == pytest.approx(wanted.item())


def test_the_gradient_is_that_of_finite_differences():
    vectors, owners, weights = tiny(1)
    assert torch.autograd.gradcheck(
        lambda v: affinity_loss(v, owners, weights), (vectors.requires_grad_(),)
    )


def test_the_loss_is_zero_when_vectors_are_the_owners_turned_any_way():
    _, owners, weights = tiny()
    exact = owners.double()
    assert affinity_loss(exact, owners, weights).item() == pytest.approx(0, abs=1e-12)
    turn = torch.linalg.qr(torch.from_numpy(np.random.default_rng(0).normal(size=(2, 2))))[0]
    assert affinity_loss(exact @ turn, owners, weights).item() == pytest.approx(0, abs=1e-12)
    assert affinity_loss(exact.flip(-1), owners, weights).item() == pytest.approx(0, abs=1e-12)
    assert affinity_loss(-exact, 1 - owners, weights).item() == pytest.approx(0, abs=1e-12)
    assert affinity_loss(exact.roll(1, dims=2), owners, weights).item() > 0.1


def test_places_without_weight_and_the_scale_of_weights_do_not_count():
    vectors, owners, weights = tiny()
    before = affinity_loss(vectors, owners, weights)
    assert affinity_loss(vectors, owners, 1000 * weights).item() == pytest.approx(before.item())
    weights[:, 0, 2] = 0
    one, other = vectors.clone(), vectors.clone()
    other[:, 0, 2] = 17
    a, b = (affinity_loss(v, owners, weights).item() for v in (one, other))
    assert a == pytest.approx(b)
    assert affinity_loss(vectors, owners, 0 * weights).item() == 0


def test_every_place_gets_a_vector_of_length_1():
    spectra = stft(torch.from_numpy(np.stack([MIXTURE, STEMS[0]])), 256, 128)
    with torch.no_grad():
        vectors = small(n_dimensions=4)(spectra)
    assert vectors.shape == (2, 129, 33, 4)
    np.testing.assert_allclose(vectors.norm(dim=-1), 1, atol=1e-5)


def test_what_comes_after_is_heard_too():
    model = small()
    early = torch.from_numpy(MIXTURE)[None]
    late = early.clone()
    late[:, 3000:] = 0
    with torch.no_grad():
        a, b = (model(stft(x, 256, 128)) for x in (early, late))
    assert not torch.allclose(a[:, :, :10], b[:, :, :10], atol=1e-4)


def test_the_loss_is_of_who_is_loudest_where_it_is_audible():
    stems = np.random.default_rng(0).normal(size=(1, 3, 1000)).astype(np.float32)
    stems[0, :, 300:] *= 1e-3  # the end is a whisper
    model, spectra = small(), stft(torch.from_numpy(stems), 256, 128)
    owners = torch.nn.functional.one_hot(spectra.abs().argmax(dim=1), 3)
    size = spectra.sum(dim=1).abs()
    weights = torch.where(size > 0.01 * size.max(), size.sqrt(), 0)
    assert 0.1 < (weights > 0).float().mean() < 0.9
    with torch.no_grad():
        wanted = affinity_loss(model(spectra.sum(dim=1)), owners, weights)
        assert model.loss(torch.from_numpy(stems)).item() == pytest.approx(wanted.item(), rel=1e-4)


def test_the_loss_asks_neither_for_order_nor_for_loudness():
    model, stems = small(), torch.from_numpy(STEMS)[None]
    with torch.no_grad():
        loss = model.loss(stems)
        assert loss.ndim == 0 and loss > 0
        assert model.loss(stems.flip(1)).item() == pytest.approx(loss.item(), rel=1e-4)
        assert model.loss(0.01 * stems).item() == pytest.approx(loss.item(), rel=1e-3)
        noise = 1e-4 * torch.randn(stems.shape)  # 40 dB and more below: belongs to nobody
        assert model.loss(stems + noise).item() == pytest.approx(loss.item(), rel=0.05)


@pytest.mark.parametrize("hardness", [5.0, np.inf])
def test_tones_of_families_that_were_learned_come_apart(trained, hardness):
    for seed in range(3):
        stems = mixture_of_families(np.random.default_rng(1000 + seed))
        found = trained.separate(stems.sum(axis=0), hardness=hardness)
        assert found.dtype == np.float32 and found.shape == stems.shape
        np.testing.assert_allclose(found.sum(axis=0), stems.sum(axis=0), atol=1e-4)
        assert (si_sdr(found[best_order(found, stems)], stems) > 15).all()


def test_an_untrained_network_is_worse(trained):
    one, other = (model.separate(MIXTURE) for model in (trained, small(3)))
    good, bad = (si_sdr(found[best_order(found, STEMS)], STEMS).mean() for found in (one, other))
    assert good > bad + 5


def test_separating_changes_nothing_and_repeats():
    for training in (True, False):
        model = small().train(training)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        first, again = model.separate(MIXTURE), model.separate(MIXTURE)
        np.testing.assert_array_equal(first, again)
        assert model.training is training
        assert all(torch.equal(before[key], x) for key, x in model.state_dict().items())
        assert all(p.grad is None for p in model.parameters())


@pytest.fixture
def masks(monkeypatch):
    """The masks of the last separation."""
    from etudes.separators import deep_clustering

    seen, really = [], deep_clustering.apply_masks

    def spy(x, m, hop_length):
        seen.append(np.asarray(m))
        return really(x, m, hop_length)

    monkeypatch.setattr(deep_clustering, "apply_masks", spy)
    return seen


def test_hardness_decides_how_much_is_shared(masks):
    for hardness in (0.5, 5.0, 1e6, np.inf):
        small().separate(MIXTURE, hardness=hardness)
    soft, less, hard, infinite = masks
    for mask in masks:
        np.testing.assert_allclose(mask.sum(axis=0), 1, atol=1e-5)
    assert set(np.unique(infinite)) == {0, 1}
    np.testing.assert_allclose(hard, infinite, atol=1e-2)
    assert soft.max(axis=0).mean() < less.max(axis=0).mean() < 1
    np.testing.assert_array_equal(soft.argmax(axis=0), infinite.argmax(axis=0))


def test_a_share_falls_with_the_squared_distance(masks, monkeypatch):
    """Two directions at 60 degrees: the distance of their ends is 1."""

    def directions(model, spectra):
        low = (torch.arange(129) < 40)[:, None].expand(spectra.shape)[..., None]
        return torch.where(low, torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.75**0.5]))

    monkeypatch.setattr(DeepClustering, "forward", directions)
    for hardness in (1.0, 3.0):
        small().separate(MIXTURE, hardness=hardness)
        near = masks[-1].max(axis=0)
        np.testing.assert_allclose(near, 1 / (1 + np.exp(-hardness)), atol=1e-3)
        assert (masks[-1][:, :40].argmax(axis=0) != masks[-1][:, [50]].argmax(axis=0)).all()


def test_inaudible_places_do_not_move_the_centres(masks, monkeypatch):
    """A whisper fills more places than the tones, in a direction of its own: no third source."""

    def directions(model, spectra):
        size = spectra.abs()
        low = (torch.arange(129) < 40)[:, None].expand(size.shape)
        which = torch.where(size > 1e-2 * size.max(), torch.where(low, 0, 1), 2)
        return torch.nn.functional.one_hot(which, 3).float()

    monkeypatch.setattr(DeepClustering, "forward", directions)
    whisper = 1e-4 * np.random.default_rng(0).normal(size=MIXTURE.shape)
    small().separate(MIXTURE + whisper, hardness=np.inf)
    loud = np.abs(stft(torch.from_numpy(MIXTURE), 256, 128).numpy()).mean(axis=1).argsort()[-12:]
    owner = masks[0].mean(axis=2).argmax(axis=0)[loud]
    np.testing.assert_array_equal(owner == owner[loud.argmin()], loud < 40)
    assert len({*owner}) == 2


@pytest.mark.parametrize("n_sources", [1, 3])
def test_as_many_estimates_as_asked_for(trained, n_sources):
    found = trained.separate(MIXTURE, n_sources)
    assert found.shape == (n_sources, MIXTURE.size)
    assert all(estimate.any() for estimate in found)
    np.testing.assert_allclose(found.sum(axis=0), MIXTURE, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hardness", [5.0, np.inf])
@pytest.mark.parametrize(
    "mixture",
    [
        pytest.param(np.sin(2 * np.pi * 440 * TIME), id="pure sine"),
        pytest.param(np.random.default_rng(0).normal(size=4000), id="white noise"),
        pytest.param(np.eye(1, 4000, 2000)[0], id="click"),
        pytest.param(np.r_[MIXTURE, np.zeros(4000)], id="silent half"),
        pytest.param(np.ones(3000), id="constant"),
        pytest.param(MIXTURE[:256], id="one window"),
        pytest.param(1e-20 * MIXTURE, id="very quiet"),
    ],
)
def test_odd_mixtures_still_add_up(mixture, hardness):
    found = small().separate(mixture, hardness=hardness)
    assert found.shape == (2, mixture.size) and np.isfinite(found).all()
    np.testing.assert_allclose(
        found.sum(axis=0), mixture, atol=1e-4 * min(1, np.abs(mixture).max())
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"mixture": np.zeros(4000)}, ValueError, "mixture must not be silent"),
        ({"mixture": np.ones(200)}, ValueError, "256 samples or more, one window, got 200"),
        ({"mixture": np.ones((4000, 2))}, ValueError, "stereo"),
        ({"mixture": np.full(4000, np.nan)}, ValueError, "mixture must be finite"),
        ({"mixture": "a sound"}, TypeError, "mixture"),
        ({"n_sources": 0}, ValueError, "n_sources must be a positive integer, got 0"),
        ({"hardness": 0}, ValueError, "hardness must be a finite number above 0, got 0"),
        ({"hardness": np.nan}, ValueError, "hardness must be"),
    ],
)
def test_what_cannot_be_separated_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        small().separate(**{"mixture": MIXTURE, **arguments})


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"n_dimensions": 0}, "n_dimensions must be a positive integer, got 0"),
        ({"width": -1}, "width must be"),
        ({"n_layers": 0}, "n_layers must be"),
        ({"n_fft": 0}, "n_fft must be a positive integer, got 0"),
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"hop_length": 600}, "hop_length must be at most n_fft"),
    ],
)
def test_networks_that_cannot_be_are_named(sizes, words):
    with pytest.raises(ValueError, match=words):
        DeepClustering(**sizes)
