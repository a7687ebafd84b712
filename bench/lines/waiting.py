"""What the length of the queue costs: a claim and its move, with ever more steps that wait."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import insert

from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import median
from galley.db import schema
from galley.db.engine import Database, open_database, sqlite_url
from galley.ids import new_id
from galley.runs import claims, queue, tables
from galley.runs.claims import Taker
from galley.runs.groups import Group
from galley.runs.model import StepState

SHORT, LONG = 100, 100_000
CLAIMS = 200
FULL = Group((), ("bench/pool/full",))


def flat(setting: Setting) -> tuple[Record, ...]:
    """A claim of one step: behind a hundred waiting steps, and behind a hundred thousand."""
    with setting.folder() as folder:
        short = tuple(_claim(folder / f"s{n}", SHORT) for n in range(setting.rounds(5)))
        long = tuple(_claim(folder / f"l{n}", LONG) for n in range(setting.rounds(5)))
    value, rival = median(long), median(short)
    return (
        Record(
            name="queue",
            what=f"claim and start a step with {LONG:,} waiting, half of them behind a full pool",
            value=value,
            unit="ms",
            budget=1.5,
            bound=Bound.RATIO,
            ratio=value / rival,
            rival=f"{SHORT} waiting, {rival:.2f} ms",
            rounds=long,
            notes=("library calls on SQLite, synchronous=NORMAL as for claims",),
        ),
    )


def _claim(folder: Path, waiting: int) -> float:
    """Milliseconds for one claim of a queue of that length."""
    folder.mkdir(parents=True)
    database = open_database(sqlite_url(folder / "galley.db"))
    schema.prepare(database)
    _fill(database, waiting)
    taker = Taker("bench", 1, 1 << 50)
    started = time.perf_counter()
    for number in range(min(CLAIMS, waiting // 2)):
        with database.write(durable=False) as connection:
            (step,) = claims.claim(connection, taker, number)
            queue.move_step(connection, step, StepState.SUCCEEDED, number)
    seconds = time.perf_counter() - started
    database.close()
    return 1000 * seconds / min(CLAIMS, waiting // 2)


def _fill(database: Database, waiting: int) -> None:
    """Steps of one run that could start, every second of them in a pool without a free slot."""
    run = {
        "id": "r",
        "project": "bench",
        "pipeline": "p",
        "ref": "kitchen/bench",
        "state": "running",
        "intention": "go",
        "cause": "manual",
        "definition": "d",
        "request": {},
        "actor": "bench",
        "origin": "",
        "created": 1,
    }
    steps = [
        {
            "id": new_id(),
            "run_id": "r",
            "name": f"s{number}",
            "type": "step",
            "state": "ready",
            "priority": number % 3,
            "grouping": FULL.text if number % 2 else "",
            "age": 1,
            "position": number,
            "unmet": 0,
        }
        for number in range(waiting)
    ]
    with database.write() as connection:
        connection.execute(insert(tables.run), [run])
        connection.execute(insert(tables.step_run), steps)
        claims.set_limits(connection, {"bench/pool/full": 0}, 1)
