"""Access tokens of machines and command lines."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from galley.environments.inspect import Facts
from galley.environments.inspect_identity import token_facts
from galley.governance import accounts, tokens
from galley.governance.identity import checked_role
from galley.governance.model import Action, Role
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes

routes = Routes("tokens")

TOKEN = s.named("Token", s.cli("token"))
MADE = s.shape("TokenMade", s.cli("token_new"))


class NewToken(BaseModel):
    """What it is for, the most that it may, and how long."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "nightly", "role": "engineer", "days": 90}]},
    )

    name: Annotated[str, Field(min_length=1, max_length=128)]
    role: Annotated[str, Field(min_length=1, max_length=16)] = "viewer"
    days: Annotated[int, Field(ge=1, le=tokens.LONGEST)] = 90
    user: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            description="Whose it is, which takes the role admin. Default: the caller's.",
        ),
    ] = None


@routes.get("/tokens", s.page("Tokens", TOKEN), action=Action.ACCOUNT, kind=HOME)
def list_tokens(call: Calling) -> Facts:
    """The caller's tokens, the newest first; an admin sees everybody's."""
    who = call.home.actor
    owner = None if who.role in (Role.ADMIN, Role.OWNER) else who.name
    with call.home.database.read() as connection:
        found = tokens.tokens(connection, owner)
    return {"items": [token_facts(one, call.now()) for one in found], "next": None}


@routes.post("/tokens", MADE, action=Action.ACCOUNT, kind=HOME, status=201, errors=(403,))
def new_token(call: Calling, body: NewToken) -> Answer:
    """Make a token, no mightier than the caller nor than its user. `secret` is shown this once."""
    by, now = call.home.actor, call.now()
    role = checked_role(body.role)
    with call.home.database.write() as connection:
        others = body.user not in (None, by.name)
        owner = accounts.find_user(connection, body.user or "").name if others else by.name
        made, secret = tokens.new_token(
            connection, owner, body.name, role, body.days, by=by, now=now
        )
    return Answer({**token_facts(made, now), "secret": secret}, 201)


@routes.delete("/tokens/{token}", s.Shape(TOKEN), action=Action.ACCOUNT, kind="token")
def revoke_token(call: Calling, token: str) -> Facts:
    """End a token at once."""
    with call.home.database.write() as connection:
        ended = tokens.revoke(connection, token, by=call.home.actor, now=call.now())
    return token_facts(ended, call.now())
