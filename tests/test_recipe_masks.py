"""The recipe for masks: every method runs, the best trial is taken, rows say what was measured."""

import json
import types
from dataclasses import replace

import numpy as np
import pytest
import torch

from etudes import ledger
from etudes.data.duets import DUETS, duets
from etudes.evaluate import SeparationResult, evaluate_separator, separation_difference
from etudes.recipes import masks as recipe
from etudes.recipes import separation
from etudes.recipes.masks import choosing, command, methods, report, training
from etudes.separators import DeepClustering, SupervisedNMF
from etudes.separators.masking import HOP_LENGTH
from etudes.train import History, load_weights


@pytest.fixture
def book(tmp_path, monkeypatch):
    """An empty ledger and no weights; called, it gives the rows of chapter 16 by id."""
    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    for module in ("etudes.train.weights", "etudes.recipes.masks.report"):
        monkeypatch.setattr(f"{module}.WEIGHTS_FOLDER", tmp_path)
    rows = tmp_path / "16.json"
    return lambda: {row["id"]: row for row in json.loads(rows.read_text())}


@pytest.fixture(scope="module")
def excerpts():
    """Three seconds of each duet, of validation chorales."""
    return {name: [duets(name, "validation", seed=2, seconds=3)[0]] for name in DUETS}


@pytest.fixture(scope="module")
def network():
    """A fresh network of the committed size."""
    torch.manual_seed(0)
    return DeepClustering().eval()


@pytest.fixture
def untrained(monkeypatch, network, excerpts):
    """Methods that have learned next to nothing."""
    one = excerpts["choir-sa"][0]
    nmf = SupervisedNMF(4, n_iter=10).fit([[stem] for stem in one.stems])
    monkeypatch.setattr(methods, "load_trained", lambda: network)
    monkeypatch.setattr(methods, "supervised", lambda duet, n_components: nmf)


