"""``triggers:``, ``fresh_by:`` and ``alerts:`` as they stand in a file, and what is wrong there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from galley.errors import DefinitionError, Where
from galley.project import cron, forms
from galley.project.document import Document
from galley.project.names import check_name, hint_for, nearest
from galley.project.problems import Problems
from galley.project.schedule import (
    AlertKind,
    AlertRule,
    CatchUp,
    Cron,
    Every,
    FileArrived,
    Manual,
    On,
    Outcome,
    Overlap,
    Parameter,
    ParameterType,
    Promise,
    RunFinished,
    Schedule,
    TableUpdated,
    Trigger,
    ValueChanged,
    Webhook,
)
from galley.project.shapes import Duration, Many, Shape, read

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PROMISED = re.compile(r"(\d{1,2}:\d{2})(?:\s+(\S+))?")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _url(value: object) -> object:
    """A single address stands for a rule that tells it of everything."""
    return {"to": value} if isinstance(value, str) else value


def _secret(value: object) -> object:
    return {"secret": value} if isinstance(value, str) else value


def _form(value: object) -> object:
    """A form without fields."""
    return {} if value is True else value


def _time(value: object) -> object:
    """``07:00 Europe/Berlin``."""
    if not isinstance(value, str):
        return value
    found = _PROMISED.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no time of the day: write '07:00 Europe/Berlin'")
    return {"at": found[1], "timezone": found[2]}


class ParameterShape(Shape):
    """A field of a form."""

    type: ParameterType = ParameterType.TEXT
    label: str | None = None
    default: Any = None
    choices: list[Any] = Field(default_factory=list)
    required: bool = False
    minimum: float | None = Field(default=None, alias="min")
    maximum: float | None = Field(default=None, alias="max")


class WebhookShape(Shape):
    """How a call proves where it comes from."""

    secret: str
    replay: Duration = 300.0


class TriggerShape(Shape):
    """One entry of ``triggers:``; exactly one of the first eight keys says what it is."""

    cron: str | None = None
    every: Duration | None = None
    table: Many = ()
    run: str | None = None
    file: str | None = None
    sql: str | None = None
    webhook: Annotated[WebhookShape, BeforeValidator(_secret)] | None = None
    manual: Annotated[dict[str, ParameterShape], BeforeValidator(_form)] | None = None
    name: str | None = None
    description: str | None = None
    timezone: str | None = None
    outcome: Outcome | None = None
    connection: str | None = None
    check: Duration | None = None
    parameters: dict[str, ParameterShape] = Field(default_factory=dict)
    catch_up: CatchUp | None = None
    overlap: Overlap = Overlap.QUEUE
    paused: bool = False
    variables: dict[str, Any] = Field(default_factory=dict)
    environment: str = Field(default="production", alias="in")
    start_within: Duration = 600.0


class PromiseShape(Shape):
    """What stands below ``fresh_by:``."""

    at: str
    timezone: str | None = None
    within: Duration | None = None
    days: Many = ()
    environment: str = Field(default="production", alias="in")


class AlertShape(Shape):
    """One entry of ``alerts:``."""

    to: Many
    on: Many = ()
    cooldown: Duration = 3600.0


KINDS = ("cron", "every", "table", "run", "file", "sql", "webhook", "manual")
_ONLY: Mapping[str, tuple[str, ...]] = {
    "timezone": ("cron",),
    "outcome": ("run",),
    "connection": ("file", "sql"),
    "check": ("file", "sql"),
    "parameters": ("webhook",),
    "catch_up": ("cron", "every"),
}
"""Options that mean something to some kinds only."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a file's triggers may name. ``check_address`` looks at a place-holder's secret."""

    pipeline: str
    timezone: str
    environments: tuple[str, ...]
    connections: Mapping[str, str]
    secrets: Mapping[str, str]
    check_address: Callable[[str, Where], object]


def read_schedule(document: Document, around: Around, problems: Problems) -> Schedule:
    """What ``pipeline.yaml`` says; problems are noted, with their places."""
    value = document.value
    triggers = tuple(_named(_triggers(document, around, problems), document.path, problems))
    promise = None
    if value.get("fresh_by") is not None:
        with problems.noted():
            promise = _promise(document, around)
    return Schedule(triggers, promise, read_alerts(document, around, problems))


def read_alerts(document: Document, around: Around, problems: Problems) -> tuple[AlertRule, ...]:
    """The rules of ``alerts:``, of a pipeline or of the whole project."""
    found = []
    for part, place in _entries(document, "alerts", problems):
        with problems.noted():
            found.append(_alert(part, place, around))
    return tuple(found)


def _entries(
    document: Document, key: str, problems: Problems
) -> Iterator[tuple[Document, tuple[str | int, ...]]]:
    """The entries of a list; one that stands alone is a list of one."""
    value = document.value.get(key)
    if value is None:
        return
    if not isinstance(value, list):
        yield document.part(key), (key,)
        return
    if not value:
        problems.warn(f"'{key}' is an empty list", document.where(key))
    for at in range(len(value)):
        yield document.part(key, at), (key, at)


