"""The ledger: valid rows or none, written whole, and figures in prose that agree with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import etudes
from etudes import ledger
from etudes.ledger import provenance
from etudes.ledger.table import Table

ACCURACY = "06.instruments.5way-5shot.accuracy"
MARGIN = "06.styles.5way-5shot.margin"


def a_row(**changes: Any) -> dict[str, Any]:
    """A valid row."""
    return {
        "id": ACCURACY,
        "claim": "Instruments never trained on, 5-way 5-shot",
        "value": 0.9342,
        "unit": "fraction",
        "ci95": [0.929, 0.9391],
        "n": "600 tasks over 32 classes",
        "dataset": "soundfont notes",
        "baselines": {"chance": 0.2, "nearest centroid": 0.49},
        "paper": {"value": 0.6532, "citation": "Sung et al. 2018, table 2"},
        "command": "python -m etudes.recipes.instruments",
        "commit": "0123456789ab",
        "seed": 0,
        "seconds": 321.5,
        "hardware": "2 cores of x86_64",
        "date": "2025-01-31",
        **changes,
    }


def a_margin(**changes: Any) -> dict[str, Any]:
    """A valid row that is a difference, without a paper."""
    return a_row(
        **{
            "id": MARGIN,
            "claim": "Styles: better than the best hand-crafted baseline by",
            "value": -0.042,
            "unit": "fraction-difference",
            "ci95": [-0.07, -0.013],
            "baselines": {},
            "paper": None,
            **changes,
        }
    )


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with two rows, in place of the book's own."""
    monkeypatch.setattr(ledger.store, "results_folder", lambda: tmp_path)
    ledger.write(a_row())
    ledger.write(a_margin())
    return tmp_path


def test_rows_come_back_as_they_were_written(book: Path) -> None:
    assert ledger.row(ACCURACY) == a_row()
    assert [one["id"] for one in ledger.rows("06")] == [ACCURACY, MARGIN]
    assert ledger.rows("07") == []
    ledger.write(a_row(id="02.transfer.accuracy"))
    assert [one["id"][:2] for one in ledger.rows()] == ["02", "06", "06"]
    assert sorted(os.listdir(book)) == ["02.json", "06.json"]


def test_a_row_replaces_the_one_of_its_id_and_no_other(book: Path) -> None:
    ledger.write(a_row(value=0.93))
    assert len(ledger.rows("06")) == 2
    assert ledger.row(ACCURACY)["value"] == 0.93 and ledger.row(MARGIN) == a_margin()


def test_the_file_does_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    for name, order in (("a", [a_row(), a_margin()]), ("b", [a_margin(), a_row()])):
        for one in order:
            ledger.write(one, tmp_path / name)
    text = (tmp_path / "a" / "06.json").read_text()
    assert text == (tmp_path / "b" / "06.json").read_text() and text.endswith("]\n")


def test_numbers_of_numpy_become_json(book: Path) -> None:
    ledger.write(
        a_row(value=np.float32(0.93), ci95=(np.float64(0.9200000001), 0.94), seed=np.int64(3))
    )
    one = json.loads((book / "06.json").read_text())[0]
    assert (one["value"], one["ci95"], one["seed"]) == (0.93, [0.92, 0.94], 3)


