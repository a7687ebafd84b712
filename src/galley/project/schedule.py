"""When a pipeline runs by itself, what it promises, and who is told: as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

PRODUCTION = "production"


class CatchUp(StrEnum):
    """Which of the fires run that came due while nobody was there to start them."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class Overlap(StrEnum):
    """What a fire does while an earlier run of its pipeline goes on."""

    QUEUE = "queue"
    SKIP = "skip"
    CANCEL = "cancel"


class Outcome(StrEnum):
    """How the run ended that another pipeline waits for."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ANY = "any"


class AlertKind(StrEnum):
    """What people are told about."""

    LATE = "late"
    MISSING = "missing"
    FAILED = "failed"
    RECOVERED = "recovered"


class ParameterType(StrEnum):
    """What a field of a form takes."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times that a cron expression of five fields names in a time zone."""

    kind: Literal["cron"]
    expression: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, so many seconds apart."""

    kind: Literal["every"]
    seconds: float


@dataclass(frozen=True, slots=True)
class TableUpdated:
    """When a table holds something else than the last run that succeeded began from."""

    kind: Literal["table"]
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFinished:
    """When a run of another pipeline has ended in the same environment."""

    kind: Literal["run"]
    pipeline: str
    outcome: Outcome = Outcome.SUCCEEDED


@dataclass(frozen=True, slots=True)
class FileArrived:
    """When files come or change that match a pattern; looked at every ``check`` seconds."""

    kind: Literal["file"]
    pattern: str
    connection: str | None = None
    check: float = 30.0


@dataclass(frozen=True, slots=True)
class ValueChanged:
    """When a query answers something else; asked every ``check`` seconds.

    Without a ``connection`` the environment's own tables are asked.
    """

    kind: Literal["sql"]
    query: str
    connection: str | None = None
    check: float = 60.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """When a call comes that is signed with a secret and no older than ``replay`` seconds."""

    kind: Literal["webhook"]
    secret: str
    replay: float = 300.0


@dataclass(frozen=True, slots=True)
class Manual:
    """When somebody fills in the form of its parameters."""

    kind: Literal["manual"]


On = Cron | Every | TableUpdated | RunFinished | FileArrived | ValueChanged | Webhook | Manual


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable of the pipeline that whoever fires a trigger may or must give."""

    name: str
    type: ParameterType = ParameterType.TEXT
    label: str | None = None
    default: Any = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """One reason for a pipeline to run in an environment.

    ``start_within`` is how many seconds after a fire its run must have begun.
    """

    name: str
    pipeline: str
    on: On
    path: str
    line: int
    environment: str = PRODUCTION
    catch_up: CatchUp = CatchUp.LAST
    overlap: Overlap = Overlap.QUEUE
    paused: bool = False
    variables: dict[str, Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    start_within: float = 600.0
    description: str | None = None

    @property
    def full_name(self) -> str:
        """What names it in the whole project."""
        return f"{self.pipeline}.{self.name}"

    @property
    def kind(self) -> str:
        """What kind of trigger it is."""
        return self.on.kind


@dataclass(frozen=True, slots=True)
class Promise:
    """By ``at`` (``HH:MM``, local time) a run must have succeeded that is recent enough.

    Recent is what began on that day, or at most ``within`` seconds before. ``days`` are those on
    which the promise is given, Monday is 0; none means every day.
    """

    at: str
    timezone: str
    path: str
    line: int
    environment: str = PRODUCTION
    within: float | None = None
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Who is told of what; addresses hold ``${secret}`` place-holders unresolved.

    The same cause is told again only after ``cooldown`` seconds of quiet.
    """

    to: tuple[str, ...]
    on: tuple[AlertKind, ...]
    path: str
    line: int
    cooldown: float = 3600.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that a pipeline says about when it runs."""

    triggers: tuple[Trigger, ...] = ()
    promise: Promise | None = None
    alerts: tuple[AlertRule, ...] = ()
