"""What a run would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from galley.environments.definitions import runnable_in
from galley.environments.home import Checkout
from galley.environments.inspect import Facts
from galley.environments.plan import plan_facts, plan_wish
from galley.governance.model import Action
from galley.runs.runner.probe import probe
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.pipelines import PLAN
from galley.server.api.runs import StartRun, wish_of, wished
from galley.server.api.sent import ARCHIVE, Sent, received

routes = Routes("pipelines")


@routes.post("/projects/{project}/plan", PLAN, action=Action.READ, errors=(409, 410, 413))
def plan_run(call: Calling, project: str, body: StartRun) -> Facts:
    """What the run that a body asks for would do, and why; nothing is run or written."""
    shown, wish = wished(call, project, body)
    checkout = runnable_in(shown)
    with call.home.database.write() as connection:
        plan = plan_wish(
            connection, call.home, shown.manifest, checkout, wish, call.place.site.probe
        )
    return plan_facts(plan)


@routes.post(
    "/projects/{project}/plan/files",
    PLAN,
    action=Action.DEPLOY,
    errors=(409, 410, 413),
    upload=ARCHIVE,
)
async def plan_files(
    request: Request,
    call: Calling,
    project: str,
    wish: Annotated[
        Json[StartRun],
        Query(
            description="What to run, as the body of the call that starts it.",
            examples=['{"pipeline": "shop"}'],
        ),
    ],
) -> Facts:
    """What a run with these files would do, and why.

    They are compiled as a deploy would, but nothing of them is kept, and no kitchen gets them. In
    an environment it is what was promoted there that would run.
    """
    async with received(request, call) as sent:
        return await run_in_threadpool(_plan_files, call, project, wish, sent)


def _plan_files(call: Call, project: str, body: StartRun, sent: Sent) -> Facts:
    with sent.compiled(project) as (manifest, folder):
        wish = wish_of(call, manifest, body)
        with call.home.database.write() as connection:
            plan = plan_wish(connection, call.home, manifest, Checkout(folder), wish, probe)
        return plan_facts(plan)
