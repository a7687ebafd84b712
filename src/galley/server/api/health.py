"""Whether the process answers, and whether an engine is at work: asked without a name."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from galley.environments.inspect_workers import engine_at_work
from galley.server.api.call import Place

OPEN = frozenset({"/health", "/ready", "/openapi.json", "/{path:path}"})
"""The only paths that anybody may ask for; they tell nothing about anything that is kept."""


def add(app: FastAPI) -> None:
    """Add the paths."""
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_api_route("/ready", _ready, include_in_schema=False)


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    place: Place = request.app.state.place
    ready = await run_in_threadpool(engine_at_work, place.home)
    return JSONResponse({"ready": ready}, status_code=200 if ready else 503)
