"""Whether it is all right, and what needs whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from galley.environments import definitions
from galley.environments.inspect import Facts
from galley.environments.inspect_overview import overview_facts
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes
from galley.server.api.projects import RUN_ROW
from galley.server.api.refs import REF

routes = Routes("overview")

MOST_PROJECTS = 20

_BRIEF = s.record(
    run=s.TEXT,
    ref=s.TEXT,
    state=s.cli("runs", "runs", "*", "state"),
    created=s.TIME,
    seconds=s.maybe(s.NUMBER),
)
_FAILING = s.record(
    run=s.TEXT,
    step=s.TEXT,
    test=s.TEXT,
    table=s.TEXT,
    verdict=s.one_of("fail", "error"),
    blocks=s.YES_NO,
    message=s.maybe(s.TEXT),
    at=s.TIME,
)
_PROJECT = s.named(
    "ProjectOverview",
    s.record(
        "`day` counts the runs of 24 hours by state; `failing` are the tests that did not hold in "
        "the newest run of each pipeline; `expiring` are the caller's kitchens of the next days.",
        project=s.TEXT,
        day=s.mapping(s.WHOLE),
        pipelines=s.many(s.record(name=s.TEXT, history=s.many(_BRIEF))),
        failing=s.many(_FAILING),
        environments=s.many(REF),
        expiring=s.many(REF),
        held=s.many(s.record(ref=s.TEXT, pipeline=s.TEXT)),
    ),
)
OVERVIEW = s.shape(
    "Overview",
    s.record(
        "`runs` are those that have not ended.",
        at=s.TIME,
        runs=s.many(RUN_ROW),
        projects=s.many(_PROJECT),
        engines=s.WHOLE,
        workers=s.WHOLE,
    ),
)


@routes.get("/overview", OVERVIEW, kind=HOME)
def get_overview(
    call: Calling, project: Annotated[str | None, Query(max_length=128)] = None
) -> Facts:
    """What is under way, how the pipelines fared lately, what failed, what expires.

    Without a project the first twenty by name are shown.
    """
    folders = call.place.folders
    with call.home.database.read() as connection:
        if project is not None:
            call.check_project(connection, project)
            names = [project]
        else:
            names = definitions.known_projects(connection, folders, limit=MOST_PROJECTS)
        return overview_facts(connection, call.home, names)
