"""What a run would do."""

from __future__ import annotations

from galley.environments.definitions import runnable_in
from galley.environments.inspect import Facts
from galley.environments.plan import plan_facts, plan_wish
from galley.governance.model import Action
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.pipelines import PLAN
from galley.server.api.runs import StartRun, wished

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
