"""The recipe for masks: every method runs, the best trial is taken, rows say what was measured."""

import json
import types
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from etudes import ledger
from etudes.data.duets import DUETS, duets
from etudes.evaluate import SeparationResult, evaluate_separator, separation_difference
from etudes.recipes import masks as recipe
from etudes.recipes import separation, separation_training
from etudes.recipes.masks import choosing, command, methods, report, training
from etudes.recipes.work import Remembered
from etudes.separators import (
    DeepClustering,
    SpectralSeparator,
    SupervisedNMF,
    blind_components,
    by_nearest_stem,
    by_pitch,
)
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
    assert len(set(separation.WORDS.values())) == len(separation.WORDS)
    assert set(command.METHODS_ELSEWHERE) <= set(recipe.METHODS)
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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("parts", "slow", "components"),
    [
        ("nmf", "blind_components", lambda x: blind_components(x, 8)),
        (
            "spectral-parts",
            "SpectralSeparator",
            lambda x: SpectralSeparator(width=4.0, memory=0.8).components(x, 6),
        ),
    ],
)
def test_two_ways_of_grouping_share_their_components(
    monkeypatch, excerpts, parts, slow, components
):
    asked, really = [], getattr(methods, slow)
    monkeypatch.setattr(methods, slow, lambda *a, **k: asked.append(k) or really(*a, **k))
    pair = [replace(excerpts[name][0]) for name in ("choir-sa", "choir-sb")]  # not met before
    by_pitches, by_answers = (
        [recipe.separate_by(f"{parts}-by-{way}", "", SMALL)(one) for one in pair]
        for way in ("pitch", "answer")  # as the command does: one method after the other
    )
    assert len(asked) == 2  # each mixture once
    for one, told, known in zip(pair, by_pitches, by_answers, strict=True):
        own = components(one.mixture)
        np.testing.assert_array_equal(told, by_pitch(own))
        np.testing.assert_array_equal(known, by_nearest_stem(own, one.stems))
    other = replace(SMALL, blind=4, parts=4, part_memory=0.4)
    changed = recipe.separate_by(f"{parts}-by-answer", "", other)(pair[0])
    assert len(asked) == 3 and not np.array_equal(changed, by_answers[0])


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
        assert (batch.abs().amax(dim=2) > separation_training._SILENT / 2).all()
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


def test_other_balance_and_size_of_crops():
    ramp = np.stack([np.arange(1, 5001), np.arange(1, 5001)[::-1]]).astype(np.float32)
    assert recipe.Crops([ramp], 0, 3, 4)[0].shape == (3, 2, 4 * HOP_LENGTH)
    level = recipe.Crops([ramp], 0, 5, 4, balance=0)[0].double()
    torch.testing.assert_close(
        (level[:, :, -1] - level[:, :, 0]).abs(), torch.full((5, 2), 511.0).double()
    )


SOUNDING = np.ones((2, 20_000), np.float32)
IN_TURN = np.stack([np.arange(20_000) < 3000, np.arange(20_000) >= 19_500]).astype(np.float32)


@pytest.mark.parametrize(
    ("stems", "words"),
    [
        ([], "stems must be of one excerpt or more, got none"),
        (
            [SOUNDING, SOUNDING * [[1], [0]]],
            "excerpt 1: stems must all sound .* leave the excerpt out",
        ),
        ([SOUNDING, SOUNDING, 1e-4 * SOUNDING], "excerpt 2: stems must all sound"),
        ([IN_TURN], "excerpt 0: stems must all sound .* one piece of 16384 samples"),
        ([SOUNDING[:, :16_383]], "excerpt 0: stems must have 16384 samples or more, .*, got 16383"),
        ([SOUNDING, np.ones((3, 20_000))], "stems must be equally many .*, got 2 and 3"),
        ([SOUNDING, SOUNDING * np.nan], "excerpt 1: stems must be finite"),
        ([SOUNDING[0]], "excerpt 0: stems must have shape"),
    ],
)
def test_excerpts_of_which_no_piece_can_be_cut_are_refused_at_once(stems, words):
    with pytest.raises(ValueError, match=words):
        recipe.Crops(stems)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"batch": 0}, {"n_frames": 0}, {"balance": -1.0}])
