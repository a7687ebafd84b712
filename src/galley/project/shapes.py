"""What may stand in the project's files: the pydantic models, and their errors with a place.

A model only checks keys and types. What the values mean together is decided by the modules that
turn them into the frozen values of ``project.model``.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from galley.errors import DefinitionError, DefinitionErrors
from galley.project.document import Document, mapping
from galley.project.model import Json, Materialize, Retention, Untested, WindowUnit
from galley.project.names import hint_for
from galley.project.units import parse_bytes, parse_duration


class Shape(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def one_or_many(value: object) -> object:
    """A single text stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def retries(value: object) -> object:
    """A number counts the tries after the first."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return {"attempts": value + 1}
    if isinstance(value, str | int | float | list):
        raise ValueError("write a number, or a mapping such as {attempts: 3, wait: 10s}")
    return value


Count = Annotated[int, Field(ge=1, le=100_000)]
Rank = Annotated[int, Field(ge=-1000, le=1000)]
Many = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_bytes)]


class WindowShape(Shape):
    """How a table is cut into windows."""

    column: str
    by: WindowUnit
    start: str | None = None
    end: str | None = None
    timezone: str = "UTC"
    lookback: int = Field(default=0, ge=0)


class RetryShape(Shape):
    """When a failed attempt is tried again."""

    attempts: int = Field(default=1, ge=1, le=100)
    wait: Duration = 1.0
    longest: Duration = 60.0
    on: Many = ()


Retries = Annotated[RetryShape, BeforeValidator(retries)]


class DefaultsShape(Shape):
    """What holds for every step that does not say otherwise."""

    retries: Retries | None = None
    timeout: Duration | None = None
    memory: Size | None = None
    owner: str | None = None
    timezone: str | None = None
    untested: Untested | None = None
    pool: str | None = None
    labels: Many = ()


class StepShape(Shape):
    """The options that every kind of step has."""

    name: str | None = None
    description: str | None = None
    owner: str | None = None
    tags: Many = ()
    materialize: Materialize = Materialize.TABLE
    window: WindowShape | None = None
    key: Many = ()
    cursor: str | None = None
    tests: list[Any] = Field(default_factory=list)
    retries: Retries | None = None
    timeout: Duration | None = None
    memory: Size | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    stable: bool = False
    pool: str | None = None
    priority: Rank = 0
    concurrency: Count | None = None
    labels: Many = ()


class PythonShape(StepShape):
    """The arguments of ``@step``."""

    makes: Many = ()
    secrets: Many = ()
    connections: Many = ()
    reads: dict[str, str] = Field(default_factory=dict)
    filename: str | None = None


class LoadShape(StepShape):
    """A declared step of ``kind: load``."""

    kind: str
    path: str | None = None
    url: str | None = None
    connection: str | None = None
    table: str | None = None
    format: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class EnvironmentShape(Shape):
    """A protected environment."""

    variables: dict[str, Any] = Field(default_factory=dict)
    untested: Untested | None = None
    isolation: typing.Literal["snapshot", "serializable"] = "snapshot"


class ConnectionShape(Shape):
    """How to reach an outside system; the keys below ``kind`` are an object store's."""

    url: str = ""
    kind: str | None = None
    endpoint: str | None = None
    region: str | None = None
    key: str | None = None
    secret: str | None = None
    token: str | None = None


class ReadShape(Shape):
    """Tables of another project."""

    ref: str = Field(default="production", alias="in")
    tables: Many


_KEPT = Retention()


class RetentionShape(Shape):
    """How long what is kept."""

    history: Duration = _KEPT.history
    publishes: int = Field(default=_KEPT.publishes, ge=1)
    quarantine: Duration = _KEPT.quarantine
    runs: Duration = _KEPT.runs
    events: Duration = _KEPT.events
    logs: Duration = _KEPT.logs
    metrics: Duration = _KEPT.metrics


def address(value: object) -> object:
    """A single text is the connection's address."""
    return {"url": value} if isinstance(value, str) else value


