"""Many small files of a table as few large ones: the same rows, columns and content id.

Files are put together only where nothing tells them apart: of one window of the ledger, or of one
partition. Only metadata and new files are written; the old files stay for the versions that have
them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from galley import clock, faults
from galley.errors import InternalError
from galley.lake import copying, metadata, reading, schema, snapshots
from galley.lake.datafiles import DataFile, read_footer
from galley.lake.model import Change, Format, Intent, IntentKind, Span, Version, WindowEntry
from galley.lake.snapshots import Draft
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse, storage_errors

if TYPE_CHECKING:
    import duckdb

SMALL = 32 * 2**20
"""Bytes below which a file is small."""

MANY = 8
"""So many small files of one group are worth being put together."""

_Ledger = Mapping[Span, WindowEntry]


@dataclass(frozen=True, slots=True)
class Group:
    """Small files that may become one; ``span`` is the window whose files they are."""

    files: tuple[DataFile, ...]
    partition: tuple[Any, ...]
    span: Span | None = None

    @property
    def bytes(self) -> int:
        """The bytes that are read and written again."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Resources:
    """What putting files together may use; ``memory`` in bytes."""

    threads: int = 1
    memory: int = 1 << 30
    scratch: str | None = None


def scattered(warehouse: Warehouse, version: Version, many: int = MANY) -> bool:
    """Whether a version has many files that are small on average: looks at its metadata only."""
    if version.format is not Format.ICEBERG:
        return False
    snapshot = metadata.read_metadata(warehouse, version.location).snapshot
    files = int(snapshot["summary"].get("total-data-files", 0)) if snapshot else 0
    return files >= many and (version.bytes or 0) < files * SMALL


def groups(
    warehouse: Warehouse, version: Version, ledger: _Ledger, many: int = MANY
) -> tuple[Group, ...]:
    """What is worth being put together; nothing where deletes of other engines lie on the files."""
    if metadata.has_deletes(metadata.read_metadata(warehouse, version.location)):
        return ()
    window_of = {path: span for span, entry in ledger.items() for path in entry.files}
    found: dict[tuple[Span | None, tuple[Any, ...]], list[DataFile]] = {}
    for file in reading.described_files(warehouse, version):
        if file.size < SMALL:
            key = window_of.get(warehouse.relative(file.path)), file.partition
            found.setdefault(key, []).append(file)
    worth = [
        Group(tuple(files), partition, span)
        for (span, partition), files in found.items()
        if len(files) >= many
    ]
    # A snapshot adds files of one partition spec.
    cut = any(group.partition for group in worth)
    return tuple(group for group in worth if bool(group.partition) is cut)


def compact(
    warehouse: Warehouse,
    *,
    project: str,
    version: Version,
    ledger: _Ledger,
    chosen: Collection[Group],
    writer: str,
    resources: Resources = Resources(),
) -> Change:
    """Write the chosen groups' rows as few files, in the same order; says what to commit.

    ``writer`` names the files. Raises StorageError for the disk.
    """
    fields = schema.columns_of(version)
    folder = warehouse.table_folder(project, version.table, version.table_id)
    written: list[tuple[Group, tuple[DataFile, ...]]] = []
    with (
        storage_errors(f"compacting table {version.table!r}", kept=""),
        reading.connect(
            threads=resources.threads,
            memory=resources.memory,
            scratch=resources.scratch,
            warehouse=warehouse,
        ) as con,
    ):
        for number, group in enumerate(chosen):
            stem = f"{writer}-{number}"
            target = warehouse.absolute(f"{folder}/data")
            written.append((group, _together(con, warehouse, group, fields, target, stem)))
            faults.point("compact.written")
        paths = [file.path for _, files in written for file in files]
        warehouse.files.seal(paths)
        warehouse.files.sync(paths)
        return _change(warehouse, folder, version, ledger, written, writer)


def _together(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    group: Group,
    fields: tuple[Field, ...],
    folder: str,
    stem: str,
) -> tuple[DataFile, ...]:
    query = copying.describe(con, f"SELECT * FROM {reading.scan_sql(group.files, fields)}", {})
    rolling = group.bytes > copying.FILE_BYTES
    copied = copying.copy(con, query, fields, folder, stem, rolling=rolling)
    files = tuple(
        replace(
            read_footer(warehouse.files, file.path, fields, file.nans), partition=group.partition
        )
        for file in copied
    )
    before, after = (sum(file.rows for file in some) for some in (group.files, files))
    if before != after:
        raise InternalError(f"compaction made {after} rows of {before}; nothing was changed")
    return files


def _change(
    warehouse: Warehouse,
    folder: str,
    version: Version,
    ledger: _Ledger,
    written: list[tuple[Group, tuple[DataFile, ...]]],
    writer: str,
) -> Change:
    base = metadata.read_metadata(warehouse, version.location)
    added = tuple(file for _, files in written for file in files)
    removed = tuple(file for group, _ in written for file in group.files)
    draft = Draft(
        warehouse=warehouse,
        folder=folder,
        attempt=writer,
        table_id=version.table_id,
        fields=schema.columns_of(version),
        base=base,
        added=added,
        now=clock.now() // 1000,
        removed=frozenset(file.path for file in removed),
        window=base.window,
        dropped=base.dropped,
    )
    described = snapshots.write(draft)
    warehouse.files.sync(described.paths)
    faults.point("compact.metadata")
    names = {file.path: warehouse.relative(file.path) for file in (*added, *removed)}
    new, old = (tuple(names[file.path] for file in some) for some in (added, removed))
    kind = version.made.get("compacted", version.intent.kind.value)
    size = (version.bytes or 0) + sum(f.size for f in added) - sum(f.size for f in removed)
    after = replace(
        version,
        location=described.location,
        bytes=size,
        intent=Intent(IntentKind.COMPACT, files=new, removed=old),
        made={**version.made, "compacted": kind},
    )
    return Change(
        table=version.table,
        version=after,
        expected=version.content_id,
        guarded=True,
        windows=tuple(
            _entry(ledger[group.span], names, group, files)
            for group, files in written
            if group.span is not None
        ),
    )


def _entry(
    entry: WindowEntry, names: Mapping[str, str], group: Group, files: tuple[DataFile, ...]
) -> WindowEntry:
    """A window's row with its new files; it has the same content and the same key."""
    gone = {names[file.path] for file in group.files}
    kept = tuple(path for path in entry.files if path not in gone)
    return replace(entry, files=(*kept, *(names[file.path] for file in files)))