def test_numbers_that_make_no_crops_are_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        recipe.Crops([SOUNDING], **wrong)


@pytest.mark.parametrize("n_samples", [16_384, 16_385])
def test_a_piece_may_be_the_whole_excerpt(n_samples):
    assert recipe.Crops([SOUNDING[:, :n_samples]])[0].shape == (8, 2, 16_384)
    last = SOUNDING[:, :n_samples] * np.array(
        [np.ones(n_samples), np.arange(n_samples) == n_samples - 1]
    )
    assert recipe.Crops([last])[0].shape == (8, 2, 16_384)  # the last sample alone


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
    best, trials = choosing.choose(Remembered(tmp_path / "trials.json"))
    assert (best.nmf, best.width, best.parts, best.cut_hertz) == (24, 2.0, 36, 500.0)
    assert best.part_memory == 0.8 and best.blind == choosing.TRIALS["nmf-by-answer"][0]["blind"]
    assert [method for method, _ in asked] == [m for m, t in choosing.TRIALS.items() for _ in t]
    assert all(s.nmf == 24 for method, s in asked if method != "nmf")
    assert trials["nmf"].values == {"nmf=24": -0.0, "nmf=48": -24.0, "nmf=96": -72.0}
    assert trials["nmf"].best == "nmf=24"
    assert trials["spectral-parts-by-answer"].best == "parts=36 part_memory=0.8"
    asked.clear()
    assert choosing.choose(Remembered(tmp_path / "trials.json")) == (best, trials)
    assert not asked  # all trials were remembered, with their seconds
    assert choosing.choose() == (
        best,
        {method: replace(one, seconds=pytest.approx(0, abs=1)) for method, one in trials.items()},
    )
    assert len(asked) == sum(map(len, choosing.TRIALS.values()))


def test_trials_of_an_earlier_form_are_asked_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(choosing, "TRIALS", {"nmf": [{"nmf": 24}, {"nmf": 48}]})
    monkeypatch.setattr(choosing, "mean_improvement", lambda method, settings: float(settings.nmf))
    path = tmp_path / "trials.json"
    path.write_text(json.dumps({"nmf nmf=24": 99.0, "nmf nmf=48": 1.0}))
    with pytest.warns(UserWarning, match="trials.json is damaged or of an earlier form"):
        best, trials = choosing.choose(Remembered(path))
    assert best.nmf == 48 and trials["nmf"].values == {"nmf=24": 24.0, "nmf=48": 48.0}


def test_a_trial_is_measured_again_when_an_earlier_choice_has_changed(monkeypatch, tmp_path):
    asked, likes = [], {"nmf": 24}
    trials = {"nmf": [{"nmf": 24}, {"nmf": 48}], "one-cut": [{"cut_hertz": 300.0}]}
    monkeypatch.setattr(choosing, "TRIALS", trials)

    def graded(method, settings):
        asked.append(method)
        return -abs(settings.nmf - likes["nmf"])

    monkeypatch.setattr(choosing, "mean_improvement", graded)
    choosing.choose(Remembered(tmp_path / "trials.json", "code"))
    likes["nmf"] = 48
    best, _ = choosing.choose(Remembered(tmp_path / "trials.json", "other code"))
    assert best.nmf == 48 and asked == ["nmf", "nmf", "one-cut"] * 2
    asked.clear()
    monkeypatch.setitem(trials, "nmf", [{"nmf": 24}])
    choosing.choose(Remembered(tmp_path / "trials.json", "other code"))
    assert asked == ["one-cut"]


