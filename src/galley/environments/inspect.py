"""What is there to be shown: refs, tables and commits as plain values for every edge.

The dictionaries are what ``--json`` prints; their keys are published as JSON schemas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from galley.clock import iso
from galley.environments.home import Home
from galley.errors import TableNotFoundError
from galley.lake import commits, refs, trees, withdrawals
from galley.lake.diff import TableDiff, diff
from galley.lake.model import PRODUCTION, Commit, IntentKind, Ref, RefKind, Version
from galley.lake.names import listed, nearest
from galley.lake.rollback import RollbackPlan
from galley.lake.tables import commit as commit_table
from galley.lake.tables import entry
from galley.lake.warehouse import Warehouse
from galley.runs import findings, keys, records
from galley.runs.model import RunState

Facts = dict[str, Any]

FAR = 1000
"""How many commits are counted to say how far a kitchen's base is behind."""


@dataclass(frozen=True, slots=True)
class Base:
    """What a ref's work is based on.

    ``ref`` and ``commit`` are the fork's (an environment is its own base), ``created`` when that
    commit was made, ``behind`` how many commits the source has made since.
    """

    ref: str
    commit: str
    created: int
    behind: int = 0


def base_of(connection: Connection, ref: Ref) -> Base:
    """The base of a ref, for the line that every command prints."""
    if ref.fork_point is None:
        head = commits.get_commit(connection, ref.head)
        return Base(ref.name, head.id, head.created)
    origin = commits.get_commit(connection, ref.fork_point)
    source = refs.find_ref(connection, ref.project, ref.fork_ref or PRODUCTION)
    behind = 0
    if source is not None and source.head != origin.id:
        line = [commit.id for commit in commits.walk(connection, source.head, FAR)]
        behind = line.index(origin.id) if origin.id in line else len(line)
    return Base(ref.fork_ref or PRODUCTION, origin.id, origin.created, behind)


def tables_at(
    connection: Connection, home: Home, project: str, ref: str, commit: str
) -> list[Facts]:
    """Every table at a commit of a ref, with its marks."""
    tree = trees.tree(connection, commit)
    return _tables(connection, home, project, ref, tree, tree)


def some_tables(
    connection: Connection, home: Home, project: str, ref: str, commit: str, names: Sequence[str]
) -> list[Facts]:
    """Some of the tables at a commit of a ref, with their marks, by name."""
    found = trees.lookup(connection, commit, names)
    read, new = dict(found), found
    # What a table is made from decides whether it is stale; a view shows what it reads in turn.
    while new:
        inputs = {table for version in new.values() for table in version.inputs if "." not in table}
        new = trees.lookup(connection, commit, inputs - read.keys())
        read |= new
        new = {name: version for name, version in new.items() if version.view_sql is not None}
    return _tables(connection, home, project, ref, found, read)


def _tables(
    connection: Connection,
    home: Home,
    project: str,
    ref: str,
    found: Mapping[str, Version],
    read: Mapping[str, Version],
) -> list[Facts]:
    contents = keys.effective_contents(read)
    overrides = _standing(connection, project, ref, list(found), home.clock())
    warehouse = home.store
    return [
        table_facts(version, contents, overrides.get(name, ()), warehouse)
        for name, version in sorted(found.items())
    ]


def _standing(
    connection: Connection, project: str, ref: str, tables: Collection[str], now: int
) -> dict[str, list[Facts]]:
    """The overrides by which a run was published to the ref (or to what it is a branch of)."""
    found = findings.shown_overrides(connection, project, tables, now)
    if not found:
        return {}
    here = refs.find_ref(connection, project, ref)
    names = {ref, here.fork_ref if here and here.fork_ref else ref}
    published: set[str] = set()
    for name in names:
        done = records.list_runs(
            connection, project, states=(RunState.SUCCEEDED,), ref=name, limit=FAR
        )
        for run in done:
            published.update(records.resumed(connection, run))
    return {
        table: list({row["test"]: row for row in rows if row["run_id"] in published}.values())
        for table, rows in found.items()
    }


