"""The one way to register a route: it names its action, and is asked about before it begins."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import compile_path

from galley.environments.home import Home
from galley.governance.decide import demand
from galley.governance.model import Action, Decision, Resource
from galley.runs import records
from galley.server.api import shapes
from galley.server.api.answers import rendered
from galley.server.entry import caller

Handler = TypeVar("Handler", bound=Callable[..., Any])
HOME = "home"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route does, and to what: ``kind`` is home, project, or the path's last name."""

    action: Action
    kind: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is no JSON: its media type, what it is, and how many bytes of it are taken."""

    media: str
    said: str
    largest: int


@dataclass(frozen=True, slots=True)
class _Spec:
    method: str
    path: str
    handler: Callable[..., Any]
    rule: Rule
    answers: shapes.Shape
    status: int
    errors: tuple[int, ...]
    upload: Upload | None = None


class _Events(Response):
    media_type = "text/event-stream"


class _File(Response):
    media_type = "application/octet-stream"


_MEDIA = {"text/plain": PlainTextResponse, _Events.media_type: _Events, _File.media_type: _File}
"""What the document says of answers that are no JSON."""


class Routes:
    """The routes of one resource."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._specs: list[_Spec] = []

    def get(
        self,
        path: str,
        answers: shapes.Shape,
        *,
        action: Action = Action.READ,
        kind: str = "project",
        errors: tuple[int, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Register what is read."""
        return self._noted("GET", path, answers, Rule(action, kind), 200, errors)

    def post(
        self,
        path: str,
        answers: shapes.Shape,
        *,
        action: Action,
        kind: str = "project",
        status: int = 200,
        errors: tuple[int, ...] = (),
        upload: Upload | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register what changes something."""
        return self._noted("POST", path, answers, Rule(action, kind), status, errors, upload)

    def put(
        self,
        path: str,
        answers: shapes.Shape,
        *,
        action: Action,
        kind: str = "project",
        errors: tuple[int, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Register what sets something: the same again changes nothing."""
        return self._noted("PUT", path, answers, Rule(action, kind), 200, errors)

    def delete(
        self,
        path: str,
        answers: shapes.Shape,
        *,
        action: Action,
        kind: str = "project",
        errors: tuple[int, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Register what ends something."""
        return self._noted("DELETE", path, answers, Rule(action, kind), 200, errors)

    def _noted(
        self,
        method: str,
        path: str,
        answers: shapes.Shape,
        rule: Rule,
        status: int,
        errors: tuple[int, ...],
        upload: Upload | None = None,
    ) -> Callable[[Handler], Handler]:
        def note(handler: Handler) -> Handler:
            spec = _Spec(method, path, handler, rule, answers, status, errors, upload)
            self._specs.append(spec)
            return handler

        return note

    def methods(self, path: str) -> set[str]:
        """The methods that are registered for a path."""
        return {one.method for one in self._specs if compile_path(one.path)[0].fullmatch(path)}

    def largest(self, method: str, path: str) -> int | None:
        """How many bytes an upload there may have; ``None`` where none is taken."""
        for one in self._specs:
            named = one.method == method and one.upload is not None
            if named and compile_path(one.path)[0].fullmatch(path):
                return one.upload.largest if one.upload else None
        return None

    def attach(self, router: APIRouter) -> None:
        """Add the routes to a router."""
        for one in self._specs:
            summary, _, more = inspect.cleandoc(one.handler.__doc__ or "").partition("\n")
            router.add_api_route(
                one.path,
                _answering(one),
                methods=[one.method],
                status_code=one.status,
                summary=summary.rstrip("."),
                description=more.strip() or summary,
                operation_id=one.handler.__name__,
                tags=[self.tag],
                response_model=None,
                response_class=_MEDIA.get(one.answers.media, JSONResponse),
                responses=shapes.responses(one.answers, one.status, one.errors),
                openapi_extra=_described(one),
                route_class_override=GuardedRoute,
            )


def _described(spec: _Spec) -> dict[str, Any]:
    """What the document says of a route besides what its handler's parameters tell."""
    found: dict[str, Any] = {"x-galley-action": spec.rule.action.value}
    if (upload := spec.upload) is not None:
        schema = {"type": "string", "contentMediaType": upload.media}
        found["requestBody"] = {
            "required": True,
            "description": f"{upload.said} At most {upload.largest >> 20} MiB.",
            "content": {upload.media: {"schema": schema}},
        }
    return found


class GuardedRoute(APIRoute):
    """A route that decides before it reads anything but the path and the headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As usual, behind a decision."""
        inner = super().get_route_handler()
        rule: Rule = self.endpoint.galley_rule  # type: ignore[attr-defined]

        async def handle(request: Request) -> Response:
            request.state.decision = await run_in_threadpool(_decide, request, rule)
            return await inner(request)

        return handle


def _decide(request: Request, rule: Rule) -> Decision:
    found = caller(request)
    request.state.caller = found
    request.state.actor = found.actor
    return demand(found.actor, rule.action, _resource(request, rule))


def _resource(request: Request, rule: Rule) -> Resource:
    given = request.path_params
    project = given.get("project") or request.query_params.get("project") or ""
    if "run" in given:
        home: Home = request.app.state.home
        with home.database.read() as connection:
            project = records.project_of(connection, given["run"]) or ""
    name = given.get(rule.kind) or (project if rule.kind == "project" else HOME)
    return Resource(rule.kind, name, project)


def _answering(spec: _Spec) -> Callable[..., Any]:
    """The handler, what it gives made a response."""
    handler = spec.handler
    if inspect.iscoroutinefunction(handler):
        asynchronous: Callable[..., Awaitable[Any]] = handler

        @wraps(handler)
        async def answer_later(*given: Any, **named: Any) -> Response:
            return rendered(await asynchronous(*given, **named), spec.status)

        answer_later.galley_rule = spec.rule  # type: ignore[attr-defined]
        return answer_later

    @wraps(handler)
    def answer(*given: Any, **named: Any) -> Response:
        return rendered(handler(*given, **named), spec.status)

    answer.galley_rule = spec.rule  # type: ignore[attr-defined]
    return answer
