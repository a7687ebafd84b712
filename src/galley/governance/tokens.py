"""Access tokens: what machines and command lines show. Scoped by a role, and they end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from galley.errors import NotFoundError, RefusedError, UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.identity import DAY, MINUTE, Token, digest_of, new_secret
from galley.governance.model import Action, Actor, Resource, Role
from galley.governance.roles import narrowed
from galley.governance.tables import access_token, user
from galley.ids import new_id

LONGEST = 366
"""Days that a token lives at most."""

PREFIX = "gat"
_USED_EVERY = MINUTE


def new_token(
    connection: Connection, owner: str, name: str, role: Role, days: int, *, by: Actor, now: int
) -> tuple[Token, str]:
    """A token and its secret, which cannot be shown again.

    Raises:
        UsageError: the name is empty, or the days are none.
        RefusedError: ``by`` may not, or asks for more than their own role.
    """
    if not name.strip() or len(name) > 128:
        raise UsageError("a token needs a name of 1 to 128 characters", hint="say what it is for")
    if not 1 <= days <= LONGEST:
        raise UsageError(f"a token lives 1 to {LONGEST} days, not {days}")
    if narrowed(by.role, role) is not role:
        raise RefusedError(
            f"{by.name} has the role {by.role} and cannot give away the role {role}",
            hint="choose a smaller role, or ask an admin",
        )
    id, secret = new_id(), new_secret(PREFIX)
    row = {"id": id, "digest": digest_of(secret), "name": name.strip(), "user": owner}
    more = {"role": role.value, "created": now, "expires": now + days * DAY}
    connection.execute(insert(access_token), row | more)
    _note(connection, by, owner, now, "token made", {"token": id, "role": role.value, "days": days})
    return _found(connection, id), secret


def token_of(connection: Connection, secret: str, now: int) -> tuple[Token, Role] | None:
    """The token that a secret belongs to, and what it may by now; ``None`` if it may nothing.

    A user who was given a smaller role takes their tokens along.
    """
    wanted = (
        select(access_token, user.c.role.label("users"))
        .join(user, user.c.name == access_token.c.user, isouter=True)
        .where(
            access_token.c.digest == digest_of(secret),
            access_token.c.expires > now,
            access_token.c.revoked.is_(None),
            user.c.disabled.is_(None),
        )
    )
    row = connection.execute(wanted).first()
    if row is None:
        return None
    found = _token(row)
    # A token that the home's owner made belongs to no user of the list.
    users = Role(row.users) if row.users else Role.OWNER
    return found, narrowed(users, found.role)


def is_stale(token: Token, now: int) -> bool:
    """Whether ``touch`` is due: once a minute is enough."""
    return token.used is None or now - token.used >= _USED_EVERY


def touch(connection: Connection, token: Token, now: int) -> None:
    """Note that a token was used."""
    connection.execute(update(access_token).where(access_token.c.id == token.id).values(used=now))


def tokens(connection: Connection, owner: str | None = None) -> tuple[Token, ...]:
    """A user's tokens, or everybody's; the newest first."""
    wanted = select(access_token).order_by(access_token.c.created.desc(), access_token.c.id)
    if owner is not None:
        wanted = wanted.where(access_token.c.user == owner)
    return tuple(_token(row) for row in connection.execute(wanted))


def revoke(connection: Connection, id: str, *, by: Actor, now: int) -> Token:
    """End a token at once; one's own, or as an admin anybody's.

    Raises:
        NotFoundError: there is no such token that ``by`` may see.
    """
    found = _found(connection, id, of=None if by.role in (Role.ADMIN, Role.OWNER) else by.name)
    if found.revoked is None:
        connection.execute(update(access_token).where(access_token.c.id == id).values(revoked=now))
        _note(connection, by, found.user, now, "token revoked", {"token": id})
    return _found(connection, id)


def _found(connection: Connection, id: str, of: str | None = None) -> Token:
    row = connection.execute(select(access_token).where(access_token.c.id == id)).first()
    if row is None or of not in (None, row.user):
        raise NotFoundError(f"there is no token {id}", hint="`galley tokens` lists them")
    return _token(row)


def _token(row: Row[Any]) -> Token:
    times = (row.created, row.expires, row.used, row.revoked)
    return Token(row.id, row.name, row.user, Role(row.role), *times)


def _note(
    connection: Connection, by: Actor, owner: str, now: int, reason: str, detail: dict[str, Any]
) -> None:
    resource = Resource("user", owner, "")
    action = Action.ACCOUNT if by.name == owner else Action.MANAGE
    decision = demand(by, action, resource)
    record(
        connection,
        actor=by,
        action=action,
        resource=resource,
        decision=decision,
        now=now,
        reason=reason,
        detail=detail,
    )
