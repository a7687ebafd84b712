"""What a Python step may return, as Arrow batches.

Accepted: Arrow tables, batches and readers; Polars frames, lazy too; pandas frames; DuckDB
relations; the step's own inputs and queries on them; lists of dicts; a dict of columns; iterators
of any of these, which may be larger than memory; anything with ``__arrow_c_stream__``. A dict
that an iterator yields is one row.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from galley.errors import DataTypeError, ResultError

if TYPE_CHECKING:
    import pyarrow as pa

ACCEPTED = (
    "return an Arrow table or reader, a Polars or pandas frame, a DuckDB relation, "
    "a list of dicts, or an iterator of these"
)
_SLICE = 65_536


def batches_of(value: Any, who: str) -> Iterator[pa.RecordBatch | pa.Table]:
    """The rows of ``value``; nothing at all where neither rows nor columns are known.

    Raises:
        ResultError: it is no table.
        DataTypeError: its values fit no column.
    """
    return _Converter(who).convert(value)


def check_columns(names: Sequence[str], who: str) -> None:
    """Refuse what a table cannot hold apart, which DuckDB would rename in silence.

    Raises:
        ResultError: there is no column, or two whose names differ at most in case.
    """
    if not names:
        raise ResultError(
            f"{who} returned a table without columns",
            hint="return at least one column, even if it has no rows",
        )
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.get(name.lower())) is not None:
            raise ResultError(
                f"{who} returned two columns named {other!r} and {name!r}; names compare "
                "case-insensitively",
                hint="rename one of them",
            )
        seen[name.lower()] = name


class _Converter:
    """Remembers the first batch's schema: later dicts and pandas frames are read as the same."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._schema: pa.Schema | None = None

    def convert(self, value: Any, inside: bool = False) -> Iterator[pa.RecordBatch | pa.Table]:
        for batch in self._batches(value, inside):
            if self._schema is None:
                self._schema = batch.schema
            yield batch

    def _batches(self, value: Any, inside: bool) -> Iterator[pa.RecordBatch | pa.Table]:
        if is_a(value, "pandas", "DataFrame"):
            return iter([self._from_pandas(value)])
        if is_a(value, "polars", "DataFrame"):
            return iter([value.to_arrow()])
        if is_a(value, "polars", "LazyFrame"):
            return _from_lazy(value)
        if is_a(value, "duckdb", "DuckDBPyRelation"):
            return iter(value.to_arrow_reader(_SLICE))
        if isinstance(value, Mapping) and value:
            return iter([self._from_columns(value)])
        if isinstance(value, list | tuple):
            return self._from_list(value, inside)
        if is_a(value, "pandas", "Series") or is_a(value, "polars", "Series"):
            raise self._refused(value)
        if hasattr(value, "__arrow_c_stream__"):
            return self._from_stream(value)
        if hasattr(value, "__arrow_c_array__"):
            return self._from_array(value)
        if isinstance(value, Iterator) and not inside:
            return self._from_items(value)
        raise self._refused(value)

    def _from_items(self, items: Iterable[Any]) -> Iterator[pa.RecordBatch | pa.Table]:
        rows: list[Mapping[str, Any]] = []
        for item in items:
            if isinstance(item, Mapping):
                rows.append(item)
            if rows and (len(rows) >= _SLICE or not isinstance(item, Mapping)):
                yield from self.convert(rows, inside=True)
                rows = []
            if not isinstance(item, Mapping):
                yield from self.convert(item, inside=True)
        if rows:
            yield from self.convert(rows, inside=True)

    def _from_list(
        self, items: list[Any] | tuple[Any, ...], inside: bool
    ) -> Iterator[pa.RecordBatch | pa.Table]:
        if not items:
            return iter([])
        if all(isinstance(item, Mapping) for item in items):
            return iter([self._from_rows(items)])
        if inside or not _is_table(items[0]):
            raise self._refused(items)
        return self._from_items(items)

    def _from_rows(self, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        import pyarrow as pa

        rows = list(rows)
        names = dict.fromkeys(name for row in rows for name in row)
        self._check_names(names)
        columns = {name: [row.get(name) for row in rows] for name in names}
        return self._table(lambda schema: pa.table(columns, schema=schema), names)

    def _from_columns(self, columns: Mapping[str, Any]) -> pa.Table:
        import pyarrow as pa

        self._check_names(columns)
        lengths = {_length(values) for values in columns.values()}
        if len(lengths) > 1 or None in lengths:
            raise ResultError(
                f"{self._who} returned a dict that is no dict of equally long columns",
                hint=ACCEPTED,
            )
        return self._table(lambda schema: pa.table(dict(columns), schema=schema), columns)

    def _from_pandas(self, frame: Any) -> pa.Table:
        import pyarrow as pa

        if _means_something(frame.index):
            names = [str(name) for name in frame.index.names if name is not None]
            raise ResultError(
                f"{self._who} returned a pandas frame whose index"
                f" {', '.join(names) or 'holds values'} would be lost",
                hint="end with .reset_index() to keep it as columns, or .reset_index(drop=True)",
            )
        self._check_names(frame.columns)
        return self._table(
            lambda schema: pa.Table.from_pandas(frame, schema=schema, preserve_index=False),
            frame.columns,
        )

    def _table(self, make: Any, names: Iterable[str]) -> pa.Table:
        """Make a table with the first batch's schema if it has the same columns."""
        import pyarrow as pa

        known = self._schema
        if known is not None and (set(known.names) != set(names) or _has_nulls_only(known)):
            known = None
        try:
            return make(known)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataTypeError(
                f"the result of {self._who} fits no columns: {error}",
                hint="give each column values of one type",
            ) from error

    def _from_stream(self, value: Any) -> Iterator[pa.RecordBatch | pa.Table]:
        import pyarrow as pa

        if is_a(value, "pyarrow", "Table"):
            return iter([value])
        try:
            reader = pa.RecordBatchReader.from_stream(value)
        except (TypeError, pa.ArrowException) as error:
            raise self._refused(value) from error
        return _with_schema(reader)

    def _from_array(self, value: Any) -> Iterator[pa.RecordBatch | pa.Table]:
        import pyarrow as pa

        if isinstance(value, pa.RecordBatch):
            return iter([value])
        try:
            return iter([pa.record_batch(value)])
        except (TypeError, ValueError) as error:
            raise self._refused(value) from error

    def _check_names(self, names: Iterable[Any]) -> None:
        for name in names:
            if not isinstance(name, str):
                raise ResultError(
                    f"{self._who} returned a column named {name!r}; names of columns are texts",
                    hint="rename the columns, for instance with frame.columns = [...]",
                )

    def _refused(self, value: Any) -> ResultError:
        if inspect.iscoroutine(value):
            value.close()
        return ResultError(f"{self._who} returned {described(value)}", hint=_hint(value))


def is_a(value: Any, package: str, name: str) -> bool:
    """Whether ``value`` is an instance of a library's class, without importing the library."""
    module = sys.modules.get(package)
    kind = getattr(module, name, None) if module is not None else None
    return isinstance(kind, type) and isinstance(value, kind)


def described(value: Any) -> str:
    """What a value is, for a message."""
    if value is None:
        return "nothing (None)"
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    name = kind.__qualname__ if package == "builtins" else f"{package}.{kind.__qualname__}"
    article = "an" if name[0].lower() in "aeiou" else "a"
    if isinstance(value, list | tuple) and value:
        return f"{article} {name} of {type(value[0]).__name__}"
    return f"{article} {name}"


def _hint(value: Any) -> str:
    if inspect.isawaitable(value) or inspect.isasyncgen(value):
        return "a step is no async function; use asyncio.run inside it"
    if is_a(value, "pandas", "Series") or is_a(value, "polars", "Series"):
        return "end with .to_frame()"
    if inspect.isfunction(value) or inspect.ismethod(value):
        return "call it: the function itself was returned"
    return ACCEPTED


def _is_table(value: Any) -> bool:
    frames = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"))
    return (
        any(is_a(value, *frame) for frame in frames)
        or hasattr(value, "__arrow_c_stream__")
        or hasattr(value, "__arrow_c_array__")
        or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))
    )


