"""Triggers, what they have fired, and alerts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query
from pydantic import Field
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from galley import bootstrap
from galley.environments import inspect_triggers, schedules
from galley.environments.inspect import Facts
from galley.environments.inspect_runs import run_facts
from galley.governance.model import Action
from galley.lake.model import PRODUCTION
from galley.runs.firing import Armed, Fired
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.once import Key, once
from galley.server.api.paging import Page, Paging, cursor_of
from galley.server.api.runs import Body

routes = Routes("triggers")

TRIGGER = s.named("Trigger", s.cli("triggers", "triggers", "*"))
NEXT = s.named("NextFire", s.cli("trigger_next", "next", "*"))
FIRE = s.named("Fire", s.cli("trigger_fires", "fires", "*"))
ALERT = s.named("Alert", s.cli("alerts", "alerts", "*"))
FIRED = s.shape("Fired", s.record(fire=s.ID, trigger=s.TEXT, run=s.cli("run")))
CALLED = s.shape(
    "Called",
    s.record(
        "`fire` is null for a call that came before: it changed nothing.",
        fire=s.maybe(s.ID),
        run=s.maybe(s.ID),
        outcome=s.maybe(s.TEXT),
    ),
)
_ONE = "/projects/{project}/triggers/{trigger}"
In = Annotated[
    str | None,
    Query(alias="in", max_length=300, description="Only of this environment."),
]
Count = Annotated[int, Query(ge=1, le=inspect_triggers.MOST_NEXT, description="How many.")]


class FireNow(Body):
    """What to fire a trigger with."""

    parameters: dict[str, Any] = Field(
        {}, max_length=200, description="The fields of its form, or variables of its pipeline."
    )


class Switch(Body):
    """Why a trigger is paused or goes on."""

    reason: str | None = Field(None, max_length=2000, description="Kept in the audit trail.")


@routes.get("/projects/{project}/triggers", s.page("Triggers", TRIGGER))
def list_triggers(
    call: Calling, project: str, page: Page, environment: In = None, pipeline: str | None = None
) -> Facts:
    """The triggers that are active, by name, with their next fires and last runs."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found, following = inspect_triggers.list_triggers(
            connection,
            project,
            environment=environment,
            pipeline=pipeline,
            after=_after(page),
            limit=page.limit,
        )
    return _page(found, following)


@routes.get("/projects/{project}/triggers/next", s.shape("NextFires", s.record(items=s.many(NEXT))))
def list_next_fires(
    call: Calling, project: str, count: Count = 10, environment: In = None
) -> Facts:
    """What fires next by the clock, of all triggers together."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = inspect_triggers.coming(connection, project, call.now(), count, environment)
    return {"items": found}


@routes.get("/projects/{project}/fires", s.page("Fires", FIRE))
def list_fires(call: Calling, project: str, page: Page, trigger: str | None = None) -> Facts:
    """What has fired, newest first, and what became of it."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found, following = inspect_triggers.list_fires(
            connection, project, name=trigger, after=_after(page), limit=page.limit
        )
    return _page(found, following)