def test_an_unknown_row_gets_the_nearest_one(book: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"did you mean '{MARGIN}'?")):
        ledger.row("06.styles.5way-5shot.margins")
    with pytest.raises(ValueError, match="chapter must be two digits, such as '06', got '6'"):
        ledger.rows("6")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"id": "6.x.y"}, ValueError, "id must look like 06.task.measure.method, got '6.x.y'"),
        ({"id": "06.Styles.accuracy"}, ValueError, "id must look like"),
        ({"value": 93.4}, ValueError, "must be a fraction, 0 to 1, got 93.4"),
        ({"value": float("nan")}, ValueError, f"value of row '{ACCURACY}' must be finite, got nan"),
        ({"value": "93%"}, TypeError, "must be a number, got str '93%'"),
        ({"value": True}, TypeError, "must be a number, got bool True"),
        ({"ci95": [0.95, 0.99]}, ValueError, "must hold the value 0.9342, got [0.95, 0.99]"),
        ({"ci95": [0.94, 0.92]}, ValueError, "must hold the value"),
        ({"ci95": [0.9]}, TypeError, "must be None or [low, high], got [0.9]"),
        ({"n": None}, TypeError, "must say what the interval is over, got None"),
        ({"claim": " "}, TypeError, "claim of row"),
        ({"baselines": {"chance": "20%"}}, TypeError, "baseline 'chance' of row"),
        ({"baselines": None}, TypeError, "must map names to numbers, got None"),
        ({"paper": {"value": 0.6}}, TypeError, "must be None or hold value and citation"),
        ({"commit": "main"}, ValueError, "must be a git hash or 'unknown', got 'main'"),
        ({"seed": -1}, ValueError, "must be an integer of 0 or more, got -1"),
        ({"seconds": -2}, ValueError, "must be 0 or more, got -2"),
        ({"date": "31.1.2025"}, ValueError, "must be YYYY-MM-DD, got '31.1.2025'"),
        ({"datset": "x"}, ValueError, "got 'datset'; did you mean 'dataset'?"),
    ],
)
def test_bad_rows_are_named_and_not_written(
    book: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = (book / "06.json").read_bytes()
    with pytest.raises(error, match=re.escape(message)):
        ledger.write(a_row(**changes))
    assert (book / "06.json").read_bytes() == before


def test_missing_fields_are_named() -> None:
    one = a_row()
    del one["seed"], one["date"]
    with pytest.raises(ValueError, match=f"row '{ACCURACY}' lacks seed, date"):
        ledger.validate(one)
    with pytest.raises(TypeError, match="row must be a dict, got list"):
        ledger.validate([])


def test_damaged_files_are_named(book: Path) -> None:
    path = book / "06.json"
    good = path.read_text()
    for text, message in (
        (good[:100], "ledger 06.json is damaged"),
        ("{}", "ledger 06.json must be a list of rows, got dict"),
        (json.dumps([a_row(), a_row()]), f"ledger 06.json holds '{ACCURACY}' twice"),
        (json.dumps([a_row(id="07.a.b")]), "ledger 06.json must hold chapter 06, got '07.a.b'"),
        (json.dumps([a_row(value=2)]), "must be a fraction, 0 to 1, got 2"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=re.escape(message)):
            ledger.row(ACCURACY)
        with pytest.raises(ValueError, match=re.escape(message)):
            ledger.write(a_margin())
        assert path.read_text() == text


def test_an_interruption_while_writing_loses_nothing(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (book / "06.json").read_bytes()

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.write(a_row(value=0.93))
    assert (book / "06.json").read_bytes() == before and os.listdir(book) == ["06.json"]


WRITER = """
import json, sys
from pathlib import Path
from etudes import ledger
one = json.loads(sys.argv[2])
for j in range(15):
    ledger.write(one | {"id": f"06.writer-{sys.argv[3]}.row-{j}"}, Path(sys.argv[1]))
"""


def test_two_commands_may_write_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(etudes.__file__).parents[1])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), json.dumps(a_row()), str(number)],
            env=environment,
        )
        for number in range(2)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert len(ledger.rows("06", tmp_path)) == 30


