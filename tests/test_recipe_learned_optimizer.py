"""The recipe of chapter 3: tasks, tuning, training, comparison, and what it writes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from etudes import ledger
from etudes.data.instruments import TEST_PROGRAMS, TRAIN_PROGRAMS, VALIDATION_PROGRAMS
from etudes.generators.harmonic_noise import NoteNetwork
from etudes.learners.meta_network import LearnedOptimizer
from etudes.recipes import learned_optimizer as recipe
from etudes.recipes.learned_optimizer import compare, report, rivals


@pytest.fixture(scope="module")
def validation():
    return recipe.load_tasks("validation", 4)


def test_splits_share_no_instrument_and_every_note_can_be_played(validation):
    assert set(validation.program) <= set(VALIDATION_PROGRAMS)
    assert not set(VALIDATION_PROGRAMS) & set(TRAIN_PROGRAMS)
    assert not set(VALIDATION_PROGRAMS) & set(TEST_PROGRAMS)
    assert validation.pitch.min() >= 48 and validation.pitch.max() <= 84
    assert len(validation) == len(validation.pitch) == len(validation.waveforms)
    with pytest.raises(ValueError, match="split"):
        recipe.load_tasks("tset")


def test_a_batch_is_the_same_every_time_and_knows_its_segment(validation):
    batches = recipe.TaskBatches(validation, n_tasks=3, n_segments=5, seed=1)
    one, again, other = batches[7], batches[7], batches[8]
    torch.testing.assert_close(one.target, again.target)
    assert one.seed == again.seed != other.seed
    assert (one.segment, other.segment) == (2, 3)
    network = NoteNetwork(4)
    torch.testing.assert_close(one.start(network), again.start(network))
    assert one.example().shape == (3, 16 * 40 + 37)


def test_a_batch_uses_the_shapes_of_its_own_pitches(validation):
    batch, network = validation.everything(), NoteNetwork(4)
    weights = batch.start(network)
    together = batch.loss(network)(weights)
    row = len(validation) - 1
    alone = validation.batch(np.array([row]), 0).loss(network)(weights[row:])
    torch.testing.assert_close(together[row:], alone)


def test_the_best_step_size_is_that_of_the_lowest_loss_and_never_one_that_diverged(validation):
    batch, network = validation.everything(every=8), NoteNetwork(4)
    tuned = recipe.tune("sgd", batch, network, 5, settings=[(1e-4,), (1.0,), (1e6,)])
    assert tuned.lr == 1.0 and tuned.tried[1e6,] == np.inf
    losses, kept = tuned.run(batch, network, keep=(5,))
    assert losses[:, 5].mean().item() == pytest.approx(tuned.loss, rel=1e-5)
    torch.testing.assert_close(batch.loss(network)(kept[5]), losses[:, 5])
    with pytest.raises(ValueError, match="settings must hold one that does not diverge"):
        recipe.tune("sgd", batch, network, 5, settings=[(1e6,)])
    with pytest.raises(ValueError, match="name"):
        recipe.tune("addam", batch, network, 5)


def test_every_rival_tries_eight_step_sizes_or_more():
    for _, _, settings in recipe.RIVALS.values():
        assert len({setting[0] for setting in settings}) >= 8


@pytest.mark.parametrize("horizon", [20, 40])
def test_training_lowers_the_loss_and_is_repeatable(validation, horizon):
    def train():
        torch.manual_seed(0)
        model = LearnedOptimizer(hidden=4)
        history = recipe.train_optimizer(
            model, validation, 6, horizon=horizon, hidden=2, n_tasks=2, progress=False, lr=0.03
        )
        return model, history

    (one, first), (two, second) = train(), train()
    assert first.losses == second.losses
    assert first.losses[-1] < first.losses[horizon // 20 - 1]
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_truncated_unroll_begins_where_the_last_one_ended(validation):
    """The second segment's loss is that of steps 20 to 40 and not of a fresh start."""
    torch.manual_seed(0)
    model = LearnedOptimizer(hidden=4, scale=1.0)
    settings = {"hidden": 2, "n_tasks": 2, "progress": False, "objective": "mean", "lr": 1e-12}
    history = recipe.train_optimizer(model, validation, 2, horizon=40, **settings)
    network = NoteNetwork(2)
    batch = recipe.TaskBatches(validation, 2, 2, 0)[1]
    from etudes.learners.meta_network import descend

    losses, _ = descend(model, batch.loss(network), batch.start(network), 40)
    assert history.losses[1] == pytest.approx(losses[:, 21:].mean().item(), rel=1e-4)


