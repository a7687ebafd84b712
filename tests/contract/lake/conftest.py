"""A lake on each of the two databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from galley.db.base import metadata
from galley.db.engine import Database, open_database
from galley.lake import tables
from tests.lake_cast import Shop

LAKE = [table for table in metadata.sorted_tables if table.name.startswith("lake_")]


@pytest.fixture
def pg_url(emptied_url: str) -> str:
    """For each test the same database, emptied."""
    return emptied_url


@pytest.fixture
def database(db_url: str) -> Iterator[Database]:
    """A database that has the lake's tables and nothing else."""
    assert tables.commit in LAKE
    found = open_database(db_url)
    with found.write() as conn:
        metadata.create_all(conn, LAKE)
    yield found
    found.close()


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """One unit of work."""
    with database.write() as connection:
        yield connection


@pytest.fixture
def shop(conn: Connection) -> Shop:
    """A new project."""
    return Shop(conn)
