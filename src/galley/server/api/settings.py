"""How this installation is set, and what its projects reach."""

from __future__ import annotations

import platform

from galley.environments.inspect import Facts
from galley.server.api import shapes as s
from galley.server.api.call import Calling, RefQuery
from galley.server.api.guard import HOME, Routes
from galley.server.api.paging import Page
from galley.version import VERSION

routes = Routes("settings")

SETTINGS = s.shape(
    "Settings",
    s.record(
        "Addresses are shown without passwords.",
        version=s.TEXT,
        python=s.TEXT,
        system=s.TEXT,
        home=s.TEXT,
        database=s.TEXT,
        warehouse=s.TEXT,
        projects=s.mapping(s.TEXT),
    ),
)
CONNECTION = s.named(
    "Connection",
    s.record(
        "The name and kind of a connection; never its address or its secrets.",
        name=s.TEXT,
        kind=s.TEXT,
        steps=s.many(s.TEXT),
    ),
)


@routes.get("/settings", SETTINGS, kind=HOME)
def get_settings(call: Calling) -> Facts:
    """How this installation is set. `projects` are the folders that the server was started in."""
    home = call.home
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "home": str(home.path),
        "database": home.database.place,
        "warehouse": home.warehouse,
        "projects": {name: str(folder) for name, folder in call.place.folders.items()},
    }


@routes.get("/projects/{project}/connections", s.page("Connections", CONNECTION), errors=(410,))
def list_connections(call: Calling, project: str, page: Page, ref: RefQuery = None) -> Facts:
    """The connections that a project's definitions name, and the steps that use them."""
    target = call.target(project, ref)
    (after,) = page.after(str) or ("",)
    with call.home.database.read() as connection:
        manifest = call.code(connection, project, target.ref).manifest
    found = [one for name, one in sorted(manifest.connections.items()) if name > after]
    return page.page(
        found[: page.limit + 1],
        lambda one: (one.name,),
        lambda some: [
            {
                "name": one.name,
                "kind": one.kind,
                "steps": [
                    step.name for step in manifest.steps.values() if one.name in step.connections
                ],
            }
            for one in some
        ],
    )
