"""Branching, publishing and rolling back in a catalogue of ten thousand tables, in SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from bench.record import Record
from bench.setting import Setting
from bench.timing import median, rounds
from galley import bootstrap
from galley.environments import collection
from galley.environments.home import Home
from galley.environments.kitchens import open_ref
from galley.ids import digest
from galley.lake import collect
from galley.lake.collect import Policy
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import (
    PRODUCTION,
    Change,
    CommitKind,
    Format,
    Intent,
    IntentKind,
    Ref,
    RefKind,
    Version,
    fingerprint,
)
from galley.lake.publish import apply_publish, plan_publish, prepare, shorten
from galley.lake.refs import create_ref, delete_ref, ensure_project, get_ref, move_ref
from galley.lake.rollback import apply_rollback, plan_rollback

PROJECT = "wide"
TABLES = 10_000
DEPTH = 1_000
PUBLISHED = 200
MARKED = 10_000
_A_COMMIT = 10
_SCHEMA: tuple[dict[str, Any], ...] = tuple(
    {"id": number, "name": f"column_{number}", "type": "long"} for number in range(1, 21)
)
_FINGERPRINT = fingerprint(_SCHEMA)


def kitchen(setting: Setting) -> tuple[Record, ...]:
    """Open a kitchen, decision and audit row included, in one durable transaction."""
    with _wide(setting) as home:

        def once(number: int) -> float:
            started = time.perf_counter()
            with home.database.write() as connection:
                open_ref(connection, PROJECT, f"kitchen/k{number}", home.actor, home.clock())
            return 1000 * (time.perf_counter() - started)

        once(-1)
        found = rounds(setting.rounds(21), once)
    return (
        Record(
            name="kitchen",
            what=f"open a kitchen over {TABLES:,} tables at depth {DEPTH:,}",
            value=median(found),
            unit="ms",
            budget=20,
            notes=("library call on SQLite, synchronous=FULL",),
            rounds=found,
        ),
    )


def publish(setting: Setting) -> tuple[Record, ...]:
    """Publish two hundred tables onto a head that has not moved, and take that back again."""
    published: list[float] = []
    returned: list[float] = []
    with _wide(setting) as home:
        for number in range(setting.rounds(9) + 1):
            publish_time, rollback_time = _there_and_back(home, number)
            if number:
                published.append(publish_time)
                returned.append(rollback_time)
    where = ("library call on SQLite, synchronous=FULL, plan and apply",)
    return (
        Record(
            name="publish",
            what=f"publish {PUBLISHED} tables by fast-forward, {TABLES:,} tables at depth "
            f"{DEPTH:,}",
            value=median(published),
            unit="ms",
            budget=50,
            notes=where,
            rounds=tuple(published),
        ),
        Record(
            name="rollback",
            what=f"roll that publish of {PUBLISHED} tables back",
            value=median(returned),
            unit="ms",
            budget=20,
            notes=where,
            rounds=tuple(returned),
        ),
    )


def marking(setting: Setting) -> tuple[Record, ...]:
    """Find ten thousand versions that nothing keeps among all others, and condemn them."""
    with _wide(setting) as home:
        policy = Policy(history=1, publishes=1)
        later = home.clock() + 2
        for number in range(MARKED // PUBLISHED):
            with home.database.write(durable=False) as connection:
                kitchen = open_ref(
                    connection, PROJECT, f"kitchen/m{number}", home.actor, home.clock()
                )
                names = range(number * PUBLISHED, (number + 1) * PUBLISHED)
                _commit(connection, home, kitchen, _changes(names, f"cooked{number}"))
                gone = get_ref(connection, PROJECT, kitchen.name)
                delete_ref(connection, gone, who="ana", why="closed", now=home.clock())
        started = time.perf_counter()
        with home.database.read() as connection:
            found = collect.plan(connection, PROJECT, home.clock() + later, policy, collection.pins)
        with home.database.write() as connection:
            condemned = collect.condemn(
                connection,
                found,
                found.condemn,
                policy=policy,
                pins=collection.pins,
                now=home.clock() + later,
                by="ana",
            )
        seconds = time.perf_counter() - started
    return (
        Record(
            name="collection",
            what=f"find and condemn {len(condemned):,} versions among {found.kept:,} that are kept",
            value=seconds,
            unit="s",
            budget=10,
            notes=("library call on SQLite, synchronous=FULL, plan and apply",),
            rounds=(seconds,),
        ),
    )


def _there_and_back(home: Home, number: int) -> tuple[float, float]:
    with home.database.write() as connection:
        head = get_ref(connection, PROJECT, PRODUCTION).head
        run = create_ref(
            connection,
            PROJECT,
            f"run/r{number}",
            RefKind.RUN,
            head,
            owner="ana",
            now=home.clock(),
            fork_point=head,
            fork_ref=PRODUCTION,
        )
        source = _commit(connection, home, run, _changes(range(PUBLISHED), f"published{number}"))
    started = time.perf_counter()
    with home.database.read() as connection:
        proposal = plan_publish(
            connection, PROJECT, source_head=source, fork_point=head, target_ref=PRODUCTION
        )
        plan = prepare(proposal, run_id=f"r{number}", message="bench")
    with home.database.write() as connection:
        apply_publish(connection, plan, actor="ana", now=home.clock())
    between = time.perf_counter()
    with home.database.read() as connection:
        back = plan_rollback(connection, PROJECT, PRODUCTION, now=home.clock())
    with home.database.write() as connection:
        apply_rollback(connection, back, actor="ana", reason="bench", now=home.clock())
    ended = time.perf_counter()
    return 1000 * (between - started), 1000 * (ended - between)


@contextmanager
def _wide(setting: Setting) -> Iterator[Home]:
    """A home whose production has ten thousand tables and a thousand publishes behind it."""
    with setting.folder() as folder:
        home = bootstrap.open_home(folder / "home")
        try:
            _fill(home)
            yield home
        finally:
            home.database.close()


def _fill(home: Home) -> None:
    with home.database.write(durable=False) as connection:
        ensure_project(connection, PROJECT, actor="ana", now=home.clock())
        production = get_ref(connection, PROJECT, PRODUCTION)
        _commit(connection, home, production, _changes(range(TABLES), "first"))
    for number in range(DEPTH):
        with home.database.write(durable=False) as connection:
            production = get_ref(connection, PROJECT, PRODUCTION)
            names = [(number * 37 + at * 911) % TABLES for at in range(_A_COMMIT)]
            _commit(connection, home, production, _changes(names, f"c{number}"))
        shorten(home.database, PROJECT, PRODUCTION)


def _commit(connection: Connection, home: Home, ref: Ref, changes: Sequence[Change]) -> str:
    made = write_commit(
        connection,
        project=PROJECT,
        parent=get_commit(connection, ref.head),
        kind=CommitKind.PUBLISH if ref.name == PRODUCTION else CommitKind.STEP,
        author="ana",
        message="bench",
        now=home.clock(),
        changes=changes,
    )
    move_ref(connection, ref, made.id, who="ana", why="bench", now=home.clock())
    return made.id


def _changes(numbers: Sequence[int], content: str) -> list[Change]:
    return [_change(number, content) for number in dict.fromkeys(numbers)]


def _change(number: int, content: str) -> Change:
    table = f"table_{number:05}"
    table_id = digest(table, size=8)
    version = Version(
        table=table,
        table_id=table_id,
        format=Format.ICEBERG,
        content_id=digest(table, content, size=16),
        location=f"wide/{table}-{table_id[:8]}/metadata/{content}.metadata.json",
        schema=_SCHEMA,
        schema_fingerprint=_FINGERPRINT,
        rows=1_000_000,
        bytes=50_000_000,
        intent=Intent(IntentKind.REPLACE, ()),
    )
    return Change(table, version)
