"""Write the repository's public address everywhere: ``make address URL=https://github.com/me/etudes``.

The address stands in ``_config.yml``. What derives from it is the link to Colab and the set-up
cell of each chapter, README.md, CITATION.cff and pyproject.toml, and the address of the published
pages. ``tests/test_house.py`` holds that all of them agree.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DERIVED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml")
ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)/?(?:\.git)?")


def parts(url: str) -> tuple[str, str]:
    """Owner and name of a repository address.

    Raises
    ------
    ValueError
        If it is not ``https://github.com/OWNER/NAME`` (Colab opens notebooks from GitHub).
    """
    found = ADDRESS.fullmatch(url.strip())
    if found is None:
        raise ValueError(f"URL must look like https://github.com/OWNER/NAME, got {url!r}")
    return found.group(1), found.group(2)


def current(root: Path = ROOT) -> str:
    """The address in ``_config.yml``."""
    import yaml

    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return str(settings["repository"]["url"])


def places(root: Path = ROOT) -> list[Path]:
    """The files that name the address, ``_config.yml`` first."""
    found = [root / "_config.yml", *(root / name for name in DERIVED)]
    found += sorted((root / "chapters").glob("*.ipynb"))
    found += sorted((root / "book").glob("*.md"))
    return [path for path in found if path.exists()]


def rewritten(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """A text with the repository, its Colab links and its pages under the new address."""
    (owner, name), (new_owner, new_name) = old, new
    end = r"(?=(?:\.git)?(?![A-Za-z0-9_-]|\.[A-Za-z0-9]))"
    repository = re.compile(rf"(github\.com/|/github/){re.escape(owner)}/{re.escape(name)}{end}")
    site = re.compile(rf"{re.escape(owner)}\.github\.io/{re.escape(name)}{end}", re.IGNORECASE)
    text = repository.sub(rf"\g<1>{new_owner}/{new_name}", text)
    return site.sub(f"{new_owner}.github.io/{new_name}", text)


def change(url: str, root: Path = ROOT) -> list[Path]:
    """Write `url` in place of the current address; returns the files that changed."""
    new, old = parts(url), parts(current(root))
    changed = []
    for path in places(root):
        before = path.read_text(encoding="utf-8")
        after = rewritten(before, old, new)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def main() -> int:
    """Read the address from the command line."""
    url = sys.argv[1] if len(sys.argv) > 1 else ""
    if not url:
        print("usage: make address URL=https://github.com/me/etudes", file=sys.stderr)
        return 2
    try:
        changed = change(url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in changed:
        print(f"  {path.relative_to(ROOT)}")
    print(f"{len(changed)} files now name {current()}" if changed else "nothing to change")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
