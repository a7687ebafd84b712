"""Tests of keys: unique, unique together, found in another table.

Equal values have equal hashes, so as many distinct hashes as rows prove that all are different;
only when they are fewer (a repetition, or once in very long a collision) are the values grouped.
Hashes are half the cost of wide keys. Whole numbers and dates that lie closely are marked in a
bitmap instead, inside the table's one aggregate select: a seventh of the cost.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from galley.lake.types import quote
from galley.quality.checks.words import counted, empty
from galley.quality.literals import INTEGERS, CheckError, number, table_name
from galley.quality.model import Check, Fact, FactKind, Judgement, Term, Values
from galley.quality.scene import Scene

_EPOCH = date(1970, 1, 1).toordinal()
_LARGEST_BITMAP = 1 << 27
_SPARSEST = 64


def unique(scene: Scene) -> Check:
    """No value stands twice in the column; nulls do not count."""
    if len(scene.params["columns"]) != 1:
        raise CheckError("unique looks at one column", hint="for several use unique_combination")
    column = scene.column(scene.params["columns"][0])
    name = quote(column)
    filled = f"{name} IS NOT NULL"
    terms = {"rows": scene.rows(), "filled": scene.filled(column)}
    bitmap = _bitmap(scene, column)
    query = None
    if bitmap is not None:
        terms["distinct"] = bitmap
    else:
        key = name if scene.columns[column] in INTEGERS else f"hash({name})"
        query = _distinct(scene, key, filled)
    return Check(
        scene.spec,
        partial(_judge_unique, columns=(column,), filled="filled"),
        scene.scope,
        terms,
        query=query,
        detail=_repeated(scene, (column,), filled),
        sample=_sample(scene, (column,), filled),
    )


def unique_combination(scene: Scene) -> Check:
    """No combination of values stands twice; null is a value like any other here."""
    columns = tuple(scene.column(name) for name in scene.params["columns"])
    key = f"hash({', '.join(map(quote, columns))})"
    return Check(
        scene.spec,
        partial(_judge_unique, columns=columns, filled="rows"),
        scene.scope,
        {"rows": scene.rows()},
        query=_distinct(scene, key),
        detail=_repeated(scene, columns),
        sample=_sample(scene, columns),
    )


def _bitmap(scene: Scene, column: str) -> Term | None:
    """How many values there are, by one bit for each value between the known extremes."""
    type_ = scene.columns[column]
    if type_ not in (*INTEGERS, "date"):
        return None
    known = [
        scene.facts(scene.spec.table, Fact(kind, (column,)))
        for kind in (FactKind.MINIMUM, FactKind.MAXIMUM, FactKind.ROWS)
    ]
    if any(one is None or one.value is None for one in known):
        return None
    low, high, rows = (one.value for one in known if one is not None)
    position = quote(column)
    if type_ == "date":
        if not (isinstance(low, date) and isinstance(high, date)):
            return None
        low, high = low.toordinal() - _EPOCH, high.toordinal() - _EPOCH
        position = f"({position} - DATE '1970-01-01')"
    if high - low >= min(_LARGEST_BITMAP, _SPARSEST * max(rows, 1024)):
        return None
    bits = f"bitstring_agg({scene.value(position)}, {low}, {high})"
    return Term(f"coalesce(bit_count({bits}), 0)")


def _distinct(scene: Scene, key: str, *conditions: str) -> str:
    return f'SELECT count(*) AS "distinct" FROM (SELECT DISTINCT {key} {scene.source(*conditions)})'


def _groups(scene: Scene, columns: tuple[str, ...], *conditions: str) -> str:
    names = ", ".join(map(quote, columns))
    return (
        f"SELECT {names}, count(*) AS galley_count {scene.source(*conditions)} "
        f"GROUP BY {names} HAVING count(*) > 1"
    )


def _repeated(scene: Scene, columns: tuple[str, ...], *conditions: str) -> str:
    return (
        "SELECT count(*) AS repeated, coalesce(sum(galley_count), 0)::BIGINT AS failing "
        f"FROM ({_groups(scene, columns, *conditions)})"
    )


def _sample(scene: Scene, columns: tuple[str, ...], *conditions: str) -> str:
    same = " AND ".join(
        f"found.{quote(column)} IS NOT DISTINCT FROM repeated.{quote(column)}" for column in columns
    )
    first = ", ".join(map(quote, columns))
    return (
        f"SELECT * FROM ({scene.sample(columns, *conditions)}) AS found "
        f"SEMI JOIN ({_groups(scene, columns, *conditions)} LIMIT 5) AS repeated ON {same} "
        f"ORDER BY {first}"
    )


def _judge_unique(values: Values, columns: tuple[str, ...], filled: str) -> Judgement:
    nothing = empty(values, filled)
    if nothing is not None:
        return nothing
    rows = values[filled]
    failing = values.get("failing", rows - values["distinct"])
    what = " and ".join(columns)
    message = f"all {counted(rows)} differ in {what}"
    if failing:
        repeated = values.get("repeated")
        among = f" ({counted(repeated, 'value')} repeated)" if repeated is not None else ""
        message = f"{number(failing)} of {counted(rows)} share their {what} with another{among}"
    return _judged(failing, rows, message, left=values["rows"] - rows)


def foreign_key(scene: Scene) -> Check:
    """Every key without a null stands in the other table, of which all rows count."""
    columns = tuple(scene.column(name) for name in scene.params["columns"])
    to: dict[str, Any] = scene.params["to"]
    theirs = tuple(scene.column(name, to["table"]) for name in to["columns"])
    filled = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
    same = " AND ".join(
        f"found.{quote(own)} = target.{quote(other)}"
        for own, other in zip(columns, theirs, strict=True)
    )
    missing = f"ANTI JOIN {table_name(to['table'])} AS target ON {same}"
    names = ", ".join(map(quote, columns))
    keys = f"FROM (SELECT {names} {scene.source(filled)}) AS found {missing}"
    return Check(
        scene.spec,
        partial(_judge_key, columns=columns, target=to["table"]),
        scene.scope,
        {"rows": scene.rows(), "filled": scene.filled(*columns)},
        query=f"SELECT count(*) AS failing {keys}",
        detail=f"SELECT count(*) AS missing FROM (SELECT DISTINCT {names} {keys})",
        sample=f"SELECT * FROM ({scene.sample(columns, filled)}) AS found {missing}",
    )


def _judge_key(values: Values, columns: tuple[str, ...], target: str) -> Judgement:
    nothing = empty(values, "filled")
    if nothing is not None:
        return nothing
    rows, failing = values["filled"], values["failing"]
    what = " and ".join(columns)
    message = f"all {counted(rows)} have a {what} that stands in {target}"
    if failing:
        distinct = values.get("missing")
        among = f" ({counted(distinct, 'value')})" if distinct is not None else ""
        message = f"{number(failing)} of {counted(rows)} have a {what} that {target} lacks{among}"
    return _judged(failing, rows, message, left=values["rows"] - rows)


def _judged(failing: int, rows: int, message: str, *, left: int) -> Judgement:
    """The judgement on ``rows`` keys; ``left`` rows have none."""
    if left:
        message += f"; {counted(left)} with null not counted"
    return Judgement(
        failing, message, hard=not failing, rows=rows, failing=failing, limits={"max": 0}
    )
