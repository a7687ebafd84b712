"""Who calls, over HTTP: Ana is admin, Ben engineer, Cleo viewer, and nobody is nobody."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from galley.environments.home import Home
from galley.governance import accounts, tokens
from galley.governance.model import Action, Actor, Role
from galley.governance.roles import MAY
from galley.server.api.app import PREFIX, api_app
from galley.server.api.call import Place
from galley.server.api.guard import Rule
from galley.server.api.health import OPEN
from tests.api_cast import answering, home_at

PASSWORD = "five words are easy to keep"
OWNER = Actor("root")
CAST = {"ana": Role.ADMIN, "ben": Role.ENGINEER, "cleo": Role.VIEWER, "olga": Role.OPERATOR}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose callers say who they are."""
    home = home_at(tmp_path_factory.mktemp("home"))
    with home.database.write() as connection:
        for name, role in CAST.items():
            accounts.add_user(connection, name, role, by=OWNER, now=home.clock())
    return home


@pytest.fixture(scope="module")
def client(house: Home) -> Iterator[httpx.Client]:
    """Somebody who has said nothing yet."""
    with answering(house, identity=True) as client:
        yield client


@pytest.fixture(autouse=True)
def no_cookie(client: httpx.Client) -> None:
    """Nothing is left of the test before."""
    client.cookies.clear()


def bearer(house: Home, name: str) -> dict[str, str]:
    """The header that a user's token makes."""
    with house.database.write() as connection:
        role = CAST[name]
        by = Actor(name, role=role)
        _, secret = tokens.new_token(connection, name, "test", role, 1, by=by, now=house.clock())
    return {"authorization": f"Bearer {secret}"}


