"""Statistics of melodies, the reader and the space that training styles teach."""

import numpy as np
import pytest
import torch

from etudes.data.tunes import Tune, TuneSet
from etudes.episodes import EpisodeSampler
from etudes.learners.melody import (
    BLOCKS,
    N_STATISTICS,
    block_columns,
    melody_statistics,
    statistics_matrix,
)
from etudes.learners.melody_encoder import (
    MelodyReader,
    Pretraining,
    crop_symbols,
    tune_symbols,
)
from etudes.learners.style_space import (
    DualLogistic,
    ShrunkenDiscriminant,
    StyleSpace,
    dual_logistic,
    shrunken_discriminant,
)


def make_tune(seed: int, n_notes: int = 40, **texts: str) -> Tune:
    rng = np.random.default_rng(seed)
    pitches = 67 + np.cumsum(rng.integers(-2, 3, n_notes)) % 12
    durations = rng.choice([0.5, 1.0, 2.0], n_notes)
    return Tune(pitches, durations, np.zeros(n_notes), **texts)


def columns(name: str) -> np.ndarray:
    return block_columns(names=(name,))


def test_histograms_have_unit_length_and_everything_is_finite():
    x = melody_statistics(*make_tune(0).notes.T)
    assert x.shape == (N_STATISTICS,) and np.isfinite(x).all()
    for name, (_, kind) in BLOCKS.items():
        if kind == "histogram":
            assert np.sum(x[columns(name)] ** 2) == pytest.approx(1, abs=1e-5), name


def test_header_fields_change_nothing():
    plain, told = make_tune(1), make_tune(1, metre="9/8", key="D", rhythm="slip jig", style="china")
    np.testing.assert_array_equal(statistics_matrix([plain]), statistics_matrix([told]))


def test_transposing_changes_absolute_pitch_alone():
    tune = make_tune(2)
    changed = np.abs(statistics_matrix([tune]) - statistics_matrix([tune.transpose(5)]))[0] > 1e-5
    allowed = block_columns(names=("pitch", "register"))
    assert changed[allowed].any()
    assert not np.delete(changed, allowed).any()


def test_a_known_melody_is_counted_right():
    x = melody_statistics(np.array([60, 62, 64, 62, 60]), np.arange(5.0), np.ones(5))
    interval = x[columns("interval")] ** 2
    assert interval[14] == pytest.approx(0.5, abs=1e-5)  # up a whole tone, twice of four
    assert interval[10] == pytest.approx(0.5, abs=1e-5)
    assert x[columns("summary")][0] == 4  # compass in semitones
    beat = x[columns("beat_strength")]
    assert beat[4] == pytest.approx(1, abs=1e-5)  # all onsets on the quarter


@pytest.mark.parametrize(
    ("pitches", "onsets", "durations", "words"),
    [
        (np.arange(60, 64), np.arange(4.0), np.ones(4), "at least 5 notes, got 4"),
        (np.arange(60, 66), np.arange(5.0), np.ones(6), r"onsets must have shape \(6,\)"),
        (np.arange(60, 66), np.zeros(6), np.ones(6), "onsets must rise"),
        (np.arange(60, 66), np.arange(6.0), np.zeros(6), "durations must be greater than 0"),
    ],
)
def test_bad_melodies_are_named(pitches, onsets, durations, words):
    with pytest.raises(ValueError, match=words):
        melody_statistics(pitches, onsets, durations)


def test_no_tunes_and_unknown_blocks_are_named():
    with pytest.raises(ValueError, match="at least one tune"):
        statistics_matrix([])
    with pytest.raises(ValueError, match="interval"):
        block_columns(names=("intervals",))


def test_symbols_do_not_depend_on_the_key_nor_on_the_padding():
    tune = make_tune(3)
    symbols = tune_symbols(TuneSet.from_tunes([tune, tune.transpose(3), make_tune(4, 90)]))
    assert torch.equal(symbols.kinds[0], symbols.kinds[1])
    torch.manual_seed(0)
    reader = MelodyReader(16, 8).eval()
    alone = reader(tune_symbols(TuneSet.from_tunes([tune]), longest=40))
    np.testing.assert_allclose(reader(symbols)[:1].detach(), alone.detach(), atol=1e-5)


def test_excerpts_are_pieces_of_the_tune_and_repeat():
    symbols = tune_symbols(TuneSet.from_tunes([make_tune(s, 100) for s in range(5)]))
    cut = crop_symbols(symbols, 32, np.random.default_rng(0))
    assert ((cut.n_notes >= 16) & (cut.n_notes <= 32)).all()
    for i, n in enumerate(cut.n_notes.tolist()):
        whole = symbols.kinds[i].unfold(0, n, 1).transpose(1, 2)
        assert (whole == cut.kinds[i, :n]).all((1, 2)).any()
        assert (cut.kinds[i, n:] == 0).all()
    again = crop_symbols(symbols, 32, np.random.default_rng(0))
    assert torch.equal(cut.kinds, again.kinds)


def test_pretraining_learns_and_ignores_missing_answers():
    torch.manual_seed(0)
    symbols = tune_symbols(TuneSet.from_tunes([make_tune(s) for s in range(6)]), longest=40)
    model = Pretraining(MelodyReader(16, 8), {"style": 2}, {"style": 1.0})
    batch = (symbols[[0, 1, 2, 0, 1, 2]], {"style": torch.tensor([0, 1, -1, 0, 1, -1])})
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    nothing = (batch[0], {"style": torch.full((6,), -1)})
    assert torch.isfinite(model.loss(nothing))


