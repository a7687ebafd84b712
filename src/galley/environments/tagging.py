"""Giving states of the data lasting names."""

from __future__ import annotations

from sqlalchemy import Connection

from galley.environments.home import Home
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs
from galley.lake.model import Ref


def tag(connection: Connection, home: Home, project: str, name: str, commit: str) -> Ref:
    """Name a commit ``tag/<name>``, for good.

    Raises:
        UsageError: the name is not allowed.
        ConflictError: it is taken; says by whom.
        RefusedError: the actor may not tag.
    """
    now = home.clock()
    resource = Resource("ref", name, project)
    decision = demand(home.actor, Action.TAG, resource)
    made = refs.tag(connection, project, name, commit, owner=home.actor.name, now=now)
    record(
        connection,
        actor=home.actor,
        action=Action.TAG,
        resource=resource,
        decision=decision,
        now=now,
        after=commit,
    )
    return made
