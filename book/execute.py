"""Execute each chapter once, and share the result between the book and its tests.

A chapter is executed when something it depends on has changed: its code cells, the package with
its weights, the ledger, the locked versions, or the size of the run (``ETUDES_SCALE``). Chapters
run two at a time on one thread each, in an empty folder, so that none can lean on a file that
Colab would not have. Pages of the frame that have code cells (``book/index.md``) are treated the
same. What came out is kept in three forms under ``_build``:

- ``_build/.jupyter_cache``: the executed cells, where the book build looks for them;
- ``_build/chapters/NN-name.ipynb``: the executed notebook, to open and read;
- ``_build/chapters/NN-name.json``: key, seconds, date and versions, for the status page.

Use it from the command line, from the repository's root::

    python book/execute.py                  # the chapters that changed
    python book/execute.py 01 --force       # chapter 01, changed or not
    python book/execute.py --list           # what would run
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
FRAME = ROOT / "book"
BUILD = ROOT / "_build"

JOBS = 2
CELL_TIMEOUT = 600  # seconds
BUDGET = 150  # seconds: what a chapter may take with default settings

#: What a chapter is executed with. One thread for each: two that use all cores slow each other down
#: many times over.
SURROUNDINGS = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # figures belong on the page
    "ETUDES_PROGRESS": "0",  # what was prepared, and where it is kept, does not
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}

WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"

#: Whose versions the status page names.
PACKAGES = ("etudes", "torch", "numpy", "librosa", "symusic", "music21", "scikit-learn")


@dataclass
class Record:
    """What happened when a chapter was executed."""

    chapter: str  # the page's file name without ending: "01-sound-as-numbers"
    key: str
    ok: bool = False
    seconds: float = 0.0
    executed: str = ""  # date and time, UTC
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    error: str = ""  # the failing cell and its traceback
    reused: bool = False  # nothing had changed, so nothing ran


def chapters(folder: Path = CHAPTERS) -> list[Path]:
    """The chapters there are, in order."""
    return sorted(folder.glob("[0-9][0-9]-*.ipynb"))


def pages(names: Iterable[str] = (), folders: Iterable[Path] = (CHAPTERS, FRAME)) -> list[Path]:
    """Every page with code: the chapters, then pages of the frame that have code cells.

    Parameters
    ----------
    names : iterable of str
        Beginnings of file names, such as ``"01"``; everything by default.
    folders : iterable of Path
        Where to look.

    Raises
    ------
    ValueError
        If no page starts with one of the names.
    """
    found = [path for folder in folders for path in chapters(folder)]
    for folder in folders:
        found += [path for path in sorted(folder.glob("*.md")) if _has_code(path)]
    names = [Path(name).name for name in names]
    for name in names:
        if not any(path.name.startswith(name) for path in found):
            existing = ", ".join(path.stem for path in found) or "none"
            raise ValueError(f"no page with code starts with {name!r}; there are: {existing}")
    return [path for path in found if not names or any(map(path.name.startswith, names))]


def read(page: Path) -> Any:
    """A page as a notebook, read as the book build reads it."""
    import nbformat
    from myst_nb.core.read import read_myst_markdown_notebook

    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return read_myst_markdown_notebook(text, path=page)
    return nbformat.reads(text, as_version=4)


def _has_code(page: Path) -> bool:
    """Whether a Markdown page says at its top that it is a notebook."""
    from myst_nb.core.read import is_myst_markdown_notebook

    return bool(is_myst_markdown_notebook(page.read_text(encoding="utf-8")))


def ingredients(root: Path = ROOT) -> list[Path]:
    """The files, besides its own notebook, that a chapter's result depends on."""
    package = root / "src" / "etudes"
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files += (root / "book" / "results").glob("*.json")
    files += [path for path in [root / "requirements.lock"] if path.exists()]
    return sorted(files)


def key(page: Path, root: Path = ROOT) -> str:
    """A fingerprint of everything a page's result depends on.

    Only the code of the notebook counts: words around it can change without a new run. The
    graders of other chapters' exercises do not count either.
    """
    code = [[cell.source, cell.metadata] for cell in read(page).cells if cell.cell_type == "code"]
    fingerprint = hashlib.sha256()
    fingerprint.update(json.dumps(code, sort_keys=True).encode())
    fingerprint.update(os.environ.get("ETUDES_SCALE", "quick").encode())
    fingerprint.update("{}.{}".format(*sys.version_info[:2]).encode())
    own_grader = f"chapter_{page.name[:2]}.py"
    for path in ingredients(root):
        if path.name.startswith("chapter_") and path.name != own_grader:
            continue
        fingerprint.update(path.relative_to(root).as_posix().encode())
        fingerprint.update(hashlib.sha256(path.read_bytes()).digest())
    return fingerprint.hexdigest()


