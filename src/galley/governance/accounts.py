"""Users, teams and the one-time links with which users choose a password."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from galley.errors import ConflictError, NotFoundError, UnauthorizedError
from galley.governance import passwords
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.identity import DAY, User, checked_name, digest_of, new_secret
from galley.governance.model import Action, Actor, Resource, Role
from galley.governance.tables import access_token, link, member, session, team, user

LINK_LIFETIME = 3 * DAY
"""Microseconds for which a one-time link can be used."""

FIRST = "admin"
"""The first user's name."""


def any_user(connection: Connection) -> bool:
    """Whether somebody can log in, or could after following a link."""
    return connection.execute(select(user.c.name).limit(1)).first() is not None


def users(connection: Connection) -> tuple[User, ...]:
    """All users with their teams, by name."""
    of: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(member).order_by(member.c.team)):
        of[row.user].append(row.team)
    return tuple(
        _user(row, tuple(of[row.name]))
        for row in connection.execute(select(user).order_by(user.c.name))
    )


def find_user(connection: Connection, name: str) -> User:
    """One user. Raises NotFoundError with the nearest name."""
    row = connection.execute(select(user).where(user.c.name == name)).first()
    if row is None:
        known = list(connection.execute(select(user.c.name)).scalars())
        near = difflib.get_close_matches(name, known, 1)
        raise NotFoundError(
            f"there is no user {name}",
            hint=f"did you mean {near[0]}?" if near else "`galley users` lists them",
        )
    return _user(row, teams_of(connection, name))


def add_user(
    connection: Connection, name: str, role: Role, *, by: Actor, now: int, display: str = ""
) -> User:
    """A new user without a password; ``new_link`` lets them choose one.

    Raises:
        UsageError: the name cannot be one.
        ConflictError: there is one of that name.
        RefusedError: ``by`` may not.
    """
    row = {"name": checked_name(name), "role": role.value, "display": display[:128]}
    try:
        with connection.begin_nested():
            connection.execute(insert(user), row | {"created": now, "created_by": by.name})
    except IntegrityError as error:
        raise ConflictError(
            f"there is a user {name} already", hint="choose another name, or change that user"
        ) from error
    _note(connection, by, name, now, {"role": role.value}, "user added")
    return find_user(connection, name)


def change_user(
    connection: Connection,
    name: str,
    *,
    by: Actor,
    now: int,
    role: Role | None = None,
    disabled: bool | None = None,
) -> User:
    """Give a user another role, or shut them out (their log-ins and tokens end) or in again.

    Raises:
        NotFoundError: there is no such user.
        ConflictError: nobody could manage users any more.
        RefusedError: ``by`` may not.
    """
    _one_at_a_time(connection)
    before = find_user(connection, name)
    values: dict[str, Any] = {}
    if role is not None:
        values["role"] = role.value
    if disabled is not None:
        values["disabled"] = now if disabled else None
    if not values:
        return before
    connection.execute(update(user).where(user.c.name == name).values(values))
    _keep_an_admin(connection, before)
    if disabled:
        _end_all(connection, name, now)
    _note(connection, by, name, now, values, "user changed")
    return find_user(connection, name)


def new_link(connection: Connection, name: str, *, by: Actor, now: int) -> str:
    """The secret of a link with which a user chooses a password, once. Earlier ones end.

    Raises:
        NotFoundError: there is no such user.
        RefusedError: ``by`` may not.
    """
    find_user(connection, name)
    secret = new_secret("gwl")
    connection.execute(delete(link).where(link.c.user == name))
    row = {"digest": digest_of(secret), "user": name, "created": now, "created_by": by.name}
    connection.execute(insert(link), row | {"expires": now + LINK_LIFETIME})
    _note(connection, by, name, now, {}, "link made")
    return secret


def first_link(connection: Connection, *, by: Actor, now: int) -> str | None:
    """A link for the first admin, as long as nobody has followed one; ``None`` from then on.

    It is renewed at every start until then, so that a lost line of output locks nobody out.
    """
    _one_at_a_time(connection)
    if not any_user(connection):
        add_user(connection, FIRST, Role.ADMIN, by=by, now=now)
    wanted = select(user.c.name).where(user.c.role == Role.ADMIN.value, user.c.password.isnot(None))
    if connection.execute(wanted.limit(1)).first() is not None:
        return None
    waiting = select(user.c.name).where(user.c.role == Role.ADMIN.value, user.c.disabled.is_(None))
    name = connection.execute(waiting.order_by(user.c.created).limit(1)).scalar()
    return new_link(connection, name, by=by, now=now) if name is not None else None


