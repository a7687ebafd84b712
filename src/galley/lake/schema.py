"""How a table's columns change: which ids they keep, what widens, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from galley.errors import SchemaChangeError, StepError
from galley.lake import types
from galley.lake.model import FieldKey, Version
from galley.lake.types import UNASSIGNED, Field, Type

FieldIds = Callable[[str, tuple[FieldKey, ...], int], tuple[int, ...]]
"""Gives new fields their ids: (table_id, keys, at_least) -> ids, each above ``at_least``."""

Dropped = dict[str, int]
"""How often a column (``parent id/name``) has left the table; a return gets a new id."""


def columns_to_json(fields: tuple[Field, ...]) -> tuple[dict[str, Any], ...]:
    """The columns of a ``Version``: ``structure`` holds Iceberg's JSON of a nested type."""
    return tuple(_column(field) for field in fields)


def columns_of(version: Version | None) -> tuple[Field, ...]:
    """The columns of a version, with the ids of nested fields."""
    if version is None:
        return ()
    return tuple(
        Field(
            column["id"], column["name"], types.from_json(column.get("structure", column["type"]))
        )
        for column in version.schema
    )


def check_names(fields: tuple[Field, ...], path: str = "") -> None:
    """Raise if two columns (or parts of a struct) differ at most in case, or one has no name."""
    seen: dict[str, str] = {}
    for field in fields:
        if (other := seen.get(field.name.lower())) is not None:
            raise StepError(
                f"two columns are named {path + other!r} and {path + field.name!r}; "
                "names compare case-insensitively",
                hint="give each column a name of its own with AS",
            )
        seen[field.name.lower()] = field.name
        if not field.name:
            raise StepError("a column has an empty name", hint="name it with AS")
        if isinstance(field.type, types.Struct):
            check_names(field.type.fields, f"{path}{field.name}.")


def merge(
    known: tuple[Field, ...], incoming: tuple[Field, ...], *, incremental: bool, path: str = ""
) -> tuple[Field, ...]:
    """The table's columns after a write; fields that need an id have ``UNASSIGNED``.

    A replaced table takes the incoming columns and keeps the ids of those that stay or widen. An
    incremental one keeps its columns, widens them and adds new ones at the end; any other change
    raises ``SchemaChangeError``.
    """
    by_name = {field.name.lower(): field for field in known}
    arrived = {field.name.lower(): field for field in incoming}
    if not incremental:
        return tuple(_replaced(by_name.get(field.name.lower()), field) for field in incoming)
    stayed = tuple(
        _widened(field, arrived[field.name.lower()], path)
        if field.name.lower() in arrived
        else field
        for field in known
    )
    return stayed + tuple(field for field in incoming if field.name.lower() not in by_name)