def test_record_fills_in_where_and_when(tmp_path: Path) -> None:
    given = {k: v for k, v in a_row().items() if k not in ("id", "commit", "hardware", "date")}
    one = ledger.record(ACCURACY, **given, folder=tmp_path)
    assert ledger.row(ACCURACY, tmp_path) == one
    assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", one["commit"])
    assert re.match(r"\d+ cores? of \w+", one["hardware"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", one["date"])


def test_say(book: Path) -> None:
    assert ledger.say(ACCURACY) == "93.4%"
    assert ledger.say(ACCURACY, digits=0) == "93%"
    assert ledger.say(ACCURACY, "ci95") == "92.9 to 93.9%"
    assert ledger.say(ACCURACY, "low") == "92.9%"
    assert ledger.say(ACCURACY, "nearest centroid") == "49.0%"
    assert ledger.say(ACCURACY, "paper") == "65.3%"
    assert ledger.say(ACCURACY, "n") == "600 tasks over 32 classes"
    assert ledger.say(MARGIN) == "−4.2 points"
    assert ledger.say(MARGIN, "ci95") == "−7.0 to −1.3 points"
    ledger.write(a_margin(value=0.1, ci95=None))
    assert ledger.say(MARGIN) == "+10.0 points"
    ledger.write(a_row(id="01.markov.bits", unit="bits a note", value=2.5, ci95=None, baselines={}))
    assert ledger.say("01.markov.bits") == "2.50 bits a note"
    with pytest.raises(ValueError, match="must be one of 'value', 'n', got 'ci95'"):
        ledger.say(MARGIN, "ci95")
    with pytest.raises(ValueError, match="did you mean 'chance'"):
        ledger.say(ACCURACY, "chanse")


def test_show_says_paper_ours_and_why(book: Path) -> None:
    table = ledger.show(ACCURACY, MARGIN, why={MARGIN: "Five tunes & <little> else."})
    page, text = table._repr_html_(), str(table)
    for words in (
        "65.3%",
        "Sung et al. 2018, table 2",
        "93.4%",
        "95%: 92.9 to 93.9%",
        "chance 20.0%",
    ):
        assert words in page and words in text
    assert "−4.2 points" in page and "Five tunes &amp; &lt;little&gt; else." in page
    assert "<script" not in page and page.count("<tr>") == 3
    # colours of the page, in light and dark: the table sets none of its own but grey lines
    assert "color: inherit" in page and not re.search(r"color:\s*(#|black|white)", page)
    assert page.count("scope='col'") == 4 and page.count("scope='row'") == 2 and "<caption>" in page
    assert text.splitlines()[1] == "|---|---|---|---|" and len(text.splitlines()) == 6
    # both rows were measured on the same notes: that is said once, below
    assert page.count("600 tasks over 32 classes") == text.count("600 tasks over 32 classes") == 1


def test_a_table_says_once_what_its_rows_share(book: Path) -> None:
    one = ledger.row(ACCURACY)
    other = {**one, "id": "01.other", "n": "3 trainings"}
    for shown in (Table([one, other])._repr_html_(), str(Table([one, other]))):
        assert shown.count(one["dataset"]) == 1
        assert shown.count(one["n"]) == shown.count("3 trainings") == 1
    elsewhere = {**one, "dataset": "bells"}
    for shown in (Table([one, elsewhere])._repr_html_(), str(Table([one, elsewhere]))):
        assert shown.count(one["dataset"]) == shown.count("bells") == shown.count(one["n"]) == 1


def test_columns_that_would_be_empty_are_left_out(book: Path) -> None:
    table = ledger.show(MARGIN)
    assert table.columns() == [("What", "what"), ("We got", "got")]
    assert "Paper says" not in table._repr_html_() + str(table)
    assert "<caption>What we got</caption>" in table._repr_html_()


def test_of_many_baselines_the_strongest_are_shown(book: Path) -> None:
    beside = {"chance": 0.2, "a": 0.3, "b": 0.5, "c": 0.4, "d": 0.6}
    one = {**ledger.row(ACCURACY), "baselines": beside}
    assert Table([one]).cells()[0]["beside"] == "chance 20.0%; b 50.0%; c 40.0%; d 60.0%"


def test_changed_code_is_told_and_new_weights_are_not(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "weights").mkdir(parents=True)
    files = package / "code.py", package / "weights" / "a.safetensors"
    for file in files:
        file.write_text("before")
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "first")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    assert not provenance._changed(package)
    files[1].write_text("after")
    assert not provenance._changed(package)
    files[0].write_text("after")
    assert provenance._changed(package)


@pytest.mark.parametrize("unit", ["bits", "ratio"])
def test_the_strongest_of_losses_are_the_least(book: Path, unit: str) -> None:
    beside = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0}
    one = {**ledger.row(ACCURACY), "baselines": beside, "unit": unit, "value": 1.0, "ci95": None}
    names = [part.split()[0] for part in Table([one]).cells()[0]["beside"].split("; ")]
    assert names == ["a", "b", "c"]


