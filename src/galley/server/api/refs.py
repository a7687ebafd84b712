"""Refs: environments, kitchens and tags, their histories, and the way back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import Field
from sqlalchemy import Connection

from galley.environments import rollback
from galley.environments.inspect import Facts, history_facts, ref_facts, refs_facts, return_facts
from galley.environments.returning import lifted
from galley.environments.rollback import rollback_facts
from galley.environments.tagging import tag
from galley.errors import PreconditionError, PreconditionNeededError
from galley.governance.model import Action
from galley.lake import commits, refs
from galley.lake.model import Ref
from galley.lake.rollback import RollbackPlan, plan_rollback
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.once import Key, once
from galley.server.api.paging import Page
from galley.server.api.runs import Body, Name

routes = Routes("refs")

REF = s.named("Ref", s.cli("kitchens", "refs", "*"))
COMMIT = s.named("Commit", s.cli("history", "commits", "*"))
ROLLBACK = s.shape("Rollback", s.cli("rollback"))
RELEASED = s.shape("Released", s.cli("release"))
TAGGED = s.shape("Tagged", s.cli("tag"))
_ONE = "/projects/{project}/refs/{ref:path}"
Match = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The `ETag` of the ref as it was seen; `*` for whatever it is.",
    ),
]


class Rollback(Body):
    """What to show again."""

    to: Name | None = Field(None, description="A commit or time. Default: before the last publish.")
    tables: list[Name] = Field([], max_length=1000, description="Only these.")
    reason: str | None = Field(None, max_length=2000, description="What was wrong.")
    dry_run: bool = Field(False, description="Only say what would happen.")


class Held(Body):
    """Which pipeline."""

    pipeline: Name


class Tag(Body):
    """What to call which state."""

    name: Name
    ref: Name | None = Field(None, description="Default: the caller's kitchen.")


@routes.get("/projects/{project}/refs", s.page("Refs", REF))
def list_refs(call: Calling, project: str, page: Page) -> Facts:
    """The environments, kitchens and tags of a project, by name."""
    (after,) = page.after(str) or ("",)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = refs.page(connection, project, after=after, limit=page.limit + 1)
        return page.page(
            found,
            lambda ref: (ref.name,),
            lambda some: refs_facts(connection, project, some),
        )


@routes.get(f"{_ONE}/history", s.page("History", COMMIT, ref=s.TEXT), errors=(410,))
def list_history(call: Calling, project: str, ref: str, page: Page) -> Answer:
    """The commits of a ref, newest first: what was published, rolled back, and by whom.

    `ref` may hold slashes, and be REF@COMMIT, REF@TIME or tag/NAME.
    """
    target = call.target(project, ref)
    (after,) = page.after(str) or (None,)
    with call.home.database.read() as connection:
        found = commits.history(connection, project, target.commit, page.limit + 1, before=after)
        answer = page.page(
            found, lambda one: (one.id,), lambda some: history_facts(connection, some)
        )
        seen = refs.get_ref(connection, project, target.ref)
    return Answer({**answer, "ref": target.ref}, headers={"etag": etag(seen)})


@routes.post(
    f"{_ONE}/rollback",
    ROLLBACK,
    action=Action.ROLLBACK,
    kind="ref",
    errors=(409, 410, 412, 413, 428),
)
def roll_back(
    call: Calling, project: str, ref: str, body: Rollback, match: Match = None, key: Key = None
) -> Answer:
    """Take a publish back: its tables and the code that made them return together.

    `If-Match` says which state of the ref you saw; it is needed unless `dry_run`.
    """
    with call.home.database.read() as connection:
        call.check_project(connection, project)

    def act(connection: Connection) -> Answer:
        seen = refs.get_ref(connection, project, ref)
        if not body.dry_run:
            check_match(seen, match)
        plan = plan_rollback(
            connection,
            project,
            ref,
            now=call.now(),
            to=body.to,
            tables=tuple(name.lower() for name in body.tables) or None,
        )
        return _rolled_back(connection, call, plan, body)

    return once(call, key, (f"rollback {project} {ref}", body), act)


@routes.post(f"{_ONE}/release", RELEASED, action=Action.RELEASE, kind="ref", errors=(409, 413))
def release_pipeline(call: Calling, project: str, ref: str, body: Held, key: Key = None) -> Answer:
    """Let a pipeline publish again that a rollback holds."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)

    def act(connection: Connection) -> Answer:
        count = rollback.release_held(connection, call.home, project, ref, body.pipeline)
        return Answer({"ref": ref, "pipeline": body.pipeline, "released": count})

    return once(call, key, (f"release {project} {ref}", body), act)


@routes.post("/projects/{project}/tags", TAGGED, action=Action.TAG, status=201, errors=(409, 413))
def tag_state(call: Calling, project: str, body: Tag, key: Key = None) -> Answer:
    """Give a state of the data a lasting name: it is read as `tag/NAME` for ever."""
    target = call.target(project, body.ref)

    def act(connection: Connection) -> Answer:
        made = tag(connection, call.home, project, body.name, target.commit)
        return Answer({"tag": made.name, "ref": target.ref, "commit": made.head}, 201)

    return once(call, key, (f"tag {project}", body), act)


@routes.get(_ONE, s.Shape(REF))
def get_ref(call: Calling, project: str, ref: str) -> Answer:
    """One ref. Its `ETag` is what a conditional change of it takes as `If-Match`."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = refs.get_ref(connection, project, ref)
        return Answer(ref_facts(connection, found), headers={"etag": etag(found)})


def etag(ref: Ref) -> str:
    """What changes whenever a ref moves."""
    return f'"{ref.generation}-{ref.head}"'


def check_match(ref: Ref, match: str | None) -> None:
    """Raise unless the caller saw the ref as it is.

    Raises:
        PreconditionNeededError: they do not say.
        PreconditionError: it has moved since.
    """
    if match is None:
        raise PreconditionNeededError(
            f"say which state of {ref.name} you saw", hint=f"If-Match: {etag(ref)}"
        )
    seen = [one.strip().removeprefix("W/") for one in match.split(",")]
    if match.strip() != "*" and etag(ref) not in seen:
        raise PreconditionError(
            f"{ref.name} has moved since you saw it; nothing was changed",
            hint="look at it again",
            details={"etag": etag(ref), "head": ref.head},
        )


def _rolled_back(connection: Connection, call: Call, plan: RollbackPlan, body: Rollback) -> Answer:
    returns = return_facts(connection, plan)
    holds = sorted({name for name, _ in rollback.pipelines_concerned(connection, plan)})
    released = sorted({hold.pipeline for hold in lifted(connection, plan)})
    if body.dry_run:
        facts = rollback_facts(plan, returns, holds, released, None)
        return Answer(facts, headers={"etag": etag(plan.ref)})
    commit = rollback.apply(connection, call.home, plan, reason=body.reason or "")
    moved = refs.get_ref(connection, plan.project, plan.ref.name)
    facts = rollback_facts(plan, returns, holds, released, commit)
    return Answer(facts, headers={"etag": etag(moved)})
