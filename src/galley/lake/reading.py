"""Versions as something to query: their files, and DuckDB views over exactly these files."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galley.errors import StorageError, TableNotFoundError
from galley.lake import metadata, schema, spare, types
from galley.lake.bucket import SCHEME
from galley.lake.datafiles import DataFile, decode_bound, exact_bound
from galley.lake.files import Access
from galley.lake.model import Format, IntentKind, Version, content_of
from galley.lake.objectfs import file_system
from galley.lake.types import Field, literal, quote
from galley.lake.warehouse import Warehouse, errno_in, storage_error, storage_errors, store_answer

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is known of one column in one file without reading it.

    ``exact`` says that minimum and maximum are values of the column. ``has_nan`` is ``None`` where
    nothing is known, or the column has no NaN by its type.
    """

    nulls: int | None
    minimum: object | None
    maximum: object | None
    exact: bool
    has_nan: bool | None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One data file of a version; ``path`` is relative to the warehouse."""

    path: str
    rows: int
    bytes: int
    columns: dict[str, ColumnStatistics]


def described_files(warehouse: Warehouse, version: Version) -> tuple[DataFile, ...]:
    """The files of a version as its manifests describe them."""
    if version.format is not Format.ICEBERG:
        return ()
    return _described(warehouse, version.location)


def data_files(warehouse: Warehouse, version: Version) -> tuple[FileInfo, ...]:
    """The files of a version with the statistics of each column."""
    fields = schema.columns_of(version)
    return tuple(
        FileInfo(
            path=warehouse.relative(file.path),
            rows=file.rows,
            bytes=file.size,
            columns={field.name: _statistics(file, field) for field in fields},
        )
        for file in described_files(warehouse, version)
    )


def file_paths(warehouse: Warehouse, version: Version) -> tuple[str, ...]:
    """The absolute paths of a version's data files, without opening manifests where possible."""
    if version.format is Format.FILE:
        return (warehouse.absolute(version.location),)
    if _lists_all(version):
        return tuple(warehouse.absolute(path) for path in version.intent.files)
    return tuple(file.path for file in described_files(warehouse, version))


def _lists_all(version: Version) -> bool:
    """Whether the intent names exactly the version's files: the content id proves it."""
    intent = version.intent
    if intent.kind is not IntentKind.REPLACE or version.format is not Format.ICEBERG:
        return False
    return content_of(version.schema_fingerprint, intent.files) == version.content_id


def connect(
    *, threads: int, memory: int, scratch: str | None, warehouse: Warehouse | None = None
) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory database: UTC, no extensions by themselves, no Python variables.

    ``memory`` is in bytes; ``scratch`` is where it may spill to. Only with ``warehouse`` it can
    open files of one in an object store.
    """
    con = spare.take(spare.Limits(threads, memory))
    con.execute(f"SET temp_directory = {literal(scratch or '')}")
    if warehouse is not None and warehouse.objects is not None:
        con.register_filesystem(file_system(warehouse.objects))
    return con


def scan_sql(
    files: Iterable[DataFile | str],
    fields: tuple[Field, ...],
    *,
    uniform: bool = False,
    filename: str | None = None,
) -> str:
    """A table function that reads files as ``fields``, whatever columns each of them has.

    ``uniform`` files have exactly these columns. ``filename`` adds the path as a column.
    """
    paths = [file if isinstance(file, str) else file.path for file in files]
    if not paths:
        nothing = ", ".join(
            f"CAST(NULL AS {types.to_duckdb(one.type)}) AS {quote(one.name)}" for one in fields
        )
        return f"(SELECT {nothing} WHERE false)"
    listed = ", ".join(literal(path) for path in paths)
    options = "" if uniform else f", schema = MAP {{{_mapping(fields)}}}"
    if filename:
        options += f", filename = {literal(filename)}"
    return f"read_parquet([{listed}]{options})"


def mount(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    versions: Mapping[str, Version],
    *,
    project: str,
) -> None:
    """Make each version a view: ``name`` and ``<project>.name``, or ``other.name``."""
    folders = {key.partition(".")[0] for key in versions if "." in key}
    for folder in sorted({project.lower(), *folders}):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(folder)}")
    views = {}
    for key, version in versions.items():
        if version.format is Format.VIEW:
            views[key] = version.view_sql or ""
        elif version.format is Format.ICEBERG:
            with storage_errors(f"reading table {key!r}"):
                _mount_table(con, warehouse, version, key, project)
    _create_views(con, project, views)


def show_files(
    con: duckdb.DuckDBPyConnection,
    table: str,
    files: Iterable[DataFile],
    fields: tuple[Field, ...],
    *,
    project: str,
) -> None:
    """Make these files what a table's view shows, on a connection that may be locked."""
    _create(con, table, project, f"SELECT * FROM {scan_sql(files, fields)}")


