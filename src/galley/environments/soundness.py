"""What must be true of the state database when no engine works, whatever happened before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from galley.lake import collect
from galley.lake import tables as lake
from galley.lake.commits import PUBLISHES, commit_of
from galley.lake.model import Commit, CommitKind, RefKind
from galley.lake.trees import contents
from galley.runs import records, tables
from galley.runs.model import Run, RunState, StepState

KINDS = {kind.value for kind in PUBLISHES}


def catalogue_violations(conn: Connection, project: str | None = None) -> list[str]:
    """What is wrong in the database, of one project or of all, in words; nothing if all is well."""
    runs = [records.read_run(row) for row in conn.execute(_of(tables.run, project))]
    commits = {row.id: commit_of(row) for row in conn.execute(_of(lake.commit, project))}
    found = {run.id: run for run in runs}
    return [
        *_runs(conn, runs, commits),
        *_steps(conn, found),
        *_attempts(conn, found),
        *_refs(conn, found, project),
        *_log(conn, commits, project),
    ]


def _of(table: Table, project: str | None) -> Select[Any]:
    query = select(table)
    return query if project is None else query.where(table.c.project == project)


def _runs(conn: Connection, runs: list[Run], commits: dict[str, Commit]) -> Iterator[str]:
    published: dict[str, list[Commit]] = {}
    for commit in commits.values():
        if commit.kind.value in KINDS and commit.run_id:
            published.setdefault(commit.run_id, []).append(commit)
    for run in runs:
        mine = published.get(run.id, [])
        if not run.state.terminal:
            yield f"run {run.id} is lost: {run.state}"
        if len(mine) > 1:
            yield f"run {run.id} was published {len(mine)} times"
        if run.state is not RunState.SUCCEEDED and mine:
            yield f"run {run.id} is {run.state} and was published"
        if run.state is RunState.SUCCEEDED and run.request.batch is None:
            yield from _succeeded(conn, run, mine, commits)


def _succeeded(
    conn: Connection, run: Run, mine: list[Commit], commits: dict[str, Commit]
) -> Iterator[str]:
    if run.commit not in commits:
        yield f"run {run.id} succeeded without a commit"
    elif mine and mine[0].id != run.commit:
        yield f"run {run.id} names {run.commit} and was published as {mine[0].id}"
    elif not mine:
        steps = [c for c in commits.values() if c.run_id == run.id and c.kind is CommitKind.STEP]
        made = [contents(conn, c.id, _written(conn, c.id)) for c in steps]
        shown = contents(conn, run.commit or "", [name for one in made for name in one])
        if made and any(shown.get(name) != content for name, content in made[-1].items()):
            yield f"run {run.id} succeeded, made something, and published nothing"


def _written(conn: Connection, commit: str) -> list[str]:
    e = lake.entry.c
    return list(conn.scalars(select(e.table_key).where(e.commit_id == commit)))


def _steps(conn: Connection, runs: Collection[str]) -> Iterator[str]:
    for row in conn.execute(select(tables.step_run)):
        if row.run_id in runs and not StepState(row.state).terminal:
            yield f"step {row.name} of run {row.run_id} is left {row.state}"


def _attempts(conn: Connection, runs: Collection[str]) -> Iterator[str]:
    ends: dict[str, list[str]] = {}
    last: dict[str, int] = {}
    a = tables.attempt.c
    for row in conn.execute(select(tables.attempt).order_by(a.step_run_id, a.epoch)):
        if row.run_id not in runs:
            continue
        ends.setdefault(row.step_run_id, []).append(row.end)
        if row.end is None or row.finished is None:
            yield f"attempt {row.id} has no end"
        if row.started < last.get(row.step_run_id, 0):
            yield f"step {row.step_run_id} had two owners at once"
        last[row.step_run_id] = row.finished or row.started
    for step, found in ends.items():
        if found.count("staged") > 1:
            yield f"step {step} was finished {found.count('staged')} times"


def _refs(conn: Connection, runs: dict[str, Run], project: str | None) -> Iterator[str]:
    for row in conn.execute(_of(lake.ref, project)):
        if row.kind == RefKind.ATTEMPT.value:
            yield f"the ref {row.name} is left"
        if row.kind == RefKind.RUN.value:
            run = runs[row.name.removeprefix("run/")]
            if run.state not in (RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED):
                yield f"the ref {row.name} of a run that is {run.state} is left"
            if row.expires_at is None:
                yield f"the ref {row.name} never expires"


def _log(conn: Connection, commits: dict[str, Commit], project: str | None) -> Iterator[str]:
    g = lake.ref_log.c
    heads: dict[tuple[str, str], str] = {}
    for row in conn.execute(_of(lake.ref_log, project).order_by(g.project, g.name, g.generation)):
        before = heads.get((row.project, row.name))
        # The log of a run's ref loses its beginning with time.
        shortened = before is None and row.name.startswith(collect.PRIVATE)
        if row.old is not None and row.old != before and not shortened:
            yield f"{row.name} moved from {row.old} and stood at {before}"
        moved = None not in (row.old, row.new) and row.old != row.new
        if moved and commits[row.new].parent != row.old:
            yield f"{row.name} did not move to a child of its head"
        heads[row.project, row.name] = row.new
