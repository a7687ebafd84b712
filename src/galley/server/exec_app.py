"""The execution API as an ASGI application: paths, tokens, sizes, errors as problem+json."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from galley.errors import (
    GalleyError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UsageError,
)
from galley.runs.model import Reason
from galley.runs.pool import PoolEvent
from galley.runs.seats import Orders
from galley.server import wire
from galley.server.desk import Desk
from galley.server.tokens import TaskClaim

Message = TypeVar("Message", bound=BaseModel)
RETRY = {"retry-after": "1"}
"""What a caller is told whom nobody can serve now: to come again in so many seconds."""

Handler = Callable[[Request], Awaitable[Response]]


def execution_app(desk: Desk, ready: Callable[[], bool]) -> Starlette:
    """The application. ``ready`` says whether an engine is at work behind it."""
    calls = _Calls(desk, ready)
    paths: list[tuple[str, str, Handler]] = [
        ("GET", "/health", calls.health),
        ("GET", "/ready", calls.is_ready),
        ("POST", "/execution/sessions", calls.register),
        ("DELETE", "/execution/session", calls.end),
        ("POST", "/execution/claims", calls.claims),
        ("POST", "/execution/answers", calls.answers),
        ("POST", "/execution/final", calls.final),
        ("POST", "/execution/fields", calls.fields),
        ("POST", "/execution/beats", calls.beats),
        ("PUT", "/execution/logs/{stream}", calls.logs),
        ("GET", "/execution/code/{definition}", calls.code),
    ]
    routes = [Route(path, handler, methods=[method]) for method, path, handler in paths]
    handlers = {
        GalleyError: _problem,
        404: _unknown_path,
        405: _unknown_path,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


class _Calls:
    """One method for each path."""

    def __init__(self, desk: Desk, ready: Callable[[], bool]) -> None:
        self._desk = desk
        self._ready = ready

    async def health(self, request: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def is_ready(self, request: Request) -> Response:
        """An engine is at work."""
        ready = self._ready()
        if ready:
            return JSONResponse({"ready": True})
        return JSONResponse({"ready": False}, 503, headers=RETRY)

    async def register(self, request: Request) -> Response:
        """Open a session; the bearer is a token to join with."""
        told = await _body(request, wire.Registration, wire.SMALL)
        found = await run_in_threadpool(self._desk.register, _bearer(request), told)
        return _json(found, 201)

    async def end(self, request: Request) -> Response:
        """The worker goes."""
        await run_in_threadpool(self._desk.end, await self._session(request))
        return Response(status_code=204)

    async def claims(self, request: Request) -> Response:
        """Wait for orders."""
        session = await self._session(request)
        asked = await _body(request, wire.Ask, wire.SMALL)
        orders = await _wait(request, self._desk, session, asked)
        if not _private(request):
            orders = self._withhold(orders)
        tasks = tuple(self._desk.task(session, offer) for offer in orders.offers)
        return _json(wire.Orders(tasks=tasks, cancels=orders.cancels, closing=orders.closing))

    async def answers(self, request: Request) -> Response:
        """Take what became of tasks; each answer has an outcome of its own."""
        session = await self._session(request)
        told = await _body(request, wire.Answers, wire.LARGE)
        return _json(wire.Outcomes(outcomes=tuple(await self._take(session, told.answers))))

    async def final(self, request: Request) -> Response:
        """Take one answer; its outcome is the call's."""
        session = await self._session(request)
        told = await _body(request, wire.Answer, wire.LARGE)
        claim = self._desk.claim(session, told.token)
        (outcome,) = await self._told([(claim, told)])
        return _json(outcome, outcome.status)

    async def fields(self, request: Request) -> Response:
        """Answer a task's question."""
        session = await self._session(request)
        asked = await _body(request, wire.Question, wire.SMALL)
        claim = self._desk.claim(session, asked.token)
        return _json(await run_in_threadpool(self._desk.fields, claim, asked))

    async def beats(self, request: Request) -> Response:
        """Note a heartbeat."""
        session = await self._session(request)
        told = await _body(request, wire.Beat, wire.SMALL)
        return _json(await run_in_threadpool(self._desk.beat, session, told))

    async def logs(self, request: Request) -> Response:
        """Keep output."""
        session = await self._session(request)
        claim = self._desk.claim(session, request.headers.get(wire.TASK_TOKEN, ""))
        data = await _bytes(request, wire.LOG_CHUNK)
        offset = request.query_params.get("offset", "")
        if not offset.isdecimal():
            raise UsageError("output has an offset in bytes")
        stream = request.path_params["stream"]
        kept = await run_in_threadpool(self._desk.keep_log, claim, stream, int(offset), data)
        return _json(kept)

    async def code(self, request: Request) -> Response:
        """Hand out the files of a project version."""
        await self._session(request)
        definition = request.path_params["definition"]
        packed = await run_in_threadpool(self._desk.code, definition)
        return Response(packed, media_type="application/gzip")

    async def _session(self, request: Request) -> str:
        token = _bearer(request)
        if token is None:
            raise UnauthorizedError("a worker's call needs its session's token")
        session = self._desk.signer.session_of(token)
        if not self._desk.hub.counter.knows(session):
            await run_in_threadpool(self._desk.admit, session)
        return session

    async def _take(self, session: str, told: tuple[wire.Answer, ...]) -> list[wire.Outcome]:
        """Those with a bad token are refused; the others go to the engine together."""
        found: dict[int, wire.Outcome] = {}
        good: dict[int, tuple[TaskClaim, wire.Answer]] = {}
        for number, answer in enumerate(told):
            try:
                good[number] = (self._desk.claim(session, answer.token), answer)
            except GalleyError as error:
                found[number] = wire.Outcome(
                    status=error.status, code=error.code, message=error.message
                )
        if good:
            taken = await self._told(list(good.values()))
            found.update(zip(good, taken, strict=True))
        return [found[number] for number in range(len(told))]

    async def _told(self, answers: list[tuple[TaskClaim, wire.Answer]]) -> list[wire.Outcome]:
        await asyncio.wrap_future(self._desk.report(answers))
        return await run_in_threadpool(self._desk.outcomes, answers)

    def _withhold(self, orders: Orders) -> Orders:
        """Secrets leave this machine over TLS only."""
        said = "it has secrets, and the worker that is free calls without TLS"
        secret = [offer for offer in orders.offers if offer.secrets]
        ends = [
            PoolEvent("exited", offer.id, reason=Reason.CONFLICT, detail=said) for offer in secret
        ]
        if ends:
            self._desk.hub.counter.report(ends)
        rest = tuple(offer for offer in orders.offers if not offer.secrets)
        return Orders(rest, orders.cancels, orders.closing)


