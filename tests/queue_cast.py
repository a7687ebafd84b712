"""Runs and steps put straight into the queue."""

from sqlalchemy import Connection

from galley.runs import claims, queue, records
from galley.runs.claims import Taker
from galley.runs.model import (
    Intention,
    Run,
    RunCause,
    RunRequest,
    RunState,
    StepRun,
    StepState,
    StepType,
)

LEASE = 20


def a_run(conn: Connection, id: str = "r", *, origin: str = "", **request: object) -> Run:
    """A queued run."""
    wish = RunRequest(("p", "q"), "production", **request)  # type: ignore[arg-type]
    new = Run(
        id,
        "shop",
        "p q",
        "production",
        RunState.QUEUED,
        Intention.GO,
        RunCause.MANUAL,
        "d",
        wish,
        "ana",
        origin=origin,
        created=int("".join(filter(str.isdigit, id)) or 0),
    )
    records.insert_run(conn, new)
    return new


def under_way(conn: Connection, id: str = "r", *, origin: str = "") -> None:
    """A run that is RUNNING."""
    a_run(conn, id, origin=origin)
    assert queue.move_run(conn, id, RunState.RUNNING, 1)


def steps(
    conn: Connection, *unmet: int, run: str = "r", age: int = 0, **values: object
) -> list[StepRun]:
    """Steps ``s0``, ``s1`` … of a run under way that wait for so many others."""
    under_way(conn, run)
    ready, waiting = StepState.READY, StepState.WAITING
    made = [
        StepRun(
            f"{run}{n}",
            run,
            f"s{n}",
            StepType.STEP,
            waiting if count else ready,
            count,
            0,
            n,
            **values,  # type: ignore[arg-type]
        )
        for n, count in enumerate(unmet)
    ]
    queue.add_steps(conn, made, age)
    return made


def claim(
    conn: Connection,
    limit: int = 10,
    owner: str = "me",
    *,
    labels: tuple[str, ...] | None = None,
    origin: str | None = None,
) -> list[StepRun]:
    """Take ready steps at the instant 5."""
    return claims.claim(conn, Taker(owner, limit, 5 + LEASE, labels, origin), 5)
