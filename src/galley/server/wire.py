"""What a worker and a server say to each other over HTTP, as JSON. All times are in seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from galley.runs.framing import LIMIT as TASK_LIMIT

SMALL = 1 << 20
"""Bytes of a call that only says how things stand."""

LARGE = TASK_LIMIT + SMALL
"""Bytes of a call that brings answers."""

LOG_CHUNK = 1 << 20
"""Bytes of output in one call."""

TASK_TOKEN = "galley-task"
"""The header with a task's token, where the body is no JSON."""

LONGEST_WAIT = 20.0
"""For how long a call for orders is kept waiting."""


class Wire(BaseModel):
    """A message."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Registration(Wire):
    """A worker introduces itself. ``pid_started`` is in clock ticks since the boot ``boot_id``."""

    version: str
    host: str = Field(max_length=256)
    boot_id: str | None = Field(default=None, max_length=64)
    pid: int
    pid_started: int | None = None
    capacity: int = Field(ge=1, le=4096)
    labels: tuple[str, ...] = ()


class Registered(Wire):
    """Its session: ``token`` is shown with every further call."""

    session: str
    token: str
    lease: float


class Ask(Wire):
    """A call for orders: for how many tasks there is room in all, and which are there."""

    capacity: int = Field(ge=0, le=4096)
    has: tuple[str, ...] = ()
    wait: float = Field(default=0.0, ge=0.0, le=LONGEST_WAIT)


class Task(Wire):
    """A task; ``token`` is shown with everything that is said about it."""

    id: str
    token: str
    payload: str
    code: str
    log: str
    secrets: tuple[str, ...] = Field(default=(), repr=False)
    timeout: float | None = None
    memory: int | None = None


class Orders(Wire):
    """The answer to a call: new tasks, tasks to end, and whether to call elsewhere."""

    tasks: tuple[Task, ...] = ()
    cancels: tuple[str, ...] = ()
    closing: bool = False


class Answer(Wire):
    """What became of a task. A ``final`` one carries the worker's answer as it wrote it."""

    token: str
    kind: Literal["started", "final", "exited", "returned"]
    payload: str = ""
    pid: int | None = None
    pid_started: int | None = None
    boot_id: str | None = None
    reason: str | None = None
    detail: str = ""
    returncode: int | None = None


class Answers(Wire):
    """Several answers in one call; each has an outcome of its own."""

    answers: tuple[Answer, ...] = Field(max_length=1024)


class Outcome(Wire):
    """How an answer was taken: an HTTP status and, of an attempt, its recorded end."""

    status: int
    end: str | None = None
    code: str | None = None
    message: str | None = None


class Outcomes(Wire):
    """The outcomes, in the order of the answers."""

    outcomes: tuple[Outcome, ...]


class Beat(Wire):
    """A heartbeat: the tasks that the worker works on."""

    running: tuple[str, ...] = ()


class Beaten(Wire):
    """Which of them are no longer its own."""

    lost: tuple[str, ...] = ()


class Question(Wire):
    """A task asks for field ids; the payload is the worker's ``FieldsRequest``."""

    token: str
    payload: str


class Reply(Wire):
    """The ``FieldsReply`` for it."""

    payload: str


class Kept(Wire):
    """How many bytes of a log there are now."""

    size: int


class Problem(Wire):
    """An error as ``application/problem+json``."""

    status: int
    code: str = "error"
    title: str = ""
    detail: str = ""
    hint: str | None = None
    details: dict[str, object] = Field(default_factory=dict)