@routes.get("/projects/{project}/alerts", s.page("Alerts", ALERT))
def list_alerts(
    call: Calling,
    project: str,
    page: Page,
    only_open: Annotated[bool, Query(alias="open", description="Only what is not over.")] = False,
) -> Facts:
    """What was late, missing or failed, newest first, and who was told."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found, following = inspect_triggers.list_alerts(
            connection, project, only_open=only_open, after=_after(page), limit=page.limit
        )
    return _page(found, following)


@routes.get(_ONE, s.Shape(TRIGGER))
def get_trigger(call: Calling, project: str, trigger: str, environment: In = None) -> Facts:
    """One trigger, by PIPELINE.TRIGGER."""
    with call.home.database.read() as connection:
        armed = _armed(call, connection, project, trigger, environment)
        return inspect_triggers.trigger_facts(connection, armed)


@routes.get(f"{_ONE}/next", s.Shape(s.COMPONENTS["NextFires"]))
def list_next_of_trigger(
    call: Calling, project: str, trigger: str, count: Count = 10, environment: In = None
) -> Facts:
    """The next fires of a trigger; none where no clock fires it or it is paused."""
    with call.home.database.read() as connection:
        armed = _armed(call, connection, project, trigger, environment)
    return {"items": inspect_triggers.next_facts(armed, call.now(), count)}


@routes.post(
    f"{_ONE}/fire", FIRED, action=Action.FIRE, kind="trigger", status=202, errors=(409, 413)
)
def fire_trigger(
    call: Calling,
    project: str,
    trigger: str,
    body: FireNow | None = None,
    environment: In = None,
    key: Key = None,
) -> Answer:
    """Fire a trigger now: its run waits behind those that go on already."""

    def act(connection: Connection) -> Answer:
        armed = _armed(call, connection, project, trigger, environment)
        fired = schedules.fire_now(connection, call.home, armed, body.parameters if body else {})
        run = run_facts(connection, schedules.run_of(connection, fired))
        return Answer({"fire": fired.id, "trigger": armed.name, "run": run}, 202)

    return once(call, key, (f"fire {project} {trigger} {environment}", body), act)


@routes.post(f"{_ONE}/pause", s.Shape(TRIGGER), action=Action.PAUSE_TRIGGER, kind="trigger")
def pause_trigger(
    call: Calling, project: str, trigger: str, body: Switch | None = None, environment: In = None
) -> Facts:
    """Let a trigger fire no more until it is resumed; a promotion does not do that."""
    with call.home.database.write() as connection:
        armed = _armed(call, connection, project, trigger, environment)
        schedules.pause(connection, call.home, armed, reason=body.reason if body else None)
        return inspect_triggers.trigger_facts(connection, armed)


@routes.post(f"{_ONE}/resume", s.Shape(TRIGGER), action=Action.PAUSE_TRIGGER, kind="trigger")
def resume_trigger(
    call: Calling, project: str, trigger: str, body: Switch | None = None, environment: In = None
) -> Facts:
    """Let a trigger fire again, from now on."""
    with call.home.database.write() as connection:
        armed = _armed(call, connection, project, trigger, environment)
        schedules.resume(connection, call.home, armed, reason=body.reason if body else None)
        return inspect_triggers.trigger_facts(connection, armed)


@routes.post(f"{_ONE}/call", CALLED, action=Action.ENTER, kind="trigger", status=202, errors=(413,))
async def call_trigger(
    call: Calling,
    project: str,
    trigger: str,
    request: Request,
    environment: In = None,
    signature: Annotated[
        str | None,
        Header(
            alias=schedules.SIGNATURE,
            max_length=200,
            description="`t=SECONDS,v1=HEX`: the HMAC-SHA256 of `SECONDS.BODY`.",
        ),
    ] = None,
) -> Answer:
    """Call a webhook. The signature says who calls; no log-in is asked for.

    A call that came before changes nothing, and one that is older than the trigger allows is
    refused.
    """
    told = schedules.Call(await request.body(), signature)
    place = environment or PRODUCTION
    fired = await run_in_threadpool(_receive, call, project, trigger, told, place)
    if fired is None:
        return Answer({"fire": None, "run": None, "outcome": None}, 202)
    return Answer({"fire": fired.id, "run": fired.run, "outcome": fired.outcome}, 202)


def _receive(
    call: Call, project: str, trigger: str, told: schedules.Call, environment: str
) -> Fired | None:
    home = call.place.home
    with home.database.read() as connection:
        name, version = schedules.webhook_secret(connection, project, trigger, environment)
    secret = bootstrap.hook_secret(home, version, name)
    with home.database.write() as connection:
        return schedules.receive(connection, home, project, trigger, told, secret, environment)


def _armed(
    call: Call, connection: Connection, project: str, trigger: str, environment: str | None
) -> Armed:
    call.check_project(connection, project)
    return schedules.find(connection, project, trigger, environment)


def _after(page: Paging) -> str | None:
    (after,) = page.after(str) or (None,)
    return after


def _page(found: list[Facts], following: str | None) -> Facts:
    return {"items": found, "next": cursor_of((following,)) if following else None}
