"""Who calls, and whether the call may come in at all."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request

from galley.errors import RefusedError
from galley.server.door import SAFE, Caller, Door

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


def caller(request: Request) -> Caller:
    """Who calls, as the door tells.

    Raises:
        RefusedError: a page of another site made the browser send it.
        UnauthorizedError: what was shown is not valid, or no more.
    """
    door: Door = request.app.state.door
    check_origin(request, None if door.guarded else request.app.state.names)
    return door.admit(request)


def check_origin(request: Request, names: Iterable[str] | None = ()) -> None:
    """Let in only what was addressed to this server by name, and changes only from its own pages.

    A page from elsewhere can make a browser call 127.0.0.1 (and, once its own name resolves to
    that address, read the answer), but neither forge ``Host`` nor hide ``Origin``. Where everybody
    says who they are ``names`` is ``None``: such a page has no cookie to send along.

    Raises:
        RefusedError: the call comes from such a page.
    """
    host = request.headers.get("host", "")
    if names is not None and _name(host) not in _LOCAL | set(names):
        raise RefusedError(
            f"this server is not called {host or 'nothing'}",
            hint="call it by the name or address that it was started with",
        )
    origin = request.headers.get("origin")
    if request.method in SAFE or origin is None:
        return
    if urlsplit(origin).netloc.lower() != host.lower():
        raise RefusedError(
            f"a page of {origin} may not change anything here",
            hint="changes are taken from this server's own pages, and from programs",
        )


def _name(host: str) -> str:
    """The host without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
