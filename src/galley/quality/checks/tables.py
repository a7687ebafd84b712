"""Tests of a table as a whole: rows, freshness, columns, totals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from galley.lake.types import quote
from galley.quality.checks.words import bounds, counted, empty, interval, within
from galley.quality.literals import TIMES, CheckError, fragment, literal, number, table_name
from galley.quality.model import NO_VALUES, Check, FactKind, Judgement, Term, Values
from galley.quality.scene import Scene, columns_of
from galley.quality.scope import Scope, scope_of

_DURATIONS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


ROUNDING = Decimal("1e-9")
"""The share by which two sums of the same doubles may differ."""


def row_count(scene: Scene) -> Check:
    """The number of rows lies within bounds: the one test that judges an empty table."""
    judge = partial(_judge_rows, params=scene.params)
    return Check(scene.spec, judge, scene.scope, {"rows": scene.rows()})


def _judge_rows(values: Values, params: dict[str, Any]) -> Judgement:
    rows = values["rows"]
    hard, soft = within(rows, params), within(rows, params.get("warn", {}))
    limits = params if not hard or soft else params["warn"]
    allowed = interval(limits.get("min"), limits.get("max"))
    return Judgement(
        rows,
        f"there {'is' if rows == 1 else 'are'} {counted(rows)}; expected is {allowed}",
        hard=hard,
        soft=soft,
        rows=rows,
        limits=bounds(params),
    )


def freshness(scene: Scene) -> Check:
    """The newest value is not too old. Values after the run's instant do not count as new."""
    column = scene.column(scene.params["column"])
    type_ = scene.columns[column]
    if type_ not in TIMES:
        raise CheckError(f"freshness needs a date or timestamp; {column} has type {type_}")
    now = {"date": scene.now.date(), "timestamp": scene.now.replace(tzinfo=None)}.get(
        type_, scene.now
    )
    new = f"{quote(column)} <= {literal(now, type_)}"
    fact = scene.known(FactKind.MAXIMUM, column, high=now)
    newest = Term(f"max({scene.value(quote(column), new)})", fact)
    terms = {"rows": scene.rows(), "filled": scene.filled(column), "newest": newest}
    judge = partial(_judge_age, column=column, now=scene.now, params=scene.params)
    return Check(scene.spec, judge, scene.scope, terms)


def _judge_age(values: Values, column: str, now: datetime, params: dict[str, Any]) -> Judgement:
    nothing = empty(values, "filled")
    if nothing is not None:
        return nothing
    rows, most = values["filled"], params["max_age"]
    limits = bounds(params)
    if values["newest"] is None:
        message = f"every {column} lies after the run's instant, so none tells how fresh it is"
        return Judgement(None, message, hard=False, rows=rows, limits=limits)
    age = (now - _instant(values["newest"])).total_seconds()
    allowed = params.get("warn", {}).get("max_age")
    return Judgement(
        age,
        f"the newest {column} is {values['newest']}, {duration(age)} old; "
        f"allowed is {duration(most)}",
        hard=age <= most,
        soft=allowed is None or age <= allowed,
        rows=rows,
        limits=limits,
    )


def _instant(value: Any) -> datetime:
    """A date is its first moment; a time without zone is UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    moment: date = value
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def duration(seconds: float) -> str:
    """Seconds in the largest unit that fits: ``1.5 hours``."""
    for name, size in _DURATIONS:
        if abs(seconds) >= size or size == 1:
            count = round(seconds / size, 1)
            return f"{count:g} {name}{'' if count == 1 else 's'}"
    raise AssertionError("unreachable")


def columns(scene: Scene) -> Check:
    """The table has the named columns. Read from the version's schema: nothing is scanned."""
    expected = [name.lower() for name in scene.params["names"]]
    actual = [name.lower() for name in scene.columns]
    problems = _column_problems(expected, actual, scene.params)
    message = "; ".join(problems) or f"the table has the {counted(len(expected), 'column')} named"
    judgement = Judgement(
        list(scene.columns),
        message,
        hard=not problems,
        rows=scene.version(scene.spec.table).rows,
        failing=None,
        limits={"names": scene.params["names"]},
    )
    return Check(scene.spec, lambda _: judgement, Scope(), proof="the version's schema")