def test_seconds_of_trials_are_those_of_the_run_that_took_them(monkeypatch, tmp_path, book):
    now = [0.0]
    monkeypatch.setattr("etudes.recipes.work.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(
        choosing, "TRIALS", {"nmf": [{"nmf": 24}, {"nmf": 48}], "one-cut": [{"cut_hertz": 300.0}]}
    )

    def slow(method, settings):
        now[0] += 100 if method == "nmf" else 7
        return 1.0

    monkeypatch.setattr(choosing, "mean_improvement", slow)
    choosing.choose(Remembered(tmp_path / "trials.json"))
    _, trials = choosing.choose(Remembered(tmp_path / "trials.json"))  # as another process would
    assert {method: one.seconds for method, one in trials.items()} == {"nmf": 200, "one-cut": 7}
    report.write_choices(trials)
    rows = book()
    assert rows["16.validation.si-sdri.nmf"]["seconds"] == 200
    assert rows["16.validation.si-sdri.one-cut"]["seconds"] == 7


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
    assert len({separation_training.TRAIN_SEED, *(seed for *_, seed in asked)}) == 3


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
    values = {"nmf=24": 3.0, "nmf=48": 5.0, "nmf=96": 4.0}
    report.write_choices({"nmf": choosing.Choice(values, 90.4)})
    row = book()["16.validation.si-sdri.nmf"]
    assert row["value"] == 5.0 and row["claim"].endswith("chosen of 3: nmf=48")
    assert row["baselines"] == {"nmf=24": 3.0, "nmf=96": 4.0} and row["seconds"] == 90


def test_elsewhere_has_three_voices_too_and_is_of_the_test_split(monkeypatch):
    asked = []

    class Listed:
        def __init__(self, voices, programs, *rest, **more):
            asked.append((voices, programs, more["split"], more["seconds"], more["seed"]))

        def __len__(self):
            return 5

        def load(self, n):
            return list(range(n))

    monkeypatch.setattr(separation, "ChoraleMixtures", Listed)
    separation.elsewhere.cache_clear()
    try:
        assert all(len(separation.elsewhere(name)) == 5 for name in separation.ELSEWHERE)
    finally:
        separation.elsewhere.cache_clear()
    assert [set(one[0]) for one in asked] == [set(one) for one in separation.ELSEWHERE.values()]
    assert {one[2:] for one in asked} == {("test", 8.0, separation.TEST_SEED)}
    assert not set(separation.ELSEWHERE) & set(DUETS)
    trained = {
        program for voices in DUETS.values() for given in voices.values() for program in given
    }
    for name in ("clarinet-cello", "trumpet-viola"):
        assert not trained & {p for given in separation.ELSEWHERE[name].values() for p in given}


def test_rows_of_elsewhere_have_words_and_nothing_published(book):
    report.write_rows("choir-sab", {"irm": result(9), "deep-clustering": result(5, 1)}, 1.0)
    rows = book()
    assert set(rows) == {
        "16.choir-sab.si-sdri.irm",
        "16.choir-sab.si-sdri.deep-clustering",
        "16.choir-sab.margin.irm-over-deep-clustering",
    }
    row = rows["16.choir-sab.si-sdri.deep-clustering"]
    assert row["claim"].startswith("Choir, soprano, alto and bass: SI-SDR improvement of deep")
    assert all(row["paper"] is None for row in rows.values())
    report.write_rows("choir-sa", {"deep-clustering": result(5)}, 1.0)
    assert book()["16.choir-sa.si-sdri.deep-clustering"]["paper"]["value"] == 10.8


def test_other_seeds_make_a_mean_with_students_interval(book):
    report.write_repeated("choir-sa", [9.0, 10.0, 11.0], 1234.0)
    (row,) = book().values()
    assert row["id"] == "16.choir-sa.si-sdri.deep-clustering-repeated"
    assert row["value"] == 10.0 and row["n"] == 3 and row["seconds"] == 1234
    assert row["ci95"] == pytest.approx([10 - 2.4841, 10 + 2.4841], abs=1e-3)  # 4.303 / sqrt(3)
    assert row["claim"].startswith("Choir, soprano and alto, mean of 3 trainings: SI-SDR")
    assert row["command"] == f"{report.COMMAND} --seeds 3"


