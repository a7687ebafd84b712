"""The parts of a run, a page at a time, and two runs side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from galley.environments.compare import compare_facts
from galley.environments.inspect import Facts
from galley.environments.inspect_runs import attempt_facts, get_run, step_facts, tests_of
from galley.environments.inspect_tables import metric_facts
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.runs import findings, listing, queue, records
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes
from galley.server.api.paging import Page
from galley.server.api.projects import RUN_ROW

routes = Routes("runs")

_WORD = s.maybe(s.TEXT)
STEP = s.named("Step", s.extended(s.cli("show", "steps", "*"), type=s.TEXT))
ATTEMPT = s.named("Attempt", s.cli("show", "attempts", "*"))
VERDICT = s.named("Verdict", s.cli("show", "tests", "*"))
MEASURED = s.named("RunMetric", s.extended(s.cli("table_metrics", "metrics", "*"), table=s.TEXT))
_DIFFERENCE = s.record(name=s.TEXT, a=s.ANY, b=s.ANY)
_STEP = s.record(
    state=s.TEXT,
    reason=_WORD,
    rows=s.maybe(s.WHOLE),
    bytes=s.maybe(s.WHOLE),
    seconds=s.maybe(s.NUMBER),
    why=_WORD,
)
_TEST = s.record(verdict=s.TEXT, blocks=s.YES_NO, value=s.ANY, message=_WORD)
COMPARISON = s.shape(
    "Comparison",
    s.record(
        "Two runs; `null` where one has no such thing.",
        a=RUN_ROW,
        b=RUN_ROW,
        same_code=s.YES_NO,
        code=s.many(_DIFFERENCE),
        packages=s.many(_DIFFERENCE),
        variables=s.many(_DIFFERENCE),
        inputs=s.many(_DIFFERENCE),
        windows=s.many(_DIFFERENCE),
        steps=s.many(s.record(name=s.TEXT, a=s.maybe(_STEP), b=s.maybe(_STEP))),
        tests=s.many(s.record(name=s.TEXT, a=s.maybe(_TEST), b=s.maybe(_TEST))),
    ),
)
RunId = Annotated[str, Query(max_length=64, description="A run's id.")]


@routes.get("/runs/compare", COMPARISON, kind=HOME)
def compare_runs(call: Calling, a: RunId, b: RunId) -> Facts:
    """What differs between two runs: code, libraries, variables, inputs, steps, tests."""
    with call.home.database.read() as connection:
        first, second = get_run(connection, a), get_run(connection, b)
        for run in (first, second):
            demand(call.home.actor, Action.READ, Resource("run", run.id, run.project))
        return compare_facts(connection, call.home, first, second)


@routes.get("/runs/{run}/steps", s.page("Steps", STEP), kind="run")
def list_steps(call: Calling, run: str, page: Page) -> Facts:
    """The steps of a run in their order, tests that run like steps included."""
    (after,) = page.after(int) or (-1,)
    with call.home.database.read() as connection:
        get_run(connection, run)
        found = listing.steps_of(connection, run, after=after, limit=page.limit + 1)
    return page.page(
        found,
        lambda step: (step.position,),
        lambda some: [{**step_facts(step), "type": step.type.value} for step in some],
    )


@routes.get("/runs/{run}/attempts", s.page("Attempts", ATTEMPT), kind="run")
def list_attempts(call: Calling, run: str, page: Page) -> Facts:
    """The attempts of a run, oldest first."""
    after = page.after(int, str)
    with call.home.database.read() as connection:
        get_run(connection, run)
        found = records.attempts_page(connection, run, after=after, limit=page.limit + 1)
        names = {step.id: step.name for step in queue.steps_of(connection, run)}
    logs = str(call.home.path / "logs")
    return page.page(
        found,
        lambda row: (row["started"], row["id"]),
        lambda some: [attempt_facts(row, names, logs) for row in some],
    )


@routes.get("/runs/{run}/tests", s.page("RunTests", VERDICT), kind="run")
def list_run_tests(call: Calling, run: str, page: Page) -> Facts:
    """What each test said last in a run; those that did not hold come first."""
    (after,) = page.after(int) or (0,)
    with call.home.database.read() as connection:
        found = list(enumerate(tests_of(connection, get_run(connection, run)), 1))
    left = [(number, one) for number, one in found if number > after]
    return page.page(
        left[: page.limit + 1],
        lambda pair: (pair[0],),
        lambda some: [one for _, one in some],
    )


@routes.get("/runs/{run}/metrics", s.page("RunMetrics", MEASURED), kind="run")
def list_run_metrics(
    call: Calling,
    run: str,
    page: Page,
    table: Annotated[str | None, Query(max_length=256, description="Only of this one.")] = None,
    name: Annotated[str | None, Query(max_length=64, description="Only of this name.")] = None,
) -> Facts:
    """What a run measured of the tables it made, without being asked to: by table and column."""
    (after,) = page.after(int) or (0,)
    with call.home.database.read() as connection:
        get_run(connection, run)
        found = findings.metrics_in(
            connection,
            run,
            table=table.lower() if table else None,
            name=name,
            after=after,
            limit=page.limit + 1,
        )
    return page.page(
        found,
        lambda row: (row["id"],),
        lambda some: [{**metric_facts(row), "table": row["table_key"]} for row in some],
    )
