"""Seeing a run through that a server works on: the same display, Ctrl-C and ending as locally."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from galley.cli import screen
from galley.cli.batches import Batches
from galley.cli.driving import INTERRUPTED, interrupts, on_terminal, status_of
from galley.cli.progress import Lines, LiveView, StepLine, Watch
from galley.cli.remote.client import path_of
from galley.cli.remote.place import Remote
from galley.cli.remote.stream import Stream
from galley.cli.summary import print_run
from galley.clock import from_iso
from galley.errors import ConflictError, UnavailableError
from galley.runs.model import Reason, Run, RunState, StepState, StepType
from galley.runs.progress import Progress

PACE = 0.1
"""Seconds between two looks at what has arrived."""

ASK = 10.0
"""Seconds after which a run of which nothing is heard is asked after."""


PAUSE = 2.0
"""Seconds after which the steps are asked for though nothing has happened."""

BATCHES = 2.0
"""Seconds between two looks at how far a backfill is."""


class StreamFeed:
    """A run's events as they arrive, in a thread of its own."""

    def __init__(self, remote: Remote, run_id: str) -> None:
        self._remote = remote
        self.run = run_id
        self._arrived: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._failed: Exception | None = None
        self._over = False
        self._heard = self._looked = time.monotonic()
        self._stale = True
        self._steps: list[StepLine] = []
        self._state = RunState.QUEUED
        self._stream = Stream(remote.client, "/events", {"run": run_id}, last="0")
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""
        found = []
        while not self._arrived.empty():
            found.append(self._arrived.get())
        self._stale = self._stale or bool(found)
        return found

    def steps(self) -> list[StepLine]:
        """The run's steps as of the last event."""
        self._look()
        return self._steps

    def state(self) -> RunState:
        """The run's state as of the last event."""
        self._look()
        return self._state

    def _look(self) -> None:
        """Ask the server, unless nothing has happened since it was asked."""
        if self._stale or time.monotonic() - self._looked > PAUSE:
            self._stale, self._looked = False, time.monotonic()
            found = self._remote.client.items(path_of("runs", self.run, "steps"))
            self._steps = [_line(position, one) for position, one in enumerate(found)]
            self._state = RunState(self._remote.find_run(self.run)["state"])

    def progress(self) -> Progress:
        """How far a backfill is."""
        found = self._remote.client.get(path_of("runs", self.run))["backfill"]
        return Progress(
            found["windows"],
            found["made"],
            found["failed"],
            found["cancelled"],
            found["runs"],
            found["windows_per_second"],
            found["seconds_left"],
        )

    def ended(self, after: int, *, few: bool) -> Sequence[Run]:
        """None are named while it goes on: the end tells which failed."""
        return ()

    def over(self) -> bool:
        """Whether the run has ended, as far as is known.

        Raises:
            GalleyError: the server refuses to tell, or is away for too long.
        """
        if self._failed is not None:
            raise self._failed
        if not self._over and time.monotonic() - self._heard > ASK:
            self._heard = time.monotonic()
            self._over = RunState(self._remote.find_run(self.run)["state"]).terminal
        return self._over

    def close(self) -> None:
        """Hear no more."""
        self._stream.stop()
        self._thread.join(1)

    def _listen(self) -> None:
        try:
            for event in self._stream:
                self._arrived.put(event.data)
                self._heard = time.monotonic()
                self._over = self._over or _ends(event.data["kind"])
        except Exception as error:  # noqa: BLE001  the thread that waits for it raises it
            self._failed = error


def follow(remote: Remote, start: Callable[[], str], *, as_json: bool) -> int:
    """Start a run, follow it to its end and report it; returns the exit status.

    Ctrl-C asks it to stop, also one that came while it was started; twice leaves at once.
    """
    run_id = ""
    asked = False

    def stop() -> None:
        nonlocal asked
        asked = True
        if not run_id:
            raise UnavailableError("the server has not said yet which run it is")
        ask_to_stop(remote, run_id)

    with interrupts(stop) as interrupted:
        run_id = start()
        feed = StreamFeed(remote, run_id)
        watch = _watch(remote, feed, live=on_terminal(as_json))
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


def _watch(remote: Remote, feed: StreamFeed, *, live: bool) -> Watch:
    """The view that fits the run, and where the output goes."""
    if details(remote, feed.run)["backfill"] is not None:
        return Batches(feed, screen.err(), live=live, look=BATCHES)
    return (LiveView if live else Lines)(feed, screen.err())


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
