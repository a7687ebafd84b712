"""Publishing: what a run made becomes one commit on its target, all of it or nothing.

Planning reads only and may be repeated; applying is one short transaction that the caller commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from galley import faults
from galley.db.engine import Database
from galley.errors import InternalError, MergeConflictError
from galley.lake.commits import find_publish, get_commit, write_commit
from galley.lake.deltas import changes_since
from galley.lake.merge import MergeOutcome, MergePlan, TableMerge, plan_merge
from galley.lake.model import Change, Commit, CommitKind, IntentKind, Ref
from galley.lake.refs import find_ref, get_ref, lock_ref, move_ref
from galley.lake.trees import checkpoint, ledgers, lookup, needs_checkpoint
from galley.lake.withdrawals import admit, refuse_held


@dataclass(frozen=True, slots=True)
class Proposal:
    """What publishing would do to each table, given the target as it is now.

    ``made`` is what the source did since ``base``, one change per table.
    """

    project: str
    target: Ref
    source: str
    base: str
    merge: MergePlan
    made: Mapping[str, Change] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """Everything that a publish will write, and the state of the target that it holds for.

    ``target`` is compared with head and generation. ``gate`` is the digest of the verdicts that let
    it through. With a ``pipeline`` the publish is refused while that is held.
    """

    project: str
    target: Ref
    base: str
    source: str
    changes: tuple[Change, ...]
    run_id: str
    message: str
    code_version: str | None = None
    kind: CommitKind = CommitKind.PUBLISH
    gate: str | None = None
    pipeline: str | None = None
    pipeline_code: str | None = None


def plan_publish(
    conn: Connection,
    project: str,
    *,
    source_head: str,
    fork_point: str,
    target_ref: str,
    tables: Collection[str] | None = None,
) -> Proposal:
    """Merge what was done between ``fork_point`` and ``source_head`` onto the target's head.

    ``tables`` restricts it to some. Reads what changed, never whole catalogues.
    Raises RefNotFoundError.
    """
    target = get_ref(conn, project, target_ref)
    made = changes_since(conn, fork_point, source_head)
    if tables is not None:
        made = {name: change for name, change in made.items() if name in set(tables)}
    theirs = changes_since(conn, fork_point, target.head)
    made = _over_compaction(conn, source_head, target.head, made, theirs)
    base = lookup(conn, fork_point, made)
    return Proposal(
        project=project,
        target=target,
        source=source_head,
        base=fork_point,
        merge=plan_merge(base, made, theirs),
        made=made,
    )


def _over_compaction(
    conn: Connection,
    source: str,
    head: str,
    made: Mapping[str, Change],
    theirs: Mapping[str, Change],
) -> dict[str, Change]:
    """The changes with the ledger rows that go back to the files the source's versions have.

    Where the target only compacted a table that the source changed, the source's version is taken
    and the compaction is lost: what the ledger says of the files has to be lost with it.
    """
    found = dict(made)
    for name, change in made.items():
        other = theirs.get(name)
        if other is None or other.version is None or change.version is None:
            continue
        if other.version.intent.kind is not IntentKind.COMPACT or change.reset_windows:
            continue
        table = change.version.table_id
        mine, now = ledgers(conn, source, [table])[table], ledgers(conn, head, [table])[table]
        known = {window.span for window in change.windows}
        back = (
            window
            for span, window in mine.items()
            if span not in known and (span not in now or now[span].files != window.files)
        )
        found[name] = replace(change, windows=(*change.windows, *back))
    return found


def prepare(
    proposal: Proposal,
    *,
    run_id: str,
    message: str,
    replayed: Mapping[str, Change] | None = None,
    code_version: str | None = None,
    kind: CommitKind = CommitKind.PUBLISH,
    gate: str | None = None,
    pipeline: str | None = None,
    pipeline_code: str | None = None,
) -> PublishPlan:
    """Turn a proposal into a plan; ``replayed`` holds the changes of the tables to replay.

    Raises MergeConflictError where a table has to be decided about or computed again.
    """
    _refuse_conflicts(proposal)
    made = replayed or {}
    changes = [_taken(proposal, table) for table in proposal.merge.of(MergeOutcome.TAKE)]
    for table in proposal.merge.of(MergeOutcome.REPLAY):
        if table.table not in made:
            raise InternalError(
                f"Table {table.table} was not replayed onto {proposal.target.name}."
            )
        changes.append(replace(made[table.table], guarded=False))
    return PublishPlan(
        project=proposal.project,
        target=proposal.target,
        base=proposal.base,
        source=proposal.source,
        changes=tuple(sorted(changes, key=lambda change: change.table)),
        run_id=run_id,
        message=message,
        code_version=code_version,
        kind=kind,
        gate=gate,
        pipeline=pipeline,
        pipeline_code=pipeline_code,
    )


def apply_publish(
    conn: Connection,
    plan: PublishPlan,
    *,
    actor: str,
    now: int,
    on_behalf_of: str | None = None,
) -> Commit:
    """Write one commit on the target and move it there; the caller's transaction makes it true.

    A run that was published already gives the commit it was published by. Raises StaleRefError if
    the target has moved since the plan was made (plan again), WithdrawnError, HeldError.
    """
    target = lock_ref(conn, plan.project, plan.target.name)
    published = find_publish(conn, plan.run_id)
    if published is not None:
        return published
    if plan.pipeline is not None:
        refuse_held(conn, plan.project, target.name, plan.pipeline, plan.pipeline_code)
    admit(conn, plan.project, plan.changes)
    commit = write_commit(
        conn,
        project=plan.project,
        parent=get_commit(conn, plan.target.head),
        kind=plan.kind,
        author=actor,
        on_behalf_of=on_behalf_of,
        message=plan.message,
        now=now,
        changes=plan.changes,
        code_version=plan.code_version,
        run_id=plan.run_id,
        merged_from=plan.source,
    )
    faults.point("publish.before_move")
    move_ref(conn, plan.target, commit.id, who=actor, why=plan.message, now=now)
    faults.point("publish.after_move")
    return commit


def shorten(database: Database, project: str, name: str) -> bool:
    """Checkpoint a ref's head if look-ups there have become long; whether that was done.

    For after a publish: nobody who publishes waits for it. It adds nothing to what is shown, so
    what is lost with a crash is made up for after the next publish.
    """
    with database.read() as conn:
        ref = find_ref(conn, project, name)
        if ref is None or not needs_checkpoint(conn, ref, target=True):
            return False
    with database.write(durable=False) as conn:
        return checkpoint(conn, ref.head)


def _taken(proposal: Proposal, table: TableMerge) -> Change:
    return replace(proposal.made[table.table], guarded=False, expected=None)


def _refuse_conflicts(proposal: Proposal) -> None:
    stuck = proposal.merge.of(MergeOutcome.CONFLICT, MergeOutcome.RECOMPUTE)
    if not stuck:
        return
    lines = "; ".join(f"{table.table}: {table.reason}" for table in stuck)
    raise MergeConflictError(
        f"{proposal.target.name} has changed in the same tables ({lines}). It is untouched.",
        hint="Run it again on the present state.",
        details={
            "ref": proposal.target.name,
            "tables": [
                {"table": table.table, "outcome": table.outcome.value, "reason": table.reason}
                for table in stuck
            ],
        },
    )
