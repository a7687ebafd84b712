"""What a ref still shows though a rollback elsewhere took it back, and what takes its place.

Such a version is no base to build on: a step that adds to its table, or reads it, begins at the
newest version from before. Tables that are made whole, and windows, are made anew in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from galley.lake import deltas, trees, withdrawals
from galley.lake.model import Change, Version
from galley.lake.origins import written
from galley.lake.withdrawals import Withdrawal
from galley.project.model import Materialize, Step


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A table whose version must not be built on.

    ``commit`` is the newest one that shows it without what was taken back (None: there is none).
    """

    table_id: str
    commit: str | None


def bases(
    connection: Connection, project: str, head: str, steps: Iterable[Step]
) -> dict[str, TakenBack]:
    """The tables at ``head`` that steps would add to though they hold what was taken back."""
    tables = {table for step in steps if _builds_on_itself(step) for table in step.outputs}
    found = {}
    for name, version in trees.lookup(connection, head, tables).items():
        if _tainted(connection, project, head, version):
            commit = _sound(connection, project, head, name)
            found[name] = TakenBack(version.table_id, commit)
    return found


def earlier(connection: Connection, aside: Mapping[str, TakenBack]) -> list[Change]:
    """The changes that make tables what they were before; none stays where there is no before."""
    changes = []
    for name, one in sorted(aside.items()):
        if one.commit is None:
            changes.append(Change(name, None, reset_windows=True))
        else:
            changes += deltas.restoring(connection, one.commit, [name])
    return changes


def why(connection: Connection, project: str, head: str, tables: Iterable[str]) -> str | None:
    """In words, who took the versions back that these tables have at ``head``."""
    contents = trees.contents(connection, head, list(tables))
    gone = withdrawals.withdrawn(connection, project, contents.values())
    return words(gone)


def words(gone: Mapping[str, Withdrawal]) -> str | None:
    """By whom contents were withdrawn, and why; nothing if none was."""
    said = {f"withdrawn by {one.by} ({one.reason})": None for one in gone.values()}
    return " and ".join(said) or None


def _builds_on_itself(step: Step) -> bool:
    if step.materialize is Materialize.WINDOW:
        return False
    return step.reads_self or step.materialize in (Materialize.APPEND, Materialize.MERGE)


def _tainted(connection: Connection, project: str, head: str, version: Version) -> bool:
    ledger = trees.ledger(connection, head, version.table_id)
    contents = {version.content_id, *(entry.content_id for entry in ledger.values())}
    return bool(withdrawals.withdrawn(connection, project, contents))


def _sound(connection: Connection, project: str, head: str, name: str) -> str | None:
    """The newest commit in the history of ``head`` that wrote the table and is not tainted."""
    history = deltas.shown_since(connection, head, None)
    made = written(connection, history)
    for commit in (commit for commit in history if name in made[commit]):
        version = trees.lookup(connection, commit, [name]).get(name)
        if version is not None and not _tainted(connection, project, commit, version):
            return commit
    return None
