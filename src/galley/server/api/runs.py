"""Runs: listed, shown, started, and asked to stop, wait or go on."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from galley.environments import asking, launch, resume
from galley.environments.definitions import Shown, runnable_in
from galley.environments.inspect import Facts
from galley.environments.inspect_projects import find_pipeline, only_pipeline, run_edges
from galley.environments.inspect_runs import find_run, get_run, list_facts, run_details
from galley.errors import ConflictError, UsageError
from galley.governance.model import Action
from galley.project.model import Manifest
from galley.runs import listing
from galley.runs.listing import Wanted
from galley.runs.model import Run, RunCause, RunState
from galley.server.api import shapes as s
from galley.server.api.answers import Answer, encoded
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.once import Key, once
from galley.server.api.paging import Page
from galley.server.api.pipelines import EDGE
from galley.server.api.projects import RUN_ROW

routes = Routes("runs")

ROW = s.Shape(RUN_ROW)
DETAILS = s.shape("Run", s.extended(s.cli("show"), edges=s.many(EDGE)))
Name = Annotated[str, Field(min_length=1, max_length=256)]
Version = Annotated[
    str,
    Field(
        min_length=4,
        max_length=64,
        description="A version of the project, how its id begins, or `last`. Default: what the "
        "kitchen works with.",
    ),
]


class Body(BaseModel):
    """A request's body; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class StartRun(Body):
    """What to run, and where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"pipeline": "shop", "ref": "kitchen/ana"}]},
    )

    pipeline: Name | None = Field(None, description="Not needed where there is only one.")
    ref: Name | None = Field(None, description="Default: the caller's kitchen.")
    select: list[Name] = Field([], max_length=1000, description="Only these steps.")
    window: Name | None = Field(None, description="A..B; B is exclusive.")
    variables: dict[str, Any] = Field({}, description="Values of declared variables.")
    rebuild: list[Name] = Field([], max_length=1000, description="Compute though unchanged.")
    priority: int = Field(0, ge=-1000, le=1000)
    batch: int | None = Field(
        None, ge=1, le=100_000, description="Make all windows, in runs of so many: a backfill."
    )
    atomic: bool = Field(False, description="Publish all windows of a backfill at once, or none.")
    version: Version | None = None


class Rerun(Body):
    """From which step."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"from": "orders"}]})

    step: Name | None = Field(None, alias="from", description="Default: every step.")


class Resume(Body):
    """With which code."""

    same_code: bool = Field(False, description="The code that it had, not the present one.")
    version: Version | None = None


class Publish(Body):
    """Over which tests, why, and for how long."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"override": ["unique"], "reason": "known, and small"}]},
    )

    override: list[Name] = Field(
        min_length=1, max_length=1000, description="Tests that may fail: NAME or TABLE.NAME."
    )
    reason: str = Field(min_length=1, max_length=2000, description="It is shown with the tables.")
    seconds: int = Field(
        7 * 86_400, ge=60, le=10 * 366 * 86_400, description="How long the tables bear the mark."
    )


@routes.get("/projects/{project}/runs", s.page("Runs", RUN_ROW))
def list_runs(
    call: Calling,
    project: str,
    page: Page,
    pipeline: Annotated[str | None, Query(max_length=256)] = None,
    state: Annotated[list[RunState] | None, Query(description="May be repeated.")] = None,
    ref: Annotated[str | None, Query(max_length=256)] = None,
    parent: Annotated[str | None, Query(max_length=32, description="Of this backfill.")] = None,
    actor: Annotated[str | None, Query(max_length=128)] = None,
) -> Facts:
    """The runs of a project, newest first."""
    wanted = Wanted(project, pipeline, ref, tuple(state or ()), parent, actor)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = listing.page(connection, wanted, after=page.after(int, str), limit=page.limit + 1)
        return page.page(
            found,
            lambda run: (run.created, run.id),
            lambda shown: list_facts(connection, shown, call.now()),
        )


@routes.post("/projects/{project}/runs", ROW, action=Action.RUN, status=202, errors=(409, 413))
def start_run(call: Calling, project: str, body: StartRun, key: Key = None) -> Answer:
    """Start a run.

    It is queued when this answers, and an engine takes it up at once. In a kitchen the project's
    folder runs, without one what was deployed to it, in an environment what was promoted to it.
    """
    shown, wish = wished(call, project, body)
    checkout = runnable_in(shown)

    def act(connection: Connection) -> Answer:
        wanted = launch.prepare(connection, call.home, shown.manifest, checkout, wish)
        return _queued(connection, call, launch.launch(connection, call.home, wanted))

    return once(call, key, (f"start {project}", body), act)


@routes.get("/projects/{project}/runs/{prefix}", ROW)
def find_run_named(call: Calling, project: str, prefix: str) -> Facts:
    """The run whose id begins so; `last` is the newest, `resumable` the newest that stopped."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        if prefix == "resumable":
            found = resume.find_resumable(connection, project)
        else:
            found = find_run(connection, project, prefix)
        return list_facts(connection, [found], call.now())[0]


@routes.get("/runs/{run}", DETAILS, kind="run")
def show_run(call: Calling, run: str) -> Response:
    """Everything about a run: steps, tests, attempts, variables, code, inputs and results."""

    def look() -> bytes:
        with call.home.database.read() as connection:
            found = get_run(connection, run)
            details = run_details(connection, call.home, found)
            return encoded({**details, "edges": run_edges(connection, found)})

    return Response(call.place.together.answer(f"run {run}", look), media_type="application/json")


