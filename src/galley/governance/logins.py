"""Logging in with a password, and the sessions that follow; guessers are slowed down.

After ``FREE`` failures within ``MEMORY`` a name, and an address, waits: each further failure
doubles the time, up to ``LONGEST``. Who waits is not told whether the password was right.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from galley.errors import NotFoundError, TooManyError, UnauthorizedError
from galley.governance import passwords
from galley.governance.audit import record
from galley.governance.identity import DAY, HOUR, MINUTE, Login, digest_of, new_secret
from galley.governance.model import Action, Actor, Decision, Resource, Role
from galley.governance.tables import refusal, session, user
from galley.ids import new_id

FREE = 5
MEMORY = HOUR
LONGEST = 15 * MINUTE
SECOND = 1_000_000
FREE_OF_ADDRESS = 20
"""Failures that an address has free: many people may share it."""

LIFETIME = 30 * DAY
IDLE = 7 * DAY
"""A session ends after this time in all, and after that one without a call."""

_SEEN_EVERY = MINUTE


def wait_of(connection: Connection, subject: str, now: int, free: int = FREE) -> int:
    """Microseconds until the subject (a name or an address) may try again; 0 for now."""
    wanted = select(func.count(), func.max(refusal.c.at)).where(
        refusal.c.subject == subject, refusal.c.at > now - MEMORY
    )
    count, last = connection.execute(wanted).one()
    if count < free:
        return 0
    pause: int = min(SECOND << min(count - free, 20), LONGEST)
    return max(int(last) + pause - now, 0)


def log_in(
    connection: Connection, name: str, password: str, *, address: str, agent: str, now: int
) -> str | None:
    """Start a session: its cookie's value. ``None``: wrong, and noted.

    The unit of work is to be committed either way, for a failure counts.

    Raises:
        TooManyError: too many failures; ``details`` say after how many seconds to try again.
    """
    subjects = {f"user:{name[:64]}": FREE, f"from:{address[:64]}": FREE_OF_ADDRESS}
    pause = max(wait_of(connection, one, now, free) for one, free in subjects.items())
    if pause:
        raise _too_many(pause)
    row = connection.execute(select(user).where(user.c.name == name)).first()
    kept = row.password if row is not None and row.disabled is None else None
    if not passwords.matches(kept, password):
        connection.execute(insert(refusal), [{"subject": one, "at": now} for one in subjects])
        connection.execute(delete(refusal).where(refusal.c.at <= now - MEMORY))
        return None
    connection.execute(delete(refusal).where(refusal.c.subject == f"user:{name[:64]}"))
    return start(connection, name, address=address, agent=agent, now=now)


def start(connection: Connection, name: str, *, address: str, agent: str, now: int) -> str:
    """A new session of a user who has shown who they are: its cookie's value."""
    cookie = new_secret("gws")
    row = {"digest": digest_of(cookie), "id": new_id(), "user": name, "created": now, "seen": now}
    more = {"expires": now + LIFETIME, "address": address[:64], "agent": agent[:256]}
    connection.execute(delete(session).where(session.c.expires <= now))
    connection.execute(insert(session), row | more)
    allowed = Decision(True, "password", "the password was right")
    record(
        connection,
        actor=Actor(name),
        action=Action.ACCOUNT,
        resource=Resource("user", name, ""),
        decision=allowed,
        now=now,
        reason="logged in",
        detail={"address": address},
    )
    return cookie


def login_of(connection: Connection, cookie: str, now: int) -> Login | None:
    """The session that a cookie stands for, if it still does."""
    wanted = (
        select(session, user.c.role)
        .join(user, user.c.name == session.c.user)
        .where(
            session.c.digest == digest_of(cookie),
            session.c.expires > now,
            session.c.seen > now - IDLE,
            user.c.disabled.is_(None),
        )
    )
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return _login(row)


def is_stale(login: Login, now: int) -> bool:
    """Whether ``touch`` is due: once a minute is enough."""
    return now - login.seen >= _SEEN_EVERY


def touch(connection: Connection, login: Login, now: int) -> None:
    """Note that a session was used."""
    connection.execute(update(session).where(session.c.id == login.id).values(seen=now))


def logins(connection: Connection, name: str, now: int) -> tuple[Login, ...]:
    """A user's sessions, the newest first."""
    wanted = (
        select(session, user.c.role)
        .join(user, user.c.name == session.c.user)
        .where(session.c.user == name, session.c.expires > now)
        .order_by(session.c.created.desc())
    )
    return tuple(_login(row) for row in connection.execute(wanted))


def end(connection: Connection, name: str, id: str) -> None:
    """End one of a user's sessions. Raises NotFoundError."""
    ended = delete(session).where(session.c.user == name, session.c.id == id)
    if connection.execute(ended).rowcount == 0:
        raise NotFoundError(f"{name} has no session {id}", hint="it may have ended already")


def refuse() -> UnauthorizedError:
    """What a failed log-in is told: nothing about which half was wrong."""
    return UnauthorizedError(
        "no user has that name and password",
        hint="an admin makes a link for a new password: `galley users link NAME`",
    )


def _login(row: Row[Any]) -> Login:
    more = (row.created, row.expires, row.seen, row.address, row.agent)
    return Login(row.id, row.user, Role(row.role), *more)


def _too_many(pause: int) -> TooManyError:
    seconds = -(-pause // SECOND)
    return TooManyError(
        f"too many log-ins failed; the next try counts in {seconds} s",
        hint="wait, or ask an admin for a link: `galley users link NAME`",
        details={"retry_after": seconds},
    )
