"""Written files put together with what the table held: a new version, and what to commit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from galley import clock, faults
from galley.lake import copying, outputs, reading, schema, snapshots, upserting
from galley.lake.datafiles import DataFile
from galley.lake.files import Files
from galley.lake.metadata import Metadata
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
from galley.lake.snapshots import Draft
from galley.lake.types import Field
from galley.lake.upserting import Connect
from galley.lake.writejob import INCREMENTAL, Part, WriteJob

if TYPE_CHECKING:
    import duckdb

DIGEST_BYTES = 64 * 2**20
"""Up to this size a table's files are compared with those before."""
_Files = tuple[DataFile, ...]


@dataclass(frozen=True, slots=True)
class Assembly:
    """One table's new files, and what they are put onto.

    ``base`` and ``metadata`` are the table before, ``known`` its columns, ``fields`` the columns
    now. ``stem`` begins the names of files that a merge rewrites.
    """

    job: WriteJob
    base: Version | None
    metadata: Metadata | None
    known: tuple[Field, ...]
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]
    stem: str
    connect: Connect

    def change(self, span_keys: Mapping[str, str]) -> Change:
        """Make all durable and describe it."""
        faults.point("write.data")
        added, removed = self._combined()
        self.job.warehouse.files.sync(file.path for file in added)
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
            windows=self._windows(version, span_keys),
            reset_windows=self._resets(),
        )

    def files(self) -> tuple[DataFile, ...]:
        """All files that the table would have, of windows that are written one by one."""
        return self._all_files(*self._combined())

    def _combined(self) -> tuple[_Files, _Files]:
        """The files to add and those to take out."""
        added = tuple(file for part in self.parts for file in part.files)
        if self.job.materialize == "merge":
            return self._merged(added)
        if self.job.materialize != "window" or self.job.replaces:
            return added, ()
        window = self.job.window(self.fields)
        spans = tuple(part.span for part in self.parts if part.span is not None)
        if window is None or not spans or self.base is None:
            return added, ()
        present = reading.described_files(self.job.warehouse, self.base)
        return added, upserting.lying_in(present, window, spans, self.job.table, self.connect)

    def _merged(self, added: _Files) -> tuple[_Files, _Files]:
        fields = self.fields
        keys = upserting.key_fields(fields, self.job.key, self.job.table)
        with self.connect() as con:
            upserting.check_keys(con, added, fields, keys, self.job.table)
            if self.job.replaces or self.base is None:
                return added, ()
            present = reading.described_files(self.job.warehouse, self.base)
            stale = upserting.touched(con, present, added, fields, keys)
            if not stale:
                return added, ()
            rest = self._rewrite(con, stale, added, keys)
        return added + rest, stale

    def _rewrite(
        self,
        con: duckdb.DuckDBPyConnection,
        stale: _Files,
        added: _Files,
        keys: tuple[Field, ...],
    ) -> _Files:
        fields = self.fields
        sql = upserting.rest_sql(stale, added, fields, keys)
        query = copying.describe(con, sql, {})
        rolling = sum(file.size for file in stale) > copying.FILE_BYTES
        return outputs.write_files(self.job, con, query, fields, self.stem, rolling=rolling)

    def _unchanged(self, added: _Files) -> Change | None:
        base, job = self.base, self.job
        if job.materialize != "table" or base is None or base.rows_digest is None:
            return None
        same_schema = schema.columns_to_json(self.fields) == base.schema
        if not same_schema or rows_digest(job.warehouse.files, added) != base.rows_digest:
            return None
        job.warehouse.files.remove(file.path for file in added)
        kept = replace(base, inputs=dict(job.inputs), step=job.step or base.step)
        return Change(job.table, kept, expected=base.content_id, guarded=True)

    def _version(self, added: _Files, removed: _Files) -> Version:
        job, fields = self.job, self.fields
        before = self.metadata.dropped if self.metadata else {}
        draft = Draft(
            warehouse=job.warehouse,
            folder=job.folder,
            attempt=job.attempt,
            table_id=job.table_id,
            fields=fields,
            base=self.metadata,
            added=added,
            now=clock.now() // 1000,
            removed=frozenset(file.path for file in removed),
            replaces=job.replaces,
            window=self.job.window(self.fields) if job.materialize == "window" else None,
            dropped=schema.dropped_after(self.known, fields, before),
        )
        faults.point("write.metadata")
        written = snapshots.write(draft)
        job.warehouse.files.sync(written.paths)
        faults.point("write.metadata.synced")
        files = self._all_files(added, removed)
        reading.remember(job.warehouse.absolute(written.location), files)
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
            rows_digest=rows_digest(job.warehouse.files, added)
            if job.materialize == "table"
            else None,
            step=job.step or None,
        )

    def _all_files(self, added: _Files, removed: _Files) -> _Files:
        if self.job.replaces or self.base is None:
            return added
        gone = {file.path for file in removed}
        before = reading.described_files(self.job.warehouse, self.base)
        return tuple(file for file in before if file.path not in gone) + added

    def _intent(self, added: _Files, removed: _Files) -> Intent:
        job = self.job
        kind = IntentKind.REPLACE if job.replaces else INCREMENTAL[job.materialize]
        return Intent(
            kind=kind,
            spans=tuple(part.span for part in self.parts if part.span is not None),
            files=tuple(job.warehouse.relative(file.path) for file in added),
            removed=tuple(job.warehouse.relative(file.path) for file in removed),
        )

    def _windows(self, version: Version, keys: Mapping[str, str]) -> tuple[WindowEntry, ...]:
        by_span: dict[Span, list[str]] = {}
        for part in self.parts:
            if part.span is not None:
                paths = by_span.setdefault(part.span, [])
                paths += [self.job.warehouse.relative(file.path) for file in part.files]
        return tuple(
            WindowEntry(
                span=span,
                key=keys.get(str(span), ""),
                # Of no two windows without rows is one the other: each may be taken back alone.
                content_id=content_of(
                    version.schema_fingerprint, tuple(files) or (self.job.attempt, str(span))
                ),
                files=tuple(files),
                code=self.job.code,
            )
            for span, files in by_span.items()
        )

    def _resets(self) -> bool:
        """Whether the ledger of the version before says nothing about this one."""
        base = self.base
        if not self.job.replaces or base is None:
            return False
        # A restored version is a plain replace that still has its windows.
        cut = self.job.materialize in INCREMENTAL or "window" in base.made
        return cut or base.intent.kind is not IntentKind.REPLACE or bool(base.intent.spans)


def rows_digest(files: Files, listed: Iterable[DataFile]) -> str | None:
    """What the files hold, whatever their names; ``None`` if they are too large to look at."""
    every = list(listed)
    if sum(file.size for file in every) > DIGEST_BYTES:
        return None
    digests = sorted(files.digest(file.path) for file in every)
    return hashlib.sha256("".join(digests).encode()).hexdigest()
