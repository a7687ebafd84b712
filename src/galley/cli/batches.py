"""How a backfill is shown while it goes: how many windows are made, how fast, and what failed."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from galley.cli import words
from galley.runs import progress, records
from galley.runs.model import Part, Run, RunState
from galley.runs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.live import Live

    from galley.db.engine import Database

LOOK = 0.25
SPEAK = 10.0
"""Seconds between two looks, and between two lines where there is no terminal."""

FEW = 40
"""Up to so many runs each has a line of its own; of more only those that fail."""

MOST_FAILURES = 10
RECENT = 60.0
"""Seconds over which the pace is taken."""

PAGE = 200


class Pace:
    """Windows a second, over the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, made: int) -> None:
        """So many windows are made by now."""
        self._seen.append((now, made))
        while now - self._seen[0][0] > RECENT:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """``None`` as long as nothing tells."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if after > before and last > first else None


class BatchFeed(Protocol):
    """Where it is learned how far a backfill is. ``run`` is its id."""

    run: str

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""

    def progress(self) -> Progress:
        """How far it is now."""

    def ended(self, after: int, *, few: bool) -> Sequence[Run]:
        """The runs that ended after an instant; where there are not ``few``, those that failed."""


class DatabaseBatchFeed:
    """A backfill of a home at hand."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self.run = run_id
        self._seen = -1

    def fresh(self) -> Sequence[Mapping[str, Any]]:
        """The events since the last call, oldest first."""
        with self._database.read() as connection:
            events = records.events_since(connection, self.run, self._seen)
        self._seen = events[-1]["id"] if events else self._seen
        return events

    def progress(self) -> Progress:
        """How far it is now."""
        with self._database.read() as connection:
            return progress.progress_of(connection, self.run)

    def ended(self, after: int, *, few: bool) -> Sequence[Run]:
        """The runs that ended after an instant; where there are not ``few``, those that failed."""
        with self._database.read() as connection:
            if few:
                return progress.ended_after(connection, self.run, after, PAGE)
            return progress.failures(connection, self.run, PAGE, after)


class Batches:
    """One line that changes in place on a terminal, else a line now and then."""

    def __init__(
        self, feed: BatchFeed, console: Console, *, live: bool, look: float = LOOK
    ) -> None:
        self._feed = feed
        self._look_every = look
        self._console = console
        self._on_terminal = live
        self._live: Live | None = None
        self._pace = Pace()
        self._seen = -1
        self._told: set[str] = set()
        self._failures = 0
        self._looked = 0.0
        self._spoke = time.monotonic()

    def __call__(self) -> None:
        """Show what is new since the last look."""
        if time.monotonic() - self._looked >= self._look_every:
            self._look()

    def close(self) -> None:
        """Show the rest."""
        self._look()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _look(self) -> None:
        self._looked = now = time.monotonic()
        events, found = self._feed.fresh(), self._feed.progress()
        few = sum(found.runs.values()) <= FEW
        self._say_events(events)
        self._say_ended(self._feed.ended(self._seen - 1, few=few), few=few)
        self._pace.note(now, found.made)
        if found.windows and not few:
            self._show(found, now)

    def _say_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        for event in events:
            subject, _, said = event["kind"].partition(".")
            body = event["body"] or {}
            if subject == "backfill":
                runs = words.plural(body.get("runs", 0), "run")
                self._say(f"  {words.plural(body.get('windows', 0), 'window')} to make in {runs}")
            elif subject == "run" and said.upper() not in RunState.__members__:
                self._say(f"  run {words.word(said)}")

    def _say_ended(self, ended: Sequence[Run], *, few: bool) -> None:
        for child in ended:
            if child.id in self._told:
                continue
            self._told.add(child.id)
            self._seen = max(self._seen, child.finished or 0)
            self._failures += not few
            if few or self._failures <= MOST_FAILURES:
                self._say(child_line(child))
            elif self._failures == MOST_FAILURES + 1:
                self._say(f"  … and others: galley show {words.short(self._feed.run)}")

    def _show(self, found: Progress, now: float) -> None:
        line = progress_line(found, self._pace.rate)
        if self._on_terminal:
            self._update(line)
        elif now - self._spoke >= SPEAK:
            self._spoke = now
            self._say(f"  {line}")

    def _update(self, line: str) -> None:
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Text(f"▸ {line}"), refresh=True)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def progress_line(found: Progress, rate: float | None) -> str:
    """``1,240 of 10,000 windows · 41 a second · 4 min left · 2 failed``."""
    said = [f"{found.made:,} of {words.plural(found.windows, 'window')}"]
    if rate:
        said.append(f"{rate:.1f} a second" if rate < 100 else f"{rate:,.0f} a second")
        if found.open:
            said.append(f"{words.seconds(found.open / rate)} left")
    if found.failed:
        said.append(f"{found.failed:,} failed")
    return " · ".join(said)


def child_line(run: Run) -> str:
    """One run of a backfill that has ended."""
    said = [f"{words.glyph(run.state.value)} {_about(run)}: {words.word(run.state.value)}"]
    if run.started and run.finished:
        said.append(words.seconds((run.finished - run.started) / 1_000_000))
    if run.message:
        said.append(words.cut(run.message.splitlines()[0], 160))
    return " · ".join(said)


def _about(run: Run) -> str:
    windows = run.request.windows
    if run.part is Part.LAST:
        return "all of it" if run.request.staged else "the tables made from them"
    if run.part is Part.FIRST or windows is None:
        return "the tables they are cut from"
    return f"windows {windows[0]}..{windows[1]}" if windows[0] != windows[1] else windows[0]