def _triggers(document: Document, around: Around, problems: Problems) -> Iterator[Trigger]:
    for part, _ in _entries(document, "triggers", problems):
        with problems.noted():
            shape = read(TriggerShape, part, "a trigger")
            if (trigger := _trigger(shape, part, around, problems)) is not None:
                yield trigger


def _named(triggers: Iterator[Trigger], path: str, problems: Problems) -> Iterator[Trigger]:
    """Each with a name of its own; those that were given none are called after their kind."""
    taken: dict[str, int] = {}
    for trigger in triggers:
        name = trigger.name or _called(trigger.on)
        if trigger.name and name in taken:
            problems.add(
                f"two triggers are called '{name}': here and on line {taken[name]}",
                Where(path, trigger.line),
                "give one of them another name",
            )
        base, number = name, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken[name] = trigger.line
        yield replace(trigger, name=name)


def _called(on: On) -> str:
    if isinstance(on, TableUpdated):
        return re.sub(r"\W", "_", f"table_{on.tables[0]}")
    return f"run_{on.pipeline}" if isinstance(on, RunFinished) else on.kind


def _trigger(
    shape: TriggerShape, part: Document, around: Around, problems: Problems
) -> Trigger | None:
    named = [kind for kind in KINDS if kind in part.value]
    if len(named) != 1:
        what = f"is both {' and '.join(named)}" if named else "does not say what fires it"
        problems.add(f"a trigger {what}", part.where(), f"one of: {', '.join(KINDS)}")
        return None
    kind = named[0]
    for option, kinds in _ONLY.items():
        if option in part.value and kind not in kinds:
            problems.add(
                f"'{option}' means nothing to a trigger of kind {kind}",
                part.where(option),
                f"it belongs to: {', '.join(kinds)}",
            )
    with problems.noted():
        check_environment(shape.environment, part.where("in"), around)
    if shape.name is not None:
        with problems.noted():
            check_name(shape.name, "trigger", part.where("name"))
    on = _on(kind, shape, part, around)
    given = shape.parameters if shape.manual is None else shape.manual
    where = part.where(kind)
    return Trigger(
        name=shape.name or "",
        pipeline=around.pipeline,
        on=on,
        path=where.path,
        line=where.line or 1,
        environment=shape.environment,
        catch_up=shape.catch_up or CatchUp.LAST,
        overlap=shape.overlap,
        paused=shape.paused,
        variables=shape.variables or None,
        parameters=tuple(_parameters(given, part, kind, problems)),
        start_within=shape.start_within,
        description=shape.description,
    )


def check_environment(name: str, where: Where, around: Around) -> None:
    """Raise DefinitionError for an environment that the project does not have."""
    if name not in around.environments:
        raise DefinitionError(
            f"triggers fire in environments, and the project has none called '{name}'",
            where=where,
            hint=hint_for(name, around.environments, "environments"),
        )


def check_zone(name: str, where: Where) -> None:
    """Raise DefinitionError for a time zone that there is none of."""
    if cron.zone(name) is None:
        meant = nearest(name, cron.zones()) or nearest(
            name.rpartition("/")[2], [one for one in cron.zones() if "/" not in one]
        )
        hint = f"did you mean '{meant}'?" if meant else "a name such as Europe/Berlin"
        raise DefinitionError(f"there is no time zone '{name}'", where=where, hint=hint)


def _on(kind: str, shape: TriggerShape, part: Document, around: Around) -> On:
    where = part.where(kind)
    if kind == "cron":
        return _cron(shape, part, around)
    if kind == "every":
        if (shape.every or 0) < 1:
            raise DefinitionError("a trigger fires at most once a second", where=where)
        return Every("every", shape.every or 1)
    if kind == "table":
        tables = tuple(dict.fromkeys(name.lower() for name in shape.table))
        if not tables:
            raise DefinitionError("the trigger names no table", where=where)
        return TableUpdated("table", tables)
    if kind == "run":
        return RunFinished("run", shape.run or "", shape.outcome or Outcome.SUCCEEDED)
    if kind == "webhook":
        return _webhook(shape.webhook, part, around)
    if kind == "manual":
        return Manual("manual")
    return _watched(kind, shape, part, around)


def _cron(shape: TriggerShape, part: Document, around: Around) -> Cron:
    expression = cron.plain(shape.cron or "")
    if (problem := cron.problem_of(expression)) is not None:
        raise DefinitionError(
            problem,
            where=part.where("cron"),
            hint="minute, hour, day of the month, month, day of the week: '0 6 * * 1-5' is six "
            "o'clock from Monday to Friday",
        )
    timezone = shape.timezone or around.timezone
    check_zone(timezone, part.where("timezone"))
    return Cron("cron", expression, timezone)


def _webhook(shape: WebhookShape | None, part: Document, around: Around) -> Webhook:
    name = shape.secret if shape else ""
    if shape is None or name not in around.secrets:
        suggested = name or "hook"
        raise DefinitionError(
            f"there is no secret '{name}' to check the calls with",
            where=part.where("webhook"),
            hint=hint_for(name, around.secrets)
            or f"add to galley.yaml: `secrets: {{{suggested}: env:{suggested.upper()}}}`",
        )
    return Webhook("webhook", name, shape.replay)


