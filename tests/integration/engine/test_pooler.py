"""Runs behind a pooler that gives every transaction another session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from galley.db.engine import Database, open_database
from galley.runs.model import RunState
from tests.integration.engine.driver import Command
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import WarmPool, Works
from tests.integration.engine.plant import Plant

pytestmark = pytest.mark.postgres

PID = text("SELECT pg_backend_pid()")
LEFT = """
    SELECT (SELECT count(*) FROM pg_prepared_statements)
         + (SELECT count(*) FROM pg_listening_channels())
         + (SELECT count(*) FROM pg_cursors WHERE is_holdable)
         + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
         + (SELECT count(*) FROM pg_settings WHERE source = 'session'
            AND name <> ALL (ARRAY['application_name', 'client_encoding', 'DateStyle',
                                   'IntervalStyle', 'TimeZone', 'standard_conforming_strings',
                                   'transaction_isolation', 'transaction_read_only',
                                   'transaction_deferrable', 'extra_float_digits']))
"""


@pytest.fixture
def works(
    tmp_path: Path, warm: WarmPool, pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Works]:
    """A project whose home is behind the pooler."""
    monkeypatch.setenv("GALLEY_DATABASE", pooled_url)
    found = Works(tmp_path, warm, url=pooled_url)
    yield found
    assert violations(found.home) == []
    found.home.database.close()


def sessions(database: Database, count: int = 12) -> dict[int, int]:
    """The sessions that transactions come to, and what is left on each that a next one meets."""
    found = {}
    for _ in range(count):
        with database.read() as one, database.read() as other:
            for connection in (one, other):
                pid: int = connection.execute(PID).scalar_one()
                found[pid] = int(connection.execute(text(LEFT)).scalar_one())
    return found


def test_a_pipeline_and_two_engines_at_it(works: Works) -> None:
    plant = Plant(works, seed=5)
    assert works.run().state is RunState.SUCCEEDED
    plant.grow()
    run = works.launch()
    commands = [Command(works, run), Command(works, run)]
    assert [command.wait() for command in commands] == [0, 0]
    assert works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2
    found = sessions(works.home.database)
    assert len(found) > 1, "the pooler gave every transaction the same session"
    assert set(found.values()) == {0}


def test_a_promotion_and_its_way_back(works: Works) -> None:
    works.sql("one", "SELECT 1 AS a", tests=[{"unique": "a"}])
    assert works.run().state is RunState.SUCCEEDED
    assert works.promote().state is RunState.SUCCEEDED
    works.sql("one", "SELECT 2 AS a", tests=[{"unique": "a"}])
    assert works.run().state is RunState.SUCCEEDED
    assert works.promote().state is RunState.SUCCEEDED
    works.roll_back()
    assert works.rows("one", "production") == [(1,)]


def test_what_a_reader_says_of_its_transaction_stays_with_it(pooled_url: str) -> None:
    """A reader is read-only and sees one snapshot; a writer on the same session is neither."""
    database = open_database(pooled_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE seen (n INTEGER)"))
    for number in range(10):
        with database.read() as connection:
            before = connection.execute(text("SELECT count(*) FROM seen")).scalar_one()
            with database.write() as other:
                other.execute(text("INSERT INTO seen VALUES (1)"))
            assert connection.execute(text("SELECT count(*) FROM seen")).scalar_one() == before
            assert before == number
    database.close()


def test_the_pooler_is_one(pooler: Path, pooled_url: str) -> None:
    """Without a pooler two connections never share a session; here more of them than sessions."""
    opened = [open_database(pooled_url) for _ in range(5)]
    found = {pid for database in opened for pid in sessions(database, 3)}
    for database in opened:
        database.close()
    assert len(found) <= 3
    assert opened[0].engine.url.query["host"] == str(pooler)
