"""The run engine's tables on each of the two databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from galley.db.engine import Database, open_database
from galley.db.schema import prepare
from galley.lake import tables as lake_tables
from galley.runs import tables


@pytest.fixture
def pg_url(emptied_url: str) -> str:
    """For each test the same database, emptied."""
    return emptied_url


@pytest.fixture
def database(db_url: str) -> Iterator[Database]:
    """A database with the whole schema."""
    assert tables.run is not None
    assert lake_tables.ref is not None
    found = open_database(db_url)
    prepare(found)
    yield found
    found.close()


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """One unit of work."""
    with database.write() as connection:
        yield connection
