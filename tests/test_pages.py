"""The rendered pages in a real browser: accessible, light in weight, whole, and silent.

Builds the book first (chapters that did not change come from the cache), serves it on this
machine and opens every page twice, in light and in dark mode.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import build
import pytest

pytestmark = pytest.mark.page

MAX_BYTES = 6_000_000
# axe would fetch the style sheets a second time, some of them from a wrong place
AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}
GENERATED = ["genindex", "py-modindex", "search"]
PAGES = [*GENERATED, *build.documents()]


@dataclass
class Visit:
    """What was seen when a page was opened."""

    url: str
    weight: int = 0
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    images_without_alt: list[str] = field(default_factory=list)
    raw_mathematics: int = 0
    empty_icons: list[str] = field(default_factory=list)
    too_wide: list[str] = field(default_factory=list)
    violations: dict[str, list[str]] = field(default_factory=dict)
    ledger_grounds: dict[str, list[str]] = field(default_factory=dict)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line for each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """Build the book with warnings as errors: the exit status and what was printed."""
    log = tmp_path_factory.mktemp("build") / "log.txt"
    with log.open("w") as output:
        status = build.build(output)
    return status, log.read_text(errors="replace")


@pytest.fixture(scope="module")
def html(built: tuple[int, str]) -> Path:
    """The folder of the built book."""
    if built[0] != 0:
        pytest.skip("the book does not build: test_the_book_builds_without_warnings says why")
    return build.HTML


@pytest.fixture(scope="module")
def site(html: Path) -> Iterator[str]:
    """The address of the built book, served from this machine."""
    handler = functools.partial(QuietHandler, directory=str(html))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def visit(browser, site: str) -> Iterator[object]:
    """A function that opens a page once and remembers what it saw."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import TimeoutError as TookTooLong

    axe = Axe()
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})

    @functools.cache
    def open_page(name: str) -> Visit:
        seen = Visit(f"{site}/{name}.html")
        page = context.new_page()
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                seen.complaints.append(f"{message.text} {message.location.get('url', '')}")
                if message.type == "error"
                else None
            ),
        )

        def weigh(request: object) -> None:
            # what every page shares is fetched once a visit, by whichever page comes first: counted
            # here, a page's weight would depend on which pages were opened before it
            shared = "/_static/" in request.url or "searchindex.js" in request.url
            if request.url.startswith(site) and not shared:
                seen.weight += request.sizes()["responseBodySize"]

        def guard(route: object) -> None:
            address = route.request.url
            if address.startswith((site, "data:", "blob:")):
                route.continue_()
            else:
                seen.elsewhere.append(address)
                route.abort()

        page.on("requestfinished", weigh)
        page.route("**/*", guard)
        response = page.goto(seen.url, wait_until="networkidle")
        assert response is not None and response.ok, f"{seen.url}: {response and response.status}"
        with contextlib.suppress(TookTooLong):  # a formula that is never set fails a test below
            page.wait_for_function(
                "() => [...document.querySelectorAll('.math')]"
                ".every(node => node.querySelector('mjx-container'))",
                timeout=60_000,
            )
        seen.images_without_alt = page.evaluate(
            # what an author put on the page says what it shows; the logo stands beside its name
            "() => [...document.images].filter(image => image.closest('main')"
            " ? !image.getAttribute('alt')?.trim() && !image.closest('[aria-hidden=true]')"
            " : !image.hasAttribute('alt')).map(image => image.src.slice(0, 120))"
        )
        seen.raw_mathematics = page.evaluate(
            "() => [...document.querySelectorAll('.math')]"
            ".filter(node => !node.querySelector('mjx-container')).length"
        )
        seen.empty_icons = page.evaluate(
            "() => [...document.querySelectorAll('i[class*=fa-]')]"
            ".filter(icon => ['none', 'normal'].includes("
            "getComputedStyle(icon, '::before').content)).map(icon => icon.className)"
        )
        page.set_viewport_size({"width": 375, "height": 800})
        seen.too_wide = page.evaluate(
            "() => document.documentElement.scrollWidth <= innerWidth ? [] :"
            "[...document.querySelectorAll('main *')].filter(node =>"
            " node.getBoundingClientRect().right > innerWidth + 1)"
            ".map(node => node.outerHTML.slice(0, 120)).slice(0, 8)"
        )
        page.set_viewport_size({"width": 1280, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_function(
                "scheme => !document.documentElement.dataset.theme"
                " || document.documentElement.dataset.theme === scheme",
                arg=scheme,
            )
            page.wait_for_timeout(300)  # colours may fade from one to the other
            seen.ledger_grounds[scheme] = page.evaluate(
                "() => [...document.querySelectorAll('.etudes-ledger')].map("
                "table => getComputedStyle(table.parentElement).backgroundColor)"
            )
            found = axe.run(page, options=AXE_OPTIONS).response["violations"]
            seen.violations[scheme] = [
                f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:160]} "
                f"{node['failureSummary']}"
                for rule in found
                for node in rule["nodes"]
            ]
        page.close()
        return seen

    yield open_page
    context.close()


