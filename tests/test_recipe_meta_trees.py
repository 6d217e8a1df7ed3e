"""The recipe for meta trees: problems without leaks, honest intervals, mixtures that add up."""

import json
import re

import numpy as np
import pytest

from etudes.recipes import meta_trees as recipe
from etudes.recipes.meta_trees import contest, report


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "digits"])
def test_tables_load_in_the_form_of_a_problem(name):
    problem = recipe.load_problem(name, most=120)
    assert problem.x.shape[0] == len(problem) <= 125
    assert np.unique(problem.y).tolist() == list(range(len(problem.classes)))
    again = recipe.load_problem(name, most=120)
    np.testing.assert_array_equal(problem.x, again.x)


def test_variants_of_a_tune_stay_on_one_side():
    problem = recipe.load_problem("dance", most=150)
    assert len(np.unique(problem.groups)) < len(problem)  # there are variants
    for fit, held in recipe.outer_folds(problem, 3):
        assert not set(problem.groups[fit]) & set(problem.groups[held])
    folds = recipe.outer_folds(problem, 3)
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(len(problem)))


def test_modes_come_from_the_key_field():
    problem = recipe.load_problem("mode", most=200)
    assert problem.classes == ("dorian", "major", "minor", "mixolydian")


def test_an_unknown_problem_is_refused():
    with pytest.raises(ValueError, match="did you mean 'dance'"):
        recipe.load_problem("dances")


def test_spoken_digits_are_left_out_where_they_are_not(monkeypatch, capsys):
    from etudes.recipes.meta_trees import problems

    def absent():
        raise problems.RecordingUnavailable("not here")

    monkeypatch.setattr(problems, "load_spoken_digits", absent)
    assert "spoken-digit" not in recipe.available() and len(recipe.available()) == 9
    assert "left out: spoken-digit" in capsys.readouterr().out


def test_the_corrected_interval_is_that_of_nadeau_and_bengio():
    values = np.array([0.7, 0.8, 0.75, 0.9, 0.6])
    mean, low, high = recipe.corrected_interval(values, overlap=0.25)
    half = 2.776445 * values.std(ddof=1) * np.sqrt(1 / 5 + 0.25)
    assert (mean, low, high) == pytest.approx((0.75, 0.75 - half, 0.75 + half), abs=1e-5)


def quick(tmp_path=None):
    names = ("select-best", "meta-tree", "stacked-tree")
    iris = recipe.load_problem("iris", most=90)
    return recipe.run(iris, 2, 1, 2, forests=False, work=tmp_path, combiners=names)


def test_a_contest_measures_everybody_on_the_same_folds_and_resumes(tmp_path, monkeypatch):
    first = quick(tmp_path)
    assert {"svm", "tree", "meta-tree", "meta-tree-without-svm"} <= set(first.right)
    assert all(len(share) == 2 for share in first.right.values())
    assert first.trusted.sum() == 90 and first.overlap == 1.0
    assert (first.leaves["meta-tree"] >= 1).all() and first.right["select-best"].mean() > 0.8
    monkeypatch.setattr(contest, "one_fold", None)  # a finished fold is not run again
    again = quick(tmp_path)
    np.testing.assert_array_equal(first.right["meta-tree"], again.right["meta-tree"])


def test_smaller_at_no_significant_loss():
    def one(own, other, right, rival):
        return recipe.Contest(
            "x",
            {"a": np.array(right), "b": np.array(rival)},
            {"a": np.array(own), "b": np.array(other)},
            np.zeros((3, 1)),
            0.1,
        )

    same = [0.8, 0.82, 0.81]
    assert report.is_smaller(one([2, 2, 3], [9, 8, 9], same, same), "a", "b", clearly=True)
    assert not report.is_smaller(one([9, 8, 9], [2, 2, 3], same, same), "a", "b")
    assert not report.is_smaller(one([2, 2, 3], [9, 8, 9], [0.5, 0.52, 0.51], same), "a", "b")
    wide = one([2, 2, 8], [9, 3, 8], same, same)
    assert report.is_smaller(wide, "a", "b") and not report.is_smaller(wide, "a", "b", clearly=True)


def test_mixtures_and_the_leader():
    rng = np.random.default_rng(0)
    bits, tune = rng.random((9, 3)) * 5, np.repeat([0, 1], [5, 4])
    p = 2.0**-bits
    np.testing.assert_allclose(recipe.mixture(bits), -np.log2(p.mean(axis=1)))
    found = recipe.bayesian_mixture(bits, tune)
    weight = np.ones(3) / 3
    for i in range(5):
        assert found[i] == pytest.approx(-np.log2(weight @ p[i]))
        weight = weight * p[i] / (weight @ p[i])
    assert found[5] == pytest.approx(-np.log2(p[5].mean()))  # a new tune begins anew
    led = recipe.follow_the_leader(bits, tune)
    assert led[3] == bits[3, bits[:3].sum(axis=0).argmin()] and led[5] == bits[5, 0]