@routes.post("/runs/{run}/cancel", ROW, action=Action.CANCEL, kind="run", errors=(409,))
def cancel_run(call: Calling, run: str, key: Key = None) -> Answer:
    """Stop a run: what it does is ended, and nothing of it is published."""

    def act(connection: Connection) -> Answer:
        return _asked(
            connection, call, asking.cancel(connection, call.home, _open(connection, run))
        )

    return once(call, key, (f"cancel {run}", None), act)


@routes.post("/runs/{run}/pause", ROW, action=Action.CANCEL, kind="run", errors=(409,))
def pause_run(call: Calling, run: str, key: Key = None) -> Answer:
    """Let a run start no further steps; those under way are finished."""

    def act(connection: Connection) -> Answer:
        return _asked(connection, call, asking.pause(connection, call.home, _open(connection, run)))

    return once(call, key, (f"pause {run}", None), act)


@routes.post(
    "/runs/{run}/resume", ROW, action=Action.RUN, kind="run", status=202, errors=(409, 413)
)
def resume_run(call: Calling, run: str, body: Resume | None = None, key: Key = None) -> Answer:
    """Go on with a run that stopped, as a new run, or with a paused one.

    What it staged and proved is taken over. In a kitchen the present code runs, so that a fix
    counts.
    """
    with call.home.database.read() as connection:
        found = get_run(connection, run)
        same = (body is not None and body.same_code) or not found.state.terminal
        version = body.version if body else None
        if version is not None and same:
            raise UsageError(
                f"run {run} goes on with the code that it had, so a version means nothing",
                hint="leave out `version`",
            )
        if version is not None:
            launch.refuse_environment(connection, found.project, found.ref, version)
        shown = None if same else call.code(connection, found.project, found.ref, version)
    if found.state is RunState.SUCCEEDED:
        raise ConflictError(f"run {run} was published; there is nothing to resume")
    checkout = runnable_in(shown) if shown else None

    def act(connection: Connection) -> Answer:
        fresh = get_run(connection, run)
        if shown is None or checkout is None:
            return _queued(connection, call, resume.resume_same(connection, call.home, fresh))
        again = resume.resume(connection, call.home, shown.manifest, checkout, fresh)
        return _queued(connection, call, again)

    return once(call, key, (f"resume {run}", body), act)


@routes.post(
    "/runs/{run}/publish", ROW, action=Action.OVERRIDE, kind="run", status=202, errors=(409, 413)
)
def publish_run(call: Calling, run: str, body: Publish, key: Key = None) -> Answer:
    """Publish a run over blocking tests, in the caller's name, as a new run.

    What is published is what the run has staged. The audit trail keeps who answered for it.
    """

    def act(connection: Connection) -> Answer:
        queued = resume.publish_over(
            connection,
            call.home,
            get_run(connection, run),
            body.override,
            reason=body.reason,
            expires_at=call.now() + body.seconds * 1_000_000,
        )
        return _queued(connection, call, queued)

    return once(call, key, (f"publish {run}", body), act)


@routes.post("/runs/{run}/rerun", ROW, action=Action.RUN, kind="run", status=202, errors=(409, 413))
def rerun_run(call: Calling, run: str, body: Rerun | None = None, key: Key = None) -> Answer:
    """Run the same again, as a new run, computing a step and all that follows from it anew.

    Windows, variables and selection stay. Without `from` every step is computed.
    """
    with call.home.database.read() as connection:
        found = get_run(connection, run)
        shown = call.code(connection, found.project, found.ref)
    checkout = runnable_in(shown)
    step = body.step if body else None

    def act(connection: Connection) -> Answer:
        again = resume.rerun(connection, call.home, shown.manifest, checkout, found, step)
        return _queued(connection, call, again)

    return once(call, key, (f"rerun {run}", body), act)


def wished(call: Call, project: str, body: StartRun) -> tuple[Shown, launch.Wish]:
    """What is to run, and the definitions that it runs with.

    Raises:
        NotFoundError: no such project, version or pipeline.
        RefusedError: a version, and an environment.
        UsageError: there are several pipelines.
    """
    ref = call.ref_name(body.ref)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        if body.version is not None:
            launch.refuse_environment(connection, project, ref, body.version)
        shown = call.code(connection, project, ref, body.version)
    return shown, wish_of(call, shown.manifest, body)


def wish_of(call: Call, manifest: Manifest, body: StartRun) -> launch.Wish:
    """What is to run of a project. Raises NotFoundError, UsageError."""
    pipeline = body.pipeline or only_pipeline(manifest)
    find_pipeline(manifest, pipeline)
    return launch.Wish(
        (pipeline,),
        call.ref_name(body.ref),
        select=tuple(body.select),
        window=body.window,
        variables={name: typed(value) for name, value in body.variables.items()},
        rebuild=tuple(body.rebuild),
        priority=body.priority,
        batch=body.batch,
        atomic=body.atomic,
        cause=RunCause.MANUAL if body.batch is None else RunCause.BACKFILL,
    )


def _open(connection: Connection, run_id: str) -> Run:
    found = get_run(connection, run_id)
    if found.state.terminal:
        raise ConflictError(f"run {run_id} has ended already: {found.state}")
    return found


def _asked(connection: Connection, call: Call, run: Run) -> Answer:
    return Answer(list_facts(connection, [run], call.now())[0])


def _queued(connection: Connection, call: Call, run: Run) -> Answer:
    (facts,) = list_facts(connection, [run], call.now())
    return Answer(facts, 202, {"location": f"/api/v1/runs/{run.id}"})


def typed(value: Any) -> str:
    """A value as it would be typed on a command line."""
    return value if isinstance(value, str) else json.dumps(value)
