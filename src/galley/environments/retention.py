"""What is kept for how long: expired refs, old events and old logs go by themselves.

Files of the warehouse are only counted here, never removed: a file may go once nothing can reach it
any more, and finding that out is shown before it is acted upon.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from galley.environments.home import Home
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs
from galley.lake import tables as lake
from galley.lake.model import Ref, RefKind
from galley.lake.rows import NAMES, batches
from galley.lake.warehouse import Warehouse, storage_errors
from galley.runs.model import RunState
from galley.runs.tables import attempt, event, run

DAY = 24 * 3600 * 1_000_000
KEPT = 30 * DAY
"""Microseconds for which events and logs are kept, and states of refs can be returned to."""

STAMP = "retention.stamp"


@dataclass(frozen=True, slots=True)
class Expired:
    """What is over: refs past their time, and how many events and bytes of logs are too old."""

    refs: tuple[Ref, ...]
    events: int
    logs: tuple[str, ...]
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """Files of the warehouse that no ref, tag or recent state shows, with their bytes."""

    files: tuple[str, ...]
    bytes: int
    reachable: int
    reachable_bytes: int


def due(home: Home) -> bool:
    """Whether a day has passed since the last time."""
    try:
        last = int((home.path / STAMP).read_text("ascii"))
    except (OSError, ValueError):
        return True
    return home.clock() - last >= DAY


def plan_retention(connection: Connection, home: Home, project: str) -> Expired:
    """What would be removed now."""
    now = home.clock()
    kinds = (RefKind.RUN, RefKind.ATTEMPT, RefKind.KITCHEN)
    over = tuple(
        ref
        for ref in refs.list_refs(connection, project, kinds)
        if ref.expires_at is not None and ref.expires_at <= now and not _at_work(connection, ref)
    )
    old = select(func.count()).where(event.c.at < now - KEPT)
    logs = tuple(_old_logs(home.path / "logs", now - KEPT))
    return Expired(over, connection.scalar(old) or 0, logs, sum(map(_folder_bytes, logs)))


def apply_retention(connection: Connection, home: Home, project: str, expired: Expired) -> Expired:
    """Remove what ``plan_retention`` found and say what went; a ref that was used meanwhile stays.

    Raises:
        RefusedError: the actor may not collect.
    """
    now = home.clock()
    resource = Resource("home", project, project)
    decision = demand(home.actor, Action.COLLECT, resource)
    over = tuple(ref for ref in expired.refs if _still_over(connection, ref, now))
    for ref in over:
        refs.delete_ref(connection, ref, who=home.actor.name, why="expired", now=now)
    if expired.events:
        connection.execute(delete(event).where(event.c.at < now - KEPT))
    if over or expired.events:
        record(
            connection,
            actor=home.actor,
            action=Action.COLLECT,
            resource=resource,
            decision=decision,
            now=now,
            detail={"refs": [ref.name for ref in over], "events": expired.events},
        )
    for folder in expired.logs:
        shutil.rmtree(folder, ignore_errors=True)
    (home.path / STAMP).write_text(str(now), "ascii")
    return replace(expired, refs=over)


def find_unreferenced(connection: Connection, home: Home, project: str) -> Unreferenced:
    """The project's files in the warehouse that nothing shows any more.

    Reachable is what any ref, or a state that a ref had within the last 30 days, shows; files of
    attempts under way are left alone.
    """
    warehouse = home.store
    reachable = _reachable(connection, home, project)
    live = set(connection.scalars(select(attempt.c.id).where(attempt.c.end.is_(None))))
    unused: list[str] = []
    spare = used = used_bytes = 0
    for name, size in _listed(warehouse, project):
        stem = Path(name).name.partition(".")[0]
        if name in reachable or name.rpartition("/")[2] in reachable:
            used, used_bytes = used + 1, used_bytes + size
        elif not any(part in live for part in stem.split("-")):
            unused.append(name)
            spare += size
    return Unreferenced(tuple(sorted(unused)), spare, used, used_bytes)


def _listed(warehouse: Warehouse, project: str) -> Iterator[tuple[str, int]]:
    """The relative paths of the project's files with their bytes; what was begun counts too."""
    folder = warehouse.absolute(project)
    with storage_errors("listing the warehouse"):
        for one in (*warehouse.files.listing(folder), *warehouse.files.unfinished(folder)):
            yield warehouse.relative(one.path), one.bytes


