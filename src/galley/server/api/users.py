"""Users: listed, added, changed, shut out."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from galley.environments.inspect import Facts
from galley.environments.inspect_identity import user_facts
from galley.governance import accounts
from galley.governance.identity import checked_role
from galley.governance.model import Action
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes

routes = Routes("users")

USER = s.named("User", s.cli("user"))
INVITED = s.shape("Invited", s.cli("user_link"))
Role = Annotated[str, Field(min_length=1, max_length=16, examples=["engineer"])]


class NewUser(BaseModel):
    """Who, and what they may."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "ben", "role": "engineer"}]}
    )

    user: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role = "viewer"
    display: Annotated[str, Field(max_length=128)] = ""


class ChangedUser(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"role": "operator"}]}
    )

    role: Role | None = None
    disabled: bool | None = None


@routes.get("/users", s.page("Users", USER), kind=HOME)
def list_users(call: Calling) -> Facts:
    """Everybody who may log in, by name."""
    with call.home.database.read() as connection:
        found = accounts.users(connection)
    return {"items": [user_facts(one) for one in found], "next": None}


@routes.post("/users", INVITED, action=Action.MANAGE, kind=HOME, status=201, errors=(409,))
def add_user(call: Calling, body: NewUser) -> Answer:
    """Add a user. `link` is the secret with which they choose a password, once."""
    by, now = call.home.actor, call.now()
    with call.home.database.write() as connection:
        role = checked_role(body.role)
        made = accounts.add_user(connection, body.user, role, by=by, now=now, display=body.display)
        link = accounts.new_link(connection, made.name, by=by, now=now)
    return Answer({**user_facts(made), "link": link}, 201)


@routes.put("/users/{user}", s.Shape(USER), action=Action.MANAGE, kind="user", errors=(409,))
def change_user(call: Calling, user: str, body: ChangedUser) -> Facts:
    """Give a user another role, shut them out at once, or let them in again."""
    role = checked_role(body.role) if body.role is not None else None
    with call.home.database.write() as connection:
        changed = accounts.change_user(
            connection,
            user,
            by=call.home.actor,
            now=call.now(),
            role=role,
            disabled=body.disabled,
        )
    return user_facts(changed)


@routes.post("/users/{user}/link", INVITED, action=Action.MANAGE, kind="user")
def new_link(call: Calling, user: str) -> Facts:
    """A new one-time secret for a user; earlier ones end."""
    with call.home.database.write() as connection:
        link = accounts.new_link(connection, user, by=call.home.actor, now=call.now())
        return {**user_facts(accounts.find_user(connection, user)), "link": link}
