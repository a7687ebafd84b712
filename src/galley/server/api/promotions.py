"""Promotions: the road on which code and data reach an environment."""

from __future__ import annotations

from pydantic import ConfigDict, Field
from sqlalchemy import Connection

from galley.environments import promotion
from galley.environments.definitions import runnable_in
from galley.environments.inspect import Facts, diff_facts
from galley.environments.inspect_runs import list_facts
from galley.environments.plan import plan_launch, promotion_facts
from galley.environments.promotion import Promotion
from galley.governance.model import Action
from galley.lake import refs
from galley.lake.model import PRODUCTION
from galley.runs import listing
from galley.runs.listing import Wanted
from galley.runs.model import RunCause
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.once import Key, once
from galley.server.api.paging import Page
from galley.server.api.projects import RUN_ROW
from galley.server.api.refs import Match, check_match, etag
from galley.server.api.runs import Body, Name, Version

routes = Routes("promotions")

PLAN = s.named("PromotionPlan", s.cli("promotion"))
PROMOTED = s.shape(
    "Promotion", s.record("`run` is `null` with `dry_run`.", plan=PLAN, run=s.maybe(RUN_ROW))
)
_BASE = "/projects/{project}/promotions"


class Promote(Body):
    """What to bring where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"from": "kitchen/ana", "dry_run": True}]},
    )

    source: Name | None = Field(
        None, alias="from", description="The kitchen whose work is adopted. Default: the caller's."
    )
    to: Name = Field(PRODUCTION, description="The environment.")
    since: Name | None = Field(
        None, description="Of windowed steps that changed only windows from this date on are made."
    )
    forward_only: bool = Field(False, description="Of those make only windows that are missing.")
    dry_run: bool = Field(False, description="Only say what would happen.")
    version: Version | None = None


@routes.get(_BASE, s.page("Promotions", RUN_ROW))
def list_promotions(call: Calling, project: str, page: Page) -> Facts:
    """The runs that were promotions, newest first."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = listing.page(
            connection,
            Wanted(project, cause=RunCause.PROMOTION),
            after=page.after(int, str),
            limit=page.limit + 1,
        )
        return page.page(
            found,
            lambda run: (run.created, run.id),
            lambda shown: list_facts(connection, shown, call.now()),
        )


@routes.post(_BASE, PROMOTED, action=Action.PROMOTE, status=202, errors=(409, 410, 412, 413))
def promote(
    call: Calling, project: str, body: Promote, match: Match = None, key: Key = None
) -> Answer:
    """Bring code, and the data it makes, to an environment.

    What the kitchen proved is adopted, the rest runs again, tests hold the gate, and code and
    tables change together. With `If-Match` it is refused where the environment has moved.
    """
    source = call.ref_name(body.source)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        if body.source is not None:
            refs.get_ref(connection, project, source)
        shown = call.code(connection, project, source, body.version)
    checkout = runnable_in(shown)

    def act(connection: Connection) -> Answer:
        found = promotion.plan_promotion(
            connection,
            call.home,
            shown.manifest,
            checkout,
            source=source,
            target=body.to,
            since=body.since,
            forward_only=body.forward_only,
        )
        if match is not None:
            check_match(found.target, match)
        return _promoted(connection, call, found, body)

    return once(call, key, (f"promote {project}", body), act)


def _promoted(connection: Connection, call: Call, found: Promotion, body: Promote) -> Answer:
    plan = plan_launch(connection, call.home, found.launch, call.place.site.probe)
    source = found.source
    differs = diff_facts(connection, found.target.head, source.head) if source else []
    facts = promotion_facts(found, plan, differs)
    if body.dry_run:
        return Answer({"plan": facts, "run": None}, 202, {"etag": etag(found.target)})
    run = promotion.promote(connection, call.home, found)
    (row,) = list_facts(connection, [run], call.now())
    return Answer({"plan": facts, "run": row}, 202, {"location": f"/api/v1/runs/{run.id}"})
