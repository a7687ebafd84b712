"""One attempt of a step: what it is told, how its work is taken over, how its end is recorded.

The finish is one transaction: the state is RUNNING and the epoch is ours, the tables are what the
attempt was based on, one commit on the run's ref. Nothing else moves a run's ref.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from galley import codec, faults
from galley.ids import digest, new_id
from galley.lake import commits, refs, withdrawals
from galley.lake.model import Change, Commit, CommitKind, Intent, Version
from galley.project.model import Materialize, Retry, Step
from galley.runs import chaining, findings, keys, queue, records
from galley.runs.cutting import cut_of
from galley.runs.leases import Hold
from galley.runs.live import LiveRun, Site, memory_share, step_values, table_id
from galley.runs.model import Reason, StepRun, StepState
from galley.runs.planning import StepPlan
from galley.runs.pool import Post
from galley.runs.protocol import StepDone, StepTask, TaskFailed
from galley.runs.scene import Scene

MOST_LOSSES = 3
"""How often a step may lose its worker before it is poisoned."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A claimed step with what was decided for it."""

    id: str
    step_run: StepRun
    plan: StepPlan
    contents: dict[str, str]
    log_name: str
    post: Post | None = None


def attempt_ref(step_run: StepRun) -> str:
    """The private ref of the attempt that holds the present epoch."""
    return f"attempt/{step_run.id}/{step_run.epoch}"


def draft(
    live: LiveRun, step_run: StepRun, plan: StepPlan, scene: Scene, seat: str | None = None
) -> Attempt:
    """The attempt that a claim comes to; nothing is recorded yet.

    ``seat`` is the session of the worker that is to have it, if that is not the claimer itself.
    """
    step = _step_of(live, step_run)
    mine = replace(step_run, spans=plan.tested, owner=seat or step_run.owner)
    contents = scene.contents(scene.versions((*step.inputs, *step.outputs)))
    log_name = f"{live.run.id}/{step.name}.{step_run.epoch}"
    post = Post(seat, attempt_ref(step_run)) if seat is not None else None
    return Attempt(new_id(), mine, plan, contents, log_name, post)


def begin(connection: Connection, live: LiveRun, attempt: Attempt, scene: Scene, now: int) -> bool:
    """Record an attempt and its ref and move its step to RUNNING, unless that was lost."""
    step_run, plan = attempt.step_run, attempt.plan
    moved = queue.move_step(
        connection,
        step_run,
        StepState.RUNNING,
        now,
        key=plan.key,
        why=plan.why,
        spans=[[s.start, s.end] for s in plan.tested] or None,
        body={"why": plan.why, "attempt": attempt.id},
        **({} if attempt.post is None else {"owner": attempt.post.session}),
    )
    if not moved:
        return False
    records.start_attempt(
        connection,
        {
            "id": attempt.id,
            "step_run_id": step_run.id,
            "run_id": live.run.id,
            "epoch": step_run.epoch,
            "owner": step_run.owner or "",
            "base": scene.head,
            "plan": codec.to_plain(replace(plan, adopted=(), results=())),
            "contents": attempt.contents,
            "started": now,
            "log": attempt.log_name,
        },
    )
    refs.open_attempt(
        connection,
        live.project,
        attempt_ref(step_run),
        scene.head,
        fork_ref=live.run.ref_name,
        owner=live.run.actor,
        now=now,
    )
    faults.point("attempt.before_commit")
    return True


def revive(row: Mapping[str, Any], step_run: StepRun) -> Attempt:
    """The attempt that a row keeps: its answer may come to another engine than began it."""
    plan = codec.from_plain(StepPlan, row["plan"])
    post = Post(row["owner"], attempt_ref(step_run))
    return Attempt(row["id"], step_run, plan, row["contents"], row["log"], post)


