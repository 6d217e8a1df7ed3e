"""Every chapter runs from top to bottom, and the machinery that runs it does so once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import execute
import nbformat
import pytest

PAGES = execute.pages()


@pytest.fixture(scope="module")
def records(pytestconfig: pytest.Config) -> dict[str, execute.Record]:
    """Execute what changed, two at a time, and say so while it runs."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")

    def say(line: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(line)

    found = execute.run(say=say)
    say(execute.table(found))
    return {record.chapter: record for record in found}


@pytest.mark.chapter
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_chapter_runs(records: dict[str, execute.Record], page: Path) -> None:
    record = records[page.stem]
    if not record.ok:
        pytest.fail(f"{page.name} failed in {record.error}", pytrace=False)


@pytest.mark.chapter
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_cell_with_a_caption_has_its_figure(
    records: dict[str, execute.Record], page: Path
) -> None:
    """A kernel without an inline backend draws nothing, and says nothing."""
    if not records[page.stem].ok:
        pytest.skip("the chapter does not run")
    notebook = nbformat.read(execute.BUILD / "chapters" / f"{page.stem}.ipynb", as_version=4)
    bare = [
        cell.id
        for cell in notebook.cells
        if "image" in cell.metadata.get("mystnb", {})
        and not any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]
    assert not bare, f"no picture came out of these cells: {', '.join(bare)}"


@pytest.mark.chapter
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_chapter_leaves_no_warning_on_its_page(
    records: dict[str, execute.Record], page: Path
) -> None:
    """What a reader sees is what the author meant to show: no Python warnings among it."""
    if not records[page.stem].ok:
        pytest.skip("the chapter does not run")
    seen = []
    notebook = nbformat.read(execute.BUILD / "chapters" / f"{page.stem}.ipynb", as_version=4)
    for cell in notebook.cells:
        hidden = {"remove-stderr", "remove-output"} & set(cell.metadata.get("tags", []))
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr" and not hidden:
                seen += [line for line in output.text.splitlines() if "Warning" in line]
    assert not seen, "\n".join(seen)


# The machinery ------------------------------------------------------------------------------------


class Book:
    """A small repository with chapters in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("chapters", "src/etudes/exercises", "src/etudes/weights", "book/results"):
            (root / folder).mkdir(parents=True)
        (root / "src/etudes/features.py").write_text("x = 1\n")
        (root / "src/etudes/exercises/chapter_02.py").write_text("x = 1\n")
        (root / "requirements.lock").write_text("numpy==2.0\n")

    def chapter(self, name: str, *code: str) -> Path:
        cells = [nbformat.v4.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(code)]
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell("# Title", id="title"), *cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        path = self.root / "chapters" / name
        nbformat.write(notebook, path)
        return path

    def executed(self, name: str) -> nbformat.NotebookNode:
        return nbformat.read(self.root / "_build/chapters" / name, as_version=4)

    def run(self, *names: str, **options) -> tuple[list[execute.Record], list[str]]:
        said: list[str] = []
        records = execute.run(
            names,
            folders=[self.root / "chapters"],
            build=self.root / "_build",
            root=self.root,
            say=said.append,
            **options,
        )
        return records, said

    def stale(self, path: Path) -> bool:
        return execute.is_stale(path, build=self.root / "_build", root=self.root)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_a_chapter_is_executed_once_and_again_when_something_changed(book: Book) -> None:
    path = book.chapter("01-one.ipynb", "print(1 + 1)")
    (record,), said = book.run()
    assert record.ok and not record.reused and "python" in record.versions
    assert said[0] == "Executing 1 of 1 pages, 1 at a time"
    executed = book.executed("01-one.ipynb")
    assert executed.cells[1].outputs[0].text == "2\n"

    (again,), said = book.run()
    assert again.reused and again.executed == record.executed and again.seconds == record.seconds
    assert said == ["All 1 pages with code are as they were when last executed"]

    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] = "# Other words"
    path.write_text(json.dumps(notebook))
    assert not book.stale(path), "words alone need no new run"
    changes = [
        book.root / "src/etudes/features.py",
        book.root / "src/etudes/weights/new.safetensors",
        book.root / "book/results/01.json",
        book.root / "requirements.lock",
    ]
    for change in changes:
        before = change.read_text() if change.exists() else None
        change.write_text("changed\n")
        assert book.stale(path), change
        if before is None:
            change.unlink()
        else:
            change.write_text(before)
        assert not book.stale(path), change
    (book.root / "src/etudes/exercises/chapter_02.py").write_text("changed\n")
    assert not book.stale(path), "another chapter's grader"
    notebook["cells"][1]["source"] = "print(3)"
    path.write_text(json.dumps(notebook))
    assert book.stale(path)


def test_the_scale_of_the_run_counts(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    path = book.chapter("01-one.ipynb", "pass")
    monkeypatch.delenv("ETUDES_SCALE", raising=False)
    quick = execute.key(path, book.root)
    monkeypatch.setenv("ETUDES_SCALE", "full")
    assert execute.key(path, book.root) != quick


def test_the_book_build_finds_the_executed_cells(book: Book) -> None:
    from jupyter_cache import get_cache

    path = book.chapter("01-one.ipynb", "print('found')", "import time; time.time()")
    book.run()
    cache = get_cache(book.root / "_build/.jupyter_cache")
    _, merged = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
    assert merged.cells[1].outputs[0].text == "found\n"
    book.run(force=True)
    assert len(cache.list_cache_records()) == 1, "older versions are forgotten"


def test_a_failing_chapter_stops_no_other_and_says_where(book: Book) -> None:
    book.chapter("01-one.ipynb", "x = 1", "raise ValueError('on purpose')")
    book.chapter("02-two.ipynb", "print('fine')")
    (one, two), _ = book.run()
    assert not one.ok and "cell-1" in one.error and "on purpose" in one.error
    assert two.ok
    assert not (book.root / "_build/chapters/01-one.ipynb").exists()
    assert "failed" in execute.table([one, two])
    (one, two), _ = book.run()
    assert not one.ok and two.reused, "a failure is tried again"


def test_a_kernel_that_dies_is_a_failure(book: Book) -> None:
    book.chapter("01-one.ipynb", "import os; os._exit(1)")
    (one,), _ = book.run()
    assert not one.ok and "kernel" in one.error


def test_a_chapter_runs_in_an_empty_folder_on_one_thread(book: Book) -> None:
    book.chapter(
        "01-one.ipynb",
        "import os; print(sorted(os.listdir()), os.environ['OMP_NUM_THREADS'])",
    )
    book.run()
    executed = book.executed("01-one.ipynb")
    assert executed.cells[1].outputs[0].text == "['01-one.ipynb'] 1\n"
    assert os.environ.get("PYDEVD_DISABLE_FILE_VALIDATION") is None


def test_a_page_does_not_tell_what_was_prepared_for_it(book: Book, tmp_path: Path) -> None:
    book.chapter(
        "01-one.ipynb",
        f"import os; os.environ['ETUDES_CACHE'] = {str(tmp_path / 'cache')!r}\n"
        "import numpy as np\n"
        "from etudes.data import cache\n"
        "build = lambda: {'x': np.array(list(cache.progress_bar(range(3), 'Counting')))}\n"
        "print(cache.cached('toy', build, 1, 'a toy')['x'].sum())",
    )
    book.run()
    executed = book.executed("01-one.ipynb")
    assert [output.text for output in executed.cells[1].outputs] == ["3\n"]


def test_progress_bars_leave_their_last_state(book: Book) -> None:
    book.chapter(
        "01-one.ipynb",
        "import sys, time\n"
        "for i in range(3):\n"
        "    print(f'\\r{i}/3', end='', file=sys.stderr, flush=True)\n"
        "    time.sleep(0.05)\n"
        "print('\\ndone', file=sys.stderr)",
    )
    book.run()
    executed = book.executed("01-one.ipynb")
    assert [output.text for output in executed.cells[1].outputs] == ["2/3\ndone\n"]


def test_a_widget_leaves_what_it_showed(book: Book) -> None:
    book.chapter(
        "01-one.ipynb",
        "import ipywidgets\nipywidgets.interact(lambda x=2: print('x is', x));",
        "ipywidgets.HTML('<b>words</b>')",
    )
    book.run()
    executed = book.executed("01-one.ipynb")
    assert [output.text for output in executed.cells[1].outputs] == ["x is 2\n"]
    assert [output.data["text/html"] for output in executed.cells[2].outputs] == ["<b>words</b>"]
    assert "widgets" not in executed.metadata


def test_two_processes_execute_a_chapter_once(book: Book) -> None:
    marker = book.root / "runs.txt"
    book.chapter(
        "01-one.ipynb",
        f"import time; time.sleep(1)\nwith open({str(marker)!r}, 'a') as f: f.write('x')",
    )
    outcomes: list[tuple[list[execute.Record], list[str]]] = []
    workers = [threading.Thread(target=lambda: outcomes.append(book.run())) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert marker.read_text() == "x"
    assert sorted(records[0].reused for records, _ in outcomes) == [False, True]


def test_a_damaged_record_means_a_new_run(book: Book) -> None:
    path = book.chapter("01-one.ipynb", "pass")
    book.run()
    (book.root / "_build/chapters/01-one.json").write_text("{half")
    assert book.stale(path)
    book.run()
    (book.root / "_build/chapters/01-one.ipynb").unlink()
    assert book.stale(path)


def test_an_unknown_chapter_is_named(book: Book) -> None:
    book.chapter("01-one.ipynb", "pass")
    with pytest.raises(ValueError, match="starts with '07'; there are: 01-one"):
        book.run("07")


def test_the_command_line_lists_what_would_run() -> None:
    told = subprocess.run(
        [sys.executable, execute.__file__, "--list"], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in told.splitlines()] == [page.stem for page in PAGES]
