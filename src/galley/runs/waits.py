"""Why steps and runs that could go on do not: what they wait for, said so that it can be changed.

Pure: what is at work, which limits there are and who is present is passed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from galley.clock import iso
from galley.runs.groups import Group
from galley.runs.model import Intention, Run, RunState, StepState

MOST_NAMED = 5
"""How many runs or workers are named."""


class Cause(StrEnum):
    """What kind of thing is waited for."""

    LIMIT = "limit"
    LABELS = "labels"
    WORKER = "worker"
    TIME = "time"
    PARKED = "parked"
    STEPS = "steps"
    RUN = "run"
    CHILDREN = "children"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that is waited for, and in words. ``runs`` are those that hold it."""

    cause: Cause
    said: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a project: a pool, or a bound of a pipeline or step; ``at_work`` by run."""

    name: str
    slots: int
    at_work: Mapping[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """How many slots are taken."""
        return sum(self.at_work.values())

    @property
    def full(self) -> bool:
        """Whether nothing more may start."""
        return self.used >= self.slots

    @property
    def kind(self) -> str:
        """``pool``, ``pipeline`` or ``step``."""
        return self.name.split("/")[1]

    @property
    def own_name(self) -> str:
        """The name without project and kind."""
        return self.name.split("/", 2)[2]

    def wait(self) -> Wait:
        """Waiting for a slot of it."""
        said = (
            f"{self.kind} {self.own_name} is full: {self.used} of {self.slots}, "
            f"by {_listed('run', self.at_work)}"
        )
        return Wait(Cause.LIMIT, said, tuple(self.at_work))


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who takes steps: up to ``capacity``; without ``labels`` (``None``) all of them."""

    session: str
    kind: str
    host: str
    capacity: int
    labels: tuple[str, ...] | None
    at_work: int = 0


@dataclass(frozen=True, slots=True)
class Scenery:
    """All that steps of a project may wait for."""

    limits: Mapping[str, Limit]
    present: Sequence[Present]


@dataclass(frozen=True, slots=True)
class Standing:
    """Steps of one run that stand alike: in one state and group; ``until`` is the next instant."""

    run: str
    state: StepState
    grouping: str
    until: int | None = None
    unmet: int = 0
    message: str | None = None


def why(step: Standing, around: Scenery) -> tuple[Wait, ...]:
    """What a step waits for; nothing for one that is at work or over."""
    if step.state is StepState.WAITING:
        number = f"{step.unmet} earlier step{'s' if step.unmet != 1 else ''}"
        return (Wait(Cause.STEPS, f"waits for {number}"),)
    if step.state is StepState.RETRY_WAIT:
        return (Wait(Cause.TIME, f"is tried again at {iso(step.until)}"),)
    if step.state is StepState.PARKED:
        return (Wait(Cause.PARKED, step.message or "waits for an approval or an event"),)
    if step.state is not StepState.READY:
        return ()
    group = Group.parse(step.grouping)
    known = (around.limits[name] for name in group.limits if name in around.limits)
    full = tuple(limit.wait() for limit in known if limit.full)
    return full + _nobody(group, around.present) or (
        Wait(Cause.WORKER, "waits for a worker that is free"),
    )


def why_run(
    run: Run, before: Iterable[str], children: tuple[int, int] | None, present: Collection[Present]
) -> tuple[Wait, ...]:
    """What a run as a whole waits for.

    ``before`` are the runs that must end first, ``children`` how many of its own have ended, of
    how many.
    """
    if run.intention is Intention.PAUSE and not run.state.terminal:
        return (Wait(Cause.PAUSED, f"is paused; galley resume {run.id}"),)
    if run.is_backfill and not run.state.terminal and children is not None and children[1]:
        ended, every = children
        return (Wait(Cause.CHILDREN, f"waits for its runs: {ended} of {every} have ended"),)
    if run.state is not RunState.QUEUED:
        return ()
    first = tuple(before)
    if first:
        return (Wait(Cause.RUN, f"waits for {_listed('run', first)} to end", first),)
    if not any(one.kind == "engine" for one in present):
        return (Wait(Cause.WORKER, "no engine is at work: galley run, or galley server"),)
    return (Wait(Cause.WORKER, "is about to start"),)


def _nobody(group: Group, present: Sequence[Present]) -> tuple[Wait, ...]:
    """That nobody who is there can take steps of a group."""
    takers = [one for one in present if one.capacity]
    if any(group.fits(one.labels) for one in takers):
        return ()
    if not takers:
        return (Wait(Cause.WORKER, "no worker is there: galley worker, or galley run"),)
    wanted = "the labels " if len(group.labels) > 1 else "the label "
    shown = [f"{one.host} ({', '.join(one.labels or ()) or 'none'})" for one in takers]
    said = f"no worker has {wanted}{', '.join(group.labels)}; there are {_some(shown)}"
    return (Wait(Cause.LABELS, said),)


def _listed(kind: str, names: Iterable[str]) -> str:
    every = list(names)
    return f"{kind}{'s' if len(every) != 1 else ''} {_some(every)}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