def task_for(
    site: Site, live: LiveRun, attempt: Attempt, scene: Scene, slots: int, secrets: dict[str, str]
) -> StepTask:
    """What the worker is told."""
    step = _step_of(live, attempt.step_run)
    versions = scene.versions((*step.inputs, *step.outputs))
    read = set(step.inputs)
    if _begins_anew(live, attempt.plan):
        # Its windows build on each other, and on nothing that they replace.
        read -= set(step.outputs)
    return StepTask(
        kind="step",
        attempt=attempt.id,
        epoch=attempt.step_run.epoch,
        run=live.run.id,
        project=live.project,
        step=step,
        code_dir=str(site.code(live.run.definition)),
        project_dir=str(live.folder),
        warehouse=site.warehouse,
        scratch=str(site.scratch / attempt.id),
        inputs={n: v for n, v in versions.items() if n in read or n not in step.outputs},
        bases=_bases(scene, {name: versions[name] for name in step.outputs if name in versions}),
        table_ids={name: table_id(live.project, name) for name in step.outputs},
        variables=step_values(live.setting.values(step), step),
        now=live.setting.now,
        spans=attempt.plan.spans,
        span_keys=attempt.plan.span_keys,
        rebuild=_replaces(live, attempt.plan),
        secrets=secrets,
        connections={
            name: live.manifest.connections[name]
            for name in step.connections
            if name in live.manifest.connections
        },
        threads=site.threads,
        memory=memory_share(site, slots),
        ref=live.run.request.ref,
        access=site.access(),
    )


def _bases(scene: Scene, present: Mapping[str, Version]) -> dict[str, Version]:
    """What the attempt writes onto; without its digest, what was taken back is never kept."""
    contents = {version.content_id for version in present.values()}
    gone = withdrawals.withdrawn(scene.connection, scene.project, contents)
    return {
        name: replace(version, rows_digest=None) if version.content_id in gone else version
        for name, version in present.items()
    }


def _replaces(live: LiveRun, plan: StepPlan) -> bool:
    """Whether the attempt replaces its table whole, unless that was taken over already."""
    return plan.step in live.setting.rebuild and live.setting.windows is None and not plan.whole


def _begins_anew(live: LiveRun, plan: StepPlan) -> bool:
    """Whether windows are made of which none is put beside what the table held before."""
    return bool(plan.spans) and (_replaces(live, plan) or (plan.recut and not plan.whole))


def take_over(
    connection: Connection,
    live: LiveRun,
    step_run: StepRun,
    plan: StepPlan,
    changes: Sequence[Change],
    present: Mapping[str, Version],
    now: int,
) -> bool:
    """A reused step: point the run's ref at what is there already and stage it."""
    step = _step_of(live, step_run)
    there = {name: v.rows for name, v in present.items() if name in step.outputs}
    there |= {c.table: c.version.rows for c in changes if c.version}
    counted = [rows for rows in there.values() if rows is not None]
    moved = queue.move_step(
        connection,
        step_run,
        StepState.STAGED,
        now,
        key=plan.key,
        why=plan.why,
        reused_from=plan.from_run or live.run.id,
        # What is not known of one table is not known of all.
        rows=sum(counted) if there and len(counted) == len(there) else None,
        spans=[[s.start, s.end] for s in plan.tested] or None,
        body={"why": plan.why, "reused_from": plan.from_run},
    )
    if moved and changes:
        commit_changes(connection, live, changes, f"reuse {step.name}", now)
    return moved


def reused_changes(present: Mapping[str, Version], plan: StepPlan) -> list[Change]:
    """The changes that a plan's whole-table results mean on the run's ref; none if all is there."""
    changes = []
    for result in plan.results:
        version = codec.from_plain(Version, result.body)
        before = present.get(result.table)
        if before is None or before.content_id != version.content_id:
            expected = before.content_id if before else None
            changes.append(Change(result.table, version, expected, guarded=True))
    return changes


