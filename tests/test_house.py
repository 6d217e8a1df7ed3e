"""The house in order: imports, notebooks, links, citations, docstrings, sizes, addresses.

Each test reads files and nothing else, so all of them together take a few seconds.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "etudes"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PAGES = sorted((ROOT / "book").rglob("*.md"))
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE = 5_000_000  # bytes
MAX_CELL = 25  # lines


def tool(name: str):
    """A module of the folder tools/."""
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def committed() -> list[Path]:
    """The files under version control, or, without git, everything that is not built."""
    try:
        told = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        found = [ROOT / name for name in told.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        built = {".git", ".venv", "_build", "text", "__pycache__", "dist"}
        found = [path for path in ROOT.rglob("*") if not built & set(path.parts)]
    return [path for path in found if path.is_file()]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def cells(chapter: Path, kind: str = "") -> list[dict]:
    """The cells of a notebook, their source as one string."""
    found = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    for cell in found:
        cell["source"] = "".join(cell["source"])
    return [cell for cell in found if not kind or cell["cell_type"] == kind]


def prose() -> Iterator[tuple[Path, str]]:
    """Every Markdown text of the repository with the file it stands in."""
    for path in [*sorted(ROOT.glob("*.md")), *PAGES]:
        yield path, path.read_text(encoding="utf-8")
    for chapter in CHAPTERS:
        for cell in cells(chapter, "markdown"):
            yield chapter, cell["source"]


# Imports run one way ------------------------------------------------------------------------------

FOUNDATION = {"checks", "files"}  # every part may import these, and itself
SOUND = {"data", "features", "episodes"}
MODELS = {"learners", "generators", "separators"}
MAY_IMPORT = {
    "checks": set(),
    "files": set(),
    "data": {"features"},
    "features": set(),
    "episodes": set(),
    "learners": SOUND,
    "generators": SOUND | {"learners"},
    "separators": SOUND | {"learners"},
    "evaluate": {"episodes", "features"},
    "train": {"episodes", "evaluate"},
    "ledger": set(),
    "doctor": SOUND | {"train"},
    "listen": {"features"},
    "exercises": SOUND | MODELS | {"train", "evaluate", "ledger", "listen"},
    "recipes": SOUND | MODELS | {"train", "evaluate", "ledger"},
    "tf": SOUND | {"train", "evaluate"},
}


def part(module: Path) -> str:
    """The part of the package a file belongs to: ``data`` for ``data/scores.py``."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(module: Path) -> Iterator[tuple[int, str]]:
    """Line and part of every import of etudes in a file, inside functions too."""
    package = ("etudes", *module.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            names = [base] if base.count(".") else [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            words = name.split(".")
            if words[0] == "etudes" and len(words) > 1:
                yield node.lineno, words[1]


def wrong_imports(modules: list[Path]) -> list[str]:
    wrong = []
    for module in modules:
        here = part(module)
        if here in {"__init__", "__main__"}:
            continue
        assert here in MAY_IMPORT, f"say in MAY_IMPORT what {here} may import"
        for line, there in imported_parts(module):
            if there not in FOUNDATION | MAY_IMPORT[here] | {here}:
                wrong.append(f"{relative(module)}:{line} imports {there}")
    return wrong


def test_imports_run_one_way() -> None:
    wrong = wrong_imports(MODULES)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("data/scores.py", "from etudes.learners import relation"),
        ("features/mel.py", "def f():\n    import etudes.train"),
        ("learners/maml.py", "from etudes import separators"),
        ("learners/maml.py", "from ..generators.markov import MarkovChain"),
        ("ledger/store.py", "from etudes.evaluate import FewShotResult"),
        ("train/loop.py", "from ..learners import relation"),
        ("evaluate/paired.py", "from .. import listen"),
    ],
)
def test_an_import_the_wrong_way_is_found(tmp_path, monkeypatch, where: str, code: str) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / where
    module.parent.mkdir(exist_ok=True)
    module.write_text(code)
    assert len(wrong_imports([module])) == 1


def test_only_the_tensorflow_twins_import_tensorflow() -> None:
    users = []
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in {"tensorflow", "keras"} for name in names):
                users.append(relative(module))
    assert not [name for name in users if not name.startswith("src/etudes/tf/")]


# Notebooks ----------------------------------------------------------------------------------------

