"""Column types: Iceberg's names inside, DuckDB's at the edge.

A type is the text of a primitive (``long``, ``decimal(38, 0)``) or one of ``Struct``, ``ListOf``
and ``MapOf``. A field id of ``UNASSIGNED`` belongs to a field that no table knows yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from galley.errors import DataTypeError

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

UNASSIGNED = -1


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a part of a nested one. All are optional but the keys of maps."""

    id: int
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """Named parts."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A sequence; ``element`` is a field of that name."""

    element: Field


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping; ``key`` and ``value`` are fields of those names."""

    key: Field
    value: Field


Type = str | Struct | ListOf | MapOf

_DECIMAL = re.compile(r"decimal\((\d+), *(\d+)\)")
_TO_DUCKDB = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}
_FROM_DUCKDB = {
    **{name.lower(): ours for ours, name in _TO_DUCKDB.items()},
    "tinyint": "int",
    "smallint": "int",
    "utinyint": "int",
    "usmallint": "int",
    "uinteger": "long",
    "ubigint": "decimal(20, 0)",
    "uhugeint": "decimal(38, 0)",
    "enum": "string",
    "bit": "string",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
    "time_ns": "time",
    "timestamptz_ns": "timestamptz",
}
_ADVICE = {
    "interval": "CAST({column} AS VARCHAR), or count its seconds with epoch({column})",
    "time with time zone": "CAST({column} AS TIME)",
    "union": "CAST({column} AS VARCHAR)",
    "null": "CAST({column} AS VARCHAR), or whichever type it shall have",
}


def children(type_: Type) -> tuple[Field, ...]:
    """The fields directly inside a nested type."""
    if isinstance(type_, Struct):
        return type_.fields
    if isinstance(type_, ListOf):
        return (type_.element,)
    if isinstance(type_, MapOf):
        return (type_.key, type_.value)
    return ()


def with_children(type_: Type, fields: tuple[Field, ...]) -> Type:
    """The same kind of type around other fields."""
    if isinstance(type_, Struct):
        return Struct(fields)
    if isinstance(type_, ListOf):
        return ListOf(fields[0])
    if isinstance(type_, MapOf):
        return MapOf(fields[0], fields[1])
    return type_


def kind(type_: Type) -> str:
    """A primitive's text, or ``struct``, ``list``, ``map``."""
    if isinstance(type_, str):
        return type_
    return {Struct: "struct", ListOf: "list", MapOf: "map"}[type(type_)]


def text(type_: Type) -> str:
    """The type for people, without field ids: ``struct<x: int, y: list<int>>``."""
    if isinstance(type_, Struct):
        inside = ", ".join(f"{_name(field.name)}: {text(field.type)}" for field in type_.fields)
        return f"struct<{inside}>"
    if isinstance(type_, ListOf):
        return f"list<{text(type_.element.type)}>"
    if isinstance(type_, MapOf):
        return f"map<{text(type_.key.type)}, {text(type_.value.type)}>"
    return type_


def decimal_of(type_: Type) -> tuple[int, int] | None:
    """Precision and scale of a decimal type."""
    match = _DECIMAL.fullmatch(type_) if isinstance(type_, str) else None
    return (int(match[1]), int(match[2])) if match else None


def to_duckdb(type_: Type) -> str:
    """The type in DuckDB's words."""
    if isinstance(type_, Struct):
        inside = ", ".join(f"{quote(field.name)} {to_duckdb(field.type)}" for field in type_.fields)
        return f"STRUCT({inside})"
    if isinstance(type_, ListOf):
        return f"{to_duckdb(type_.element.type)}[]"
    if isinstance(type_, MapOf):
        return f"MAP({to_duckdb(type_.key.type)}, {to_duckdb(type_.value.type)})"
    decimal = decimal_of(type_)
    if decimal:
        return f"DECIMAL({decimal[0]},{decimal[1]})"
    if type_.startswith("fixed"):
        return "BLOB"
    return _TO_DUCKDB[type_]


def from_duckdb(type_: DuckDBPyType, column: str, wide: Type | None = None) -> Type:
    """The table type for a DuckDB type.

    ``wide`` is what HUGEINT becomes: ``long`` by default. Raises ``DataTypeError``, naming the
    column and a CAST, for a type that a table cannot hold.
    """
    name = type_.id
    if name in ("struct", "list", "array", "map"):
        parts = [
            (label, part) for label, part in type_.children if not isinstance(part, int | list)
        ]
        fields = tuple(
            Field(UNASSIGNED, _part_name(name, index, label), from_duckdb(part, column, wide))
            for index, (label, part) in enumerate(parts)
        )
        return _nested(name, fields)
    if name == "decimal":
        precision, scale = (number for _, number in type_.children)
        return f"decimal({precision}, {scale})"
    if name == "hugeint":
        return wide or "long"
    if name in _FROM_DUCKDB:
        return _FROM_DUCKDB[name]
    raise unsupported(column, str(type_).strip('"'), name)


def unsupported(column: str, shown: str, name: str) -> DataTypeError:
    """The error for a type that a table cannot hold."""
    advice = _ADVICE.get(name, "CAST({column} AS VARCHAR)").format(column=quote(column))
    return DataTypeError(
        f"column {column!r} has type {shown}, which a table cannot hold", hint=f"write {advice}"
    )


def from_json(value: Any) -> Type:
    """A type from Iceberg's JSON (a text, or a dict with field ids)."""
    if isinstance(value, str):
        return value
    if value["type"] == "struct":
        return Struct(
            tuple(Field(f["id"], f["name"], from_json(f["type"])) for f in value["fields"])
        )
    if value["type"] == "list":
        return ListOf(Field(value["element-id"], "element", from_json(value["element"])))
    return MapOf(
        Field(value["key-id"], "key", from_json(value["key"])),
        Field(value["value-id"], "value", from_json(value["value"])),
    )


def to_json(type_: Type) -> Any:
    """A type as Iceberg's JSON; everything is optional but the keys of maps."""
    if isinstance(type_, Struct):
        return {"type": "struct", "fields": [field_to_json(field) for field in type_.fields]}
    if isinstance(type_, ListOf):
        return {
            "type": "list",
            "element-id": type_.element.id,
            "element": to_json(type_.element.type),
            "element-required": False,
        }
    if isinstance(type_, MapOf):
        return {
            "type": "map",
            "key-id": type_.key.id,
            "key": to_json(type_.key.type),
            "value-id": type_.value.id,
            "value": to_json(type_.value.type),
            "value-required": False,
        }
    return type_


def field_to_json(field: Field) -> dict[str, Any]:
    """An optional field as Iceberg's JSON."""
    return {"id": field.id, "name": field.name, "required": False, "type": to_json(field.type)}


def widest(old: str, new: str) -> str | None:
    """The primitive both fit in without loss by Iceberg's promotions, or ``None``."""
    if old == new:
        return old
    for pair in (("int", "long"), ("float", "double")):
        if {old, new} == set(pair):
            return pair[1]
    first, second = decimal_of(old), decimal_of(new)
    if first and second and first[1] == second[1]:
        return f"decimal({max(first[0], second[0])}, {first[1]})"
    return None


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """An SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def _name(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name, ensure_ascii=False)


def _part_name(kind_: str, index: int, label: str) -> str:
    if kind_ == "struct":
        return label
    if kind_ == "map":
        return ("key", "value")[index]
    return "element"


def _nested(name: str, fields: tuple[Field, ...]) -> Type:
    if name == "struct":
        return Struct(fields)
    return MapOf(fields[0], fields[1]) if name == "map" else ListOf(fields[0])