def lines(found: list[str]) -> str:
    """One finding a line, so that a failure can be read."""
    return "\n" + "\n".join(found)


def test_the_book_builds_without_warnings(built: tuple[int, str]) -> None:
    status, log = built
    if status != 0:
        printed = log.splitlines()
        told = [line for line in printed if "WARNING" in line or "ERROR" in line]
        pytest.fail("the book does not build:" + lines(told + printed[-40:]), pytrace=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(visit, name: str, scheme: str) -> None:
    found = visit(name).violations[scheme]
    assert not found, lines(found)


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_the_ledger_take_the_ground_of_the_page(visit, name: str) -> None:
    grounds = visit(name).ledger_grounds
    assert set(grounds["light"]) | set(grounds["dark"]) <= {"rgba(0, 0, 0, 0)"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nothing_of_other_servers(visit, name: str) -> None:
    seen = visit(name)
    assert not seen.elsewhere, lines(seen.elsewhere)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_errors_in_its_console(visit, name: str) -> None:
    seen = visit(name)
    assert not seen.complaints, lines(seen.complaints)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(visit, name: str) -> None:
    seen = visit(name)
    assert 0 < seen.weight < MAX_BYTES, f"{name} weighs {seen.weight / 1e6:.1f} MB"


@pytest.mark.parametrize("name", PAGES)
def test_images_have_a_text_alternative_and_formulas_are_set(visit, name: str) -> None:
    seen = visit(name)
    assert not seen.images_without_alt, lines(seen.images_without_alt)
    assert seen.raw_mathematics == 0, f"{seen.raw_mathematics} formulas show their source"


@pytest.mark.parametrize("name", PAGES)
def test_every_icon_is_drawn(visit, name: str) -> None:
    seen = visit(name)
    assert not seen.empty_icons, f"not in book/_static/icons.css: {sorted(set(seen.empty_icons))}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_telephone(visit, name: str) -> None:
    seen = visit(name)
    assert not seen.too_wide, lines(seen.too_wide)


def test_links_between_pages_lead_somewhere(html: Path) -> None:
    """Every link and every anchor of the built pages exists."""
    from bs4 import BeautifulSoup

    parsed = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in (html / f"{name}.html" for name in PAGES)
    }
    anchors = {
        path: {tag["id"] for tag in soup.find_all(id=True)}
        | {tag["name"] for tag in soup.find_all("a", attrs={"name": True})}
        for path, soup in parsed.items()
    }
    broken = []
    for path, soup in parsed.items():
        for link in soup.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            known = target in anchors and (
                not parts.fragment or parts.fragment in anchors[target] | {"top", "main-content"}
            )
            if not known and not (target not in anchors and target.is_file()):
                broken.append(f"{path.relative_to(html)}: {link['href']}")
    assert not broken, lines(broken)


def test_a_reader_can_search_offline(browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/search.html?q=sound", wait_until="networkidle")
    page.wait_for_selector("#search-results li", timeout=10_000)
    assert page.locator("#search-results li").count() > 0
    page.close()


def test_the_front_door_leads_to_the_first_page(browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/", wait_until="networkidle")
    page.wait_for_url("**/book/index.html", timeout=10_000)
    page.close()
