"""Every request has an id: in its answer, in its problems, in the log."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galley.errors import TooLargeError
from galley.ids import new_id
from galley.version import VERSION

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
HEADER = "x-request-id"
VERSION_HEADER = "x-galley-version"
"""Whoever calls from a command learns that it is of another version."""


class Requests:
    """Takes the caller's id where it is a sane one, gives one otherwise, and says it back.

    Of a body no more bytes are read than ``largest`` says for the call.
    """

    def __init__(self, app: ASGIApp, largest: Callable[[Scope], int]) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        text = told.decode("latin-1")
        own = text if _SANE.fullmatch(text) else new_id()
        scope.setdefault("state", {})["id"] = own

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = own
                headers[VERSION_HEADER] = VERSION
                headers["cache-control"] = headers.get("cache-control", "no-store")
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        await self._app(scope, _bounded(scope, receive, self._largest(scope)), stamped)


def _bounded(scope: Scope, receive: Receive, largest: int) -> Receive:
    """What reads a body, and refuses one that is too large as soon as that is known."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    announced = int(told) if told.isdigit() else 0
    read = 0

    async def bounded() -> Message:
        nonlocal read
        if announced > largest:
            raise HTTPException(TooLargeError.status)
        message = await receive()
        read += len(message.get("body", b""))
        if read > largest:
            raise HTTPException(TooLargeError.status)
        return message

    return bounded
