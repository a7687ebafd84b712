"""Writing the audit row of an action, in the transaction of the action itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from galley.governance.model import Action, Actor, Decision, Resource
from galley.governance.tables import audit


def record(
    connection: Connection,
    *,
    actor: Actor,
    action: Action,
    resource: Resource,
    decision: Decision,
    now: int,
    reason: str | None = None,
    before: str | None = None,
    after: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one audit entry; ``before`` and ``after`` are commits or digests."""
    connection.execute(
        insert(audit).values(
            at=now,
            actor=actor.name,
            on_behalf_of=actor.on_behalf_of,
            action=action.value,
            project=resource.project,
            object_kind=resource.kind,
            object=resource.name,
            rule=decision.rule,
            reason=reason,
            before=before,
            after=after,
            detail=dict(detail) if detail else None,
        )
    )


def record_many(
    connection: Connection,
    *,
    actor: Actor,
    action: Action,
    decision: Decision,
    now: int,
    entries: Iterable[tuple[Resource, Mapping[str, Any]]],
) -> None:
    """Append an audit entry for each of several resources that one decision is about."""
    shared = {
        "at": now,
        "actor": actor.name,
        "on_behalf_of": actor.on_behalf_of,
        "action": action.value,
        "rule": decision.rule,
    }
    rows = [
        {
            **shared,
            "project": resource.project,
            "object_kind": resource.kind,
            "object": resource.name,
            "detail": dict(detail),
        }
        for resource, detail in entries
    ]
    if rows:
        connection.execute(insert(audit), rows)


def entries(
    connection: Connection, project: str, *, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest audit entries of a project (older than the entry ``before``), newest first."""
    query = select(audit).where(audit.c.project == project)
    if before is not None:
        query = query.where(audit.c.id < before)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]
