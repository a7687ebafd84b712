"""Compaction of environments' tables: found, written, committed by compare-and-set.

Whoever publishes meanwhile wins: the compaction of a table that has changed is thrown away and
planned again on what is there now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, update

from galley import faults
from galley.environments.home import Home
from galley.errors import StaleRefError, StorageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.ids import new_id
from galley.lake import compacting, refs, trees
from galley.lake.commits import get_commit, write_commit
from galley.lake.compacting import Group, Resources
from galley.lake.model import (
    Change,
    Commit,
    CommitKind,
    IntentKind,
    Ref,
    RefKind,
    Span,
    Version,
    WindowEntry,
)
from galley.lake.tables import writer
from galley.lake.warehouse import storage_errors
from galley.runs import scratch

HOUR = 3600 * 1_000_000
LONGEST = 6 * HOUR
"""Microseconds for which the files of a compaction under way are left alone."""

MOST_BYTES = 1 << 30
"""So many bytes are put together in one round."""

MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Scattered:
    """A table of an environment with many small files, and what would be put together."""

    ref: str
    version: Version
    ledger: dict[Span, WindowEntry]
    groups: tuple[Group, ...]

    @property
    def files(self) -> int:
        """How many files would become fewer."""
        return sum(len(group.files) for group in self.groups)

    @property
    def bytes(self) -> int:
        """The bytes to be written again."""
        return sum(group.bytes for group in self.groups)


@dataclass(slots=True)
class Search:
    """The tables that are worth compacting, and what was wrong with others."""

    tables: list[Scattered] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def told(self, version: Version) -> Iterator[None]:
        """A file that cannot be read is its table's problem, and keeps no other back."""
        try:
            with storage_errors("its files cannot be read", kept=""):
                yield
        except StorageError as error:
            self.problems.append(f"table {version.table}: {error.message}")


@dataclass(frozen=True, slots=True)
class Compacted:
    """One table that was compacted: files before and after, and the commit."""

    ref: str
    table: str
    before: int
    after: int
    commit: str


def find_scattered(home: Home, project: str, *, most: int = MOST_BYTES) -> Search:
    """The tables of environments that are worth compacting, up to ``most`` bytes of files."""
    with home.database.read() as connection:
        environments = refs.list_refs(connection, project, (RefKind.ENVIRONMENT,))
    found = Search()
    left = most
    for ref in environments:
        seen = _of(home, ref)
        found.problems += seen.problems
        for one in seen.tables:
            if one.bytes <= left:
                left -= one.bytes
                found.tables.append(one)
    return found


def compact(home: Home, project: str, wanted: Scattered) -> Compacted | None:
    """Put one table's files together; ``None`` where others were always faster.

    Raises:
        RefusedError: the actor may not compact there.
        StorageError: the files cannot be written.
    """
    for _ in range(MOST_TRIES):
        id = _register(home, project)
        try:
            change = compacting.compact(
                home.store,
                project=project,
                version=wanted.version,
                ledger=wanted.ledger,
                chosen=wanted.groups,
                writer=id,
                resources=Resources(scratch=scratch.own(home.path / "scratch")),
            )
            faults.point("compact.before_commit")
            commit = _commit(home, project, wanted, change, id)
        finally:
            _unregister(home, id)
        if commit is not None:
            files = change.version.intent.files if change.version else ()
            return Compacted(wanted.ref, wanted.version.table, wanted.files, len(files), commit.id)
        again = _again(home, project, wanted)
        if again is None:
            return None
        wanted = again
    return None


def _of(home: Home, ref: Ref, table: str | None = None) -> Search:
    warehouse, found = home.store, Search()
    with home.database.read() as connection:
        head = refs.get_ref(connection, ref.project, ref.name).head
        versions = trees.tree(connection, head)
        chosen: list[Version] = []
        for name, one in versions.items():
            if table in (None, name) and _may_be(one):
                with found.told(one):
                    chosen += [one] if compacting.scattered(warehouse, one) else []
        ledgers = trees.ledgers(connection, head, [one.table_id for one in chosen])
    for version in chosen:
        ledger = ledgers[version.table_id]
        with found.told(version):
            if groups := compacting.groups(warehouse, version, ledger):
                found.tables.append(Scattered(ref.name, version, ledger, groups))
    return found


def _may_be(version: Version) -> bool:
    """Whether a version can have many files, by what the catalogue alone tells of it."""
    intent = version.intent
    if intent.kind is IntentKind.REPLACE:
        return not intent.files or len(intent.files) >= compacting.MANY
    return intent.kind is not IntentKind.COMPACT


def _again(home: Home, project: str, wanted: Scattered) -> Scattered | None:
    with home.database.read() as connection:
        ref = refs.find_ref(connection, project, wanted.ref)
    found = _of(home, ref, wanted.version.table).tables if ref else []
    return found[0] if found else None


def _commit(home: Home, project: str, wanted: Scattered, change: Change, id: str) -> Commit | None:
    """Commit on the environment's head, if the table there is still the one that was compacted."""
    now = home.clock()
    name = wanted.version.table
    with home.database.write() as connection:
        ref = refs.lock_ref(connection, project, wanted.ref)
        resource = Resource("ref", ref.name, project, ref.protected)
        decision = demand(home.actor, Action.COMPACT, resource)
        present = trees.lookup(connection, ref.head, [name]).get(name)
        mine = update(writer).where(writer.c.id == id, writer.c.until > now).values(until=now)
        unchanged = present is not None and present.location == wanted.version.location
        if not unchanged or connection.execute(mine).rowcount == 0:
            return None
        message = f"compact {name}: {wanted.files} files into {len(_files(change))}"
        try:
            commit = _write(connection, home, ref, change, message, now)
        except StaleRefError:
            return None
        record(
            connection,
            actor=home.actor,
            action=Action.COMPACT,
            resource=resource,
            decision=decision,
            now=now,
            before=ref.head,
            after=commit.id,
            detail={"table": name, "files": wanted.files},
        )
        faults.point("compact.before_end")
    return commit


def _write(
    connection: Connection, home: Home, ref: Ref, change: Change, message: str, now: int
) -> Commit:
    commit = write_commit(
        connection,
        project=ref.project,
        parent=get_commit(connection, ref.head),
        kind=CommitKind.COMPACT,
        author=home.actor.name,
        on_behalf_of=home.actor.on_behalf_of,
        message=message,
        now=now,
        changes=[change],
    )
    refs.move_ref(connection, ref, commit.id, who=home.actor.name, why=message, now=now)
    return commit


def _files(change: Change) -> tuple[str, ...]:
    return change.version.intent.files if change.version else ()


def _register(home: Home, project: str) -> str:
    """An id for files that no attempt writes: a sweep leaves them alone for a while."""
    id = new_id()
    until = home.clock() + LONGEST
    with home.database.write() as connection:
        connection.execute(
            insert(writer).values(id=id, project=project, by=home.actor.name, until=until)
        )
    return id


def _unregister(home: Home, id: str) -> None:
    """Its time is over; the row stays, so that what it left is known and can go."""
    with home.database.write() as connection:
        mine = writer.c.id == id
        connection.execute(update(writer).where(mine).values(until=home.clock()))