def record(page: Path, build: Path = BUILD) -> Record | None:
    """What is known from the last good run of a page, or None."""
    try:
        known = json.loads(_record_file(page, build).read_text(encoding="utf-8"))
        return Record(**known)
    except (OSError, ValueError, TypeError):
        return None


def is_stale(page: Path, *, build: Path = BUILD, root: Path = ROOT) -> bool:
    """Whether a page must be executed: it changed, never ran, or its result was removed."""
    known = record(page, build)
    if known is None or not known.ok or known.key != key(page, root):
        return True
    return not _executed_file(page, build).exists()


def run(
    names: Iterable[str] = (),
    *,
    force: bool = False,
    jobs: int = JOBS,
    folders: Iterable[Path] = (CHAPTERS, FRAME),
    build: Path = BUILD,
    root: Path = ROOT,
    say: Callable[[str], None] = print,
) -> list[Record]:
    """Execute the pages that changed and return a record for each page asked for.

    A failing page does not stop the others; its record says what went wrong. Two processes may
    call this at once: the second waits, then finds the work done.

    Parameters
    ----------
    names : iterable of str
        Beginnings of file names such as ``"01"``; every page with code by default.
    force : bool
        Execute unchanged pages too.
    jobs : int
        How many run at a time.
    folders, build, root
        Where pages are, where results go, and the repository.
    say : callable
        Is handed one line of text at a time.

    Returns
    -------
    list of Record
        In the order of the book.
    """
    from filelock import FileLock

    wanted = pages(names, folders)
    build.mkdir(parents=True, exist_ok=True)
    lock = FileLock(build / ".execute.lock")
    if wanted and lock_is_taken(lock):
        say("Another process is executing pages: waiting for it")
    with lock:
        todo = [path for path in wanted if force or is_stale(path, build=build, root=root)]
        known = {path: record(path, build) for path in wanted if path not in todo}
        for path, old in known.items():
            _remember(path, build)
            if old is not None:
                old.reused = True
        if todo:
            say(f"Executing {len(todo)} of {len(wanted)} pages, {min(jobs, len(todo))} at a time")
            with _environment(SURROUNDINGS), ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
                futures = {pool.submit(_execute, path, build, root): path for path in todo}
                for future in as_completed(futures):
                    result = known[futures[future]] = future.result()
                    if result.ok:
                        _remember(futures[future], build)
                    verdict = f"{result.seconds:6.1f} s" if result.ok else "failed"
                    say(f"  {result.chapter}: {verdict}")
        elif wanted:
            say(f"All {len(wanted)} pages with code are as they were when last executed")
    results = [known[path] for path in wanted]
    return [result for result in results if result is not None]


def lock_is_taken(lock: Any) -> bool:
    """Whether another process holds a lock at this moment."""
    from filelock import Timeout

    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def table(records: Iterable[Record]) -> str:
    """Seconds for each chapter, as lines of text."""
    lines = ["", "  seconds  chapter"]
    total = 0.0
    for entry in records:
        total += entry.seconds
        note = "failed" if not entry.ok else "unchanged, from the cache" if entry.reused else ""
        if entry.ok and entry.seconds > BUDGET:
            note = f"{note}; over the {BUDGET} s a chapter may take".removeprefix("; ")
        lines.append(f"  {entry.seconds:7.1f}  {entry.chapter}" + (f"  ({note})" if note else ""))
    lines.append(f"  {total:7.1f}  in all")
    return "\n".join(lines)


def _execute(page: Path, build: Path, root: Path) -> Record:
    """Run one page in a kernel of its own and keep what came out."""
    import nbformat
    from nbmake.nb_run import NotebookRun

    notebook = read(page)
    made = Record(
        chapter=page.stem,
        key=key(page, root),
        executed=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        versions=_versions(),
    )
    start = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="etudes-") as empty:
            copy = Path(empty) / f"{page.stem}.ipynb"
            nbformat.write(notebook, copy)
            outcome = NotebookRun(copy, CELL_TIMEOUT).execute()
    except Exception as error:  # a kernel that died or never started
        made.seconds = round(time.perf_counter() - start, 1)
        made.error = f"the kernel stopped: {type(error).__name__}: {error}"
        return made
    made.seconds = round(time.perf_counter() - start, 1)
    if outcome.error is not None:
        cell = outcome.nb.cells[outcome.error.failing_cell_index]
        made.error = f"cell {cell.get('id', '?')!r}\n{outcome.error.trace}"
        return made
    made.ok = True
    tidy_outputs(outcome.nb)
    _write(_executed_file(page, build), nbformat.writes(outcome.nb))
    _write(_record_file(page, build), json.dumps(asdict(made), indent=1) + "\n")
    return made