def test_on_a_phone_a_cell_says_its_title_and_an_empty_one_is_left_out(book: Path) -> None:
    row = ledger.row(ACCURACY)
    page = Table([row, {**row, "paper": None}])._repr_html_()
    assert page.count("data-title='We got'") == 2
    assert page.count("class='says'") == 1 and page.count("class='says empty'") == 1
    with pytest.raises(ValueError, match="show needs at least one row id"):
        ledger.show()
    with pytest.raises(ValueError, match=f"why must be one of '{ACCURACY}', got '{MARGIN}'"):
        ledger.show(ACCURACY, why={MARGIN: "x"})


@pytest.mark.parametrize(
    "text",
    [
        f"It names 93.4%<!-- ledger: {ACCURACY} --> of the notes.",
        f"**93.4%**<!-- ledger: {ACCURACY} --> (92.9 to 93.9%<!-- ledger: {ACCURACY} ci95 -->)",
        f"about 93%<!-- ledger: {ACCURACY} value 0 -->",
        f"behind by -4.2 points<!--ledger:{MARGIN}-->",
        f"behind by −4.2 points<!-- ledger: {MARGIN} -->",
        f"behind: −7.0 to −1.3 points<!-- ledger: {MARGIN} ci95 -->",
        "no figures at all, and a comment <!-- of another kind -->",
    ],
)
def test_prose_that_agrees(book: Path, text: str) -> None:
    assert ledger.check_prose(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"93.5%<!-- ledger: {ACCURACY} -->", "the ledger says '93.4%', the text"),
        (f"193.4%<!-- ledger: {ACCURACY} -->", "the ledger says '93.4%'"),
        (f"4.2 points<!-- ledger: {MARGIN} -->", "the ledger says '−4.2 points'"),
        (f"−93.4%<!-- ledger: {ACCURACY} -->", "the ledger says '93.4%'"),
        (f"93.4% <!-- ledger: {ACCURACY} -->", "the ledger says '93.4%'"),
        ("93.4%<!-- ledger: 06.gone.away -->", "06.gone.away is not in the ledger"),
        (f"93.4%<!-- ledger: {ACCURACY} median -->", "got 'median'"),
        (f"93.4%<!-- ledger: {ACCURACY} value one two -->", "a ledger marker must be"),
    ],
)
def test_prose_that_disagrees(book: Path, text: str, problem: str) -> None:
    problems = ledger.check_prose(text)
    assert len(problems) == 1 and problem in problems[0]


def test_check_notebook_looks_at_prose_and_code(book: Path) -> None:
    path = book / "chapter.ipynb"
    cells = [
        {"id": "good", "cell_type": "markdown", "source": [f"93.4%<!-- ledger: {ACCURACY} -->"]},
        {"id": "table", "cell_type": "code", "source": f"show('{ACCURACY}', \"06.gone.for.good\")"},
        {"id": "exercise", "cell_type": "code", "source": "check('06.2', answer)"},
        {"id": "bad", "cell_type": "markdown", "source": [f"94%<!-- ledger: {ACCURACY} -->\n"]},
    ]
    path.write_text(json.dumps({"cells": cells}))
    problems = ledger.check_notebook(path)
    assert [p.split(":")[0] for p in problems] == ["cell table", "cell bad"]
    assert "06.gone.for.good is not in the ledger" in problems[0]
    path.write_text("{}")
    with pytest.raises(ValueError, match="chapter.ipynb is not a notebook"):
        ledger.check_notebook(path)


HERE = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted((HERE / "chapters").glob("*.ipynb")), ids=lambda p: p.stem)
def test_chapters_agree_with_the_ledger(path: Path) -> None:
    assert ledger.check_notebook(path) == []


@pytest.mark.parametrize(
    "path", [HERE / "README.md", *sorted((HERE / "book").glob("*.md"))], ids=lambda p: p.stem
)
def test_pages_agree_with_the_ledger(path: Path) -> None:
    assert ledger.check_prose(path.read_text(encoding="utf-8")) == []


def test_the_books_own_rows_are_valid() -> None:
    for one in ledger.rows():
        ledger.validate(one)


def test_an_installed_package_reads_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "etudes"
    monkeypatch.setattr(ledger.store, "__file__", str(installed / "ledger" / "store.py"))
    assert ledger.results_folder() == installed / "results"
    monkeypatch.undo()
    assert ledger.results_folder() == HERE / "book" / "results"
