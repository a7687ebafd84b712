"""Messages that wait to be sent: each has a due time, an owner while it is being sent, an end.

A sender that dies leaves a message that may have arrived. It is sent again, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from galley.clock import SECOND
from galley.ids import new_id
from galley.notify.tables import message

TRIES = 8
WAITS = (10, 30, 120, 600, 1800, 3600, 7200)
"""Seconds before a message that could not be sent is tried again."""

HELD = 120 * SECOND
"""Microseconds after which a sender that says nothing counts as dead."""

WAITING, SENDING, SENT, FAILED = "waiting", "sending", "sent", "failed"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for one address. ``sources`` says where its place-holders' values are."""

    project: str
    about: str
    kind: str
    recipient: str
    title: str
    body: str
    sources: dict[str, str]
    folder: str


@dataclass(frozen=True, slots=True)
class Post:
    """A message that this sender holds. ``repeat``: it may have arrived before."""

    id: str
    letter: Letter
    tries: int
    repeat: bool


def put(connection: Connection, letters: Sequence[Letter], now: int) -> None:
    """Have messages sent, in the transaction of what they tell."""
    rows = [
        {
            "id": new_id(),
            "project": one.project,
            "about": one.about,
            "kind": one.kind,
            "recipient": one.recipient,
            "title": one.title,
            "body": one.body,
            "sources": one.sources,
            "folder": one.folder,
            "state": WAITING,
            "tries": 0,
            "uncertain": False,
            "due": now,
            "created": now,
        }
        for one in letters
    ]
    if rows:
        connection.execute(insert(message), rows)


def take(connection: Connection, owner: str, now: int, limit: int = 20) -> list[Post]:
    """Messages that are due, held by ``owner`` from now on; also those that a dead one held."""
    c = message.c
    wanted = select(message).where(c.due <= now).order_by(c.due).limit(limit)
    found = connection.execute(wanted.with_for_update(skip_locked=True)).all()
    posts = []
    for row in found:
        repeat = row.uncertain or row.state == SENDING
        values = {"uncertain": repeat, "tries": row.tries + 1, "owner": owner}
        connection.execute(
            update(message).where(c.id == row.id).values(state=SENDING, due=now + HELD, **values)
        )
        letter = Letter(
            row.project,
            row.about,
            row.kind,
            row.recipient,
            row.title,
            row.body,
            row.sources or {},
            row.folder,
        )
        posts.append(Post(row.id, letter, row.tries + 1, repeat))
    return posts


def done(
    connection: Connection,
    post: Post,
    owner: str,
    now: int,
    *,
    error: str | None = None,
    uncertain: bool = False,
) -> None:
    """Record how a sending ended; ``uncertain`` if the message may have arrived all the same."""
    values: dict[str, Any] = {"state": SENT, "due": None, "sent": now, "error": None}
    if error is not None:
        over = post.tries >= TRIES
        again = now + WAITS[min(post.tries, len(WAITS)) - 1] * SECOND
        values = {"state": FAILED if over else WAITING, "due": None if over else again}
        values |= {"error": error, "uncertain": uncertain or post.repeat}
    mine = (message.c.id == post.id) & (message.c.owner == owner)
    connection.execute(update(message).where(mine).values(owner=None, **values))


def any_due(connection: Connection, now: int) -> bool:
    """Whether a message is to be sent."""
    query = select(message.c.id).where(message.c.due <= now).limit(1)
    return connection.execute(query).first() is not None


def about(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The messages about something, oldest first; addresses with their place-holders."""
    c = message.c
    rows = connection.execute(
        select(c.about, c.kind, c.recipient, c.state, c.tries, c.uncertain, c.error, c.sent)
        .where(c.about.in_(list(ids)))
        .order_by(c.created, c.id)
    )
    return [dict(row._mapping) for row in rows]


def forget(connection: Connection, before: int) -> int:
    """Remove messages that ended before an instant."""
    c = message.c
    over = c.due.is_(None) & (c.created < before) & or_(c.state == SENT, c.state == FAILED)
    return connection.execute(message.delete().where(over)).rowcount
