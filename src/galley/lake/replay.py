"""Committing a stored write again on a newer version of its table.

The files stay where they are; only metadata is written. So two windows of one table can be made
side by side, and promotion can take over what a kitchen already proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from galley import clock, faults
from galley.errors import MergeConflictError
from galley.lake import metadata, reading, schema, snapshots, upserting
from galley.lake.datafiles import DataFile
from galley.lake.metadata import Metadata
from galley.lake.model import (
    Change,
    Intent,
    IntentKind,
    Version,
    WindowEntry,
    content_of,
    fingerprint,
)
from galley.lake.schema import FieldIds
from galley.lake.snapshots import Draft
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse, storage_errors
from galley.lake.windowing import WindowColumn

if TYPE_CHECKING:
    import duckdb

_CHECK_MEMORY = 1 << 28
_REPLAYABLE = (IntentKind.APPEND, IntentKind.WINDOW)


def replay(
    warehouse: Warehouse,
    *,
    project: str,
    target: Version | None,
    source: Version,
    source_base: Version | None,
    windows: tuple[WindowEntry, ...],
    attempt: str,
    field_ids: FieldIds,
) -> Change:
    """Put what ``source`` added since ``source_base`` onto ``target`` (``None``: no table yet).

    With ``windows`` the files of these windows are taken over, and replace the target's files of
    the same windows where the table is made by window; without, all files ``source_base`` has not.
    Raises ``MergeConflictError`` where ``source`` did more than add, or the columns do not join.
    Field ids need no new numbers: both sides drew theirs from one counter.
    """
    if not windows:
        _Side.check(source)
    other = _Side.read(warehouse, source)
    sides = _Sides(
        warehouse, _Side.read(warehouse, target) if target else _Side.empty(source), other
    )
    added = _added(warehouse, sides.source, source_base, windows)
    fields = schema.union(sides.target.fields, sides.source.fields, source.table)
    window = other.metadata.window if other.metadata else None
    removed = _removed(sides, window, windows)
    draft = Draft(
        warehouse=warehouse,
        folder=warehouse.table_folder(project, source.table, source.table_id),
        attempt=attempt,
        table_id=source.table_id,
        fields=fields,
        base=sides.target.metadata,
        added=added,
        now=clock.now() // 1000,
        removed=frozenset(file.path for file in removed),
        window=window,
        dropped=_joined(sides.target.dropped, sides.source.dropped),
    )
    with storage_errors(f"replaying a write of {source.table!r}"):
        faults.point("replay.metadata")
        written = snapshots.write(draft)
        warehouse.files.sync(written.paths)
    gone = {file.path for file in removed}
    files = tuple(file for file in sides.target.files if file.path not in gone) + added
    # The next replay onto this table is likely to be onto this very version.
    reading.remember(warehouse.absolute(written.location), files)
    version = _version(sides, draft, files, written.location, windows, removed)
    return Change(
        table=source.table,
        version=version,
        expected=target.content_id if target else None,
        guarded=True,
        windows=tuple(
            replace(one, content_id=content_of(version.schema_fingerprint, one.files))
            if one.files
            else one
            for one in windows
        ),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    version: Version
    metadata: Metadata | None
    fields: tuple[Field, ...]
    files: tuple[DataFile, ...]

    @property
    def dropped(self) -> schema.Dropped:
        """How often columns have left the table."""
        return self.metadata.dropped if self.metadata else {}

    @staticmethod
    def empty(source: Version) -> _Side:
        """The side of a table that is not there yet; it will have the source's columns."""
        absent = replace(source, inputs={})
        return _Side(absent, None, schema.columns_of(source), ())

    @staticmethod
    def read(warehouse: Warehouse, version: Version) -> _Side:
        return _Side(
            version,
            metadata.read_metadata(warehouse, version.location),
            schema.columns_of(version),
            reading.described_files(warehouse, version),
        )

    @staticmethod
    def check(source: Version) -> None:
        if source.intent.kind not in _REPLAYABLE:
            raise MergeConflictError(
                f"table {source.table!r} was written as a {source.intent.kind.value}, "
                "which cannot be repeated on other rows",
                hint="run its step again on top of the present version",
            )


@dataclass(frozen=True, slots=True)
class _Sides:
    warehouse: Warehouse
    target: _Side
    source: _Side


def _added(
    warehouse: Warehouse,
    source: _Side,
    source_base: Version | None,
    windows: tuple[WindowEntry, ...],
) -> tuple[DataFile, ...]:
    by_path = {warehouse.relative(file.path): file for file in source.files}
    if windows:
        wanted = [path for one in windows for path in one.files]
        missing = [path for path in wanted if path not in by_path]
        if missing:
            raise _rewritten(source.version, missing[0])
        return tuple(by_path[path] for path in wanted)
    before: tuple[DataFile, ...] = ()
    if source_base is not None:
        before = reading.described_files(warehouse, source_base)
    known = {warehouse.relative(file.path) for file in before}
    lost = sorted(known - set(by_path))
    if lost:
        raise _rewritten(source.version, lost[0])
    return tuple(file for path, file in by_path.items() if path not in known)


def _rewritten(source: Version, path: str) -> MergeConflictError:
    return MergeConflictError(
        f"table {source.table!r}: the file {path} was rewritten since the two sides parted",
        hint="run the step again on top of the present version",
    )


def _removed(
    sides: _Sides, window: WindowColumn | None, windows: tuple[WindowEntry, ...]
) -> tuple[DataFile, ...]:
    if window is None or not windows or sides.source.version.intent.kind is IntentKind.APPEND:
        return ()
    spans = tuple(one.span for one in windows)

    def connect() -> duckdb.DuckDBPyConnection:
        return reading.connect(
            threads=1, memory=_CHECK_MEMORY, scratch=None, warehouse=sides.warehouse
        )

    files, table = sides.target.files, sides.target.version.table
    return upserting.lying_in(files, window, spans, table, connect)


def _joined(first: Mapping[str, int], second: Mapping[str, int]) -> schema.Dropped:
    places = {*first, *second}
    return {place: max(first.get(place, 0), second.get(place, 0)) for place in places}


def _version(
    sides: _Sides,
    draft: Draft,
    files: tuple[DataFile, ...],
    location: str,
    windows: tuple[WindowEntry, ...],
    removed: tuple[DataFile, ...],
) -> Version:
    relative = sides.warehouse.relative
    source, target = sides.source.version, sides.target.version
    columns = schema.columns_to_json(draft.fields)
    mark = fingerprint(columns)
    kind = source.intent.kind if source.intent.kind in _REPLAYABLE else IntentKind.WINDOW
    intent = Intent(
        kind=kind,
        spans=tuple(one.span for one in windows) or source.intent.spans,
        files=tuple(relative(file.path) for file in draft.added),
        removed=tuple(relative(file.path) for file in removed),
    )
    return replace(
        source,
        content_id=content_of(mark, tuple(relative(file.path) for file in files)),
        location=location,
        schema_fingerprint=mark,
        schema=columns,
        rows=sum(file.rows for file in files),
        bytes=sum(file.size for file in files),
        intent=intent,
        inputs={**target.inputs, **source.inputs},
        rows_digest=None,
    )