async def _wait(request: Request, desk: Desk, session: str, asked: wire.Ask) -> Orders:
    """Orders as soon as there are any, none after the time that was asked for.

    A worker that is gone meanwhile gets none: they would be lost on their way.
    """
    loop = asyncio.get_running_loop()
    rung = asyncio.Event()

    def bell() -> None:
        loop.call_soon_threadsafe(rung.set)

    # The body was read to its end: what comes next is that the caller has hung up.
    gone = asyncio.ensure_future(request.receive())
    end = loop.time() + asked.wait
    desk.hub.counter.ask(session, asked.capacity, asked.has, bell)
    try:
        while not gone.done():
            rung.clear()
            orders = desk.hub.counter.orders(session)
            left = end - loop.time()
            if orders or left <= 0:
                return orders
            ring = asyncio.ensure_future(rung.wait())
            await asyncio.wait({ring, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            ring.cancel()
        return Orders()
    finally:
        gone.cancel()
        desk.hub.counter.hang_up(session, bell)


def _private(request: Request) -> bool:
    """Whether nobody between us and the worker can read along."""
    if request.url.scheme == "https" or request.client is None:
        return True
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _bearer(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


async def _body(request: Request, kind: type[Message], limit: int) -> Message:
    data = await _bytes(request, limit)
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"the call's body is wrong at {place or 'its start'}: {first['msg']}"
        ) from None


async def _bytes(request: Request, limit: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise _too_large(limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"a body of this call may have {limit:,} bytes")


def _json(message: BaseModel, status: int = 200) -> Response:
    return Response(message.model_dump_json(), status, media_type="application/json")


async def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, GalleyError):
        raise error
    body = {"type": "about:blank", "title": error.code, "status": error.status}
    told = {"detail": error.message, **error.to_dict()}
    headers = RETRY if error.status == UnavailableError.status else None
    return JSONResponse(body | told, error.status, headers, media_type="application/problem+json")


async def _unknown_path(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    body = {"type": "about:blank", "title": "not_found", "status": status, "code": "not_found"}
    more = {"detail": f"{request.method} {request.url.path} is no call of this server"}
    return JSONResponse(body | more, status, media_type="application/problem+json")
