"""Tests that values lie within bounds.

The extremes alone tell whether all values do, and often they are known without a scan. Only when
one does not are the rows beyond counted.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from galley.lake.types import quote
from galley.quality.checks.words import bounds, counted, empty, failing_rows, interval
from galley.quality.literals import FLOATS, literal, number, typed
from galley.quality.model import Check, Judgement, Values
from galley.quality.scene import Scene, counting


def range_(scene: Scene) -> Check:
    """Every value lies within bounds. NaN is a value, and lies within no bounds."""
    column, params = scene.column(scene.params["column"]), scene.params
    said = interval(params.get("min"), params.get("max"))
    words = (f"have {column} within {said}", f"have {column} outside {said}")
    return _bounded(scene, column, quote(column), scene.columns[column], words)


def length(scene: Scene) -> Check:
    """Every text's length (in characters; of bytes their number) lies within bounds."""
    column, params = scene.column(scene.params["column"]), scene.params
    function = "octet_length" if scene.columns[column] == "binary" else "length"
    said = interval(params.get("min"), params.get("max"))
    words = (f"have {column} of length {said}", f"have {column} not of length {said}")
    return _bounded(scene, column, f"{function}({quote(column)})", "", words)


def _bounded(scene: Scene, column: str, sql: str, type_: str, words: tuple[str, str]) -> Check:
    params = scene.params
    soft = (
        {**params["warn"], "inclusive": params.get("inclusive", "both")} if "warn" in params else {}
    )
    beyond, softly = _beyond(sql, params, type_), _beyond(sql, soft, type_)
    either = " OR ".join(filter(None, (beyond, softly)))
    terms = {
        "rows": scene.rows(),
        "filled": scene.filled(column),
        **scene.extremes(sql, column if type_ else None),
    }
    counts = f"{counting(beyond or 'false')} AS failing, {counting(softly or 'false')} AS soft"
    return Check(
        scene.spec,
        partial(
            _judge,
            words=words,
            hard=_typed(params, type_),
            soft=_typed(soft, type_),
            limits=bounds(params),
        ),
        scene.scope,
        terms,
        detail=f"SELECT {counts} {scene.source()}",
        sample=scene.sample((column,), f"({either})") if either else None,
    )


def _typed(params: dict[str, Any], type_: str) -> dict[str, Any]:
    """Bounds as values that compare with the column's."""
    sides = {side: params[side] for side in ("min", "max") if params.get(side) is not None}
    if type_:
        sides = {side: typed(value, type_) for side, value in sides.items()}
    return {**sides, "inclusive": params.get("inclusive", "both")}


def _beyond(sql: str, params: dict[str, Any], type_: str) -> str:
    """The condition of lying outside; empty without bounds."""
    inclusive, parts = params.get("inclusive", "both"), []
    if params.get("min") is not None:
        sign = "<" if inclusive in ("both", "min") else "<="
        parts.append(f"{sql} {sign} {literal(params['min'], type_)}")
    if params.get("max") is not None:
        sign = ">" if inclusive in ("both", "max") else ">="
        parts.append(f"{sql} {sign} {literal(params['max'], type_)}")
    if parts and type_ in FLOATS:
        parts.append(f"isnan({sql})")
    return f"({' OR '.join(parts)})" if parts else ""


def _judge(
    values: Values,
    words: tuple[str, str],
    hard: dict[str, Any],
    soft: dict[str, Any],
    limits: dict[str, Any],
) -> Judgement:
    nothing = empty(values, "filled")
    if nothing is not None:
        return nothing
    low, high = values["min"], values["max"]
    shown, seen = {"min": low, "max": high}, f" (seen {number(low)} to {number(high)})"
    if "failing" in values or (_inside(low, high, hard) and _inside(low, high, soft)):
        counts = {"failing": 0, "soft": 0, **values}
        good, bad = (word + seen for word in words)
        return failing_rows(counts, good, bad, filled="filled", value=shown, limits=limits)
    rows = values["filled"]
    message = f"some of {counted(rows)} {words[1]}{seen}"
    return Judgement(shown, message, hard=False, rows=rows, limits=limits)


def _inside(low: Any, high: Any, limits: dict[str, Any]) -> bool:
    """Whether all values from ``low`` to ``high`` are. NaN, the greatest to DuckDB, is not."""
    inclusive = limits["inclusive"]
    least, most = limits.get("min"), limits.get("max")
    if least is None and most is None:
        return True
    if isinstance(high, float) and math.isnan(high):
        return False
    if least is not None and not (low > least or (low == least and inclusive in ("both", "min"))):
        return False
    return most is None or high < most or (high == most and inclusive in ("both", "max"))
