"""Databases that several open at the same moment, that others own, or that cannot be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

import galley.bootstrap  # noqa: F401 - fills the metadata
from galley.db import schema
from galley.db.engine import open_database, sqlite_url
from galley.errors import GalleyError, HomeVersionError, StorageError, UsageError
from tests.pg_cast import Server

OPENERS = 4
SECRET = "gEheim/9"


def together(call: Callable[[], None]) -> None:
    """Call from several threads at the same moment; the first error is raised."""
    barrier = Barrier(OPENERS)

    def one() -> None:
        barrier.wait()
        call()

    with ThreadPoolExecutor(OPENERS) as pool:
        for done in [pool.submit(one) for _ in range(OPENERS)]:
            done.result()


def prepare(url: str) -> None:
    """Open a database as a command does."""
    database = open_database(url)
    try:
        schema.prepare(database)
    finally:
        database.close()


def refusal(url: str) -> GalleyError:
    """The error that opening ends with; no password is in it."""
    with pytest.raises(GalleyError) as caught:
        prepare(url)
    assert SECRET not in str(caught.value)
    assert caught.value.hint
    return caught.value


def heads(url: str) -> frozenset[str]:
    database = open_database(url)
    with database.read() as connection:
        found = schema.revisions(connection)
    database.close()
    return found


@pytest.mark.parametrize("turn", range(3))
def test_several_open_an_empty_database(db_url: str, turn: int) -> None:
    together(lambda: prepare(db_url))
    assert heads(db_url) == set(schema.HEADS)


def test_several_migrate_a_database(db_url: str) -> None:
    """A database at some branch's first revision only: the others' are missing."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    database = open_database(db_url)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "lake_0001")
    database.close()
    together(lambda: prepare(db_url))
    assert heads(db_url) == set(schema.HEADS)


def test_a_newer_schema_is_refused(db_url: str) -> None:
    prepare(db_url)
    database = open_database(db_url)
    with database.write() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('runs_9999')"))
    database.close()
    error = refusal(db_url)
    assert (type(error), error.exit_code) == (HomeVersionError, 5)
    assert "runs_9999" in str(error)
    assert "upgrade" in (error.hint or "")


def test_another_applications_database_is_left_alone(db_url: str) -> None:
    database = open_database(db_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('3fa9c1')"))
    database.close()
    error = refusal(db_url)
    assert (type(error), error.exit_code) == (UsageError, 2)
    assert "another application (alembic at 3fa9c1)" in str(error)


def test_tables_of_the_same_name_are_left_alone(db_url: str) -> None:
    database = open_database(db_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE run (id INTEGER)"))
    database.close()
    error = refusal(db_url)
    assert (type(error), error.exit_code) == (UsageError, 2)
    assert "did not make: run" in str(error)


@pytest.fixture
def ben(pg_server: Server) -> Iterator[str]:
    """A role that may do nothing but log in with a password."""
    hba = pg_server.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"local all ben scram-sha-256\n{before}")
    pg_server.administer(f"CREATE ROLE ben LOGIN PASSWORD '{SECRET}'", "SELECT pg_reload_conf()")
    yield "ben"
    hba.write_text(before)
    pg_server.administer("SELECT pg_reload_conf()")
    with suppress(Exception):
        pg_server.administer("DROP OWNED BY ben")
    pg_server.administer("DROP ROLE ben")


@pytest.mark.postgres
def test_a_role_without_rights(pg_server: Server, ben: str) -> None:
    with pg_server.database() as name:
        error = refusal(pg_server.url(name, ben, password=SECRET))
    assert (type(error), error.exit_code) == (StorageError, 5)
    assert f"postgresql://ben@{pg_server.socket}/{name} refused this user" in str(error)
    assert "permission denied for schema public" in str(error)
    assert "GRANT USAGE, CREATE" in (error.hint or "")


@pytest.mark.postgres
def test_a_wrong_password(pg_server: Server, ben: str) -> None:
    error = refusal(pg_server.url("postgres", ben, password=f"{SECRET}x"))
    assert error.exit_code == 5
    assert 'password authentication failed for user "ben"' in str(error)
    assert "password in GALLEY_DATABASE" in (error.hint or "")


@pytest.mark.postgres
@pytest.mark.parametrize(("database", "user"), [("nowhere", "postgres"), ("postgres", "nobody")])
def test_a_database_or_a_role_that_is_not_there(
    pg_server: Server, database: str, user: str
) -> None:
    error = refusal(pg_server.url(database, user))
    assert error.exit_code == 5
    assert "does not exist" in str(error)
    assert "createdb" in (error.hint or "")


@pytest.mark.postgres
def test_a_database_that_is_read_only(pg_server: Server) -> None:
    with pg_server.database() as name:
        prepare(pg_server.url(name))
        pg_server.administer(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        database = open_database(pg_server.url(name))
        with database.read() as connection:
            assert schema.revisions(connection) == set(schema.HEADS)
        database.close()
    with pg_server.database() as name:
        pg_server.administer(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        error = refusal(pg_server.url(name))
    assert (type(error), error.exit_code) == (StorageError, 5)
    assert "is read-only; nothing was changed" in str(error)
    assert "primary" in (error.hint or "")


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("postgresql://ana:{0}@db:port/x", 2, "names no SQLite or PostgreSQL database"),
        ("postgresql://ana:{0}@127.0.0.1:1/x", 5, "postgresql://ana@127.0.0.1:1/x does not answer"),
        ("postgresql://ana:{0}@127.0.0.1:1/x?colour=red", 2, "an option that PostgreSQL does not"),
        ("postgresql://ana:{0}@no.invalid/x", 5, "resolve host"),
        ("postgresql:///x?host=/nowhere&password={0}", 5, "postgresql:///nowhere/x does not"),
        ("postgresql://ana:{0}@127.0.0.1:99999/x", 5, "invalid port number"),
    ],
)
def test_an_address_that_leads_nowhere(url: str, status: int, said: str) -> None:
    error = refusal(url.format(SECRET.replace("/", "%2F")))
    assert (error.exit_code, said in str(error)) == (status, True), str(error)


def test_a_folder_in_the_place_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "galley.db").mkdir()
    error = refusal(sqlite_url(tmp_path / "galley.db"))
    assert (type(error), error.exit_code) == (StorageError, 5)
    assert str(tmp_path / "galley.db") in str(error)
