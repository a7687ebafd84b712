"""What is carried out at the end of a unit of work: all of it or nothing, and in order."""

import pytest
from sqlalchemy import Connection

from galley.db.engine import Database
from galley.runs import queue, records
from tests.queue_cast import a_run


def kinds(database: Database) -> list[str]:
    with database.read() as conn:
        told = records.events_since(conn, "r", 0)
    return [event["kind"] for event in told if len(event["kind"]) == 1]


def tell(conn: Connection, *said: str) -> None:
    for kind in said:
        queue.emit(conn, "r", kind, 1, body={"said": kind})


def tell_and_fail(database: Database) -> None:
    with database.write() as conn:
        tell(conn, "a")
        raise LookupError


def test_it_is_there_with_the_rest_and_in_order(database: Database) -> None:
    with database.write() as conn:
        a_run(conn)
        tell(conn, "a", "b")
        tell(conn, "c")
    assert kinds(database) == ["a", "b", "c"]
    with database.write() as conn:
        tell(conn, "d")
    assert kinds(database) == ["a", "b", "c", "d"]


def test_of_a_unit_of_work_that_fails_nothing_stays(database: Database) -> None:
    with database.write() as conn:
        a_run(conn)
    with pytest.raises(LookupError):
        tell_and_fail(database)
    with database.write() as conn:
        tell(conn, "b")
    assert kinds(database) == ["b"]


def test_a_part_that_is_rolled_back_takes_its_own_along(database: Database) -> None:
    with database.write() as conn:
        a_run(conn)
        tell(conn, "a")
        part = conn.begin_nested()
        tell(conn, "b")
        part.rollback()
        tell(conn, "c")
    assert kinds(database) == ["a", "c"]