def nothing(value: object) -> object:
    """A key without a value stands for an empty mapping."""
    return {} if value is None else value


class ProjectShape(Shape):
    """``galley.yaml``."""

    name: str
    description: str | None = None
    owner: str | None = None
    owners: Many = ()
    environments: dict[str, Annotated[EnvironmentShape, BeforeValidator(nothing)]] = Field(
        default_factory=dict
    )
    variables: dict[str, Any] = Field(default_factory=dict)
    connections: dict[str, Annotated[ConnectionShape, BeforeValidator(address)]] = Field(
        default_factory=dict
    )
    secrets: dict[str, str] = Field(default_factory=dict)
    reads: dict[str, ReadShape] = Field(default_factory=dict)
    pools: dict[str, Count] = Field(default_factory=dict)
    lake: str | None = None
    warehouse: str | None = None
    warehouse_connection: str | None = None
    defaults: DefaultsShape = DefaultsShape()
    retention: RetentionShape = RetentionShape()
    alerts: Json = None


class PipelineShape(Shape):
    """``pipeline.yaml``."""

    description: str | None = None
    owner: str | None = None
    owners: Many = ()
    variables: dict[str, Any] = Field(default_factory=dict)
    defaults: DefaultsShape = DefaultsShape()
    priority: Rank = 0
    concurrency: Count | None = None
    triggers: Json = None
    fresh_by: Json = None
    conditions: Json = None
    alerts: Json = None
    goal: Json = None


S = TypeVar("S", bound=BaseModel)

_EXPECTED = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
"""What pydantic's errors mean in a file."""


def read(shape: type[S], document: Document, what: str) -> S:
    """The document as a model; raises DefinitionErrors, one for each wrong key or value."""
    mapping(document, what)
    empty = {key for key, value in document.value.items() if value is None}
    given = {key: value for key, value in document.value.items() if key not in empty}
    unknown = dict.fromkeys(empty - set(keys_of(shape)))
    try:
        return shape.model_validate({**given, **unknown})
    except ValidationError as errors:
        raise DefinitionErrors(
            tuple(_translate(shape, document, what, dict(error)) for error in errors.errors())
        ) from None


def keys_of(shape: type[BaseModel]) -> tuple[str, ...]:
    """The keys as they are written in a file."""
    return tuple(field.alias or name for name, field in shape.model_fields.items())


def _translate(
    shape: type[BaseModel], document: Document, what: str, error: dict[str, Any]
) -> DefinitionError:
    path: tuple[str | int, ...] = error["loc"]
    where = document.where(*path)
    name = ".".join(str(part) for part in path if part in _parts(document, path))
    if error["type"] == "extra_forbidden":
        known = keys_of(_shape_at(shape, path[:-1]))
        return DefinitionError(
            f"{what} has no key '{path[-1]}'", where=where, hint=hint_for(str(path[-1]), known)
        )
    if error["type"] == "missing":
        return DefinitionError(f"{what} lacks the key '{'.'.join(map(str, path))}'", where=where)
    hint = None
    message = _EXPECTED.get(error["type"]) or str(error["msg"])
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
    elif error["type"] in ("enum", "literal_error"):
        known = tuple(
            str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        )
        message = f"{error['input']!r} is not one of {', '.join(known)}"
        hint = hint_for(str(error["input"]), known) if len(known) > 3 else None
    return DefinitionError(f"{name or what}: {message}", where=where, hint=hint)


def _parts(document: Document, path: tuple[str | int, ...]) -> set[str | int]:
    """The parts of pydantic's path that stand in the file (unions add names of types)."""
    return {path[at] for at in range(len(path)) if path[: at + 1] in document.marks}


def _shape_at(shape: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    for part in path:
        fields = {field.alias or name: field for name, field in shape.model_fields.items()}
        if part in fields and (inner := _shape_in(fields[str(part)].annotation)) is not None:
            shape = inner
    return shape


def _shape_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        if (found := _shape_in(inner)) is not None:
            return found
    return None
