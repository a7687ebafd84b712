"""Project versions go when nothing refers to them any more, on both databases."""

import threading

import pytest
from sqlalchemy import Connection, insert, select

from galley.db.engine import Database
from galley.environments import expiry
from galley.environments.collection import policy_of
from galley.lake import commits, refs
from galley.lake.model import CommitKind
from galley.project.model import Retention
from galley.runs import records
from galley.runs.schedule_tables import trigger
from galley.runs.tables import definition
from tests.queue_cast import a_run

NOW = 100 * 24 * 3600 * 1_000_000
KEPT = Retention()


def keep(conn: Connection, *ids: str, project: str = "shop", now: int = 1) -> None:
    for id in ids:
        records.save_definition(
            conn,
            id=id,
            project=project,
            body="{}",
            folder="/",
            git_commit=None,
            actor="ana",
            now=now,
            archive=lambda: b"files",
        )


def collect(conn: Connection) -> int:
    found = expiry.find_stale(conn, "shop", NOW, KEPT, policy_of(KEPT))
    return expiry.remove_stale(conn, "shop", found, NOW, KEPT, policy_of(KEPT)).definitions


def left(conn: Connection) -> list[str]:
    return sorted(conn.scalars(select(definition.c.id)))


def test_those_that_something_refers_to_stay(conn: Connection) -> None:
    refs.ensure_project(conn, "shop", actor="ana", now=1)
    keep(conn, "d", "activated", "scheduled", "old")
    keep(conn, "foreign", project="other")
    keep(conn, "recent", now=NOW - 1)
    a_run(conn)
    head = refs.get_ref(conn, "shop", "production")
    commits.write_commit(
        conn,
        project="shop",
        parent=commits.get_commit(conn, head.head),
        kind=CommitKind.PROMOTE,
        author="ana",
        message="",
        now=NOW,
        changes=(),
        code_version="activated",
    )
    conn.execute(insert(trigger).values(a_trigger("scheduled")))
    assert collect(conn) == 1
    assert left(conn) == ["activated", "d", "foreign", "recent", "scheduled"]


def a_trigger(definition_id: str) -> dict[str, object]:
    texts = ("environment", "pipeline", "name", "kind", "code")
    plain: dict[str, object] = dict.fromkeys(texts, "x")
    flags = {"active": True, "paused": False, "anchor": 1, "seen": 1}
    more = {"id": "t", "project": "shop", "definition": definition_id}
    return {**plain, **flags, **more, "spec": {}, "request": {}, "state": {}}


def test_one_that_is_put_to_use_again_stays(database: Database) -> None:
    """Whoever is faster: the run finds its version."""
    with database.write() as conn:
        refs.ensure_project(conn, "shop", actor="ana", now=1)
        keep(conn, "d")
    collected = threading.Thread(target=lambda: collecting(database))
    with database.write() as conn:
        keep(conn, "d", now=NOW)
        collected.start()
        collected.join(0.3)
        a_run(conn)
    collected.join(20)
    with database.read() as conn:
        assert left(conn) == ["d"]


def collecting(database: Database) -> None:
    with database.write() as conn:
        collect(conn)


@pytest.mark.parametrize("times", [1, 2])
def test_the_archive_is_packed_once(conn: Connection, times: int) -> None:
    for _ in range(times):
        keep(conn, "d")
    assert records.archive_of(conn, "d") == b"files"
