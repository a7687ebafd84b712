"""Iceberg snapshots (format version 2) written without a catalogue.

The metadata file is the specification's JSON, written as it stands, because pyiceberg's builders
give fields new ids; manifests and their lists are pyiceberg's. All paths inside are absolute.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from galley.ids import digest
from galley.lake import types
from galley.lake.datafiles import DataFile
from galley.lake.localio import file_io
from galley.lake.metadata import DROPPED, WINDOW, Json, Metadata, manifests
from galley.lake.schema import Dropped, highest_id
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse
from galley.lake.windowing import WindowColumn

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema

KEPT_SNAPSHOTS = 10
MERGE_MANIFESTS = 32
"""Carried manifests are merged into one beyond this many, to keep planning short."""
_FIRST_PARTITION_ID = 1000
_NAMESPACE = uuid.UUID("6f1d3c0e-6f2b-5c8e-9a53-1f0c63a1d4a7")


@dataclass(frozen=True, slots=True)
class Draft:
    """A snapshot to write. Without ``base`` files only ``added`` make up the table.

    ``replaces`` drops what ``base`` holds but keeps the table's identity; ``now`` is in
    milliseconds.
    """

    warehouse: Warehouse
    folder: str
    attempt: str
    table_id: str
    fields: tuple[Field, ...]
    base: Metadata | None
    added: tuple[DataFile, ...]
    now: int
    removed: frozenset[str] = frozenset()
    replaces: bool = False
    window: WindowColumn | None = None
    dropped: Dropped = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the relative location of the metadata, and every path, absolute."""

    location: str
    paths: tuple[str, ...]


def write(draft: Draft) -> Written:
    """Write manifests, their list and the metadata file; nothing is fsynced yet."""
    return _Writer(draft).write()


