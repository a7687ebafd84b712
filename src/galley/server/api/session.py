"""Logging in and out, and choosing a password with a one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from galley.environments.inspect import Facts
from galley.environments.inspect_identity import login_facts
from galley.errors import UnauthorizedError
from galley.governance import accounts, logins
from galley.governance.identity import csrf_of
from galley.governance.model import Action
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Call, Calling
from galley.server.api.guard import HOME, Routes
from galley.server.door import Door

routes = Routes("session")

SESSION = s.shape(
    "Session",
    s.record(
        "A log-in. Send `csrf` as `X-CSRF-Token` with every change.",
        user=s.TEXT,
        csrf=s.TEXT,
    ),
)
LOGIN = s.named(
    "Login",
    s.record(
        "One of the caller's log-ins.",
        session=s.ID,
        created=s.TIME,
        expires=s.TIME,
        seen=s.TIME,
        address=s.TEXT,
        agent=s.TEXT,
        current=s.YES_NO,
    ),
)
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
Agent = Annotated[str, Header(alias="User-Agent", include_in_schema=False)]


class LogIn(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user": "ana", "password": "five words that I keep"}]},
    )

    user: Annotated[str, Field(min_length=1, max_length=64)]
    password: Secret


class Welcome(BaseModel):
    """The secret of a one-time link, and the password from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"link": "gwl_x", "password": "five words that I keep"}],
        },
    )

    link: Secret
    password: Secret


@routes.post("/session", SESSION, action=Action.ENTER, kind=HOME, errors=(401, 429))
def log_in(call: Calling, request: Request, body: LogIn, agent: Agent = "") -> Answer:
    """Log in with a password.

    The answer sets a cookie that pages cannot read. Whoever guesses waits longer and longer.
    """
    with call.home.database.write() as connection:
        cookie = logins.log_in(
            connection,
            body.user,
            body.password,
            address=call.address,
            agent=agent,
            now=call.now(),
        )
    if cookie is None:
        raise logins.refuse()
    return _entered(_door(request), body.user, cookie)


@routes.post("/welcome", SESSION, action=Action.ENTER, kind=HOME, errors=(401,))
def follow_link(call: Calling, request: Request, body: Welcome, agent: Agent = "") -> Answer:
    """Choose a password with a one-time link, and be logged in."""
    with call.home.database.write() as connection:
        user = accounts.follow_link(connection, body.link, body.password, now=call.now())
        cookie = logins.start(
            connection, user.name, address=call.address, agent=agent, now=call.now()
        )
    return _entered(_door(request), user.name, cookie)


@routes.get("/session", SESSION, action=Action.ENTER, kind=HOME, errors=(401,))
def get_session(call: Calling, request: Request) -> Facts:
    """Who is logged in with the cookie, and the token that changes need."""
    cookie = request.cookies.get(_door(request).cookie)
    if call.caller.login is None or cookie is None:
        raise UnauthorizedError("nobody is logged in", hint="POST /api/v1/session")
    return {"user": call.caller.login.user, "csrf": csrf_of(cookie)}


@routes.delete(
    "/session", s.shape("LoggedOut", s.record(user=s.TEXT)), action=Action.ACCOUNT, kind=HOME
)
def log_out(call: Calling, request: Request) -> Answer:
    """Log out: the cookie stands for nobody any more."""
    _end(call, _own(call))
    door = _door(request)
    return Answer({"user": call.home.actor.name}, headers={"set-cookie": _cookie(door, "", 0)})


@routes.get("/sessions", s.page("Logins", LOGIN), action=Action.ACCOUNT, kind=HOME)
def list_sessions(call: Calling) -> Facts:
    """The caller's own log-ins, the newest first."""
    current = call.caller.login.id if call.caller.login else None
    with call.home.database.read() as connection:
        found = logins.logins(connection, call.home.actor.name, call.now())
    return {"items": [login_facts(one, current) for one in found], "next": None}


@routes.delete(
    "/sessions/{session}",
    s.shape("SessionEnded", s.record(session=s.ID)),
    action=Action.ACCOUNT,
    kind="session",
)
def end_session(call: Calling, session: str) -> Facts:
    """End one of the caller's own log-ins, on whatever machine."""
    _end(call, session)
    return {"session": session}


def _end(call: Call, session: str) -> None:
    with call.home.database.write() as connection:
        logins.end(connection, call.home.actor.name, session)


def _own(call: Call) -> str:
    if call.caller.login is None:
        raise UnauthorizedError("nobody is logged in with a cookie", hint="POST /api/v1/session")
    return call.caller.login.id


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


def _entered(door: Door, user: str, cookie: str) -> Answer:
    seconds = logins.LIFETIME // logins.SECOND
    body = {"user": user, "csrf": csrf_of(cookie)}
    return Answer(body, headers={"set-cookie": _cookie(door, cookie, seconds)})


def _cookie(door: Door, value: str, seconds: int) -> str:
    secure = "; Secure" if door.secure else ""
    return f"{door.cookie}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
