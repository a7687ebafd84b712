"""Who plays in the tests of the interface: a server on the example, and Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect

CHROMIUM = Path(os.environ.get("CHROMIUM", shutil.which("chromium") or "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
GALLEY = (sys.executable, "-m", "galley")
PASSWORD = "seven geese over the harbour"
DESK: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}

expect.set_options(timeout=30_000)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """A project's folder, and where it is served."""

    folder: Path
    url: str
    link: str = ""

    def galley(self, *words: str) -> str:
        """Run a command in the project."""
        done = subprocess.run(
            [*GALLEY, *words], cwd=self.folder, capture_output=True, text=True, timeout=100
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def deliver(self, name: str) -> None:
        """Put the delivery of the last day there: bad_day or good_day."""
        target = self.folder / "data/incoming/2013-12-31.csv"
        shutil.copyfile(self.folder / f"demo/{name}.csv", target)


FORM = """
  - name: again
    manual:
      late_after: {type: integer, label: Late after minutes, min: 1, max: 120, required: true}
"""


def add_form(folder: Path) -> None:
    """Give the pipeline a trigger that somebody fires by hand, with a form."""
    file = folder / "pipelines/delays/pipeline.yaml"
    text = file.read_text()
    file.write_text(text.replace("fresh_by:", f"{FORM.lstrip(chr(10))}fresh_by:"))


@contextmanager
def serving(folder: Path, *before: Sequence[str], identity: bool = False) -> Iterator[Kitchen]:
    """`galley up` on a copy of the example, after some commands.

    With ``identity`` people log in; ``link`` is then the one for the first admin.
    """
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".galley", "__pycache__"))
    add_form(folder)
    for words in before:
        Kitchen(folder, "").galley(*words)
    command = [*GALLEY, "up", "--port", "0", *(["--identity"] if identity else [])]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as up:
        try:
            assert up.stdout is not None
            url = up.stdout.readline().split()[-1]
            link = up.stdout.readline().split()[-1] if identity else ""
            httpx.get(f"{url}/ready", timeout=150).raise_for_status()
            yield Kitchen(folder, url, link)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(30)


@contextmanager
def opened(browser: Browser, url: str, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page of its own, and what was wrong with it."""
    context = browser.new_context(base_url=url, **{"viewport": DESK, **how})
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(f"asked {request.url}")

    page.on("console", told)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    yield page, complaints
    context.close()


def settled(page: Page) -> None:
    """Wait until the page shows what it came for."""
    page.wait_for_selector("h1")
    page.wait_for_selector("[aria-busy=true]", state="detached")
