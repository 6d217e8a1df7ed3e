"""The recipe for instruments: what it trains on, and that it trains, saves and writes."""

import json

import numpy as np
import pytest
import torch

from etudes.data.instruments import TEST_PROGRAMS, TRAIN_PROGRAMS, VALIDATION_PROGRAMS
from etudes.recipes import instruments as recipe
from etudes.recipes.instruments.command import RUNS
from etudes.recipes.instruments.notes import InTurn, LayeredEpisodes, Notes, load_notes
from etudes.recipes.instruments.report import WORDS, write_rows, write_seeds


def fake_notes(n_programs=10, n_each=12, seed=0):
    rng = np.random.default_rng(seed)
    program = np.repeat(np.arange(n_programs), n_each)
    timbre = rng.normal(size=(n_programs, 64, 1))
    x = timbre[program] + 0.3 * rng.normal(size=(len(program), 64, 63))
    pitch = np.tile(np.arange(40, 40 + n_each), n_programs)
    return Notes(torch.from_numpy(x.astype("f")), program, pitch)


def test_the_three_splits_share_no_family():
    families = [{p // 8 for p in s} for s in (TRAIN_PROGRAMS, VALIDATION_PROGRAMS, TEST_PROGRAMS)]
    assert not (families[0] & families[1] or families[0] & families[2] or families[1] & families[2])


def test_the_split_must_be_known():
    with pytest.raises(ValueError, match="split must be one of .*did you mean 'validation'"):
        load_notes("validate")


def test_layered_episodes_repeat_and_change_only_the_classes_drawn():
    notes = fake_notes()
    sampler = notes.sampler(4, 3, 2)
    layered = LayeredEpisodes(notes, sampler, share=0.5, colour=0.0, seed=3)
    assert torch.equal(layered[7].support_x, layered[7].support_x)
    plain = LayeredEpisodes(notes, sampler, share=0.0, colour=0.0)[7]
    assert torch.equal(plain.support_x, sampler[7].support_x)
    changed = 0
    for i in range(10):
        a, b = sampler[i], layered[i]
        assert torch.equal(a.query_y, b.query_y)
        for label in range(4):
            support = (a.support_x != b.support_x).flatten(1).any(1)[a.support_y == label]
            query = (a.query_x != b.query_x).flatten(1).any(1)[a.query_y == label]
            both = torch.cat([support, query])
            assert both.all() or not both.any()  # a class is layered as a whole
            changed += int(both.all())
    assert 10 <= changed <= 30
    with pytest.raises(ValueError, match="share must lie between 0 and 1"):
        LayeredEpisodes(notes, sampler, share=2.0)


def test_a_class_has_one_filter_and_one_envelope():
    notes = fake_notes()
    sampler = notes.sampler(4, 3, 2)
    coloured = LayeredEpisodes(notes, sampler, share=0.0, colour=0.3, seed=1)[2]
    plain = sampler[2]
    added = torch.cat([coloured.support_x - plain.support_x, coloured.query_x - plain.query_x])
    labels = torch.cat([plain.support_y, plain.query_y])
    for label in range(4):
        mine = added[labels == label]
        assert torch.allclose(mine, mine[:1].expand_as(mine), atol=1e-5)
    assert 0.02 < float(added.std()) < 1.0
    assert not torch.allclose(added[0], added[3], atol=1e-2)


def test_layering_adds_powers_of_levelled_notes():
    notes = fake_notes()
    layered = LayeredEpisodes(notes, notes.sampler(4, 3, 2))
    rng = np.random.default_rng(0)
    x = layered._joined(np.array([0]), np.array([15]), 0, 0.0, rng)
    a, b = (notes.x[i] - notes.x[i].max() for i in (0, 15))
    assert torch.allclose(x[0].exp() ** 2, a.exp() ** 2 + b.exp() ** 2, atol=1e-5)
    nearest = layered._joined(np.array([3]), np.arange(12, 24), 0, -50.0, rng)
    assert torch.allclose(nearest[0], notes.x[3] - notes.x[3].max(), atol=1e-4)


def test_batches_in_turn():
    turns = InTurn([["a0", "a1", "a2"], ["b0", "b1", "b2"]])
    assert [turns[i] for i in range(3)] == ["a0", "b1", "a2"]


@pytest.mark.parametrize("name", sorted(recipe.TRAINED))
def test_every_network_answers_one_shot_and_five(name):
    model = recipe.TRAINED[name]()
    for k_shot in (1, 5):
        episode = fake_notes().sampler(5, k_shot, 2)[0]
        assert model(episode).shape == (10, 5)
        assert torch.isfinite(model.loss(episode))
    same = recipe.TRAINED[name]()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters()))


