"""Arrow data from a step as one stream: whatever comes first fixes the columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from galley.errors import ResultError, SchemaChangeError
from galley.lake.types import unsupported

if TYPE_CHECKING:
    import pyarrow as pa

Batches: TypeAlias = "pa.RecordBatchReader | Iterable[pa.RecordBatch | pa.Table]"


class Stream:
    """Batches one at a time. ``schema`` is ``None`` if there is not even one.

    ``endless`` says that the size is unknown. An error of the producer, which the database would
    wrap, is kept for ``reraise``.
    """

    def __init__(self, batches: Batches) -> None:
        import pyarrow as pa

        self.endless = not isinstance(batches, (pa.Table, pa.RecordBatch))
        self._error: BaseException | None = None
        if isinstance(batches, pa.RecordBatchReader):
            self.schema: pa.Schema | None = batches.schema
            self._items: Iterator[object] = iter(batches)
            return
        whole = [batches] if isinstance(batches, (pa.Table, pa.RecordBatch)) else batches
        self._items = iter(whole)
        first = next(self._items, None)
        self.schema = None if first is None else _checked(first).schema
        self._first = first

    def reader(self) -> pa.RecordBatchReader:
        """The stream for the database to read, once.

        Raises ``DataTypeError`` for a column whose type the database does not know.
        """
        import pyarrow as pa

        target = pa.schema([_known(field) for field in self.schema or ()])
        return pa.RecordBatchReader.from_batches(target, self._cast(target))

    def reraise(self) -> None:
        """Raise what the producer raised, if it did."""
        if self._error is not None:
            raise self._error

    def _cast(self, target: pa.Schema) -> Iterator[pa.RecordBatch]:
        same = target.equals(self.schema)
        for batch in self._produce():
            yield batch if same else batch.cast(target)

    def _produce(self) -> Iterator[pa.RecordBatch]:
        try:
            first = getattr(self, "_first", None)
            if first is not None:
                yield from _split(first)
            for item in self._items:
                yield from _split(_fitted(_checked(item), self.schema))
        except BaseException as error:
            self._error = error
            raise


def _known(field: pa.Field) -> pa.Field:
    import pyarrow as pa

    if pa.types.is_float16(field.type):
        return field.with_type(pa.float32())
    if pa.types.is_decimal256(field.type):
        raise unsupported(field.name, str(field.type), "decimal256")
    return field


def _checked(item: object) -> pa.RecordBatch | pa.Table:
    import pyarrow as pa

    if isinstance(item, (pa.RecordBatch, pa.Table)):
        return item
    raise ResultError(
        f"a step yielded {type(item).__name__}, which is no batch of rows",
        hint="yield Arrow tables or record batches",
    )


def _fitted(item: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.RecordBatch | pa.Table:
    import pyarrow as pa

    if item.schema.equals(schema):
        return item
    try:
        return item.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise SchemaChangeError(
            f"a batch does not have the columns of the first one: {error}",
            hint="give every batch the same columns and types",
        ) from error


def _split(item: pa.RecordBatch | pa.Table) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if isinstance(item, pa.Table):
        yield from item.to_batches()
    else:
        yield item
