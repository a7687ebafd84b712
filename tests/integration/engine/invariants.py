"""What must be true of a home in which no engine works, whatever happened before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select

from galley.environments.home import Home
from galley.environments.soundness import catalogue_violations as catalogue_violations
from galley.lake import tables as lake
from galley.lake.entries import version_of
from galley.lake.model import Format, RefKind
from galley.lake.reading import file_paths
from galley.lake.trees import ledgers, tree
from galley.lake.warehouse import Warehouse


def violations(home: Home) -> list[str]:
    """Everything that is wrong, in words; nothing if all is well."""
    with home.database.read() as conn:
        return [
            *catalogue_violations(conn),
            *_files(conn, home.store),
            *_ledgers(conn, home.store),
        ]


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