def test_a_short_training_beats_the_untrained_network():
    notes, held = fake_notes(14, seed=0), fake_notes(8, seed=1)
    model = recipe.make_prototypical()
    history = recipe.train(model, notes, 12, n_way=6, progress=False, every=6, validation=None)
    assert history.steps == 12
    results = recipe.compare(
        {"prototypical": model.eval(), "untrained": recipe.make_prototypical().eval()},
        held,
        5,
        1,
        n_tasks=10,
        progress=False,
    )
    assert results["prototypical"].fingerprint == results["untrained"].fingerprint
    assert results["prototypical"].mean > 0.5


@pytest.mark.parametrize("name", sorted(recipe.TRAINED))
def test_encoding_once_changes_no_answer(name):
    notes, model = fake_notes(), recipe.TRAINED[name]().eval()
    head, z = recipe.encoded_once(model, notes.x)
    assert len(list(head.parameters())) < len(list(model.parameters()))
    once = Notes(z, notes.program, notes.pitch).sampler(4, 2, 3)[5]
    assert torch.allclose(head(once), model(notes.sampler(4, 2, 3)[5]), atol=1e-4)
    batch = recipe.make_relation(norm="batch")
    assert recipe.encoded_once(batch, notes.x)[0] is batch


def test_rows_carry_the_ids_that_the_book_names(tmp_path, monkeypatch):
    from etudes import ledger

    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    learners = {
        name: recipe.all_learners({})["nearest-centroid"]
        for name in ("nearest-centroid", "untrained", "logistic-regression", "prototypical")
    }
    results = recipe.compare(learners, fake_notes(n_each=16), 5, 5, n_tasks=6, progress=False)
    write_rows(results, "prototypical", "python -m etudes.recipes.instruments", 1.0, 0)
    table = {r["id"]: r for r in json.loads((tmp_path / "06.json").read_text())}
    best = table["06.instruments.5way-5shot.accuracy"]
    assert best["value"] == pytest.approx(results["prototypical"].mean, abs=1e-5)
    assert best["baselines"]["chance"] == 0.2
    assert "06.instruments.5way-5shot.accuracy.untrained" in table
    margin = table["06.instruments.5way-5shot.margin.prototypical-over-logistic-regression"]
    assert margin["value"] == 0.0
    write_seeds({"relation": [0.8, 0.84, 0.82]}, "5way-5shot", "python -m a", 1.0)
    table = {r["id"]: r for r in json.loads((tmp_path / "06.json").read_text())}
    again = table["06.instruments.5way-5shot.seeds.relation"]
    assert again["value"] == pytest.approx(0.82) and again["n"] == 3
    half = 4.303 * 0.02 / 3**0.5  # Student's t for two degrees of freedom
    assert again["ci95"] == pytest.approx([0.82 - half, 0.82 + half], abs=1e-4)
    everything = recipe.all_learners({name: recipe.TRAINED[run[0]]() for name, run in RUNS.items()})
    assert set(everything) == set(WORDS)


@pytest.mark.parametrize("name", sorted(recipe.TRAINED))
def test_committed_checkpoints_load_and_have_a_card(name):
    from etudes.train.weights import WEIGHTS_FOLDER

    path = WEIGHTS_FOLDER / f"06-instruments-{name}.safetensors"
    model = recipe.load_trained(name)
    assert not model.training
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Command", "Data", "Steps", "Seed", "Time", "Validation", "Limits"):
        assert f"| {word} |" in card
    assert path.stat().st_size < 3_000_000
    with pytest.raises(ValueError, match="name must be one of"):
        recipe.load_trained("relations")
