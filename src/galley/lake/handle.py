"""What a Python step is given for each table it reads: a lazy query on the pinned version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from galley.errors import MissingExtraError, StepError, VariableError
from galley.lake import copying
from galley.lake.types import quote

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

BATCH_ROWS = 122_880


class Table:
    """Rows that are not read until asked for.

    ``query`` and ``parameters`` can be run on ``connection``. Each call of a method that returns
    data reads anew, so two loops over one table do not disturb each other.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        query: str | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        self.connection = connection
        self.name = name
        self.query = query or f"SELECT * FROM {_dotted(name)}"
        self.parameters = dict(parameters or {})
        self._derived = query is not None

    def sql(self, query: str, **variables: object) -> Table:
        """A further query; ``$name`` in it is bound to the variable, never spliced.

        The query names this table by its own name, and may read any other input of the step.
        """
        text, wanted = copying.single_select(self.connection, query)
        _check_variables(wanted, variables)
        for name, value in variables.items():
            if name in self.parameters and self.parameters[name] != value:
                raise VariableError(
                    f"${name} has one value here and another in the query before",
                    hint="give one of them another name",
                )
        if self._derived:
            last = self.name.rpartition(".")[2]
            text = f"WITH {quote(last)} AS (\n{self.query}\n)\nSELECT * FROM (\n{text}\n)"
        return Table(self.connection, self.name, text, {**self.parameters, **variables})

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(
            name
            for name, _ in copying.describe(self.connection, self.query, self.parameters).columns
        )

    def to_arrow(self) -> pa.Table:
        """All rows as one Arrow table."""
        return self._run("to_arrow_table")

    def to_polars(self) -> pl.DataFrame:
        """All rows as a Polars frame."""
        _need("polars")
        frame: pl.DataFrame = self._run("pl")
        return frame

    def to_lazy(self) -> pl.LazyFrame:
        """A lazy Polars frame; its filters and columns are pushed down to the files."""
        _need("polars")
        frame: pl.LazyFrame = self._run("pl", lazy=True)
        return frame

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas frame."""
        _need("pandas")
        return self._run("df")

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Record batches of at most ``rows`` rows, read as they are asked for."""
        yield from self.reader(rows)

    def reader(self, rows: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """The rows as an Arrow stream."""
        return self._run("to_arrow_reader", rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream interface: any library that speaks it can read this table."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<table {self.name}{' (a query of it)' if self._derived else ''}>"

    def _run(self, method: str, *arguments: object, **options: object) -> Any:
        import duckdb

        try:
            relation = self.connection.cursor().sql(self.query, params=self.parameters)
            return getattr(relation, method)(*arguments, **options)
        except duckdb.Error as error:
            raise copying.translated(error, f"reading {self.name}") from error


def _check_variables(wanted: set[str], given: Mapping[str, object]) -> None:
    for name in sorted(wanted - set(given)):
        raise VariableError(
            f"the query uses ${name}, which was not given", hint=f"call .sql(…, {name}=…)"
        )
    for name in sorted(set(given) - wanted):
        near = get_close_matches(name, wanted, n=1)
        raise VariableError(
            f"the query does not use ${name}",
            hint=f"did you mean ${near[0]}?" if near else "leave it out",
        )


def _need(package: str) -> None:
    if find_spec(package) is None:
        raise MissingExtraError(f"{package} is not installed", hint=f"pip install {package}")


def _dotted(name: str) -> str:
    if not name:
        raise StepError("a table has no name")
    return ".".join(quote(part) for part in name.split("."))
