"""Kitchens."""

from __future__ import annotations

from pydantic import ConfigDict

from galley.environments.inspect import Facts, ref_facts, refs_facts
from galley.environments.kitchens import close, full_name, open_own
from galley.governance.model import Action
from galley.lake import refs
from galley.lake.model import RefKind
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.paging import Page
from galley.server.api.refs import REF
from galley.server.api.runs import Body, Name

routes = Routes("refs")

OPENED = s.shape("KitchenOpened", s.cli("kitchen"))
CLOSED = s.shape("KitchenClosed", s.cli("kitchen_close"))


class NewKitchen(Body):
    """What to call it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "ana"}]})

    name: Name


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


@routes.post("/projects/{project}/kitchens", OPENED, action=Action.OPEN_KITCHEN, errors=(409, 413))
def open_kitchen(call: Calling, project: str, body: NewKitchen) -> Facts:
    """Open a kitchen: a branch of production's data, at once, whatever its size."""
    with call.home.database.write() as connection:
        call.check_project(connection, project)
        ref, created = open_own(connection, project, body.name, call.home.actor, call.now())
        return {**ref_facts(connection, ref), "created": created}


@routes.delete(
    "/projects/{project}/kitchens/{name:path}",
    CLOSED,
    action=Action.OPEN_KITCHEN,
    errors=(403, 409),
)
def close_kitchen(call: Calling, project: str, name: str) -> Facts:
    """Close a kitchen; what was promoted from it stays. It takes the role that removes things."""
    with call.home.database.write() as connection:
        call.check_project(connection, project)
        ref = refs.get_ref(connection, project, full_name(name))
        close(connection, ref, call.home.actor, call.now())
        return {"ref": ref.name, "closed": True}
