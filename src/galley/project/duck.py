"""DuckDB's own parser, for SQL that is newer than SQLGlot. Only this module may start it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


@dataclass(slots=True)
class Found:
    """What a parser saw: tables by their parts, table functions, and reasons to be volatile.

    ``columns`` are the names of the result's columns, ``None`` where the text alone does not tell.
    """

    tables: list[tuple[str, ...]] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    writes: str | None = None
    columns: list[str] | None = None


class NotParsedError(Exception):
    """DuckDB refuses the text; ``line`` and ``column`` count from one inside it."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def find(sql: str) -> Found:
    """What one SELECT reads, as DuckDB's parser sees it; raises NotParsedError."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        try:
            connection.extract_statements(sql)
        except duckdb.Error as error:
            raise _not_parsed(str(error)) from None
        row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    found = Found()
    try:
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if tree["error"]:
            raise NotParsedError("the statement is no SELECT")
        for statement in tree["statements"]:
            _walk(statement["node"], frozenset(), found)
    except RecursionError:
        raise NotParsedError("an expression is nested too deeply") from None
    return found


def _not_parsed(message: str) -> NotParsedError:
    """Read the place out of DuckDB's message: a quoted line with a caret below it."""
    first = message.partition("\n")[0].removeprefix("Parser Error: ")
    lines = message.splitlines()
    for at, text in enumerate(lines[:-1]):
        if (match := _LINE.match(text)) is not None:
            caret = lines[at + 1].find("^")
            return NotParsedError(first, int(match[1]), max(1, caret - match.end() + 1))
    return NotParsedError(first)


def _walk(node: Any, hidden: frozenset[str], found: Found) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(item, hidden, found)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        _note_table(node, hidden, found)
    elif node.get("type") == "TABLE_FUNCTION":
        found.functions.append(node["function"]["function_name"])
    if "modifiers" in node:
        kinds = {modifier["type"] for modifier in node["modifiers"]}
        if any(kind.startswith("LIMIT") for kind in kinds) and "ORDER_MODIFIER" not in kinds:
            found.reasons.add("LIMIT without ORDER BY")
    for cte in (node.get("cte_map") or {}).get("map", ()):
        name = cte["key"].lower()
        recursive = _is_recursive(cte["value"])
        _walk(cte["value"], hidden | {name} if recursive else hidden, found)
        hidden = hidden | {name}
    for key, child in node.items():
        if key != "cte_map":
            _walk(child, hidden, found)


def _is_recursive(value: dict[str, Any]) -> bool:
    query = value.get("query_node") or (value.get("query") or {}).get("node") or {}
    return query.get("type") == "RECURSIVE_CTE_NODE"


def _note_table(node: dict[str, Any], hidden: frozenset[str], found: Found) -> None:
    parts = (node.get("catalog_name"), node.get("schema_name"), node["table_name"])
    named = tuple(part for part in parts if part)
    if len(named) > 1 or named[0].lower() not in hidden:
        found.tables.append(named)
