"""Looking at files and values for the triggers that wait for them: never in this process.

What is looked at may hang, be large or be slow, so each look is a child process with a time limit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from galley.environments.home import Home
from galley.environments.launch import at_hand, kept_code
from galley.environments.scheduler import Scheduler
from galley.errors import GalleyError, NotFoundError
from galley.notify.children import Children, Said
from galley.project.model import Manifest
from galley.project.schedule import FileArrived, ValueChanged
from galley.runs.changes import Observation
from galley.runs.firing import Armed

LIMIT = 30.0
"""Seconds that one look may take."""

AT_ONCE = 2

Resolve = Callable[[str, Mapping[str, str], Path], tuple[str, tuple[str, ...]]]
"""A text with the values of its secrets, and these values."""


class Watcher:
    """Looks for a scheduler."""

    def __init__(
        self, home: Home, scheduler: Scheduler, resolve: Resolve, *, limit: float = LIMIT
    ) -> None:
        self.home = home
        self._scheduler = scheduler
        self._resolve = resolve
        self._limit = limit
        self._children = Children()

    def close(self) -> None:
        """Look no more."""
        self._children.close()

    def look(self, now: int) -> int:
        """Look at what is due, and have changes fire; how many looks that were."""
        armed = self._scheduler.watched(now)
        if not armed:
            return 0
        with ThreadPoolExecutor(AT_ONCE) as threads:
            seen = list(threads.map(self._seen, armed))
        self._scheduler.note(seen, now)
        return len(armed)

    def _seen(self, armed: Armed) -> Observation:
        hidden: tuple[str, ...] = ()
        try:
            with self.home.database.read() as connection:
                kept = kept_code(connection, armed.definition)
                manifest, checkout = at_hand(connection, self.home, *kept)
            folder = checkout.folder
            on = armed.trigger.on
            if isinstance(on, ValueChanged) and on.connection is None:
                return self._own(armed, on, folder)
            told, hidden = self._told(on, manifest, folder)
        except GalleyError as error:
            return Observation(armed.id, error=error.message)
        command = [sys.executable, "-m", "galley.runs.runner.sensor"]
        answer = _answer(self._children.ask(command, told, self._limit))
        said: str | None = answer.get("error")
        for value in filter(None, hidden):
            said = said.replace(value, "***") if said else said
        return Observation(armed.id, answer.get("seen"), said)

    def _told(
        self, on: Any, manifest: Manifest, folder: Path
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What the child is told, and the secrets in it."""
        told: dict[str, Any] = {"folder": str(folder)}
        found: dict[str, str] = {}
        hidden: tuple[str, ...] = ()
        if on.connection is not None:
            connection = manifest.connections.get(on.connection)
            if connection is None:
                raise NotFoundError(f"there is no connection '{on.connection}' any more")
            for name, text in {"url": connection.url, **connection.options}.items():
                found[name], values = self._resolve(text, manifest.secrets, folder)
                hidden += values
            told["connection"] = found
        if isinstance(on, FileArrived):
            told["pattern"] = on.pattern
        else:
            told["query"] = on.query
        return told, hidden

    def _own(self, armed: Armed, on: ValueChanged, folder: Path) -> Observation:
        """Ask the environment's own tables, as ``galley sql`` does."""
        code = self.home.path / "code" / armed.definition[:32]
        place = code if (code / "galley.yaml").is_file() else folder
        command = [sys.executable, "-m", "galley", "sql", "--json", "--at", armed.place[1]]
        command += ["--project", str(place), on.query]
        environ = {"GALLEY_HOME": str(self.home.path)}
        answer = _answer(self._children.ask(command, None, self._limit, environ))
        if "rows" in answer:
            return Observation(armed.id, answer["rows"][:1000])
        error = answer.get("error") or answer.get("message")
        return Observation(armed.id, error=str(error or "the query did not answer"))


def _answer(said: Said) -> dict[str, Any]:
    """What a child answered; ``error`` where it did not."""
    if said.status is None:
        return {"error": said.over}
    try:
        found = json.loads(said.out or said.err)
    except ValueError:
        last = "".join(said.err.strip().splitlines()[-1:])
        return {"error": f"the look ended with {said.status}: {last[:500]}"}
    return found if isinstance(found, dict) else {"error": "the look answered nothing"}