def test_wrong_horizons_and_objectives_are_named(validation):
    with pytest.raises(ValueError, match="horizon must be a multiple of 20, got 30"):
        recipe.train_optimizer(LearnedOptimizer(), validation, 1, horizon=30)
    with pytest.raises(ValueError, match="objective"):
        recipe.train_optimizer(LearnedOptimizer(), validation, 1, objective="median")


def test_a_hypernetwork_learns_to_propose_weights(validation):
    outer = recipe.make_hypernetwork(hidden=4)
    history = recipe.train_start(outer, validation, 40, hidden=4, n_tasks=16, progress=False)
    assert np.mean(history.losses[-5:]) < history.losses[0] - 0.5
    batch = validation.everything()
    with torch.no_grad():
        proposed = outer(batch.example())
    assert (proposed[0] - proposed[-1]).abs().max() > 1e-3


def test_the_comparison_and_its_rows(validation, tmp_path, monkeypatch):
    """Small, but whole: everything is run, every row is valid, ratios are of the same notes."""
    monkeypatch.setattr(compare, "LONG", (21, 22))
    monkeypatch.setattr(report, "LONG", (21, 22))
    monkeypatch.setattr(compare, "SIZES", (2,))
    monkeypatch.setattr(compare, "LOW_RATES", (0.02, 0.1))
    monkeypatch.setattr(compare, "BETAS", ((0.6,), (0.999,)))
    monkeypatch.setattr(compare, "FACTORS", ((0.5,), (1.1,)))
    few = {
        name: (make, decays, settings[4:5])
        for name, (make, decays, settings) in recipe.RIVALS.items()
    }
    monkeypatch.setattr(rivals, "RIVALS", few)
    monkeypatch.setattr(compare, "RIVALS", few)
    torch.manual_seed(0)
    networks = {
        "learned": LearnedOptimizer(),
        "learned-100": LearnedOptimizer(),
        "learned-seed-1": LearnedOptimizer(),
        "hypernetwork": recipe.make_hypernetwork(),
        "common-start": recipe.CommonStart(NoteNetwork().start(1)[0]),
    }
    notes = recipe.load_tasks("validation", 1)
    fits = compare.compare(networks, notes, notes)
    ratio = fits.ratio("learned", fits.best, 20)
    expected = fits.losses["learned"][:, 20].mean() / fits.losses[fits.best][:, 20].mean()
    assert ratio.mean == pytest.approx(expected, rel=1e-6)
    assert set(fits.distances["learned"]) == {0, 5, 20}
    assert fits.replays.shape == fits.program.shape
    assert 0 < fits.replays.mean() < fits.distances["learned"][20].mean()
    start = {name: losses[:, 0] for name, losses in fits.losses.items() if "start" not in name}
    np.testing.assert_allclose(start["adam"], start["learned"])

    sizes = compare.compare_sizes(networks["learned"], notes, notes)
    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    report.write_rows(fits, sizes, "a command", 1.0)
    rows = {one["id"]: one for one in ledger.rows("03", tmp_path)}
    assert rows["03.notes.loss-ratio.20-steps"]["value"] == pytest.approx(ratio.mean, abs=1e-4)
    stem = "03.notes.loss-ratio.20-steps"
    assert "03.notes.loss-ratio.22-steps.seeds" in rows
    others = ("hidden-2", "hidden-2.over-adam-betas", "seeds", "common-start-adam-betas")
    others += ("over-rprop", "hidden-2.over-rprop", "seeds.over-rprop", "common-start-rprop")
    assert {f"{stem}.{other}" for other in others} | {"03.notes.distance.played-twice"} <= set(rows)
    assert all("learned-seed" not in name for name in rows)
    assert set(rows["03.notes.loss-ratio.20-steps"]["baselines"]) == set(few)
    over_rprop = fits.ratio("learned", "rprop-for-22", 22).mean
    there = rows["03.notes.loss-ratio.22-steps.learned.over-rprop"]["value"]
    assert there == pytest.approx(over_rprop, abs=1e-4)


def test_the_committed_networks_load_and_beat_an_untrained_one(validation):
    batch, network = validation.everything(every=6), NoteNetwork()
    from etudes.learners.meta_network import descend

    untrained = descend(LearnedOptimizer(), batch.loss(network), batch.start(network), 20)[0]
    for name in ("learned", "learned-100"):
        losses = descend(recipe.load_trained(name), batch.loss(network), batch.start(network), 20)[
            0
        ]
        assert losses[:, -1].mean() < 0.1 * untrained[:, -1].mean()
    proposed = recipe.load_trained("hypernetwork")(batch.example())
    assert batch.loss(network)(proposed).mean() < 0.2 * untrained[:, 0].mean()
    with pytest.raises(ValueError, match="name"):
        recipe.load_trained("learnt")
