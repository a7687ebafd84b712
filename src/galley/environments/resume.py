"""Going on with a run that stopped: what it staged and proved is taken over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from galley.environments import asking
from galley.environments.home import Checkout, Home
from galley.environments.launch import Launch, Wish, kept_code, launch, prepare
from galley.environments.promotion import plan_promotion, promote, renewed
from galley.errors import ConflictError, NotFoundError, UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs
from galley.project.model import Manifest
from galley.project.names import hint_for
from galley.project.variables import convert
from galley.runs import findings, records
from galley.runs.graph import build_graph, selected_steps
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState
from galley.runs.verdict import Verdict


def resumable(run: Run) -> bool:
    """Whether a run stopped before it published, so that another can go on from there."""
    return run.state in (RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED)


def find_resumable(connection: Connection, project: str) -> Run:
    """The newest run that can be resumed; of a backfill's runs, the backfill.

    Raises:
        NotFoundError: there is none.
    """
    for run in records.list_runs(connection, project, limit=50):
        if run.request.parent is not None:
            run = records.get_run(connection, run.request.parent)
        waiting = not run.state.terminal and run.intention is Intention.PAUSE
        if waiting or resumable(run):
            return run
    raise NotFoundError("no run waits to be resumed", hint="see `galley runs`")


def resume(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, run: Run
) -> Run:
    """Queue a run that goes on where ``run`` stopped; a paused run itself goes on.

    The request stays the same. In a kitchen the given code runs, so that a fix counts; steps whose
    code and inputs did not change keep what they made.

    Raises:
        UsageError: the run was published, or is at work.
        VariableError: a value of the run does not fit the given code.
        ConflictError: the run is a promotion, and others have promoted since.
    """
    if not run.state.terminal:
        if run.intention is Intention.GO:
            raise UsageError(f"run {run.id} is at work already", hint=f"galley show {run.id}")
        return asking.go_on(connection, home, run)
    if not resumable(run):
        raise UsageError(
            f"run {run.id} was published; there is nothing to resume",
            hint=f"galley run {run.pipeline}",
        )
    if run.request.activates:
        return _promote_again(connection, home, manifest, checkout, run)
    return launch(connection, home, _relaunch(connection, home, manifest, checkout, run))


def resume_same(connection: Connection, home: Home, run: Run) -> Run:
    """Like ``resume``, with the code that ``run`` had: what was seen is what may be published.

    Raises:
        ConflictError: the environment runs other code by now.
    """
    manifest, checkout = kept_code(connection, run.definition)
    if not run.state.terminal or not resumable(run) or run.request.activates:
        return resume(connection, home, manifest, checkout, run)
    wanted = _relaunch(connection, home, manifest, checkout, run)
    if wanted.manifest.hash != run.definition:
        raise ConflictError(
            f"{run.ref} runs other code since run {run.id}, so that code cannot go on there",
            hint=f"go on with the present code: galley resume {run.id}",
        )
    return launch(connection, home, wanted)


def rerun(
    connection: Connection,
    home: Home,
    manifest: Manifest,
    checkout: Checkout,
    run: Run,
    step: str | None = None,
) -> Run:
    """Queue a run like ``run`` that computes ``step`` and all that follows from it anew.

    Without a step everything is computed. A run that stopped hands over what it staged of the rest.

    Raises:
        ConflictError: the run has not ended.
        NotFoundError: it has no such step; names the nearest.
        UsageError: it is a promotion or a backfill, which are asked for anew.
    """
    if run.request.activates or run.is_backfill:
        kind = "promotion" if run.request.activates else "backfill"
        raise UsageError(
            f"run {run.id} is a {kind}, which is not run again step by step",
            hint=f"galley {'promote' if run.request.activates else 'backfill'}",
        )
    if not run.state.terminal:
        raise ConflictError(f"run {run.id} is at work still", hint="cancel it, or wait for it")
    ready = _relaunch(connection, home, manifest, checkout, run)
    names = [one.name for one in selected_steps(ready.manifest, ready.request)]
    if step is not None:
        if step not in names:
            hint = hint_for(step, names, "its steps")
            raise NotFoundError(f"run {run.id} has no step {step!r}", hint=hint)
        after = build_graph(ready.manifest, ready.request).downstream(step)
        names = [name for name in names if name == step or name in after]
    request = replace(
        ready.request, rebuild=tuple(names), resumes=run.id if resumable(run) else None
    )
    return launch(connection, home, replace(ready, request=request, cause=RunCause.MANUAL))


def publish_over(
    connection: Connection,
    home: Home,
    run: Run,
    tests: Sequence[str],
    *,
    reason: str,
    expires_at: int,
) -> Run:
    """Queue what publishes a run as it was staged, over blocking tests.

    Raises what ``override`` and ``resume_same`` raise.
    """
    for test in tests:
        override(connection, home, run, test, reason=reason, expires_at=expires_at)
    return resume_same(connection, home, run)


def override(
    connection: Connection,
    home: Home,
    run: Run,
    test: str,
    *,
    reason: str,
    expires_at: int,
) -> tuple[Verdict, ...]:
    """Let a run publish over a blocking test, in the name of whoever says so.

    ``test`` is a test's name, or ``table.name`` where several tables have one of that name.

    Raises:
        NotFoundError: no such test keeps the run back.
        UsageError: no reason was given.
        RefusedError: the actor may not override.
    """
    if not reason.strip():
        raise UsageError("an override needs a reason", hint="--reason 'why this may be published'")
    now = home.clock()
    blocking = findings.latest_blocking(connection, run.id)
    chosen = tuple(v for v in blocking if test in (v.test, f"{v.table}.{v.test}"))
    if not chosen:
        names = ", ".join(sorted({f"{v.table}.{v.test}" for v in blocking}))
        raise NotFoundError(
            f"no test {test} keeps run {run.id} back",
            hint=f"those that do: {names}" if names else f"galley show {run.id}",
        )
    ref = refs.get_ref(connection, run.project, run.ref)
    resource = Resource("run", run.id, run.project, ref.protected)
    decision = demand(home.actor, Action.OVERRIDE, resource)
    for verdict in chosen:
        findings.save_override(
            connection,
            run_id=run.id,
            test=verdict.test,
            table=verdict.table,
            by=home.actor.name,
            reason=reason,
            now=now,
            expires_at=expires_at,
        )
    record(
        connection,
        actor=home.actor,
        action=Action.OVERRIDE,
        resource=resource,
        decision=decision,
        now=now,
        reason=reason,
        detail={"tests": [f"{v.table}.{v.test}" for v in chosen], "expires_at": expires_at},
    )
    return chosen


def _relaunch(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, run: Run
) -> Launch:
    """The run's own request on the given code.

    A backfill staged nothing itself: it begins anew and makes only what is still missing; an atomic
    one goes on from what its runs have made. What was let pass in its runs stays so.
    """
    request = run.request
    wish = Wish(
        pipelines=request.pipelines,
        ref=run.ref,
        select=request.select,
        variables=_flags(request.variables, request.origins),
        rebuild=request.rebuild,
        resumes=run.id,
        batch=request.batch,
        atomic=request.atomic and request.batch is not None,
        cause=RunCause.BACKFILL if run.cause is RunCause.BACKFILL else RunCause.RESUME,
    )
    ready = prepare(connection, home, manifest, checkout, wish)
    # The windows are those that were understood then: half-open, never read as typed again.
    same = replace(_same_values(ready.request, request), windows=request.windows)
    return replace(ready, request=same)


def _promote_again(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, run: Run
) -> Run:
    promotion = plan_promotion(connection, home, manifest, checkout, source=None, target=run.ref)
    if promotion.present != run.request.expected_code:
        raise ConflictError(
            f"the code of {run.ref} has changed since run {run.id} was asked for",
            hint=f"look at the change again: galley promote --to {run.ref}",
        )
    same = _same_values(promotion.launch.request, run.request)
    request = replace(
        same,
        resumes=run.id,
        source=run.request.source,
        since=run.request.since,
        forward_only=run.request.forward_only,
    )
    return promote(connection, home, renewed(promotion, request))


def _same_values(request: RunRequest, earlier: RunRequest) -> RunRequest:
    """The request with the values that the variables had then; new variables keep their own.

    Raises:
        VariableError: a variable is of another type now.
    """
    variables = {pipeline: dict(bound) for pipeline, bound in request.variables.items()}
    origins = {pipeline: dict(bound) for pipeline, bound in request.origins.items()}
    for pipeline, bound in variables.items():
        for name, value in earlier.variables.get(pipeline, {}).items():
            if name in bound:
                bound[name] = convert(name, value, bound[name])
                origins[pipeline][name] = earlier.origins[pipeline][name]
    return replace(request, variables=variables, origins=origins)


def _flags(
    values: Mapping[str, Mapping[str, object]], origins: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """The variables that were given by flag, as they would be typed."""
    found: dict[str, str] = {}
    for pipeline, bound in values.items():
        for name, value in bound.items():
            if origins.get(pipeline, {}).get(name) == "flag":
                found[name] = value if isinstance(value, str) else json.dumps(value)
    return found
