"""The number by which a process sees that nobody has changed the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from galley.db.engine import Database, open_database, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(sqlite_url(tmp_path / "galley.db"))
    with found.write() as connection:
        connection.execute(text("CREATE TABLE step (name TEXT)"))
    yield found
    found.close()


def insert(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO step VALUES ('a')"))


def test_own_commits_change_it(database: Database) -> None:
    before = database.mark()
    insert(database)
    after = database.mark()
    assert before is not None
    assert after != before
    insert(database)
    assert database.mark() not in (before, after)


def test_commits_of_other_processes_change_it(database: Database, tmp_path: Path) -> None:
    before = database.mark()
    other = open_database(sqlite_url(tmp_path / "galley.db"))
    insert(other)
    other.close()
    assert database.mark() != before


def test_looking_and_writing_nothing_does_not(database: Database) -> None:
    before = database.mark()
    with database.read() as connection:
        connection.execute(text("SELECT * FROM step")).fetchall()
    with database.write(durable=False) as connection:
        connection.execute(text("UPDATE step SET name = 'b' WHERE name = 'no such'"))
    assert database.mark() == before


def test_what_fails_does_not(database: Database) -> None:
    before = database.mark()
    both = "INSERT INTO step VALUES ('a')", "INSERT INTO step VALUES (no_such)"
    with pytest.raises(OperationalError), database.write() as connection:
        [connection.execute(text(one)) for one in both]
    assert database.mark() == before


def test_a_closed_database_can_be_asked_again(database: Database) -> None:
    before = database.mark()
    database.close()
    insert(database)
    assert database.mark() is not None
    assert before is not None


def test_memory_has_none() -> None:
    database = open_database("sqlite:///:memory:")
    assert database.mark() is None
    database.close()


def test_a_file_that_is_no_database_has_none(tmp_path: Path) -> None:
    (tmp_path / "galley.db").write_bytes(b"no database" * 1000)
    database = open_database(sqlite_url(tmp_path / "galley.db"))
    assert database.mark() is None
    database.close()


@pytest.mark.postgres
def test_postgresql_has_none(pg_url: str) -> None:
    database = open_database(pg_url)
    assert database.mark() is None
    database.close()
