"""What a look of the scheduler costs with ten thousand pipelines that run by themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.record import Bound, Record
from bench.setting import Setting
from galley.clock import SECOND
from galley.db import schema
from galley.db.engine import open_database, sqlite_url
from galley.environments.home import Home
from galley.environments.scheduler import Scheduler
from galley.governance.model import Actor
from galley.ids import digest
from galley.lake import refs
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import CommitKind
from galley.project.codec import manifest_to_json
from galley.project.model import Environment, Manifest, Pipeline
from galley.project.schedule import Cron, Promise, Schedule, Trigger
from galley.runs import records

PIPELINES = 10_000
START = 1_770_076_800 * SECOND  # 2026-02-03T00:00Z
HOUR = 3600 * SECOND
LOOKS = 80


def ticks(setting: Setting) -> tuple[Record, ...]:
    """A look a second through a busy hour, and the looks after all come due at the same moment."""
    with setting.folder() as folder:
        spread = _spread(folder / "spread")
        at_once, seconds = _at_once(folder / "at-once")
    return (
        Record(
            name="scheduler-tick",
            what=f"a look of the scheduler, {PIPELINES:,} pipelines on hourly crons with promises",
            value=sorted(spread)[-3],
            unit="ms",
            budget=200,
            bound=Bound.MOST,
            rounds=tuple(spread),
            notes=(
                f"of {LOOKS} looks a second apart, 167 pipelines to start at each full minute, the "
                "third longest; library calls on SQLite, synchronous=FULL",
            ),
        ),
        Record(
            name="scheduler-burst",
            what=f"95 % of the looks when all {PIPELINES:,} come due at the same moment",
            value=sorted(at_once)[-len(at_once) // 20],
            unit="ms",
            budget=200,
            bound=Bound.MOST,
            rounds=tuple(at_once),
            notes=(
                f"{len(at_once)} looks one after the other until all are started: {seconds:.1f} s",
            ),
        ),
    )


def _spread(folder: Path) -> list[float]:
    scheduler = _filled(folder, [f"{n % 60} * * * *" for n in range(PIPELINES)])
    found = []
    for number in range(LOOKS):
        # 167 pipelines come due at each full minute; the looks in between find little.
        found.append(_look(scheduler, START + (50 + number) * SECOND)[0])
    return found


def _at_once(folder: Path) -> tuple[list[float], float]:
    scheduler = _filled(folder, ["0 * * * *"] * PIPELINES)
    found, more, started = [], True, 0
    begun = time.perf_counter()
    while more or started < PIPELINES:
        milliseconds, made, more = _look(scheduler, START + HOUR)
        found.append(milliseconds)
        started += made
    return found, time.perf_counter() - begun


def _look(scheduler: Scheduler, now: int) -> tuple[float, int, bool]:
    begun = time.perf_counter()
    done = scheduler.tick(now)
    return 1000 * (time.perf_counter() - begun), len(done.fired), done.more


def _filled(folder: Path, crons: Sequence[str]) -> Scheduler:
    folder.mkdir(parents=True)
    database = open_database(sqlite_url(folder / "galley.db"))
    schema.prepare(database)
    home = Home(folder, database, "", Actor("bench"), lambda: START)
    manifest = _manifest(crons)
    with database.write() as connection:
        refs.ensure_project(connection, "bench", actor="bench", now=START)
        records.save_definition(
            connection,
            id=manifest.hash,
            project="bench",
            body=manifest_to_json(manifest),
            folder=str(folder),
            git_commit=None,
            actor="bench",
            now=START,
        )
        ref = refs.get_ref(connection, "bench", "production")
        commit = write_commit(
            connection,
            project="bench",
            parent=get_commit(connection, ref.head),
            kind=CommitKind.PROMOTE,
            author="bench",
            message="promote",
            now=START,
            changes=(),
            code_version=manifest.hash,
        )
        refs.move_ref(connection, ref, commit, who="bench", why="promote", now=START)
    scheduler = Scheduler(home)
    scheduler.tick(START)
    return scheduler


def _manifest(crons: Sequence[str]) -> Manifest:
    promise = Promise("07:00", "Europe/Berlin", "pipeline.yaml", 1)
    pipelines = {}
    for number, expression in enumerate(crons):
        name = f"p{number:05}"
        on = Cron("cron", expression, "Europe/Berlin")
        one = Trigger("cron", name, on, f"pipelines/{name}/pipeline.yaml", 1)
        pipelines[name] = Pipeline(name, (), schedule=Schedule((one,), promise))
    manifest = Manifest(
        project="bench",
        hash="",
        steps={},
        pipelines=pipelines,
        spanning=(),
        variables={},
        environments={"production": Environment("production")},
        connections={},
        secrets={},
        reads=(),
        files={},
        toolchain="",
    )
    return replace(manifest, hash=digest(manifest_to_json(manifest)))
