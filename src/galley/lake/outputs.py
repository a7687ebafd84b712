"""A query's rows as data files of a table: written by DuckDB, there to be read, described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from galley.lake import copying
from galley.lake.datafiles import DataFile, read_footer
from galley.lake.types import Field
from galley.lake.writejob import WriteJob

if TYPE_CHECKING:
    import duckdb


def write_files(
    job: WriteJob,
    con: duckdb.DuckDBPyConnection,
    query: copying.Query,
    fields: tuple[Field, ...],
    stem: str,
    *,
    rolling: bool,
) -> tuple[DataFile, ...]:
    """Write the rows as files whose names begin with ``stem``; files without rows go again.

    Raises DuckDB's errors, and ``OSError``.
    """
    files = job.warehouse.files
    folder = job.warehouse.absolute(f"{job.folder}/data")
    # The metadata's folder is needed soon: making both at once spares waiting for the disk.
    files.make_folders(folder, job.warehouse.absolute(f"{job.folder}/metadata"))
    try:
        copied = copying.copy(con, query, fields, folder, stem, rolling=rolling)
        files.seal(file.path for file in copied if file.rows)
    except BaseException:
        files.discard(f"{folder}/{stem}-")
        raise
    files.remove([file.path for file in copied if not file.rows])
    return tuple(read_footer(files, file.path, fields, file.nans) for file in copied if file.rows)
