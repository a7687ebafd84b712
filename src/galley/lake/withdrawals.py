"""What a rollback took back: contents that must not return, and pipelines that are held."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update

from galley.clock import iso
from galley.errors import HeldError, WithdrawnError
from galley.ids import new_id
from galley.lake import tables as t
from galley.lake.model import Change
from galley.lake.rows import NAMES, among, batches, insert_missing, insert_rows


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A content that was taken back by the rollback ``commit``."""

    content_id: str
    commit: str
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class PipelineHold:
    """A pipeline that may not publish to a ref while its ``code`` stays (None: whatever it is)."""

    id: str
    project: str
    ref: str
    pipeline: str
    code: str | None
    commit: str | None
    reason: str
    by: str
    at: int


def withdraw(
    conn: Connection,
    project: str,
    content_ids: Iterable[str],
    *,
    commit: str,
    by: str,
    reason: str,
    now: int,
) -> None:
    """Take contents back; one that is withdrawn already keeps its first reason."""
    shared = {"project": project, "commit_id": commit, "by": by, "reason": reason, "at": now}
    rows = [{**shared, "content_id": content} for content in sorted(set(content_ids))]
    insert_missing(conn, t.withdrawn, rows)


def withdrawn(conn: Connection, project: str, content_ids: Iterable[str]) -> dict[str, Withdrawal]:
    """Which of these contents are withdrawn, and by whom."""
    found: dict[str, Withdrawal] = {}
    wanted = sorted(set(content_ids))
    if len(wanted) > NAMES:
        mine = select(t.withdrawn).where(t.withdrawn.c.project == project)
        several = among(conn, t.withdrawn.c.content_id, wanted)
        rows = [row for some in several for row in conn.execute(mine.where(some))]
    else:
        given = {"own_project": project, "contents": wanted}
        rows = list(conn.execute(_WITHDRAWN, given)) if wanted else []
    for row in rows:
        found[row.content_id] = Withdrawal(
            row.content_id, row.commit_id, row.by, row.reason, row.at
        )
    return found


# Built once: every publish and every plan asks.
_WITHDRAWN = select(t.withdrawn).where(
    t.withdrawn.c.project == bindparam("own_project"),
    t.withdrawn.c.content_id.in_(bindparam("contents", expanding=True)),
)


def clear(
    conn: Connection,
    project: str,
    content_ids: Iterable[str],
    *,
    commits: Collection[str] | None = None,
) -> int:
    """Let contents return (a roll-forward); the number cleared.

    ``commits`` restricts it to what those rollbacks withdrew.
    """
    w = t.withdrawn.c
    cleared = 0
    for some in batches(sorted(set(content_ids)), NAMES):
        statement = delete(t.withdrawn).where(w.project == project, w.content_id.in_(some))
        if commits is not None:
            statement = statement.where(w.commit_id.in_(sorted(commits)))
        cleared += conn.execute(statement).rowcount
    return cleared


def admit(conn: Connection, project: str, changes: Sequence[Change]) -> None:
    """Refuse versions that must not become live: the one door that every publish goes through.

    Raises WithdrawnError for withdrawn content, also for what was made from it.
    """
    versions = [change.version for change in changes if change.version]
    contents = {version.content_id for version in versions}
    contents.update(content for version in versions for content in version.inputs.values())
    contents.update(window.content_id for change in changes for window in change.windows)
    refused = withdrawn(conn, project, contents)
    for change in changes:
        for window in change.windows:
            if window.content_id in refused:
                place = f"{change.table} ({window.span})"
                raise _refusal(place, place, refused[window.content_id])
    for version in versions:
        if version.content_id in refused:
            raise _refusal(version.table, version.table, refused[version.content_id])
        for name, content in version.inputs.items():
            if content in refused:
                raise _refusal(version.table, name, refused[content])


