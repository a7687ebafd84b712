"""Starting a run: pin its target, fork its private ref, lay out its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from galley.errors import RefNotFoundError
from galley.ids import new_id
from galley.lake import refs, rooting
from galley.lake.model import RefKind
from galley.project.model import Manifest, Step
from galley.runs import children, claims, finishing, groups, queue, records, takenback
from galley.runs.attempts import commit_changes
from galley.runs.live import LiveRun, Site, load_live
from galley.runs.model import Reason, Run, RunState, StepRun, StepState
from galley.runs.reasons import end_of_run


def start_run(
    connection: Connection, site: Site, run: Run, engine: str, now: int
) -> LiveRun | None:
    """Move a queued run to RUNNING with its base pinned and its steps laid out.

    ``None`` means that it cannot start now: another engine was faster, or started a run that this
    one has to wait for. Who starts a run holds its target's ref until it is recorded.

    Raises:
        RefNotFoundError: the target, or the ref of the run that is resumed, is gone.
        CollectedError: what it would go on from, or read of another project, was collected.
    """
    refs.lock_ref(connection, run.project, run.ref)
    if records.get_run(connection, run.id).state is not RunState.QUEUED:
        return None
    if site.shared and finishing.has_to_wait(connection, site, run):
        return None
    base, generation = _fork(connection, run, now)
    pinned = replace(run, base=base, generation=generation, started=now)
    live = load_live(connection, site, pinned)
    pins = _pins(connection, live, now)
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
    steps = _step_runs(live)
    claims.set_limits(connection, _limits(live), now)
    queue.add_steps(connection, steps, run.created)
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
    is there by itself. The last run of an atomic backfill begins with all that the others made.
    """
    target = refs.get_ref(connection, run.project, run.ref)
    head = base = target.head
    generation = target.generation
    if run.request.staged is not None:
        staged = refs.get_ref(connection, run.project, run.request.staged)
        head, base = staged.head, staged.fork_point or base
    elif run.request.resumes is not None:
        earlier = records.get_run(connection, run.request.resumes)
        left = refs.find_ref(connection, run.project, earlier.ref_name)
        if left is None or left.fork_point is None:
            raise RefNotFoundError(
                f"run {earlier.id} can no longer be resumed: its staged tables have expired",
                hint=f"start again with `galley run {run.pipeline}`",
            )
        head = base = left.fork_point
    open_ref(connection, run, head, base, now)
    return base, generation


def open_ref(connection: Connection, run: Run, head: str, base: str, now: int) -> None:
    """Create a run's own ref at ``head``; ``base`` is the commit of the target it started from."""
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


def pins_of(connection: Connection, manifest: Manifest, now: int) -> dict[str, str]:
    """The commits of other projects' refs that a run which starts now reads."""
    return {
        read.project: refs.resolve(connection, read.project, read.ref, now).commit
        for read in manifest.reads
    }


def root_pins(connection: Connection, pins: Mapping[str, str]) -> None:
    """Keep what a run reads of other projects for as long as it goes."""
    for project, commit in pins.items():
        rooting.root_commit(connection, project, commit)


def _pins(connection: Connection, live: LiveRun, now: int) -> dict[str, str]:
    """What the run sees of other projects; all runs of an atomic backfill see the same."""
    parent = live.run.request.parent
    if parent is not None and live.manifest.reads:
        pinned = records.get_run(connection, parent).pins
        if pinned:
            return pinned
    pins = pins_of(connection, live.manifest, now)
    root_pins(connection, pins)
    return pins


def _limits(live: LiveRun) -> dict[str, int]:
    """The limits that count for any of the run's steps."""
    steps = [node.step for node in live.graph.nodes.values() if node.step is not None]
    return {
        name: slots
        for step in steps
        for name, slots in groups.limits_of(live.manifest, step).items()
    }


def _step_runs(live: LiveRun) -> Sequence[StepRun]:
    return [
        StepRun(
            id=new_id(),
            run_id=live.run.id,
            name=node.name,
            type=node.type,
            state=StepState.WAITING if node.upstream else StepState.READY,
            unmet=len(node.upstream),
            epoch=0,
            position=position,
            priority=_priority(live, node.step),
            grouping=groups.group_of(live.manifest, node.step).text,
        )
        for position, node in enumerate(live.graph.nodes.values())
    ]


def _priority(live: LiveRun, step: Step | None) -> int:
    """Its own, its pipeline's and its run's together; tests on their own go with the run."""
    if step is None:
        return live.run.request.priority
    pipeline = live.manifest.pipelines[step.pipeline]
    return live.run.request.priority + pipeline.priority + step.placement.priority


def end_queued(
    site: Site, run: Run, to: RunState, reason: Reason, now: int, message: str | None = None
) -> None:
    """End a run that has not begun; one that another engine has started meanwhile goes on."""
    values = {"reason": reason.value, **({"message": message} if message else {})}
    with site.database.write() as connection:
        if records.lock_run(connection, run.id, RunState.QUEUED):
            queue.move_run(connection, run.id, to, now, **values)


def refuse(site: Site, run: Run, error: Exception, now: int) -> None:
    """The run cannot start; that must not stop the engine for all others."""
    reason, message = end_of_run(error)
    end_queued(site, run, RunState.FAILED, reason, now, message)


def give_up(site: Site, run: Run, now: int) -> None:
    """What the run waits for did not publish; those that wait for it need not be asked."""
    with site.database.write() as connection:
        children.give_up(connection, run.request.parent or "", run.request.after or "", now)