chapters = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def faults(notebook: dict) -> list[str]:
    """What is wrong with a notebook as it should be committed."""
    found = []
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) != (4, 5):
        found.append("the format is not 4.5")
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    if set(notebook["metadata"]) - {"kernelspec", "language_info"}:
        found.append(f"metadata left by an editor: {sorted(notebook['metadata'])}")
    counted = Counter(cell.get("id") for cell in notebook["cells"])
    found += [f"cell id {name!r} twice" for name, times in counted.items() if times > 1]
    for cell in notebook["cells"]:
        name, text = str(cell.get("id")), "".join(cell["source"])
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or re.fullmatch(
            r"(?=.*\d)[0-9a-f]{8}", name
        ):
            found.append(f"cell id {name!r} says nothing: use words, as in hear-first")
        if set(cell.get("metadata", {})) - {"tags", "mystnb"}:
            found.append(f"cell {name}: metadata left by an editor")
        if "raises-exception" in cell.get("metadata", {}).get("tags", []):
            found.append(f"cell {name}: an error is allowed")
        if re.search(r"\b(TODO|FIXME|XXX)\b", text):
            found.append(f"cell {name}: unfinished (TODO)")
        if not text.strip():
            found.append(f"cell {name}: empty")
        if cell["cell_type"] == "code":
            if cell.get("outputs") or cell.get("execution_count") is not None:
                found.append(f"cell {name}: has been run (make tidy takes that out)")
            if len(text.strip().splitlines()) > MAX_CELL:
                found.append(f"cell {name}: {len(text.splitlines())} lines, {MAX_CELL} at most")
    return found


@chapters
def test_a_notebook_is_committed_clean(chapter: Path) -> None:
    found = faults(json.loads(chapter.read_text(encoding="utf-8")))
    assert not found, "\n".join(found)


def clean_notebook() -> dict:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": "set-up",
                "metadata": {},
                "source": ["x = 1"],
                "outputs": [],
                "execution_count": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"outputs": [{"output_type": "stream"}]}, "has been run"),
        ({"execution_count": 3}, "has been run"),
        ({"id": "a1b2c3d4"}, "says nothing"),
        ({"id": "Set_up"}, "says nothing"),
        ({"source": ["x\n"] * 26}, "26 lines"),
        ({"source": ["# TODO"]}, "unfinished"),
        ({"source": [" "]}, "empty"),
        ({"metadata": {"tags": ["raises-exception"]}}, "an error is allowed"),
        ({"metadata": {"collapsed": True}}, "left by an editor"),
    ],
)
def test_a_fault_of_a_notebook_is_found_and_tidied(change: dict, told: str) -> None:
    notebook = clean_notebook()
    assert faults(notebook) == []
    notebook["cells"][0].update(change)
    assert any(told in fault for fault in faults(notebook))
    if told in {"has been run", "left by an editor"}:
        assert faults(tool("tidy").tidy(notebook)) == []


@chapters
def test_a_chapter_has_its_badge_and_its_set_up_cell(chapter: Path) -> None:
    address = tool("address").current()
    slug = address.removeprefix("https://github.com/")
    branch = settings()["repository"]["branch"]
    first = cells(chapter)[0]["source"]
    link = f"https://colab.research.google.com/github/{slug}/blob/{branch}/chapters/{chapter.name}"
    assert link in first, f"the first cell has no link to {link}"
    code = cells(chapter, "code")
    assert f"git+{address}" in code[0]["source"], "the first code cell does not install etudes"
    assert "seed_everything(" in "".join(cell["source"] for cell in code[:2])


SECTIONS = [
    "Hear it first",
    "The idea",
    "The experiment",
    "Listen and look",
    "Paper says, we got, why",
    "Failure museum",
    "The same in TensorFlow",  # where there is a twin
    "Exercises",
    "In the source articles",
    "Summary",
]


@chapters
def test_a_chapter_keeps_the_order_of_all_chapters(chapter: Path) -> None:
    text = "\n\n".join(without_code(cell["source"]) for cell in cells(chapter, "markdown"))
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1, "one title"
    assert f"# {int(chapter.name[:2])} · " in text, "the title begins with the chapter's number"
    found = re.findall(r"^## (.+?)\s*$", text, re.MULTILINE)
    wanted = [name for name in SECTIONS if name != "The same in TensorFlow" or name in found]
    assert found == wanted


def test_the_folder_chapters_holds_chapters_only() -> None:
    stray = [
        relative(path)
        for path in committed()
        if path.parent == ROOT / "chapters"
        and not re.fullmatch(r"\d\d-[a-z0-9-]+\.ipynb", path.name)
    ]
    assert not stray


# The book: contents, links, citations -------------------------------------------------------------


