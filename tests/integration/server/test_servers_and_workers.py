"""Servers and workers as processes of their own, which may end at any moment."""

import os
import signal
import time
from pathlib import Path

import pytest

from galley.runs.model import Intention, RunState
from tests.integration.engine.kit import Works
from tests.integration.engine.plant import Plant
from tests.integration.server.kit import LEASE, Site, kill, papers_in, said, until, url_of

on_both = pytest.mark.parametrize(
    "site", [pytest.param("sqlite", marks=pytest.mark.long), "postgres"], indirect=True
)
"""What hardly depends on the database is played on the other one in long rounds only."""


def slow(works: Works, name: str, seconds: float) -> None:
    """A step that says when it has begun, and how often it was begun."""
    mark = works.root / f"{name}.begun"
    works.python(
        name,
        f"""
        import time

        @step(tests=[{{"unique": "a"}}])
        def {name}():
            with open({str(mark)!r}, "a") as file:
                file.write("x")
            print("at work", flush=True)
            time.sleep({seconds})
            return [{{"a": 1}}]
        """,
    )


def begun(works: Works, name: str) -> int:
    mark = works.root / f"{name}.begun"
    return len(mark.read_text()) if mark.exists() else 0


@on_both
def test_two_workers_share_a_run(site: Site) -> None:
    works = site.works
    server = site.server()
    for _ in range(2):
        site.worker(url_of(server))
    plant = Plant(works, seed=1)
    for name in ("s1", "s2", "s3", "s4"):
        slow(works, name, 0.5)
    run = works.launch()
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert plant.shown() == 1
    owners = {attempt["owner"] for attempt in works.attempts(run)}
    assert len(owners) == 2
    (log,) = (works.home.path / "logs" / run.id).glob("s1.1.out")
    assert log.read_text() == "at work\n"


@on_both
def test_a_server_with_workers_of_its_own_beside_others(site: Site) -> None:
    works = site.works
    server = site.server(slots=1)
    site.worker(url_of(server))
    for name in ("s1", "s2", "s3", "s4"):
        slow(works, name, 0.7)
    run = works.launch()
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert len({attempt["owner"] for attempt in works.attempts(run)}) == 2


@pytest.mark.parametrize("site", ["postgres"], indirect=True)
def test_a_server_that_nobody_works_for_leaves_tests_to_the_others(site: Site) -> None:
    """Its last worker dies while it evaluates a test: the step is another server's then."""
    works = site.works
    begun = works.root / "test.begun"
    works.write(
        "tests/checks.py",
        f"""
import time
from pathlib import Path

def slow(s1):
    mark = Path({str(begun)!r})
    first = not mark.exists()
    mark.touch()
    time.sleep(60 if first else 0)
    return True
""",
    )
    works.sql("s1", "SELECT 1 AS a", tests=[{"python": {"function": "tests/checks.py:slow"}}])
    lonely = site.server()
    first = site.worker(url_of(lonely))
    run = works.launch()
    until(begun.exists, "the test to begin")
    kill(first)
    site.worker(url_of(site.server()))
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert lonely.poll() is None


@pytest.mark.kill
def test_a_worker_is_killed(site: Site) -> None:
    works = site.works
    server = site.server()
    first = site.worker(url_of(server))
    slow(works, "one", 1.5)
    run = works.launch()
    site.running(run, "one")
    site.worker(url_of(server))
    kill(first)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert [a["end"] for a in works.attempts(run)] == ["lost_worker", "staged"]
    assert works.steps(run)["one"].losses == 1


@on_both
@pytest.mark.kill
def test_an_attempt_survives_the_server(site: Site) -> None:
    """It is finished at the next server, not repeated."""
    works, site.lease = site.works, 20
    server = site.server()
    port = int(url_of(server).rpartition(":")[2])
    site.worker(url_of(server))
    slow(works, "one", 3)
    works.sql("two", "SELECT a + 1 AS a FROM one")
    run = works.launch()
    site.running(run, "one")
    kill(server)
    site.server(port)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert begun(works, "one") == 1
    assert [a["end"] for a in works.attempts(run)] == ["staged", "staged"]
    assert works.rows("two") == [(2,)]
    (log,) = (works.home.path / "logs" / run.id).glob("one.1.out")
    assert log.read_text() == "at work\n"


