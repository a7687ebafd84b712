"""Reading a project's tables from Python, at one commit.

import galley

with galley.connect("production") as data:
late = data.sql("SELECT * FROM flights WHERE dep_delay > $limit", limit=60).to_polars()
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galley.bootstrap import Reader, Table, open_reader


def connect(ref: str | None = None, project: str | Path | None = None) -> Client:
    """Open a project for reading. What it shows does not change while it is open.

    ``ref`` is REF, REF@COMMIT, REF@TIME or tag/NAME; by default ``GALLEY_REF``, or your kitchen.
    ``project`` is a folder in or below the project; by default the current one.

    Raises:
        NotFoundError: there is no project.
        RefNotFoundError: there is no such ref, commit or tag.
    """
    return Client(open_reader(ref, project))


class Client:
    """A project's tables as one commit shows them. Read-only; for one thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def ref(self) -> str:
        """The ref that is read."""
        return self._reader.target.ref

    @property
    def commit(self) -> str:
        """The commit that is read; ``<ref>@<commit>`` reads the same again."""
        return self._reader.target.commit

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return self._reader.names()

    def sql(self, query: str, **parameters: object) -> Result:
        """The result of one SELECT; ``$name`` in it is bound to the parameter, never spliced.

        Raises:
            UsageError: it is no single SELECT, or a parameter is missing or not used.
            TableNotFoundError: a table is not there; names the nearest.
        """
        return Result(self._reader, self._reader.query(query, parameters))

    def table(self, name: str) -> Table:
        """A table, read when its rows are asked for. Raises TableNotFoundError."""
        return self._reader.table(name)

    def close(self) -> None:
        """Give the memory back."""
        self._reader.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<galley {self._reader.project} {self.ref}@{self.commit}>"


class Result:
    """Rows that are read when they are asked for, each time anew."""

    def __init__(self, reader: Reader, table: Table) -> None:
        self._reader = reader
        self._table = table

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self._table.columns

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows as Python values."""
        return self._reader.rows(self._table)

    def to_arrow(self) -> Any:
        """All rows as a ``pyarrow.Table``."""
        return self._table.to_arrow()

    def to_polars(self) -> Any:
        """All rows as a ``polars.DataFrame``."""
        return self._table.to_polars()

    def to_pandas(self) -> Any:
        """All rows as a ``pandas.DataFrame``."""
        return self._table.to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream interface."""
        return self._table.__arrow_c_stream__(requested_schema)
