"""How far a backfill is, as plain values: what ``--json`` prints of one."""

from __future__ import annotations

from itertools import islice

from sqlalchemy import Connection

from galley.environments.inspect import Facts
from galley.runs import progress
from galley.runs.model import Run

MOST_FAILURES = 20
MOST_STRETCHES = 100


def backfill_facts(connection: Connection, run: Run) -> Facts | None:
    """Windows made, failed and to go, the rate, the first failures; ``None`` for other runs."""
    if not run.is_backfill:
        return None
    found = progress.progress_of(connection, run.id)
    return {
        "atomic": run.request.atomic,
        "part": run.part.value if run.part else None,
        "windows": found.windows,
        "made": found.made,
        "failed": found.failed,
        "cancelled": found.cancelled,
        "open": found.open,
        "windows_per_second": round(found.rate, 3) if found.rate else None,
        "seconds_left": round(found.left, 1) if found.left is not None else None,
        "runs": found.runs,
        "failures": [
            failure_facts(one) for one in progress.failures(connection, run.id, MOST_FAILURES)
        ],
        "stretches": [
            {
                "state": one.state.value,
                "start": one.start,
                "end": one.end,
                "windows": one.windows,
                "runs": one.runs,
            }
            for one in islice(progress.stretches(connection, run.id), MOST_STRETCHES)
        ],
    }


def failure_facts(run: Run) -> Facts:
    """A run of a backfill that failed: which windows it was about, and its first error."""
    windows = run.request.windows
    return {
        "run": run.id,
        "start": windows[0] if windows else None,
        "end": windows[1] if windows else None,
        "windows": run.size,
        "reason": run.reason.value if run.reason else None,
        "message": run.message,
    }
