"""Triggers, promises and alerts become those of the version that an environment runs.

Who looks compares each environment's head with the one it has seen: a promotion, a rollback, or
the first look after either puts the triggers of the activated version in place of the others.
Kitchens are no environments, so nothing fires in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from galley.codec import from_plain, to_plain
from galley.environments.home import Checkout
from galley.environments.launch import kept_code
from galley.errors import GalleyError, NotFoundError
from galley.governance.secrets import placeholders
from galley.ids import digest
from galley.lake import tables as lake
from galley.lake.model import RefKind
from galley.lake.rows import NAMES, batches, insert_first
from galley.project.model import Manifest
from galley.project.schedule import On, Trigger
from galley.project.variables import bind
from galley.runs import triggers
from galley.runs.finishing import pipeline_code
from galley.runs.schedule_tables import schedule, trigger, watch

WATCHING = ("file", "sql", "table")
"""The kinds that are looked at from time to time."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An environment whose head is not the one that was last looked at."""

    project: str
    environment: str
    head: str
    definition: str | None
    known_head: str | None
    known: str | None


def moved(connection: Connection) -> list[Moved]:
    """The environments that have moved since they were last looked at."""
    r, c, w = lake.ref.c, lake.commit.c, watch.c
    here = and_(w.project == r.project, w.environment == r.name)
    query = (
        select(r.project, r.name, r.head, c.code_version, w.head.label("known"), w.definition)
        .join(lake.commit, c.id == r.head)
        .join(watch, here, isouter=True)
        .where(r.kind == RefKind.ENVIRONMENT.value, or_(w.head.is_(None), w.head != r.head))
    )
    return [Moved(*row) for row in connection.execute(query)]


def look_at(connection: Connection, found: Moved, now: int) -> bool:
    """Put the triggers of the activated version in place, unless another scheduler just did.

    Where only data has moved, what waits for tables there looks at once. Whether this call did.
    """
    if not _take(connection, found):
        return False
    if found.definition != found.known or found.known_head is None:
        manifest = None
        kept = _kept(connection, found.definition)
        if kept is not None:
            manifest, checkout = kept
            _activate(connection, found, manifest, str(checkout.folder), now)
        _deactivate(connection, found, manifest)
    _wake(connection, found, now)
    return True


def _kept(connection: Connection, definition: str | None) -> tuple[Manifest, Checkout] | None:
    """The activated version; one that is not kept here fires nothing, and stops nobody else."""
    if definition is None:
        return None
    try:
        return kept_code(connection, definition)
    except NotFoundError:
        return None


def _take(connection: Connection, found: Moved) -> bool:
    values = {"head": found.head, "definition": found.definition}
    key = {"project": found.project, "environment": found.environment}
    if found.known_head is None:
        return insert_first(connection, watch, {**key, **values})
    mine = and_(
        watch.c.project == found.project,
        watch.c.environment == found.environment,
        watch.c.head == found.known_head,
    )
    return connection.execute(update(watch).where(mine).values(**values)).rowcount > 0


def _activate(
    connection: Connection, found: Moved, manifest: Manifest, folder: str, now: int
) -> None:
    wanted = [
        one
        for pipeline in manifest.pipelines.values()
        for one in pipeline.schedule.triggers
        if one.environment == found.environment
    ]
    known = _known(connection, found)
    new, changed = [], []
    for one in wanted:
        row = _trigger_row(found, manifest, one, now)
        before = known.get(row["id"])
        if before is None:
            new.append(row)
        else:
            changed.append(_carried(row, one, before, now))
    for some in batches(new, NAMES):
        connection.execute(insert(trigger), some)
    if changed:
        names = [name for name in changed[0] if name not in ("id",)]
        statement = update(trigger).where(trigger.c.id == bindparam("own_id"))
        values = {name: bindparam(f"new_{name}", type_=trigger.c[name].type) for name in names}
        connection.execute(
            statement.values(**values),
            [
                {"own_id": row["id"], **{f"new_{name}": row[name] for name in names}}
                for row in changed
            ],
        )
    _put_schedules(connection, found, manifest, folder, now)


def _known(connection: Connection, found: Moved) -> dict[str, Mapping[str, Any]]:
    here = (trigger.c.project == found.project) & (trigger.c.environment == found.environment)
    return {row.id: dict(row._mapping) for row in connection.execute(select(trigger).where(here))}


def trigger_id(project: str, environment: str, name: str) -> str:
    """The id of a trigger: the same in whatever version of the project it is."""
    return digest("trigger", project, environment, name)


