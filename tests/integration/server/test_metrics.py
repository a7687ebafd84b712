"""What monitoring scrapes: present numbers, counted events, bounded labels; not for everybody."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from galley.environments.home import Home
from galley.governance import accounts, tokens
from galley.governance.model import Actor, Role
from galley.runs import queue
from galley.runs.tables import run
from galley.server.api import metrics
from galley.server.api.metrics import OTHERS, TABLES, Metrics
from tests.api_cast import answering, home_at

RUN = {
    "id": "r1",
    "project": "shop",
    "pipeline": "shop",
    "ref": "production",
    "state": "running",
    "intention": "run",
    "cause": "manual",
    "definition": "",
    "request": {},
    "actor": "ana",
    "created": 0,
}
Series = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = home_at(tmp_path)
    yield found
    found.database.close()


def series(text: str) -> Series:
    """Every number by its name and its labels' values."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def happens(home: Home, *kinds: str, seconds: float = 0, **body: str) -> None:
    with home.database.write() as connection:
        for kind in kinds:
            queue.emit(connection, "r1", kind, round(seconds * 1e6), body=body or None)


def test_events_are_counted_from_the_start_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "AGE", 0.0)
    with home.database.write() as connection:
        connection.execute(insert(run).values(RUN))
    happens(home, "run.succeeded")
    counting = Metrics(home)
    before = series(counting.text().decode())
    happens(home, "run.publishing", "step.succeeded", seconds=10)
    happens(home, "run.succeeded", seconds=12)
    happens(home, "step.ready", reason="lost_worker")
    after = series(counting.text().decode())
    assert ("galley_runs_ended_total", ("succeeded",)) not in before
    assert after["galley_runs_ended_total", ("succeeded",)] == 1
    assert after["galley_steps_ended_total", ("succeeded",)] == 1
    assert after["galley_leases_lost_total", ()] == 1
    assert after["galley_publish_seconds_sum", ()] == 2
    assert after["galley_runs", ("running",)] == 1
    assert after["galley_queue_oldest_seconds", ("run",)] == 0


def test_tables_beyond_a_bound_share_a_series(home: Home) -> None:
    counting = Metrics(home)
    told = {counting._bounded("shop", f"t{number}") for number in range(TABLES + 5)}
    assert (len(told), OTHERS in told) == (TABLES + 1, True)


def test_requests_are_counted_by_route(home: Home) -> None:
    with answering(home) as client:
        for path in ("/projects/shop", "/projects/other", "/nowhere"):
            client.get(path)
        found = client.get(str(client.base_url).replace("/api/v1/", "/metrics"))
    assert found.headers["content-type"] == metrics.FORMAT
    told = series(found.text)
    route = "/api/v1/projects/{project}"
    assert told["galley_http_requests_total", ("GET", route, "404")] == 2
    # What nothing else answers is a page of the interface.
    assert told["galley_http_requests_total", ("GET", "/{path:path}", "404")] == 1


def test_who_shows_a_token_may_scrape(home: Home) -> None:
    owner = Actor("root")
    with home.database.write() as connection:
        accounts.add_user(connection, "cleo", Role.VIEWER, by=owner, now=home.clock())
        by = Actor("cleo", role=Role.VIEWER)
        _, secret = tokens.new_token(
            connection, "cleo", "scraper", Role.VIEWER, 1, by=by, now=home.clock()
        )
    with answering(home, identity=True) as client:
        place = str(client.base_url).replace("/api/v1/", "/metrics")
        assert client.get(place).status_code == httpx.codes.UNAUTHORIZED
        shown = client.get(place, headers={"authorization": f"Bearer {secret}"})
    assert shown.status_code == httpx.codes.OK
    assert ("galley_workers", ()) not in series(shown.text)
