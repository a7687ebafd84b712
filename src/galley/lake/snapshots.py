"""Iceberg snapshots (format version 2) written without a catalogue.

The metadata file is the specification's JSON, written as it stands, because pyiceberg's builders
give fields new ids. All paths inside are absolute.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from galley.ids import digest
from galley.lake import manifests, metadata, types
from galley.lake.datafiles import DataFile
from galley.lake.iceberg_io import file_io
from galley.lake.manifests import Entry, Row, Snapshot
from galley.lake.metadata import DROPPED, WINDOW, Json, Metadata
from galley.lake.schema import Dropped, highest_id
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse
from galley.lake.windowing import WindowColumn

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile

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
        self.files = draft.warehouse.files
        self.folder = draft.warehouse.absolute(f"{draft.folder}/metadata")
        self.snapshot = Snapshot(
            id=int(digest(draft.attempt, draft.table_id)[:15], 16) or 1,
            parent=self._parent(),
            sequence=1 + (self.base.raw["last-sequence-number"] if self.base else 0),
        )
        self.paths: list[str] = []
        self.schemas, self.schema_id = self._schemas()
        self.specs, self.spec = self._specs()
        self.counts = {"added": 0, "removed": 0, "added_rows": 0, "removed_rows": 0}

    def write(self) -> Written:
        self.files.make_folders(self.folder)
        listed = self._manifests()
        snapshot = self._snapshot(self._list(listed), listed)
        location = f"{self.draft.folder}/metadata/{self.draft.attempt}.metadata.json"
        path = self.draft.warehouse.absolute(location)
        self.paths.append(path)
        content = json.dumps(self._metadata(snapshot), separators=(",", ":")).encode()
        self.files.write(path, content)
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

    def _manifests(self) -> list[Row]:
        carried = self._carried(self.base) if self.base and self.keeps else []
        if not self.draft.added:
            return carried
        added = [manifests.added(file, self.snapshot.id) for file in self.draft.added]
        self.counts["added"] = len(added)
        self.counts["added_rows"] = sum(file.rows for file in self.draft.added)
        return [self._manifest(added, self.spec), *carried]

    def _carried(self, base: Metadata) -> list[Row]:
        every = metadata.manifests(base)
        present = [one for one in every if one.has_added_files() or one.has_existing_files()]
        if len(present) < MERGE_MANIFESTS:
            return [
                self._rewritten([one]) if self._touches(one) else manifests.listed(one)
                for one in present
            ]
        by_spec: dict[int, list[ManifestFile]] = {}
        for one in present:
            by_spec.setdefault(one.partition_spec_id, []).append(one)
        return [self._rewritten(some) for some in by_spec.values()]

    def _touches(self, manifest: ManifestFile) -> bool:
        """Whether the snapshot takes out one of the manifest's files."""
        removed = self.draft.removed
        return bool(removed) and any(
            file.path in removed for file in metadata.files_of(self.draft.warehouse, manifest)
        )

    def _rewritten(self, some: list[ManifestFile]) -> Row:
        """One manifest of what others of the same partition spec list."""
        io = file_io(self.draft.warehouse)
        live = [entry for one in some for entry in one.fetch_manifest_entry(io)]
        entries = []
        for entry in live:
            if entry.data_file.file_path in self.draft.removed:
                self.counts["removed"] += 1
                self.counts["removed_rows"] += entry.data_file.record_count
                entries.append(manifests.deleted(entry, self.snapshot.id))
            else:
                entries.append(manifests.existing(entry))
        number = some[0].partition_spec_id
        return self._manifest(entries, next(one for one in self.specs if one["spec-id"] == number))

    def _manifest(self, entries: list[Entry], spec: Json) -> Row:
        path = f"{self.folder}/{self.draft.attempt}-m{len(self.paths)}.avro"
        self.paths.append(path)
        return manifests.write_manifest(
            self.files, path, self.snapshot, self._schema(), spec, entries
        )

    def _schema(self) -> Json:
        return next(one for one in self.schemas if one["schema-id"] == self.schema_id)

    def _list(self, listed: list[Row]) -> str:
        path = f"{self.folder}/snap-{self.draft.attempt}.avro"
        self.paths.append(path)
        manifests.write_list(self.files, path, self.snapshot, listed)
        return path

    def _parent(self) -> int | None:
        snapshot = self.base.snapshot if self.base and self.keeps else None
        return snapshot["snapshot-id"] if snapshot else None

    def _snapshot(self, manifest_list: str, listed: list[Row]) -> Json:
        snapshot: Json = {
            "snapshot-id": self.snapshot.id,
            "sequence-number": self.snapshot.sequence,
            "timestamp-ms": self._now(),
            "manifest-list": manifest_list,
            "summary": self._summary(listed),
            "schema-id": self.schema_id,
        }
        parent = self.snapshot.parent
        return snapshot if parent is None else {**snapshot, "parent-snapshot-id": parent}

    def _summary(self, listed: list[Row]) -> dict[str, str]:
        counts = self.counts
        operation = "overwrite" if counts["removed"] or self.draft.replaces else "append"
        files = sum(one["added_files_count"] + one["existing_files_count"] for one in listed)
        rows = sum(one["added_rows_count"] + one["existing_rows_count"] for one in listed)
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
        entry = {"snapshot-id": self.snapshot.id, "timestamp-ms": self._now()}
        used = {one.get("schema-id") for one in snapshots}
        partition_ids = [f["field-id"] for spec in self.specs for f in spec["fields"]]
        before = self.base.raw["last-partition-id"] if self.base else _FIRST_PARTITION_ID - 1
        return {
            "format-version": 2,
            "table-uuid": str(uuid.uuid5(_NAMESPACE, self.draft.table_id)),
            "location": self.draft.warehouse.absolute(self.draft.folder),
            "last-sequence-number": self.snapshot.sequence,
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
            "current-snapshot-id": self.snapshot.id,
            "snapshots": snapshots,
            "snapshot-log": [*(one for one in log if one["snapshot-id"] in numbers), entry],
            "metadata-log": [],
            "refs": {"main": {"snapshot-id": self.snapshot.id, "type": "branch"}},
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
