"""The first rows that a step makes: computed by a worker process, shown, never written."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from galley import bootstrap
from galley.environments import launch
from galley.environments import preview as previewing
from galley.environments.definitions import runnable_in
from galley.environments.inspect import Facts
from galley.environments.preview import Sample
from galley.errors import InterruptedRunError, RefusedError, StepError
from galley.governance.model import Action
from galley.server.api import shapes as s
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.runs import Body, Name, Version, typed

routes = Routes("pipelines")

SHOWN = s.shape("Preview", s.cli("preview"))
SECONDS = 120.0
"""How long computing a sample may take."""

LOOK = 0.5
"""Seconds between two looks at whether the caller still waits."""


class Preview(Body):
    """Which step, on which tables, and how many rows."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"step": "orders", "limit": 20}]}
    )

    step: Name = Field(description="Or the table that it makes.")
    limit: int = Field(20, ge=1, le=10_000, description="How many rows.")
    ref: Name | None = Field(None, description="Default: the caller's kitchen.")
    window: Name | None = Field(None, description="A..B; its first is shown. Default: the newest.")
    variables: dict[str, Any] = Field({}, description="Values of declared variables.")
    version: Version | None = None


@routes.post("/projects/{project}/preview", SHOWN, action=Action.RUN, errors=(409, 410, 413))
async def preview_step(request: Request, call: Calling, project: str, body: Preview) -> Facts:
    """The first rows that a step makes of the tables that are there; nothing is written.

    A process of its own computes them, on the server's machine, so it takes a server that has
    worker processes of its own.
    """
    gone = threading.Event()
    async with request.app.state.previews:
        at_work = asyncio.ensure_future(run_in_threadpool(_previewed, call, project, body, gone))
        try:
            while not (await asyncio.wait({at_work}, timeout=LOOK))[0]:
                if await request.is_disconnected():
                    gone.set()
        finally:
            gone.set()
        return await at_work


def _previewed(call: Call, project: str, body: Preview, gone: threading.Event) -> Facts:
    variables = {name: typed(value) for name, value in body.variables.items()}
    sample = Sample(body.step, call.ref_name(body.ref), body.limit, body.window, variables)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        if body.version is not None:
            launch.refuse_environment(connection, project, sample.ref, body.version)
        shown = call.code(connection, project, sample.ref, body.version)
    slots = call.place.slots
    if not slots:
        raise RefusedError(
            "this server runs no steps itself, so it cannot compute a sample",
            hint="galley up, or galley server --slots 1",
        )
    checkout = runnable_in(shown)
    with call.home.database.write() as connection:
        wanted, step = previewing.prepare_sample(
            connection, call.home, shown.manifest, checkout, sample
        )
        task = previewing.preview_task(
            connection,
            call.home,
            call.place.site,
            wanted,
            step,
            limit=sample.limit,
            slots=slots,
        )
    pool = bootstrap.make_pool(call.home.path, 1)
    try:
        found = previewing.preview(pool, task, _over(gone))
    except InterruptedRunError as error:
        raise StepError(
            f"{step.name} showed no rows within {SECONDS:.0f} seconds and was ended",
            hint="choose a smaller window, or run it",
        ) from error
    finally:
        pool.close()
    return previewing.preview_facts(found, wanted.ref.name)


def _over(gone: threading.Event) -> Callable[[], bool]:
    until = time.monotonic() + SECONDS
    return lambda: gone.is_set() or time.monotonic() > until
