"""Who calls, and what they may do."""

from __future__ import annotations

from galley.environments.inspect import Facts
from galley.environments.kitchens import personal
from galley.governance import accounts
from galley.governance.model import Role
from galley.governance.roles import MAY
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes
from galley.server.door import Via

routes = Routes("me")

ME = s.shape(
    "Me",
    s.record(
        "Who calls.",
        name=s.TEXT,
        kind=s.TEXT,
        on_behalf_of=s.maybe(s.TEXT),
        kitchen=s.TEXT,
        role=s.one_of(*(role.value for role in Role)),
        via={**s.one_of(*(via.value for via in Via)), "description": "How that is known."},
        may=s.many(s.TEXT),
        teams=s.many(s.TEXT),
    ),
)


@routes.get("/me", ME, kind=HOME)
def get_me(call: Calling) -> Facts:
    """Who calls.

    `kitchen` is the ref that is meant where none is named, `may` what the role permits.
    """
    actor = call.home.actor
    with call.home.database.read() as connection:
        teams = accounts.teams_of(connection, actor.name)
    return {
        "name": actor.name,
        "kind": actor.kind,
        "on_behalf_of": actor.on_behalf_of,
        "kitchen": personal(actor.name),
        "role": actor.role.value,
        "via": call.caller.via.value,
        "may": sorted(MAY[actor.role]),
        "teams": list(teams),
    }