def hold_pipelines(
    conn: Connection,
    project: str,
    ref: str,
    pipelines: Iterable[tuple[str, str | None]],
    *,
    commit: str | None,
    by: str,
    reason: str,
    now: int,
) -> None:
    """Keep pipelines (name and digest of their code) from publishing to a ref."""
    shared = {"project": project, "ref": ref, "commit_id": commit, "reason": reason, "by": by}
    rows = [
        {**shared, "id": new_id(), "pipeline": pipeline, "code": code, "at": now}
        for pipeline, code in sorted(pipelines, key=str)
    ]
    insert_rows(conn, t.pipeline_hold, rows)


def held(
    conn: Connection, project: str, ref: str, pipeline: str, code: str | None
) -> PipelineHold | None:
    """The hold on a pipeline with this code, if there is one; changed code is not held."""
    h = t.pipeline_hold.c
    statement = _holds(project, ref).where(h.pipeline == pipeline)
    same = statement.where(or_(h.code.is_(None), h.code == code)) if code else statement
    row = conn.execute(same.order_by(h.at.desc()).limit(1)).one_or_none()
    return _hold_of(row) if row else None


def holds(conn: Connection, project: str, ref: str) -> list[PipelineHold]:
    """Every hold on a ref that was not released, newest first (also of code changed since)."""
    rows = conn.execute(_holds(project, ref).order_by(t.pipeline_hold.c.at.desc()))
    return [_hold_of(row) for row in rows]


def holds_by_ref(conn: Connection, project: str) -> dict[str, list[str]]:
    """The pipelines that are held from publishing, by the ref that they are held from."""
    h = t.pipeline_hold.c
    rows = conn.execute(
        select(h.ref, h.pipeline).where(h.project == project, h.released_at.is_(None))
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.ref, []).append(row.pipeline)
    return found


def refuse_held(conn: Connection, project: str, ref: str, pipeline: str, code: str | None) -> None:
    """Raise HeldError if the pipeline is held from publishing to the ref."""
    hold = held(conn, project, ref, pipeline, code)
    if hold is not None:
        raise HeldError(
            f"Pipeline {pipeline} is held from publishing to {ref} since the rollback by "
            f"{hold.by} at {iso(hold.at)}: {hold.reason}",
            hint=f"Change the pipeline, or lift the hold: galley release {pipeline} --in {ref}",
            details={"pipeline": pipeline, "ref": ref, "hold": hold.id},
        )


def release(conn: Connection, project: str, ref: str, pipeline: str, *, by: str, now: int) -> int:
    """Let a held pipeline publish again; the number of holds that ended."""
    h = t.pipeline_hold.c
    mine = (h.project == project) & (h.ref == ref) & (h.pipeline == pipeline)
    statement = update(t.pipeline_hold).where(mine, h.released_at.is_(None))
    return conn.execute(statement.values(released_at=now, released_by=by)).rowcount


def lift(conn: Connection, ids: Collection[str], *, by: str, now: int) -> None:
    """End these holds."""
    h = t.pipeline_hold.c
    for some in batches(sorted(ids), NAMES):
        mine = update(t.pipeline_hold).where(h.id.in_(some), h.released_at.is_(None))
        conn.execute(mine.values(released_at=now, released_by=by))


def _holds(project: str, ref: str) -> Any:
    h = t.pipeline_hold.c
    here = (h.project == project) & (h.ref == ref) & h.released_at.is_(None)
    return select(t.pipeline_hold).where(here)


def _hold_of(row: Row[Any]) -> PipelineHold:
    return PipelineHold(
        id=row.id,
        project=row.project,
        ref=row.ref,
        pipeline=row.pipeline,
        code=row.code,
        commit=row.commit_id,
        reason=row.reason,
        by=row.by,
        at=row.at,
    )


def _refusal(table: str, withdrawn_table: str, withdrawal: Withdrawal) -> WithdrawnError:
    what = (
        f"This version of {table} was"
        if table == withdrawn_table
        else f"{table} was made from a version of {withdrawn_table} that was"
    )
    return WithdrawnError(
        f"{what} withdrawn by {withdrawal.by} at {iso(withdrawal.at)}: {withdrawal.reason}",
        hint="Run it again on what is published now.",
        details={
            "table": table,
            "withdrawn": withdrawn_table,
            "content_id": withdrawal.content_id,
            "by": withdrawal.by,
            "reason": withdrawal.reason,
        },
    )