def finish(
    connection: Connection,
    live: LiveRun,
    attempt: Attempt,
    done: StepDone,
    *,
    probe: str | None,
    hold: Hold,
    now: int,
    plain: bool = False,
) -> tuple[Change, ...] | None:
    """Take over what an attempt made. ``None`` means the attempt had lost its step.

    A ``plain`` step made no table and has no test: it has succeeded at once. Any other is
    in the ``hold`` of the engine from now on, which has it tested.

    Raises:
        StaleRefError: a table is no longer what the attempt was based on.
    """
    step = _step_of(live, attempt.step_run)
    moved = queue.move_step(
        connection,
        attempt.step_run,
        StepState.SUCCEEDED if plain else StepState.STAGED,
        now,
        attempt=attempt.id,
        rows=done.rows,
        bytes=done.bytes,
        seconds=done.seconds,
        **({} if plain else {"owner": hold.owner, "lease_until": hold.until}),
        body={"warnings": list(done.warnings)} if done.warnings else None,
    )
    if not moved:
        drop_attempt(connection, live, attempt, "lost", now)
        return None
    changes = tuple(_stamped(live, step, attempt, change, probe) for change in done.changes)
    changes = _renewed(connection, live, attempt, changes)
    changes = tuple(_chained(connection, live, step, change) for change in changes)
    faults.point("finish.before_commit")
    if changes:
        commit_changes(connection, live, changes, step.name, now)
    if _reusable(live, step, attempt, done, probe):
        kept = _results(live, step, attempt, changes)
        findings.save_results(connection, live.project, kept, now)
    contents = {c.table: c.version.content_id for c in changes if c.version is not None}
    findings.save_metrics(connection, live.project, live.run.id, contents, done.metrics, now)
    # It was on record and had not ended, or its step would not have moved.
    records.close_attempt(connection, attempt.id, end="staged", now=now)
    refs.drop_attempt(connection, live.project, attempt_ref(attempt.step_run))
    if plain:
        consumers = live.graph.consumers[attempt.step_run.name]
        queue.release_consumers(connection, live.run.id, consumers, now)
    return changes


def fail(
    connection: Connection, live: LiveRun, attempt: Attempt, failure: TaskFailed, now: int
) -> StepState | None:
    """Record a failed attempt; the step is tried again or has failed. ``None`` if it was lost."""
    step_run = attempt.step_run
    step = live.node(step_run.name).step
    if not drop_attempt(connection, live, attempt, failure.reason, now, error=failure.message):
        return None
    lost = failure.reason == Reason.LOST_WORKER.value
    losses = step_run.losses + (1 if lost else 0)
    # Attempts that went under with their worker are on another budget.
    own = max(step_run.attempts - losses, 1)
    detail = {
        "error": failure.error,
        "trace": failure.trace,
        "hint": failure.hint,
        "where": failure.where,
    }
    values: dict[str, Any] = {
        "reason": failure.reason,
        "message": failure.message,
        "losses": losses,
        "detail": {key: value for key, value in detail.items() if value},
    }
    if lost and losses < MOST_LOSSES:
        to = StepState.READY
    elif step is not None and not lost and _again(step.retry, own, failure):
        to = StepState.RETRY_WAIT
        wait = min(step.retry.wait * 2 ** (own - 1), step.retry.longest)
        values["not_before"] = now + int(wait * 1_000_000)
    else:
        to = StepState.FAILED
        if lost:
            values["message"] = f"{failure.message}; it was tried {losses} times"
    if not queue.move_step(connection, step_run, to, now, body=values["detail"], **values):
        return None
    if to is StepState.FAILED:
        names = live.graph.downstream(step_run.name)
        queue.fail_downstream(connection, live.run.id, names, step_run.name, now)
    return to


def drop_attempt(
    connection: Connection,
    live: LiveRun,
    attempt: Attempt,
    end: str,
    now: int,
    *,
    error: str | None = None,
) -> bool:
    """Record the attempt's end and discard its ref whole; whether it had not ended before.

    Of one that is not on record nothing is discarded: the ref of its name is another one's.
    """
    if not records.end_attempt(connection, attempt.id, end=end, now=now, error=error):
        return False
    refs.drop_attempt(connection, live.project, attempt_ref(attempt.step_run))
    return True


def _again(retry: Retry, attempts: int, failure: TaskFailed) -> bool:
    if attempts >= retry.attempts:
        return False
    if failure.reason not in (Reason.USER_ERROR.value, Reason.TIMEOUT.value):
        return False
    names = {failure.error, failure.error.rpartition(".")[2], *failure.bases}
    return not retry.on or bool(names & set(retry.on))


def _step_of(live: LiveRun, step_run: StepRun) -> Step:
    step = live.node(step_run.name).step
    if step is None:
        raise AssertionError(f"{step_run.name} is no user's step")
    return step


