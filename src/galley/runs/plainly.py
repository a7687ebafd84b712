"""Taking over the ends of plain steps, many in one transaction.

A plain step made no table and has no test, so its end is a few rows. With short steps at many
workers the commit, which waits for the disk, would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from galley.errors import GalleyError
from galley.runs import attempts, messages
from galley.runs.attempts import Attempt
from galley.runs.jobs import Jobs
from galley.runs.live import LiveRun, Site
from galley.runs.pool import PoolEvent
from galley.runs.protocol import StepDone

_PLAIN = b'{"kind":"step_done","changes":[]'


@dataclass(frozen=True, slots=True)
class _End:
    task: str
    live: LiveRun
    attempt: Attempt
    done: StepDone


def finish_together(site: Site, owner: str, jobs: Jobs, events: Sequence[PoolEvent]) -> list[str]:
    """Take over the plain steps among what workers said, if there are several; their tasks.

    If one of them cannot be taken over nothing was done, and each must be looked at by itself.
    """
    ends = [end for end in (_end(jobs, event) for event in events) if end is not None]
    if len(ends) < 2:
        return []
    now, hold = site.clock(), site.hold(owner)
    try:
        with site.database.write() as connection:
            for end in ends:
                attempts.finish(
                    connection,
                    end.live,
                    end.attempt,
                    end.done,
                    probe=None,
                    hold=hold,
                    now=now,
                    plain=True,
                )
    except GalleyError:
        return []
    for end in ends:
        jobs.pop(end.task)
    return [end.task for end in ends]


def _end(jobs: Jobs, event: PoolEvent) -> _End | None:
    """The end of a plain step, if that is what the event tells."""
    if not event.final or not (event.payload or b"").startswith(_PLAIN):
        return None
    job = jobs.get(event.task_id)
    if job is None or job.step_run is None or job.attempt is None:
        return None
    node = job.live.node(job.step_run.name)
    if node.tests or node.step is None or node.step.load is not None:
        return None
    done = messages.decode_answer(event.payload or b"")
    return _End(event.task_id, job.live, job.attempt, done) if isinstance(done, StepDone) else None