def noisy_classes(n_classes: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes that differ in two columns, while ten others vary wildly inside every class."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 2))
    x = np.concatenate([np.repeat(centres, n, 0), np.zeros((n_classes * n, 10))], 1)
    x += rng.normal(size=x.shape) * np.r_[0.3, 0.3, np.full(10, 4.0)]
    return x, np.repeat([f"class {i}" for i in range(n_classes)], n)


def test_the_space_learns_from_some_classes_what_helps_with_others():
    x, labels = noisy_classes(8, 60, seed=0)
    new, new_labels = noisy_classes(6, 30, seed=1)
    fit = {"blocks": [np.arange(12)], "measures": np.zeros(0, np.int64), "n_components": 12}
    space = StyleSpace.fit(x, labels, **fit, smoothing=0.01)
    plain = StyleSpace.fit(x, labels, **fit, smoothing=None)
    sampler = EpisodeSampler(new, new_labels)
    right = {
        name: np.mean(
            [
                (DualLogistic(s)(sampler[i]).argmax(1) == sampler[i].query_y).float().mean()
                for i in range(20)
            ]
        )
        for name, s in (("space", space), ("plain", plain))
    }
    assert right["space"] > right["plain"] + 0.2
    z = space(torch.tensor(x, dtype=torch.float32)).numpy()
    within = np.mean([np.cov(z[labels == name].T) for name in np.unique(labels)], 0)
    assert np.abs(within - np.diag(np.diag(within))).max() < 0.1


def test_learned_columns_pass_by_the_principal_directions():
    x, labels = noisy_classes(4, 40, seed=2)
    space = StyleSpace.fit(
        x,
        labels,
        [np.arange(10)],
        np.arange(10),
        n_components=3,
        smoothing=None,
        learned=np.array([10, 11]),
    )
    assert space.project.shape == (12, 5)
    assert (space.project[:10, 3:] == 0).all() and (space.project[10:, :3] == 0).all()


def test_bad_spaces_are_named():
    x, labels = noisy_classes(2, 10, seed=0)
    blocks, measures = [np.arange(12)], np.arange(12)
    with pytest.raises(ValueError, match=r"labels must have shape \(20,\), got \(3,\)"):
        StyleSpace.fit(x, labels[:3], blocks, measures)
    with pytest.raises(ValueError, match="at least two classes, got 1"):
        StyleSpace.fit(x, np.array(["a"] * 20), blocks, measures)
    with pytest.raises(ValueError, match="finite|NaN"):
        StyleSpace.fit(np.full_like(x, np.nan), labels, blocks, measures)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 12\), got \(3, 11\)"):
        StyleSpace.fit(x, labels, blocks, measures)(torch.zeros(3, 11))
    with pytest.raises(TypeError, match="space must be callable"):
        DualLogistic(None)
    with pytest.raises(ValueError, match="kernel"):
        DualLogistic(lambda x: x, kernel="gaussian")


def test_dual_logistic_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 5)
    x = rng.normal(size=(15, 40)) + 2 * y[:, None] * (np.arange(40) % 3 == 0)
    q = rng.normal(size=(20, 40))
    centre = x.mean(0)
    size = np.sqrt(((x - centre) ** 2).sum(1).mean())
    ours = dual_logistic(
        torch.tensor(x), torch.tensor(y), torch.tensor(q), 3, c=2.0, steps=2000
    ).softmax(1)
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8, max_iter=5000)
    theirs.fit((x - centre) / size, y)
    np.testing.assert_allclose(ours, theirs.predict_proba((q - centre) / size), atol=1e-4)


def test_shrunken_discriminant_agrees_with_the_plain_formula():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 4)
    x, q = rng.normal(size=(12, 6)) + y[:, None], rng.normal(size=(9, 6))
    means = np.stack([x[y == c].mean(0) for c in range(3)])
    rest = x - means[y]
    covariance = rest.T @ rest / 12
    inverse = np.linalg.inv(covariance + 0.3 * np.trace(covariance) / 12 * np.eye(6))
    means, q0 = means - x.mean(0), q - x.mean(0)
    wanted = q0 @ inverse @ means.T - 0.5 * np.einsum("id,de,ie->i", means, inverse, means)
    got = shrunken_discriminant(torch.tensor(x), torch.tensor(y), torch.tensor(q), 3, 0.3)
    np.testing.assert_allclose(got, wanted, atol=1e-8)


@pytest.mark.parametrize("learner", [DualLogistic, ShrunkenDiscriminant])
def test_an_answer_does_not_depend_on_the_other_questions(learner):
    x, labels = noisy_classes(5, 20, seed=3)
    episode = EpisodeSampler(x, labels)[0]
    model = learner(lambda z: z)
    whole = model(episode)
    assert whole.shape == (50, 5)
    alone = shrunken_discriminant if learner is ShrunkenDiscriminant else dual_logistic
    setting = 0.1 if learner is ShrunkenDiscriminant else 10.0
    first = alone(episode.support_x, episode.support_y, episode.query_x[:1], 5, setting)
    torch.testing.assert_close(whole[:1], first, rtol=1e-3, atol=1e-3)
