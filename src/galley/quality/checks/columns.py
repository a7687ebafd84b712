"""Tests of the values of columns, row by row."""

from __future__ import annotations

from functools import partial
from typing import Any

from galley.lake.types import literal as text_literal
from galley.lake.types import quote
from galley.quality.checks.words import (
    bounds,
    counted,
    empty,
    failing_rows,
    interval,
    listed,
    within,
)
from galley.quality.literals import FLOATS, fragment, literal, number, typed
from galley.quality.model import Check, Fact, FactKind, Judgement, Term, Values
from galley.quality.scene import Scene


def not_null(scene: Scene) -> Check:
    """No row has null in any of the columns."""
    columns = tuple(scene.column(name) for name in scene.params["columns"])
    bad = "(" + " OR ".join(f"{quote(column)} IS NULL" for column in columns) + ")"
    failing = scene.count(bad, fact=Fact(FactKind.NULLS, columns))
    judge = partial(
        failing_rows,
        good=f"have {' and '.join(columns)}",
        bad=f"have no {listed(columns)}",
        limits={"max": 0},
    )
    terms = {"rows": scene.rows(), "failing": failing}
    return Check(scene.spec, judge, scene.scope, terms, sample=scene.sample(columns, bad))


def null_share(scene: Scene) -> Check:
    """The share of nulls lies within bounds."""
    column = scene.column(scene.params["column"])
    bad = f"{quote(column)} IS NULL"
    failing = scene.count(bad, fact=Fact(FactKind.NULLS, (column,)))
    judge = partial(_judge_share, column=column, params=scene.params)
    terms = {"rows": scene.rows(), "failing": failing}
    return Check(scene.spec, judge, scene.scope, terms, sample=scene.sample((column,), bad))


def _judge_share(values: Values, column: str, params: dict[str, Any]) -> Judgement:
    nothing = empty(values)
    if nothing is not None:
        return nothing
    rows, nulls = values["rows"], values["failing"]
    share = nulls / rows
    return Judgement(
        share,
        f"{number(nulls)} of {counted(rows)} have no {column} ({share:.2%}); "
        f"allowed is a share of {interval(params.get('min'), params.get('max'))}",
        hard=within(share, params),
        soft=within(share, params.get("warn", {})),
        rows=rows,
        failing=nulls,
        limits=bounds(params),
    )


def allowed(scene: Scene) -> Check:
    """Every value is one of a list."""
    column = scene.column(scene.params["column"])
    values = [value for value in scene.params["values"] if value is not None]
    type_ = scene.columns[column]
    listed_values = ", ".join(literal(value, type_) for value in values)
    bad = f"{quote(column)} NOT IN ({listed_values})"
    shown = ", ".join(str(value) for value in values[:8]) + (", …" if len(values) > 8 else "")
    return _of_values(
        scene,
        column,
        bad,
        f"have {column} in {shown}",
        f"have {column} not in {shown}",
        {"values": values},
    )


def regex(scene: Scene) -> Check:
    """Every text matches a pattern as a whole."""
    column, pattern = scene.column(scene.params["column"]), scene.params["pattern"]
    bad = f"NOT regexp_full_match({quote(column)}, {text_literal(pattern)})"
    return _of_values(
        scene,
        column,
        bad,
        f"have {column} like {pattern}",
        f"have {column} unlike {pattern}",
        {"pattern": pattern},
    )


def length(scene: Scene) -> Check:
    """Every text's length lies within bounds."""
    column, params = scene.column(scene.params["column"]), scene.params
    name = quote(column)
    size = f"octet_length({name})" if scene.columns[column] == "binary" else f"length({name})"
    said = f"length {interval(params.get('min'), params.get('max'))}"
    return _of_values(
        scene,
        column,
        _beyond(size, params),
        f"have {column} of {said}",
        f"have {column} not of {said}",
        bounds(params),
        soft=_beyond(size, params.get("warn")),
        value=size,
    )


def range_(scene: Scene) -> Check:
    """Every value lies within bounds. NaN is a value, and lies within no bounds."""
    column, params = scene.column(scene.params["column"]), scene.params
    type_ = scene.columns[column]
    name, inclusive = quote(column), params.get("inclusive", "both")
    not_a_number = f"isnan({name})" if type_ in FLOATS else ""
    bad = _beyond(name, params, type_, inclusive, not_a_number)
    soft = _beyond(name, params.get("warn"), type_, inclusive)
    said = interval(params.get("min"), params.get("max"))
    check = _of_values(
        scene,
        column,
        bad,
        f"have {column} within {said}",
        f"have {column} outside {said}",
        bounds(params),
        soft=soft,
        value=name,
    )
    check.terms["failing"] = Term(check.terms["failing"].sql, _outside(scene, column, params))
    if soft:
        limits = {**params["warn"], "inclusive": inclusive}
        check.terms["soft"] = Term(check.terms["soft"].sql, _outside(scene, column, limits))
    return check