def follow_link(connection: Connection, secret: str, password: str, *, now: int) -> User:
    """Use a link: the password is set, other log-ins of the user end, the link is spent.

    Raises:
        UnauthorizedError: there is no such link any more.
        UsageError: the password is too short or too long; the link stays.
    """
    hashed = passwords.hashed(password)
    spent = delete(link).where(link.c.digest == digest_of(secret), link.c.expires > now)
    name = connection.execute(spent.returning(link.c.user)).scalar()
    if name is None:
        raise UnauthorizedError(
            "this link was used already, or its time is over",
            hint="an admin makes a new one: `galley users link NAME`",
        )
    connection.execute(delete(session).where(session.c.user == name))
    connection.execute(update(user).where(user.c.name == name).values(password=hashed))
    found = find_user(connection, name)
    _note(connection, Actor(name, role=found.role), name, now, {}, "password chosen")
    return found


def teams(connection: Connection) -> Mapping[str, tuple[str, ...]]:
    """The members of every team, by name."""
    found: dict[str, list[str]] = {
        name: [] for name in connection.execute(select(team.c.name).order_by(team.c.name)).scalars()
    }
    for row in connection.execute(select(member).order_by(member.c.user)):
        found[row.team].append(row.user)
    return {name: tuple(members) for name, members in found.items()}


def teams_of(connection: Connection, name: str) -> tuple[str, ...]:
    """The teams that a user is in."""
    wanted = select(member.c.team).where(member.c.user == name).order_by(member.c.team)
    return tuple(connection.execute(wanted).scalars())


def set_team(
    connection: Connection, name: str, members: tuple[str, ...], *, by: Actor, now: int
) -> tuple[str, ...]:
    """Make a team, or replace its members.

    Raises:
        UsageError: the name cannot be one.
        NotFoundError: a member is no user.
        RefusedError: ``by`` may not.
    """
    checked_name(name, "team")
    _one_at_a_time(connection)
    wanted = sorted({find_user(connection, one).name for one in members})
    if name not in teams(connection):
        connection.execute(insert(team), {"name": name, "created": now, "created_by": by.name})
    connection.execute(delete(member).where(member.c.team == name))
    if wanted:
        connection.execute(insert(member), [{"team": name, "user": one} for one in wanted])
    _note(connection, by, name, now, {"members": wanted}, "team set", kind="team")
    return tuple(wanted)


def _user(row: Row[Any], of: tuple[str, ...]) -> User:
    active = row.password is not None and row.disabled is None
    return User(
        row.name, row.display, row.mail, Role(row.role), active, row.disabled is not None, of
    )


def _one_at_a_time(connection: Connection) -> None:
    """Two admins who shut each other out at once must not both succeed."""
    admins = select(user.c.name).where(user.c.role == Role.ADMIN.value).order_by(user.c.name)
    connection.execute(admins.with_for_update())


def _keep_an_admin(connection: Connection, before: User) -> None:
    """Refuse what would leave nobody who can manage users."""
    if before.role is not Role.ADMIN or before.disabled:
        return
    wanted = select(func.count()).where(user.c.role == Role.ADMIN.value, user.c.disabled.is_(None))
    if not connection.execute(wanted).scalar_one():
        raise ConflictError(
            f"{before.name} is the last admin: nobody could manage users any more",
            hint="make somebody else an admin first; nothing was changed",
        )


def _end_all(connection: Connection, name: str, now: int) -> None:
    connection.execute(delete(session).where(session.c.user == name))
    connection.execute(delete(link).where(link.c.user == name))
    mine = access_token.c.user == name, access_token.c.revoked.is_(None)
    connection.execute(update(access_token).where(*mine).values(revoked=now))


def _note(
    connection: Connection,
    by: Actor,
    name: str,
    now: int,
    detail: Mapping[str, Any],
    reason: str,
    *,
    kind: str = "user",
) -> None:
    """Ask whether ``by`` may, and write it down."""
    action = Action.ACCOUNT if reason == "password chosen" else Action.MANAGE
    resource = Resource(kind, name, "")
    record(
        connection,
        actor=by,
        action=action,
        resource=resource,
        decision=demand(by, action, resource),
        now=now,
        reason=reason,
        detail=detail or None,
    )
