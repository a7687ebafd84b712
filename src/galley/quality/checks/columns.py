"""Tests of the values of columns, row by row."""

from __future__ import annotations

from functools import partial
from typing import Any

from galley.lake.types import literal as text_literal
from galley.lake.types import quote
from galley.quality.checks.words import bounds as shown_bounds
from galley.quality.checks.words import counted, empty, failing_rows, interval, listed, within
from galley.quality.literals import fragment, literal, number
from galley.quality.model import Check, Judgement, Values
from galley.quality.scene import Scene


def not_null(scene: Scene) -> Check:
    """No row has null in any of the columns."""
    columns = tuple(scene.column(name) for name in scene.params["columns"])
    bad = "(" + " OR ".join(f"{quote(column)} IS NULL" for column in columns) + ")"
    terms = {"rows": scene.rows(), "filled": scene.filled(*columns)}
    judge = partial(_judge_nulls, columns=columns)
    return Check(scene.spec, judge, scene.scope, terms, sample=scene.sample(columns, bad))


def _judge_nulls(values: Values, columns: tuple[str, ...]) -> Judgement:
    rows = values["rows"]
    judged = {"rows": rows, "failing": rows - values["filled"] if rows else 0}
    return failing_rows(judged, f"have {' and '.join(columns)}", f"have no {listed(columns)}")


def null_share(scene: Scene) -> Check:
    """The share of nulls lies within bounds."""
    column = scene.column(scene.params["column"])
    terms = {"rows": scene.rows(), "filled": scene.filled(column)}
    judge = partial(_judge_share, column=column, params=scene.params)
    sample = scene.sample((column,), f"{quote(column)} IS NULL")
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)


def _judge_share(values: Values, column: str, params: dict[str, Any]) -> Judgement:
    nothing = empty(values)
    if nothing is not None:
        return nothing
    rows, nulls = values["rows"], values["rows"] - values["filled"]
    share = nulls / rows
    return Judgement(
        share,
        f"{number(nulls)} of {counted(rows)} have no {column} ({share:.2%}); "
        f"allowed is a share of {interval(params.get('min'), params.get('max'))}",
        hard=within(share, params),
        soft=within(share, params.get("warn", {})),
        rows=rows,
        failing=nulls,
        limits=shown_bounds(params),
    )


def allowed(scene: Scene) -> Check:
    """Every value is one of a list."""
    column = scene.column(scene.params["column"])
    values = [value for value in scene.params["values"] if value is not None]
    type_ = scene.columns[column]
    choice = ", ".join(literal(value, type_) for value in values)
    shown = ", ".join(str(value) for value in values[:8]) + (", …" if len(values) > 8 else "")
    return _of_values(
        scene,
        column,
        f"{quote(column)} NOT IN ({choice})",
        (f"have {column} in {shown}", f"have {column} not in {shown}"),
        {"values": values},
    )


def regex(scene: Scene) -> Check:
    """Every text matches a pattern as a whole."""
    column, pattern = scene.column(scene.params["column"]), scene.params["pattern"]
    return _of_values(
        scene,
        column,
        f"NOT regexp_full_match({quote(column)}, {text_literal(pattern)})",
        (f"have {column} like {pattern}", f"have {column} unlike {pattern}"),
        {"pattern": pattern},
    )


def _of_values(
    scene: Scene, column: str, bad: str, words: tuple[str, str], limits: dict[str, Any]
) -> Check:
    """A check of the non-null values of one column; ``words`` say what is good and what is bad."""
    terms = {"rows": scene.rows(), "filled": scene.filled(column), "failing": scene.count(bad)}
    judge = partial(failing_rows, good=words[0], bad=words[1], filled="filled", limits=limits)
    return Check(scene.spec, judge, scene.scope, terms, sample=scene.sample((column,), bad))


def expression(scene: Scene) -> Check:
    """A condition holds in every row; null counts as held and is reported."""
    condition = fragment(scene.params["sql"])
    terms = {
        "rows": scene.rows(),
        "failing": scene.count(f"NOT {condition}"),
        "nulls": scene.count(f"{condition} IS NULL"),
    }
    judge = partial(_judge_expression, rule=" ".join(scene.params["sql"].split()))
    sample = scene.sample((), f"NOT {condition}")
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)


def _judge_expression(values: Values, rule: str) -> Judgement:
    nothing = empty({**values, "known": values["rows"] - values["nulls"]}, "known")
    if nothing is not None:
        return nothing
    aside = f"; it is null in {counted(values['nulls'])}" if values["nulls"] else ""
    return failing_rows(values, f"satisfy {rule}{aside}", f"break {rule}{aside}")


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
    judge = partial(failing_rows, good=f"have {rule}", bad=f"do not have {rule}", filled="filled")
    sample = scene.sample((column, other), bad)
    return Check(scene.spec, judge, scene.scope, terms, sample=sample)