def settings() -> dict:
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def test_the_contents_list_every_page_once() -> None:
    import build

    listed = list(build.documents())
    assert len(listed) == len(set(listed)), Counter(listed).most_common(3)
    there = {relative(path).rsplit(".", 1)[0] for path in [*CHAPTERS, *PAGES]}
    assert set(listed) - there == set(), "listed, but there is no such file"
    assert there - set(listed) == set(), "not in book/_toc.yml"


def test_chapters_stand_in_the_contents_in_their_order() -> None:
    import build

    listed = [name for name in build.documents() if name.startswith("chapters/")]
    assert listed == sorted(listed)


LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DOC = re.compile(r"\{doc\}`(?:[^`<]*<)?([^`<>]+)>?`")
CARD = re.compile(r"^:link: (\S+)\n:link-type: doc", re.MULTILINE)
CITE = re.compile(r"\{cite(?::[a-z]+)?\}`([^`]+)`")


def without_code(text: str) -> str:
    """Markdown without fenced and inline code, whose brackets are no links."""
    text = re.sub(r"^(```+|~~~+)(?!\{)[^\n]*\n.*?^\1[ \t]*$", "", text, flags=re.M | re.DOTALL)
    return re.sub(r"(?<!\})`[^`\n]*`", "", text)


def test_every_relative_link_leads_to_a_file() -> None:
    broken = []
    for path, text in prose():
        targets = LINK.findall(without_code(text))
        targets = [name for name in targets if not re.match(r"[a-z][a-z0-9+.-]*:|#", name)]
        for name in targets:
            if not (path.parent / name.partition("#")[0]).exists():
                broken.append(f"{relative(path)}: {name}")
        for name in [*DOC.findall(text), *CARD.findall(text)]:
            place = ROOT / name.lstrip("/") if name.startswith("/") else path.parent / name
            if not any(place.with_name(place.name + end).exists() for end in (".md", ".ipynb")):
                broken.append(f"{relative(path)}: page {name}")
    assert not broken, "\n".join(broken)


def bibliography() -> list[str]:
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    return re.findall(r"^@\w+\{\s*([^,\s]+)\s*,", text, re.MULTILINE)


def test_every_citation_has_its_entry() -> None:
    known = set(bibliography())
    unknown = [
        f"{relative(path)}: {key.strip()}"
        for path, text in prose()
        for keys in CITE.findall(text)
        for key in keys.split(",")
        if key.strip() not in known
    ]
    assert not unknown, "\n".join(unknown)


def test_the_bibliography_has_each_entry_once_and_whole() -> None:
    keys = bibliography()
    assert len(keys) == len(set(keys)), [key for key, n in Counter(keys).items() if n > 1]
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    for entry in re.split(r"^@", text, flags=re.MULTILINE)[1:]:
        for field in ("author|editor|organization", "title", "year"):
            assert re.search(rf"(?:^|,)\s*(?:{field})\s*=", entry, re.MULTILINE), (
                f"{field}: {entry[:60]}"
            )


# The package is documented ------------------------------------------------------------------------


def public(module: Path) -> bool:
    return not any(
        name.startswith("_") and name not in {"__init__.py", "__main__.py"}
        for name in module.relative_to(PACKAGE).parts
    )