def test_a_result_that_is_remembered_is_the_result(tmp_path, excerpts):
    answers, asked = Remembered(tmp_path / "answers.json"), []
    one = excerpts["choir-sa"][0]
    short = replace(one, stems=one.stems[:, :9000], mixture=one.mixture[:9000], group=-1)

    def cut(m):
        asked.append(m)
        return recipe.separate_by("one-cut", "", SMALL)(m)

    first = separation.measured(answers, "cut", cut, [one, short])
    again = separation.measured(Remembered(tmp_path / "answers.json"), "cut", cut, [one, short])
    assert len(asked) == 2 and first.fingerprint == again.fingerprint
    direct = evaluate_separator(cut, [one, short])
    for found in (first, again):
        np.testing.assert_array_equal(found.improvements, direct.improvements)
        np.testing.assert_array_equal(found.groups, direct.groups)
        assert (str(found), found.fingerprint) == (str(direct), direct.fingerprint)
    asked.clear()
    separation.measured(answers, "cut", cut, [short])  # other mixtures: another question
    separation.measured(answers, "other cut", cut, [short])
    swapped = separation.measured(answers, "any order", lambda m: cut(m)[::-1], [short], True)
    assert len(asked) == 3 and swapped.mean > 0


def test_training_stems_are_of_the_training_split(monkeypatch):
    asked = []

    def brief(name, split, seed):
        asked.append((name, split, seed))
        return types.SimpleNamespace(
            load=lambda n: [types.SimpleNamespace(stems=(name, k)) for k in range(n)]
        )

    monkeypatch.setattr(separation_training, "duets", brief)
    found = separation_training.training_stems(("choir-sa", "choir-sb"), 2)
    assert found == [("choir-sa", 0), ("choir-sa", 1), ("choir-sb", 0), ("choir-sb", 1)]
    assert asked == [
        (name, "train", separation_training.TRAIN_SEED) for name in ("choir-sa", "choir-sb")
    ]


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

    monkeypatch.setattr(separation_training, "duets", brief)
    monkeypatch.setattr(training, "DeepClustering", lambda: DeepClustering(width=6, n_layers=1))

    def run(steps, seed):
        return recipe.train(steps, 2, seed, False, progress=False, names=("choir-sa",))

    model, history = run(20, 0)
    assert (
        set(asked) == {("choir-sa", "train", separation_training.TRAIN_SEED)} and not model.training
    )
    assert history.steps == 20 and np.mean(history.losses[-4:]) < 0.8 * np.mean(history.losses[:4])
    once, again, other = (run(2, seed)[1].losses for seed in (0, 0, 1))
    assert once == again != other


def test_validation_is_the_mean_of_the_three_duets(monkeypatch, network, excerpts):
    monkeypatch.setattr(separation_training, "validation_duets", excerpts.__getitem__)
    each = [
        evaluate_separator(lambda m: network.separate(m.mixture), excerpts[name], True).mean
        for name in DUETS
    ]
    assert training.validation_score(network) == pytest.approx(np.mean(each))


SOME = ("irm", "deep-clustering", "one-cut")


@pytest.fixture
def brief(monkeypatch, untrained, excerpts, network, tmp_path):
    """The command with three methods and two excerpts of each duet; tells what was done."""
    done = []
    two = {
        name: [
            one,
            replace(one, stems=one.stems[:, :16_000], mixture=one.mixture[:16_000], group=-1),
        ]
        for name, (one,) in excerpts.items()
    }
    trio = replace(two["choir-sa"][1], stems=two["choir-sa"][1].stems[[0, 1, 1]] / 2)
    trio = replace(trio, mixture=trio.stems.sum(axis=0))
    far = {"clarinet-cello": two["choir-sa"], "choir-sab": [trio, replace(trio, group=-2)]}

    def train(steps, seed=0, checkpoint=None, **small):
        done.append("train" if small else f"train {seed}")
        torch.manual_seed(seed)
        model = network if seed == 0 else DeepClustering().eval()
        return model, replace(HISTORY, seconds=1000.0 * (seed + 1))

    def choose(answers):
        done.append("choose")
        answers.seconds += 40
        return SMALL, {"nmf": choosing.Choice({"nmf=4": 1.0}, 40.0)}

    monkeypatch.setattr(command, "METHODS", {name: recipe.METHODS[name] for name in SOME})
    monkeypatch.setattr(command, "PAIRS", (("irm", "deep-clustering"),))
    monkeypatch.setattr(command, "METHODS_ELSEWHERE", ("irm", "deep-clustering"))
    monkeypatch.setattr(command, "ELSEWHERE", far)
    monkeypatch.setattr(command, "elsewhere", lambda name: done.append("elsewhere") or far[name])
    monkeypatch.setattr(command, "train", train)
    monkeypatch.setattr(command, "choose", choose)
    monkeypatch.setattr(command, "work_folder", lambda: tmp_path / "work")
    for name in ("validation", "test"):
        monkeypatch.setattr(
            command, f"{name}_duets", lambda duet, name=name: done.append(name) or two[duet]
        )
    return done


