"""Databases opened ahead and closed behind: never one for two attempts."""

import os
from collections.abc import Iterator

import duckdb
import pytest

from galley.lake import spare

LIMITS = spare.Limits(threads=1, memory=256 << 20)


@pytest.fixture
def no_shelf() -> Iterator[None]:
    """No shelf at the beginning, and none at the end."""
    spare._shelves.pop(os.getpid(), None)
    yield
    shelf = spare._shelves.pop(os.getpid(), None)
    if shelf is not None and shelf.fresh is not None:
        shelf.fresh.close()


def closed(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        connection.execute("SELECT 1")
    except duckdb.ConnectionException:
        return True
    return False


@pytest.mark.usefixtures("no_shelf")
def test_a_spare_is_taken_once() -> None:
    spare.keep()
    first, second = spare.take(LIMITS), spare.take(LIMITS)
    first.execute("CREATE TABLE t AS SELECT 1")
    with pytest.raises(duckdb.CatalogException):
        second.execute("FROM t")
    first.close()
    second.close()


@pytest.mark.usefixtures("no_shelf")
def test_what_was_used_is_closed_at_rest_and_before_the_next() -> None:
    spare.keep()
    for closes in (spare.keep, lambda: spare.take(LIMITS)):
        used = spare.take(LIMITS)
        spare.put_away(used)
        assert not closed(used)
        closes()
        assert closed(used)


@pytest.mark.usefixtures("no_shelf")
def test_without_rest_it_is_closed_at_once() -> None:
    used = spare.take(LIMITS)
    spare.put_away(used)
    assert closed(used)


@pytest.mark.usefixtures("no_shelf")
def test_a_forked_process_has_no_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    spare.keep()
    mine = spare._shelves[os.getpid()].fresh
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other = spare.take(LIMITS)
    assert other is not mine
    spare.put_away(other)
    assert closed(other)


@pytest.mark.usefixtures("no_shelf")
def test_nothing_is_written_beside_a_query() -> None:
    connection = spare.take(LIMITS)
    try:
        assert connection.execute("SELECT current_setting('async_threads')").fetchall() == [(0,)]
    finally:
        connection.close()


@pytest.mark.usefixtures("no_shelf")
@pytest.mark.parametrize("threads", [2, 3])
def test_a_spare_has_the_limits_that_are_asked_for_and_not_the_last_ones(threads: int) -> None:
    spare.keep()
    spare.take(spare.Limits(2, 300 << 20)).close()
    spare.keep()
    connection = spare.take(spare.Limits(threads, 300 << 20))
    try:
        said = "SELECT current_setting('threads'), current_setting('memory_limit')"
        assert connection.execute(said).fetchall() == [(threads, "300.0 MiB")]
    finally:
        connection.close()
