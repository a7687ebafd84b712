"""Kitchens."""

from __future__ import annotations

from galley.environments.inspect import Facts, refs_facts
from galley.lake import refs
from galley.lake.model import RefKind
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.paging import Page
from galley.server.api.refs import REF

routes = Routes("refs")


@routes.get("/projects/{project}/kitchens", s.page("Kitchens", REF))
def list_kitchens(call: Calling, project: str, page: Page) -> Facts:
    """The kitchens of a project, by name."""
    (after,) = page.after(str) or ("",)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = refs.page(
            connection, project, (RefKind.KITCHEN,), after=after, limit=page.limit + 1
        )
        return page.page(
            found,
            lambda ref: (ref.name,),
            lambda some: refs_facts(connection, project, some),
        )
