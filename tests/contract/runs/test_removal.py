"""A project that is removed leaves nothing, and takes nothing of another."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

import galley.bootstrap  # noqa: F401 - fills the metadata
from galley.db.base import metadata
from galley.environments.removal import remove_project
from galley.environments.soundness import catalogue_violations
from galley.governance.audit import entries, record
from galley.governance.decide import decide
from galley.governance.model import Action, Actor, Resource
from galley.runs.model import RunState
from galley.runs.queue import move_run
from tests.lake_cast import Shop, change
from tests.queue_cast import claim, steps


def counts(conn: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def audited(conn: Connection, project: str, **detail: object) -> None:
    ana, production = Actor("ana", on_behalf_of="ben"), Resource("ref", "production", project)
    decision = decide(ana, Action.PROMOTE, production)
    record(
        conn,
        actor=ana,
        action=Action.PROMOTE,
        resource=production,
        decision=decision,
        now=7,
        reason="why not",
        detail=detail,
    )


def test_the_audit_trail_is_kept_by_project_newest_first(conn: Connection) -> None:
    audited(conn, "shop", number=1)
    audited(conn, "works", number=2)
    audited(conn, "shop", number=3, text="ümläut")
    found = entries(conn, "shop")
    assert [entry["detail"]["number"] for entry in found] == [3, 1]
    assert (found[0]["actor"], found[0]["on_behalf_of"], found[0]["at"]) == ("ana", "ben", 7)
    assert (found[0]["rule"], found[0]["reason"]) == ("laptop-owner", "why not")
    assert len(entries(conn, "shop", limit=1)) == 1


def test_all_of_a_project_goes_and_nothing_else(conn: Connection) -> None:
    audited(conn, "works")
    before = counts(conn)
    shop = Shop(conn)
    begun = shop.start()
    shop.step(begun, change("one", "new"))
    steps(conn, 0, 1)
    claim(conn)
    audited(conn, "shop")
    assert counts(conn) != before
    assert remove_project(conn, "shop") > 5
    left = {name: count for name, count in counts(conn).items() if count}
    assert left == {name: count for name, count in before.items() if count}


def test_what_is_wrong_is_told_of_the_project_that_was_asked_for(conn: Connection) -> None:
    steps(conn, 0)
    claim(conn)
    assert catalogue_violations(conn, "works") == []
    wrong = catalogue_violations(conn, "shop")
    assert wrong == catalogue_violations(conn)
    assert "run r is lost: running" in wrong
    assert "step s0 of run r is left claimed" in wrong
    assert move_run(conn, "r", RunState.CANCELLED, 9)
    assert not any("is lost" in one for one in catalogue_violations(conn, "shop"))
