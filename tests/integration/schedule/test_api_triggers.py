"""Triggers and alerts over the REST API."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from galley.clock import SECOND
from galley.environments import schedules
from galley.environments.scheduler import Scheduler
from galley.project.schedule import Manual, Parameter, ParameterType, Webhook
from galley.runs.model import RunState
from tests.api_cast import answering, home_at
from tests.schedule_cast import HOURLY, Works, trigger

FORM = (Parameter("day", ParameterType.DATE, required=True),)
BASE = "/projects/shop/triggers"


@pytest.fixture
def works(tmp_path: Path) -> Works:
    """A home as a server opens it, whose clock is the machine's."""
    home = home_at(tmp_path / ".galley")
    found = Works(home.database, tmp_path, now=home.clock())
    found.activate(
        trigger(HOURLY),
        trigger(Manual("manual"), "form", parameters=FORM),
        trigger(Webhook("webhook", "post"), "hook"),
    )
    Scheduler(home).tick(found.now)
    return found


@pytest.fixture
def client(works: Works, tmp_path: Path) -> Iterator[httpx.Client]:
    with answering(home_at(tmp_path / ".galley")) as found:
        yield found


def test_triggers_are_listed_paused_and_fired(works: Works, client: httpx.Client) -> None:
    first = client.get(BASE, params={"limit": 2}).json()
    rest = client.get(BASE, params={"cursor": first["next"]}).json()
    names = [one["trigger"] for one in first["items"] + rest["items"]]
    assert names == ["p.form", "p.hook", "p.t"]
    assert len(client.get(f"{BASE}/next", params={"count": 3}).json()["items"]) == 3
    assert len(client.get(f"{BASE}/p.t/next").json()["items"]) == 10
    assert client.post(f"{BASE}/p.t/pause", json={"reason": "x"}).json()["paused"]
    assert client.get(f"{BASE}/p.t/next").json()["items"] == []
    assert not client.post(f"{BASE}/p.t/resume", json={}).json()["paused"]
    assert client.post(f"{BASE}/p.form/fire", json={}).status_code == 422
    headers = {"Idempotency-Key": "k"}
    body = {"parameters": {"day": "2026-02-01"}}
    for _ in range(2):
        fired = client.post(f"{BASE}/p.form/fire", json=body, headers=headers)
        assert (fired.status_code, fired.json()["run"]["cause"]) == (202, "trigger")
    assert len(client.get("/projects/shop/fires").json()["items"]) == 1
    missing = client.get(f"{BASE}/p.frm")
    assert (missing.status_code, "p.form" in missing.json()["hint"]) == (404, True)


def test_alerts_are_listed(works: Works, client: httpx.Client) -> None:
    works.manual_run(state=RunState.FAILED)
    works.tick(works.now + SECOND)
    (alert,) = client.get("/projects/shop/alerts", params={"open": True}).json()["items"]
    assert (alert["kind"], alert["times"]) == ("failed", 1)


def test_a_webhook_asks_for_a_signature_and_no_log_in(
    works: Works, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POST", "key")
    body = b'{"any": "thing"}'
    home = home_at(tmp_path / ".galley")
    with answering(home, identity=True) as guarded:
        path = f"{BASE}/p.hook/call"
        assert guarded.get(BASE).status_code == 401
        assert guarded.post(path, content=body).status_code == 401
        assert guarded.post(f"{BASE}/none/call", content=body).status_code == 401
        signed = {schedules.SIGNATURE: schedules.sign("key", body, home.clock())}
        taken = guarded.post(path, content=body, headers=signed)
        assert (taken.status_code, taken.json()["outcome"]) == (202, "run")
        again = guarded.post(path, content=body, headers=signed)
        assert (again.status_code, again.json()["fire"]) == (202, None)
    assert len(works.runs()) == 1
