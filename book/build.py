"""Build the rendered book, with warnings as errors: ``make book``.

Executes the chapters that changed, builds ``_build/html``, and prints where to open it and how
many seconds each chapter took. Building with Jupyter Book's own command gives the same pages::

    jupyter-book build . --config _config.yml --toc book/_toc.yml --path-output .
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import execute

ROOT = execute.ROOT
HTML = execute.BUILD / "html"
COMMAND = [
    *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."),
    *("--config", "_config.yml", "--toc", "book/_toc.yml", "--path-output", "."),
    *("-W", "-n", "--keep-going"),
]


def build(output: Any = None) -> int:
    """Build the pages and return the exit status of the build.

    Parameters
    ----------
    output
        Where the build's lines go: a file, ``subprocess.PIPE``, or None for the terminal.
    """
    from filelock import FileLock

    execute.BUILD.mkdir(parents=True, exist_ok=True)
    with FileLock(execute.BUILD / ".build.lock"):
        failed_before = execute.BUILD / ".build-failed"
        if failed_before.exists():
            # Sphinx warns about a page when it reads it: read all of them again, or a second
            # run of a build with warnings would find nothing to complain of.
            shutil.rmtree(execute.BUILD / ".doctrees", ignore_errors=True)
        failed_before.touch()
        status = subprocess.run(
            COMMAND,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
        ).returncode
        if status == 0:
            failed_before.unlink()
        return status


def documents() -> Iterator[str]:
    """The pages in the table of contents, in its order and without endings."""
    import yaml

    def walk(part: Any) -> Iterator[str]:
        if isinstance(part, list):
            for item in part:
                yield from walk(item)
        elif isinstance(part, dict):
            yield from (part[name] for name in ("root", "file") if name in part)
            for name in ("parts", "chapters", "sections"):
                yield from walk(part.get(name))

    yield from walk(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")))


def main() -> int:
    """Execute, build, and say where the book is."""
    records = execute.run()
    for failed in (entry for entry in records if not entry.ok):
        print(f"\n{failed.chapter} failed in {failed.error}", file=sys.stderr)
    if not all(entry.ok for entry in records):
        print(execute.table(records))
        return 1
    print("Building the pages with warnings as errors", flush=True)
    status = build()
    print(execute.table(records))
    if status != 0:
        print("\nThe book was not built: see the warnings and errors above.", file=sys.stderr)
        return 1
    print(f"\nThe book is built. Open {(HTML / 'index.html').as_uri()}")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    raise SystemExit(main())
