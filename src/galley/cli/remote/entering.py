"""From a password to a token that ends by itself."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

from galley.cli import screen
from galley.cli.contexts import Context
from galley.cli.remote.client import Client, Request, path_of
from galley.errors import UnauthorizedError, UnavailableError


def who(context: Context) -> Any:
    """As whom a server knows the caller. Raises UnauthorizedError."""
    with _client(context) as client:
        return client.get("/me")


def asks_nobody(context: Context) -> bool:
    """Whether a server takes every caller for its owner."""
    try:
        return bool(who(replace(context, token=None))["via"] == "home")
    except UnauthorizedError:
        return False


def enter(
    context: Context, user: str, password: str, *, role: str | None, days: int, on: str
) -> Context:
    """Log in, let the server make a token, and log out again: nothing stays but the token.

    Raises:
        UnauthorizedError: the name or the password is wrong.
        TooManyError: too many tries.
    """
    sent = {"user": user, "password": password}
    with _client(replace(context, token=None)) as client:
        try:
            entered = client.ask(Request("POST", "/session", sent, twice=False))
        except UnauthorizedError as error:
            # Here it is not a log-in that is missing.
            error.hint = "`galley users link NAME`, where the home is, lets them choose another"
            raise
        # By hand: behind TLS the server marks it as one that no plain connection may carry.
        headers = {
            "cookie": _cookie(entered.headers.get("set-cookie", "")),
            "x-csrf-token": entered.body["csrf"],
        }
        client.http.cookies.clear()

        def ask(method: str, path: str, body: Any = None) -> Any:
            return client.ask(Request(method, path, body, headers=headers, twice=False)).body

        try:
            wanted = {"name": on, "role": role or ask("GET", "/me")["role"], "days": days}
            made = ask("POST", "/tokens", wanted)
        finally:
            ask("DELETE", "/session")
    return replace(context, token=made["secret"], token_id=made["token"])


def leave(context: Context) -> bool:
    """End the token of a log-in; whether that could be done."""
    if context.token_id is None or context.token is None:
        return False
    try:
        with _client(context) as client:
            client.delete(path_of("tokens", context.token_id))
    except UnauthorizedError:
        return True  # it has ended by itself
    except UnavailableError as error:
        screen.note(f"! {error.message}")
        return False
    return True


def _client(context: Context) -> Client:
    return Client(context, tell=screen.note)


def _cookie(text: str) -> str:
    return "; ".join(f"{name}={one.coded_value}" for name, one in SimpleCookie(text).items())