def commit_changes(
    connection: Connection,
    live: LiveRun,
    changes: Sequence[Change],
    message: str,
    now: int,
    *,
    takes: Sequence[str] = (),
) -> Commit:
    """One commit on the run's ref: what a step made or took over.

    ``takes`` are versions (by location) whose files the changes go on with.
    """
    # Steps of one run end at several engines at once: they commit one after the other.
    ref = refs.lock_ref(connection, live.project, live.run.ref_name)
    commit = commits.write_commit(
        connection,
        project=live.project,
        parent=commits.get_commit(connection, ref.head),
        kind=CommitKind.STEP,
        author=live.run.actor,
        message=message,
        now=now,
        changes=changes,
        run_id=live.run.id,
        code_version=live.run.definition,
        takes=takes,
    )
    refs.move_ref(connection, ref, commit, who=live.run.actor, why=message, now=now)
    return commit


def _stamped(
    live: LiveRun, step: Step, attempt: Attempt, change: Change, probe: str | None
) -> Change:
    """The change with a record of how its version was made."""
    if change.version is None:
        return change
    made = {
        "code": step.code_hash,
        "variables": step_values(live.setting.values(step), step),
        "toolchain": live.setting.toolchain,
        "probe": probe,
        "run": live.run.id,
        "read": {n: c for n, c in attempt.contents.items() if n not in step.outputs},
    }
    if (cut := cut_of(step)) is not None:
        made["window"] = cut
    inputs = {name: attempt.contents.get(name, "absent") for name in step.inputs}
    return replace(
        change, version=replace(change.version, step=step.name, inputs=inputs, made=made)
    )


def _renewed(
    connection: Connection, live: LiveRun, attempt: Attempt, changes: tuple[Change, ...]
) -> tuple[Change, ...]:
    """The changes with a new identity where the same was made before and taken back since.

    Views and files are known by what they hold. Made anew after that, they are another version.
    """
    versions = [change.version for change in changes if change.version is not None]
    contents = {version.content_id for version in versions}
    gone = withdrawals.withdrawn(connection, live.project, contents)
    return tuple(
        change
        if (version := change.version) is None or version.content_id not in gone
        else replace(change, version=_another(version, attempt))
        for change in changes
    )


def _chained(connection: Connection, live: LiveRun, step: Step, change: Change) -> Change:
    """The change with keys that tell what its windows were made onto, where they were."""
    version, window = change.version, step.window
    if version is None or window is None or not chaining.chained(step):
        return change
    before = {} if change.reset_windows else live.scene(connection).ledger(version.table_id)
    return replace(change, windows=chaining.keyed(window, change.windows, before))


def _another(version: Version, attempt: Attempt) -> Version:
    return replace(version, content_id=digest("anew", version.content_id, attempt.id))


def _reusable(
    live: LiveRun, step: Step, attempt: Attempt, done: StepDone, probe: str | None
) -> bool:
    undeclared = set(done.modules) - set(step.modules)
    moved_on = step.load is not None and probe != live.probes.get(step.name)
    return attempt.plan.reusable and not undeclared and not moved_on


def _results(
    live: LiveRun, step: Step, attempt: Attempt, changes: Iterable[Change]
) -> list[findings.Result]:
    found = []
    for change in changes:
        version = change.version
        if version is None:
            continue
        body = codec.to_plain(version)
        if step.window is None or not change.windows:
            for key in _whole_keys(live, step, attempt, version):
                found.append(
                    findings.Result(
                        key, change.table, version.content_id, live.run.id, step.name, body
                    )
                )
        # Each window says which files are its own; all of them with each would be the square.
        own = codec.to_plain(replace(version, intent=Intent(version.intent.kind)))
        for entry in change.windows:
            pair = {"version": own, "window": codec.to_plain(entry)}
            found.append(
                findings.Result(
                    entry.key, change.table, entry.content_id, live.run.id, step.name, pair
                )
            )
    return found


def _whole_keys(live: LiveRun, step: Step, attempt: Attempt, version: Version) -> tuple[str, ...]:
    """The key that was computed; an upsert is also its own result when run upon itself again."""
    plan = attempt.plan
    if step.materialize not in (Materialize.MERGE, Materialize.APPEND):
        return (plan.key,)
    read = {name: attempt.contents.get(name, "absent") for name in step.inputs}
    again = keys.table_key(
        plan.identity, read | {version.table: version.content_id}, live.probes.get(step.name)
    )
    return (plan.key, again)
