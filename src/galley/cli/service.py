"""Commands that go on until they are told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from galley.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from galley.environments.home import Home


@contextmanager
def needs_server() -> Iterator[None]:
    """Say what is missing where the libraries for HTTP are not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("galley"):
            raise
        raise MissingExtraError(
            f"servers and workers need {error.name}, which is not installed",
            hint="pip install 'galley-dataops[server]'",
        ) from error


def check_server() -> None:
    """Raise MissingExtraError where the libraries of servers are not installed."""
    for name in ("fastapi", "joserfc", "uvicorn"):
        if find_spec(name) is None:
            raise MissingExtraError(
                f"servers need {name}, which is not installed",
                hint="pip install 'galley-dataops[server]'",
            )


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or Ctrl-C came; a second one ends the process at once."""
    asked = threading.Event()

    def note(number: int, _frame: object) -> None:
        if asked.is_set():
            sys.exit(128 + number)
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell_what_happens(format_: str | None) -> None:
    """Log to stderr, one line an event, as text or JSON. Raises UsageError for anything else."""
    from galley.server.logs import LogFormat, start_logging

    known = [one.value for one in LogFormat]
    if format_ is not None and format_ not in known:
        raise UsageError(f"there is no log format {format_!r}", hint=f"one of {', '.join(known)}")
    start_logging(LogFormat(format_) if format_ else None)


def tell_first_link(home: Home, url: str | None, *, identity: bool) -> None:
    """Say how the first admin gets in, where nobody can log in yet: no password is a default."""
    from galley.governance import accounts

    if not identity or url is None:
        return
    with home.database.write() as connection:
        link = accounts.first_link(connection, by=home.actor, now=home.clock())
    if link is not None:
        typer.echo(f"the first admin chooses a password, once, in 3 days: {url}/welcome#{link}")