def _column_problems(expected: list[str], actual: list[str], params: dict[str, Any]) -> list[str]:
    problems = []
    missing = [name for name in expected if name not in actual]
    further = [name for name in actual if name not in expected]
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    if further and not params.get("extras"):
        problems.append(f"not expected: {', '.join(further)}")
    if params.get("order") and not problems:
        shared = [name for name in actual if name in expected]
        if shared != expected:
            problems.append(f"the order is {', '.join(shared)}")
    return problems


def reconcile(scene: Scene) -> Check:
    """An aggregate equals one of another table, within a tolerance.

    Both sides look at the same windows; where the other table lacks the window's column, both look
    at all rows. A row filter holds for the own side only.
    """
    to = scene.params["to"]
    own, other = fragment(scene.params["expression"]), fragment(to["expression"])
    scope, theirs = _shared_scope(scene, to["table"])
    condition = f" WHERE {theirs.sql}" if theirs.sql else ""
    query = f"SELECT {other} AS other FROM {table_name(to['table'])}{condition}"
    terms = {"rows": scene.rows()}
    if scene.spec.where:
        scoped = f"({scope.sql})" if scope.sql else ""
        mine = f"SELECT {own} FROM {scene.table} WHERE {scene.where(scoped)}"
        query = f"SELECT ({mine}) AS own, ({query}) AS other"
    else:
        terms["own"] = Term(own)
    judge = partial(_judge_totals, params=scene.params)
    return Check(scene.spec, judge, scope, terms, query=query)


def _shared_scope(scene: Scene, other: str) -> tuple[Scope, Scope]:
    own, types = scene.scope, columns_of(scene.version(other))
    if not own.bounds:
        return own, own
    by_key = {name.lower(): name for name in types}
    name = by_key.get(own.column.lower())
    if name is None:
        return Scope(), Scope()
    return own, scope_of(name, types[name], own.spans, own.timezone)


def _judge_totals(values: Values, params: dict[str, Any]) -> Judgement:
    own, other = values["own"], values["other"]
    table, rule = params["to"]["table"], " ".join(params["expression"].split())
    limits = {name: params[name] for name in ("tolerance", "relative") if params.get(name)}
    shown = {"own": own, "other": other}
    if own is None and other is None:
        message = f"{rule} is null on both sides: nothing to compare"
        return Judgement(shown, message, rows=values["rows"], reason=NO_VALUES)
    difference = _difference(own, other)
    holds = difference is not None and difference <= _allowed(own, other, params)
    said = "equals" if holds else "differs from"
    apart = f" by {number(difference)}" if difference else ""
    return Judgement(
        shown,
        f"{rule} is {number(own)}, which {said} {number(other)} in {table}{apart}",
        hard=holds,
        rows=values["rows"],
        limits=limits,
    )


def _difference(own: Any, other: Any) -> Any:
    """The absolute difference; 0 or ``None`` (unequal) where subtracting makes no sense."""
    if own is None or other is None:
        return None
    if isinstance(own, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return abs(_exact(own) - _exact(other))
    return 0 if own == other else None


def _exact(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _allowed(own: Any, other: Any, params: dict[str, Any]) -> Decimal:
    """The tolerance; a sum of doubles also depends on the order in which it was added up."""
    tolerance = _exact(params.get("tolerance", 0))
    numbers = isinstance(own, int | float | Decimal) and isinstance(other, int | float | Decimal)
    if params.get("relative") and numbers:
        tolerance *= abs(_exact(other))
    if numbers and (isinstance(own, float) or isinstance(other, float)):
        tolerance += ROUNDING * max(abs(_exact(own)), abs(_exact(other)))
    return tolerance
