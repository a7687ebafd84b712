"""Server-sent events to one browser: heartbeats, and no waiting for who does not read.

A server that stops ends them, so that nobody is cut off in the middle of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nobody on the way hangs up."""

PATIENCE = 10.0
"""Seconds in which a browser must take what is sent to it."""

RETRY = b"retry: 1000\n\n"
_BEAT = b": still here\n\n"
_FIRST = asyncio.FIRST_COMPLETED


class EventStream(Response):
    """Sends what an iterator gives until it ends, the browser goes, or it reads no more.

    It also ends once ``closing`` is set.
    """

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], closing: asyncio.Event) -> None:
        self._chunks = chunks
        self._closing = closing
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the ends."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        going = asyncio.ensure_future(_gone(receive))
        sending = asyncio.ensure_future(self._send(send))
        try:
            await asyncio.wait({going, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (going, sending):
                task.cancel()
            await asyncio.gather(going, sending, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        chunks = self._chunks.__aiter__()
        following: asyncio.Future[bytes] | None = None
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await _sent(send, RETRY)
            while not closing.done():
                following = following or asyncio.ensure_future(_next(chunks))
                either: set[asyncio.Future[Any]] = {following, closing}
                await asyncio.wait(either, timeout=HEARTBEAT, return_when=_FIRST)
                if not following.done():
                    await _sent(send, _BEAT)
                    continue
                chunk = following.result()
                following = None
                if not chunk:
                    break
                await _sent(send, chunk)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # It does not read: without an end to the body the connection is closed.
            return
        finally:
            left = [one for one in (following, closing) if one is not None]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    try:
        return await chunks.__anext__()
    except StopAsyncIteration:
        return b""


async def _sent(send: Send, chunk: bytes) -> None:
    message = {"type": "http.response.body", "body": chunk, "more_body": True}
    await asyncio.wait_for(send(message), PATIENCE)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
