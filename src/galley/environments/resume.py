"""Going on with a run that stopped: what it staged and proved is taken over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from galley.environments.home import Checkout, Home
from galley.environments.launch import Launch, Wish, launch, prepare
from galley.environments.promotion import plan_promotion, promote, renewed
from galley.errors import NotFoundError, UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.lake import refs
from galley.project.model import Manifest
from galley.runs import findings, records
from galley.runs.model import Intention, Run, RunCause, RunState
from galley.runs.verdict import Verdict

DAY = 24 * 3600 * 1_000_000


def resumable(run: Run) -> bool:
    """Whether a run stopped before it published, so that another can go on from there."""
    return run.state in (RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED)


def find_resumable(connection: Connection, project: str) -> Run:
    """The newest run that can be resumed.

    Raises:
        NotFoundError: there is none.
    """
    for run in records.list_runs(connection, project, limit=50):
        waiting = not run.state.terminal and run.intention is Intention.PAUSE
        if waiting or resumable(run):
            return run
    raise NotFoundError("no run waits to be resumed", hint="see `galley runs`")


def resume(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, run: Run
) -> Run:
    """Queue a run that goes on where ``run`` stopped; a paused run itself goes on.

    In a kitchen the working tree's code runs, so that a fix counts; steps whose code and inputs did
    not change keep what they made.

    Raises:
        UsageError: the run was published, or is at work.
        RefNotFoundError: what the run staged has expired.
    """
    if not run.state.terminal:
        if run.intention is Intention.GO:
            raise UsageError(f"run {run.id} is at work already", hint=f"galley show {run.id}")
        records.set_intention(connection, run.id, Intention.GO, home.clock())
        return run
    if not resumable(run):
        raise UsageError(
            f"run {run.id} was published; there is nothing to resume",
            hint=f"galley run {run.pipeline}",
        )
    if run.request.activates:
        return _promote_again(connection, home, manifest, checkout, run)
    return launch(connection, home, _relaunch(connection, home, manifest, checkout, run))


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
    request = run.request
    wish = Wish(
        pipelines=request.pipelines,
        ref=run.ref,
        select=request.select,
        window=_window(request.windows),
        variables=_flags(request.variables, request.origins),
        resumes=run.id,
        cause=RunCause.RESUME,
    )
    return prepare(connection, home, manifest, checkout, wish)


def _promote_again(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, run: Run
) -> Run:
    promotion = plan_promotion(connection, home, manifest, checkout, source=None, target=run.ref)
    request = replace(promotion.launch.request, resumes=run.id)
    return promote(connection, home, renewed(promotion, request))


def _window(windows: tuple[str, str] | None) -> str | None:
    if windows is None:
        return None
    start, end = windows
    return start if start == end else f"{start}..{end}"


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
