"""A project's own SQL as a test, and the place of its own functions."""

from __future__ import annotations

from functools import partial
from typing import Any

from galley.project.sqltext import statements, tokens
from galley.quality.checks.words import bounds, counted, empty, interval, within
from galley.quality.literals import CheckError, number
from galley.quality.model import NO_VALUES, Check, Judgement, Values
from galley.quality.scene import Scene


def sql(scene: Scene) -> Check:
    """A query gives no rows; or, with bounds, one value that lies within them.

    ``"table"`` stands for the rows of the table that the test looks at (its window and filter).
    """
    query = _one_statement(scene.params["query"])
    prefix = f'WITH "table" AS (SELECT * {scene.source()}) ' if _names_table(query) else ""
    terms = {"rows": scene.rows()}
    if any(name in scene.params for name in ("min", "max", "warn")):
        judge = partial(_judge_value, params=scene.params)
        return Check(
            scene.spec, judge, scene.scope, terms, query=f"{prefix}SELECT (\n{query}\n) AS value"
        )
    return Check(
        scene.spec,
        _judge_bad_rows,
        scene.scope,
        terms,
        query=f"{prefix}SELECT count(*) AS failing FROM (\n{query}\n)",
        sample=f"{prefix}SELECT * FROM (\n{query}\n)",
    )


def _one_statement(text: str) -> str:
    found = statements(list(tokens(text)))
    if len(found) != 1:
        raise CheckError(f"the query holds {counted(len(found), 'statement')}; it must hold one")
    return text[: found[0][-1].end]


def _names_table(query: str) -> bool:
    return any(word.kind == "text" and word.name == "table" for word in tokens(query))


def _judge_bad_rows(values: Values) -> Judgement:
    nothing = empty(values)
    if nothing is not None:
        return nothing
    failing = values["failing"]
    message = f"the query found {counted(failing)}" if failing else "the query found no bad row"
    return Judgement(
        failing, message, hard=not failing, rows=values["rows"], failing=failing, limits={"max": 0}
    )


def _judge_value(values: Values, params: dict[str, Any]) -> Judgement:
    value, rows = values["value"], values["rows"]
    if value is None:
        return Judgement(None, "the query gave null: no value to test", rows=rows, reason=NO_VALUES)
    return judge_number(value, rows, params)


def judge_number(value: Any, rows: int | None, params: dict[str, Any]) -> Judgement:
    """A value against ``min``, ``max`` and ``warn``."""
    low, high = params.get("min"), params.get("max")
    try:
        hard, soft = within(value, params), within(value, params.get("warn", {}))
    except TypeError as error:
        raise CheckError(f"{value!r} cannot be compared with {interval(low, high)}") from error
    message = f"the value is {number(value)}; expected is {interval(low, high)}"
    return Judgement(value, message, hard=hard, soft=soft, rows=rows, limits=bounds(params))


def python(scene: Scene) -> Check:
    """A function of the project decides; it is called when its turn comes."""
    judge = partial(Judgement, None, "was not called")
    return Check(
        scene.spec,
        lambda _: judge(),
        scene.scope,
        {"rows": scene.rows()},
        function=scene.params["function"],
    )
