"""Rolling back: data and the code that made it return together, and stay returned."""

from __future__ import annotations

from sqlalchemy import Connection

from galley.clock import iso
from galley.environments.home import Home
from galley.environments.inspect import Facts
from galley.environments.returning import changed_by, lifted
from galley.errors import NotFoundError, UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs, rollback, withdrawals
from galley.lake.commits import PUBLISHES
from galley.lake.model import Commit
from galley.lake.names import nearest
from galley.lake.rollback import RollbackPlan
from galley.project.codec import manifest_from_json
from galley.runs import records
from galley.runs.finishing import pipeline_code


def apply(connection: Connection, home: Home, plan: RollbackPlan, *, reason: str) -> Commit:
    """Carry a rollback out: one commit, its versions withdrawn, the pipelines concerned held.

    Where it brings back what an earlier one took, that one's holds end.

    Raises:
        UsageError: no reason was given.
        StaleRefError: the ref has moved since the plan was made.
        RefusedError: the actor may not roll back there.
    """
    if not reason.strip():
        raise UsageError("a rollback needs a reason", hint="--reason 'what was wrong'")
    now = home.clock()
    resource = Resource("ref", plan.ref.name, plan.project, plan.ref.protected)
    decision = demand(home.actor, Action.ROLLBACK, resource)
    ends = lifted(connection, plan)
    commit = rollback.apply_rollback(
        connection, plan, actor=home.actor.name, reason=reason, now=now
    )
    withdrawals.lift(connection, [hold.id for hold in ends], by=home.actor.name, now=now)
    holds = pipelines_concerned(connection, plan)
    withdrawals.hold_pipelines(
        connection,
        plan.project,
        plan.ref.name,
        holds,
        commit=commit.id,
        by=home.actor.name,
        reason=reason,
        now=now,
    )
    record(
        connection,
        actor=home.actor,
        action=Action.ROLLBACK,
        resource=resource,
        decision=decision,
        now=now,
        reason=reason,
        before=plan.ref.head,
        after=commit.id,
        detail={
            "to": plan.to.id,
            "tables": list(plan.tables),
            "held": sorted({name for name, _ in holds}),
            "released": sorted({hold.pipeline for hold in ends}),
            "code": plan.code_version if plan.code_returns else None,
        },
    )
    return commit


def release(connection: Connection, home: Home, project: str, ref: str, pipeline: str) -> int:
    """Let a held pipeline publish again; returns how many holds were lifted.

    Raises:
        RefusedError: the actor may not do that.
    """
    now = home.clock()
    resource = Resource("ref", ref, project)
    decision = demand(home.actor, Action.RELEASE, resource)
    count = withdrawals.release(connection, project, ref, pipeline, by=home.actor.name, now=now)
    record(
        connection,
        actor=home.actor,
        action=Action.RELEASE,
        resource=resource,
        decision=decision,
        now=now,
        detail={"pipeline": pipeline, "holds": count},
    )
    return count


def release_held(connection: Connection, home: Home, project: str, ref: str, pipeline: str) -> int:
    """As ``release``, of a pipeline that must be held.

    Raises:
        NotFoundError: there is no such ref, or the pipeline is not held there; names the nearest.
        RefusedError: the actor may not do that.
    """
    refs.get_ref(connection, project, ref)
    held = [hold.pipeline for hold in withdrawals.holds(connection, project, ref)]
    if pipeline not in held:
        meant = nearest(pipeline, held)
        raise NotFoundError(
            f"{pipeline} is not held from publishing to {ref}",
            hint=f"did you mean {meant}?" if meant else None,
        )
    return release(connection, home, project, ref, pipeline)


def pipelines_concerned(connection: Connection, plan: RollbackPlan) -> set[tuple[str, str | None]]:
    """The pipelines whose publishes or code are taken back, each with the code that published.

    Runs so old that they are no longer known hold nothing: their code has long been another one.
    """
    found: set[tuple[str, str | None]] = set()
    returning = _codes(connection, plan) if plan.code_returns else {}
    for commit in plan.going:
        try:
            run = records.get_run(connection, commit.run_id or "")
        except NotFoundError:
            continue
        tables = {entry.table for entry in plan.returns} & changed_by(connection, commit)
        row = records.definition_row(connection, run.definition)
        manifest = manifest_from_json(row["body"])
        for name in run.request.pipelines:
            steps = (manifest.steps[step] for step in manifest.pipelines[name].steps)
            code = pipeline_code(manifest, name, plan.ref.name)
            goes = plan.code_returns and run.request.activates and returning.get(name) != code
            if goes or any(tables & set(step.outputs) for step in steps):
                found.add((name, code))
    return found


def _codes(connection: Connection, plan: RollbackPlan) -> dict[str, str]:
    """The code that every pipeline will have."""
    if plan.code_version is None:
        return {}
    row = records.definition_row(connection, plan.code_version)
    manifest = manifest_from_json(row["body"])
    return {name: pipeline_code(manifest, name, plan.ref.name) for name in manifest.pipelines}


def rollback_facts(
    plan: RollbackPlan,
    returns: list[Facts],
    holds: list[str],
    released: list[str],
    commit: Commit | None,
) -> Facts:
    """A rollback as ``galley rollback --json`` prints it; without a commit it was only planned."""
    return {
        "ref": plan.ref.name,
        "from": plan.ref.head,
        "to": plan.to.id,
        "commit": commit.id if commit else None,
        "applied": commit is not None,
        "reason": commit.message if commit else None,
        "tables": returns,
        "taken_back": [
            {
                "commit": one.id,
                "kind": one.kind.value,
                "author": one.author,
                "message": one.message,
                "created": iso(one.created),
                "run": one.run_id,
                "shown": one.id in plan.in_effect,
                "publish": one.kind in PUBLISHES,
            }
            for one in plan.taken_back
        ],
        "downstream": list(plan.downstream),
        "held": holds,
        "released": released,
        "code_version": plan.code_version,
        "only": list(plan.tables),
        "to_created": iso(plan.to.created),
        "code_before": plan.code_before,
        "code_returns": plan.code_returns,
    }