@pytest.fixture
def measurings(monkeypatch):
    """How often each method was measured on how many mixtures, by any call of the command."""
    count, really = Counter(), methods._HOW

    def counting(method):
        def how(m, duet, settings):
            count[method] += 1
            return really[method](m, duet, settings)

        return how

    monkeypatch.setattr(methods, "_HOW", {method: counting(method) for method in really})
    return count


def test_the_quick_command_writes_nothing_and_meets_no_test_hymn(brief, book, tmp_path, capsys):
    command.main([])
    assert not list(tmp_path.iterdir())
    assert brief == ["train"] + ["validation"] * 3
    told = capsys.readouterr().out
    assert told.count("one-cut") == told.count("deep-clustering, briefly") == 3


def test_the_full_command_meets_test_hymns_last_and_writes_everything(brief, book, tmp_path):
    command.main(["--full"])
    assert brief == ["train 0", "choose"] + ["test"] * 3 + ["elsewhere"] * 2
    rows = book()
    assert len(rows) == 1 + 3 * (3 + 1) + 2 * (2 + 1)
    assert all(f"16.{duet}.margin.irm-over-deep-clustering" in rows for duet in DUETS)
    assert "16.clarinet-cello.si-sdri.irm" in rows and "16.choir-sab.si-sdri.irm" in rows
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"16.json", "work", *(f"{methods.NAME}.{end}" for end in ("md", "safetensors"))}
    assert "| 7 of 8" in (tmp_path / f"{methods.NAME}.md").read_text(encoding="utf-8")


def test_one_duet_alone_is_measured_alone(brief, book):
    command.main(["--full", "--duets", "choir-sa"])
    assert brief == ["train 0", "choose", "test"] + ["elsewhere"] * 2
    far = {"clarinet-cello", "choir-sab"}
    assert {row.split(".")[1] for row in book()} == {"validation", "choir-sa"} | far


