"""Seeing a run through that a server works on: the same display, Ctrl-C and ending as locally."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from galley.cli import screen
from galley.cli.driving import INTERRUPTED, interrupts, on_terminal, status_of
from galley.cli.progress import Lines, LiveView, StepLine
from galley.cli.remote.client import path_of
from galley.cli.remote.place import Remote
from galley.cli.remote.stream import Stream
from galley.cli.summary import print_run
from galley.clock import from_iso
from galley.errors import ConflictError, UnavailableError
from galley.runs.model import Reason, RunState, StepState, StepType

PACE = 0.1
"""Seconds between two looks at what has arrived."""

ASK = 10.0
"""Seconds after which a run of which nothing is heard is asked after."""


class StreamFeed:
    """A run's events as they arrive, in a thread of its own."""

    def __init__(self, remote: Remote, run_id: str) -> None:
        self._remote = remote
        self._run = run_id
        self._arrived: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._failed: Exception | None = None
        self._over = False
        self._heard = time.monotonic()
        self._stream = Stream(remote.client, "/events", {"run": run_id}, last="0")
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""
        found = []
        while not self._arrived.empty():
            event = self._arrived.get()
            self._heard = time.monotonic()
            self._over = self._over or _ends(event["kind"])
            found.append(event)
        return found

    def steps(self) -> list[StepLine]:
        """The run's steps as they are now."""
        found = self._remote.client.items(path_of("runs", self._run, "steps"))
        return [_line(position, one) for position, one in enumerate(found)]

    def state(self) -> RunState:
        """The run's state now."""
        return RunState(self._remote.find_run(self._run)["state"])

    def over(self) -> bool:
        """Whether the run has ended, as far as is known.

        Raises:
            GalleyError: the server refuses to tell, or is away for too long.
        """
        if self._failed is not None:
            raise self._failed
        if not self._over and time.monotonic() - self._heard > ASK:
            self._heard = time.monotonic()
            self._over = self.state().terminal
        return self._over

    def close(self) -> None:
        """Hear no more."""
        self._stream.stop()
        self._thread.join(1)

    def _listen(self) -> None:
        try:
            for event in self._stream:
                self._arrived.put(event.data)
        except Exception as error:  # noqa: BLE001  the thread that waits for it raises it
            self._failed = error


def follow(remote: Remote, run_id: str, *, as_json: bool) -> int:
    """Follow a run to its end and report it; returns the exit status.

    Ctrl-C asks it to stop; twice leaves at once.
    """
    asked = False

    def stop() -> None:
        nonlocal asked
        asked = True
        ask_to_stop(remote, run_id)

    feed = StreamFeed(remote, run_id)
    watch = (LiveView if on_terminal(as_json) else Lines)(feed, screen.err())
    with interrupts(stop) as interrupted:
        try:
            while not feed.over():
                if interrupted() and not asked:
                    stop()
                watch()
                time.sleep(PACE)
        except UnavailableError as error:
            error.hint = f"the run goes on there: galley show {run_id[:8]}"
            raise
        finally:
            watch.close()
            feed.close()
    ended = details(remote, run_id)
    report(ended, as_json=as_json)
    reason = Reason(ended["reason"]) if ended["reason"] else None
    status = status_of(RunState(ended["state"]), reason)
    return INTERRUPTED if interrupted() and status else status


def ask_to_stop(remote: Remote, run_id: str) -> None:
    """Ask a run to stop; one that has ended meanwhile needs no asking."""
    try:
        remote.client.start(path_of("runs", run_id, "cancel"))
    except ConflictError:
        return


def details(remote: Remote, run_id: str) -> Any:
    """Everything about a run, as ``galley show`` knows it."""
    found = remote.client.get(path_of("runs", run_id))
    return {name: value for name, value in found.items() if name != "edges"}


def report(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a run that has ended as JSON, or in words."""
    facts = {name: value for name, value in found.items() if name in _fields()}
    if as_json:
        screen.print_json(facts)
    else:
        print_run(facts, brief=True)


@cache
def _fields() -> frozenset[str]:
    """What ``galley run --json`` has of a run."""
    text = files("galley.cli").joinpath("schemas/run.json").read_text("utf-8")
    return frozenset(json.loads(text)["properties"])


def _ends(kind: str) -> bool:
    subject, _, state = kind.partition(".")
    known = subject == "run" and state.upper() in RunState.__members__
    return known and RunState(state).terminal


def _line(position: int, one: Mapping[str, Any]) -> StepLine:
    return StepLine(
        one["name"],
        StepState(one["state"]),
        position,
        one["rows"],
        one["seconds"],
        from_iso(one["started"]) if one["started"] else None,
        one["type"] == StepType.STEP,
    )
