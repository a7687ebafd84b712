"""What a data file holds, as Iceberg wants it told: counts, sizes and bounds from Parquet footers.

Bounds are in Iceberg's single-value binary form (specification, appendix D); texts and bytes are
cut to 16 (``truncate(16)``, the default of Iceberg's writers).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from galley.errors import DataTypeError
from galley.lake import types
from galley.lake.files import Files
from galley.lake.types import Field, Type

if TYPE_CHECKING:
    import pyarrow.parquet as pq

TRUNCATE = 16
_ENDLESS = {
    "date": frozenset((2**31 - 1, -(2**31 - 1))),
    "timestamp": frozenset((2**63 - 1, -(2**63 - 1))),
    "timestamptz": frozenset((2**63 - 1, -(2**63 - 1))),
}
_PACK = {
    "int": "<i",
    "date": "<i",
    "long": "<q",
    "time": "<q",
    "timestamp": "<q",
    "timestamptz": "<q",
    "float": "<f",
    "double": "<d",
}
_EXACT = Context(prec=76)
_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  Iceberg's timestamp has no zone


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file. ``path`` is absolute; maps go from field id to count, bytes or bound.

    ``partition`` holds the values of its partition fields in Iceberg's inner form (days as ints).
    """

    path: str
    rows: int
    size: int
    sizes: dict[int, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    nulls: dict[int, int] = field(default_factory=dict)
    nans: dict[int, int] = field(default_factory=dict)
    lower: dict[int, bytes] = field(default_factory=dict)
    upper: dict[int, bytes] = field(default_factory=dict)
    splits: tuple[int, ...] = ()
    partition: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Leaf:
    field: Field
    name: str
    repeated: bool


def read_footer(
    files: Files, path: str, fields: tuple[Field, ...], nans: Mapping[str, int]
) -> DataFile:
    """Describe a file whose columns are ``fields`` in this order.

    ``nans`` counts NaN by top-level column. Raises ``DataTypeError`` for an infinite date.
    """
    import pyarrow.parquet as pq

    with files.ending(path) as (source, size):
        footer = pq.read_metadata(source)
    groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    result = DataFile(
        path, footer.num_rows, size, splits=tuple(_offset(group.column(0)) for group in groups)
    )
    for index, leaf in enumerate(_leaves(fields)):
        chunks = [group.column(index) for group in groups]
        _describe(result, leaf, chunks)
        if leaf.name in nans and not leaf.repeated:
            result.nans[leaf.field.id] = nans[leaf.name]
    return result


def _describe(file: DataFile, leaf: _Leaf, chunks: list[pq.ColumnChunkMetaData]) -> None:
    number = leaf.field.id
    file.sizes[number] = sum(chunk.total_compressed_size for chunk in chunks)
    if leaf.repeated:
        return
    file.counts[number] = sum(chunk.num_values for chunk in chunks)
    statistics = [chunk.statistics for chunk in chunks]
    if any(one is None or not one.has_null_count for one in statistics):
        return
    file.nulls[number] = sum(one.null_count for one in statistics)
    filled = [one for one in statistics if one.num_values]
    if not filled or not all(one.has_min_max for one in filled):
        return
    type_ = types.kind(leaf.field.type)
    low, high = min(one.min_raw for one in filled), max(one.max_raw for one in filled)
    if types.decimal_of(type_) and isinstance(low, bytes):
        low = min(int.from_bytes(one.min_raw, "big", signed=True) for one in filled)
        high = max(int.from_bytes(one.max_raw, "big", signed=True) for one in filled)
    if low in _ENDLESS.get(type_, ()) or high in _ENDLESS.get(type_, ()):
        raise DataTypeError(
            f"column {leaf.name!r} holds an infinite {type_}, which a table cannot hold",
            hint=f"replace it, for instance with CASE WHEN isfinite({types.quote(leaf.name)}) …",
        )
    upper = _upper(type_, high)
    file.lower[number] = _encode(type_, low)
    if upper is not None:
        file.upper[number] = upper


def _leaves(fields: tuple[Field, ...], prefix: str = "", repeated: bool = False) -> Iterator[_Leaf]:
    for one in fields:
        inside = types.children(one.type)
        if not inside:
            yield _Leaf(one, prefix + one.name, repeated)
        else:
            deeper = repeated or not isinstance(one.type, types.Struct)
            yield from _leaves(inside, f"{prefix}{one.name}.", deeper)


def _offset(chunk: pq.ColumnChunkMetaData) -> int:
    dictionary = chunk.dictionary_page_offset
    start: int = chunk.data_page_offset
    return dictionary if chunk.has_dictionary_page and 0 < dictionary < start else start


def _encode(type_: str, value: Any) -> bytes:
    if type_ in _PACK:
        return struct.pack(_PACK[type_], value)
    if type_ == "boolean":
        return b"\x01" if value else b"\x00"
    if types.decimal_of(type_):
        return _big_endian(value)
    if type_ == "string":
        return bytes(value).decode()[:TRUNCATE].encode()
    return bytes(value) if type_ == "uuid" else bytes(value)[:TRUNCATE]


def _upper(type_: str, value: Any) -> bytes | None:
    if type_ == "string":
        whole = bytes(value).decode()
        return whole.encode() if len(whole) <= TRUNCATE else _next_text(whole[:TRUNCATE])
    if type_ == "binary":
        return bytes(value) if len(value) <= TRUNCATE else _next_bytes(bytes(value)[:TRUNCATE])
    return _encode(type_, value)


def _next_text(prefix: str) -> bytes | None:
    """The least text above all that start with ``prefix``; ``None`` if there is none."""
    while prefix:
        point = ord(prefix[-1]) + 1
        if point == 0xD800:
            point = 0xE000
        if point <= 0x10FFFF:
            return (prefix[:-1] + chr(point)).encode()
        prefix = prefix[:-1]
    return None


def _next_bytes(prefix: bytes) -> bytes | None:
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def _big_endian(value: int) -> bytes:
    length = (value.bit_length() if value >= 0 else (value + 1).bit_length()) // 8 + 1
    return value.to_bytes(length, "big", signed=True)


def decode_bound(type_: Type, raw: bytes) -> Any:
    """A bound as a Python value (date, datetime, Decimal, text, …)."""
    name = types.kind(type_)
    decimal = types.decimal_of(name)
    if decimal:
        unscaled = Decimal(int.from_bytes(raw, "big", signed=True))
        return unscaled.scaleb(-decimal[1], _EXACT)
    if name in _PACK:
        form = {4: "<f", 8: "<d"} if name in ("float", "double") else {4: "<i", 8: "<q"}
        number = struct.unpack(form[len(raw)], raw)[0]
        read = _FROM_NUMBER.get(name)
        return read(number) if read else number
    if name == "boolean":
        return raw != b"\x00"
    if name == "string":
        return raw.decode()
    return UUID(bytes=bytes(raw)) if name == "uuid" else bytes(raw)


def exact_bound(type_: Type, raw: bytes) -> bool:
    """Whether a bound is a value of the column rather than a truncated one."""
    name = types.kind(type_)
    if name == "string":
        return len(raw.decode()) < TRUNCATE
    return name == "uuid" or name in _PACK or bool(types.decimal_of(name)) or len(raw) < TRUNCATE


def _time_of(microseconds: int) -> time:
    return (_EPOCH + timedelta(microseconds=microseconds)).time()


def _datetime_of(microseconds: int) -> datetime | int:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return microseconds


def _aware(microseconds: int) -> datetime | int:
    moment = _datetime_of(microseconds)
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else moment


def _date_of(days: int) -> date | int:
    try:
        return _EPOCH_DAY + timedelta(days=days)
    except OverflowError:
        return days


_FROM_NUMBER: dict[str, Callable[[int], Any]] = {
    "date": _date_of,
    "time": _time_of,
    "timestamp": _datetime_of,
    "timestamptz": _aware,
}
