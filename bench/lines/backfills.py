"""Backfills of thousands of windows: planned, and made."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import postgres
from bench.backfills import Hours
from bench.history import rows
from bench.projects import write
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import BenchError, galley, median
from galley.runs import backfill
from galley.runs.children import tally
from galley.runs.model import RunState

PLANNED = 10_000
MADE = 2_000
_CASES = ((1, 0.0), (1, 0.5), (3, 0.0), (3, 0.5))
_RAW = "SELECT TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS moment, i AS n FROM range(2000) r(i)\n"
_HOURS = """\
/* @galley
materialize: window
window: {column: moment, by: hour, start: 2024-01-01, end: %s}
*/
SELECT moment, n FROM raw WHERE moment >= $start AND moment < $end
"""


def planned(setting: Setting) -> tuple[Record, ...]:
    """Plan and queue ten thousand hours, one to a run, on both databases."""
    with setting.folder() as folder:
        lite = _planned(setting, folder / "sqlite", "SQLite")
        with postgres.server() as server, _database(postgres.fresh(server)):
            shared = _planned(setting, folder / "postgres", "PostgreSQL")
    return lite, shared


def _planned(setting: Setting, folder: Path, database: str) -> Record:
    """The slowest of the cases is what counts."""
    found: dict[tuple[int, float], list[float]] = {case: [] for case in _CASES}
    used: dict[tuple[int, float], list[float]] = {case: [] for case in _CASES}
    for number in range(setting.rounds(3)):
        for steps, share in _CASES:
            place = folder / f"{number}-{steps}-{share}"
            wall, spent = _plan(place, f"h{number}{steps}{int(10 * share)}", steps, share)
            found[steps, share].append(wall)
            used[steps, share].append(spent)
            shutil.rmtree(place)
    slowest = max(_CASES, key=lambda case: median(found[case]))
    said = ", ".join(
        f"{steps} step{'s' * (steps > 1)}{' (half there)' * bool(share)} "
        f"{median(found[steps, share]):.2f} s (CPU {median(used[steps, share]):.2f} s)"
        for steps, share in _CASES
    )
    return Record(
        name=f"backfill-plan-{database.lower()}",
        what=f"plan and queue a backfill of {PLANNED:,} windows, one to a run, {database}",
        value=median(found[slowest]),
        unit="s",
        budget=1,
        notes=(f"the slowest of: {said}",),
        rounds=tuple(found[slowest]),
    )


def _plan(folder: Path, name: str, steps: int, share: float) -> tuple[float, float]:
    hours = Hours.of(folder, steps, _end(PLANNED), name)
    try:
        run = hours.ask()
        hours.fill(run, share)
        started, before = time.perf_counter(), time.process_time()
        backfill.start_backfill(hours.site, run, "engine", hours.home.clock())
        wall, used = time.perf_counter() - started, time.process_time() - before
        with hours.home.database.read() as connection:
            counted = tally(connection, run.id)
    finally:
        hours.home.database.close()
    queued = sum(one.windows for one in counted if one.state is RunState.QUEUED)
    if queued != PLANNED * (1 - share):
        raise BenchError(f"{queued} windows were queued")
    return wall, used


def made(setting: Setting) -> tuple[Record, ...]:
    """Make two thousand hours of one row each, in runs of 31, as a whole command."""
    with setting.folder() as folder:
        project = write(
            folder / "project",
            {
                "galley.yaml": "name: hours\n",
                "pipelines/src/raw.sql": _RAW,
                "pipelines/p/hours.sql": _HOURS % _end(MADE),
            },
        )
        found = tuple(
            MADE / _make(project, *options)
            for options in [(), ("--atomic",)]
            for _ in range(setting.rounds(1))
        )
    return (
        Record(
            name="backfill-pace",
            what=f"windows a second of a backfill of {MADE:,}, a trivial step, whole command",
            value=found[0],
            unit="windows/s",
            budget=30,
            bound=Bound.LEAST,
            notes=(f"in runs of 31; with --atomic {found[-1]:.0f} windows/s",),
            rounds=found,
        ),
    )


def _make(project: Path, *options: str) -> float:
    shutil.rmtree(project / ".galley", ignore_errors=True)
    galley(project, "run", "src")
    started = time.perf_counter()
    galley(project, "backfill", "p", *options)
    seconds = time.perf_counter() - started
    windows = rows(
        project, "SELECT sum(size) FROM run WHERE part = 'windows' AND state = 'succeeded'"
    )
    if windows != [(MADE,)]:
        raise BenchError(f"{windows} windows were made")
    return seconds


def _end(hours: int) -> str:
    """The end of so many hours since 2024 began."""
    after = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    return after.replace(tzinfo=None).isoformat()


@contextmanager
def _database(url: str) -> Iterator[None]:
    os.environ["GALLEY_DATABASE"] = url
    try:
        yield
    finally:
        del os.environ["GALLEY_DATABASE"]
