"""Keeping collection from dooming versions while their files are copied elsewhere.

A backup first says that it begins, then reads what there is, then copies the files. Versions are
doomed under a lock that beginning takes too, so what it read as usable stays until it ends. One
that died is over when its time is; files of versions that were doomed before go on to be removed.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from galley.lake import rooting
from galley.lake import tables as t


def begin(conn: Connection, id: str, *, by: str, now: int, until: int) -> None:
    """From the commit of this transaction on nothing is doomed, at most until ``until``."""
    rooting.exclude(conn)
    conn.execute(delete(t.backup).where(t.backup.c.until <= now))
    conn.execute(insert(t.backup).values(id=id, by=by, at=now, until=until))


def prolong(conn: Connection, id: str, *, now: int, until: int) -> bool:
    """Have more time. False: it was over, so that versions may have been doomed meanwhile."""
    mine = (t.backup.c.id == id) & (t.backup.c.until > now)
    return conn.execute(update(t.backup).where(mine).values(until=until)).rowcount == 1


def end(conn: Connection, id: str) -> None:
    """Let collection go on."""
    conn.execute(delete(t.backup).where(t.backup.c.id == id))


def stands(conn: Connection, now: int) -> bool:
    """Whether a backup is under way. Only certain under the lock that versions are doomed with."""
    return conn.scalar(select(t.backup.c.id).where(t.backup.c.until > now).limit(1)) is not None
