"""Kitchens: refs branched from an environment. One row, whatever the size of the data."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from galley.errors import ConflictError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Actor, Resource
from galley.lake import refs
from galley.lake.model import PRODUCTION, Ref, RefKind

PREFIX = "kitchen/"
IDLE = 7 * 24 * 3600 * 1_000_000
"""Microseconds after which an unused kitchen expires."""


def personal(user: str) -> str:
    """The name of a user's own kitchen."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", user.lower()).strip("-.") or "me"
    return f"{PREFIX}{plain}"


def open_ref(connection: Connection, project: str, name: str, actor: Actor, now: int) -> Ref:
    """The ref to work in; a kitchen that is new is branched from production, and used ones live on.

    Raises:
        RefNotFoundError: no such ref, and the name is not a kitchen's.
    """
    found = refs.find_ref(connection, project, name)
    if found is None and name.startswith(PREFIX):
        return _create(connection, project, name, actor, now)
    ref = found or refs.get_ref(connection, project, name)
    if ref.kind is RefKind.KITCHEN:
        return refs.set_expiry(connection, ref, now + IDLE)
    return ref


def full_name(name: str) -> str:
    """A kitchen's whole name."""
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}"


def open_own(
    connection: Connection, project: str, name: str, actor: Actor, now: int
) -> tuple[Ref, bool]:
    """A kitchen of one's own, by its name, and whether it is new.

    Raises:
        ConflictError: it is somebody else's.
    """
    full = full_name(name)
    taken = refs.find_ref(connection, project, full)
    if taken is not None and taken.owner != actor.name:
        raise ConflictError(
            f"{full} is taken by {taken.owner}", hint="choose another name, or ask its owner"
        )
    return open_ref(connection, project, full, actor, now), taken is None


def _create(connection: Connection, project: str, name: str, actor: Actor, now: int) -> Ref:
    resource = Resource("ref", name, project)
    decision = demand(actor, Action.OPEN_KITCHEN, resource)
    source = refs.get_ref(connection, project, PRODUCTION)
    ref = refs.create_ref(
        connection,
        project,
        name,
        RefKind.KITCHEN,
        source.head,
        owner=actor.name,
        now=now,
        fork_point=source.head,
        fork_ref=PRODUCTION,
        expires_at=now + IDLE,
    )
    record(
        connection,
        actor=actor,
        action=Action.OPEN_KITCHEN,
        resource=resource,
        decision=decision,
        now=now,
        after=source.head,
    )
    return ref


def close(connection: Connection, ref: Ref, actor: Actor, now: int) -> None:
    """Delete a kitchen; what was promoted from it stays.

    Raises:
        RefusedError: the actor may not do that.
        StaleRefError: the kitchen has changed since it was read.
    """
    resource = Resource("ref", ref.name, ref.project, ref.protected)
    decision = demand(actor, Action.COLLECT, resource)
    refs.delete_ref(connection, ref, who=actor.name, why="closed", now=now)
    record(
        connection,
        actor=actor,
        action=Action.COLLECT,
        resource=resource,
        decision=decision,
        now=now,
        reason="closed",
        before=ref.head,
    )
