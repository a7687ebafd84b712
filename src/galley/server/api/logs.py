"""What steps printed: a range of bytes, or live."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from galley.environments import printed
from galley.environments.inspect_runs import get_run
from galley.environments.printed import Part, Source, Stream
from galley.server.api import shapes as s
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.streams import EventStream

routes = Routes("runs")

USUAL, MOST = 256 << 10, 4 << 20
LOOK = 0.2
ASK = 1.0
"""Seconds between two looks at a file that may grow, and at whether its attempt has ended."""

TEXT = s.Shape(
    {
        "type": "string",
        "description": "The bytes as text; with `follow`, events with `text`, `offset` and `next`, "
        "and `end` when nothing will be added any more.",
    },
    "text/plain",
)


@routes.get("/runs/{run}/logs", TEXT, kind="run")
async def read_log(
    call: Calling,
    request: Request,
    run: str,
    step: Annotated[str | None, Query(max_length=256)] = None,
    attempt: Annotated[
        str | None, Query(max_length=32, description="Its number or id. Default: the newest.")
    ] = None,
    stream: Stream = Stream.STDOUT,
    offset: Annotated[
        int, Query(ge=-(1 << 40), le=1 << 40, description="Bytes; negative: from the end.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Bytes at most.")] = USUAL,
    follow: Annotated[bool, Query(description="Go on, as server-sent events.")] = False,
    last: Annotated[
        int | None, Header(alias="Last-Event-ID", ge=0, le=1 << 40, description="An `offset`.")
    ] = None,
) -> Response:
    """What a step printed, secrets blotted out, or what the engine says of it.

    The headers say where the part begins (`X-Log-Offset`), ends (`X-Log-Next`), how many bytes
    there are (`X-Log-Size`) and whether that is all there will be (`X-Log-Ended`).
    """
    source = Source(run, stream, step, attempt)
    await run_in_threadpool(_check, call, source)
    if follow:
        begin = last if last is not None else offset
        return EventStream(_followed(call, source, begin), request.app.state.closing)
    over = await run_in_threadpool(printed.ended, call.home, source)
    part = await run_in_threadpool(printed.read, call.home, source, offset, limit)
    headers = {
        "x-log-offset": str(part.offset),
        "x-log-next": str(part.next),
        "x-log-size": str(part.size),
        "x-log-ended": "true" if over and part.next >= part.size else "false",
    }
    return Response(part.data, 200, headers, "text/plain; charset=utf-8")


def _check(call: Call, source: Source) -> None:
    with call.home.database.read() as connection:
        printed.check(connection, get_run(connection, source.run), source)


async def _followed(call: Call, source: Source, offset: int) -> AsyncIterator[bytes]:
    """What is there, then what is added, until the attempt has ended and all was sent."""
    asked, over = 0.0, False
    while True:
        if not over and time.monotonic() - asked > ASK:
            over = await run_in_threadpool(printed.ended, call.home, source)
            asked = time.monotonic()
        part = await run_in_threadpool(printed.read, call.home, source, offset, USUAL)
        if part.data:
            offset = part.next
            yield _sent(part)
        elif over:
            yield b'event: end\ndata: {"next":%d}\n\n' % part.next
            return
        else:
            offset = part.next if offset < 0 else offset
            await asyncio.sleep(LOOK)


def _sent(part: Part) -> bytes:
    said = {"text": part.data.decode(errors="replace"), "offset": part.offset, "next": part.next}
    return f"id: {part.next}\ndata: {json.dumps(said)}\n\n".encode()
