"""Judgements that many types share, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galley.quality.literals import number
from galley.quality.model import NO_ROWS, NO_VALUES, Judgement, Values


def counted(count: int, word: str = "row") -> str:
    """``1 row``, ``3 rows``."""
    return f"{number(count)} {word}{'' if count == 1 else 's'}"


def listed(names: tuple[str, ...]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def interval(low: Any, high: Any) -> str:
    """Bounds in words."""
    if low is None and high is None:
        return "anything"
    if low is None:
        return f"at most {number(high)}"
    if high is None:
        return f"at least {number(low)}"
    return f"{number(low)} to {number(high)}"


def bounds(params: Mapping[str, Any]) -> dict[str, Any]:
    """The limits a verdict shows."""
    return {name: params[name] for name in ("min", "max", "warn", "max_age") if name in params}


def within(value: Any, limits: Mapping[str, Any]) -> bool:
    """Whether a number lies in the closed interval; NaN lies in none."""
    low, high = limits.get("min"), limits.get("max")
    return (low is None or value >= low) and (high is None or value <= high)


def empty(values: Values, filled: str = "rows") -> Judgement | None:
    """The judgement when there was nothing to look at, else ``None``.

    A test of values that saw none has shown nothing, so it is not evaluated rather than green
    (``when_empty: pass`` says that nothing is fine). Only row counts judge an empty table.
    """
    if not values["rows"]:
        return Judgement(None, "there are no rows to test", rows=0, reason=NO_ROWS)
    if not values[filled]:
        rows = counted(values["rows"])
        return Judgement(None, f"all {rows} are null: no value to test", rows=0, reason=NO_VALUES)
    return None


def failing_rows(
    values: Values,
    good: str,
    bad: str,
    *,
    filled: str = "rows",
    value: Any = None,
    limits: Mapping[str, Any] = {"max": 0},
) -> Judgement:
    """The judgement of a test that every row must pass: ``3 of 8 rows <bad>``.

    ``failing`` and ``soft`` count the rows beyond the hard and the soft limits.
    """
    nothing = empty(values, filled)
    if nothing is not None:
        return nothing
    rows, failing, soft = values[filled], values["failing"], values.get("soft", 0)
    message = f"all {counted(rows)} {good}"
    if soft:
        message = f"{number(soft)} of {counted(rows)} lie beyond the soft bounds"
    if failing:
        message = f"{number(failing)} of {counted(rows)} {bad}"
    left = values["rows"] - rows
    aside = f" ({counted(left)} with null not counted)" if left else ""
    return Judgement(
        failing if value is None else value,
        message + aside,
        hard=not failing,
        soft=not soft,
        rows=rows,
        failing=failing or soft,
        limits=dict(limits),
    )
