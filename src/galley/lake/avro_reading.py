"""Reading Avro object container files as ``avro`` writes them, to be written again.

Only what ``avro`` knows of the format; blocks may be deflated, as other writers leave them.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from galley.lake.avro import MARK_BYTES, Schema

Decode = Callable[["Bytes"], Any]
"""Takes one value off the front."""

MAGIC = b"Obj\x01"


@dataclass(slots=True)
class Bytes:
    """Bytes, and how far they are read."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """The next bytes. Raises ValueError where there are not so many."""
        found = self.data[self.at : self.at + count]
        if count < 0 or len(found) < count:
            raise ValueError("the file is cut off")
        self.at += count
        return found


@dataclass(frozen=True, slots=True)
class Container:
    """A whole file: its schema, its metadata without what Avro itself puts there, its records."""

    schema: Schema
    metadata: dict[str, str]
    records: list[dict[str, Any]]
    mark: bytes


def read_container(data: bytes) -> Container:
    """Read a file. Raises ValueError or KeyError where it is none, or of a kind not known here."""
    source = Bytes(data)
    if source.take(len(MAGIC)) != MAGIC:
        raise ValueError("this is no Avro file")
    metadata = {key: value.decode() for key, value in _map(_string, _bytes)(source).items()}
    schema: Schema = json.loads(metadata.pop("avro.schema"))
    codec = metadata.pop("avro.codec", "null")
    if codec not in ("null", "deflate"):
        raise ValueError(f"blocks are compressed with {codec}")
    mark = source.take(MARK_BYTES)
    decode = decoder(schema)
    records: list[dict[str, Any]] = []
    while source.at < len(data):
        count = _long(source)
        block = _bytes(source)
        inner = Bytes(block if codec == "null" else zlib.decompress(block, -15))
        records += [decode(inner) for _ in range(count)]
        if source.take(MARK_BYTES) != mark:
            raise ValueError("a block does not end where it should")
    return Container(schema, metadata, records, mark)


def decoder(schema: Schema) -> Decode:
    """How values of a type are read. Raises ``KeyError`` for a type that is not known here."""
    if isinstance(schema, str):
        return _PRIMITIVES[schema]
    if isinstance(schema, list):
        return _optional(decoder(schema[1]))
    if schema["type"] == "record":
        return _record([(one["name"], decoder(one["type"])) for one in schema["fields"]])
    if schema["type"] != "array":
        return decoder(schema["type"])  # a primitive with a logical type
    if schema.get("logicalType") != "map":
        return _array(decoder(schema["items"]))
    key, value = (decoder(one["type"]) for one in schema["items"]["fields"])
    return _map(key, value)


def _null(_source: Bytes) -> None:
    """Nothing is written for null."""


def _boolean(source: Bytes) -> bool:
    return source.take(1) != b"\0"


def _long(source: Bytes) -> int:
    value = shift = 0
    while True:
        byte = source.take(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)


def _bytes(source: Bytes) -> bytes:
    return source.take(_long(source))


def _string(source: Bytes) -> str:
    return _bytes(source).decode()


def _packed(form: str) -> Decode:
    packing = struct.Struct(form)
    return lambda source: packing.unpack(source.take(packing.size))[0]


def _optional(inner: Decode) -> Decode:
    return lambda source: inner(source) if _long(source) else None


def _record(fields: list[tuple[str, Decode]]) -> Decode:
    return lambda source: {name: inner(source) for name, inner in fields}


def _array(item: Decode) -> Decode:
    def read(source: Bytes) -> list[Any]:
        found = []
        while count := _long(source):
            if count < 0:
                count, _ = -count, _long(source)  # its bytes follow, for who would skip it
            found += [item(source) for _ in range(count)]
        return found

    return read


def _map(key: Decode, value: Decode) -> Decode:
    pairs = _array(lambda source: (key(source), value(source)))
    return lambda source: dict(pairs(source))


_PRIMITIVES: dict[str, Decode] = {
    "null": _null,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "float": _packed("<f"),
    "double": _packed("<d"),
    "bytes": _bytes,
    "string": _string,
}