SMALL = recipe.Settings(nmf=4, blind=8, parts=6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", recipe.METHODS)
def test_every_method_takes_a_duet_apart(method, untrained, excerpts):
    one = excerpts["choir-sa"][0]
    found = recipe.separate_by(method, "choir-sa", SMALL)(one)
    assert found.shape == one.stems.shape and np.isfinite(found).all()
    assert all(estimate.any() for estimate in found)
    if method not in ("psm", "best-mask"):  # whose masks need not add up to 1
        np.testing.assert_allclose(found.sum(axis=0), one.mixture, atol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_methods_that_know_the_order_give_it_and_the_answer_helps(untrained, excerpts):
    one = excerpts["flute-bassoon"]
    found = {
        method: evaluate_separator(recipe.separate_by(method, "flute-bassoon", SMALL), one).mean
        for method in (
            "best-mask",
            "psm",
            "ibm",
            "higher-note",
            "one-cut",
            "spectral-parts-by-answer",
        )
    }
    assert found["best-mask"] > found["psm"] > found["ibm"] > 5
    assert found["higher-note"] > 0 and found["one-cut"] > 0
    assert found["best-mask"] > found["spectral-parts-by-answer"] > 0


def test_every_name_has_words_and_every_pair_has_names():
    assert set(methods._HOW) == set(recipe.METHODS) >= methods.ANY_ORDER
    assert all(one in recipe.METHODS for pair in report.PAIRS for one in pair)
    assert set(choosing.TRIALS) <= set(recipe.METHODS)
    assert set(separation.WORDS) == set(DUETS) | set(separation.ELSEWHERE)
    with pytest.raises(ValueError, match="method must be one of .* did you mean 'psm'"):
        recipe.separate_by("pms", "choir-sa", SMALL)


def test_settings_reach_the_methods(excerpts):
    one = excerpts["choir-sb"][0]

    def by(method, **settings):
        return methods._HOW[method](one, "choir-sb", replace(SMALL, **settings))

    low, high = by("one-cut", cut_hertz=300.0), by("one-cut", cut_hertz=600.0)
    assert (low[0] ** 2).sum() > (high[0] ** 2).sum()  # more lies above the lower border
    assert not np.array_equal(by("spectral", width=0.5), by("spectral", width=8.0))
    brief, forever = (by("spectral-parts-by-pitch", part_memory=x) for x in (0.2, None))
    assert not np.array_equal(brief, forever)
    with pytest.raises(ValueError, match="components must be 2 or more, got 1"):
        by("nmf-by-pitch", blind=1)


@pytest.mark.parametrize("frames", [16, 128])
def test_crops_are_the_same_again_and_never_silent(frames):
    random = np.random.default_rng(0)
    excerpts = [random.normal(size=(2, 40_000)).astype(np.float32) / 10 for _ in range(3)]
    for one in excerpts:
        one[1, 1000:30_000] = 0  # one voice rests for most of the time
    crops, again, other = (recipe.Crops(excerpts, seed, 8, frames) for seed in (0, 0, 1))
    for i in range(5):
        batch = crops[i]
        assert batch.shape == (8, 2, frames * HOP_LENGTH) and batch.dtype == torch.float32
        assert (batch.abs().amax(dim=2) > separation._SILENT / 2).all()
        assert torch.equal(batch, again[i])
        assert not torch.equal(batch, other[i]) and not torch.equal(batch, crops[i + 1])


def test_a_crop_is_a_piece_of_an_excerpt_louder_or_softer():
    ramp = np.stack([np.arange(1, 30_001), np.arange(1, 30_001)[::-1]]).astype(np.float32)
    batch = recipe.Crops([ramp], 0, 64)[0].double()
    slope = (batch[:, :, -1] - batch[:, :, 0]).abs() / (batch.shape[2] - 1)  # of a ramp: the gain
    decibels = 20 * slope.log10()
    assert decibels.abs().max() <= 3.01 and decibels.std() > 1
    assert (decibels[:, 0] - decibels[:, 1]).abs().max() > 1  # each voice has its own
    starts = batch[:, 0, 0] / slope[:, 0]
    assert starts.min() >= 0.99 and len(starts.round().unique()) > 50


def test_choosing_takes_the_best_of_each_and_goes_on_with_it(monkeypatch, tmp_path):
    asked = []

    def graded(method, settings):
        asked.append((method, settings))
        forgets = settings.part_memory == 0.8
        return {
            "nmf": -abs(settings.nmf - 24),
            "spectral": -abs(settings.width - 2.0),
            "spectral-parts-by-answer": forgets - abs(settings.parts - 36),
        }.get(method, -abs(settings.cut_hertz - 500.0))

    monkeypatch.setattr(choosing, "mean_improvement", graded)
    best, trials = choosing.choose(tmp_path / "trials.json")
    assert (best.nmf, best.width, best.parts, best.cut_hertz) == (24, 2.0, 36, 500.0)
    assert best.part_memory == 0.8 and best.blind == choosing.TRIALS["nmf-by-answer"][0]["blind"]
    assert [method for method, _ in asked] == [m for m, t in choosing.TRIALS.items() for _ in t]
    assert all(s.nmf == 24 for method, s in asked if method != "nmf")
    assert trials["nmf"] == {"nmf=24": -0.0, "nmf=48": -24.0, "nmf=96": -72.0}
    assert "parts=36 part_memory=0.8" in trials["spectral-parts-by-answer"]
    asked.clear()
    assert choosing.choose(tmp_path / "trials.json") == (best, trials)
    assert not asked  # all trials were remembered


def test_a_trial_is_worth_its_mean_over_the_three_duets(monkeypatch, excerpts):
    monkeypatch.setattr(choosing, "validation_duets", excerpts.__getitem__)
    how = recipe.separate_by("one-cut", "", SMALL)
    each = [evaluate_separator(how, excerpts[name]).mean for name in DUETS]
    assert choosing.mean_improvement("one-cut", SMALL) == pytest.approx(np.mean(each))
    swapped = {"one-cut": lambda m, duet, s: how(m)[::-1]}
    monkeypatch.setattr(methods, "_HOW", swapped)
    assert choosing.mean_improvement("one-cut", SMALL) < np.mean(each) - 5
    monkeypatch.setattr(choosing, "ANY_ORDER", {"one-cut"})
    assert choosing.mean_improvement("one-cut", SMALL) == pytest.approx(np.mean(each))


def test_test_and_validation_excerpts_are_of_their_splits(monkeypatch):
    asked = []

    class Listed:
        def __len__(self):
            return 5

        def load(self, n):
            return list(range(n))

    monkeypatch.setattr(separation, "duets", lambda *a: asked.append(a) or Listed())
    for load in (separation.test_duets, separation.validation_duets):
        load.cache_clear()
    try:
        assert len(separation.test_duets("choir-sa")) == 5  # each chorale once
        assert len(separation.validation_duets("choir-sa")) == separation.N_VALIDATION
    finally:
        for load in (separation.test_duets, separation.validation_duets):
            load.cache_clear()
    assert [split for _, split, _ in asked] == ["test", "validation"]
    assert len({separation.TRAIN_SEED, *(seed for *_, seed in asked)}) == 3


def result(shift, seed=0):
    """Of six mixtures in three groups."""
    values = np.random.default_rng(seed).normal(size=(6, 2)) + shift
    return SeparationResult(values, np.repeat([0, 1, 2], 2), "same")


def test_rows_hold_every_method_and_the_differences_of_pairs(book):
    found = {"psm": result(12), "irm": result(9, 1), "ibm": result(8, 2), "nmf": result(4, 3)}
    report.write_rows("choir-sa", found, 12.4)
    rows = book()
    assert len(rows) == 4 + 2  # psm over irm, irm over ibm
    row = rows["16.choir-sa.si-sdri.psm"]
    assert row["value"] == pytest.approx(found["psm"].mean, abs=1e-3) and row["unit"] == "dB"
    assert row["ci95"] == pytest.approx(found["psm"].ci95, abs=1e-3)
    assert row["n"] == "6 mixtures in 3 groups" and row["seconds"] == 12
    assert row["claim"].startswith("Choir, soprano and alto: SI-SDR improvement of the phase-sens")
    assert row["command"] == report.COMMAND
    margin, wanted = rows["16.choir-sa.margin.psm-over-irm"], separation_difference
    assert margin["value"] == pytest.approx(found["psm"].mean - found["irm"].mean, abs=1e-3)
    assert margin["ci95"] == pytest.approx(wanted(found["psm"], found["irm"]).ci95, abs=1e-3)


def test_choices_hold_the_best_and_what_it_was_chosen_from(book):
    report.write_choices({"nmf": {"nmf=24": 3.0, "nmf=48": 5.0, "nmf=96": 4.0}}, 1.0)
    row = book()["16.validation.si-sdri.nmf"]
    assert row["value"] == 5.0 and row["claim"].endswith("chosen of 3: nmf=48")
    assert row["baselines"] == {"nmf=24": 3.0, "nmf=96": 4.0}


def test_elsewhere_asks_for_as_many_sources_as_there_are(book, network, monkeypatch, capsys):
    asked, really = [], report.ChoraleMixtures

    class Brief(really):
        def __init__(self, voices, programs, *rest, **more):
            super().__init__(voices, programs, *rest, **more | {"seconds": 1.5})
            asked.append(more["split"])

        def load(self, n):
            assert n == len(self)
            return [self[0], self[1]]

    monkeypatch.setattr(report, "ChoraleMixtures", Brief)
    report.write_elsewhere(network, 1.0)
    assert asked == ["test"] * 3
    assert set(book()) == {f"16.{name}.si-sdri.deep-clustering" for name in report.ELSEWHERE}
    assert "clarinet-cello" in capsys.readouterr().out
    assert not set(report.ELSEWHERE) & set(DUETS)


HISTORY = History(losses=[0.5] * 7, best_step=5, best_validation=6.54, seconds=3.0)


def test_what_is_saved_loads_and_has_a_card(book, tmp_path, network):
    report.save(network, HISTORY)
    path = tmp_path / f"{methods.NAME}.safetensors"
    size = 2 * sum(p.numel() for p in network.parameters())
    assert size < path.stat().st_size < size + 5000 < 5_000_000
    recipe.load_trained.cache_clear()
    try:
        loaded = recipe.load_trained()
        assert not loaded.training and loaded is recipe.load_trained()
    finally:
        recipe.load_trained.cache_clear()
    for key, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=1e-3, atol=1e-6)
    assert load_weights(DeepClustering(), path) == {"command": report.COMMAND}
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Command", "Data", "Steps", "Weights", "Seed", "Time", "Validation", "Limits"):
        assert f"| {word} |" in card
    assert "7 of 8 pieces of 2.0 s; best weights at step 5" in card and "6.54 dB" in card


def test_training_repeats_and_lowers_the_loss(monkeypatch):
    time, asked = np.arange(20_000) / 8000, []
    stems = np.stack([np.sin(2 * np.pi * hertz * time) for hertz in (300, 2000)]) / 10

    def brief(name, split, seed):
        asked.append((name, split, seed))
        return types.SimpleNamespace(load=lambda n: [types.SimpleNamespace(stems=stems)] * n)

    monkeypatch.setattr(separation, "duets", brief)
    monkeypatch.setattr(training, "DeepClustering", lambda: DeepClustering(width=6, n_layers=1))

    def run(steps, seed):
        return recipe.train(steps, 2, seed, False, progress=False, names=("choir-sa",))

    model, history = run(20, 0)
    assert set(asked) == {("choir-sa", "train", separation.TRAIN_SEED)} and not model.training
    assert history.steps == 20 and np.mean(history.losses[-4:]) < 0.8 * np.mean(history.losses[:4])
    once, again, other = (run(2, seed)[1].losses for seed in (0, 0, 1))
    assert once == again != other


def test_validation_is_the_mean_of_the_three_duets(monkeypatch, network, excerpts):
    monkeypatch.setattr(training, "validation_duets", excerpts.__getitem__)
    each = [
        evaluate_separator(lambda m: network.separate(m.mixture), excerpts[name], True).mean
        for name in DUETS
    ]
    assert training.validation_score(network) == pytest.approx(np.mean(each))


@pytest.fixture
def brief(monkeypatch, untrained, excerpts, network):
    """The command with three methods and one excerpt of each duet; tells what was done."""
    done = []
    two = {
        name: [
            one,
            replace(one, stems=one.stems[:, :16_000], mixture=one.mixture[:16_000], group=-1),
        ]
        for name, (one,) in excerpts.items()
    }
    some = ("irm", "deep-clustering", "one-cut")
    monkeypatch.setattr(command, "METHODS", {name: recipe.METHODS[name] for name in some})
    monkeypatch.setattr(command, "PAIRS", (("irm", "deep-clustering"),))
    monkeypatch.setattr(
        command, "train", lambda *a, **k: done.append("train") or (network, HISTORY)
    )
    monkeypatch.setattr(
        command, "choose", lambda path: done.append("choose") or (SMALL, {"nmf": {"nmf=4": 1.0}})
    )
    monkeypatch.setattr(command, "write_elsewhere", lambda *a: done.append("elsewhere"))
    monkeypatch.setattr(command, "work_folder", lambda: report.WEIGHTS_FOLDER)
    for name in ("validation", "test"):
        monkeypatch.setattr(
            command, f"{name}_duets", lambda duet, name=name: done.append(name) or two[duet]
        )
    return done


def test_the_quick_command_writes_nothing_and_meets_no_test_hymn(brief, book, tmp_path, capsys):
    command.main([])
    assert not list(tmp_path.iterdir())
    assert brief == ["train"] + ["validation"] * 3
    told = capsys.readouterr().out
    assert told.count("one-cut") == told.count("deep-clustering, briefly") == 3


def test_the_full_command_meets_test_hymns_last_and_writes_everything(brief, book, tmp_path):
    command.main(["--full"])
    assert brief == ["train", "choose"] + ["test"] * 9 + ["elsewhere"]
    rows = book()
    assert len(rows) == 1 + 3 * (3 + 1)
    assert all(f"16.{duet}.margin.irm-over-deep-clustering" in rows for duet in DUETS)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"16.json", *(f"{methods.NAME}.{end}" for end in ("md", "safetensors"))}


def test_one_duet_alone_is_measured_alone(brief, book):
    command.main(["--full", "--duets", "choir-sa"])
    assert brief == ["train", "choose"] + ["test"] * 3 + ["elsewhere"]
    assert {row.split(".")[1] for row in book()} == {"validation", "choir-sa"}
