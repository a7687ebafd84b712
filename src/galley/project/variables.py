"""Variables: which values a run has, and who set each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from galley.errors import VariableError
from galley.project.model import Json, Manifest, Variable
from galley.project.names import hint_for

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})


def bind(
    manifest: Manifest,
    pipeline: str,
    environment: str | None,
    flags: Mapping[str, str],
    kitchen: Mapping[str, Any] | None = None,
) -> dict[str, Variable]:
    """The variables of a run: flag over kitchen over environment over pipeline over project.

    The text of a flag becomes the type of the value it replaces. Raises VariableError for unknown
    names, for values of another type and for a variable that a step names and nothing sets.
    """
    layers = _layers(manifest, pipeline, environment)
    bound: dict[str, Variable] = {}
    for origin, values in layers:
        for name, value in values.items():
            bound[name] = Variable(name, value, origin)
    known = {*bound, *known_variables(manifest, pipeline)}
    for origin, given in (("kitchen", kitchen or {}), ("flag", flags)):
        for name, value in given.items():
            if name not in known:
                raise VariableError(
                    f"the pipeline '{pipeline}' has no variable '{name}'",
                    hint=hint_for(name, known, "its variables"),
                )
            before = bound[name].value if name in bound else None
            bound[name] = Variable(name, convert(name, value, before), origin)
    _check_set(manifest, pipeline, bound)
    return bound


def known_variables(manifest: Manifest, pipeline: str) -> set[str]:
    """Every variable that the pipeline could have, set in some environment or not."""
    known = set(manifest.variables)
    if pipeline in manifest.pipelines:
        known.update(manifest.pipelines[pipeline].variables)
    for environment in manifest.environments.values():
        known.update(environment.variables)
    return known


def declared(manifest: Manifest, pipeline: str, environment: str | None) -> dict[str, Json]:
    """The values that a project version gives the variables which the pipeline's steps name."""
    values: dict[str, Json] = {}
    for _, layer in _layers(manifest, pipeline, environment):
        values |= layer
    steps = (manifest.steps[name] for name in manifest.pipelines[pipeline].steps)
    named = {variable for step in steps for variable in step.variables}
    return {name: values.get(name) for name in sorted(named)}


def convert(name: str, value: Json, before: Json) -> Json:
    """``value`` in the type of ``before``; a text is read as that type. Raises VariableError."""
    if before is None or type(value) is type(before):
        return value
    if isinstance(value, str):
        return _parsed(name, value, before)
    if isinstance(before, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(before, int) and isinstance(value, float) and not isinstance(before, bool):
        return value
    raise _mistyped(name, value, before)


def _parsed(name: str, text: str, before: Json) -> Json:
    word = text.strip().lower()
    if isinstance(before, bool):
        if word in TRUE | FALSE:
            return word in TRUE
        raise _mistyped(name, text, before)
    try:
        if isinstance(before, int | float):
            return _number(text, whole=isinstance(before, int))
        found = json.loads(text)
    except ValueError:
        if isinstance(before, list) and not word.startswith("["):
            return [_element(name, part.strip(), before) for part in text.split(",")]
        raise _mistyped(name, text, before) from None
    if isinstance(before, list) and not isinstance(found, list):
        return [found]
    if type(found) is not type(before):
        raise _mistyped(name, text, before)
    return found


def _number(text: str, *, whole: bool) -> float:
    """A number that JSON and SQL can hold; raises ValueError for any other text."""
    if whole and text.strip().lstrip("+-").isdecimal():
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _element(name: str, text: str, before: list[Json]) -> Json:
    return convert(name, text, before[0]) if before else text


def _mistyped(name: str, value: Json, before: Json) -> VariableError:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a map",
    }
    kind = kinds.get(type(before), "a text")
    return VariableError(
        f"the variable '{name}' is {kind}, and {value!r} is not",
        hint=f"its present value is {json.dumps(before)}",
    )


def _layers(
    manifest: Manifest, pipeline: str, environment: str | None
) -> list[tuple[str, dict[str, Json]]]:
    if pipeline not in manifest.pipelines:
        raise VariableError(
            f"the project has no pipeline '{pipeline}'",
            hint=hint_for(pipeline, manifest.pipelines, "its pipelines"),
        )
    layers = [
        ("project", manifest.variables),
        (f"pipeline {pipeline}", manifest.pipelines[pipeline].variables),
    ]
    if environment is not None and environment in manifest.environments:
        layers.append((f"environment {environment}", manifest.environments[environment].variables))
    return layers


def _check_set(manifest: Manifest, pipeline: str, bound: dict[str, Variable]) -> None:
    for step_name in manifest.pipelines[pipeline].steps:
        for name in manifest.steps[step_name].variables:
            if name not in bound or bound[name].value is None:
                raise VariableError(
                    f"the variable '{name}' of the step '{step_name}' has no value",
                    hint=f"give it one for this run: --var {name}=…",
                )
