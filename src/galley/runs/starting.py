"""Starting a run: pin its target, fork its private ref, lay out its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from galley.errors import RefNotFoundError
from galley.ids import new_id
from galley.lake import refs
from galley.lake.model import RefKind
from galley.project.model import Manifest
from galley.runs import queue, records, takenback
from galley.runs.attempts import commit_changes
from galley.runs.graph import RunGraph
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import Run, RunState, StepRun, StepState


def start_run(connection: Connection, site: Site, run: Run, engine: str, now: int) -> LiveRun:
    """Move a queued run to RUNNING with its base pinned and its steps laid out.

    Raises:
        RefNotFoundError: the target, or the ref of the run that is resumed, is gone.
    """
    base, generation = _fork(connection, run, now)
    pinned = replace(run, base=base, generation=generation, started=now)
    live = load_live(connection, site, pinned)
    pins = _pins(connection, live.manifest, now)
    live.run = replace(pinned, pins=pins, state=RunState.RUNNING)
    queue.move_run(
        connection,
        run.id,
        RunState.RUNNING,
        now,
        base=base,
        generation=generation,
        pins=pins,
        started=now,
        engine=engine,
    )
    queue.add_steps(connection, _step_runs(live.graph, run.id))
    _set_aside(connection, live, base, now)
    return live


def _set_aside(connection: Connection, live: LiveRun, base: str, now: int) -> None:
    """Begin without what was taken back: such tables are on the run's ref as they were earlier."""
    steps = [node.step for node in live.graph.nodes.values() if node.step is not None]
    aside = takenback.bases(connection, live.project, base, steps)
    if aside:
        changes = takenback.earlier(connection, aside)
        message = f"set aside what was taken back of {', '.join(sorted(aside))}"
        commit_changes(connection, live, changes, message, now)


def _fork(connection: Connection, run: Run, now: int) -> tuple[str, int]:
    """Create the run's ref at the target's head, or where the resumed run had started.

    Only what is unchanged is taken over from the resumed run, step by step: nothing that it staged
    is there by itself.
    """
    target = refs.get_ref(connection, run.project, run.ref)
    head = base = target.head
    generation = target.generation
    if run.request.resumes is not None:
        earlier = records.get_run(connection, run.request.resumes)
        left = refs.find_ref(connection, run.project, earlier.ref_name)
        if left is None or left.fork_point is None:
            raise RefNotFoundError(
                f"run {earlier.id} can no longer be resumed: its staged tables have expired",
                hint=f"start again with `galley run {run.pipeline}`",
            )
        head = base = left.fork_point
    refs.create_ref(
        connection,
        run.project,
        run.ref_name,
        RefKind.RUN,
        head,
        owner=run.actor,
        now=now,
        fork_point=base,
        fork_ref=run.ref,
    )
    return base, generation


def _pins(connection: Connection, manifest: Manifest, now: int) -> dict[str, str]:
    return {
        read.project: refs.resolve(connection, read.project, read.ref, now).commit
        for read in manifest.reads
    }


def _step_runs(graph: RunGraph, run_id: str) -> Sequence[StepRun]:
    return [
        StepRun(
            id=new_id(),
            run_id=run_id,
            name=node.name,
            type=node.type,
            state=StepState.WAITING if node.upstream else StepState.READY,
            unmet=len(node.upstream),
            epoch=0,
            position=position,
        )
        for position, node in enumerate(graph.nodes.values())
    ]
