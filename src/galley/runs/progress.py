"""How far a backfill is: counted in the database, however many runs it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from galley.runs.model import Part, Reason, Run, RunState
from galley.runs.records import read_run
from galley.runs.tables import run

_WINDOWS = run.c.part == Part.WINDOWS.value


@dataclass(frozen=True, slots=True)
class Progress:
    """Windows by what came of them, and runs by their state.

    ``rate`` is in windows a second since the first run that makes any began, and ``left`` how many
    seconds the rest takes at that; ``None`` where nothing tells.
    """

    windows: int
    made: int
    failed: int
    cancelled: int
    runs: dict[str, int]
    rate: float | None
    left: float | None

    @property
    def open(self) -> int:
        """The windows that are not made yet and still can be."""
        return self.windows - self.made - self.failed - self.cancelled


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows of neighbouring runs that are in one state."""

    state: RunState
    start: str
    end: str
    windows: int
    runs: int


def progress_of(connection: Connection, parent: str) -> Progress:
    """How far a backfill is."""
    c = run.c
    rows = connection.execute(
        select(
            c.part,
            c.state,
            func.count(),
            func.sum(c.size),
            func.min(c.started),
            func.max(c.finished),
        )
        .where(c.parent == parent)
        .group_by(c.part, c.state)
    ).all()
    windows: dict[RunState, int] = {}
    runs: dict[str, int] = {}
    began = [row[4] for row in rows if row[0] == Part.WINDOWS.value and row[4] is not None]
    ended = [row[5] for row in rows if row[1] == RunState.SUCCEEDED.value and row[5] is not None]
    for _, state, number, size, _, _ in rows:
        runs[state] = runs.get(state, 0) + number
        windows[RunState(state)] = windows.get(RunState(state), 0) + int(size or 0)
    made, total = windows.get(RunState.SUCCEEDED, 0), sum(windows.values())
    cancelled = windows.get(RunState.CANCELLED, 0)
    failed = windows.get(RunState.FAILED, 0) + windows.get(RunState.SUPERSEDED, 0)
    seconds = (max(ended) - min(began)) / 1_000_000 if made and began and ended else 0.0
    rate = made / seconds if seconds > 0 else None
    rest = total - made - failed - cancelled
    return Progress(
        total, made, failed, cancelled, runs, rate, rest / rate if rate and rest else None
    )


def failures(connection: Connection, parent: str, limit: int, after: int = -1) -> list[Run]:
    """The runs that failed by a fault of their own, in the order of their windows.

    ``after`` leaves out those that ended up to that instant.
    """
    states = [RunState.FAILED.value, RunState.SUPERSEDED.value]
    query = (
        select(run)
        .where(
            run.c.parent == parent,
            run.c.state.in_(states),
            run.c.reason != Reason.UPSTREAM.value,
            run.c.finished > after,
        )
        .order_by(run.c.created)
        .limit(limit)
    )
    return [read_run(row) for row in connection.execute(query)]


def ended_after(connection: Connection, parent: str, after: int, limit: int) -> list[Run]:
    """The runs that ended after an instant, the first first."""
    query = select(run).where(run.c.parent == parent, run.c.finished > after)
    return [
        read_run(row) for row in connection.execute(query.order_by(run.c.finished).limit(limit))
    ]


def stretches(connection: Connection, parent: str) -> Iterator[Stretch]:
    """All windows of a backfill in order, neighbours in one state as one."""
    rows = connection.execute(
        select(run.c.state, run.c.request, run.c.size)
        .where(run.c.parent == parent, _WINDOWS)
        .order_by(run.c.created)
    )
    before: Stretch | None = None
    for state, request, size in rows:
        start, end = request["windows"]
        here = Stretch(RunState(state), start, end, size, 1)
        if before is None:
            before = here
        elif before.state is here.state and before.end <= start != end:
            both = before.windows + size
            before = replace(before, end=end, windows=both, runs=before.runs + 1)
        else:
            yield before
            before = here
    if before is not None:
        yield before
