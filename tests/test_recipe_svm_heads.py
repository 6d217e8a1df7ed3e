"""The recipe for heads: one backbone, the same tasks, honest rows."""

import json
import types

import numpy as np
import pytest
import torch
from torch import nn

from etudes.learners.meta_svm import MetaOptNet
from etudes.learners.relation import RelationNetwork
from etudes.recipes import svm_heads as recipe
from etudes.recipes.instruments.notes import Notes
from etudes.recipes.svm_heads import choosing, command, comparing, domains, report
from etudes.recipes.svm_heads.networks import OnePixel


def fake_notes(n_programs=8, n_each=22, seed=0):
    rng = np.random.default_rng(seed)
    program = np.repeat(np.arange(n_programs), n_each)
    timbre = rng.normal(size=(n_programs, 64, 1))
    x = timbre[program] + 0.3 * rng.normal(size=(len(program), 64, 63))
    pitch = np.tile(np.arange(40, 40 + n_each), n_programs)
    return Notes(torch.from_numpy(x.astype("f")), program, pitch)


@pytest.fixture
def domain(monkeypatch):
    """Instruments made of noise; says which splits were asked for."""
    asked = []

    def load(split, n_notes=20):
        asked.append(split)
        return fake_notes(10 if split == "train" else 8, seed=len(split))

    monkeypatch.setattr(domains, "load_notes", load)
    made = recipe.instruments(n_notes=5)
    return types.SimpleNamespace(asked=asked, domain=made)


@pytest.mark.parametrize("head", recipe.HEAD_NAMES)
def test_the_backbone_is_the_same_under_every_head(head):
    weights = dict(recipe.make_network(head, seed=3).encoder.named_parameters())
    for name, other in recipe.make_network("svm", seed=3).encoder.named_parameters():
        assert torch.equal(weights[name], other)
    assert isinstance(
        recipe.make_network(head), RelationNetwork if head == "relation" else MetaOptNet
    )


def test_an_unknown_head_is_named():
    with pytest.raises(ValueError, match="head must be one of .*did you mean 'prototype'"):
        recipe.make_network("prototypes")


def test_one_pixel_is_the_vector_itself():
    layer = nn.Linear(5, 7)
    x = torch.randn(3, 5)
    assert torch.equal(OnePixel(layer)(x)[:, :, 0, 0], layer(x))


def test_the_test_classes_are_not_loaded_before_they_are_asked_for(domain):
    notes = domain.domain
    model = notes.make("ridge")
    notes.train(model, 2, validate=False)
    choosing.validated(model.eval(), notes, 2)
    assert set(domain.asked) == {"train", "validation"}
    recipe.compare({"ridge": model}, notes, 1, 2, show=False)
    assert set(domain.asked) == {"train", "validation", "test"}


@pytest.mark.parametrize("head", recipe.HEAD_NAMES)
def test_encoding_once_changes_no_answer(domain, head):
    notes = domain.domain
    model = notes.make(head).eval()
    learner, z = recipe.encoded(model, notes.items("validation"))
    whole = notes.tasks("validation", notes.items("validation"), 2)[1]
    once = notes.tasks("validation", z, 2)[1]
    with torch.no_grad():
        assert torch.allclose(learner(once), model(whole), atol=1e-3)
    assert recipe.encoded_by(model, notes.items("validation")).shape == (176, 1024)


def test_ten_shots_leave_ten_queries(domain):
    notes = domain.domain
    task = notes.tasks("validation", notes.items("validation"), 10)[0]
    assert (task.n_way, task.k_shot, task.n_query) == (5, 10, 10)


def test_swapping_gives_every_head_to_every_other_embedding(domain):
    trained = {head: recipe.make_network(head) for head in ("svm", "ridge", "prototype")}
    others = recipe.swapped(trained, domain.domain, 2)
    assert len(others) == 6 and set(recipe.CORNERS) <= {*others, *trained}
    one = others["svm-head-on-prototype-embedding"]
    assert one.encoder is trained["prototype"].encoder and one.head == "svm"


def test_a_head_that_moves_chooses_its_price_for_the_new_embedding(domain, monkeypatch):
    """The price with the best validation accuracy, whatever it was at home."""
    asked = []

    def graded(learner, tasks, n_tasks, progress):
        asked.append(learner.settings["c"])
        return types.SimpleNamespace(mean=0.9 if learner.settings["c"] == 0.1 else 0.5)

    monkeypatch.setattr(comparing, "evaluate", graded)
    encoder = recipe.make_network("prototype").encoder
    assert recipe.fitted_head(encoder, "svm", domain.domain).settings == {"c": 0.1}
    assert asked == [c for c in comparing.STRENGTHS["svm"] for _ in range(3)]  # 1, 5 and 10 shots
    assert recipe.fitted_head(encoder, "prototype", domain.domain).head == "prototype"
    assert len(asked) == 9  # nothing to choose
    with pytest.raises(ValueError, match="head"):
        recipe.fitted_head(encoder, "relation", domain.domain)


def test_the_interaction_is_what_both_bring_beyond_the_sum_of_each(domain):
    notes = domain.domain
    trained = {head: notes.make(head).eval() for head in ("svm", "prototype")}
    learners = {**trained, **recipe.swapped(trained, notes, 2)}
    results = recipe.compare(learners, notes, 1, 10, show=False)
    found = recipe.interaction(results)
    mean = {name: result.mean for name, result in results.items()}
    own = mean["svm"] - mean["prototype-head-on-svm-embedding"]
    other = mean["svm-head-on-prototype-embedding"] - mean["prototype"]
    assert found.mean == pytest.approx(own - other)
    assert found.ci95[0] <= found.mean <= found.ci95[1]
    same = dict.fromkeys(results, results["svm"])  # no head, no embedding makes a difference
    assert recipe.interaction(same).mean == 0


