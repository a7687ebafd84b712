"""One attempt's write to one table: files first, then metadata, then a ``Change`` to commit.

Nothing that is written here is seen by anyone until a commit points to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from galley import clock, faults
from galley.errors import SchemaChangeError, StepError
from galley.lake import copying, metadata, reading, schema, upserting
from galley.lake.datafiles import DataFile, read_footer
from galley.lake.metadata import Draft, Metadata
from galley.lake.model import (
    Change,
    Format,
    Intent,
    IntentKind,
    Span,
    Version,
    WindowEntry,
    content_of,
    fingerprint,
)
from galley.lake.schema import FieldIds
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse, make_folder, remove, storage_errors, sync
from galley.lake.windowing import WindowColumn

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

DIGEST_BYTES = 64 * 2**20
"""Up to this size a table's files are compared with those before."""
_INCREMENTAL = {
    "append": IntentKind.APPEND,
    "window": IntentKind.WINDOW,
    "merge": IntentKind.MERGE,
}


@dataclass(frozen=True, slots=True)
class WriteJob:
    """What to write, onto what.

    ``materialize`` is table, append, window or merge; ``rebuild`` replaces everything, also of an
    incremental table. ``code`` is the step's code hash, kept with each window. ``inputs`` maps
    the tables that were read to their content ids. ``threads``, ``memory`` (bytes) and
    ``scratch`` bound the work that needs a database connection of its own.
    """

    warehouse: Warehouse
    project: str
    table: str
    table_id: str
    attempt: str
    base: Version | None
    materialize: str
    window_column: str | None = None
    window_unit: str | None = None
    timezone: str = "UTC"
    key: tuple[str, ...] = ()
    rebuild: bool = False
    step: str = ""
    code: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    memory: int = 1 << 30
    scratch: str | None = None

    @property
    def replaces(self) -> bool:
        """Whether the result is all the table holds."""
        return self.materialize not in _INCREMENTAL or self.rebuild

    @property
    def folder(self) -> str:
        """The table's folder, relative to the warehouse."""
        return self.warehouse.table_folder(self.project, self.table, self.table_id)


@dataclass(frozen=True, slots=True)
class _Part:
    span: Span | None
    files: tuple[DataFile, ...]


