"""How many tests become few queries. Pure.

Every aggregate that statistics do not prove goes, once, into the one select of its table and
scope; selects are split at ``MOST_TERMS``. What cannot be an aggregate (joins, grouping, a
project's own SQL) stays a query of its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from galley.quality.literals import table_name
from galley.quality.model import Check, Fact
from galley.quality.proofs import Known

MOST_TERMS = 500

Prove = Callable[[Check, Fact], Known | None]


@dataclass(frozen=True, slots=True)
class Select:
    """Aggregates over the rows of one table in one scope (``scope`` is SQL, or empty)."""

    table: str
    scope: str
    terms: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The statement; its columns are the terms in their order."""
        where = f" WHERE {self.scope}" if self.scope else ""
        return f"SELECT {', '.join(self.terms)} FROM {table_name(self.table)}{where}"


@dataclass(frozen=True, slots=True)
class Plan:
    """``proved`` holds what is known of each check (in their order) without a scan."""

    selects: tuple[Select, ...]
    proved: tuple[dict[str, Any], ...]


def plan(checks: Sequence[Check], prove: Prove) -> Plan:
    """The fewest queries that measure all checks' terms."""
    proved = tuple(_proved(check, prove) for check in checks)
    wanted: dict[tuple[str, str], dict[str, None]] = {}
    for check, known in zip(checks, proved, strict=True):
        open_terms = {term.sql: None for name, term in check.terms.items() if name not in known}
        if open_terms:
            wanted.setdefault((check.spec.table, check.scope.sql), {}).update(open_terms)
    selects = (
        Select(table, scope, part)
        for (table, scope), terms in wanted.items()
        for part in _parts(tuple(terms))
    )
    return Plan(tuple(selects), proved)


def _proved(check: Check, prove: Prove) -> dict[str, Any]:
    found = {}
    for name, term in check.terms.items():
        known = prove(check, term.fact) if term.fact is not None else None
        if known is not None:
            found[name] = known.value
    return found


def _parts(terms: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(terms), MOST_TERMS):
        yield terms[start : start + MOST_TERMS]


def alone(check: Check) -> str:
    """The check's own terms as one statement with named columns, for people to run."""
    columns = ", ".join(f'{term.sql} AS "{name}"' for name, term in check.terms.items())
    where = f" WHERE {check.scope.sql}" if check.scope.sql else ""
    return f"SELECT {columns} FROM {table_name(check.spec.table)}{where}"


def text_of(check: Check, *, detailed: bool) -> str | None:
    """All SQL of a check, as it can be pasted into any session on the same ref."""
    parts = [alone(check)] if check.terms and check.function is None else []
    parts += [check.query] if check.query else []
    parts += [check.detail] if check.detail and detailed else []
    return ";\n".join(parts) or None
