"""Iceberg metadata (format version 2) read without a catalogue. All paths inside are absolute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from galley.errors import StorageError
from galley.lake import types
from galley.lake.datafiles import DataFile
from galley.lake.iceberg_io import file_io
from galley.lake.schema import Dropped
from galley.lake.types import Field
from galley.lake.warehouse import Warehouse
from galley.lake.windowing import WindowColumn

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestEntry, ManifestFile

DROPPED = "galley.dropped"
WINDOW = "galley.window"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """One Iceberg metadata file, read; ``raw`` is its JSON."""

    raw: Json
    warehouse: Warehouse

    @property
    def last_column_id(self) -> int:
        """The highest field id any version of the table used."""
        return int(self.raw["last-column-id"])

    @property
    def dropped(self) -> Dropped:
        """How often each column has left the table."""
        return cast(Dropped, json.loads(self.raw.get("properties", {}).get(DROPPED, "{}")))

    @property
    def window(self) -> WindowColumn | None:
        """How the table is cut into windows, if it is made by window."""
        known = json.loads(self.raw.get("properties", {}).get(WINDOW, "null"))
        if known is None:
            return None
        field_ = next((one for one in self.fields if one.id == known["field"]), None)
        return WindowColumn(field_, known["unit"], known["timezone"]) if field_ else None

    @property
    def snapshot(self) -> Json | None:
        """The current snapshot; a table without data has none."""
        current = self.raw.get("current-snapshot-id")
        return next((s for s in self.raw["snapshots"] if s["snapshot-id"] == current), None)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The current schema's columns."""
        current = self.raw["current-schema-id"]
        schema = next(s for s in self.raw["schemas"] if s["schema-id"] == current)
        return tuple(
            Field(f["id"], f["name"], types.from_json(f["type"])) for f in schema["fields"]
        )


@lru_cache(maxsize=64)
def read_metadata(warehouse: Warehouse, location: str) -> Metadata:
    """Read a metadata file of the warehouse (they never change, so they are remembered).

    Raises ``OSError`` where it cannot be had, ``StorageError`` where it is damaged.
    """
    path = warehouse.absolute(location)
    content = warehouse.files.read(path)
    with decoding(path):
        found = Metadata(json.loads(content), warehouse)
        _ = found.snapshot  # JSON that lists no snapshots is no table's
        return found


@contextmanager
def decoding(path: str) -> Iterator[None]:
    """Tell of a damaged file, on which its readers may fail in any way. Raises ``StorageError``."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StorageError(
            f"{path} cannot be read: {said}",
            hint="`galley doctor` lists all that is damaged; restore it from a backup",
        ) from error


def files(metadata: Metadata) -> tuple[DataFile, ...]:
    """The live data files of the current snapshot."""
    return tuple(
        file
        for manifest in manifests(metadata)
        if not _deletes(manifest)
        for file in files_of(metadata.warehouse, manifest)
    )


def has_deletes(metadata: Metadata) -> bool:
    """Whether rows of the files were deleted by files of their own (other engines write such)."""
    return any(_deletes(manifest) for manifest in manifests(metadata))


def manifests(metadata: Metadata) -> list[ManifestFile]:
    """The manifests of the current snapshot. Raises as ``read_metadata`` does."""
    from pyiceberg.manifest import read_manifest_list

    snapshot = metadata.snapshot
    if snapshot is None:
        return []
    listed = file_io(metadata.warehouse).new_input(snapshot["manifest-list"])
    with decoding(listed.location):
        return list(read_manifest_list(listed))


@lru_cache(maxsize=1024)
def files_of(warehouse: Warehouse, manifest: ManifestFile) -> tuple[DataFile, ...]:
    """A manifest's live files; manifests never change and are equal by path.

    Raises as ``read_metadata`` does.
    """
    with decoding(manifest.manifest_path):
        entries = manifest.fetch_manifest_entry(file_io(warehouse))
        return tuple(_data_file(entry) for entry in entries)


def _deletes(manifest: ManifestFile) -> bool:
    from pyiceberg.manifest import ManifestContent

    return manifest.content == ManifestContent.DELETES


def _data_file(entry: ManifestEntry) -> DataFile:
    one = entry.data_file
    return DataFile(
        path=one.file_path,
        rows=one.record_count,
        size=one.file_size_in_bytes,
        sizes=dict(one.column_sizes or {}),
        counts=dict(one.value_counts or {}),
        nulls=dict(one.null_value_counts or {}),
        nans=dict(one.nan_value_counts or {}),
        lower=dict(one.lower_bounds or {}),
        upper=dict(one.upper_bounds or {}),
        splits=tuple(one.split_offsets or ()),
        partition=tuple(one.partition[index] for index in range(len(one.partition))),
    )
