"""What happens, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from galley.runs import outbox
from galley.server.api import shapes as s
from galley.server.api.call import Call, Calling
from galley.server.api.guard import HOME, Routes
from galley.server.api.news import Listener, News, Packed, encoded
from galley.server.api.streams import EventStream

routes = Routes("events")

EVENT = s.named(
    "Event",
    s.record(
        "What the `data` of a server-sent event holds; `kind` says what happened.",
        id=s.WHOLE,
        kind=s.TEXT,
        project=s.TEXT,
        run=s.TEXT,
        pipeline=s.TEXT,
        ref=s.TEXT,
        step=s.maybe(s.TEXT),
        at=s.TIME,
        body={"type": "object"},
    ),
)
STREAM = s.Shape({"type": "string", "description": "Events as in `Event`."}, "text/event-stream")
CAUGHT_UP = 1000
"""Events that one look back into the database gives."""


@routes.get("/events", STREAM, kind=HOME)
async def follow_events(
    call: Calling,
    request: Request,
    project: Annotated[str | None, Query(max_length=128)] = None,
    run: Annotated[str | None, Query(max_length=32)] = None,
    last: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=(1 << 63) - 1,
            description="Begin after this event; without it, with what happens next.",
        ),
    ] = None,
) -> Response:
    """What happens to runs and steps, as server-sent events.

    Ids rise. A client that comes back with `Last-Event-ID` gets what it missed, and may get an
    event twice. Comments come every 15 seconds. Who does not read is let go after ten seconds.
    """
    news: News = request.app.state.news
    return EventStream(_heard(call, news, Listener(project, run), last), request.app.state.closing)


async def _heard(
    call: Call, news: News, listener: Listener, last: int | None
) -> AsyncIterator[bytes]:
    with news.listening(listener):
        await news.begun()
        sent: set[int] = set()
        if last is not None:
            kept = news.kept_since(last)
            if kept is not None:
                missed = [one for one in kept if listener.wants(one.event)]
                sent = {one.event.id for one in missed}
                yield _joined(missed)
            else:
                async for chunk in _looked_back(call, listener, last, sent):
                    yield chunk
        while not listener.lost:
            await listener.rung.wait()
            listener.rung.clear()
            fresh = [one for one in listener.waiting if one.event.id not in sent]
            listener.waiting.clear()
            if fresh:
                yield _joined(fresh)


async def _looked_back(
    call: Call, listener: Listener, last: int, sent: set[int]
) -> AsyncIterator[bytes]:
    """What the database has of the events after one, and ``sent`` which they were."""
    while True:
        found = await run_in_threadpool(_since, call, listener, last)
        if not found:
            return
        last = found[-1].event.id
        sent.update(one.event.id for one in found)
        yield _joined(found)


def _since(call: Call, listener: Listener, last: int) -> list[Packed]:
    with call.home.database.read() as connection:
        found = outbox.since(
            connection, last, project=listener.project, run_id=listener.run, limit=CAUGHT_UP
        )
    return [Packed(event, encoded(event)) for event in found]


def _joined(some: list[Packed]) -> bytes:
    # An empty chunk would be the end of the stream.
    return b"".join(one.bytes for one in some) or b": nothing was missed\n\n"
