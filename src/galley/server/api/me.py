"""Who calls, and what they may do."""

from __future__ import annotations

from galley.environments.inspect import Facts
from galley.environments.kitchens import personal
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes

routes = Routes("me")

ME = s.shape(
    "Me",
    s.record(
        "Who calls.",
        name=s.TEXT,
        kind=s.TEXT,
        on_behalf_of=s.maybe(s.TEXT),
        kitchen=s.TEXT,
    ),
)


@routes.get("/me", ME, kind=HOME)
def get_me(call: Calling) -> Facts:
    """Who calls.

    `kitchen` is the ref that is meant where none is named.
    """
    actor = call.home.actor
    return {
        "name": actor.name,
        "kind": actor.kind,
        "on_behalf_of": actor.on_behalf_of,
        "kitchen": personal(actor.name),
    }
