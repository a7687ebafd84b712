"""A connection that rested in the pool is asked whether it is there still."""

import sqlite3
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from galley.db import engine as module
from galley.db.engine import Database

SELECT = text("SELECT 1")


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A pool with one connection in it, which is gone."""
    monkeypatch.setattr(module, "_RESTED", 0.0)
    found = create_engine("sqlite://", poolclass=QueuePool, pool_size=1)
    module._ask_after_rest(found)
    with found.connect() as connection:
        raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.close()
    time.sleep(0.001)
    yield found
    found.dispose()


def test_one_that_is_gone_is_replaced_unnoticed(pooled: Engine) -> None:
    with Database(pooled).read() as connection:
        assert connection.execute(SELECT).scalar_one() == 1


def test_a_pooler_that_lost_its_server_is_the_databases_trouble(pooled: Engine) -> None:
    """It takes every connection, and answers on none."""

    def lose(raw: sqlite3.Connection, _record: object) -> None:
        raw.close()

    event.listen(pooled, "connect", lose)
    with pytest.raises(DBAPIError), Database(pooled).read() as connection:
        connection.execute(SELECT)