class TableWrite:
    """Collects the files of one table. Call ``finish`` once, or ``abort``."""

    def __init__(self, job: WriteJob, field_ids: FieldIds) -> None:
        self.job = job
        self._field_ids = field_ids
        base = job.base if job.base and job.base.format is Format.ICEBERG else None
        self._base_version = base
        self._base: Metadata | None = None
        if base is not None:
            self._base = metadata.read_metadata(job.warehouse.absolute(base.location))
        self._known = schema.columns_of(base)
        self._fields: tuple[Field, ...] | None = None
        self._parts: list[_Part] = []
        self._calls = 0
        self._paths: list[str] = []

    def write_query(
        self,
        con: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Mapping[str, object],
        span: Span | None = None,
    ) -> int:
        """Run a SELECT on ``con`` and write its rows; returns how many there were.

        Raises ``StepError`` for a query that does not run, ``DataTypeError`` and
        ``SchemaChangeError`` for columns the table cannot take, ``StorageError`` for the disk.
        """
        query = copying.describe(con, sql, parameters)
        return self._write(con, query, span, rolling=copying.large(con, query))

    def write_batches(
        self,
        batches: pa.RecordBatchReader | Iterable[pa.RecordBatch | pa.Table],
        span: Span | None = None,
    ) -> int:
        """Write Arrow data as it comes, never holding all; the first batch fixes the columns."""
        from galley.lake.batches import Stream

        stream = Stream(batches)
        if stream.schema is None:
            self._nothing(span)
            return 0
        with self._connection() as con:
            con.register("batches", stream.reader())
            query = copying.describe(con, "SELECT * FROM batches", {})
            try:
                return self._write(con, query, span, rolling=stream.endless)
            except StepError:
                stream.reraise()
                raise

    def finish(self, span_keys: Mapping[str, str] | None = None) -> Change:
        """Make the files durable, write the metadata, and say what to commit.

        ``span_keys`` maps the text of each window to its reuse key.
        """
        if self._fields is None and self._base_version is None:
            raise StepError(f"nothing was written to {self.job.table!r}")
        with storage_errors(f"writing table {self.job.table!r}"):
            faults.point("write.data")
            added, removed = self._combined()
            sync(file.path for file in added)
            faults.point("write.data.synced")
            unchanged = self._unchanged(added)
            if unchanged is not None:
                return unchanged
            version = self._version(added, removed)
        return Change(
            table=self.job.table,
            version=version,
            expected=self.job.base.content_id if self.job.base else None,
            guarded=True,
            windows=self._windows(version, span_keys or {}),
            reset_windows=self._resets(),
        )

    def abort(self) -> None:
        """Remove whatever this attempt wrote, finished or not."""
        folder = Path(self.job.warehouse.absolute(self.job.folder))
        for inside in ("data", "metadata"):
            for path in folder.glob(f"{inside}/*{self.job.attempt}*"):
                path.unlink(missing_ok=True)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        job = self.job
        return reading.connect(threads=job.threads, memory=job.memory, scratch=job.scratch)

    def _write(
        self,
        con: duckdb.DuckDBPyConnection,
        query: copying.Query,
        span: Span | None,
        *,
        rolling: bool,
    ) -> int:
        import duckdb

        doing = f"writing table {self.job.table!r}"
        try:
            files = self._copy(con, query, rolling=rolling, wide=False)
        except duckdb.ConversionException as error:
            if not copying.has_hugeint(query) or "INT128" not in str(error):
                raise copying.translated(error, doing) from error
            try:
                files = self._copy(con, query, rolling=rolling, wide=True)
            except duckdb.Error as again:
                raise copying.translated(again, doing) from again
        except duckdb.Error as error:
            raise copying.translated(error, doing) from error
        return self._take(files, span)

    def _copy(
        self,
        con: duckdb.DuckDBPyConnection,
        query: copying.Query,
        *,
        rolling: bool,
        wide: bool,
    ) -> tuple[DataFile, ...]:
        incoming = copying.incoming(query, self._fields or self._known, wide=wide)
        schema.check_names(incoming)
        if not incoming:
            raise StepError("the result has no columns")
        table = self._evolve(incoming)
        fields = schema.restrict(table, incoming)
        if self.job.replaces:
            arrived = {field.id for field in fields}
            fields += tuple(field for field in table if field.id not in arrived)
        folder = self.job.warehouse.absolute(f"{self.job.folder}/data")
        stem = f"{self.job.attempt}-{self._calls}"
        self._calls += 1
        with storage_errors(f"writing table {self.job.table!r}"):
            make_folder(folder)
            copied = copying.copy(con, query, fields, folder, stem, rolling=rolling)
            self._paths += [file.path for file in copied]
            empty = [file.path for file in copied if not file.rows]
            remove(empty)
            files = tuple(read_footer(file.path, fields, file.nans) for file in copied if file.rows)
        self._fields = table
        return files

    def _evolve(self, incoming: tuple[Field, ...]) -> tuple[Field, ...]:
        first = self._fields is None
        merged = schema.merge(
            self._known if first else self._fields or (),
            incoming,
            incremental=not (first and self.job.replaces),
        )
        if not first and self.job.replaces and merged != self._fields:
            raise SchemaChangeError(
                f"the parts of {self.job.table!r} have different columns",
                hint="give every part the same columns and types",
            )
        at_least = self._base.last_column_id if self._base else 0
        return schema.assign(
            merged,
            self.job.table_id,
            self._field_ids,
            dropped=self._dropped(merged),
            at_least=max(at_least, schema.highest_id(merged)),
        )

    def _dropped(self, after: tuple[Field, ...]) -> schema.Dropped:
        before = self._base.dropped if self._base else {}
        return schema.dropped_after(self._known, after, before)

    def _take(self, files: tuple[DataFile, ...], span: Span | None) -> int:
        window = self._window()
        if span is not None and window is not None:
            upserting.check_window(files, window, span, self._connection)
            files = tuple(replace(file, partition=window.partition(file, span)) for file in files)
        self._parts.append(_Part(span, files))
        return sum(file.rows for file in files)

    def _nothing(self, span: Span | None) -> None:
        if self._base_version is None or self.job.replaces:
            raise StepError(
                f"the result for {self.job.table!r} holds no batch, so it has no columns",
                hint="yield at least one batch, even if it has no rows",
            )
        self._fields = self._fields or self._known
        self._parts.append(_Part(span, ()))

    def _window(self) -> WindowColumn | None:
        job, fields = self.job, self._fields or self._known
        if job.window_column is None or job.window_unit is None:
            return None
        for one in fields:
            if one.name.lower() == job.window_column.lower():
                return WindowColumn(one, job.window_unit, job.timezone)
        raise StepError(
            f"the window column {job.window_column!r} is not in the result",
            hint=f"select it, or name one of {', '.join(field.name for field in fields)}",
        )

    def _combined(self) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
        """The files to add and those to take out."""
        added = tuple(file for part in self._parts for file in part.files)
        if self.job.materialize == "merge":
            return self._merged(added)
        if self.job.materialize != "window" or self.job.replaces:
            return added, ()
        window = self._window()
        spans = tuple(part.span for part in self._parts if part.span is not None)
        if window is None or not spans or self._base_version is None:
            return added, ()
        present = reading.described_files(self.job.warehouse, self._base_version)
        lies_in, table = upserting.lies_in, self.job.table
        return added, tuple(
            file for file in present if lies_in(file, window, spans, table, self._connection)
        )

    def _merged(
        self, added: tuple[DataFile, ...]
    ) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
        fields = self._fields or self._known
        keys = upserting.key_fields(fields, self.job.key, self.job.table)
        with self._connection() as con:
            upserting.check_keys(con, added, fields, keys, self.job.table)
            if self.job.replaces or self._base_version is None:
                return added, ()
            present = reading.described_files(self.job.warehouse, self._base_version)
            stale = upserting.touched(con, present, added, fields, keys)
            if not stale:
                return added, ()
            rest = self._rewrite(con, stale, added, keys)
        return added + rest, stale

    def _rewrite(
        self,
        con: duckdb.DuckDBPyConnection,
        stale: tuple[DataFile, ...],
        added: tuple[DataFile, ...],
        keys: tuple[Field, ...],
    ) -> tuple[DataFile, ...]:
        fields = self._fields or self._known
        sql = upserting.rest_sql(stale, added, fields, keys)
        query = copying.describe(con, sql, {})
        folder = self.job.warehouse.absolute(f"{self.job.folder}/data")
        stem = f"{self.job.attempt}-{self._calls}"
        self._calls += 1
        rolling = sum(file.size for file in stale) > copying.FILE_BYTES
        copied = copying.copy(con, query, fields, folder, stem, rolling=rolling)
        remove(file.path for file in copied if not file.rows)
        return tuple(read_footer(file.path, fields, file.nans) for file in copied if file.rows)

    def _unchanged(self, added: tuple[DataFile, ...]) -> Change | None:
        base, job = self._base_version, self.job
        if job.materialize != "table" or base is None or base.rows_digest is None:
            return None
        same_schema = schema.columns_to_json(self._fields or ()) == base.schema
        if not same_schema or rows_digest(added) != base.rows_digest:
            return None
        remove(file.path for file in added)
        kept = replace(base, inputs=dict(job.inputs), step=job.step or base.step)
        return Change(job.table, kept, expected=base.content_id, guarded=True)

    def _version(self, added: tuple[DataFile, ...], removed: tuple[DataFile, ...]) -> Version:
        job, fields = self.job, self._fields or self._known
        draft = Draft(
            warehouse=job.warehouse,
            folder=job.folder,
            attempt=job.attempt,
            table_id=job.table_id,
            fields=fields,
            base=self._base,
            added=added,
            now=clock.now() // 1000,
            removed=frozenset(file.path for file in removed),
            replaces=job.replaces,
            window=self._window() if job.materialize == "window" else None,
            dropped=self._dropped(fields),
        )
        faults.point("write.metadata")
        written = metadata.write(draft)
        sync(written.paths)
        faults.point("write.metadata.synced")
        files = self._all_files(added, removed)
        columns = schema.columns_to_json(fields)
        mark = fingerprint(columns)
        return Version(
            table=job.table,
            table_id=job.table_id,
            format=Format.ICEBERG,
            content_id=content_of(mark, tuple(job.warehouse.relative(f.path) for f in files)),
            location=written.location,
            schema_fingerprint=mark,
            schema=columns,
            rows=sum(file.rows for file in files),
            bytes=sum(file.size for file in files),
            intent=self._intent(added, removed),
            inputs=dict(job.inputs),
            rows_digest=rows_digest(added) if job.materialize == "table" else None,
            step=job.step or None,
        )

    def _all_files(
        self, added: tuple[DataFile, ...], removed: tuple[DataFile, ...]
    ) -> tuple[DataFile, ...]:
        if self.job.replaces or self._base_version is None:
            return added
        gone = {file.path for file in removed}
        before = reading.described_files(self.job.warehouse, self._base_version)
        return tuple(file for file in before if file.path not in gone) + added

    def _intent(self, added: tuple[DataFile, ...], removed: tuple[DataFile, ...]) -> Intent:
        job = self.job
        kind = IntentKind.REPLACE if job.replaces else _INCREMENTAL[job.materialize]
        return Intent(
            kind=kind,
            spans=tuple(part.span for part in self._parts if part.span is not None),
            files=tuple(job.warehouse.relative(file.path) for file in added),
            removed=tuple(job.warehouse.relative(file.path) for file in removed),
        )

    def _windows(self, version: Version, keys: Mapping[str, str]) -> tuple[WindowEntry, ...]:
        by_span: dict[Span, list[str]] = {}
        for part in self._parts:
            if part.span is not None:
                paths = by_span.setdefault(part.span, [])
                paths += [self.job.warehouse.relative(file.path) for file in part.files]
        return tuple(
            WindowEntry(
                span=span,
                key=keys.get(str(span), ""),
                content_id=content_of(version.schema_fingerprint, tuple(files)),
                files=tuple(files),
                code=self.job.code,
            )
            for span, files in by_span.items()
        )

    def _resets(self) -> bool:
        """Whether the ledger of the version before says nothing about this one."""
        base = self._base_version
        if not self.job.replaces or base is None:
            return False
        return base.intent.kind is not IntentKind.REPLACE or bool(base.intent.spans)


def rows_digest(files: Iterable[DataFile]) -> str | None:
    """What the files hold, whatever their names; ``None`` if they are too large to look at."""
    every = list(files)
    if sum(file.size for file in every) > DIGEST_BYTES:
        return None
    digests = sorted(_digest(file.path) for file in every)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _digest(path: str) -> str:
    with open(path, "rb") as source:  # noqa: PTH123
        return hashlib.file_digest(source, "sha256").hexdigest()