def table_facts(
    version: Version,
    contents: Mapping[str, str],
    overrides: Iterable[Mapping[str, Any]],
    warehouse: Warehouse,
) -> Facts:
    """One version of a table; stale when it was made from other contents than the present ones.

    Of a table that grows window by window, `galley plan` knows which windows are stale.
    """
    changed = [
        name
        for name, content in version.inputs.items()
        if name in contents and contents[name] != content
    ]
    return {
        "name": version.table,
        "rows": version.rows,
        "bytes": version.bytes,
        "columns": [{"name": c["name"], "type": c["type"]} for c in version.schema],
        "content_id": version.content_id,
        "location": location_of(warehouse, version),
        "format": version.format.value,
        "step": version.step,
        "run": version.made.get("run"),
        "untested": version.untested,
        "stale": sorted(changed) if _whole(version) else [],
        "overrides": [
            {
                "test": row["test"],
                "by": row["by"],
                "reason": row["reason"],
                "expires": iso(row["expires_at"]),
            }
            for row in overrides
        ],
    }


def location_of(warehouse: Warehouse, version: Version) -> str | None:
    """The absolute path at which others open a version; a view has none."""
    return warehouse.absolute(version.location) if version.location else None


def history_facts(connection: Connection, found: Sequence[Commit]) -> list[Facts]:
    """Commits with the tables that each changed."""
    changes = commits.changes_by_commit(connection, [commit.id for commit in found])
    return [
        {
            "commit": commit.id,
            "kind": commit.kind.value,
            "author": commit.author,
            "on_behalf_of": commit.on_behalf_of,
            "message": commit.message,
            "created": iso(commit.created),
            "run": commit.run_id,
            "code_version": commit.code_version,
            "parent": commit.parent,
            "tree_of": commit.tree_of,
            "tables": [change.table for change in changes[commit.id]],
        }
        for commit in found
    ]


def diff_facts(
    connection: Connection, before: str, after: str, tables: tuple[str, ...] | None = None
) -> list[Facts]:
    """The tables (some, or all) that differ between two commits."""
    return [_diff_facts(found) for found in diff(connection, before, after, tables)]


def table_history(
    connection: Connection,
    home: Home,
    ref: Ref,
    head: str,
    table: str,
    limit: int,
    before: str | None = None,
) -> list[Facts]:
    """The commits that changed a table (before one of them), newest first.

    Raises:
        TableNotFoundError: no commit of the ref's history has the table.
    """
    start = head if before is None else commits.get_commit(connection, before).parent
    line = {commit.id: commit for commit in commits.walk(connection, start, FAR)} if start else {}
    changes = commits.changes_to(connection, list(line), table)
    warehouse = home.store
    found: list[Facts] = []
    for id, commit in line.items():
        if id in changes and len(found) < limit:
            found.append(_table_commit(commit, changes[id].version, warehouse))
    if not found and before is None:
        raise missing_table(connection, head, ref.name, table)
    return found


def missing_table(connection: Connection, commit: str, ref: str, table: str) -> TableNotFoundError:
    """The error for a table that is not there, with the nearest name."""
    known = trees.table_names(connection, commit)
    meant = nearest(table, known)
    if meant:
        hint = f"did you mean {meant}?"
    elif known:
        hint = f"there are: {listed(known)}"
    else:
        hint = "nothing is published there yet: galley run"
    return TableNotFoundError(f"{ref} has no table {table}", hint=hint)


def check_table(
    connection: Connection, project: str, table: str, more: Collection[str] = ()
) -> None:
    """Raise TableNotFoundError for a table that no commit of the project ever had, nor ``more``."""
    own = select(entry.c.table_key).join(commit_table, commit_table.c.id == entry.c.commit_id)
    own = own.where(commit_table.c.project == project)
    known = {*connection.scalars(own.distinct()), *more}
    if table not in known:
        meant = nearest(table, known)
        hint = f"did you mean {meant}?" if meant else f"there are: {listed(known)}"
        raise TableNotFoundError(
            f"the project {project} has no table {table}", hint=hint if known else "galley run"
        )


