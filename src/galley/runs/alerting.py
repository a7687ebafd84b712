"""Late, missing, failed, recovered: one alert for each cause, told when it opens and when it ends.

A cause that comes back within its cooldown opens the same alert again and is told only when the
cooldown is over, if it lasts until then: what comes and goes tells nobody twice an hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from galley.clock import SECOND, iso
from galley.codec import from_plain
from galley.ids import digest, new_id
from galley.notify import outbox
from galley.notify.outbox import Letter
from galley.project.schedule import AlertKind, AlertRule, Promise
from galley.runs import triggers
from galley.runs.firing import Fired, Place
from galley.runs.model import Run, RunCause, RunState
from galley.runs.schedule_tables import alert, fire, schedule
from galley.runs.tables import run

COOLDOWN = 3600 * SECOND
"""Microseconds within which a cause that is back is the same alert again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that people should know about a pipeline; ``about`` tells causes of a kind apart.

    ``times`` is how often it happened.
    """

    kind: AlertKind
    place: Place
    message: str
    about: str = ""
    run: str | None = None
    times: int = 1

    @property
    def cause(self) -> str:
        """What it is one of: as long as it lasts there is one alert for it."""
        return digest(self.kind.value, *self.place, self.about)


def raise_alerts(connection: Connection, troubles: Sequence[Trouble], now: int) -> None:
    """Open an alert for each, or count it with the one that is open already."""
    for one in troubles:
        known = _latest(connection, one.cause)
        if known is None or (known.closed is not None and now - known.closed > COOLDOWN):
            _open(connection, one, now)
        else:
            _count(connection, one, known, now)


def _latest(connection: Connection, cause: str) -> Row[Any] | None:
    query = select(alert).where(alert.c.cause == cause).order_by(alert.c.opened.desc()).limit(1)
    return connection.execute(query.with_for_update()).first()


def _open(connection: Connection, one: Trouble, now: int) -> None:
    project, environment, pipeline = one.place
    connection.execute(
        insert(alert).values(
            id=new_id(),
            project=project,
            environment=environment,
            pipeline=pipeline,
            kind=one.kind.value,
            cause=one.cause,
            open_key=one.cause,
            message=one.message,
            times=one.times,
            run_id=one.run,
            opened=now,
            last=now,
            tell=now,
        )
    )


def _count(connection: Connection, one: Trouble, known: Row[Any], now: int) -> None:
    """It goes on, or is back: told again when the cooldown since the last word is over."""
    again = now if known.told is None else max(now, known.told + _cooldown(connection, one.place))
    connection.execute(
        update(alert)
        .where(alert.c.id == known.id)
        .values(
            open_key=one.cause,
            closed=None,
            times=known.times + one.times,
            message=one.message,
            run_id=one.run,
            last=now,
            tell=again if known.closed is not None or again == now else known.tell,
        )
    )


def _cooldown(connection: Connection, place: Place) -> int:
    rules = _rules(connection, [place]).get(place)
    found = [round(one.cooldown * SECOND) for one in rules.rules] if rules else []
    return min(found, default=COOLDOWN)


def close_alerts(
    connection: Connection,
    places: Collection[Place],
    now: int,
    *,
    kinds: Iterable[AlertKind] = (AlertKind.FAILED, AlertKind.MISSING),
    run_id: str | None = None,
) -> None:
    """The causes are over: what was told is told to be over, what was not yet is left unsaid."""
    wanted = [kind.value for kind in kinds]
    for project, environment, pipeline in sorted(places):
        here = (
            (alert.c.project == project)
            & (alert.c.environment == environment)
            & (alert.c.pipeline == pipeline)
            & alert.c.kind.in_(wanted)
            & alert.c.open_key.is_not(None)
        )
        for row in connection.execute(select(alert).where(here).with_for_update()).all():
            told = row.told_as == "open"
            connection.execute(
                update(alert)
                .where(alert.c.id == row.id)
                .values(
                    open_key=None,
                    closed=now,
                    run_id=run_id or row.run_id,
                    tell=now if told else None,
                )
            )


# What has happened


def note_ended(connection: Connection, runs: Sequence[Run], now: int) -> None:
    """A run that failed is trouble; one that succeeded ends what there was."""
    for one in runs:
        places = {(one.project, one.ref, name) for name in one.request.pipelines}
        if one.state is RunState.SUCCEEDED:
            close_alerts(connection, places, now, run_id=one.id)
            late = _kept(connection, places, one)
            close_alerts(connection, late, now, kinds=(AlertKind.LATE,), run_id=one.id)
        elif one.state is RunState.FAILED and one.cause is not RunCause.PROMOTION:
            said = one.message or "it did not publish"
            raise_alerts(
                connection,
                [
                    Trouble(AlertKind.FAILED, place, f"run {one.id} failed: {said}", run=one.id)
                    for place in sorted(places)
                ],
                now,
            )


def _kept(connection: Connection, places: Collection[Place], one: Run) -> set[Place]:
    """The pipelines whose last promise a run that succeeded keeps, late as it may be."""
    found = set()
    for place in places:
        promise = _promise(connection, place)
        if promise is None:
            found.add(place)
            continue
        newest = _newest_deadline(promise, one.finished or one.created)
        if newest is None or one.created >= triggers.fresh_since(promise, newest):
            found.add(place)
    return found


def _promise(connection: Connection, place: Place) -> Promise | None:
    text = connection.scalar(
        select(schedule.c.promise).where(
            schedule.c.project == place[0],
            schedule.c.environment == place[1],
            schedule.c.pipeline == place[2],
        )
    )
    return from_plain(Promise, text) if text else None


def _newest_deadline(promise: Promise, now: int) -> int | None:
    """The last time at which the promise was due; within the last eight days."""
    last = None
    for at in triggers.deadlines(promise, now - 8 * 86_400 * SECOND):
        if at > now:
            break
        last = at
    return last


def note_fired(connection: Connection, fired: Sequence[Fired], now: int) -> None:
    """Fires that started nothing are trouble, but for those that were to be skipped so."""
    found: dict[str, Trouble] = {}
    for one in fired:
        armed = one.fire.armed
        said = one.outcome
        if said == "run" or (said == "skipped" and armed.trigger.overlap.value == "skip"):
            continue
        times = one.times + (found[armed.id].times if armed.id in found else 0)
        fires = f"{times} fires of {armed.name} were" if times > 1 else f"{armed.name} was"
        found[armed.id] = Trouble(
            AlertKind.MISSING,
            armed.place,
            f"{fires} {said}: {one.reason}",
            armed.name,
            times=times,
        )
    raise_alerts(connection, list(found.values()), now)


def check_started(connection: Connection, now: int, limit: int) -> int:
    """Runs that were fired and have not begun in their time are missing; how many were looked at.

    Each fire is looked at once, when its time is over.
    """
    rows = connection.execute(
        select(fire.c.id, fire.c.name, fire.c.at, run.c.id.label("run"), run.c.state, run.c.ref)
        .add_columns(run.c.project, run.c.pipeline)
        .join(run, run.c.id == fire.c.run_id, isouter=True)
        .where(fire.c.start_by <= now)
        .order_by(fire.c.start_by)
        .limit(limit)
        .with_for_update(skip_locked=True, of=fire)
    ).all()
    troubles = [
        Trouble(
            AlertKind.MISSING,
            (row.project, row.ref, row.pipeline),
            f"{row.name} fired at {iso(row.at)}, and its run {row.run} has not begun",
            row.name,
            run=row.run,
        )
        for row in rows
        if row.state == RunState.QUEUED.value
    ]
    if rows:
        connection.execute(_CHECKED, [{"own_id": row.id} for row in rows])
    raise_alerts(connection, troubles, now)
    return len(rows)


_CHECKED = update(fire).where(fire.c.id == bindparam("own_id")).values(start_by=None)


def check_promises(connection: Connection, now: int, limit: int) -> int:
    """Promises that are due and not kept are late; how many were looked at."""
    rows = connection.execute(
        select(schedule)
        .where(schedule.c.due <= now)
        .order_by(schedule.c.due)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    wanted = {row.id: from_plain(Promise, row.promise) for row in rows}
    deadlines = {row.id: _newest_deadline(wanted[row.id], now) or row.due for row in rows}
    since = {row.id: triggers.fresh_since(wanted[row.id], deadlines[row.id]) for row in rows}
    fresh = _fresh(connection, rows, since)
    late = [
        Trouble(
            AlertKind.LATE,
            (row.project, row.environment, row.pipeline),
            f"no run has succeeded by {wanted[row.id].at} {wanted[row.id].timezone}, "
            f"as is promised ({iso(deadlines[row.id])})",
        )
        for row in rows
        if row.id not in fresh
    ]
    raise_alerts(connection, late, now)
    changes = [
        {"own_id": row.id, "new_due": next(triggers.deadlines(wanted[row.id], now), None)}
        for row in rows
    ]
    if changes:
        connection.execute(_PROMISED, changes)
    return len(rows)


_PROMISED = (
    update(schedule).where(schedule.c.id == bindparam("own_id")).values(due=bindparam("new_due"))
)


def _fresh(
    connection: Connection, rows: Sequence[Row[Any]], since: Mapping[str, int]
) -> frozenset[str]:
    """The promises that a run has kept: it succeeded, and began late enough to be fresh."""
    newest: dict[Place, int] = {}
    for project in sorted({row.project for row in rows}):
        earliest = min(since[row.id] for row in rows if row.project == project)
        query = select(run.c.ref, run.c.pipeline, run.c.created).where(
            run.c.project == project,
            run.c.created >= earliest,
            run.c.state == RunState.SUCCEEDED.value,
            run.c.parent.is_(None),
        )
        for ref, names, created in connection.execute(query):
            for name in names.split():
                place = (project, ref, name)
                newest[place] = max(created, newest.get(place, 0))
    places = {row.id: (row.project, row.environment, row.pipeline) for row in rows}
    return frozenset(id for id, place in places.items() if newest.get(place, -1) >= since[id])


# Who is told


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a pipeline's alerts, and where their secrets are."""

    rules: tuple[AlertRule, ...]
    secrets: dict[str, str]
    folder: str