def _watched(kind: str, shape: TriggerShape, part: Document, around: Around) -> On:
    """What is looked at from time to time."""
    name, where = shape.connection, part.where("connection")
    wanted = "s3" if kind == "file" else "postgres"
    if name is not None and name not in around.connections:
        raise DefinitionError(
            f"there is no connection '{name}'",
            where=where,
            hint=hint_for(name, around.connections, "connections"),
        )
    if name is not None and around.connections[name] != wanted:
        raise DefinitionError(
            f"'{name}' is a connection of kind {around.connections[name]}, and this trigger needs "
            f"one of kind {wanted}",
            where=where,
        )
    if kind == "file":
        if name is not None and not (shape.file or "").startswith("s3://"):
            raise DefinitionError(
                "files behind a connection have an address such as s3://bucket/folder/*.csv",
                where=part.where("file"),
            )
        return FileArrived("file", shape.file or "", name, shape.check or 30.0)
    _check_query(shape.sql or "", part.where("sql"))
    return ValueChanged("sql", shape.sql or "", name, shape.check or 60.0)


def _check_query(text: str, where: Where) -> None:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        found = sqlglot.parse(text, read="duckdb")
    except SqlglotError as error:
        raise DefinitionError(
            f"the query cannot be read: {str(error).splitlines()[0]}", where=where
        ) from None
    if len(found) != 1 or not isinstance(found[0], sqlglot.exp.Query):
        raise DefinitionError(
            "the trigger needs one query", where=where, hint="SELECT max(id) FROM orders"
        )


def _parameters(
    given: Mapping[str, ParameterShape], part: Document, kind: str, problems: Problems
) -> Iterator[Parameter]:
    key = "manual" if kind == "manual" else "parameters"
    for name, shape in given.items():
        where = part.where(key, name)
        parameter = Parameter(
            name,
            shape.type,
            shape.label,
            None,
            (),
            shape.required,
            shape.minimum,
            shape.maximum,
        )
        with problems.noted():
            try:
                choices = tuple(forms.checked(parameter, one) for one in shape.choices)
                parameter = replace(parameter, choices=choices)
                default = shape.default
                if default is not None:
                    default = forms.checked(parameter, default)
                yield replace(parameter, default=default)
            except DefinitionError as error:
                raise DefinitionError(error.message, where=where, hint=error.hint) from None


def _promise(document: Document, around: Around) -> Promise:
    part = document.part("fresh_by")
    try:
        part.value = _time(part.value)
    except ValueError as error:
        raise DefinitionError(str(error), where=document.where("fresh_by")) from None
    shape = read(PromiseShape, part, "fresh_by")
    where = document.where("fresh_by")
    timezone = shape.timezone or around.timezone
    check_zone(timezone, where)
    check_environment(shape.environment, part.where("in"), around)
    time = _TIME.fullmatch(shape.at)
    if time is None:
        raise DefinitionError(
            f"{shape.at!r} is no time of the day", where=part.where("at"), hint="'07:00'"
        )
    return Promise(
        at=f"{int(time[1]):02}:{time[2]}",
        timezone=timezone,
        path=where.path,
        line=where.line or 1,
        environment=shape.environment,
        within=shape.within,
        days=tuple(sorted({day for text in shape.days for day in _days(text, part)})),
    )


def _days(text: str, part: Document) -> tuple[int, ...]:
    """``mon``, or ``mon-fri``."""
    first, _, last = text.lower().partition("-")
    for word in (first, last or first):
        if word[:3] not in DAYS:
            raise DefinitionError(
                f"{text!r} is no day", where=part.where("days"), hint=", ".join((*DAYS, "mon-fri"))
            )
    start, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
    return tuple(day % 7 for day in range(start, end + 1 if end >= start else end + 8))


def _alert(part: Document, place: tuple[str | int, ...], around: Around) -> AlertRule:
    part.value = _url(part.value)
    shape = read(AlertShape, part, "an alert")
    known = tuple(AlertKind)
    for word in shape.on:
        if word not in known:
            raise DefinitionError(
                f"nobody can be told of '{word}'",
                where=part.where("on"),
                hint=hint_for(word, known, "what can be told"),
            )
    if not shape.to:
        raise DefinitionError("the alert goes to nobody", where=part.where("to"))
    for address in shape.to:
        where = part.where("to")
        if "://" not in address and not address.startswith("${"):
            raise DefinitionError(
                f"{address!r} is no address",
                where=where,
                hint="mailtos://…, https://… or another of Apprise's, or ${NAME} of a secret that "
                "holds one",
            )
        # What follows is no part of a password, though it may hold an @.
        base, separator, options = address.partition("?")
        around.check_address(base + separator + options.replace("@", "%40"), where)
    at = part.where()
    on = tuple(kind for kind in known if not shape.on or kind.value in shape.on)
    return AlertRule(shape.to, on, at.path, at.line or 1, shape.cooldown)
