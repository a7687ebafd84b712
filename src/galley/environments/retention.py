"""Refs that are over and logs that are too old: what of a home goes by its time alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select

from galley import faults
from galley.environments.home import Home
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs
from galley.lake.model import Ref, RefKind
from galley.lake.rows import NAMES, batches
from galley.project.model import Retention
from galley.runs.model import RunState
from galley.runs.tables import run

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Expired:
    """What is over: refs past their time, and the folders of logs that are too old."""

    refs: tuple[Ref, ...]
    logs: tuple[str, ...]
    log_bytes: int


def plan_retention(connection: Connection, home: Home, project: str, kept: Retention) -> Expired:
    """What would be removed now."""
    now = home.clock()
    kinds = (RefKind.RUN, RefKind.ATTEMPT, RefKind.KITCHEN)
    over = tuple(
        ref
        for ref in refs.list_refs(connection, project, kinds)
        if ref.expires_at is not None and ref.expires_at <= now and not _at_work(connection, ref)
    )
    logs = tuple(_old_logs(home.path / "logs", now - int(kept.logs * SECOND)))
    return Expired(over, logs, sum(map(_folder_bytes, logs)))


def apply_retention(connection: Connection, home: Home, project: str, expired: Expired) -> Expired:
    """Decide on what ``plan_retention`` found and say what goes; what was used meanwhile stays.

    The refs go with this transaction. The logs are for ``remove_logs`` after it: removing files
    takes long, and the database is not kept from everybody else meanwhile.

    Raises:
        RefusedError: the actor may not collect.
    """
    now = home.clock()
    resource = Resource("home", project, project)
    decision = demand(home.actor, Action.COLLECT, resource)
    over = tuple(ref for ref in expired.refs if _still_over(connection, ref, now))
    for ref in over:
        refs.delete_ref(connection, ref, who=home.actor.name, why="expired", now=now)
    if over:
        record(
            connection,
            actor=home.actor,
            action=Action.COLLECT,
            resource=resource,
            decision=decision,
            now=now,
            detail={"refs": [ref.name for ref in over]},
        )
    return replace(expired, refs=over, logs=tuple(_unused_logs(connection, expired.logs)))


def remove_logs(expired: Expired) -> None:
    """Remove the folders of logs that were decided on.

    What is left, by a crash or because it cannot be removed, is as old at the next round.
    """
    faults.point("retention.before_removal")
    for folder in expired.logs:
        shutil.rmtree(folder, ignore_errors=True)


def _unused_logs(connection: Connection, folders: Sequence[str]) -> Iterator[str]:
    """Those of the folders whose run is not under way: it may print for longer than logs last."""
    ended = [state.value for state in RunState if state.terminal]
    for some in batches(folders, NAMES):
        named = [Path(folder).name for folder in some]
        query = select(run.c.id).where(run.c.id.in_(named), run.c.state.not_in(ended))
        busy = set(connection.scalars(query))
        yield from (folder for folder in some if Path(folder).name not in busy)


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
