"""The state database goes away under servers and workers: what is answered counts once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from galley import worker_entry
from galley.lake import field_ids
from galley.quality import handler as tests
from galley.runs import messages, queue, sessions
from galley.runs.engine import Engine
from galley.runs.hub import Hub
from galley.runs.model import RunState
from galley.runs.pool import Pool, PoolEvent, PoolSettings, Submission
from galley.runs.protocol import FieldsReply, FieldsRequest
from galley.runs.sessions import SessionKind
from tests.integration.api.conftest import serve
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import Works
from tests.integration.engine.plant import Plant
from tests.integration.server.kit import Hand, Site, said, until, url_of
from tests.pg_cast import Server, serving


@pytest.fixture
def database() -> Iterator[Server]:
    """A PostgreSQL server that only this test stops."""
    with serving() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path, database: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project whose home is on it."""
    with database.database() as name:
        url = database.url(name)
        monkeypatch.setenv("GALLEY_DATABASE", url)
        unused = Pool(PoolSettings(slots=1, log_dir=tmp_path, entry="none:none"))
        found = Site(Works(tmp_path, unused, url=url), lease=20)
        try:
            yield found
        finally:
            found.close()
        assert violations(found.works.home) == []
        found.works.home.database.close()


def slow(works: Works, name: str, seconds: float) -> Path:
    """A step that says how often it was begun."""
    mark = works.root / f"{name}.begun"
    works.python(
        name,
        f"""
        import time

        @step(tests=[{{"unique": "a"}}])
        def {name}():
            with open({str(mark)!r}, "a") as file:
                file.write("x")
            time.sleep({seconds})
            return [{{"a": 1}}]
        """,
    )
    return mark


def refused(hand: Hand) -> httpx.Response | None:
    """The answer of a server that has noticed that its database is away."""
    answer = hand.register()
    return answer if answer.status_code == 503 else None


@pytest.mark.postgres
@pytest.mark.kill
def test_an_outage_costs_nothing_but_its_time(site: Site, database: Server) -> None:
    works = site.works
    plant = Plant(works, seed=3)
    marks = [slow(works, "brief", 1.5), slow(works, "lasting", 5)]
    server = site.server()
    site.worker(url_of(server), slots=2)
    run = works.launch()
    for name in ("brief", "lasting"):
        site.running(run, name)
    database.stop()
    hand = Hand(url_of(server))
    answer = until(lambda: refused(hand), "a call that is told to come again")
    hand.client.close()
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "unavailable"
    time.sleep(3)
    database.start()
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert [mark.read_text() for mark in marks] == ["x", "x"]
    assert {attempt["end"] for attempt in works.attempts(run)} <= {"staged", "handed_over"}
    assert {step.losses for step in works.steps(run).values()} == {0}
    assert plant.shown() == 1


def fields(works: Works, question: bytes) -> bytes:
    """The answer to a task's question for field ids."""
    asked = messages.decode_answer(question)
    assert isinstance(asked, FieldsRequest)
    with works.home.database.write() as conn:
        ids = field_ids.allocate(conn, asked.table_id, asked.keys, asked.at_least)
    return messages.encode(FieldsReply("fields", ids))


def given(hub: Hub, engine: Engine, *has: str) -> Submission:
    """The next task that the only session is given."""

    def ordered() -> tuple[Submission, ...]:
        engine.step(0)
        hub.counter.ask("far", 1, has, lambda: None)
        told = hub.counter.orders("far")
        assert not told.cancels
        return told.offers

    found: tuple[Submission, ...] = until(ordered, "a task")
    return found[0]


def test_an_engine_that_begins_anew_leaves_remote_attempts_alone(works: Works) -> None:
    works.sql("one", "SELECT 1 AS id", tests=[{"unique": "id"}])
    run, hub = works.launch(), Hub()
    now, lease = works.home.clock(), works.site.lease
    far = sessions.this_process("far", 1, now, lease=lease, kind=SessionKind.WORKER)
    with works.home.database.write() as conn:
        sessions.open_session(conn, far)
    hub.counter.admit("far")
    engine = Engine(works.site, hub, 1)
    engine.open()
    offer = given(hub, engine)
    engine.reopen()
    while True:
        engine.step(0)
        hub.counter.ask("far", 1, [offer.id], lambda: None)
        assert not hub.counter.orders("far")
        handle = worker_entry.run_step if offer.post else tests.handle
        answer = handle(offer.payload, lambda asked: fields(works, asked))
        hub.counter.report([PoolEvent("message", offer.id, payload=answer, final=True)])
        if not offer.post:
            break
        offer = given(hub, engine)
    while not works.get(run).state.terminal:
        engine.step(0)
    assert works.get(run).state is RunState.SUCCEEDED
    assert [attempt["end"] for attempt in works.attempts(run)] == ["staged"]
    engine.close()


@pytest.mark.postgres
@pytest.mark.kill
def test_the_api_says_when_to_ask_again(site: Site, database: Server) -> None:
    """What was asked for meanwhile was not done, and is done once when it is asked for again."""
    works = site.works
    works.sql("one", "SELECT 1 AS a")
    key = {"idempotency-key": "once"}
    with contextmanager(serve)(works, engine=False) as served:
        client, runs = served.client, "/projects/works/runs"
        assert served.get(runs)["items"] == []
        database.stop()
        for answer in (client.get(runs), client.post(runs, json={"pipeline": "p"}, headers=key)):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert client.get(f"{served.url}/health").status_code == 200
        database.start()
        until(lambda: client.get(runs).status_code == 200, "the API to go on by itself")
        first, again = (client.post(runs, json={"pipeline": "p"}, headers=key) for _ in range(2))
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        (row,) = served.get(runs)["items"]
    with works.home.database.write() as connection:
        # No engine is there to end it.
        queue.move_run(connection, row["run"], RunState.CANCELLED, works.home.clock())