def tell(connection: Connection, now: int, limit: int) -> int:
    """Write the messages of alerts whose word is due; how many alerts that were."""
    rows = connection.execute(
        select(alert)
        .where(alert.c.tell <= now)
        .order_by(alert.c.tell)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    known = _rules(connection, [(row.project, row.environment, row.pipeline) for row in rows])
    letters: list[Letter] = []
    for row in rows:
        rules = known.get((row.project, row.environment, row.pipeline))
        if rules is not None:
            letters += _letters(row, rules)
    outbox.put(connection, letters, now)
    if rows:
        said = [
            {"own_id": row.id, "new_said": "open" if row.open_key else "recovered"} for row in rows
        ]
        connection.execute(_TOLD, [{**one, "now": now} for one in said])
    return len(rows)


_TOLD = (
    update(alert)
    .where(alert.c.id == bindparam("own_id"))
    .values(told=bindparam("now"), told_as=bindparam("new_said"), tell=None)
)


def _rules(connection: Connection, places: Collection[Place]) -> dict[Place, Rules]:
    found: dict[Place, Rules] = {}
    s = schedule.c
    for project, environment in sorted({place[:2] for place in places}):
        names = sorted({place[2] for place in places if place[:2] == (project, environment)})
        query = select(schedule).where(
            s.project == project, s.environment == environment, s.pipeline.in_(names)
        )
        for row in connection.execute(query):
            rules = tuple(from_plain(AlertRule, one) for one in row.alerts or ())
            found[project, environment, row.pipeline] = Rules(
                rules, row.secrets or {}, row.folder or ""
            )
    return found


def _letters(row: Row[Any], rules: Rules) -> list[Letter]:
    kind = AlertKind(row.kind) if row.open_key else AlertKind.RECOVERED
    title = f"{row.project}.{row.pipeline} {_TITLES[kind]} in {row.environment}"
    body = row.message if row.open_key else f"it is over: {row.message}"
    if row.times > 1:
        body += f"\n{row.times} times since {iso(row.opened)}"
    return [
        Letter(
            project=row.project,
            about=row.id,
            kind=kind.value,
            recipient=address,
            title=title,
            body=body,
            sources=rules.secrets,
            folder=rules.folder,
        )
        for rule in rules.rules
        if kind in rule.on
        for address in rule.to
    ]


_TITLES = {
    AlertKind.LATE: "is late",
    AlertKind.MISSING: "did not run",
    AlertKind.FAILED: "failed",
    AlertKind.RECOVERED: "is well again",
}
