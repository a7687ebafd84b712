"""What it takes to run a command through a server."""

from __future__ import annotations

from importlib.util import find_spec

from galley.cli.contexts import Context
from galley.cli.lazy import COMMANDS
from galley.errors import MissingExtraError, UsageError


def check(command: str, context: Context) -> None:
    """Raise unless a command can be run through a server.

    Raises:
        UsageError: it needs the files of a home.
        MissingExtraError: the library for HTTP is not installed.
    """
    if find_spec(f"galley.cli.remote.commands.{COMMANDS[command].module}") is None:
        raise UsageError(
            f"`galley {command}` works where the home is, not through the context {context.name}",
            hint=f"run it there, or on a home at hand: galley --context local {command}",
        )
    check_http()


def check_http() -> None:
    """Raise MissingExtraError where the library for HTTP is not installed."""
    if find_spec("httpx") is None:
        raise MissingExtraError(
            "contexts need httpx, which is not installed",
            hint="pip install 'galley-dataops[server]'",
        )