def ref_facts(connection: Connection, ref: Ref) -> Facts:
    """A ref for lists of environments, kitchens and tags."""
    (found,) = refs_facts(connection, ref.project, [ref])
    return found


def refs_facts(connection: Connection, project: str, found: Sequence[Ref]) -> list[Facts]:
    """Refs for lists, in a few statements however many they are."""
    sources = refs.heads(connection, project, {ref.fork_ref for ref in found if ref.fork_ref})
    wanted = {ref.head for ref in found} | {ref.fork_point for ref in found if ref.fork_point}
    known = commits.get_commits(connection, wanted | set(sources.values()))
    held = withdrawals.holds_by_ref(connection, project)
    return [_ref_facts(ref, known, sources, held.get(ref.name, ())) for ref in found]


def _ref_facts(
    ref: Ref, known: Mapping[str, Commit], sources: Mapping[str, str], held: Iterable[str]
) -> Facts:
    base = known[ref.fork_point or ref.head]
    source = sources.get(ref.fork_ref or "")
    # A ref moves along its commits' parents only, so their depths tell how many there were since.
    behind = known[source].depth - base.depth if source and ref.fork_point else 0
    return {
        "ref": ref.name,
        "kind": ref.kind.value,
        "head": ref.head,
        "owner": ref.owner,
        "protected": ref.protected,
        "base": base.id if ref.kind is RefKind.KITCHEN else None,
        "base_created": iso(base.created),
        "behind": max(0, min(behind, FAR)),
        "expires": iso(ref.expires_at),
        "held": sorted(set(held)),
    }


def _whole(version: Version) -> bool:
    """Whether the version was made at once, from the inputs that it names."""
    kind = version.made.get("compacted", version.intent.kind)
    return version.view_sql is None and kind not in (IntentKind.WINDOW, IntentKind.APPEND)


def _table_commit(commit: Commit, version: Version | None, warehouse: Warehouse) -> Facts:
    return {
        "commit": commit.id,
        "kind": commit.kind.value,
        "author": commit.author,
        "message": commit.message,
        "created": iso(commit.created),
        "run": commit.run_id,
        "dropped": version is None,
        "rows": version.rows if version else None,
        "bytes": version.bytes if version else None,
        "content_id": version.content_id if version else None,
        "location": location_of(warehouse, version) if version else None,
        "intent": version.intent.kind.value if version else None,
        "windows": [str(span) for span in version.intent.spans] if version else [],
        "columns": len(version.schema) if version else None,
    }


def _diff_facts(found: TableDiff) -> Facts:
    rows, size = found.rows, found.bytes
    return {
        "table": found.table,
        "change": found.change.value,
        "rows_before": rows[0],
        "rows_after": rows[1],
        "bytes_before": size[0],
        "bytes_after": size[1],
        "columns": [
            {
                "name": column.name,
                "change": column.change.value,
                "before": column.before,
                "after": column.after,
            }
            for column in found.columns
        ],
        "intents": [
            {"kind": intent.kind.value, "windows": [str(span) for span in intent.spans]}
            for intent in found.intents
        ],
    }


def return_facts(connection: Connection, plan: RollbackPlan) -> list[Facts]:
    """The tables that a rollback changes, with their rows now and afterwards."""
    names = [one.table for one in plan.returns]
    now = trees.lookup(connection, plan.ref.head, names)
    then = trees.lookup(connection, plan.to.id, names)
    return [
        {
            "table": name,
            "rows_before": now[name].rows if name in now else None,
            "rows_after": then[name].rows if name in then else None,
            "created": name not in now,
            "dropped": name not in then,
        }
        for name in names
    ]
