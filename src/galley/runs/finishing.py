"""The end of a run: when all its steps have ended it publishes, or fails and says why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from galley.db.contention import repeated
from galley.ids import digest
from galley.lake import refs, withdrawals
from galley.lake.model import Span
from galley.project.model import Manifest, Materialize
from galley.project.variables import declared
from galley.runs import queue, records
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import ACTIVE, Intention, Reason, Run, RunState, StepRun, StepState

KEEP_FAILED = 24 * 3600 * 1_000_000
"""Microseconds for which the staged tables of a failed run are kept for a look and a resume."""


def must_wait(waiting: Run, live: LiveRun) -> bool:
    """Whether a run must not go beside one under way: they collide, or add to the same table.

    To a table that is not windowed each would add what is new since the same state.
    """
    if collide(waiting, live.run):
        return True
    return _same_target(waiting, live.run) and _both_add(waiting, live)


def collide(waiting: Run, live: Run) -> bool:
    """Whether two runs must not publish side by side: same ref, pipeline and windows."""
    if not _same_target(waiting, live):
        return False
    mine, theirs = waiting.request.windows, live.request.windows
    if mine is None or theirs is None:
        return True
    return Span(*mine).overlaps(Span(*theirs))


def _same_target(waiting: Run, live: Run) -> bool:
    """Whether two runs publish some pipeline to the same ref; a backfill itself publishes none."""
    if waiting.id == live.id or waiting.ref != live.ref or waiting.project != live.project:
        return False
    if waiting.request.batch is not None or live.request.batch is not None:
        return False
    return bool(set(waiting.request.pipelines) & set(live.request.pipelines))


def _both_add(waiting: Run, live: LiveRun) -> bool:
    """Whether two runs share a step that builds on its table's rows and is not windowed."""
    request = waiting.request
    steps = (node.step for node in live.graph.nodes.values() if node.step is not None)
    return any(
        step.window is None
        and step.materialize in (Materialize.APPEND, Materialize.MERGE)
        and step.pipeline in request.pipelines
        and (not request.select or step.name in request.select)
        for step in steps
    )


def has_to_wait(connection: Connection, site: Site, waiting: Run) -> bool:
    """Whether a run is under way, of whatever engine, that the waiting one must not go beside."""
    active = records.list_runs(
        connection, waiting.project, states=ACTIVE, ref=waiting.ref, limit=records.MOST_LIVE
    )
    return any(
        must_wait(waiting, load_live(connection, site, run))
        for run in active
        if _same_target(waiting, run)
    )


@repeated
def settle(site: Site, live: LiveRun, engine: str) -> bool:
    """Move a run on if all its steps have ended; whether they have.

    Its publish is ``engine``'s then, unless another engine moved it on.
    """
    with site.database.read() as connection:
        if queue.goes_on(connection, live.run.id):
            return False
    now = site.clock()
    with site.database.write() as connection:
        run = records.get_run(connection, live.run.id)
        if run.state.terminal or run.state is RunState.PUBLISHING:
            live.run = run
            return True
        steps = queue.steps_of(connection, run.id)
        if all(step.state.good for step in steps) and run.intention is not Intention.CANCEL:
            hold = site.hold(engine)
            moved = queue.move_run(
                connection,
                run.id,
                RunState.PUBLISHING,
                now,
                engine=hold.owner,
                lease_until=hold.until,
            )
            if moved:
                live.run = replace(run, state=RunState.PUBLISHING, engine=engine)
            return moved
        end_run(connection, live, *_verdict(run, steps), now=now)
    return True


def end_run(
    connection: Connection,
    live: LiveRun,
    state: RunState,
    reason: Reason,
    message: str,
    *,
    now: int,
) -> None:
    """End a run without a publish. Its target is untouched; its own ref is kept for a day."""
    moved = queue.move_run(
        connection, live.run.id, state, now, reason=reason.value, message=message
    )
    if moved:
        live.run = replace(live.run, state=state, reason=reason, message=message)
        ref = refs.find_ref(connection, live.project, live.run.ref_name)
        if ref is not None:
            refs.set_expiry(connection, ref, now + KEEP_FAILED)


def _verdict(run: Run, steps: Iterable[StepRun]) -> tuple[RunState, Reason, str]:
    if run.intention is Intention.CANCEL:
        return RunState.CANCELLED, Reason.CANCELLED, "cancelled; nothing was published"
    for state in (StepState.FAILED, StepState.BLOCKED, StepState.CANCELLED):
        for step in steps:
            if step.state is state:
                reason = step.reason or Reason.USER_ERROR
                return RunState.FAILED, reason, f"{step.name}: {step.message or state.value}"
    return RunState.FAILED, Reason.UPSTREAM, "a step did not succeed"


def pipeline_code(manifest: Manifest, pipeline: str, ref: str) -> str:
    """What a hold after a rollback compares: the code and tests of a pipeline's steps.

    The values that their variables have on ``ref`` are part of it.
    """
    parts = []
    for name in sorted(manifest.pipelines[pipeline].steps):
        step = manifest.steps[name]
        parts += [name, step.code_hash, *sorted(test.hash for test in step.tests)]
    values = declared(manifest, pipeline, ref if ref in manifest.environments else None)
    return digest("pipeline", pipeline, *parts, json.dumps(values, sort_keys=True, default=str))


def refuse_held(
    connection: Connection, manifest: Manifest, ref: str, pipelines: Iterable[str]
) -> None:
    """Refuse to publish pipelines that a rollback holds, unless they have changed since.

    Raises:
        HeldError: one of them is held.
    """
    for pipeline in pipelines:
        code = pipeline_code(manifest, pipeline, ref)
        withdrawals.refuse_held(connection, manifest.project, ref, pipeline, code)
