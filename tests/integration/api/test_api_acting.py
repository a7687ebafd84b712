"""Starting, stopping, promoting and taking back over the API."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, func, select, update

from galley.runs.tables import request, run
from tests.integration.api.conftest import Served, prepared, works_in

W = "/projects/works"
RUNS = f"{W}/runs"


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def acted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A project that is changed, on both databases."""
    patch = pytest.MonkeyPatch()
    root = tmp_path_factory.mktemp(f"acted-{request.param}")
    if request.param == "sqlite":
        yield from prepared(works_in(root))
        return
    server = request.getfixturevalue("pg_server")
    with server.database() as name:
        patch.setenv("GALLEY_DATABASE", server.url(name))
        yield from prepared(works_in(root, server.url(name)))
    patch.undo()


def runs(served: Served) -> int:
    with served.home.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(run)) or 0


def test_the_same_key_starts_one_run(acted: Served) -> None:
    key = {"idempotency-key": "one-run"}
    first = acted.client.post(RUNS, json={"pipeline": "p"}, headers=key)
    number = runs(acted)
    again = acted.client.post(RUNS, json={"pipeline": "p"}, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["location"] == f"/api/v1/runs/{first.json()['run']}"
    assert runs(acted) == number
    other = acted.client.post(RUNS, json={"pipeline": "p", "priority": 1}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "replayed_key")
    acted.ended(first.json()["run"])


def test_a_key_is_forgotten_after_a_day_and_none_is_kept_of_what_failed(acted: Served) -> None:
    key = {"idempotency-key": "failed"}
    assert acted.client.post(RUNS, json={"pipeline": "q"}, headers=key).status_code == 404
    first = acted.post(RUNS, {"pipeline": "p"}, 202, **key)
    acted.ended(first["run"])
    with acted.home.database.write() as connection:
        day = 86_400_000_000
        connection.execute(update(request).values(created=request.c.created - day))
    second = acted.post(RUNS, {"pipeline": "p"}, 202, **key)
    assert second["run"] != first["run"]
    acted.ended(second["run"])
    with acted.home.database.write() as connection:
        assert connection.execute(delete(request)).rowcount == 1


def test_what_has_ended_is_not_stopped_or_resumed(acted: Served) -> None:
    done = acted.run()
    for what in ("cancel", "pause", "resume"):
        answer = acted.client.post(f"/runs/{done}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), what


def test_a_run_waits_goes_on_and_is_cancelled(acted: Served) -> None:
    acted.works.python(
        "slow",
        """
        @step
        def slow():
            import time
            time.sleep(30)
            return [{"n": 1}]
        """,
        pipeline="long",
    )
    started = acted.post(RUNS, {"pipeline": "long"}, 202)["run"]
    assert acted.post(f"/runs/{started}/pause")["asked"] == "pause"
    assert acted.post(f"/runs/{started}/resume", {}, 202)["asked"] == "go"
    assert acted.post(f"/runs/{started}/cancel")["asked"] == "cancel"
    acted.ended(started)
    assert acted.get(f"/runs/{started}")["state"] == "cancelled"


def test_a_step_and_what_follows_is_computed_again(acted: Served) -> None:
    done = acted.run()
    again = acted.post(f"/runs/{done}/rerun", {"from": "orders"}, 202)["run"]
    steps = {one["name"]: one["state"] for one in acted.get(f"/runs/{acted.ended(again)}")["steps"]}
    assert steps == {"raw": "reused", "orders": "succeeded", "talk": "succeeded"}
    missing = acted.client.post(f"/runs/{done}/rerun", json={"from": "order"})
    assert (missing.status_code, "orders" in missing.json()["hint"]) == (404, True)


def test_a_promotion_and_the_way_back(acted: Served) -> None:
    plan = acted.post(f"{W}/promotions", {"dry_run": True}, 202)
    assert (plan["run"], plan["plan"]["to"]) == (None, "production")
    path = f"{W}/refs/production"
    seen = acted.client.get(path).headers["etag"]
    assert acted.client.post(f"{path}/rollback", json={"reason": "x"}).status_code == 428
    stale = acted.client.post(
        f"{path}/rollback", json={"reason": "x"}, headers={"if-match": '"0-0"'}
    )
    assert (stale.status_code, stale.json()["details"]["etag"]) == (412, seen)
    shown = acted.post(f"{path}/rollback", {"dry_run": True})
    assert (shown["applied"], acted.client.get(path).headers["etag"]) == (False, seen)
    done = acted.post(f"{path}/rollback", {"reason": "wrong"}, 200, **{"if-match": seen})
    assert done["applied"]
    assert acted.client.get(path).headers["etag"] != seen
    again = acted.client.post(f"{path}/rollback", json={"reason": "x"}, headers={"if-match": seen})
    assert again.status_code == 412


def test_bodies_that_are_wrong_or_huge(acted: Served) -> None:
    for content, status in (
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe", 422),
        (b'{"pipeline": "p", "colour": "red"}', 422),
        (b'{"pipeline": "p", "variables": {"no": 1}}', 422),
        (b'{"pipeline": "' + b"x" * (2 << 20) + b'"}', 413),
    ):
        answer = acted.client.post(
            RUNS, content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == status, (content[:40], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_method_that_is_not_there(acted: Served) -> None:
    answer = acted.client.delete(RUNS)
    assert (answer.status_code, answer.json()["code"]) == (405, "wrong_method")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