def _trigger_row(found: Moved, manifest: Manifest, one: Trigger, now: int) -> dict[str, Any]:
    problem, request = None, {}
    try:
        request = _request(found, manifest, one)
    except GalleyError as error:
        problem = error.message
    return {
        "id": trigger_id(found.project, found.environment, one.full_name),
        "project": found.project,
        "environment": found.environment,
        "pipeline": one.pipeline,
        "name": one.full_name,
        "kind": one.kind,
        "spec": to_plain(one),
        "definition": manifest.hash,
        "code": pipeline_code(manifest, one.pipeline, found.environment),
        "request": request,
        "problem": problem,
        "active": True,
        "paused": one.paused,
        "told_by": None,
        "told_at": None,
        "anchor": now,
        "seen": now,
        "due": None if one.paused else first_due(one.on, now, now),
        "state": {},
    }


def _request(found: Moved, manifest: Manifest, one: Trigger) -> dict[str, Any]:
    """What its runs are asked for with, bound once and for all for this version."""
    environment = found.environment if found.environment in manifest.environments else None
    bound = bind(manifest, one.pipeline, environment, one.variables or {})
    given = one.variables or {}
    return {
        "variables": {name: value.value for name, value in bound.items()},
        "origins": {
            name: f"trigger {one.full_name}" if name in given else value.origin
            for name, value in bound.items()
        },
        "reads": {read.project: read.ref for read in manifest.reads},
    }


def first_due(on: On, anchor: int, now: int) -> int | None:
    """When to look first: at once at what changes, else at the first time there is."""
    return now if on.kind in WATCHING else triggers.next_time(on, anchor, now)


def _carried(
    row: dict[str, Any], one: Trigger, before: Mapping[str, Any], now: int
) -> dict[str, Any]:
    """A trigger that was there: one that says the same goes on, with what it remembers.

    A pause that somebody asked for stands, whatever the new version says.
    """
    told = before["told_by"] is not None
    same = before["active"] and from_plain(Trigger, before["spec"]).on == one.on
    paused = before["paused"] if told else one.paused
    kept = {name: before[name] for name in ("anchor", "seen", "state")} if same else {}
    due = before["due"] if same and not before["paused"] else row["due"]
    if not paused and due is None:
        due = first_due(one.on, now, now)
    found = {**row, **kept, "paused": paused, "due": None if paused else due}
    found["told_by"], found["told_at"] = before["told_by"], before["told_at"]
    return found


def _put_schedules(
    connection: Connection, found: Moved, manifest: Manifest, folder: str, now: int
) -> None:
    """What the pipelines promise, and whom their alerts go to."""
    here = (schedule.c.project == found.project) & (schedule.c.environment == found.environment)
    connection.execute(schedule.delete().where(here))
    rows = list(_schedules(found, manifest, folder, now))
    for some in batches(rows, NAMES):
        connection.execute(insert(schedule), some)


def _schedules(found: Moved, manifest: Manifest, folder: str, now: int) -> Iterator[dict[str, Any]]:
    for name, pipeline in manifest.pipelines.items():
        promise = pipeline.schedule.promise
        if promise is not None and promise.environment != found.environment:
            promise = None
        alerts = pipeline.schedule.alerts
        if promise is None and not alerts:
            continue
        secrets = _secrets(alerts_to=(to for rule in alerts for to in rule.to), manifest=manifest)
        yield {
            "id": digest("schedule", found.project, found.environment, name),
            "project": found.project,
            "environment": found.environment,
            "pipeline": name,
            "definition": manifest.hash,
            "promise": to_plain(promise) if promise else None,
            "due": next(triggers.deadlines(promise, now), None) if promise else None,
            "alerts": [to_plain(rule) for rule in alerts] or None,
            "secrets": secrets or None,
            "folder": folder,
        }


def _secrets(alerts_to: Iterable[str], manifest: Manifest) -> dict[str, str]:
    """Where the secrets that addresses name come from; never what they are."""
    names = sorted({name for address in alerts_to for name in placeholders(address)})
    return {name: manifest.secrets[name] for name in names if name in manifest.secrets}


def _deactivate(connection: Connection, found: Moved, manifest: Manifest | None) -> None:
    """Triggers that the activated version does not have fire no more."""
    here = (trigger.c.project == found.project) & (trigger.c.environment == found.environment)
    gone = here & trigger.c.active
    if manifest is not None:
        gone &= trigger.c.definition != manifest.hash
    else:
        mine = (schedule.c.project == found.project) & (schedule.c.environment == found.environment)
        connection.execute(schedule.delete().where(mine))
    connection.execute(update(trigger).where(gone).values(active=False, due=None))


def _wake(connection: Connection, found: Moved, now: int) -> None:
    """Have triggers that wait for tables of this environment look at once."""
    own = (trigger.c.project == found.project) & (trigger.c.environment == found.environment)
    foreign = trigger.c.spec.like(f'%"{found.project.lower()}.%')
    connection.execute(
        update(trigger)
        .where(trigger.c.kind == "table", trigger.c.active, own | foreign)
        .where(trigger.c.paused.is_(False))
        .values(due=now)
    )
