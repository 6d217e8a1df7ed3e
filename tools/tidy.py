"""Take out of the chapters what running them leaves behind: ``make tidy``.

Removes outputs, execution counts and what editors write into the metadata, and names the kernel
``python3``. Words, code, cell ids and tags stay as they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: What a cell may say about itself: for the page (tags, mystnb) and for other editors.
CELL_METADATA = ("tags", "mystnb")


def tidy(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same notebook as it should be committed."""
    for cell in notebook["cells"]:
        cell["metadata"] = {
            name: value for name, value in cell.get("metadata", {}).items() if name in CELL_METADATA
        }
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
        source = cell["source"]
        cell["source"] = (source if isinstance(source, str) else "".join(source)).splitlines(True)
    return {**notebook, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def written(notebook: dict[str, Any]) -> str:
    """The text of a notebook file, as Jupyter writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Tidy every chapter, and say which ones changed."""
    for path in sorted(CHAPTERS.glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        after = written(tidy(json.loads(before)))
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"tidied {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