def restrict(table: tuple[Field, ...], incoming: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields a file holds: the table's fields that arrived, in the order they arrived."""
    by_name = {field.name.lower(): field for field in table}
    result = []
    for field in incoming:
        known = by_name[field.name.lower()]
        inside = restrict(types.children(known.type), types.children(field.type))
        result.append(replace(known, type=types.with_children(known.type, inside)))
    return tuple(result)


def assign(
    fields: tuple[Field, ...],
    table_id: str,
    field_ids: FieldIds,
    *,
    dropped: Mapping[str, int],
    at_least: int,
    parent: int = -1,
) -> tuple[Field, ...]:
    """Give every new field its id, asking once per level."""
    new = [index for index, field in enumerate(fields) if field.id == UNASSIGNED]
    keys = tuple(_key(parent, fields[index], dropped) for index in new)
    given = dict(zip(new, field_ids(table_id, keys, at_least), strict=True)) if new else {}
    result = []
    for index, field in enumerate(fields):
        number = given.get(index, field.id)
        inside = types.children(field.type)
        if inside:
            inside = assign(
                inside, table_id, field_ids, dropped=dropped, at_least=at_least, parent=number
            )
        result.append(Field(number, field.name, types.with_children(field.type, inside)))
    return tuple(result)


def dropped_after(
    before: tuple[Field, ...], after: tuple[Field, ...], dropped: Mapping[str, int]
) -> Dropped:
    """The record of columns that left, brought up to date."""
    remaining = {field.id for _, field in walk(after)}
    result = dict(dropped)
    for parent, field in walk(before):
        if field.id not in remaining:
            place = f"{parent}/{field.name.lower()}"
            result[place] = result.get(place, 0) + 1
    return result


def walk(fields: tuple[Field, ...], parent: int = -1) -> Iterator[tuple[int, Field]]:
    """All fields, depth first, each with its parent's id (-1 at the top)."""
    for field in fields:
        yield parent, field
        yield from walk(types.children(field.type), field.id)


def highest_id(fields: tuple[Field, ...]) -> int:
    """The largest id in use, 0 for none."""
    return max((field.id for _, field in walk(fields)), default=0)


def union(target: tuple[Field, ...], source: tuple[Field, ...], table: str) -> tuple[Field, ...]:
    """Two evolutions of one schema put together by field id.

    Raises ``SchemaChangeError`` if both sides hold a column of one name with different ids, or one
    field with types that no promotion joins.
    """
    by_id = {field.id: field for field in source}
    names = {field.name.lower(): field.id for field in target}
    for field in source:
        if names.get(field.name.lower(), field.id) != field.id:
            raise SchemaChangeError(
                f"table {table!r}: column {field.name!r} was made anew on both sides",
                hint=f"run the step again with `--rebuild` on top of the present {table!r}",
            )
    kept = tuple(
        _joined(field, by_id[field.id], table) if field.id in by_id else field for field in target
    )
    present = {field.id for field in target}
    return kept + tuple(field for field in source if field.id not in present)


def _joined(field: Field, other: Field, table: str) -> Field:
    inside, outside = types.children(field.type), types.children(other.type)
    if types.kind(field.type) != types.kind(other.type):
        return replace(field, type=_wider(field, other, table))
    if not inside:
        return field
    return replace(field, type=types.with_children(field.type, union(inside, outside, table)))


def _column(field: Field) -> dict[str, Any]:
    column: dict[str, Any] = {"id": field.id, "name": field.name, "type": types.text(field.type)}
    if not isinstance(field.type, str):
        column["structure"] = types.to_json(field.type)
    return column


def _key(parent: int, field: Field, dropped: Mapping[str, int]) -> FieldKey:
    incarnation = dropped.get(f"{parent}/{field.name.lower()}", 0)
    return FieldKey(parent, field.name.lower(), types.kind(field.type), incarnation)


def _replaced(known: Field | None, field: Field) -> Field:
    if known is None:
        return field
    inside = types.children(field.type)
    if inside and types.kind(known.type) == types.kind(field.type):
        merged = merge(types.children(known.type), inside, incremental=False)
        return Field(known.id, field.name, types.with_children(field.type, merged))
    return replace(field, id=known.id) if _promotes(known.type, field.type) else field


def _promotes(old: Type, new: Type) -> bool:
    return isinstance(old, str) and isinstance(new, str) and types.widest(old, new) == new


def _widened(known: Field, field: Field, path: str) -> Field:
    inside = types.children(known.type)
    if inside and types.kind(known.type) == types.kind(field.type):
        merged = merge(
            inside, types.children(field.type), incremental=True, path=f"{path}{known.name}."
        )
        return replace(known, type=types.with_children(known.type, merged))
    return replace(known, type=_wider(known, field, "", path))


def _wider(known: Field, field: Field, table: str, path: str = "") -> Type:
    both = isinstance(known.type, str) and isinstance(field.type, str)
    wider = types.widest(types.kind(known.type), types.kind(field.type)) if both else None
    if wider is None:
        before, after = types.text(known.type), types.text(field.type)
        where = f"table {table!r}: " if table else ""
        raise SchemaChangeError(
            f"{where}column {path + known.name!r} is {before} in the table, would become {after}",
            hint=f"cast it to {types.to_duckdb(known.type)}, or run again with `--rebuild` "
            "to make the whole table anew",
        )
    return wider
