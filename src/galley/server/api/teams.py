"""Teams."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from galley.environments.inspect import Facts
from galley.governance import accounts
from galley.governance.model import Action
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes

routes = Routes("teams")

TEAM = s.named("Team", s.cli("team"))


class Members(BaseModel):
    """All members of a team."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"members": ["ana", "ben"]}]}
    )

    members: Annotated[list[str], Field(max_length=1000)]


@routes.get("/teams", s.page("Teams", TEAM), kind=HOME)
def list_teams(call: Calling) -> Facts:
    """All teams, by name."""
    with call.home.database.read() as connection:
        found = accounts.teams(connection)
    items = [{"team": name, "members": list(members)} for name, members in found.items()]
    return {"items": items, "next": None}


@routes.put("/teams/{team}", s.Shape(TEAM), action=Action.MANAGE, kind="team")
def set_team(call: Calling, team: str, body: Members) -> Facts:
    """Make a team, or replace its members."""
    with call.home.database.write() as connection:
        members = tuple(body.members)
        kept = accounts.set_team(connection, team, members, by=call.home.actor, now=call.now())
    return {"team": team, "members": list(kept)}
