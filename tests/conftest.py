"""What all tests share: one thread each, the browser that was found, and the order of the run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before torch or NumPy is imported: two processes with all cores each are slower than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
BROWSER_FLAGS = [
    "--no-sandbox",  # needed by root, as in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]
NO_BROWSER = (
    "no Chromium or Chrome found: install one (Debian: apt-get install chromium; "
    "anywhere: .venv/bin/playwright install chromium) or name one in ETUDES_BROWSER"
)


def find_browser() -> str | None:
    """The path of a Chromium or Chrome: the one named in ETUDES_BROWSER, or the first found."""
    named = os.environ.get("ETUDES_BROWSER")
    for name in [named] if named else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    if named:
        return None
    folders = [os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""), "~/.cache/ms-playwright"]
    folders += ["~/Library/Caches/ms-playwright"]
    for folder in folders:
        if not folder or not Path(folder).expanduser().is_dir():
            continue
        for pattern in ("chromium-*/*/chrome", "chromium-*/*/*.app/Contents/MacOS/*"):
            for path in sorted(Path(folder).expanduser().glob(pattern), reverse=True):
                return str(path)
    return None


def pytest_report_header(config: pytest.Config) -> str:
    """Say at the top which browser the page tests use."""
    return f"browser: {find_browser() or NO_BROWSER}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then the chapters, then the pages built from them, then Colab."""

    def stage(item: pytest.Item) -> int:
        for number, marker in enumerate(("chapter", "page", "colab"), start=1):
            if item.get_closest_marker(marker):
                return number
        return 0

    items.sort(key=stage)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A running Chromium (a Playwright ``Browser``); skips where there is none.

    It lives for one module only: while Playwright runs, nothing else in this thread can start an
    event loop.
    """
    path = find_browser()
    if path is None:
        pytest.skip(NO_BROWSER)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield running
        running.close()
