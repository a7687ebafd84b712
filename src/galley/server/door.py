"""Who calls: the home's owner on loopback, else whoever a cookie or a token stands for."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from galley.environments.home import Home
from galley.errors import RefusedError, UnauthorizedError
from galley.governance import logins, tokens
from galley.governance.identity import Login, Token, csrf_of
from galley.governance.model import Actor, Role

CSRF = "x-csrf-token"
"""The header in which a page sends back what it was given with its session."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
NOBODY = Actor("nobody", role=Role.NOBODY)


class Via(StrEnum):
    """How a caller has shown who they are."""

    HOME = "home"
    SESSION = "session"
    TOKEN = "token"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how that is known."""

    actor: Actor
    via: Via
    login: Login | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """How callers are told apart.

    ``guarded``: everybody says who they are; else whoever reaches it is the home's owner.
    ``secure``: browsers speak TLS with it, so that cookies never travel in the clear.
    """

    home: Home
    guarded: bool = False
    secure: bool = False

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; browsers hold ``__Host-`` to one host and TLS."""
        return "__Host-galley" if self.secure else "galley"

    def admit(self, request: Request) -> Caller:
        """Who calls. Who shows nothing is nobody; what is shown and wrong is refused.

        Raises:
            UnauthorizedError: the token or the session is none, or has ended.
            RefusedError: a change comes with a cookie, but not from one of this server's pages.
        """
        if not self.guarded:
            return Caller(self.home.actor, Via.HOME)
        shown = request.headers.get("authorization")
        if shown is not None:
            return self._with_token(shown)
        cookie = request.cookies.get(self.cookie)
        if cookie is None:
            return Caller(NOBODY, Via.NOTHING)
        found = self._with_cookie(cookie)
        if found.login is not None and request.method not in SAFE:
            _check_csrf(cookie, request.headers.get(CSRF))
        return found

    def _with_token(self, shown: str) -> Caller:
        scheme, _, secret = shown.partition(" ")
        now = self.home.clock()
        with self.home.database.read() as connection:
            found = tokens.token_of(connection, secret.strip(), now)
        if scheme.lower() != "bearer" or found is None:
            raise UnauthorizedError(
                "the token is none of this server, or it has ended",
                hint="`galley tokens new` makes one",
            )
        token, role = found
        if tokens.is_stale(token, now):
            with self.home.database.write(durable=False) as connection:
                tokens.touch(connection, token, now)
        actor = Actor(token.user, kind="token", role=role)
        return Caller(actor, Via.TOKEN, token=token)

    def _with_cookie(self, cookie: str) -> Caller:
        now = self.home.clock()
        with self.home.database.read() as connection:
            login = logins.login_of(connection, cookie, now)
        if login is None:  # it has ended: the browser may log in again
            return Caller(NOBODY, Via.NOTHING)
        if logins.is_stale(login, now):
            with self.home.database.write(durable=False) as connection:
                logins.touch(connection, login, now)
        return Caller(Actor(login.user, role=login.role), Via.SESSION, login=login)


def _check_csrf(cookie: str, sent: str | None) -> None:
    if not hmac.compare_digest(csrf_of(cookie), sent or ""):
        raise RefusedError(
            "a change with a cookie needs the token of its session",
            hint=f"send `csrf` of GET /api/v1/session as {CSRF}",
        )
