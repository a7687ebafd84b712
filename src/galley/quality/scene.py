"""What a test type gets to see while it is turned into SQL: its table, columns and scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from galley.lake import schema, types
from galley.lake.model import Version
from galley.lake.types import quote
from galley.project.model import TestSpec
from galley.quality.literals import CheckError, fragment, table_name
from galley.quality.model import Fact, FactKind, Term
from galley.quality.proofs import Known
from galley.quality.scope import Scope

Facts = Callable[[str, Fact], Known | None]
"""What statistics say about a fact of a whole table, by the table's key."""


def columns_of(version: Version) -> dict[str, str]:
    """A version's columns and their Iceberg types (a nested one by its kind), in order."""
    return {one.name: types.kind(one.type) for one in schema.columns_of(version)}


def counting(condition: str) -> str:
    """How many rows meet a condition (``count_if`` of no rows is null)."""
    return f"coalesce(count_if({condition}), 0)"


def where_of(spec: TestSpec, *conditions: str) -> str:
    """A test's row filter and further conditions as one; empty if there are none."""
    own = (fragment(spec.where),) if spec.where else ()
    return " AND ".join((*own, *filter(None, conditions)))


def source_of(spec: TestSpec, scope: Scope, *conditions: str) -> str:
    """``FROM … WHERE …`` over the rows a test looks at that meet all conditions."""
    where = where_of(spec, f"({scope.sql})" if scope.sql else "", *conditions)
    source = f"FROM {table_name(spec.table)}"
    return f"{source} WHERE {where}" if where else source


@dataclass(frozen=True, slots=True)
class Scene:
    """One test, the versions it reads, and where it looks. ``keys`` are the table's key columns."""

    spec: TestSpec
    versions: Mapping[str, Version]
    columns: Mapping[str, str]
    scope: Scope
    now: datetime
    facts: Facts
    variables: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, Any]:
        """The test's parameters, in their normal form."""
        return self.spec.params

    @property
    def table(self) -> str:
        """The table's view, quoted."""
        return table_name(self.spec.table)

    def column(self, name: str, table: str | None = None) -> str:
        """A column as the table spells it; raises ``CheckError`` naming the nearest one."""
        known = self.columns if table is None else columns_of(self.version(table))
        for spelled in known:
            if spelled.lower() == name.lower():
                return spelled
        near = get_close_matches(name.lower(), [one.lower() for one in known], 1, 0.5)
        by_key = {one.lower(): one for one in known}
        raise CheckError(
            f"table {table or self.spec.table} has no column {name!r}",
            hint=f"did you mean {by_key[near[0]]!r}?" if near else f"it has {', '.join(known)}",
        )

    def version(self, table: str) -> Version:
        """A version the test reads; raises ``CheckError`` when there is none."""
        if table in self.versions:
            return self.versions[table]
        near = get_close_matches(table, list(self.versions), 1, 0.5)
        raise CheckError(
            f"table {table} does not exist here", hint=f"did you mean {near[0]}?" if near else None
        )

    def where(self, *conditions: str) -> str:
        """The test's row filter and further conditions as one; empty if there are none."""
        return where_of(self.spec, *conditions)

    def value(self, sql: str, *conditions: str) -> str:
        """An expression in the rows that the test looks at, null in all others.

        One CASE that several aggregates share costs a third of a FILTER on each of them.
        """
        where = self.where(*conditions)
        return f"CASE WHEN {where} THEN {sql} END" if where else sql

    def known(self, kind: FactKind, *columns: str, high: Any = None) -> Fact | None:
        """What statistics may say of the rows; nothing under a row filter."""
        return None if self.spec.where else Fact(kind, columns, high)

    def rows(self) -> Term:
        """How many rows the test looks at."""
        where = self.where()
        return Term(counting(where) if where else "count(*)", self.known(FactKind.ROWS))

    def count(self, *conditions: str) -> Term:
        """How many rows meet all conditions."""
        return Term(counting(self.where(*conditions)))

    def filled(self, *columns: str) -> Term:
        """How many rows have a value in all the columns."""
        names = [quote(column) for column in columns]
        if len(names) == 1:
            sql = f"count({self.value(names[0])})"
        else:
            sql = counting(self.where(*(f"{name} IS NOT NULL" for name in names)))
        return Term(sql, self.known(FactKind.VALUES, *columns))

    def extremes(self, sql: str, column: str | None = None) -> dict[str, Term]:
        """The least and the greatest value of an expression; of a column they may be known."""
        kinds = {"min": FactKind.MINIMUM, "max": FactKind.MAXIMUM}
        return {
            name: Term(f"{name}({self.value(sql)})", self.known(kind, column) if column else None)
            for name, kind in kinds.items()
        }

    def source(self, *conditions: str) -> str:
        """``FROM … WHERE …`` over the rows of the scope that meet all conditions."""
        return source_of(self.spec, self.scope, *conditions)

    def sample(self, columns: tuple[str, ...], *conditions: str) -> str:
        """Failing rows: key columns first, then the tested ones, then the rest."""
        first = [*dict.fromkeys((*self.keys, *columns))]
        rest = [column for column in self.columns if column not in first]
        names = ", ".join(quote(column) for column in [*first, *rest])
        return f"SELECT {names} {self.source(*conditions)}"
