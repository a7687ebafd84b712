"""How long the records of runs are kept: runs with what they found out, metrics, events.

What stands behind a state that can still be read is kept with it, however old it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from galley.lake import collect
from galley.lake import tables as lake
from galley.lake.marking import shown
from galley.lake.rows import NAMES, batches, insert_missing
from galley.project.model import Retention
from galley.runs import schedule_tables
from galley.runs import tables as runs
from galley.runs.model import RunState

SECOND = 1_000_000
MOST_RUNS = 5_000
MOST_ROWS = 100_000
"""So many go at once; what is left goes the next time."""


@dataclass(frozen=True, slots=True)
class Stale:
    """Records that are too old, and that nothing which is kept stands on.

    ``runs`` go with their steps, attempts, verdicts and overrides. The others are row counts.
    """

    runs: tuple[str, ...] = ()
    metrics: int = 0
    events: int = 0
    log_entries: int = 0
    sessions: int = 0
    definitions: int = 0

    def __bool__(self) -> bool:
        counts = (self.metrics, self.events, self.log_entries, self.sessions, self.definitions)
        return bool(self.runs) or any(counts)


def find_stale(
    connection: Connection, project: str, now: int, kept: Retention, policy: collect.Policy
) -> Stale:
    """What is too old now."""
    standing = _standing(connection, project, now, policy)
    found = {
        name: _count(connection, table, condition)
        for name, (table, condition) in _rows(connection, project, now, kept, standing).items()
    }
    return Stale(_stale_runs(connection, project, now, kept, standing), **found)


def remove_stale(
    connection: Connection,
    project: str,
    stale: Stale,
    now: int,
    kept: Retention,
    policy: collect.Policy,
) -> Stale:
    """Remove what ``find_stale`` found, as far as it still is too old; says what went."""
    standing = _standing(connection, project, now, policy)
    still = set(_stale_runs(connection, project, now, kept, standing))
    gone = tuple(run for run in stale.runs if run in still)
    for some in batches(gone, NAMES):
        _remember_writers(connection, project, some, now)
        for table in _HANGING:
            connection.execute(delete(table).where(table.c.run_id.in_(some)))
        connection.execute(delete(runs.run).where(runs.run.c.id.in_(some)))
    counts = {}
    for name, (table, condition) in _rows(connection, project, now, kept, standing).items():
        key = next(iter(table.primary_key))
        old = select(key).where(condition).limit(MOST_ROWS)
        # What was put to use again while this waited for its row no longer meets the condition.
        gone_now = connection.execute(delete(table).where(condition, key.in_(old)))
        counts[name] = gone_now.rowcount
    return Stale(gone, **counts)


_HANGING = (
    runs.step_run,
    runs.attempt,
    runs.verdict,
    runs.override,
    runs.event,
    schedule_tables.ended,
    schedule_tables.fire,
)
"""What goes with its run."""


def _remember_writers(
    connection: Connection, project: str, run_ids: Sequence[str], now: int
) -> None:
    """Their files may be in use long after: that they have ended must stay known."""
    a = runs.attempt.c
    ids = [*run_ids, *connection.scalars(select(a.id).where(a.run_id.in_(run_ids)))]
    rows = [{"id": id, "project": project, "by": "", "until": now} for id in ids]
    insert_missing(connection, lake.writer, rows)


@dataclass(frozen=True, slots=True)
class _Standing:
    """What kept states stand on: their commits, and the runs that made or published them."""

    commits: frozenset[str]
    runs: frozenset[str]


def _rows(
    connection: Connection, project: str, now: int, kept: Retention, standing: _Standing
) -> dict[str, tuple[Any, Any]]:
    """The rows that are too old by their own time alone, by what they are called."""
    mine = select(runs.run.c.id).where(runs.run.c.project == project)
    m, e, g, s = runs.metric.c, runs.event.c, lake.ref_log.c, runs.session.c
    private = or_(*(g.name.like(f"{prefix}%") for prefix in collect.PRIVATE))
    before = {name: now - int(getattr(kept, name) * SECOND) for name in ("metrics", "events")}
    past = now - int(kept.history * SECOND)
    old = (m.project == project) & (m.at < before["metrics"])
    commits = set(connection.scalars(select(m.commit_id).where(old).distinct())) - {None}
    gone = or_(m.commit_id.is_(None), m.commit_id.in_(sorted(commits - standing.commits)[:NAMES]))
    orphaned = e.run_id.not_in(select(runs.run.c.id))
    return {
        "metrics": (runs.metric, old & gone),
        "events": (runs.event, (e.at < before["events"]) & or_(e.run_id.in_(mine), orphaned)),
        "log_entries": (lake.ref_log, (g.project == project) & (g.at < past) & private),
        "sessions": (runs.session, s.ended.is_not(None) & (s.beat < before["events"])),
        "definitions": (runs.definition, _unused(project, now - int(kept.runs * SECOND))),
    }


def _unused(project: str, before: int) -> ColumnElement[bool]:
    """The project versions that no run, no kitchen, no state and no trigger refers to any more."""
    d, c, g = runs.definition.c, lake.commit.c, schedule_tables.trigger.c
    r = lake.ref.c
    used = (
        select(runs.run.c.id).where(runs.run.c.definition == d.id),
        select(c.id).where(c.project == project, c.code_version == d.id),
        select(g.id).where(g.project == project, g.definition == d.id),
        select(r.name).where(r.project == project, r.code_version == d.id),
    )
    unused = and_(*(~one.exists() for one in used))
    return (d.project == project) & (d.created < before) & unused


def _stale_runs(
    connection: Connection, project: str, now: int, kept: Retention, standing: _Standing
) -> tuple[str, ...]:
    """The runs that ended too long ago, oldest first, but for those that something stands on."""
    r = runs.run.c
    ended = [state.value for state in RunState if state.terminal]
    over = func.coalesce(r.finished, r.created) < now - int(kept.runs * SECOND)
    old = select(r.id).where(r.project == project, r.state.in_(ended), over).order_by(r.created)
    candidates = list(connection.scalars(old.limit(MOST_RUNS)))
    if not candidates:
        return ()
    needed = _needed(connection, project, standing.runs)
    refs = set(connection.scalars(select(lake.ref.c.name).where(lake.ref.c.project == project)))
    return tuple(one for one in candidates if one not in needed and f"run/{one}" not in refs)


def _standing(connection: Connection, project: str, now: int, policy: collect.Policy) -> _Standing:
    """Who made and who published what kept states show."""
    catalogue = collect.read_catalogue(connection, project)
    starts = collect.roots(connection, project, now, policy, lambda _: (), catalogue)
    showing = {commit for commit, _ in shown(catalogue.following, catalogue.entries, starts)}
    c, e = lake.commit.c, lake.entry.c
    found: set[str] = set()
    for some in batches(sorted(showing | starts), NAMES):
        published = select(c.run_id).where(c.id.in_(some), c.run_id.is_not(None))
        found.update(str(run) for run in connection.scalars(published))
        for version in connection.scalars(select(e.version).where(e.commit_id.in_(some))):
            found.add(str((version or {}).get("made", {}).get("run", "")))
    return _Standing(frozenset(showing | starts), frozenset(found))


def _needed(connection: Connection, project: str, standing: Iterable[str]) -> set[str]:
    """The standing runs, the unfinished ones, and all that these went on from or were part of."""
    r = runs.run.c
    ended = [state.value for state in RunState if state.terminal]
    links: dict[str, set[str]] = {}
    needed = set(standing)
    rows = select(r.id, r.parent, r.state, r.request).where(r.project == project)
    for row in connection.execute(rows):
        before = (row.parent, (row.request or {}).get("resumes"))
        links[row.id] = {one for one in before if one}
        if row.state not in ended:
            needed.add(row.id)
    _add_reused(connection, links, needed)
    queue = list(needed)
    while queue:
        for one in links.get(queue.pop(), ()):
            if one not in needed:
                needed.add(one)
                queue.append(one)
    return needed


def _add_reused(connection: Connection, links: dict[str, set[str]], of: Collection[str]) -> None:
    """Runs whose verdicts or results others reused are linked from those."""
    for table in (runs.verdict, runs.step_run):
        c = table.c
        for some in batches(sorted(of), NAMES):
            rows = select(c.run_id, c.reused_from).where(
                c.run_id.in_(some), c.reused_from.is_not(None)
            )
            for row in connection.execute(rows.distinct()):
                links.setdefault(row.run_id, set()).add(row.reused_from)


def _count(connection: Connection, table: Any, condition: Any) -> int:
    found = connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
    return min(found, MOST_ROWS)
