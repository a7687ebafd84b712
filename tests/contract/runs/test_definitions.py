"""Project versions go when nothing refers to them any more, on both databases."""

import threading

import pytest
from sqlalchemy import Connection, insert, select

from galley.db.engine import Database
from galley.environments import expiry, versions
from galley.environments.collection import policy_of
from galley.environments.kitchens import open_ref
from galley.errors import NotFoundError, UsageError
from galley.governance.model import Actor
from galley.lake import commits, refs
from galley.lake.model import CommitKind
from galley.project.model import Retention
from galley.runs import records
from galley.runs.schedule_tables import trigger
from galley.runs.tables import definition
from tests.queue_cast import a_run

NOW = 100 * 24 * 3600 * 1_000_000
KEPT = Retention()
ANA = Actor("ana")


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
    keep(conn, "deployed", "undeployed")
    a_run(conn)
    head = refs.get_ref(conn, "shop", "production")
    for version in ("undeployed", "deployed"):
        kitchen = open_ref(conn, "shop", "kitchen/ana", ANA, NOW)
        refs.set_code(conn, kitchen, version)
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
    assert collect(conn) == 2
    assert left(conn) == ["activated", "d", "deployed", "foreign", "recent", "scheduled"]
    refs.delete_ref(conn, open_ref(conn, "shop", "kitchen/ana", ANA, NOW), who="", why="", now=NOW)
    assert collect(conn) == 1
    assert open_ref(conn, "shop", "kitchen/ana", ANA, NOW).code_version is None


def test_versions_are_listed_from_the_newest_on(conn: Connection) -> None:
    """The first registration stands; a clean commit and a message may still come."""
    keep(conn, *(f"{n}{'0' * 31}" for n in range(4)))
    for at, n in ((5, 1), (7, 0), (7, 2), (9, 1)):
        records.register_definition(
            conn,
            f"{n}{'0' * 31}",
            files=n,
            steps=n,
            actor="ana",
            now=at,
            git_commit="abc" if at == 9 else None,
            message="said" if at == 9 else None,
        )
    found = versions.page(conn, "shop", limit=2)
    assert [(row["id"][0], row["registered"]) for row in found] == [("2", 7), ("0", 7)]
    (last,) = versions.page(conn, "shop", after=(7, found[-1]["id"]), limit=2)
    assert (last["id"][0], last["registered"], last["git_commit"]) == ("1", 5, "abc")
    assert last["message"] == "said"
    assert versions.find_version(conn, "shop", "3")[0] == "3"
    assert versions.find_version(conn, "shop", "last")[0] == "2"
    keep(conn, "3f")
    with pytest.raises(UsageError, match="begins several"):
        versions.find_version(conn, "shop", "3")
    with pytest.raises(NotFoundError, match="no version %"):
        versions.find_version(conn, "shop", "%")


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
