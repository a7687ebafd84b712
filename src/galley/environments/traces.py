"""A run as a trace: what took how long, told from the records that are kept of it anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from galley.ids import digest
from galley.notify.spans import Span, Trace, Value
from galley.runs import outbox, queue, records, sessions
from galley.runs.model import Run, RunState, StepRun

_GOOD_ENDS = (None, "staged")


def trace_of(connection: Connection, run: Run) -> Trace:
    """A run that has ended, with its steps, their attempts and its publish."""
    root = Span(
        id=_id(run.id),
        parent=None,
        name=f"run {run.pipeline}",
        start=run.created,
        end=run.finished or run.created,
        attributes=_known(
            project=run.project,
            run=run.id,
            pipeline=run.pipeline,
            ref=run.ref,
            state=run.state.value,
            reason=run.reason.value if run.reason else None,
            cause=run.cause.value,
            actor=run.actor,
            commit=run.commit,
            definition=run.definition,
        ),
        error=None if run.state is RunState.SUCCEEDED else run.message or run.state.value,
    )
    spans = [root, *_publish(connection, run, root), *_steps(connection, run, root)]
    return Trace(digest("trace", run.id)[:32], tuple(spans))


def ended_here(connection: Connection, run_id: str) -> Run | None:
    """A run that an engine of this process ended; ``None`` for those of others."""
    run = records.find_run(connection, run_id)
    if run is None or run.engine is None or not run.state.terminal:
        return None
    owner = sessions.find_session(connection, run.engine)
    return run if owner is not None and sessions.mine(owner) else None


def _steps(connection: Connection, run: Run, root: Span) -> Iterator[Span]:
    attempts: dict[str, list[dict[str, Any]]] = {}
    for row in records.attempts_of(connection, run.id):
        attempts.setdefault(row["step_run_id"], []).append(row)
    for step in queue.steps_of(connection, run.id):
        if step.started is None:
            continue
        span = _step(step, root)
        yield span
        for row in attempts.get(step.id, ()):
            yield _attempt(row, span)


def _step(step: StepRun, root: Span) -> Span:
    start, end = step.started or root.start, step.finished or root.end
    return Span(
        id=_id(step.id),
        parent=root.id,
        name=step.name if ":" in step.name else f"step {step.name}",
        start=start,
        end=max(start, end),
        attributes=_known(
            step=step.name,
            state=step.state.value,
            reason=step.reason.value if step.reason else None,
            rows=step.rows,
            bytes=step.bytes,
            reused_from=step.reused_from,
            attempts=step.attempts,
        ),
        error=None if step.state.good else step.message or step.state.value,
    )


def _attempt(row: Mapping[str, Any], step: Span) -> Span:
    return Span(
        id=_id(row["id"]),
        parent=step.id,
        name=f"attempt {row['epoch']}",
        start=row["started"],
        end=max(row["started"], row["finished"] or step.end),
        attributes=_known(attempt=row["id"], owner=row["owner"], end=row["end"]),
        error=None if row["end"] in _GOOD_ENDS else row["error"] or row["end"],
    )


def _publish(connection: Connection, run: Run, root: Span) -> Iterator[Span]:
    """From the end of the last step until all tables are visible, or are not to be."""
    kind = f"run.{RunState.PUBLISHING.value}"
    begun = outbox.last_at(connection, run.id, kind)
    if begun is not None:
        attributes = _known(ref=run.ref, commit=run.commit)
        end = max(begun, root.end)
        yield Span(_id(run.id, "publish"), root.id, "publish", begun, end, attributes, root.error)


def _known(**values: Value | None) -> dict[str, Value]:
    return {f"galley.{name}": value for name, value in values.items() if value is not None}


def _id(*parts: str) -> str:
    return digest("span", *parts)[:16]
