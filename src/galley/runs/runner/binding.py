"""Bound values of a step's SQL: variables, ``$now`` and the edges of a window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from galley.clock import to_datetime
from galley.errors import VariableError, Where
from galley.lake.model import Span
from galley.lake.windowing import key_value, parse_moment
from galley.project.model import WindowSpec, WindowUnit
from galley.project.names import BUILT_IN, hint_for


def moment(text: str) -> date | datetime:
    """An edge of a time window: a date where the text is one, else a datetime."""
    if len(text) == len("2000-01-01"):
        return date.fromisoformat(text)
    return datetime.fromisoformat(text)


def edges(span: Span, spec: WindowSpec, column_type: str | None) -> tuple[Any, Any]:
    """A span's start and end as values of the window's column (``column_type``: a table type).

    Without a known type a day or longer is a date and an hour a timestamp, which compare with
    dates and timestamps alike; a key stays text.
    """
    if spec.by is WindowUnit.KEY:
        key = span.start if column_type is None else key_value(span.start, column_type)
        return key, key
    kind = column_type or _natural(span)
    zone = spec.timezone
    return parse_moment(span.start, kind, zone), parse_moment(span.end, kind, zone)


def _natural(span: Span) -> str:
    return "timestamp" if isinstance(moment(span.start), datetime) else "date"


def bound(
    used: Mapping[str, Where],
    variables: Mapping[str, Any],
    *,
    now: int,
    window: tuple[Any, Any] | None,
) -> dict[str, Any]:
    """The values of the names that a statement uses (each with its place), and no others.

    Raises:
        VariableError: a name has no value, or ``$start`` stands in a step without a window.
    """
    special: dict[str, Any] = {"now": to_datetime(now)}
    if window is not None:
        special |= {"start": window[0], "end": window[1]}
    known = {name.lower(): value for name, value in variables.items()} | special
    return {name: _value(name, known, where) for name, where in used.items()}


def _value(name: str, known: Mapping[str, Any], where: Where) -> Any:
    if name.lower() in known:
        return known[name.lower()]
    if name.lower() in BUILT_IN:
        raise VariableError(
            f"${name} is the edge of a window, and this step has none",
            where=where,
            hint="give the step `materialize: window` and a `window`",
        )
    raise VariableError(
        f"the variable ${name} has no value",
        where=where,
        hint=hint_for(name, known, "there are")
        or f"set it under `variables:` in galley.yaml, or with `--var {name}=…`",
    )
