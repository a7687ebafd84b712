"""Checking what a worker says it wrote, before anything is made to point to it."""

from __future__ import annotations

from collections.abc import Iterable

from galley.errors import StorageError
from galley.lake.datafiles import DataFile
from galley.lake.model import Change, Format, Version
from galley.lake.reading import described_files
from galley.lake.warehouse import Warehouse


def verify(warehouse: Warehouse, attempt: str, changes: Iterable[Change]) -> None:
    """Look at every file that an attempt made: it is there, as large and with as many rows as told.

    Files that were there before the attempt were looked at when they were made.

    Raises:
        StorageError: a file is missing or holds something else; nothing must point to it.
    """
    for change in changes:
        version = change.version
        if version is None or version.format is Format.VIEW:
            continue
        if _name(version.location).startswith(attempt):
            _there(warehouse, warehouse.absolute(version.location), version)
        if version.format is Format.ICEBERG:
            _verify_table(warehouse, attempt, version)


def _verify_table(warehouse: Warehouse, attempt: str, version: Version) -> None:
    try:
        files = described_files(warehouse, version)
    except (OSError, ValueError, KeyError) as error:
        raise _refused(
            version, f"its metadata {version.location} cannot be read: {error}"
        ) from error
    for file in files:
        if _name(file.path).startswith(attempt):
            _verify_file(warehouse, file, version)
    told = sum(file.rows for file in files)
    if version.rows is not None and version.rows != told:
        raise _refused(version, f"it is said to have {version.rows} rows, its files have {told}")


def _verify_file(warehouse: Warehouse, file: DataFile, version: Version) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = _there(warehouse, file.path, version)
    if size != file.size:
        raise _refused(version, f"{_name(file.path)} has {size:,} bytes and not {file.size:,}")
    try:
        with warehouse.files.ending(file.path) as (source, _):
            rows = pq.read_metadata(source).num_rows
    except (OSError, pa.ArrowException) as error:
        raise _refused(version, f"{_name(file.path)} is no Parquet file: {error}") from error
    if rows != file.rows:
        raise _refused(version, f"{_name(file.path)} has {rows:,} rows and not {file.rows:,}")


def _there(warehouse: Warehouse, path: str, version: Version) -> int:
    """The size of a file in bytes."""
    try:
        return warehouse.files.size(path)
    except OSError as error:
        said = f"{_name(path)} is not in the warehouse"
        raise _refused(version, said) from error


def _refused(version: Version, said: str) -> StorageError:
    return StorageError(
        f"what a worker made of {version.table} was not taken over: {said}",
        hint="do the worker and the server see the same warehouse?",
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2]