@pytest.mark.kill
@pytest.mark.parametrize("site", ["postgres"], indirect=True)
def test_a_worker_goes_to_the_next_server(site: Site) -> None:
    works, site.lease = site.works, 20
    first, second = site.server(), site.server()
    site.worker(url_of(first), url_of(second))
    slow(works, "one", 2)
    run = works.launch()
    attempt = site.running(run, "one")
    kill(first)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert begun(works, "one") == 1
    assert [a["id"] for a in works.attempts(run)] == [attempt["id"]]


@on_both
@pytest.mark.kill
def test_a_worker_without_a_server_gives_up_its_work(site: Site) -> None:
    """Its lease is over before it could come back: it ends what it runs, and starts anew."""
    works = site.works
    server = site.server()
    port = int(url_of(server).rpartition(":")[2])
    site.worker(url_of(server))
    slow(works, "one", 2.5 * LEASE)
    run = works.launch()
    site.running(run, "one")
    kill(server)
    until(lambda: "its work is given up" in said(works), "the worker to give up")
    site.server(port)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert [a["end"] for a in works.attempts(run)] == ["lost_worker", "staged"]
    assert begun(works, "one") == 2


@on_both
@pytest.mark.kill
def test_a_worker_that_slept_past_its_lease(site: Site) -> None:
    works = site.works
    server = site.server()
    first = site.worker(url_of(server))
    slow(works, "one", 1)
    run = works.launch()
    site.running(run, "one")
    os.kill(first.pid, signal.SIGSTOP)
    time.sleep(2 * LEASE)
    site.worker(url_of(server))
    os.kill(first.pid, signal.SIGCONT)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert works.rows("one") == [(1,)]


@on_both
def test_a_worker_drains(site: Site) -> None:
    """It finishes what it has, and takes nothing new."""
    works = site.works
    server = site.server()
    first = site.worker(url_of(server))
    slow(works, "one", 1.5)
    works.sql("two", "SELECT a + 1 AS a FROM one")
    run = works.launch()
    attempt = site.running(run, "one")
    first.terminate()
    assert first.wait(20) == 0
    assert works.attempts(run)[0]["end"] == "staged"
    site.worker(url_of(server))
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    one, two = works.attempts(run)
    assert one["owner"] == attempt["owner"] != two["owner"]


@on_both
def test_a_worker_gives_back_what_it_cannot_finish(site: Site) -> None:
    """Nobody's loss, and no try either."""
    works = site.works
    server = site.server()
    first = site.worker(url_of(server), drain=0.3)
    slow(works, "one", 2)
    run = works.launch()
    site.running(run, "one")
    first.terminate()
    assert first.wait(20) == 0
    assert works.attempts(run)[0]["end"] == "handed_over"
    site.worker(url_of(server))
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    step = works.steps(run)["one"]
    assert (step.attempts, step.losses) == (1, 0)


@on_both
def test_a_run_is_cancelled_at_a_worker(site: Site) -> None:
    works = site.works
    server = site.server()
    site.worker(url_of(server))
    slow(works, "one", 60)
    run = works.launch()
    site.running(run, "one")
    works.ask(run, Intention.CANCEL)
    assert site.wait(run, 15).state is RunState.CANCELLED
    assert [a["end"] for a in works.attempts(run)] == ["cancelled"]


@on_both
def test_a_server_that_stops_in_peace(site: Site, tmp_path: Path) -> None:
    works, site.lease = site.works, 20
    server = site.server()
    port = int(url_of(server).rpartition(":")[2])
    site.worker(url_of(server))
    slow(works, "one", 2)
    run = works.launch()
    site.running(run, "one")
    server.terminate()
    assert server.wait(20) == 0
    site.server(port)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
    assert begun(works, "one") == 1


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_worker_asks_a_server_for_its_certificate(site: Site, tmp_path: Path) -> None:
    works, papers = site.works, papers_in(tmp_path)
    works.sql("one", "SELECT 1 AS a", tests=[{"unique": "a"}])
    server = site.server(papers=papers)
    stranger = site.worker(url_of(server))
    run = works.launch()
    until(lambda: "certificate" in said(works), "a worker that trusts nobody to say so")
    assert works.attempts(run) == []
    kill(stranger)
    site.worker(url_of(server), authority=papers.certificate)
    assert site.wait(run).state is RunState.SUCCEEDED, said(works)
