"""The REST API as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from galley.server.api import (
    access,
    events,
    health,
    kitchens,
    logs,
    me,
    metrics,
    overview,
    pipelines,
    plans,
    previews,
    printed,
    projects,
    promotions,
    refs,
    run_parts,
    runs,
    session,
    settings,
    shapes,
    sql,
    tables,
    teams,
    tests,
    trail,
    triggers,
    users,
    versions,
    workers,
)
from galley.server.api.call import Place
from galley.server.api.guard import Routes
from galley.server.api.news import News
from galley.server.api.problems import handle_problems
from galley.server.api.requests import Requests
from galley.server.door import Door
from galley.server.web import add_web
from galley.version import VERSION

PREFIX = "/api/v1"
LARGEST = 1 << 20
"""Bytes of a request's body that are taken."""

THREADS = 12
"""Requests that are worked on at once; as many connections to the database are at hand."""

INTAKES, PREVIEWS = 2, 1
"""Projects from outside that are compiled at once, and steps that are previewed."""

ROUTES: Sequence[Routes] = (
    me.routes,
    session.routes,
    users.routes,
    teams.routes,
    access.routes,
    overview.routes,
    projects.routes,
    pipelines.routes,
    plans.routes,
    previews.routes,
    run_parts.routes,
    runs.routes,
    logs.routes,
    printed.routes,
    tables.routes,
    refs.routes,
    kitchens.routes,
    promotions.routes,
    versions.routes,
    tests.routes,
    sql.routes,
    triggers.routes,
    events.routes,
    workers.routes,
    trail.routes,
    settings.routes,
)

DESCRIPTION = """\
Everything that the web interface and remote commands do. Shapes are those of the command line's
`--json`. Lists answer `{"items": [...], "next": ...}`; give `next` as `cursor`. Errors are
`application/problem+json`. What starts something takes an `Idempotency-Key`.
"""


def api_app(place: Place, door: Door | None = None, *, names: Sequence[str] = ()) -> FastAPI:
    """The application. ``names`` are the hosts it is called by besides those of loopback.

    Without a ``door`` whoever reaches it is the home's owner.
    """
    app = FastAPI(
        title="Galley",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_limited,
    )
    app.state.place = place
    app.state.home = place.home
    app.state.door = door or Door(place.home)
    app.state.names = frozenset(names)
    app.state.news = News(place.home)
    app.state.closing = asyncio.Event()
    app.state.intakes = asyncio.Semaphore(INTAKES)
    app.state.previews = asyncio.Semaphore(PREVIEWS)
    app.state.methods = _methods
    app.include_router(router_of())
    _measure(app, place)
    app.add_middleware(Requests, largest=_largest)
    handle_problems(app)
    health.add(app)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    add_web(app)
    return app


def _largest(scope: Scope) -> int:
    """How many bytes of a call's body are taken."""
    own = str(scope["path"]).removeprefix(PREFIX)
    takes = [size for routes in ROUTES if (size := routes.largest(scope["method"], own))]
    return takes[0] if takes else LARGEST


def router_of() -> APIRouter:
    """All routes of the API."""
    router = APIRouter(prefix=PREFIX)
    for routes in ROUTES:
        routes.attach(router)
    return router


def _methods(path: str) -> list[str]:
    """The methods that a path of the API has."""
    own = path.removeprefix(PREFIX)
    return sorted({method for routes in ROUTES for method in routes.methods(own)})


def _measure(app: FastAPI, place: Place) -> None:
    """What monitoring asks for stands where it looks; it is no part of the API."""
    app.state.metrics = metrics.Metrics(place.home)
    outside = APIRouter(include_in_schema=False)
    metrics.routes.attach(outside)
    app.include_router(outside)
    app.add_middleware(metrics.Counted, metrics=app.state.metrics)


@asynccontextmanager
async def _limited(app: FastAPI) -> AsyncIterator[None]:
    """Work on no more requests at once than there are connections."""
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


async def _openapi(request: Request) -> Response:
    """The whole API, described."""
    app: FastAPI = request.app
    return JSONResponse(described(app))


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            summary="Every pipeline run is a tested transaction on versioned data.",
            description=app.description,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            routes=app.routes,
        )
        known = found.setdefault("components", {}).setdefault("schemas", {})
        known.update(shapes.COMPONENTS)
        for unused in ("HTTPValidationError", "ValidationError"):
            known.pop(unused, None)
        app.openapi_schema = found
    return app.openapi_schema