def _outside(scene: Scene, column: str, params: dict[str, Any]) -> Fact | None:
    if scene.spec.where:
        return None
    low, high = (typed(params.get(side), scene.columns[column]) for side in ("min", "max"))
    return Fact(FactKind.OUTSIDE, (column,), low, high, params.get("inclusive", "both"))


def _beyond(
    sql: str,
    params: dict[str, Any] | None,
    type_: str = "",
    inclusive: str = "both",
    further: str = "",
) -> str:
    """The condition of lying outside; empty without bounds."""
    params = params or {}
    parts = [further] if further else []
    if params.get("min") is not None:
        sign = "<" if inclusive in ("both", "min") else "<="
        parts.append(f"{sql} {sign} {literal(params['min'], type_)}")
    if params.get("max") is not None:
        sign = ">" if inclusive in ("both", "max") else ">="
        parts.append(f"{sql} {sign} {literal(params['max'], type_)}")
    return f"({' OR '.join(parts)})" if parts else ""


def expression(scene: Scene) -> Check:
    """A condition holds in every row; null counts as held and is reported."""
    condition = fragment(scene.params["sql"])
    terms = {
        "rows": scene.rows(),
        "failing": scene.count(f"NOT {condition}"),
        "nulls": scene.count(f"{condition} IS NULL"),
    }
    judge = partial(_judge_expression, sql=scene.params["sql"])
    sample = scene.sample((), f"NOT {condition}")
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)


def _judge_expression(values: Values, sql: str) -> Judgement:
    aside = f"; it is null in {counted(values['nulls'])}" if values["nulls"] else ""
    rule = " ".join(sql.split())
    judged = {**values, "known": (values["rows"] or 0) - (values["nulls"] or 0)}
    nothing = empty(judged, "known")
    if nothing is not None:
        return nothing
    return failing_rows(values, f"satisfy {rule}{aside}", f"break {rule}{aside}", limits={"max": 0})


def compare(scene: Scene) -> Check:
    """Two columns of each row compare as said; a null on either side does not count."""
    column, other = scene.column(scene.params["column"]), scene.column(scene.params["other"])
    operator = scene.params["op"]
    rule = f"{column} {operator} {other}"
    bad = f"NOT ({quote(column)} {operator} {quote(other)})"
    terms = {
        "rows": scene.rows(),
        "filled": scene.filled(*dict.fromkeys((column, other))),
        "failing": scene.count(bad),
    }
    judge = partial(
        failing_rows,
        good=f"have {rule}",
        bad=f"do not have {rule}",
        filled="filled",
        limits={"max": 0},
    )
    sample = scene.sample((column, other), bad)
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)


def _of_values(
    scene: Scene,
    column: str,
    bad: str,
    good_words: str,
    bad_words: str,
    limits: dict[str, Any],
    *,
    soft: str = "",
    value: str = "",
) -> Check:
    """A check of the non-null values of one column; ``value`` also shows its extremes."""
    terms = {
        "rows": scene.rows(),
        "filled": scene.filled(column),
        "failing": scene.count(bad) if bad else Term("0"),
    }
    if soft:
        terms["soft"] = scene.count(soft)
    if value:
        plain = value == quote(column)
        for name, kind in (("min", FactKind.MINIMUM), ("max", FactKind.MAXIMUM)):
            fact = Fact(kind, (column,)) if plain else None
            terms[name] = scene.aggregate(f"{name}({value})", fact=fact)
    judge = partial(_judge_values, good=good_words, bad=bad_words, limits=limits)
    sample = scene.sample(
        (column,),
        " OR ".join(filter(None, (bad, soft))) and f"({' OR '.join(filter(None, (bad, soft)))})",
    )
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)


def _judge_values(values: Values, good: str, bad: str, limits: dict[str, Any]) -> Judgement:
    seen = ""
    more: dict[str, Any] = {}
    if "min" in values and values["min"] is not None:
        more["value"] = {"min": values["min"], "max": values["max"]}
        seen = f" (seen {number(values['min'])} to {number(values['max'])})"
    return failing_rows(values, good + seen, bad + seen, filled="filled", limits=limits, **more)
