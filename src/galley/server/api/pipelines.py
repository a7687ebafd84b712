"""Pipelines: what they are made of, how they fared last, what a run would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from galley.environments.definitions import runnable_in
from galley.environments.inspect import Facts
from galley.environments.inspect_projects import (
    code_facts,
    find_pipeline,
    pipeline_facts,
    pipelines_facts,
)
from galley.environments.launch import Wish
from galley.environments.plan import plan_facts, plan_wish
from galley.lake import refs
from galley.server.api import shapes as s
from galley.server.api.call import Calling, RefQuery
from galley.server.api.guard import Routes
from galley.server.api.paging import Page
from galley.server.api.projects import RUN_ROW

routes = Routes("pipelines")

_LINE = s.record(
    "A pipeline; `history` are its newest runs in the ref, newest first. `schedule` is what makes "
    "it run by itself there, and `next` when that is, where a clock says so.",
    name=s.TEXT,
    description=s.maybe(s.TEXT),
    owner=s.maybe(s.TEXT),
    priority=s.WHOLE,
    concurrency=s.maybe(s.WHOLE),
    schedule=s.maybe(s.TEXT),
    next=s.maybe(s.TIME),
    steps=s.WHOLE,
    tables=s.many(s.TEXT),
    tests=s.WHOLE,
    held=s.YES_NO,
    last_run=s.maybe(RUN_ROW),
    history=s.many(RUN_ROW),
)
CODE = s.named(
    "Code",
    s.record(
        "Which definitions are shown.",
        version=s.TEXT,
        origin=s.one_of("activated", "working_tree", "deployed", "last_run"),
        git_commit=s.maybe(s.TEXT),
    ),
)
_LAST = s.record(
    run=s.TEXT,
    run_state=s.TEXT,
    state=s.cli("show", "steps", "*", "state"),
    reason=s.maybe(s.TEXT),
    message=s.maybe(s.TEXT),
    rows=s.maybe(s.WHOLE),
    seconds=s.maybe(s.NUMBER),
    started=s.maybe(s.TIME),
    finished=s.maybe(s.TIME),
)
_STEP = s.named(
    "StepDefinition",
    s.record(
        "A step as it is defined, and how it fared in the newest run in the ref that had it.",
        name=s.TEXT,
        kind=s.one_of("sql", "python", "load"),
        materialize=s.TEXT,
        description=s.maybe(s.TEXT),
        owner=s.maybe(s.TEXT),
        tags=s.many(s.TEXT),
        inputs=s.many(s.TEXT),
        outputs=s.many(s.TEXT),
        window=s.maybe(s.TEXT),
        where=s.TEXT,
        sql=s.maybe(s.TEXT),
        tests=s.WHOLE,
        last=s.maybe(_LAST),
    ),
)
EDGE = s.named(
    "Edge",
    {
        "description": "`to` reads `tables` that `from` makes; `null`: no step of the project.",
        "type": "object",
        "properties": {"from": s.maybe(s.TEXT), "to": s.TEXT, "tables": s.many(s.TEXT)},
        "required": ["from", "to", "tables"],
    },
)
_NODE = s.record(
    name=s.TEXT,
    step=s.maybe(s.TEXT),
    pipeline=s.maybe(s.TEXT),
    rows=s.maybe(s.WHOLE),
    bytes=s.maybe(s.WHOLE),
    content_id=s.maybe(s.TEXT),
    untested=s.maybe(s.YES_NO),
)
TEST_DEFINITION = s.named(
    "TestDefinition",
    s.record(
        "A test as it is defined; `step` is `null` for one that belongs to no single step.",
        name=s.TEXT,
        type=s.TEXT,
        table=s.TEXT,
        step=s.maybe(s.TEXT),
        stage=s.one_of("input", "output", "business"),
        severity=s.one_of("fail", "warn"),
        blocking=s.YES_NO,
        params={"type": "object"},
        description=s.maybe(s.TEXT),
        dimension=s.maybe(s.TEXT),
        owner=s.maybe(s.TEXT),
        tags=s.many(s.TEXT),
        where=s.TEXT,
    ),
)
_VARIABLE = s.record(name=s.TEXT, value=s.ANY)
PIPELINES = s.page("Pipelines", s.named("PipelineRow", _LINE), code=CODE, ref=s.TEXT)
PIPELINE = s.shape(
    "Pipeline",
    s.extended(
        _LINE,
        project=s.TEXT,
        ref=s.TEXT,
        commit=s.TEXT,
        code=CODE,
        variables=s.many(_VARIABLE),
        steps=s.many(_STEP),
        tables=s.many(_NODE),
        edges=s.many(EDGE),
        tests=s.many(TEST_DEFINITION),
    ),
)
PLAN = s.shape("Plan", s.cli("plan"))
_SELECT = Query(description="Only this step; may be repeated.", max_length=100)


@routes.get("/projects/{project}/pipelines", PIPELINES, errors=(410,))
def list_pipelines(call: Calling, project: str, page: Page, ref: RefQuery = None) -> Facts:
    """The pipelines that a ref works with, by name.

    An environment works with what was promoted to it, everything else with the project's folder.
    """
    target = call.target(project, ref)
    (after,) = page.after(str) or ("",)
    with call.home.database.read() as connection:
        shown = call.code(connection, project, target.ref)
        found = [one for name, one in sorted(shown.manifest.pipelines.items()) if name > after]
        answer = page.page(
            found[: page.limit + 1],
            lambda one: (one.name,),
            lambda some: pipelines_facts(connection, shown.manifest, some, target.ref, call.now()),
        )
        return {**answer, "code": code_facts(shown), "ref": target.ref}


@routes.get("/projects/{project}/pipelines/{pipeline}", PIPELINE, errors=(410,))
def get_pipeline(call: Calling, project: str, pipeline: str, ref: RefQuery = None) -> Facts:
    """One pipeline: steps, tables and tests, who reads what, the last state of each step."""
    target = call.target(project, ref)
    with call.home.database.read() as connection:
        shown = call.code(connection, project, target.ref)
        one = find_pipeline(shown.manifest, pipeline)
        found = refs.get_ref(connection, project, target.ref)
        return pipeline_facts(connection, shown, one, found, target, call.now())


@routes.get("/projects/{project}/pipelines/{pipeline}/plan", PLAN, errors=(409, 410))
def plan_pipeline(
    call: Calling,
    project: str,
    pipeline: str,
    ref: RefQuery = None,
    window: Annotated[str | None, Query(max_length=200, description="A..B")] = None,
    select: Annotated[list[str] | None, _SELECT] = None,
) -> Facts:
    """What a run would do to each step, and why; nothing is run or written."""
    name = call.ref_name(ref)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        shown = call.code(connection, project, name)
    find_pipeline(shown.manifest, pipeline)
    wish = Wish((pipeline,), name, select=tuple(select or ()), window=window)
    checkout = runnable_in(shown)
    with call.home.database.write() as connection:
        plan = plan_wish(
            connection, call.home, shown.manifest, checkout, wish, call.place.site.probe
        )
    return plan_facts(plan)
