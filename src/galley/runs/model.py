"""States, reasons and rows of the run engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.lake.model import Span


class RunState(StrEnum):
    """The life of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    PUBLISHING = "publishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def terminal(self) -> bool:
        """Whether the run will never change again."""
        return self in _TERMINAL_RUN


_TERMINAL_RUN = frozenset(
    {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED}
)


ACTIVE = (RunState.RUNNING, RunState.PAUSED, RunState.PUBLISHING)
"""The states of runs under way."""


class StepState(StrEnum):
    """The life of a step in a run."""

    WAITING = "waiting"
    READY = "ready"
    CLAIMED = "claimed"
    RUNNING = "running"
    STAGED = "staged"
    RETRY_WAIT = "retry_wait"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    REUSED = "reused"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the step will never change again."""
        return self in _TERMINAL_STEP

    @property
    def good(self) -> bool:
        """Whether consumers may go on and the run may publish."""
        return self in GOOD

    @property
    def live(self) -> bool:
        """Whether a worker holds the step."""
        return self in LIVE


GOOD = frozenset({StepState.SUCCEEDED, StepState.REUSED, StepState.SKIPPED})
LIVE = frozenset({StepState.CLAIMED, StepState.RUNNING, StepState.STAGED})
_TERMINAL_STEP = GOOD | {
    StepState.BLOCKED,
    StepState.FAILED,
    StepState.UPSTREAM_FAILED,
    StepState.CANCELLED,
}


class Reason(StrEnum):
    """Why a step or run is in its state."""

    USER_ERROR = "user_error"
    TIMEOUT = "timeout"
    LOST_WORKER = "lost_worker"
    OUT_OF_MEMORY = "out_of_memory"
    TEST_FAILED = "test_failed"
    UPSTREAM = "upstream"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EFFECT = "effect"
    CONDITION = "condition"
    CONFLICT = "conflict"
    STORAGE = "storage"
    INTERNAL = "internal"


class StepType(StrEnum):
    """What a step run does: the user's step, or one of the implicit ones."""

    STEP = "step"
    INPUT_TESTS = "input_tests"
    SPANNING_TESTS = "spanning_tests"


class RunCause(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    BACKFILL = "backfill"
    RESUME = "resume"
    PROMOTION = "promotion"
    TRIGGER = "trigger"


class Intention(StrEnum):
    """What someone asked of a run, apart from the state it is in."""

    GO = "go"
    PAUSE = "pause"
    CANCEL = "cancel"


class Part(StrEnum):
    """The parts of a backfill, in order: of a child which it is, of the parent where it stands."""

    FIRST = "first"
    """What the windows are cut from."""
    WINDOWS = "windows"
    LAST = "last"
    """What is left when all windows are there; of an atomic backfill, the publish."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything that decides what a run will do; kept with the run and enough to repeat it.

    ``pipelines`` names the graphs that run together. ``windows`` is a half-open range in ISO text.
    ``variables`` are bound values by pipeline, ``origins`` where each came from. ``rebuild`` names
    steps that are computed even if nothing changed. ``resumes`` is the run whose staged work is
    taken over.
    A run that ``activates`` makes its definition the target's code version, provided that the
    target still runs ``expected_code``. A run with a ``batch`` is the parent of a backfill: it has
    no steps of its own but child runs of that many windows each. ``source`` is the commit that a
    promotion brings over: of windowed tables its windows are made, and those that are there. Of
    the latter those made by other code stay as they are with ``forward_only``, or before ``since``
    (a date), instead of being made anew. ``after`` is a run that must have published before this
    one begins.
    The children of an ``atomic`` backfill publish to the backfill's own ref, and their tests of
    whole tables are left to its last child, which begins from that ref (``staged``) and publishes
    to the target. ``trigger`` names what fired it.
    """

    pipelines: tuple[str, ...]
    ref: str
    select: tuple[str, ...] = ()
    windows: tuple[str, str] | None = None
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[str, dict[str, str]] = field(default_factory=dict)
    rebuild: tuple[str, ...] = ()
    resumes: str | None = None
    activates: bool = False
    parent: str | None = None
    expected_code: str | None = None
    batch: int | None = None
    source: str | None = None
    priority: int = 0
    since: str | None = None
    forward_only: bool = False
    after: str | None = None
    atomic: bool = False
    staged: str | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline.

    ``on_behalf_of`` is whom ``actor`` acted for. ``base`` is the commit of the target at which the
    run was pinned, ``pins`` the commits of other projects' refs that it reads. ``origin`` names the
    home that it was asked for in; ``engine`` is whose work its start or its publish is. ``part`` is
    about backfills and their children, ``size`` the number of windows that a child makes.
    """

    id: str
    project: str
    pipeline: str
    ref: str
    state: RunState
    intention: Intention
    cause: RunCause
    definition: str
    request: RunRequest
    actor: str
    on_behalf_of: str | None = None
    base: str | None = None
    generation: int | None = None
    pins: dict[str, str] = field(default_factory=dict)
    reason: Reason | None = None
    message: str | None = None
    commit: str | None = None
    engine: str | None = None
    origin: str = ""
    part: Part | None = None
    size: int = 0
    created: int = 0
    started: int | None = None
    finished: int | None = None

    @property
    def ref_name(self) -> str:
        """The private ref on which the run's steps are staged."""
        return f"run/{self.id}"

    @property
    def is_backfill(self) -> bool:
        """Whether the run has no steps of its own but children."""
        return self.request.batch is not None


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of one run. ``grouping`` is the text of its group (see ``groups``)."""

    id: str
    run_id: str
    name: str
    type: StepType
    state: StepState
    unmet: int
    epoch: int
    position: int
    priority: int = 0
    grouping: str = ""
    attempts: int = 0
    losses: int = 0
    reason: Reason | None = None
    message: str | None = None
    key: str | None = None
    reused_from: str | None = None
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    spans: tuple[Span, ...] = ()
    not_before: int | None = None
    lease_until: int | None = None
    owner: str | None = None
    started: int | None = None
    finished: int | None = None
    why: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
