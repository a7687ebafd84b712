"""Requests that may arrive twice: what was answered the first time is answered again.

The key is taken in the transaction of what is asked for, so that it is done once whatever happens
to whom; a request that fails leaves no key behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from galley.errors import ReplayedKeyError
from galley.lake.rows import insert_first
from galley.runs.tables import request

KEPT = 24 * 3600 * 1_000_000
"""Microseconds for which a key is known."""

LONGEST = 128


@dataclass(frozen=True, slots=True)
class Given:
    """What was answered."""

    status: int
    body: Any


def begin(connection: Connection, actor: str, key: str, digest: str, now: int) -> Given | None:
    """Take a key for a request; the answer if that very request was answered already.

    Raises:
        ReplayedKeyError: the key belongs to another request.
    """
    connection.execute(delete(request).where(request.c.created < now - KEPT))
    row = {"actor": actor, "key": key, "digest": digest, "status": 0, "created": now}
    if insert_first(connection, request, row):
        return None
    mine = (request.c.actor == actor) & (request.c.key == key)
    found = connection.execute(select(request).where(mine)).one()
    if found.digest != digest:
        raise ReplayedKeyError(
            f"the idempotency key {key} was used for another request",
            hint="take a new key for each thing that is asked for",
        )
    return Given(found.status, found.body)


def finish(connection: Connection, actor: str, key: str, given: Given) -> None:
    """Keep what is answered, for whoever asks again."""
    mine = (request.c.actor == actor) & (request.c.key == key)
    connection.execute(update(request).where(mine).values(status=given.status, body=given.body))
