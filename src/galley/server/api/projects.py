"""Projects."""

from __future__ import annotations

from galley.environments import definitions
from galley.environments.inspect import Facts
from galley.environments.inspect_projects import project_facts
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes
from galley.server.api.paging import Page

routes = Routes("projects")

RUN_ROW = s.named("RunRow", s.cli("runs", "runs", "*"))
PROJECT = s.named(
    "Project",
    s.record(
        "A project; `folder` is where this server was started in it.",
        project=s.TEXT,
        folder=s.maybe(s.TEXT),
        environments=s.many(s.TEXT),
        last_run=s.maybe(RUN_ROW),
    ),
)


@routes.get("/projects", s.page("Projects", PROJECT), kind=HOME)
def list_projects(call: Calling, page: Page) -> Facts:
    """The projects of this home, by name."""
    (after,) = page.after(str) or ("",)
    folders = call.place.folders
    with call.home.database.read() as connection:
        names = definitions.known_projects(connection, folders, after=after, limit=page.limit + 1)
        return page.page(
            names,
            lambda name: (name,),
            lambda shown: project_facts(connection, shown, folders, call.now()),
        )


@routes.get("/projects/{project}", s.Shape(PROJECT))
def get_project(call: Calling, project: str) -> Facts:
    """One project."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        (found,) = project_facts(connection, [project], call.place.folders, call.now())
        return found
