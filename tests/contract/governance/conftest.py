"""The tables of identity on each of the two databases."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection

from galley.db.base import metadata
from galley.db.engine import Database, open_database
from galley.governance import passwords, tables

OURS = [one for one in metadata.sorted_tables if one.name.startswith(("identity_", "audit_"))]


@pytest.fixture
def pg_url(emptied_url: str) -> str:
    """For each test the same database, emptied."""
    return emptied_url


@pytest.fixture
def database(db_url: str) -> Iterator[Database]:
    """A database that has these tables and nothing else."""
    assert tables.user in OURS
    found = open_database(db_url)
    with found.write() as conn:
        metadata.create_all(conn, OURS)
    yield found
    found.close()


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """One unit of work."""
    with database.write() as connection:
        yield connection


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hashes with less work: what they cost is tested where they are made."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    nobodys = cheap.hash("nobody has this password")
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    monkeypatch.setattr(passwords, "_nobodys", lambda: nobodys)
