"""The fields of a form: what was filled in, checked against what was declared."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from galley.errors import VariableError
from galley.project.names import hint_for
from galley.project.schedule import Parameter, ParameterType

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_WORDS = {
    ParameterType.TEXT: "a text",
    ParameterType.INTEGER: "a whole number",
    ParameterType.NUMBER: "a number",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.DATE: "a date such as 2026-03-01",
}


def fill_in(parameters: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a form; what was left out has its default, or is left out where it has none.

    Raises:
        VariableError: a field is unknown, missing, of another type, out of bounds or no choice.
    """
    known = {one.name: one for one in parameters}
    for name in given:
        if name not in known:
            raise VariableError(
                f"there is no parameter '{name}'", hint=hint_for(name, known, "parameters")
            )
    found: dict[str, Any] = {}
    for name, parameter in known.items():
        if given.get(name) not in (None, ""):
            found[name] = checked(parameter, given[name])
        elif parameter.default is not None:
            found[name] = parameter.default
        elif parameter.required:
            raise VariableError(f"the parameter '{name}' is needed", hint=_WORDS[parameter.type])
    return found


def checked(parameter: Parameter, value: Any) -> Any:
    """A value in the type of its field. Raises VariableError."""
    try:
        found = _READ[parameter.type](value)
    except (TypeError, ValueError):
        raise VariableError(
            f"the parameter '{parameter.name}' is {_WORDS[parameter.type]}, and {value!r} is not"
        ) from None
    if parameter.choices and found not in parameter.choices:
        names = [str(choice) for choice in parameter.choices]
        raise VariableError(
            f"the parameter '{parameter.name}' cannot be {value!r}",
            hint=hint_for(str(value), names, "choices"),
        )
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and found < low) or (high is not None and found > high):
        bounds = " and ".join(
            f"{word} {bound:g}"
            for word, bound in (("at least", low), ("at most", high))
            if bound is not None
        )
        raise VariableError(
            f"the parameter '{parameter.name}' must be {bounds}, and {value!r} is not"
        )
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    found = json.loads(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError
    if not math.isfinite(found):
        raise ValueError(found)
    return found


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(word)
    return word in _TRUE


def _date(value: Any) -> str:
    return date.fromisoformat(_text(value)).isoformat()


_READ: Mapping[ParameterType, Callable[[Any], Any]] = {
    ParameterType.TEXT: _text,
    ParameterType.INTEGER: _integer,
    ParameterType.NUMBER: _number,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.DATE: _date,
}
