"""Rows that recipes write: the measured thing decides value, unit, interval and what it is over."""

import json

import numpy as np
import pytest

from etudes import ledger
from etudes.data.tunes import Tune, TuneSet
from etudes.episodes import EpisodeSampler
from etudes.evaluate import evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid
from etudes.learners.classical import KNearest
from etudes.recipes import composers, tasks
from etudes.recipes.rows import Rows
from etudes.recipes.styles import report as styles


@pytest.fixture
def book(tmp_path, monkeypatch):
    """An empty ledger; called with a chapter it gives that chapter's rows by id."""
    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    return lambda chapter: {
        row["id"]: row for row in json.loads((tmp_path / f"{chapter}.json").read_text())
    }


def results(seed=0):
    """Two learners on the same thirty tasks."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(6), 20)
    x = y[:, None] + rng.normal(scale=1.0, size=(120, 3))
    sampler = EpisodeSampler(x, y, n_way=3, k_shot=2, n_query=4, seed=seed)
    return [
        evaluate(rule, sampler, 30, progress=False) for rule in (NearestCentroid(), KNearest(1))
    ]


ROWS = Rows("some data", "python -m a", 7, 12.4)


def test_an_accuracy_brings_its_interval_and_what_it_is_over(book):
    one, _ = results()
    ROWS.accuracy("02.a.b.c", "A claim", one, baselines={"chance": 1 / 3})
    row = book("02")["02.a.b.c"]
    assert row["value"] == pytest.approx(one.mean, abs=1e-5) and row["unit"] == "fraction"
    assert row["ci95"] == pytest.approx(one.ci95, abs=1e-5)
    assert row["n"] == "30 tasks over 6 classes"
    assert row["baselines"] == pytest.approx({"chance": 1 / 3}, abs=1e-5)
    assert (row["dataset"], row["command"], row["seed"], row["seconds"]) == (
        "some data",
        "python -m a",
        7,
        12,
    )


def test_a_margin_is_the_difference_on_the_same_tasks(book):
    one, other = results()
    ROWS.margin("02.a.margin.c", "A claim", one, other)
    row, wanted = book("02")["02.a.margin.c"], paired_difference(one, other)
    assert row["value"] == pytest.approx(wanted.mean, abs=1e-5)
    assert row["ci95"] == pytest.approx(wanted.ci95, abs=1e-5)
    assert row["unit"] == "fraction-difference"
    with pytest.raises(ValueError, match="same episodes"):
        ROWS.margin("02.a.margin.d", "A claim", one, results(1)[0])
    assert "02.a.margin.d" not in book("02")


@pytest.mark.parametrize(
    ("unit", "values", "interval"),
    [
        ("fraction", [0.9, 1.0], (0.3147, 1.0)),
        ("fraction-difference", [0.9, 1.0], (0.3147, 1.0)),
        ("ratio", [0.1, 0.3], (0.0, 1.4706)),
        ("leaves", [2, 4], (1.0, 15.7062)),
        ("dB", [2, 4], (-9.7062, 15.7062)),
    ],
)
def test_an_interval_ends_where_its_unit_ends(book, unit, values, interval):
    ROWS.repeated("02.a.b.c", "A claim", values, unit)
    row = book("02")["02.a.b.c"]
    assert row["ci95"] == pytest.approx(interval, abs=1e-3)
    assert row["value"] == pytest.approx(np.mean(values)) and row["n"] == 2


def test_chapter_1_writes_bits_beside_a_uniform_guess(book):
    tune = Tune([60, 62], [1.0, 1.0], [0.0, 1.0])
    bits = composers.Surprise(np.array([1.0, 3.0, 2.0, 2.0]), np.array([0, 0, 1, 1]))
    found = {("kneser-ney", 0): bits, ("kneser-ney", 1): bits}
    composers.write_bits("reel", "Irish reels", TuneSet.from_tunes([tune, tune]), found, 3.0)
    row = book("01")["01.reel.bits-per-note.order-1"]
    assert row["value"] == 2.0 and row["unit"] == "bits" and row["n"].startswith("2 groups")
    assert set(row["baselines"]) == {"uniform", "unigram"}


def test_chapter_2_writes_every_learner_and_two_margins(book, capsys):
    one, other = results()
    found = dict.fromkeys(tasks.WORDS, other) | {"prototypical": one}
    tasks._report("instruments", found, "notes", False, 0.0)
    assert "prototypical over" in capsys.readouterr().out
    tasks._report("instruments", found, "notes", True, 0.0)
    table = book("02")
    assert len(table) == len(tasks.WORDS) + 2
    margin = table["02.instruments.3way-2shot.margin.prototypical-over-best-baseline"]
    assert margin["value"] == pytest.approx(one.mean - other.mean, abs=1e-5)


def test_chapter_6_keeps_answers_to_other_tasks_out_of_the_baselines(book):
    one, other = results()
    elsewhere = results(1)[0]
    found = {"together": one, "space": other, "naive-own": elsewhere}
    styles.write_rows(found, "together", "space", "python -m a", 1.0)
    table = book("06")
    best = table["06.styles.3way-2shot.accuracy"]
    assert set(best["baselines"]) == {"chance", "space"}
    own = table["06.styles.3way-2shot.accuracy.naive-own"]
    assert own["claim"].startswith("Styles that were trained on")
    margin = table["06.styles.3way-2shot.margin"]
    assert margin["value"] == pytest.approx(one.mean - other.mean, abs=1e-5)