def is_table(value: Any) -> bool:
    """Whether a value of a dict is a table rather than a column."""
    return _is_table(value) or isinstance(value, Iterator)


def _from_lazy(frame: Any) -> Iterator[pa.RecordBatch | pa.Table]:
    """A lazy frame's rows, computed piece by piece by Polars' streaming engine."""
    empty = True
    for piece in frame.collect_batches(chunk_size=_SLICE, lazy=True, engine="streaming"):
        empty = False
        yield piece.to_arrow()
    if empty:
        yield frame.collect_schema().to_frame().to_arrow()


def _with_schema(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch | pa.Table]:
    """The reader's batches, or one without rows that still has the columns."""
    empty = True
    for batch in reader:
        empty = False
        yield batch
    if empty:
        yield reader.schema.empty_table()


def _length(column: Any) -> int | None:
    """The length of a column; a text or a single value is none."""
    if isinstance(column, str | bytes) or not hasattr(column, "__len__"):
        return None
    return len(column)


def _has_nulls_only(schema: pa.Schema) -> bool:
    import pyarrow as pa

    return any(pa.types.is_null(column.type) for column in schema)


def _means_something(index: Any) -> bool:
    """Whether a pandas index is more than row numbers: named, several levels, or not whole."""
    if getattr(index, "nlevels", 1) > 1 or index.name is not None:
        return True
    return len(index) > 0 and index.dtype.kind not in "iu"