def _reachable(connection: Connection, home: Home, project: str) -> frozenset[str]:
    """The paths of files that a reachable entry points to.

    Entries are taken commit by commit along every reachable head's history: a superset of what
    the heads show, so that nothing in use is ever called unreferenced.
    """
    wanted = set(connection.scalars(select(lake.ref.c.head).where(lake.ref.c.project == project)))
    recent = home.clock() - KEPT
    log = lake.ref_log.c
    states = select(log.old, log.new).where(log.project == project, log.at >= recent)
    wanted |= {id for row in connection.execute(states) for id in row if id}
    return _named_files(connection, _ancestors(connection, project, wanted))


def _ancestors(connection: Connection, project: str, heads: set[str]) -> set[str]:
    """All commits that the heads' trees may be put together from."""
    c = lake.commit.c
    following = {
        row.id: (row.parent, row.tree_of)
        for row in connection.execute(select(c.id, c.parent, c.tree_of).where(c.project == project))
    }
    found: set[str] = set()
    queue = list(heads)
    while queue:
        commit = queue.pop()
        if commit not in found:
            found.add(commit)
            queue += [one for one in following.get(commit, ()) if one]
    return found


def _named_files(connection: Connection, commits: Collection[str]) -> frozenset[str]:
    named: set[str] = set()
    for some in batches(sorted(commits), NAMES):
        rows = connection.execute(
            select(lake.entry.c.location, lake.entry.c.version).where(
                lake.entry.c.commit_id.in_(some)
            )
        )
        for location, version in rows:
            if location:
                named.add(location)
                named |= _companions(location)
            named.update((version or {}).get("intent", {}).get("files", ()))
        windows = select(lake.window.c.files).where(lake.window.c.commit_id.in_(some))
        for files in connection.scalars(windows):
            named.update(files or ())
    return frozenset(named)


def _companions(location: str) -> set[str]:
    """The names of the manifests that are written together with a metadata file."""
    attempt_id = Path(location).name.partition(".")[0]
    return {f"{attempt_id}-m0.avro", f"{attempt_id}-m1.avro", f"snap-{attempt_id}.avro"}


def _still_over(connection: Connection, planned: Ref, now: int) -> bool:
    """Whether a ref may go in this transaction: a renewal since the plan moves nothing but its end.

    The ref is kept from being renewed until the transaction ends.
    """
    ref = refs.find_ref(connection, planned.project, planned.name, lock=True)
    if ref is None or ref.expires_at is None or ref.expires_at > now:
        return False
    unmoved = (ref.head, ref.generation) == (planned.head, planned.generation)
    return unmoved and not _at_work(connection, ref)


def _at_work(connection: Connection, ref: Ref) -> bool:
    """Whether a run that is not over belongs to the ref, publishes to it or goes on from it."""
    ended = [state.value for state in RunState if state.terminal]
    query = select(run.c.id, run.c.ref, run.c.request).where(
        run.c.project == ref.project, run.c.state.not_in(ended)
    )
    if ref.kind is RefKind.KITCHEN:
        return any(row.ref == ref.name for row in connection.execute(query))
    owner = ref.name.split("/")[1]
    return any(owner in (row.id, row.request.get("resumes")) for row in connection.execute(query))


def _old_logs(folder: Path, before: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir() and entry.stat().st_mtime * 1_000_000 < before:
                yield entry.path


def _folder_bytes(folder: str) -> int:
    return sum(size for _, size in _files(Path(folder)))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            with contextlib.suppress(OSError):
                yield str(path), path.stat().st_size
