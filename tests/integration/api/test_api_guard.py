"""No route answers without a decision, and nothing comes in that another site sent."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route

from galley.governance.model import Action, Actor
from galley.server.api import metrics
from galley.server.api.app import PREFIX, ROUTES, described
from galley.server.api.guard import GuardedRoute, Rule
from galley.server.api.health import OPEN
from galley.server.door import Door
from tests.integration.api.conftest import Served

GIVEN = {"project": "works", "run": "x", "pipeline": "p", "table": "orders", "ref": "production"}
PAGES = {"/", "/{path:path}"}
"""What serves the web interface's files, which tell nothing that is kept."""


def flat(routes: Any) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "original_router", None), "routes", None
        )
        if inner is None:
            yield route
        else:
            yield from flat(inner)


def calls(app: Any) -> list[tuple[str, str]]:
    """Every method and path of the API, with something for each name in it."""
    paths: dict[str, dict[str, Any]] = described(app)["paths"]
    return [
        (method, re.sub(r"\{(\w+)\}", lambda name: GIVEN.get(name[1], "x"), path))
        for path, methods in paths.items()
        for method in methods
    ]


def test_every_route_is_registered_with_a_rule(fresh: Served) -> None:
    seen = 0
    for route in flat(fresh.app.routes):
        assert isinstance(route, Route)
        if route.path in OPEN | PAGES:
            continue
        assert isinstance(route, GuardedRoute), route.path
        assert isinstance(route.endpoint.galley_rule, Rule)  # type: ignore[attr-defined]
        assert isinstance(route.endpoint.galley_rule.action, Action)  # type: ignore[attr-defined]
        seen += 1
    assert seen == sum(len(routes._specs) for routes in (*ROUTES, metrics.routes))


def test_none_answers_whom_the_rules_refuse(fresh: Served) -> None:
    """Not even with a body that cannot be read, and whatever there is or is not."""
    door = fresh.app.state.door
    fresh.app.state.door = Door(replace(fresh.home, actor=Actor("")))
    try:
        for method, path in calls(fresh.app):
            answer = fresh.client.request(
                method, fresh.url + path, content=b"{", headers={"content-type": "application/json"}
            )
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.json()["code"] == "refused"
    finally:
        fresh.app.state.door = door


def test_the_document_names_the_action_of_every_call(fresh: Served) -> None:
    document = described(fresh.app)
    actions = {action.value for action in Action}
    for path, methods in document["paths"].items():
        assert path.startswith(PREFIX)
        for call in methods.values():
            assert call["x-galley-action"] in actions
            assert call["summary"]
            assert call["description"]
            assert {"403", "404", "422", "503"} <= call["responses"].keys()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "localhost:1"}, 404),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_a_page_of_another_site_changes_nothing(
    fresh: Served, headers: dict[str, str], status: int
) -> None:
    answer = fresh.client.post("/runs/x/cancel", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (
        status,
        "refused" if status == 403 else "not_found",
    )


def test_a_name_that_resolves_to_this_machine_reads_nothing(fresh: Served) -> None:
    answer = fresh.client.get("/projects", headers={"host": "rebound.example:80"})
    assert answer.status_code == 403
