"""What a clock that was set back has left in the future: nobody is to wait until that comes."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, select, update

from galley.runs.model import LIVE, StepState
from galley.runs.tables import attempt, run, session, step_run


def settle(connection: Connection, now: int, lease: int) -> None:
    """Bring leases, beats and waits that no clock of now can have given back to the present.

    ``lease`` is the caller's; who is at work may have a longer one. Safe to repeat, by any number
    of engines.
    """
    theirs = connection.scalar(select(func.max(session.c.lease)).where(session.c.ended.is_(None)))
    lease = max(lease, theirs or 0)
    live = [state.value for state in LIVE]
    connection.execute(
        update(step_run)
        .where(step_run.c.state.in_(live), step_run.c.lease_until > now + lease)
        .values(lease_until=now + lease)
    )
    connection.execute(
        update(run).where(run.c.lease_until > now + lease).values(lease_until=now + lease)
    )
    connection.execute(
        update(session).where(session.c.ended.is_(None), session.c.beat > now).values(beat=now)
    )
    # A wait can be as long as its step says; but its try has not ended later than now.
    unborn = exists().where(attempt.c.step_run_id == step_run.c.id, attempt.c.finished > now)
    connection.execute(
        update(step_run)
        .where(step_run.c.state == StepState.RETRY_WAIT.value, step_run.c.not_before > now, unborn)
        .values(not_before=now)
    )
