"""Which function makes a check of which test type."""

from __future__ import annotations

from collections.abc import Callable

from galley.quality.checks import bounds, columns, custom, keys, tables
from galley.quality.model import Check
from galley.quality.scene import Scene

CATALOGUE: dict[str, Callable[[Scene], Check]] = {
    "not_null": columns.not_null,
    "null_share": columns.null_share,
    "unique": keys.unique,
    "unique_combination": keys.unique_combination,
    "allowed": columns.allowed,
    "range": bounds.range_,
    "regex": columns.regex,
    "length": bounds.length,
    "row_count": tables.row_count,
    "foreign_key": keys.foreign_key,
    "freshness": tables.freshness,
    "expression": columns.expression,
    "compare": columns.compare,
    "columns": tables.columns,
    "reconcile": tables.reconcile,
    "sql": custom.sql,
    "python": custom.python,
}
