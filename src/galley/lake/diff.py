"""What differs between two commits, table by table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from galley.lake.deltas import changed_content, intents_since
from galley.lake.model import Intent, Version
from galley.lake.trees import lookup


class TableChange(StrEnum):
    """What happened to a table."""

    ADDED = "added"
    DROPPED = "dropped"
    CHANGED = "changed"


class ColumnChange(StrEnum):
    """What happened to a column."""

    ADDED = "added"
    DROPPED = "dropped"
    RENAMED = "renamed"
    RETYPED = "retyped"


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column that differs; ``before`` and ``after`` are its types, or names if renamed."""

    name: str
    change: ColumnChange
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class TableDiff:
    """One table that differs; ``before`` is None if it was added, ``after`` if it was dropped.

    ``intents`` is what was done to it on the way from the first commit to the second.
    """

    table: str
    change: TableChange
    before: Version | None
    after: Version | None
    columns: tuple[ColumnDiff, ...]
    intents: tuple[Intent, ...]

    @property
    def rows(self) -> tuple[int | None, int | None]:
        """The number of rows before and after."""
        return _numbers(self.before, self.after, "rows")

    @property
    def bytes(self) -> tuple[int | None, int | None]:
        """The bytes of the data files before and after."""
        return _numbers(self.before, self.after, "bytes")


def diff(
    conn: Connection, before: str, after: str, tables: tuple[str, ...] | None = None
) -> list[TableDiff]:
    """The tables (some, or all) whose content differs between two commits, by name."""
    changed = changed_content(conn, before, after, tables)
    olds, news = lookup(conn, before, changed), lookup(conn, after, changed)
    pairs = {name: (olds.get(name), news.get(name)) for name in changed}
    intents = intents_since(conn, before, after)
    return [
        TableDiff(
            table=name,
            change=_kind(old, new),
            before=old,
            after=new,
            columns=column_diffs(old.schema, new.schema) if old and new else (),
            intents=intents.get(name, ()),
        )
        for name, (old, new) in pairs.items()
    ]


def column_diffs(
    before: tuple[dict[str, Any], ...], after: tuple[dict[str, Any], ...]
) -> tuple[ColumnDiff, ...]:
    """The columns that differ, matched by name, then by field id: a renamed one keeps its id."""
    old = {column["name"].lower(): column for column in before}
    new = {column["name"].lower(): column for column in after}
    found = [
        ColumnDiff(new[name]["name"], ColumnChange.RETYPED, old[name]["type"], new[name]["type"])
        for name in new
        if name in old and old[name]["type"] != new[name]["type"]
    ]
    gone = {column["id"]: column for name, column in old.items() if name not in new}
    for column in (column for name, column in new.items() if name not in old):
        known = gone.pop(column["id"], None)
        if known is None:
            added = ColumnDiff(column["name"], ColumnChange.ADDED, None, column["type"])
            found.append(added)
        else:
            names = (known["name"], column["name"])
            found.append(ColumnDiff(column["name"], ColumnChange.RENAMED, *names))
    found += [
        ColumnDiff(column["name"], ColumnChange.DROPPED, column["type"], None)
        for column in gone.values()
    ]
    return tuple(found)


def _kind(before: Version | None, after: Version | None) -> TableChange:
    if before is None:
        return TableChange.ADDED
    return TableChange.CHANGED if after else TableChange.DROPPED


def _numbers(
    before: Version | None, after: Version | None, name: str
) -> tuple[int | None, int | None]:
    return (
        getattr(before, name) if before else None,
        getattr(after, name) if after else None,
    )