def test_shares_by_the_record_follow_what_was_spent_per_note():
    rng = np.random.default_rng(1)
    bits, tune = rng.random((9, 3)) * 5, np.repeat([0, 1], [5, 4])
    p = 2.0**-bits
    np.testing.assert_allclose(recipe.record_mixture(bits, tune, 0), recipe.mixture(bits))
    found = recipe.record_mixture(bits, tune, factor=3)
    for start, stop in ((0, 5), (5, 9)):
        for i in range(start, stop):
            weight = 2.0 ** (-3 * bits[start:i].sum(axis=0) / (i - start + 2))
            assert found[i] == pytest.approx(-np.log2(weight / weight.sum() @ p[i]))


@pytest.fixture(scope="module")
def chosen():
    """Everything fitted on a few tunes, what was told on the way, and whom others met."""
    lines = []
    choice = recipe.choose(recipe.Size(train=3, meta=3, validation=1), tell=lines.append)
    return choice, lines, recipe.some_tunes("test", 1)


def test_the_choice_is_the_best_that_was_told(chosen):
    choice, lines, _ = chosen
    told = [line.removeprefix("validation: ").split(" ", 2) for line in lines]
    assert len(told) == 4 + 3 * (1 + 1 + 1 + 1 + 1 + 7 + 3 * 5)
    for name, bits in choice.validation.items():
        assert min(float(lost) for who, lost, _ in told if who == name) == round(bits, 3)
    setting = f"at ({choice.cautions['shares-by-record']}, {choice.factor})"
    lost = min(float(lost) for who, lost, at in told if who == "shares-by-record" and at == setting)
    assert lost == round(choice.validation["shares-by-record"], 3)


def test_everybody_follows_the_same_notes_with_the_settings_that_were_chosen(chosen):
    choice, _, tunes = chosen
    found = recipe.follow(choice, tunes)
    assert set(found.bits) == set(report.FOLLOWERS)
    for bits in found.bits.values():
        assert bits.shape == found.tune.shape == (tunes.n_notes.sum() + len(tunes),)
        assert np.isfinite(bits).all() and bits.mean() > 0
    best = found.single.mean(axis=0).min()
    assert found.bits["best-single"].mean() == pytest.approx(best)
    assert found.bits["best-single-of-each-style"].mean() <= found.bits["best-single"].mean()
    trees = [tree.cautious(choice.cautions["shares-by-record"]) for tree in choice.members.values()]
    apart = np.stack(
        [np.concatenate([-tree.log_prob(t) for t in tunes]) / np.log(2) for tree in trees], axis=1
    )
    wanted = recipe.record_mixture(apart, found.tune, choice.factor)
    np.testing.assert_allclose(found.bits["shares-by-record"], wanted, rtol=1e-5)


def test_without_arguments_nothing_is_written(tmp_path, monkeypatch):
    from etudes import ledger
    from etudes.recipes.meta_trees import command

    monkeypatch.setattr(ledger, "record", None)
    monkeypatch.setattr(command, "contests", lambda full, work: {})
    monkeypatch.setattr(command, "_generation", lambda full, work: None)
    command.main([])


def test_the_ledger_holds_what_the_issue_names():
    from etudes.ledger import results_folder

    rows = {one["id"]: one for one in json.loads((results_folder() / "04.json").read_text())}
    assert rows["04.smaller-trees.count"]["unit"] == "count"
    assert rows["04.generation.bits-gain"]["ci95"][0] <= rows["04.generation.bits-gain"]["value"]
    gain = rows["04.generation.bits-per-note.best-single"]["value"]
    gain -= rows["04.generation.bits-per-note.meta-tree"]["value"]
    assert rows["04.generation.bits-gain"]["value"] == pytest.approx(gain, abs=1e-4)


def test_every_claim_reads_on_its_own():
    from etudes.ledger import results_folder

    claims = [one["claim"] for one in json.loads((results_folder() / "04.json").read_text())]
    assert len(set(claims)) > 300 and all(claim.endswith(".") for claim in claims)
    assert not [
        claim for claim in claims if re.search(r"\b(the same( as|\.| of)|alike)", claim, re.I)
    ]
    accuracies = [claim for claim in claims if claim.startswith("Accuracy of")]
    assert all(re.search("at telling the|classification problems", claim) for claim in accuracies)
