"""The web interface in a real browser that was never here: its first paint, and what it fetches."""

from __future__ import annotations

import shutil
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench import projects
from bench.lines.api import served
from bench.record import Record
from bench.setting import Setting
from bench.timing import BenchError

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PAINT = "first-contentful-paint"
LOOK = """() => {
    const scripts = performance.getEntriesByType('resource')
        .filter((one) => new URL(one.name).pathname.endsWith('.js'))
    const paint = performance.getEntriesByName('first-contentful-paint')[0]
    return {
        bytes: scripts.reduce((sum, one) => sum + one.encodedBodySize, 0),
        paint: paint ? paint.startTime : null,
        shown: performance.now(),
    }
}"""


def first_page(setting: Setting) -> tuple[Record, ...]:
    """The overview of a project, in a browser with an empty cache each time."""
    if CHROMIUM is None:
        raise BenchError("there is no chromium on this machine")
    with setting.folder() as folder:
        project = projects.trivial(folder / "trivial", 200)
        with served(project) as base, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            _visit(browser, base)
            seen = [_visit(browser, base) for _ in range(setting.rounds(7))]
            browser.close()
    paints = tuple(one["paint"] for one in seen)
    shown = median(one["shown"] for one in seen)
    return (
        Record(
            name="first-paint",
            what="from the address to the first paint of the overview",
            value=median(paints),
            unit="ms",
            budget=1000,
            rounds=paints,
            notes=(f"all of it stands there after {shown:.0f} ms",),
        ),
        Record(
            name="first-page-js",
            what="JavaScript that the overview fetches, gzipped",
            value=seen[0]["bytes"] / 1000,
            unit="kB",
            budget=500,
        ),
    )


def _visit(browser: Browser, base: str) -> dict[str, Any]:
    context = browser.new_context(base_url=base.removesuffix("/api/v1"))
    page = context.new_page()
    page.goto("/p/trivial")
    page.get_by_role("heading", name="Overview").wait_for()
    page.wait_for_selector("[aria-busy=true]", state="detached")
    page.wait_for_function(f"performance.getEntriesByName('{PAINT}').length")
    found: dict[str, Any] = page.evaluate(LOOK)
    context.close()
    if not found["paint"] or not found["bytes"]:
        raise BenchError(f"the browser showed nothing: {found}")
    return found
