"""One attempt's write to one table: files first, then metadata, then a ``Change`` to commit.

Nothing that is written here is seen by anyone until a commit points to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from galley.errors import SchemaChangeError, StepError
from galley.lake import copying, metadata, outputs, reading, schema, upserting
from galley.lake.assembling import Assembly
from galley.lake.batches import Stream
from galley.lake.datafiles import DataFile
from galley.lake.metadata import Metadata
from galley.lake.model import Change, Format, Span
from galley.lake.schema import FieldIds
from galley.lake.types import Field
from galley.lake.warehouse import storage_errors
from galley.lake.writejob import Part, WriteJob

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


__all__ = ["TableWrite", "WriteJob"]


class TableWrite:
    """Collects the files of one table. Call ``finish`` once, or ``abort``."""

    def __init__(self, job: WriteJob, field_ids: FieldIds) -> None:
        self.job = job
        self._field_ids = field_ids
        base = job.base if job.base and job.base.format is Format.ICEBERG else None
        self._base_version = base
        self._base: Metadata | None = None
        if base is not None:
            with storage_errors(f"reading table {job.table!r}"):
                self._base = metadata.read_metadata(job.warehouse, base.location)
        self._known = schema.columns_of(base)
        self._fields: tuple[Field, ...] | None = None
        self._parts: list[Part] = []
        self._calls = 0
        self._bound: tuple[copying.Bound, bool] | None = None
        self._streaming: duckdb.DuckDBPyConnection | None = None

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
        if self._bound is None or not self._bound[0].alike(con, sql, parameters):
            described = copying.describe(con, sql, parameters)
            self._bound = copying.Bound(con, sql, described), copying.large(con, described)
        bound, rolling = self._bound
        return self._write(con, bound.query(parameters), span, rolling=rolling)

    def write_batches(
        self,
        batches: pa.RecordBatchReader | Iterable[pa.RecordBatch | pa.Table],
        span: Span | None = None,
    ) -> int:
        """Write Arrow data as it comes, never holding all; the first batch fixes the columns."""
        stream = Stream(batches)
        if stream.schema is None:
            self._nothing(span)
            return 0
        con = self._streaming = self._streaming or self._connection()
        con.register("batches", stream.reader())
        query = copying.describe(con, "SELECT * FROM batches", {})
        try:
            return self._write(con, query, span, rolling=stream.endless)
        except StepError:
            stream.reraise()
            raise
        finally:
            con.unregister("batches")

    def finish(self, span_keys: Mapping[str, str] | None = None) -> Change:
        """Make the files durable, write the metadata, and say what to commit.

        ``span_keys`` maps the text of each window to its reuse key.
        """
        if self._fields is None and self._base_version is None:
            raise StepError(f"nothing was written to {self.job.table!r}")
        assembly = self._assembly()
        import duckdb

        doing = f"writing table {self.job.table!r}"
        try:
            with storage_errors(doing):
                return assembly.change(span_keys or {})
        except duckdb.Error as error:
            raise copying.translated(error, doing) from error
        finally:
            self._close()

    def show(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the table's view on ``con`` show it as it would be if nothing more came."""
        # What reads it may be of other types from now on.
        self._bound = None
        with storage_errors(f"reading table {self.job.table!r}"):
            files = self._assembly().files()
        fields = self._fields or self._known
        reading.show_files(con, self.job.table, files, fields, project=self.job.project)

    def abort(self) -> None:
        """Remove whatever this attempt wrote, finished or not."""
        self._close()
        folder = self.job.warehouse.absolute(self.job.folder)
        self.job.warehouse.files.remove_attempt(folder, self.job.attempt)

    def _assembly(self) -> Assembly:
        return Assembly(
            job=self.job,
            base=self._base_version,
            metadata=self._base,
            known=self._known,
            fields=self._fields or self._known,
            parts=tuple(self._parts),
            stem=f"{self.job.attempt}-{self._calls}",
            connect=self._connection,
        )

    def _close(self) -> None:
        if self._streaming is not None:
            self._streaming.close()
            self._streaming = None

    def _connection(self) -> duckdb.DuckDBPyConnection:
        job = self.job
        return reading.connect(
            threads=job.threads, memory=job.memory, scratch=job.scratch, warehouse=job.warehouse
        )

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
        stem = f"{self.job.attempt}-{self._calls}"
        self._calls += 1
        with storage_errors(f"writing table {self.job.table!r}"):
            files = outputs.write_files(self.job, con, query, fields, stem, rolling=rolling)
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
        window = self.job.window(self._fields or self._known)
        if span is not None and window is not None:
            upserting.check_window(files, window, span, self._connection)
        if span is not None and window is not None and self.job.materialize == "window":
            files = tuple(replace(file, partition=window.partition(file, span)) for file in files)
        self._parts.append(Part(span, files))
        return sum(file.rows for file in files)

    def _nothing(self, span: Span | None) -> None:
        if self._base_version is None or self.job.replaces:
            raise StepError(
                f"the result for {self.job.table!r} holds no batch, so it has no columns",
                hint="yield at least one batch, even if it has no rows",
            )
        self._fields = self._fields or self._known
        self._parts.append(Part(span, ()))
