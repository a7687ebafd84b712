"""An engine that cannot work tries ever more seldom, and says so once."""

import sqlite3

from sqlalchemy.exc import OperationalError, ProgrammingError

from galley.errors import UnavailableError
from galley.server.troubles import LONGEST, SETTLED, Troubles


def defect(text: str) -> OperationalError:
    """What the database answers to a statement that can never work."""
    return OperationalError("SELECT 1", {}, sqlite3.OperationalError(text))


def test_a_defect_is_said_once_and_tried_ever_more_seldom() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    pauses = [troubles.stopped(defect(f"no such table: t{n}")) for n in range(9)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST
    assert len(said) == 1
    troubles.stopped(defect("no such table: t"))
    assert said[1:] == [
        "the engine has stopped 10 times in a row: OperationalError OperationalError"
    ]
    troubles.stopped(ProgrammingError("SELECT 1", {}, sqlite3.ProgrammingError("other")))
    assert "had stopped 10 times" in said[2]
    assert "other" in said[3]
    troubles.worked(SETTLED - 1)
    assert troubles.unsettled
    troubles.worked(SETTLED)
    assert not troubles.unsettled
    assert said[4:] == ["the engine works again"]


def test_a_database_that_is_away_is_tried_at_an_even_pace() -> None:
    said: list[str] = []
    troubles = Troubles(said.append)
    pauses = {troubles.stopped(UnavailableError("it does not answer")) for _ in range(5)}
    assert pauses == {1.0}
    assert not troubles.unsettled
    troubles.worked(0.0)
    troubles.worked(1.0)
    assert len(said) == 3
