"""Avro object container files: as much of Avro as Iceberg's manifests need, and only writing.

The format: Avro specification 1.11, "Binary encoding" and "Object container files". Records are
mappings by field name, absent fields are null; of unions there is only ``["null", X]``; arrays
marked as maps (Iceberg specification, appendix A) are written from mappings. Nothing is
compressed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Schema = str | dict[str, Any] | list[Any]
"""A type as its JSON says it: a name, an object, or a union."""

Encode = Callable[[bytearray, Any], None]
"""Appends one value."""

_MAGIC = b"Obj\x01"
MARK_BYTES = 16


def encoder(schema: Schema) -> Encode:
    """How values of a type are written. Raises ``KeyError`` for a type that is not known here."""
    if isinstance(schema, str):
        return _PRIMITIVES[schema]
    if isinstance(schema, list):
        return _optional(encoder(schema[1]))
    if schema["type"] == "record":
        return _record([(one["name"], encoder(one["type"])) for one in schema["fields"]])
    if schema["type"] != "array":
        return encoder(schema["type"])  # a primitive with a logical type
    if schema.get("logicalType") != "map":
        return _array(encoder(schema["items"]))
    key, value = (encoder(one["type"]) for one in schema["items"]["fields"])
    return _map(key, value)


def container(
    schema: Schema,
    encode: Encode,
    metadata: Mapping[str, str],
    records: Sequence[Mapping[str, Any]],
    mark: bytes,
) -> bytes:
    """A whole file with the records in one block.

    ``encode`` is the schema's ``encoder``. ``mark`` are 16 bytes that stand between blocks.
    """
    texts = {**metadata, "avro.schema": json.dumps(schema), "avro.codec": "null"}
    block = bytearray()
    for record in records:
        encode(block, record)
    result = bytearray(_MAGIC)
    _METADATA(result, texts)
    result += mark
    _long(result, len(records))
    _bytes(result, block)
    result += mark
    return bytes(result)


def _null(_out: bytearray, _value: Any) -> None:
    """Nothing is written for null."""


def _boolean(out: bytearray, value: bool) -> None:
    out.append(value)


def _long(out: bytearray, value: int) -> None:
    """Zig-zag, then seven bits at a time, the lowest first."""
    rest = (value << 1) ^ (value >> 63)
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def _bytes(out: bytearray, value: bytes | bytearray) -> None:
    _long(out, len(value))
    out += value


def _string(out: bytearray, value: str) -> None:
    _bytes(out, value.encode())


def _packed(form: str) -> Encode:
    pack = struct.Struct(form).pack

    def write(out: bytearray, value: Any) -> None:
        out += pack(value)

    return write


def _optional(inner: Encode) -> Encode:
    def write(out: bytearray, value: Any) -> None:
        if value is None:
            out.append(0)
        else:
            out.append(2)  # the second branch, zig-zag
            inner(out, value)

    return write


def _record(fields: list[tuple[str, Encode]]) -> Encode:
    def write(out: bytearray, value: Mapping[str, Any]) -> None:
        for name, inner in fields:
            inner(out, value.get(name))

    return write


def _array(item: Encode) -> Encode:
    def write(out: bytearray, value: Sequence[Any]) -> None:
        if value:
            _long(out, len(value))
            for one in value:
                item(out, one)
        out.append(0)

    return write


def _map(key: Encode, value: Encode) -> Encode:
    def item(out: bytearray, pair: tuple[Any, Any]) -> None:
        key(out, pair[0])
        value(out, pair[1])

    array = _array(item)

    def write(out: bytearray, mapping: Mapping[Any, Any]) -> None:
        array(out, tuple(mapping.items()))

    return write


_PRIMITIVES: dict[str, Encode] = {
    "null": _null,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "float": _packed("<f"),
    "double": _packed("<d"),
    "bytes": _bytes,
    "string": _string,
}
_METADATA = _map(_string, _string)