def test_rows_state_the_seconds_of_everything_that_led_to_them(brief, book, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("etudes.recipes.work.time.perf_counter", lambda: now[0])
    really = separation.evaluate_separator

    def slow(*given):
        now[0] += 100
        return really(*given)

    monkeypatch.setattr(separation, "evaluate_separator", slow)
    for _ in range(2):  # whether measured or remembered
        command.main(["--full", "--duets", "choir-sa"])
        rows = book()
        assert rows["16.choir-sa.si-sdri.irm"]["seconds"] == 1000 + 40 + 300
        assert rows["16.clarinet-cello.si-sdri.irm"]["seconds"] == 1000 + 40 + 500
        assert rows["16.validation.si-sdri.nmf"]["seconds"] == 40
    assert now == [700.0]


def test_an_interrupted_measuring_goes_on_where_it_stopped(brief, book, measurings, monkeypatch):
    whole = methods._HOW["one-cut"]

    def interrupted(m, duet, settings):
        raise KeyboardInterrupt

    monkeypatch.setitem(methods._HOW, "one-cut", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.main(["--full", "--duets", "choir-sa"])
    assert measurings == {"irm": 2, "deep-clustering": 2}
    monkeypatch.setitem(methods._HOW, "one-cut", whole)
    command.main(["--full", "--duets", "choir-sa"])
    assert measurings == {"irm": 2 + 4, "deep-clustering": 2 + 4, "one-cut": 2}  # four elsewhere
    rows = book()
    command.main(["--full", "--duets", "choir-sa"])
    assert sum(measurings.values()) == 14 and book() == rows


def test_what_has_changed_is_measured_again(brief, book, measurings, monkeypatch):
    def measure_again():
        measurings.clear()
        command.main(["--full", "--duets", "choir-sa"])
        return set(measurings)

    assert measure_again() == set(SOME) and not measure_again()
    other = replace(SMALL, cut_hertz=333.0)
    choice = {"nmf": choosing.Choice({"nmf=4": 1.0}, 40.0)}
    monkeypatch.setattr(command, "choose", lambda answers: (other, choice))
    assert measure_again() == set(SOME) and not measure_again()
    torch.manual_seed(5)
    model = DeepClustering().eval()
    monkeypatch.setattr(command, "train", lambda *a, **k: (model, HISTORY))
    assert measure_again() == {"deep-clustering"} and not measure_again()
    monkeypatch.setattr(command, "code_of", lambda *modules: "other code")
    assert measure_again() == set(SOME) and not measure_again()


def test_other_seeds_are_measured_and_only_the_first_is_committed(brief, book, tmp_path):
    command.main(["--full", "--duets", "choir-sa", "--seeds", "3"])
    assert brief[:4] == ["train 0", "train 1", "train 2", "choose"]
    rows = book()
    row = rows["16.choir-sa.si-sdri.deep-clustering-repeated"]
    assert row["n"] == 3 and row["command"].endswith("--full --seeds 3")
    assert row["seconds"] >= 6000 > rows["16.choir-sa.si-sdri.deep-clustering"]["seconds"]
    own = rows["16.choir-sa.si-sdri.deep-clustering"]["value"]
    assert abs(row["value"] - own) > 1e-3 and row["ci95"][0] < row["value"] < row["ci95"][1]
    assert not [name for name in rows if "clarinet-cello" in name and "repeated" in name]
    committed = load_weights(DeepClustering(), tmp_path / f"{methods.NAME}.safetensors")
    assert committed == {"command": report.COMMAND}


def test_the_mean_over_seeds_is_that_of_the_networks(brief, book, excerpts, monkeypatch):
    told = []
    monkeypatch.setattr(command, "write_repeated", lambda *given: told.append(given))
    command.main(["--full", "--duets", "choir-sb", "--seeds", "3"])
    ((name, values, _),) = told
    torch.manual_seed(1)
    second = DeepClustering().eval()
    monkeypatch.setattr(methods, "load_trained", lambda: second)
    how = recipe.separate_by("deep-clustering", "choir-sb", SMALL)
    wanted = evaluate_separator(how, command.test_duets("choir-sb"), any_order=True)
    assert name == "choir-sb" and values[1] == pytest.approx(wanted.mean)
    assert len(set(values)) == 3  # three networks
    assert values[0] == pytest.approx(
        book()["16.choir-sb.si-sdri.deep-clustering"]["value"], abs=1e-3
    )
    command.main(["--full", "--duets", "choir-sb"])
    assert len(told) == 1  # one training says nothing of others


def test_no_seeds_are_refused(brief, capsys):
    with pytest.raises(SystemExit):
        command.main(["--full", "--seeds", "0"])
    assert "--seeds must be 1 or more, got 0" in capsys.readouterr().err and not brief


def test_every_seed_has_its_own_checkpoint(monkeypatch, network, tmp_path):
    places = []
    monkeypatch.setattr(
        command, "train", lambda *a, **k: places.append(k["checkpoint"]) or (network, HISTORY)
    )
    for seed in range(3):
        command._trained(seed, tmp_path)
    assert places[0].name == "masks-deep-clustering.safetensors" and len(set(places)) == 3
