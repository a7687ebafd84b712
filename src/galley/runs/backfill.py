"""Backfills: a parent run whose children each make and publish a batch of windows.

The children make the windowed steps, side by side where their windows differ. A last child, which
waits for them because it concerns all windows, brings the tables that are not windowed up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from galley import codec
from galley.errors import UsageError
from galley.ids import new_id
from galley.lake import refs
from galley.lake.model import Span, WindowEntry
from galley.runs import queue, records
from galley.runs.findings import Result
from galley.runs.graph import selected_steps
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import Intention, Reason, Run, RunRequest, RunState
from galley.runs.planning import Scene, plan_step


def start_backfill(connection: Connection, site: Site, run: Run, engine: str, now: int) -> None:
    """Plan a backfill's windows and queue its children; with nothing to make it has succeeded.

    Raises:
        UsageError: no step of the pipeline is windowed.
    """
    head = refs.get_ref(connection, run.project, run.ref).head
    live = load_live(connection, site, run)
    spans = _stale(connection, live, head)
    queue.move_run(connection, run.id, RunState.RUNNING, now, started=now, engine=engine, base=head)
    children = _children(live, spans)
    for child in children:
        records.insert_run(connection, child)
    queue.emit(
        connection,
        run.id,
        "backfill.planned",
        now,
        body={"windows": len(spans), "runs": len(children)},
    )


def advance(connection: Connection, now: int) -> None:
    """End the backfills whose children have all ended; pass a wish to stop on to the children."""
    parents = records.list_runs(connection, states=(RunState.RUNNING,), limit=records.MOST_LIVE)
    for parent in parents:
        if parent.request.batch is None:
            continue
        children = records.list_runs(connection, parent=parent.id, limit=records.MOST_LIVE)
        if parent.intention is Intention.CANCEL:
            for child in children:
                if child.intention is not Intention.CANCEL:
                    records.set_intention(connection, child.id, Intention.CANCEL, now)
        if all(child.state.terminal for child in children):
            _end(connection, parent, children, now)


def _stale(connection: Connection, live: LiveRun, head: str) -> list[Span]:
    """The windows that are missing or stale in any windowed step; a step follows its inputs."""
    scene = Scene(connection, live.project, head, {})
    setting = replace(live.setting, unbounded=True)
    windowed = [s for s in selected_steps(live.manifest, live.run.request) if s.window]
    if not windowed:
        raise UsageError(
            f"no step of {live.run.pipeline} is windowed, so there is nothing to backfill",
            hint=f"galley run {live.run.pipeline}",
        )
    found: set[Span] = set()
    for step in windowed:
        plan = plan_step(scene, step, setting)
        # Windows that a run staged and never published are missing here; a child adopts them.
        spans = tuple(sorted({*plan.spans, *map(_span_of, plan.adopted)}))
        found.update(spans)
        if spans:
            scene.pending.update(dict.fromkeys(step.outputs, spans))
    return sorted(found)


def _span_of(result: Result) -> Span:
    return codec.from_plain(WindowEntry, result.body["window"]).span


def _children(live: LiveRun, spans: Sequence[Span]) -> list[Run]:
    run = live.run
    steps = selected_steps(live.manifest, run.request)
    windowed = tuple(step.name for step in steps if step.window)
    children: list[Run] = []
    size = run.request.batch or 1
    for batch in (spans[start : start + size] for start in range(0, len(spans), size)):
        request = replace(
            run.request,
            batch=None,
            parent=run.id,
            select=windowed,
            windows=(batch[0].start, batch[-1].end),
        )
        children.append(_child(run, request, len(children)))
    if children and len(windowed) < len(steps):
        rest = replace(run.request, batch=None, parent=run.id, windows=None)
        children.append(_child(run, rest, len(children)))
    return children


def _child(parent: Run, request: RunRequest, position: int) -> Run:
    return replace(
        parent,
        id=new_id(),
        state=RunState.QUEUED,
        request=request,
        created=parent.created + 1 + position,
    )


def _end(connection: Connection, parent: Run, children: Sequence[Run], now: int) -> None:
    bad = [child for child in children if child.state is not RunState.SUCCEEDED]
    if not bad:
        head = children[0].commit if children else parent.base
        queue.move_run(connection, parent.id, RunState.PUBLISHING, now)
        queue.move_run(connection, parent.id, RunState.SUCCEEDED, now, commit_id=head)
        return
    cancelled = parent.intention is Intention.CANCEL
    first = bad[-1]
    queue.move_run(
        connection,
        parent.id,
        RunState.CANCELLED if cancelled else RunState.FAILED,
        now,
        reason=(Reason.CANCELLED if cancelled else first.reason or Reason.UPSTREAM).value,
        message=f"{len(bad)} of {len(children)} runs did not publish; the first was {first.id}"
        + (f": {first.message}" if first.message else ""),
    )
