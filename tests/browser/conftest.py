"""A real browser on a real server with the example."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from galley.server.web import FILES
from tests.browser.cast import ARGUMENTS, CHROMIUM, PASSWORD, Kitchen, opened, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. In CI it has to be there.

    While it is there an event loop runs in this thread: other tests do not bear that.
    """
    if missing := [str(one) for one in (CHROMIUM, FILES / "index.html") if not one.exists()]:
        said = f"the interface cannot be tried without {', '.join(missing)}: make browser"
        pytest.fail(said) if "CI" in os.environ else pytest.skip(said)
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def kitchen(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    """The example, served by `galley up`, where people log in."""
    with serving(tmp_path_factory.mktemp("web") / "flights", identity=True) as found:
        yield found


@pytest.fixture(scope="module")
def admin(browser: Browser, kitchen: Kitchen) -> Any:
    """What a browser keeps of the first admin, who followed their link and chose a password."""
    with opened(browser, kitchen.url) as (page, complaints):
        page.goto(kitchen.link)
        page.get_by_label("Choose a password").fill(PASSWORD)
        page.get_by_label("Once more").fill(PASSWORD)
        page.get_by_role("button", name="Go in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert complaints == []
        return page.context.storage_state()


@pytest.fixture
def page(browser: Browser, kitchen: Kitchen, admin: Any) -> Iterator[Page]:
    """The admin's page, that may say nothing to its console and ask nobody else for anything."""
    with opened(browser, kitchen.url, storage_state=admin) as (found, complaints):
        yield found
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, which looks for what is not accessible."""
    file = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
    if not file.exists():
        pytest.skip("axe is not there: make web")
    return file.read_text()