def undocumented(module: Path) -> Iterator[str]:
    """Public functions, classes and methods of a file without a docstring."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    if ast.get_docstring(tree) is None:
        yield f"{relative(module)}: the module"
    waiting = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in node.body:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if child.name.startswith("_"):
                continue
            name = f"{prefix}{child.name}"
            overrides = {getattr(d, "id", getattr(d, "attr", "")) for d in child.decorator_list}
            if ast.get_docstring(child) is None and not overrides & {"overload", "override"}:
                yield f"{relative(module)}:{child.lineno} {name}"
            if isinstance(child, ast.ClassDef):
                waiting.append((child, f"{name}."))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: relative(path))
def test_everything_public_has_a_docstring(module: Path) -> None:
    found = list(undocumented(module)) if public(module) else []
    assert not found, "\n".join(found)


def chooses_names(module: Path) -> bool:
    """Whether a file says in ``__all__`` what of it is public."""
    return module.exists() and any(
        isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        for node in ast.parse(module.read_text(encoding="utf-8")).body
    )


def test_the_reference_shows_every_public_module() -> None:
    """A page shows it, or shows the package above it, which chooses what it offers."""
    shown = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "book" / "reference").glob("*.md")
    )
    named = set(re.findall(r"automodule:: (etudes[\w.]*)", shown))
    missing, there = [], set()
    for module in MODULES:
        words = module.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(word for word in words if word != "__init__")
        there.add(name)
        above = name.rpartition(".")[0]
        offered = (
            above != "etudes" and above in named and chooses_names(module.parent / "__init__.py")
        )
        if public(module) and words[-1] != "__main__" and name not in named and not offered:
            missing.append(name)
    # graders are found through check(), recipes through the ledger
    missing = [name for name in missing if not name.startswith(("etudes.exercises.", "etudes.rec"))]
    assert named <= there, "shown, but there is no such module"
    assert not missing, "no page under book/reference shows " + ", ".join(missing)


# What must not be committed -----------------------------------------------------------------------


def test_no_file_is_large() -> None:
    large = [relative(path) for path in committed() if path.stat().st_size > MAX_FILE]
    assert not large


def texts() -> Iterator[tuple[Path, str]]:
    for path in committed():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_path_of_a_machine_is_named() -> None:
    slash = "/"  # in pieces, so that this file does not name what it looks for
    homes = [slash + "root" + slash, slash + "home" + slash, slash + "Users" + slash]
    places = [*homes, slash + "work" + slash, str(ROOT) + slash]
    named = [
        f"{relative(path)}: {place}"
        for path, text in texts()
        for place in places
        if re.search(rf"(?<![\w.~-]){re.escape(place)}\w", text)
    ]
    assert not named, "\n".join(named)


def test_no_package_index_is_named() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted", "registry" + ".npmjs", "deb" + ".debian"]
    named = [
        f"{relative(path)}: {host}" for path, text in texts() for host in hosts if host in text
    ]
    assert not named, "\n".join(named)


# The public address -------------------------------------------------------------------------------


def test_every_place_names_the_address_of_the_config() -> None:
    address = tool("address")
    url = address.current()
    owner, name = address.parts(url)
    assert settings()["html"]["baseurl"] == f"https://{owner}.github.io/{name}/"
    for required in ("README.md", "CITATION.cff", "pyproject.toml"):
        assert url in (ROOT / required).read_text(encoding="utf-8"), required
    other = []
    for path in address.places():
        text = path.read_text(encoding="utf-8").replace("URL=https://github.com/me/etudes", "")
        for found_owner, found in re.findall(r"github(?:\.com)?/([\w-]+)/(etudes|OWNER)\b", text):
            if (found_owner, found) != (owner, name):
                other.append(f"{relative(path)}: {found_owner}/{found}")
    assert not other, "\n".join(other)


def test_the_address_can_be_changed_and_changed_back(tmp_path: Path) -> None:
    address = tool("address")
    for path in address.places():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    old = address.current()
    changed = address.change("https://github.com/some-one/klang.buch", tmp_path)
    assert address.current(tmp_path) == "https://github.com/some-one/klang.buch"
    assert tmp_path / "pyproject.toml" in changed
    assert {tmp_path / "chapters" / chapter.name for chapter in CHAPTERS} <= set(changed)
    for path in changed:
        assert old not in path.read_text(encoding="utf-8")
    address.change(old, tmp_path)
    for path in address.places():
        assert (tmp_path / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://github.com/OWNER/etudes", "https://github.com/me/book"),
        ("git+https://github.com/OWNER/etudes.git@main", "git+https://github.com/me/book.git@main"),
        ("colab.research.google.com/github/OWNER/etudes/blob", None),
        ("https://OWNER.github.io/etudes/", "https://me.github.io/book/"),
        ("github.com/OWNER/etudes-data", "github.com/OWNER/etudes-data"),
        ("github.com/other/etudes", "github.com/other/etudes"),
    ],
)
def test_only_this_repository_is_rewritten(before: str, after: str | None) -> None:
    wanted = after or "colab.research.google.com/github/me/book/blob"
    assert tool("address").rewritten(before, ("OWNER", "etudes"), ("me", "book")) == wanted


@pytest.mark.parametrize("url", ["", "github.com/me/etudes", "https://example.org/me/etudes"])
def test_an_address_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL must look like"):
        tool("address").parts(url)


# What people are told to run ----------------------------------------------------------------------


def test_the_readme_and_ci_run_the_same_command() -> None:
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script and "make book" in script
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
        assert all("runs-on" in job for job in jobs.values()), workflow.name


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (relative(path), target)
        for path, text in prose()
        for target in re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)
    }
    assert not [(path, target) for path, target in named if target not in targets]