def _mount_table(
    con: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    version: Version,
    key: str,
    project: str,
) -> None:
    import duckdb

    source = version_sql(warehouse, version)
    if _needs_arrow(warehouse, version):
        source = quote(f"galley:{version.content_id}")
        con.register(source.strip('"'), _arrow(warehouse, version))
    try:
        _create(con, key, project, f"SELECT * FROM {source}")
    except duckdb.IOException as error:
        text = str(error).splitlines()[0]
        number = errno.ENOENT if "No files found" in text else errno_in(text)
        raise storage_error(f"reading table {key!r}", number, text) from error
    except duckdb.InvalidInputException as error:
        raise StorageError(
            f"reading table {key!r}: a file is damaged: {str(error).splitlines()[0]}",
            hint="restore the file from a backup, or make the table again with --rebuild",
        ) from error
    except duckdb.Error as error:
        if store_answer(str(error)):
            raise storage_error(f"reading table {key!r}", None, str(error)) from error
        raise


def _needs_arrow(warehouse: Warehouse, version: Version) -> bool:
    """Whether files that other engines wrote take rows away, which ``read_parquet`` cannot see."""
    if _lists_all(version):
        return False
    return metadata.has_deletes(metadata.read_metadata(warehouse, version.location))


def _arrow(warehouse: Warehouse, version: Version) -> pa.Table:
    from pyiceberg.table import StaticTable

    path = warehouse.absolute(version.location)
    return StaticTable.from_metadata(path, _properties(warehouse.access)).scan().to_arrow()


def _properties(access: Access | None) -> dict[str, str]:
    """What pyiceberg's own reader is told about an object store."""
    if access is None:
        return {}
    told = {
        "s3.endpoint": access.endpoint,
        "s3.region": access.region,
        "s3.access-key-id": access.key,
        "s3.secret-access-key": access.secret,
        "s3.session-token": access.token,
    }
    return {name: value for name, value in told.items() if value is not None}


def version_sql(warehouse: Warehouse, version: Version) -> str:
    """What to select from to read one version."""
    paths = file_paths(warehouse, version)
    # Several files may come from writes with different columns.
    alike = len(paths) == 1 and _lists_all(version)
    return scan_sql(paths, schema.columns_of(version), uniform=alike)


def lock(con: duckdb.DuckDBPyConnection, *, read: Iterable[str], write: Iterable[str]) -> None:
    """Shut the connection off from everything but these files and folders, for good."""
    files: list[str] = []
    folders: list[str] = []
    for path in (*read, *write):
        stored = path.startswith(SCHEME)  # where only the reader knows what is a folder
        if stored or Path(path).is_dir():
            folders.append(path)
        if stored or not Path(path).is_dir():
            files.append(path)
    for setting, values in (("allowed_paths", files), ("allowed_directories", folders)):
        listed = ", ".join(literal(value) for value in values)
        con.execute(f"SET {setting} = [{listed}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _create(con: duckdb.DuckDBPyConnection, key: str, project: str, sql: str) -> None:
    """Create the view; a table of the project's own is found without the project's name too."""
    folder, _, name = key.rpartition(".")
    if folder:
        con.execute(f"CREATE OR REPLACE VIEW {quote(folder)}.{quote(name)} AS {sql}")
        return
    con.execute(f"CREATE OR REPLACE VIEW main.{quote(name)} AS {sql}")
    if project.lower() != "main":
        same = f"SELECT * FROM main.{quote(name)}"
        con.execute(f"CREATE OR REPLACE VIEW {quote(project.lower())}.{quote(name)} AS {same}")


def _create_views(con: duckdb.DuckDBPyConnection, project: str, views: Mapping[str, str]) -> None:
    """Create views in whatever order lets each find what it reads."""
    import duckdb

    waiting = dict(views)
    problem: duckdb.Error | None = None
    while waiting:
        for key, sql in list(waiting.items()):
            try:
                _create(con, key, project, sql)
            except duckdb.CatalogException as error:
                problem = error
            else:
                del waiting[key]
        if len(waiting) == len(views):
            names = ", ".join(sorted(waiting))
            raise TableNotFoundError(f"the view {names} reads what is not there: {problem}")
        views = dict(waiting)


def _mapping(fields: tuple[Field, ...]) -> str:
    return ", ".join(
        f"{one.id}: {{name: {literal(one.name)}, type: {literal(types.to_duckdb(one.type))}, "
        "default_value: NULL}"
        for one in fields
    )


def remember(path: str, files: tuple[DataFile, ...]) -> None:
    """Keep what the metadata file ``path`` describes: who wrote it need not read it again."""
    _recent[path] = files
    while len(_recent) > _MOST_RECENT:
        _recent.pop(next(iter(_recent)))


def _described(warehouse: Warehouse, location: str) -> tuple[DataFile, ...]:
    path = warehouse.absolute(location)
    if path not in _recent:
        remember(path, metadata.files(metadata.read_metadata(warehouse, location)))
    return _recent[path]


_MOST_RECENT = 16
_recent: dict[str, tuple[DataFile, ...]] = {}


def _statistics(file: DataFile, field: Field) -> ColumnStatistics:
    number = field.id
    nan = file.nans.get(number)
    nulls = file.nulls.get(number)
    low, high = file.lower.get(number), file.upper.get(number)
    if low is None or high is None:
        return ColumnStatistics(nulls, None, None, False, None if nan is None else nan > 0)
    floating = types.kind(field.type) in ("float", "double")
    exact = exact_bound(field.type, low) and exact_bound(field.type, high)
    return ColumnStatistics(
        nulls=nulls,
        minimum=decode_bound(field.type, low),
        maximum=decode_bound(field.type, high),
        exact=exact and not (floating and nan != 0),
        has_nan=None if nan is None else nan > 0,
    )