def entered(house: Home, client: httpx.Client, name: str) -> dict[str, str]:
    """Log in: the cookie is in the client, the header for changes is the answer."""
    with house.database.write() as connection:
        link = accounts.new_link(connection, name, by=OWNER, now=house.clock())
    answer = client.post("/welcome", json={"link": link, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"x-csrf-token": answer.json()["csrf"]}


def routes(house: Home) -> list[tuple[str, str, Action]]:
    """Every route there is, with its action; what anybody may ask for left out."""
    app = api_app(Place(house, None, {}))  # type: ignore[arg-type]
    found = []
    inside = [getattr(route, "original_router", app).routes for route in app.routes]
    for route in {id(one): one for one in chain(app.routes, *inside)}.values():
        path = getattr(route, "path", "")
        if path in OPEN or hasattr(route, "original_router"):
            continue
        assert isinstance(route, APIRoute), f"{path} is registered without a decision"
        rule: Rule = getattr(route.endpoint, "galley_rule")  # noqa: B009 - set by the guard
        found += [(method, path, rule.action) for method in sorted(route.methods or ())]
    assert len(found) > 30
    return found


def asked(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Call a route with whatever in its path; nothing that is there has such names."""
    place = path.removeprefix(PREFIX)
    for name in ("project", "run", "table", "ref", "name", "user", "team", "token", "session"):
        place = place.replace(f"{{{name}}}", "nothing").replace(f"{{{name}:path}}", "nothing")
    body: Any = {} if method in ("POST", "PUT") else None
    if place == path:  # it stands outside of the API
        place = str(client.base_url.join(path))
    return client.request(method, place, headers=headers, json=body)


def test_no_route_answers_nobody(house: Home, client: httpx.Client) -> None:
    for method, path, action in routes(house):
        answer = asked(client, method, path, {})
        if action is Action.ENTER:
            assert answer.status_code in (401, 422), path
        else:
            assert answer.status_code == 401, f"{method} {path}: {answer.text}"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["ben", "cleo", "olga"])
def test_every_route_refuses_whoever_may_not(house: Home, client: httpx.Client, name: str) -> None:
    headers = bearer(house, name)
    for method, path, action in routes(house):
        if action in MAY[CAST[name]]:
            continue
        answer = asked(client, method, path, headers)
        assert answer.status_code == 403, f"{method} {path}: {answer.text}"
        assert "it takes the role" in answer.json()["hint"]


def test_a_link_a_cookie_and_a_way_out(house: Home, client: httpx.Client) -> None:
    csrf = entered(house, client, "ben")
    me = client.get("/me").json()
    assert (me["name"], me["role"], me["via"]) == ("ben", "engineer", "session")
    assert client.get("/session").json()["csrf"] == csrf["x-csrf-token"]
    assert [one["current"] for one in client.get("/sessions").json()["items"]] == [True]
    assert client.delete("/session", headers=csrf).json() == {"user": "ben"}
    assert client.get("/me").status_code == 401


def test_the_cookie_is_kept_from_pages(house: Home, client: httpx.Client) -> None:
    with house.database.write() as connection:
        link = accounts.new_link(connection, "cleo", by=OWNER, now=house.clock())
    answer = client.post("/welcome", json={"link": link, "password": PASSWORD})
    said = answer.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        assert flag in said
    assert answer.headers["cache-control"] == "no-store"


def test_a_change_with_a_cookie_needs_its_sessions_token(house: Home, client: httpx.Client) -> None:
    csrf = entered(house, client, "ben")
    asked_for: dict[str, Any] = {"json": {"name": "x"}}
    for headers in ({}, {"x-csrf-token": "0" * 64}):
        answer = client.post("/tokens", headers=headers, **asked_for)
        assert (answer.status_code, answer.json()["code"]) == (403, "refused")
    assert client.post("/tokens", headers=csrf, **asked_for).status_code == 201


def test_a_page_of_another_site_changes_nothing(house: Home, client: httpx.Client) -> None:
    csrf = entered(house, client, "ben")
    for origin in ("https://evil.example", "null"):
        answer = client.post("/tokens", headers=csrf | {"origin": origin}, json={"name": "x"})
        assert answer.status_code == 403


@pytest.mark.parametrize("shown", ["Bearer gat_wrong", "Basic YTpi", "Bearer", "x" * 4000])
def test_wrong_tokens(client: httpx.Client, shown: str) -> None:
    answer = client.get("/me", headers={"authorization": shown})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_guessing_gets_slow(house: Home, client: httpx.Client) -> None:
    entered(house, client, "olga")
    client.cookies.clear()
    wrong = {"user": "olga", "password": "not this one"}
    codes: list[int] = []
    while 429 not in codes and len(codes) < 15:  # the pauses double, whatever a try takes here
        codes.append(client.post("/session", json=wrong).status_code)
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    answer = client.post("/session", json={"user": "olga", "password": PASSWORD})
    assert answer.status_code in (200, 429)
    assert answer.status_code == 200 or int(answer.headers["retry-after"]) >= 1


def test_admins_add_change_and_shut_out(house: Home, client: httpx.Client) -> None:
    ana = bearer(house, "ana")
    made = client.post("/users", headers=ana, json={"user": "dora", "role": "viewer"})
    assert made.status_code == 201
    again = client.post("/users", headers=ana, json={"user": "dora"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    changed = client.put("/users/dora", headers=ana, json={"role": "engineer", "disabled": True})
    assert changed.json()["state"] == "disabled"
    spent = client.post("/welcome", json={"link": made.json()["link"], "password": PASSWORD})
    assert spent.status_code == 401
    team = client.put("/teams/flights", headers=ana, json={"members": ["ben", "dora"]})
    assert team.json() == {"team": "flights", "members": ["ben", "dora"]}
    assert client.get("/me", headers=bearer(house, "ben")).json()["teams"] == ["flights"]
    last = client.put("/users/ana", headers=ana, json={"role": "viewer"})
    assert last.status_code == 409


def test_everybody_sees_only_their_own_tokens(house: Home, client: httpx.Client) -> None:
    ben, cleo, ana = (bearer(house, name) for name in ("ben", "cleo", "ana"))
    made = client.post("/tokens", headers=ben, json={"name": "nightly", "role": "engineer"}).json()
    assert (
        client.post("/tokens", headers=cleo, json={"name": "x", "role": "admin"}).status_code == 403
    )
    assert {one["user"] for one in client.get("/tokens", headers=cleo).json()["items"]} == {"cleo"}
    assert client.delete(f"/tokens/{made['token']}", headers=cleo).status_code == 404
    assert client.delete(f"/tokens/{made['token']}", headers=ana).json()["state"] == "revoked"
    used = {"authorization": f"Bearer {made['secret']}"}
    assert client.get("/me", headers=used).status_code == 401


def test_only_admins_make_tokens_for_others(house: Home, client: httpx.Client) -> None:
    asked_for = {"name": "robot", "role": "viewer", "user": "ben"}
    refused = client.post("/tokens", headers=bearer(house, "olga"), json=asked_for)
    assert (refused.status_code, "manage" in refused.json()["detail"]) == (403, True)
    made = client.post("/tokens", headers=bearer(house, "ana"), json=asked_for | {"role": "admin"})
    used = {"authorization": f"Bearer {made.json()['secret']}"}
    assert client.get("/me", headers=used).json()["role"] == "engineer"


def test_on_loopback_the_owner_is_known_and_other_names_are_not(tmp_path: Path) -> None:
    with answering(home_at(tmp_path)) as client:
        me = client.get("/me").json()
        assert (me["name"], me["role"], me["via"]) == ("ana", "owner", "home")
        answer = client.get("/me", headers={"host": "rebound.example"})
        assert answer.status_code == 403