class _Writer:
    """The files of one snapshot, written one after another."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.base = draft.base
        self.keeps = draft.base is not None and not draft.replaces
        self.folder = draft.warehouse.absolute(f"{draft.folder}/metadata")
        self.snapshot_id = int(digest(draft.attempt, draft.table_id)[:15], 16) or 1
        self.sequence = 1 + (self.base.raw["last-sequence-number"] if self.base else 0)
        self.paths: list[str] = []
        self.schemas, self.schema_id = self._schemas()
        self.specs, self.spec = self._specs()
        self.counts = {"added": 0, "removed": 0, "added_rows": 0, "removed_rows": 0}

    def write(self) -> Written:
        self.draft.warehouse.files.make_folder(self.folder)
        listed = self._manifests()
        snapshot = self._snapshot(self._list(listed), listed)
        location = f"{self.draft.folder}/metadata/{self.draft.attempt}.metadata.json"
        path = self.draft.warehouse.absolute(location)
        self.paths.append(path)
        content = json.dumps(self._metadata(snapshot), separators=(",", ":")).encode()
        self.draft.warehouse.files.write(path, content)
        return Written(location, tuple(self.paths))

    def _schemas(self) -> tuple[list[Json], int]:
        fields = [types.field_to_json(one) for one in self.draft.fields]
        known = self.base.raw["schemas"] if self.base else []
        same = next((s for s in known if s["fields"] == fields), None)
        if same:
            return (known if self.keeps else [same]), same["schema-id"]
        number = 1 + max((s["schema-id"] for s in known), default=-1)
        new = {"type": "struct", "schema-id": number, "fields": fields}
        return ([*known, new] if self.keeps else [new]), number

    def _specs(self) -> tuple[list[Json], Json]:
        known = self.base.raw["partition-specs"] if self.base else []
        fields = self._spec_fields(known)
        same = next((s for s in known if s["fields"] == fields), None)
        if same:
            return (known if self.keeps else [same]), same
        number = 1 + max((s["spec-id"] for s in known), default=-1)
        new = {"spec-id": number, "fields": fields}
        return ([*known, new] if self.keeps else [new]), new

    def _spec_fields(self, known: list[Json]) -> list[Json]:
        window = self.draft.window
        if window is None or window.transform is None:
            return []
        if any(not file.partition for file in self.draft.added):
            return []
        source, transform = window.field.id, window.transform
        for one in (f for spec in known for f in spec["fields"]):
            if one["source-id"] == source and one["transform"] == transform:
                return [one]
        last = self.base.raw["last-partition-id"] if self.base else _FIRST_PARTITION_ID - 1
        name = window.field.name if transform == "identity" else f"{window.field.name}_{transform}"
        return [{"source-id": source, "field-id": last + 1, "transform": transform, "name": name}]

    def _manifests(self) -> list[ManifestFile]:
        carried = self._carried(self.base) if self.base and self.keeps else []
        if not self.draft.added:
            return carried
        from pyiceberg.manifest import ManifestEntryStatus

        status = ManifestEntryStatus.ADDED
        added = [self._entry(status, file) for file in self.draft.added]
        self.counts["added"] = len(added)
        self.counts["added_rows"] = sum(file.rows for file in self.draft.added)
        return [self._manifest(added, "add", self.spec), *carried]

    def _carried(self, base: Metadata) -> list[ManifestFile]:
        present = [m for m in manifests(base) if m.has_added_files() or m.has_existing_files()]
        if self.draft.removed:
            present = [kept for one in present if (kept := self._without(one)) is not None]
        if len(present) < MERGE_MANIFESTS:
            return present
        by_spec: dict[int, list[ManifestFile]] = {}
        for one in present:
            by_spec.setdefault(one.partition_spec_id, []).append(one)
        return [self._merged(number, some) for number, some in by_spec.items()]

    def _without(self, manifest: ManifestFile) -> ManifestFile | None:
        live = manifest.fetch_manifest_entry(file_io(self.draft.warehouse))
        gone = [one for one in live if one.data_file.file_path in self.draft.removed]
        if not gone:
            return manifest
        self.counts["removed"] += len(gone)
        self.counts["removed_rows"] += sum(one.data_file.record_count for one in gone)
        kept = [one for one in live if one.data_file.file_path not in self.draft.removed]
        spec = self._spec_of(manifest.partition_spec_id)
        return self._manifest(kept, "existing", spec, gone)

    def _merged(self, spec_id: int, some: list[ManifestFile]) -> ManifestFile:
        io = file_io(self.draft.warehouse)
        live = [entry for one in some for entry in one.fetch_manifest_entry(io)]
        return self._manifest(live, "existing", self._spec_of(spec_id))

    def _spec_of(self, number: int) -> Json:
        return next(spec for spec in self.specs if spec["spec-id"] == number)

    def _manifest(
        self,
        listed: Sequence[ManifestEntry],
        how: str,
        spec: Json,
        gone: Sequence[ManifestEntry] = (),
    ) -> ManifestFile:
        from pyiceberg.manifest import write_manifest

        count = sum(path.endswith(".avro") for path in self.paths)
        path = f"{self.folder}/{self.draft.attempt}-m{count}.avro"
        self.paths.append(path)
        output = file_io(self.draft.warehouse).new_output(path)
        with write_manifest(
            2, _spec(spec), _schema(self._schema()), output, self.snapshot_id, "null"
        ) as writer:
            for entry in listed:
                getattr(writer, how)(entry)
            for entry in gone:
                writer.delete(entry)
        return writer.to_manifest_file()

    def _schema(self) -> Json:
        return next(one for one in self.schemas if one["schema-id"] == self.schema_id)

    def _entry(self, status: Any, file: DataFile) -> ManifestEntry:
        from pyiceberg.manifest import DataFile as IcebergFile
        from pyiceberg.manifest import DataFileContent, FileFormat, ManifestEntry
        from pyiceberg.typedef import Record

        described = IcebergFile.from_args(
            content=DataFileContent.DATA,
            file_path=file.path,
            file_format=FileFormat.PARQUET,
            partition=Record(*(file.partition if self.spec["fields"] else ())),
            record_count=file.rows,
            file_size_in_bytes=file.size,
            column_sizes=file.sizes,
            value_counts=file.counts,
            null_value_counts=file.nulls,
            nan_value_counts=file.nans,
            lower_bounds=file.lower,
            upper_bounds=file.upper,
            split_offsets=list(file.splits) or None,
            sort_order_id=0,
        )
        described.spec_id = self.spec["spec-id"]
        return ManifestEntry.from_args(
            status=status, snapshot_id=self.snapshot_id, data_file=described
        )

    def _list(self, listed: list[ManifestFile]) -> str:
        from pyiceberg.manifest import write_manifest_list

        path = f"{self.folder}/snap-{self.draft.attempt}.avro"
        self.paths.append(path)
        output = file_io(self.draft.warehouse).new_output(path)
        parent = self._parent()
        with write_manifest_list(
            2, output, self.snapshot_id, parent, self.sequence, "null"
        ) as writer:
            writer.add_manifests(listed)
        return path

    def _parent(self) -> int | None:
        snapshot = self.base.snapshot if self.base and self.keeps else None
        return snapshot["snapshot-id"] if snapshot else None

    def _snapshot(self, manifest_list: str, listed: list[ManifestFile]) -> Json:
        snapshot: Json = {
            "snapshot-id": self.snapshot_id,
            "sequence-number": self.sequence,
            "timestamp-ms": self._now(),
            "manifest-list": manifest_list,
            "summary": self._summary(listed),
            "schema-id": self.schema_id,
        }
        parent = self._parent()
        return snapshot if parent is None else {**snapshot, "parent-snapshot-id": parent}

    def _summary(self, listed: Iterable[ManifestFile]) -> dict[str, str]:
        counts = self.counts
        operation = "overwrite" if counts["removed"] or self.draft.replaces else "append"
        every = list(listed)
        files = sum((m.added_files_count or 0) + (m.existing_files_count or 0) for m in every)
        rows = sum((m.added_rows_count or 0) + (m.existing_rows_count or 0) for m in every)
        return {
            "operation": operation,
            "added-data-files": str(counts["added"]),
            "added-records": str(counts["added_rows"]),
            "deleted-data-files": str(counts["removed"]),
            "deleted-records": str(counts["removed_rows"]),
            "total-data-files": str(files),
            "total-records": str(rows),
            "total-delete-files": "0",
        }

    def _now(self) -> int:
        last = self.base.raw["last-updated-ms"] if self.base else 0
        return max(self.draft.now, int(last) + 1)

    def _metadata(self, snapshot: Json) -> Json:
        kept = self.base.raw["snapshots"] if self.base and self.keeps else []
        snapshots = [*kept[-(KEPT_SNAPSHOTS - 1) :], snapshot]
        numbers = {one["snapshot-id"] for one in snapshots}
        log = self.base.raw.get("snapshot-log", []) if self.base and self.keeps else []
        entry = {"snapshot-id": self.snapshot_id, "timestamp-ms": self._now()}
        used = {one.get("schema-id") for one in snapshots}
        partition_ids = [f["field-id"] for spec in self.specs for f in spec["fields"]]
        before = self.base.raw["last-partition-id"] if self.base else _FIRST_PARTITION_ID - 1
        return {
            "format-version": 2,
            "table-uuid": str(uuid.uuid5(_NAMESPACE, self.draft.table_id)),
            "location": self.draft.warehouse.absolute(self.draft.folder),
            "last-sequence-number": self.sequence,
            "last-updated-ms": self._now(),
            "last-column-id": max(
                highest_id(self.draft.fields), self.base.last_column_id if self.base else 0
            ),
            "schemas": [one for one in self.schemas if one["schema-id"] in used],
            "current-schema-id": self.schema_id,
            "partition-specs": self.specs,
            "default-spec-id": self.spec["spec-id"],
            "last-partition-id": max([before, *partition_ids]),
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
            "properties": self._properties(),
            "current-snapshot-id": self.snapshot_id,
            "snapshots": snapshots,
            "snapshot-log": [*(one for one in log if one["snapshot-id"] in numbers), entry],
            "metadata-log": [],
            "refs": {"main": {"snapshot-id": self.snapshot_id, "type": "branch"}},
        }

    def _properties(self) -> dict[str, str]:
        kept = dict(self.base.raw.get("properties", {})) if self.base else {}
        kept["write.parquet.compression-codec"] = "zstd"
        window = self.draft.window
        kept.pop(WINDOW, None)
        if window is not None:
            described = {
                "field": window.field.id,
                "unit": window.unit,
                "timezone": window.timezone,
            }
            kept[WINDOW] = json.dumps(described)
        if self.draft.dropped:
            kept[DROPPED] = json.dumps(self.draft.dropped, sort_keys=True)
        return kept


def _schema(raw: Json) -> Schema:
    from pyiceberg.schema import Schema

    return Schema.model_validate(raw)


def _spec(raw: Json) -> PartitionSpec:
    from pyiceberg.partitioning import PartitionSpec

    return PartitionSpec.model_validate(raw)
