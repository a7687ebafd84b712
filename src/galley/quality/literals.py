"""Names and values as SQL text, in the type of the column they are compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import Any

from galley.errors import StepError
from galley.lake.types import literal as text_literal
from galley.lake.types import quote
from galley.project.sqltext import tokens

INTEGERS = ("int", "long")
FLOATS = ("float", "double")
TIMES = ("date", "timestamp", "timestamptz")
_DEPTH = {"(": 1, ")": -1}
_WORDS = {"date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "time": "TIME"}


class CheckError(StepError):
    """A test cannot be run as it is written (a column is unknown, a value does not fit)."""

    code = "check"


def table_name(key: str) -> str:
    """The mounted view of a table key: ``name`` or ``other.name``."""
    return ".".join(quote(part) for part in key.split("."))


def typed(value: Any, type_: str) -> Any:
    """A parameter as a Python value comparable with the column's statistics.

    Raises ``CheckError`` when the value cannot be one of the column's type.
    """
    try:
        return _typed(value, type_)
    except (ValueError, InvalidOperation, TypeError) as error:
        raise CheckError(f"{value!r} is no value of a column of type {type_}") from error


def _typed(value: Any, type_: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if type_ in INTEGERS or type_.startswith("decimal"):
        exact = Decimal(str(value))
        return int(exact) if exact == exact.to_integral_value() else exact
    if type_ in FLOATS:
        return float(value)
    if type_ in TIMES:
        return _moment(value, type_)
    if type_ == "time":
        return value if isinstance(value, time) else time.fromisoformat(str(value))
    return str(value) if type_ in ("string", "uuid") else value


def _moment(value: Any, type_: str) -> Any:
    moment = value
    if not isinstance(value, date):
        moment = datetime.fromisoformat(str(value))
    elif not isinstance(value, datetime):
        moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001  zone follows
    if type_ == "date":
        return moment.date()
    if type_ == "timestamp":
        return moment.replace(tzinfo=None)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def literal(value: Any, type_: str = "") -> str:
    """A value as an SQL literal; ``type_`` is the column's type where it is known."""
    value = typed(value, type_) if type_ else value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)" if not math.isfinite(value) else f"{value!r}::DOUBLE"
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        word = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
        return f"{word} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date | time):
        return f"{_WORDS['date' if isinstance(value, date) else 'time']} '{value.isoformat()}'"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return text_literal(str(value))


def parameters(sql: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """The bound values that ``sql`` names, by name; raises ``CheckError`` for an unknown one."""
    named = {word.text[1:] for word in tokens(sql) if word.kind == "parameter"}
    missing = sorted(named - set(known))
    if missing:
        raise CheckError(f"no variable is named {', '.join('$' + name for name in missing)}")
    return {name: known[name] for name in sorted(named)}


def pasted(sql: str, known: Mapping[str, Any]) -> str:
    """``sql`` with its variables written out, so that it runs anywhere as it stands."""
    return "".join(_pasted(sql, known))


def _pasted(sql: str, known: Mapping[str, Any]) -> Iterator[str]:
    at = 0
    for word in tokens(sql):
        if word.kind == "parameter" and word.text[1:] in known:
            yield sql[at : word.start] + literal(known[word.text[1:]])
            at = word.end
    yield sql[at:]


def fragment(sql: str) -> str:
    """A user's condition in brackets; a trailing comment in it cannot swallow the bracket."""
    words = [word for word in tokens(sql) if word.kind != "comment"]
    signs = [word.text for word in words if word.kind == "sign"]
    depths = list(accumulate(_DEPTH.get(sign, 0) for sign in signs))
    if not words or ";" in signs or min(depths, default=0) < 0 or (depths and depths[-1]):
        raise CheckError(f"{sql!r} is not one complete condition")
    return f"({sql}\n)" if "--" in sql else f"({sql})"


def number(value: Any) -> str:
    """A number as people read it: thousands apart, no needless digits."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float | Decimal) and math.isfinite(value):
        size = abs(float(value))
        return f"{value:,.6g}" if size < 1e6 else f"{value:,.0f}"
    return str(value)
