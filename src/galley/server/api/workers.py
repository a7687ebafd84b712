"""Who is at work."""

from __future__ import annotations

from galley.environments.inspect import Facts
from galley.environments.inspect_waits import pool_facts
from galley.environments.inspect_workers import worker_facts
from galley.runs import queue, sessions
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import HOME, Routes
from galley.server.api.paging import Page

routes = Routes("workers")

WORKER = s.named(
    "Worker",
    s.record(
        "An engine or a worker; `lost`: it was not heard of for long.",
        session=s.TEXT,
        kind=s.one_of("engine", "worker"),
        host=s.TEXT,
        pid=s.WHOLE,
        labels={**s.maybe(s.many(s.TEXT)), "description": "`null` takes every step."},
        slots=s.WHOLE,
        running=s.WHOLE,
        version=s.TEXT,
        started=s.TIME,
        beat=s.TIME,
        lost=s.YES_NO,
    ),
)


POOLS = s.shape("Pools", s.cli("pools"))


@routes.get("/projects/{project}/pools", POOLS)
def list_pools(call: Calling, project: str) -> Facts:
    """The limits of a project with who holds their slots, and whoever takes steps now."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        return pool_facts(connection, project, call.now())


@routes.get("/workers", s.page("Workers", WORKER), kind=HOME)
def list_workers(call: Calling, page: Page) -> Facts:
    """The engines and workers that have not ended, oldest first."""
    after = page.after(int, str) or (-1, "")
    with call.home.database.read() as connection:
        found = sorted(sessions.open_sessions(connection), key=lambda one: (one.started, one.id))
        left = [one for one in found if (one.started, one.id) > after]
        return page.page(
            left[: page.limit + 1],
            lambda one: (one.started, one.id),
            lambda some: worker_facts(
                some, queue.held_by(connection, [one.id for one in some]), call.now()
            ),
        )
