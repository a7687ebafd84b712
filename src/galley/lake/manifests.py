"""Iceberg's manifests and manifest lists (format version 2), written.

The fields, their ids and what they hold: Iceberg table specification, "Manifests" and "Manifest
lists"; how they stand in Avro, names included: appendix A. Reading is pyiceberg's, which takes its
time: it is needed only where a table goes on from files that it has.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from galley.lake import avro
from galley.lake.datafiles import DataFile
from galley.lake.files import Files

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestEntry, ManifestFile

Json = dict[str, Any]
Row = dict[str, Any]
"""A row of a manifest list, by the specification's names."""

EXISTING, ADDED, DELETED = 0, 1, 2
"""What a manifest's entry says of its file."""

_COUNTED = {EXISTING: "existing", ADDED: "added", DELETED: "deleted"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a manifest. ``file`` holds its fields by the specification's names.

    An added file's sequence numbers are none: they are inherited from the manifest.
    """

    status: int
    snapshot: int
    sequence: int | None
    file_sequence: int | None
    file: Row
    partition: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The snapshot that manifests are written for."""

    id: int
    parent: int | None
    sequence: int


def added(file: DataFile, snapshot: int) -> Entry:
    """The entry of a new file."""
    described = {
        "content": 0,
        "file_path": file.path,
        "file_format": "PARQUET",
        "record_count": file.rows,
        "file_size_in_bytes": file.size,
        "column_sizes": file.sizes,
        "value_counts": file.counts,
        "null_value_counts": file.nulls,
        "nan_value_counts": file.nans,
        "lower_bounds": file.lower,
        "upper_bounds": file.upper,
        "split_offsets": file.splits or None,
        "sort_order_id": 0,
    }
    return Entry(ADDED, snapshot, None, None, described, file.partition)


def existing(entry: ManifestEntry) -> Entry:
    """The entry of a file that stays, as pyiceberg read it."""
    return _read(entry, EXISTING, entry.snapshot_id or 0)


def deleted(entry: ManifestEntry, snapshot: int) -> Entry:
    """The entry of a file that the snapshot takes out."""
    return _read(entry, DELETED, snapshot)


def _read(entry: ManifestEntry, status: int, snapshot: int) -> Entry:
    file = entry.data_file
    described = {name: getattr(file, name) for name in _FILE_NAMES}
    partition = tuple(file.partition[index] for index in range(len(file.partition)))
    return Entry(
        status, snapshot, entry.sequence_number, entry.file_sequence_number, described, partition
    )


def listed(manifest: ManifestFile) -> Row:
    """The list's row of a manifest that pyiceberg read."""
    row = {field["name"]: getattr(manifest, field["name"]) for field in _LIST["fields"]}
    names = [field["name"] for field in _SUMMARY["fields"]]
    row["partitions"] = [
        {name: getattr(one, name) for name in names} for one in manifest.partitions or ()
    ]
    return row


def write_manifest(
    files: Files,
    path: str,
    snapshot: Snapshot,
    schema: Json,
    spec: Json,
    entries: Sequence[Entry],
) -> Row:
    """Write a manifest of at least one entry; returns its row for the list.

    ``schema`` and ``spec`` are as in the table's metadata.
    """
    texts = json.dumps(schema), json.dumps(spec["fields"])
    partition = _partition(*texts)
    metadata = {
        "schema": texts[0],
        "partition-spec": texts[1],
        "partition-spec-id": str(spec["spec-id"]),
        "format-version": "2",
        "content": "data",
    }
    records = [_entry(one, partition) for one in entries]
    length = _write(files, path, partition.schema, partition.encode, metadata, records)
    numbers = [
        one.sequence for one in entries if one.status != DELETED and one.sequence is not None
    ]
    return {
        "manifest_path": path,
        "manifest_length": length,
        "partition_spec_id": spec["spec-id"],
        "content": 0,
        "sequence_number": snapshot.sequence,
        "min_sequence_number": min(numbers, default=snapshot.sequence),
        "added_snapshot_id": snapshot.id,
        **_counts(entries),
        "partitions": [
            _summary(type_, [one.partition[index] for one in entries])
            for index, type_ in enumerate(partition.types)
        ],
    }


def write_list(files: Files, path: str, snapshot: Snapshot, rows: Sequence[Row]) -> None:
    """Write the list of a snapshot's manifests."""
    metadata = {
        "snapshot-id": str(snapshot.id),
        "parent-snapshot-id": "null" if snapshot.parent is None else str(snapshot.parent),
        "sequence-number": str(snapshot.sequence),
        "format-version": "2",
    }
    _write(files, path, _LIST, _ENCODE_LIST, metadata, rows)


def _write(
    files: Files,
    path: str,
    schema: Json,
    encode: avro.Encode,
    metadata: Mapping[str, str],
    records: Sequence[Row],
) -> int:
    mark = hashlib.sha256(path.encode()).digest()[: avro.MARK_BYTES]
    whole = avro.container(schema, encode, metadata, records, mark)
    files.write(path, whole)
    return len(whole)


def _entry(entry: Entry, partition: _Partition) -> Row:
    values = dict(zip(partition.names, entry.partition, strict=True)) if partition.names else {}
    return {
        "status": entry.status,
        "snapshot_id": entry.snapshot,
        "sequence_number": entry.sequence,
        "file_sequence_number": entry.file_sequence,
        "data_file": {**entry.file, "partition": values},
    }


def _counts(entries: Sequence[Entry]) -> Row:
    counts: Row = {}
    for status, word in _COUNTED.items():
        rows = [one.file["record_count"] for one in entries if one.status == status]
        counts |= {f"{word}_files_count": len(rows), f"{word}_rows_count": sum(rows)}
    return counts


def _summary(type_: str, values: Sequence[Any]) -> Row:
    """The range of one partition field's values, which are never NaN."""
    known = [value for value in values if value is not None]
    return {
        "contains_null": len(known) < len(values),
        "contains_nan": False,
        "lower_bound": _single_value(type_, min(known)) if known else None,
        "upper_bound": _single_value(type_, max(known)) if known else None,
    }


def _single_value(type_: str, value: Any) -> bytes:
    """A value in Iceberg's binary form (specification, appendix D)."""
    if type_ == "string":
        return bytes(value.encode())
    if type_ == "boolean":
        return b"\x01" if value else b"\x00"
    return struct.pack("<q" if type_ == "long" else "<i", value)


@dataclass(frozen=True, slots=True)
class _Partition:
    """How the entries of one partition spec are written; ``types`` are Iceberg's."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    schema: Json
    encode: avro.Encode


@lru_cache(maxsize=64)
def _partition(schema: str, fields: str) -> _Partition:
    """From the JSON of the table's schema and of a spec's fields."""
    kinds = {one["id"]: one["type"] for one in json.loads(schema)["fields"]}
    parts = json.loads(fields)
    types = tuple(_RESULTS.get(one["transform"]) or kinds[one["source-id"]] for one in parts)
    made = [_partition_field(one, type_) for one, type_ in zip(parts, types, strict=True)]
    whole = _entry_schema(made)
    return _Partition(tuple(one["name"] for one in made), types, whole, avro.encoder(whole))


_RESULTS = {"hour": "int", "day": "date", "month": "int"}
"""The types of transformed values; those of ``identity`` are the column's."""

_AVRO: dict[str, avro.Schema] = {
    "int": "int",
    "long": "long",
    "string": "string",
    "boolean": "boolean",
    "date": {"type": "int", "logicalType": "date"},
}


def _partition_field(field: Json, type_: str) -> Json:
    name = _avro_name(field["name"])
    result = _optional(name, field["field-id"], _AVRO[type_])
    return result if name == field["name"] else {**result, "iceberg-field-name": field["name"]}


def _avro_name(name: str) -> str:
    """A column's name spelled with letters, digits and underscores (appendix A)."""
    first = name[0] if name[0].isalpha() or name[0] == "_" else _spelled(name[0])
    return first + "".join(
        one if one.isalnum() or one == "_" else _spelled(one) for one in name[1:]
    )


def _spelled(character: str) -> str:
    return f"_{character}" if character.isdigit() else f"_x{ord(character):X}"


def _required(name: str, number: int, type_: avro.Schema) -> Json:
    return {"name": name, "field-id": number, "type": type_}


def _optional(name: str, number: int, type_: avro.Schema) -> Json:
    return {**_required(name, number, ["null", type_]), "default": None}


def _list_of(name: str, number: int, element: int, type_: avro.Schema) -> Json:
    return _optional(name, number, {"type": "array", "element-id": element, "items": type_})


def _map_of(name: str, number: int, key: int, value_type: str) -> Json:
    """From column ids (``int``) to values; the value's id follows the key's."""
    pair = {
        "type": "record",
        "name": f"k{key}_v{key + 1}",
        "fields": [_required("key", key, "int"), _required("value", key + 1, value_type)],
    }
    return _optional(name, number, {"type": "array", "items": pair, "logicalType": "map"})


def _file_fields(partition: list[Json]) -> list[Json]:
    return [
        _required("content", 134, "int"),
        _required("file_path", 100, "string"),
        _required("file_format", 101, "string"),
        _required("partition", 102, {"type": "record", "fields": partition, "name": "r102"}),
        _required("record_count", 103, "long"),
        _required("file_size_in_bytes", 104, "long"),
        _map_of("column_sizes", 108, 117, "long"),
        _map_of("value_counts", 109, 119, "long"),
        _map_of("null_value_counts", 110, 121, "long"),
        _map_of("nan_value_counts", 137, 138, "long"),
        _map_of("lower_bounds", 125, 126, "bytes"),
        _map_of("upper_bounds", 128, 129, "bytes"),
        _optional("key_metadata", 131, "bytes"),
        _list_of("split_offsets", 132, 133, "long"),
        _list_of("equality_ids", 135, 136, "long"),
        _optional("sort_order_id", 140, "int"),
    ]


def _entry_schema(partition: list[Json]) -> Json:
    file = {"type": "record", "fields": _file_fields(partition), "name": "r2"}
    fields = [
        _required("status", 0, "int"),
        _optional("snapshot_id", 1, "long"),
        _optional("sequence_number", 3, "long"),
        _optional("file_sequence_number", 4, "long"),
        _required("data_file", 2, file),
    ]
    return {"type": "record", "fields": fields, "name": "manifest_entry"}


_FILE_NAMES = tuple(one["name"] for one in _file_fields([]) if one["name"] != "partition")
_SUMMARY: Json = {
    "type": "record",
    "fields": [
        _required("contains_null", 509, "boolean"),
        _optional("contains_nan", 518, "boolean"),
        _optional("lower_bound", 510, "bytes"),
        _optional("upper_bound", 511, "bytes"),
    ],
    "name": "r508",
}
_LIST: Json = {
    "type": "record",
    "fields": [
        _required("manifest_path", 500, "string"),
        _required("manifest_length", 501, "long"),
        _required("partition_spec_id", 502, "int"),
        _required("content", 517, "int"),
        _required("sequence_number", 515, "long"),
        _required("min_sequence_number", 516, "long"),
        _required("added_snapshot_id", 503, "long"),
        _required("added_files_count", 504, "int"),
        _required("existing_files_count", 505, "int"),
        _required("deleted_files_count", 506, "int"),
        _required("added_rows_count", 512, "long"),
        _required("existing_rows_count", 513, "long"),
        _required("deleted_rows_count", 514, "long"),
        _list_of("partitions", 507, 508, _SUMMARY),
        _optional("key_metadata", 519, "bytes"),
    ],
    "name": "manifest_file",
}
_ENCODE_LIST = avro.encoder(_LIST)
