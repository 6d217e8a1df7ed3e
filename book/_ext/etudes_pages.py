"""What the rendered book needs beyond Jupyter Book's own settings.

- Before a build reads anything, the chapters that changed are executed (``book/execute.py``), so
  that every way of building the book gives the same pages.
- ``{chapter-status}`` makes the table of the status page from the records of those runs.
- A chapter is read again when it was executed again, even if its file stayed the same.
- A badge, which is an image on somebody else's server, becomes a link in words.
- MathJax is copied from an installed package, so that no page asks another server for it.
- Finished pages get names for the screen reader where the theme gives none, and lose scripts
  that nothing here uses.
"""

from __future__ import annotations

import html
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import execute

LOGGER = logging.getLogger(__name__)

#: The parts of the MathJax package that pages may load.
MATHJAX_PARTS = (
    "tex-chtml.js",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
)


def execute_chapters(app: Sphinx) -> None:
    """Execute what changed; a failing chapter stops the build with its traceback."""
    records = execute.run(say=LOGGER.info)
    failed = [entry for entry in records if not entry.ok]
    if failed:
        told = "\n\n".join(f"{entry.chapter} failed in {entry.error}" for entry in failed)
        raise ExtensionError(f"chapters that do not run cannot be built:\n{told}")


def depend_on_execution(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make Sphinx read a chapter again when it has been executed again."""
    if record_file(docname).exists():
        app.env.note_dependency(str(record_file(docname)))


def record_file(docname: str) -> Path:
    """The record of a chapter's last run."""
    return execute.BUILD / "chapters" / f"{Path(docname).name}.json"


class ChapterStatus(SphinxDirective):
    """A table: chapter, when it was last executed, how long it took, on what."""

    def run(self) -> list[nodes.Node]:
        """Build the table, one row for each chapter there is."""
        head = ["Chapter", "Executed (UTC)", "Seconds", "Machine"]
        rows: list[list[nodes.Node]] = []
        versions: dict[str, str] = {}
        for chapter in execute.chapters():
            docname = f"chapters/{chapter.stem}"
            self.env.note_dependency(str(record_file(docname)))
            known = execute.record(chapter)
            if known is None:
                continue
            versions.update(known.versions)
            link = nodes.reference("", title(chapter), refuri=self.link(docname), internal=True)
            rows.append(
                [
                    link,
                    nodes.Text(known.executed),
                    nodes.Text(f"{known.seconds:.0f}"),
                    nodes.Text(known.machine),
                ]
            )
        if not rows:
            return [nodes.paragraph("", "No chapter has been executed yet.")]
        shown: list[nodes.Node] = [table(head, rows)]
        listed = ", ".join(f"{name} {number}" for name, number in versions.items())
        shown.append(nodes.paragraph("", f"Versions: {listed}."))
        return shown

    def link(self, docname: str) -> str:
        """A link from the page with this directive to another page."""
        assert self.env.app.builder is not None
        return self.env.app.builder.get_relative_uri(self.env.docname, docname)


def title(chapter: Path) -> str:
    """The first heading of a notebook, without markup."""
    import json

    for cell in json.loads(chapter.read_text(encoding="utf-8"))["cells"]:
        found = re.search(r"^# (.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and found:
            return found.group(1).strip()
    return chapter.stem


def table(head: list[str], rows: list[list[nodes.Node]]) -> nodes.table:
    """A docutils table with one header row."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    header = nodes.row()
    for text in head:
        header += nodes.entry("", nodes.paragraph("", text))
    group += nodes.thead("", header)
    body = nodes.tbody()
    for cells in rows:
        row = nodes.row()
        for cell in cells:
            paragraph = nodes.paragraph()
            paragraph += cell
            row += nodes.entry("", paragraph)
        body += row
    group += body
    return nodes.table("", group)


def badges_to_words(app: Sphinx, doctree: nodes.document) -> None:
    """Put its alternative text in place of every image from another server.

    Notebooks carry badges such as "Open in Colab", which Colab and GitHub show as pictures. A page
    of this book loads nothing from elsewhere, so there they are links in words.
    """
    for image in list(doctree.findall(nodes.image)):
        if image["uri"].startswith(("http://", "https://")):
            words = nodes.inline("", image.get("alt") or image["uri"], classes=["badge-in-words"])
            image.replace_self(words)


def drop_what_does_not_work(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out Thebe and, on pages that are no notebooks, the button that leads to Colab.

    Thebe, live code from another server, is added by two extensions, which clash.
    """
    if not str(context.get("page_source_suffix", "")).endswith(".ipynb"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]
    for name in ("script_files", "css_files"):
        context[name] = [file for file in context.get(name, []) if not is_thebe(file)]


def is_thebe(file: Any) -> bool:
    """Whether a script or style file, or an inline script, belongs to Thebe."""
    attributes = getattr(file, "attributes", {})
    return "thebe" in f"{getattr(file, 'filename', file)} {attributes.get('body', '')}".lower()


#: What is replaced in each finished page, and why.
REPAIRS: list[tuple[re.Pattern[str], str]] = [
    # 1.5 MB of drawings for a dozen icons: book/_static/icons.css takes them from the icon font
    (re.compile(r'<script[^>]*src="[^"]*fontawesome\.js[^"]*"[^>]*></script>\n?'), ""),
    # configuration for Thebe, which is left out
    (re.compile(r'<script type="text/x-thebe-config">.*?</script>', re.DOTALL), ""),
    (re.compile(r"<script>kernelName = .*?</script>"), ""),
    # the left column is a landmark of its own
    (
        re.compile(r'<div id="pst-primary-sidebar" class="([^"]*)">'),
        r'<div id="pst-primary-sidebar" class="\1" role="region" aria-label="Side bar">',
    ),
    # the arrow that unfolds a part of the table of contents
    (
        re.compile(r"(<a class=\"[^\"]*\" href=\"[^\"]*\">([^<]*)</a><details[^>]*>)<summary>"),
        r'\1<summary aria-label="Pages under \2">',
    ),
    # an item of a list is a list item
    (re.compile(r' role="doc-biblioentry"'), ' role="listitem"'),
]


def repair_pages(app: Sphinx, error: Exception | None) -> None:
    """Apply `REPAIRS` to every page; a repaired page is left as it is."""
    if error is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if "_static" in page.relative_to(app.outdir).parts:
            continue
        text = repaired = page.read_text(encoding="utf-8")
        for pattern, replacement in REPAIRS:
            repaired = pattern.sub(replacement, repaired)
        if repaired != text:
            page.write_text(repaired, encoding="utf-8")


HIDDEN_COLON = "\x00"


def hide_colons(
    app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Hide the colons in what is said of a constant: napoleon takes words before one for a type."""
    if what in ("data", "attribute", "property"):
        lines[:] = [line.replace(":", HIDDEN_COLON) for line in lines]


def show_colons(
    app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Bring back, after napoleon, the colons that were hidden from it."""
    lines[:] = [line.replace(HIDDEN_COLON, ":") for line in lines]


def skip_tuple_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out "Alias for field number 0": a named tuple's class says what its fields are."""
    told = getattr(member, "__doc__", None) or ""
    return True if told.startswith("Alias for field number") else None


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax, as its package ships it, beside the pages."""
    if error is not None or app.builder.format != "html":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        LOGGER.warning("mathematics will not show: the package sphinx-mathjax-offline is missing")
        return
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target / part)


def write_front_door(app: Sphinx, error: Exception | None) -> None:
    """At the top of the site: a page that leads on to the first one, also for screen readers."""
    if error is not None or app.builder.format != "html":
        return
    first = app.builder.get_target_uri(app.config.root_doc)
    name = html.escape(str(app.config.html_title))
    (Path(app.outdir) / "index.html").write_text(
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={first}">
<title>{name}</title>
</head>
<body><main><h1>{name}</h1><p><a href="{first}">Open the book</a></p></main></body>
</html>
""",
        encoding="utf-8",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the above to a build."""
    app.add_directive("chapter-status", ChapterStatus)
    app.connect("builder-inited", execute_chapters)
    app.connect("source-read", depend_on_execution)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("doctree-read", badges_to_words)
    app.connect("html-page-context", drop_what_does_not_work, priority=999)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", repair_pages, priority=800)
    app.connect("build-finished", write_front_door, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