def tidy_outputs(notebook: Any) -> None:
    """Make outputs fit for a page.

    Joins what was printed piece by piece, leaves of a progress bar its last state only, and puts
    in place of each widget, which needs a kernel, what it showed.
    """
    from nbformat import from_dict

    widgets = notebook.metadata.pop("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                from_dict(shown)
                for output in cell.outputs
                for shown in (
                    _still(output.data[WIDGET]["model_id"], widgets)
                    if WIDGET in output.get("data", {}) and "text/html" not in output.data
                    else [output]
                )
            ]
        cell.metadata.pop("execution", None)  # times of day, which are in nobody's source
        joined: list[Any] = []
        for output in cell.get("outputs", []):
            last = joined[-1] if joined else None
            stream = output.output_type == "stream"
            if stream and last is not None and last.get("name") == output.name:
                last.text += output.text
            else:
                joined.append(output)
        for output in joined:
            if output.output_type == "stream":
                output.text = "\n".join(_last_state(line) for line in output.text.split("\n"))
        if "outputs" in cell:
            cell.outputs = joined


def _still(model: str, widgets: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The outputs and the words that a widget and the widgets inside it showed at the end."""
    state = widgets.get(model, {}).get("state", {})
    yield from state.get("outputs", [])
    if widgets.get(model, {}).get("model_name") in ("HTMLModel", "LabelModel") and state["value"]:
        yield {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": state["value"], "text/plain": state["value"]},
        }
    for child in state.get("children", []):
        yield from _still(child.removeprefix("IPY_MODEL_"), widgets)


def _last_state(line: str) -> str:
    """What a terminal shows of a line that went back to its beginning several times."""
    return next((state for state in reversed(line.split("\r")) if state.strip()), "")


def _remember(page: Path, build: Path) -> None:
    """Put an executed page where the book build looks for it, and forget older versions."""
    import nbformat
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    executed = nbformat.read(_executed_file(page, build), as_version=4)
    cache = get_cache(build / ".jupyter_cache")
    _, wanted = cache.create_hashed_notebook(executed)
    known = record(page, build)
    seconds = known.seconds if known else None
    present = False
    for entry in cache.list_cache_records():
        if entry.uri != str(page):
            continue
        if entry.hashkey == wanted and entry.data.get("executed") == _fingerprint(executed):
            present = True
        else:
            cache.remove_cache(entry.pk)
    if not present:
        cache.cache_notebook_bundle(
            CacheBundleIn(
                executed,
                str(page),
                data={"execution_seconds": seconds, "executed": _fingerprint(executed)},
            ),
            check_validity=False,
            overwrite=True,
        )


def _fingerprint(notebook: Any) -> str:
    return hashlib.sha256(json.dumps(notebook, sort_keys=True).encode()).hexdigest()


def _record_file(page: Path, build: Path) -> Path:
    return build / "chapters" / f"{page.stem}.json"


def _executed_file(page: Path, build: Path) -> Path:
    return build / "chapters" / f"{page.stem}.ipynb"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the kernels, and put them back afterwards."""
    changes = {**changes, "JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, execute, print the table; 1 when a chapter failed."""
    parser = argparse.ArgumentParser(description="Execute the chapters that changed.")
    parser.add_argument("names", nargs="*", help="beginnings of file names, such as 01")
    parser.add_argument("--force", action="store_true", help="execute unchanged chapters too")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many at a time (default 2)")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    options = parser.parse_args(arguments)
    try:
        wanted = pages(options.names)
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        for path in wanted:
            state = "to execute" if options.force or is_stale(path) else "unchanged "
            print(f"{state}  {path.stem}")
        return 0
    records = run(options.names, force=options.force, jobs=options.jobs)
    for failed in (entry for entry in records if not entry.ok):
        print(f"\n{failed.chapter} failed in {failed.error}", file=sys.stderr)
    print(table(records))
    return 0 if all(entry.ok for entry in records) else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    raise SystemExit(main())
