"""How a run is shown while it goes: a live view on a terminal, else one line for each event."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from galley.cli import words
from galley.cli.batches import Batches, DatabaseBatchFeed
from galley.runs import queue, records
from galley.runs.model import Run, RunState, StepState, StepType

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from galley.db.engine import Database

LOOK = 0.1
"""Seconds between two looks at the database."""

SILENT = frozenset({"run.queued", "run.running", "step.staged", "step.running"})
"""Events that say nothing to somebody who reads lines."""


class Watch(Protocol):
    """Shows what is new each time it is called."""

    def __call__(self) -> None:
        """Look, and show."""

    def close(self) -> None:
        """Show the last of it."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as the live view shows it. ``counts``: it is one of the user's."""

    name: str
    state: StepState
    position: int
    rows: int | None
    seconds: float | None
    started: int | None
    counts: bool


class Feed(Protocol):
    """Where what happens in a run is learned."""

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""

    def steps(self) -> list[StepLine]:
        """The run's steps as they are now."""

    def state(self) -> RunState:
        """The run's state now."""


class DatabaseFeed:
    """A run of a home at hand."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self._run = run_id
        self._seen = 0

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""
        with self._database.read() as connection:
            events = records.events_since(connection, self._run, self._seen)
        self._seen = events[-1]["id"] if events else self._seen
        return events

    def steps(self) -> list[StepLine]:
        """The run's steps as they are now."""
        with self._database.read() as connection:
            found = queue.steps_of(connection, self._run)
        return [
            StepLine(
                step.name,
                step.state,
                step.position,
                step.rows,
                step.seconds,
                step.started,
                step.type is StepType.STEP,
            )
            for step in found
        ]

    def state(self) -> RunState:
        """The run's state now."""
        with self._database.read() as connection:
            return records.get_run(connection, self._run).state


class Lines:
    """One line for each event, oldest first; for logs and pipes."""

    def __init__(self, feed: Feed, console: Console) -> None:
        self._feed = feed
        self._console = console
        self._looked = 0.0

    def __call__(self) -> None:
        """Print what happened since the last look."""
        if time.monotonic() - self._looked >= LOOK:
            self._look()

    def close(self) -> None:
        """Print the rest."""
        self._look()

    def _look(self) -> None:
        self._looked = time.monotonic()
        for event in self._feed.fresh():
            line = event_line(event)
            if line:
                self._console.print(line, markup=False, soft_wrap=True)


class LiveView:
    """A table of the run's steps that changes in place."""

    def __init__(self, feed: Feed, console: Console) -> None:
        self._feed = feed
        self._console = console
        self._looked = 0.0
        self._began = time.monotonic()
        self._steps: list[StepLine] = []
        self._state = RunState.QUEUED
        self._tests: dict[str, dict[str, int]] = {}
        self._live: Live | None = None

    def __call__(self) -> None:
        """Read what is new and draw."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._look()
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                self._view(), console=self._console, auto_refresh=False, transient=True
            )
            self._live.start()
        self._live.update(self._view(), refresh=True)

    def close(self) -> None:
        """Take the view away; the summary says it all again."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _look(self) -> None:
        self._looked = time.monotonic()
        events = self._feed.fresh()
        if events or not self._steps:
            self._steps, self._state = self._feed.steps(), self._feed.state()
        for event in events:
            if event["kind"] == "tests" and event["step"]:
                self._tests[event["step"]] = event["body"] or {}

    def _view(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        now = time.time()
        view = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("sign", "step", "state", "rows", "time", "tests"):
            view.add_column(name, no_wrap=True, overflow="ellipsis")
        for step in _fitting(self._steps, self._console.height - 3):
            style = words.colour(step.state.value)
            view.add_row(
                Text(words.glyph(step.state.value), style=style),
                shown_name(step.name),
                Text(words.word(step.state.value), style=style),
                words.rows(step.rows),
                _elapsed(step, now),
                test_counts(self._tests.get(step.name, {})),
            )
        done = sum(step.state.terminal for step in self._steps)
        total = words.seconds(time.monotonic() - self._began)
        state = words.word(self._state.value)
        view.add_row("", Text(f"{state}: {done} of {len(self._steps)} in {total}", style="dim"))
        return view


def event_line(event: Mapping[str, Any]) -> str | None:
    """One event in words, or nothing."""
    kind, body, step = event["kind"], event["body"] or {}, event["step"]
    if kind in SILENT:
        return None
    if kind == "tests":
        return f"  {shown_name(step)}: {test_counts(body)}"
    subject, _, state = kind.partition(".")
    if subject == "backfill":
        runs = words.plural(body.get("runs", 0), "run")
        return f"  {words.plural(body.get('windows', 0), 'window')} to make in {runs}"
    if subject == "run":
        return None if RunState.__members__.get(state.upper()) else f"  run {words.word(state)}"
    parts = [f"{words.glyph(state)} {shown_name(step)} {words.word(state)}"]
    if body.get("rows") is not None:
        parts.append(words.rows(body["rows"]))
    if body.get("seconds") is not None:
        parts.append(words.seconds(body["seconds"]))
    if body.get("message"):
        parts.append(words.cut(body["message"].splitlines()[0], 160))
    return " · ".join(parts)


def test_counts(counts: Mapping[str, int]) -> str:
    """``12 tests passed``, ``1 failed, 11 passed``."""
    order = {
        "fail": "failed",
        "error": "in error",
        "not_evaluated": "not evaluated",
        "warn": "warned",
        "pass": "passed",
    }
    said = [f"{counts[key]} {text}" for key, text in order.items() if counts.get(key)]
    if not said:
        return ""
    if said == [f"{counts.get('pass')} passed"]:
        return f"{words.plural(counts['pass'], 'test')} passed"
    return f"tests: {', '.join(said)}"


def shown_name(name: str | None) -> str:
    """A step's name; the implicit ones in words."""
    if name is None:
        return ""
    if name.startswith("tests:input:"):
        return f"tests of input {name.removeprefix('tests:input:')}"
    return "tests across tables" if name == "tests:spanning" else name


def watcher(
    database: Database, run: Run, console: Console, *, live: bool
) -> Lines | LiveView | Batches:
    """The view that fits the run, and where the output goes."""
    if run.is_backfill:
        return Batches(DatabaseBatchFeed(database, run.id), console, live=live)
    return (LiveView if live else Lines)(DatabaseFeed(database, run.id), console)


def _fitting(steps: list[StepLine], room: int) -> list[StepLine]:
    """Those steps that matter most, in order, where not all fit on the screen."""
    if len(steps) <= room:
        return steps
    rank = {step.name: (step.state.good, step.state.live is False, step.position) for step in steps}
    chosen = {step.name for step in sorted(steps, key=lambda step: rank[step.name])[: max(room, 1)]}
    return [step for step in steps if step.name in chosen]


def _elapsed(step: StepLine, now: float) -> str:
    if step.seconds is not None:
        return words.seconds(step.seconds)
    if step.state.live and step.started is not None and step.counts:
        return words.seconds(max(0.0, now - step.started / 1_000_000))
    return ""
