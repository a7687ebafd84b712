"""Completion of names from the project: pipelines, steps, tables, refs and runs.

A shell waits for the answer, so no definition is compiled: the last manifest and the state database
are read as they are. Whatever goes wrong, there is nothing to suggest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from galley.errors import GalleyError

Complete = Callable[[str], list[str]]


def _quiet(function: Complete) -> Complete:
    @wraps(function)
    def names(incomplete: str) -> list[str]:
        try:
            found = function(incomplete)
        except (GalleyError, OSError, ValueError, KeyError, sqlite3.Error):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return names


@_quiet
def pipelines(incomplete: str) -> list[str]:
    """The project's pipelines."""
    return sorted(_manifest()["pipelines"])


@_quiet
def steps(incomplete: str) -> list[str]:
    """The project's steps."""
    return sorted(_manifest()["steps"])


@_quiet
def tables(incomplete: str) -> list[str]:
    """The tables that the project's steps make."""
    return sorted({t for step in _manifest()["steps"].values() for t in step.get("outputs", ())})


@_quiet
def refs(incomplete: str) -> list[str]:
    """Environments, kitchens and tags."""
    lasting = "('environment', 'kitchen', 'tag')"
    return _query(f"SELECT DISTINCT name FROM lake_ref WHERE kind IN {lasting} ORDER BY name")  # noqa: S608


@_quiet
def runs(incomplete: str) -> list[str]:
    """The newest runs."""
    return ["last", *_query("SELECT id FROM run ORDER BY created DESC LIMIT 30")]


@_quiet
def contexts(incomplete: str) -> list[str]:
    """The servers that are known, and working here."""
    from galley.cli.contexts import LOCAL, read

    return sorted({LOCAL, *read().known})


def _home() -> Path:
    from galley.cli.session import find_home

    return find_home(None)


def _manifest() -> Any:
    text = (_home() / "cache" / "manifest.json").read_text("utf-8")
    return json.loads(text.partition("\n")[2])


def _query(statement: str) -> list[str]:
    database = _home() / "galley.db"
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.2)
    try:
        return [str(row[0]) for row in connection.execute(statement)]
    finally:
        connection.close()
