"""What must be true of a home in which no engine works, whatever happened before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select

from galley.environments.home import Home
from galley.lake import tables as lake
from galley.lake.commits import PUBLISHES, commit_of
from galley.lake.entries import version_of
from galley.lake.model import Commit, CommitKind, Format, RefKind
from galley.lake.reading import file_paths
from galley.lake.trees import contents, ledgers, tree
from galley.lake.warehouse import Warehouse
from galley.runs import records, tables
from galley.runs.model import Run, RunState, StepState

KINDS = {kind.value for kind in PUBLISHES}


def violations(home: Home) -> list[str]:
    """Everything that is wrong, in words; nothing if all is well."""
    with home.database.read() as conn:
        return [
            *catalogue_violations(conn),
            *_files(conn, home.store),
            *_ledgers(conn, home.store),
        ]


def catalogue_violations(conn: Connection) -> list[str]:
    """What is wrong in the database, files apart."""
    runs = [records.read_run(row) for row in conn.execute(select(tables.run))]
    commits = {row.id: commit_of(row) for row in conn.execute(select(lake.commit))}
    return [
        *_runs(conn, runs, commits),
        *_steps(conn),
        *_attempts(conn),
        *_refs(conn, {run.id: run for run in runs}),
        *_log(conn, commits),
    ]


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


def _steps(conn: Connection) -> Iterator[str]:
    for row in conn.execute(select(tables.step_run)):
        if not StepState(row.state).terminal:
            yield f"step {row.name} of run {row.run_id} is left {row.state}"


def _attempts(conn: Connection) -> Iterator[str]:
    ends: dict[str, list[str]] = {}
    last: dict[str, int] = {}
    a = tables.attempt.c
    for row in conn.execute(select(tables.attempt).order_by(a.step_run_id, a.epoch)):
        ends.setdefault(row.step_run_id, []).append(row.end)
        if row.end is None or row.finished is None:
            yield f"attempt {row.id} has no end"
        if row.started < last.get(row.step_run_id, 0):
            yield f"step {row.step_run_id} had two owners at once"
        last[row.step_run_id] = row.finished or row.started
    for step, found in ends.items():
        if found.count("staged") > 1:
            yield f"step {step} was finished {found.count('staged')} times"


def _refs(conn: Connection, runs: dict[str, Run]) -> Iterator[str]:
    for row in conn.execute(select(lake.ref)):
        if row.kind == RefKind.ATTEMPT.value:
            yield f"the ref {row.name} is left"
        if row.kind == RefKind.RUN.value:
            run = runs[row.name.removeprefix("run/")]
            if run.state not in (RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED):
                yield f"the ref {row.name} of a run that is {run.state} is left"
            if row.expires_at is None:
                yield f"the ref {row.name} never expires"


def _log(conn: Connection, commits: dict[str, Commit]) -> Iterator[str]:
    g = lake.ref_log.c
    heads: dict[tuple[str, str], str] = {}
    for row in conn.execute(select(lake.ref_log).order_by(g.project, g.name, g.generation)):
        before = heads.get((row.project, row.name))
        if row.old is not None and row.old != before:
            yield f"{row.name} moved from {row.old} and stood at {before}"
        moved = None not in (row.old, row.new) and row.old != row.new
        if moved and commits[row.new].parent != row.old:
            yield f"{row.name} did not move to a child of its head"
        heads[row.project, row.name] = row.new


def _files(conn: Connection, warehouse: Warehouse) -> Iterator[str]:
    seen: set[str] = set()
    for row in conn.execute(select(lake.entry).where(lake.entry.c.dropped.is_(False))):
        version = version_of(row)
        if version.format is Format.VIEW or version.location in seen:
            continue
        seen.add(version.location)
        if not _is_there(warehouse, warehouse.absolute(version.location)):
            yield f"{version.table}: {version.location} is not there"
            continue
        for path in file_paths(warehouse, version):
            if not _is_there(warehouse, path):
                yield f"{version.table}: the data file {path} is not there"


def _is_there(warehouse: Warehouse, path: str) -> bool:
    try:
        return warehouse.files.size(path) > 0
    except FileNotFoundError:
        return False


def _ledgers(conn: Connection, warehouse: Warehouse) -> Iterator[str]:
    """A window's files belong to its table, and to no other window."""
    lasting = lake.ref.c.kind.in_([RefKind.ENVIRONMENT.value, RefKind.KITCHEN.value])
    for ref in conn.execute(select(lake.ref).where(lasting)):
        versions = {v.table_id: v for v in tree(conn, ref.head).values()}
        for table_id, ledger in ledgers(conn, ref.head, list(versions)).items():
            named = Counter(path for entry in ledger.values() for path in entry.files)
            version = versions[table_id]
            there = {warehouse.relative(path) for path in file_paths(warehouse, version)}
            if named and max(named.values()) > 1:
                yield f"{ref.name}: a file of {version.table} is in two windows"
            if not set(named) <= there:
                yield f"{ref.name}: the ledger of {version.table} names files it does not have"
            if ledger and there - set(named):
                yield f"{ref.name}: {version.table} has files outside of its ledger"
