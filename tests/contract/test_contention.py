"""Two units of work that wait for each other: PostgreSQL ends one, and it is done again."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from sqlalchemy import text

from galley.db.contention import repeated
from galley.db.engine import Database, open_database
from galley.errors import ContendedError, UnavailableError

ADD = text("UPDATE tally SET n = n + 1 WHERE id = :id")
SUMS = text("SELECT n FROM tally ORDER BY id")


@pytest.fixture
def database(db_url: str) -> Iterator[Database]:
    found = open_database(db_url)
    with found.write() as connection:
        connection.execute(text("CREATE TABLE tally (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(text("INSERT INTO tally VALUES (1, 0), (2, 0)"))
    yield found
    found.close()


def crossed(database: Database, *, again: bool) -> list[Exception]:
    """Two threads that lock two rows in opposite order; what they met."""
    both, met = Barrier(2, timeout=0.5), list[Exception]()

    def work(ids: tuple[int, int]) -> None:
        with database.write() as connection:
            connection.execute(ADD, {"id": ids[0]})
            with suppress(BrokenBarrierError):
                # On SQLite they never meet, nor when one does it again.
                both.wait()
            connection.execute(ADD, {"id": ids[1]})

    def tell(ids: tuple[int, int]) -> None:
        try:
            (repeated(work) if again else work)(ids)
        except UnavailableError as error:
            met.append(error)

    threads = [Thread(target=tell, args=(ids,)) for ids in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return met


def test_who_is_ended_for_another_s_sake_does_it_again(database: Database) -> None:
    assert crossed(database, again=True) == []
    with database.read() as connection:
        assert list(connection.scalars(SUMS)) == [2, 2]


def test_a_deadlock_is_no_outage(database: Database) -> None:
    met = crossed(database, again=False)
    assert len(met) == (0 if database.is_sqlite else 1)
    assert all(isinstance(error, ContendedError) for error in met)
    with database.read() as connection:
        assert len(set(connection.scalars(SUMS))) == 1