def test_choosing_tries_everything_once_and_takes_the_best(domain, monkeypatch, capsys):
    given = iter([0.3, 0.9, 0.5, 0.2, 0.1, 0.4])
    monkeypatch.setattr(choosing, "validated", lambda *a: next(given))
    known = {}
    best, trials = recipe.choose(domain.domain, "ridge", steps=1, known=known)
    assert best == recipe.TRIALS["ridge"][1] and len(trials) == 6
    again, _ = recipe.choose(domain.domain, "ridge", steps=1, known=known)  # nothing tried anew
    assert again == best


def test_no_head_gets_more_trials_than_prototypes():
    counts = {head: len(trials) for head, trials in recipe.TRIALS.items()}
    assert counts["prototype"] == max(counts.values())
    assert len({counts[head] for head in ("svm", "ridge", "relation")}) == 1


def test_the_two_solvers_agree(domain):
    notes = domain.domain
    z = recipe.encoded_by(notes.make("svm").eval(), notes.items("validation"))
    found = recipe.solver_against_sklearn(notes.tasks("validation", z, 1), 3)
    assert np.abs(found["objective"]).max() < 1e-5
    assert found["decisions"].max() < 1e-3


def test_rows_carry_the_ids_that_the_book_names(domain, tmp_path, monkeypatch):
    from etudes import ledger

    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    svm, prototypes = (domain.domain.make(head).eval() for head in ("svm", "prototype"))
    learners = {"svm": svm, "prototype": prototypes, "ridge": svm, "relation": svm}
    learners |= recipe.swapped({"svm": svm, "prototype": prototypes}, domain.domain, 2)
    results = recipe.compare(learners, domain.domain, 1, 10, show=False)
    report.write_rows("instruments", results, 0, 1.0)
    seeds = {"svm": [0.8, 0.84, 0.82], "prototype": [0.7, 0.7, 0.7]}
    seeds["svm-head-on-prototype-embedding"] = [0.71, 0.72, 0.73]
    seeds["prototype-head-on-svm-embedding"] = [0.69, 0.69, 0.69]
    report.write_seeds("styles", 5, seeds, 1.0)
    report.write_choice(
        "styles", {"lr": 1e-3}, {"styles svm {'lr': 0.001}": 0.5}, "svm", steps=100, n_tasks=150
    )
    found = {"objective": np.array([-2e-7, 1e-7]), "decisions": np.array([3e-6])}
    report.write_solver(found, "2 tasks", 1.0)
    table = {row["id"]: row for row in json.loads((tmp_path / "05.json").read_text())}
    for head in recipe.HEAD_NAMES:
        assert f"05.instruments.5way-1shot.accuracy.{head}" in table
    margin = table["05.instruments.5way-1shot.margin.svm-over-prototype"]
    assert margin["value"] == pytest.approx(
        results["svm"].mean - results["prototype"].mean, abs=1e-5
    )
    assert margin["paper"]["value"] == pytest.approx(0.0339)
    assert table["05.instruments.5way-1shot.margin.svm-over-relation"]["paper"] is None
    seeds = table["05.styles.5way-5shot.seeds.svm-over-prototype"]
    assert seeds["value"] == pytest.approx(0.12) and seeds["n"] == 3
    together = table["05.styles.5way-5shot.seeds.interaction"]
    assert together["value"] == pytest.approx((0.82 - 0.69) - (0.72 - 0.70))
    assert table["05.solver.objective-gap"]["value"] == pytest.approx(0.2)
    assert table["05.solver.decision-gap"]["value"] == pytest.approx(3.0)
    assert table["05.styles.choosing.accuracy.svm"]["baselines"] == {"{lr: 0.001}": 0.5}


def test_every_learner_that_is_compared_has_words():
    names = {*recipe.HEAD_NAMES, *recipe.instrument_baselines(), "svm-untrained"}
    assert all(report.words(name) for name in names)
    told = report.words("svm-head-on-prototype-embedding")
    assert told.endswith("trained with prototypes, its price chosen for that embedding")
    told = report.words("prototype-head-on-svm-embedding")
    assert told.endswith(
        "put on the embedding trained with MetaOptNet with a support vector machine"
    )
    known = set(report.WORDS)
    assert all(a in known or "-head-on-" in a for pair in report.DIFFERENCES for a in pair)


def test_the_quick_command_writes_nothing(domain, tmp_path, monkeypatch, capsys):
    from etudes import ledger

    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    monkeypatch.setattr(command, "DOMAINS", {"instruments": lambda: domain.domain})
    monkeypatch.setattr(command, "HEAD_NAMES", ("ridge",))
    monkeypatch.setattr(command, "compare", lambda *a: None)
    object.__setattr__(domain.domain, "train", lambda *a, **k: None)
    command.main([])
    assert not list(tmp_path.iterdir())
    assert "validation, 5-way 10-shot" in capsys.readouterr().out


@pytest.mark.parametrize("head", recipe.HEAD_NAMES)
def test_committed_checkpoints_load_and_have_a_card(head):
    from etudes.train.weights import WEIGHTS_FOLDER

    path = WEIGHTS_FOLDER / f"05-instruments-{head}.safetensors"
    assert not recipe.load_trained(head).training
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Command", "Data", "Steps", "Settings", "Seed", "Time", "Validation", "Limits"):
        assert f"| {word} |" in card
    assert path.stat().st_size < 2_000_000


def test_an_unknown_checkpoint_is_named():
    with pytest.raises(ValueError, match="head must be one of"):
        recipe.load_trained("tree")
