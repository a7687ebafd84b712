"""The hub between an engine and workers that call: nothing is lost on the way, nothing doubled."""

import time

import pytest

from galley.errors import UnavailableError
from galley.runs.hub import Hub
from galley.runs.pool import Opening, PoolEvent, Post, Submission


@pytest.fixture
def hub() -> Hub:
    return Hub(quiet=0.2, lease=0.4)


def ask(hub: Hub, session: str = "a", *has: str, capacity: int = 2) -> list[str]:
    """What a session is told when it asks."""

    def bell() -> None:
        """Nobody waits here."""

    hub.counter.ask(session, capacity, has, bell)
    orders = hub.counter.orders(session)
    hub.counter.hang_up(session, bell)
    return [offer.id for offer in orders.offers]


def submit(hub: Hub, task: str, session: str | None = "a") -> None:
    post = Post(session, f"attempt/{task}/1") if session else None
    hub.submit(Submission(task, b"{}", "/code/abc", "log", post=post))


def final(task: str) -> PoolEvent:
    return PoolEvent("message", task, payload=b"{}", final=True)


def test_room_is_what_sessions_ask_for(hub: Hub) -> None:
    assert hub.seats(5) == []
    ask(hub, "a", capacity=2)
    ask(hub, "b", capacity=1)
    assert hub.idle == 3
    assert sorted(o.session or "" for o in hub.seats(5)) == ["a", "a", "b"]
    assert hub.seats(1) == [Opening("a")]
    submit(hub, "t1")
    assert hub.idle == 2


def test_an_offer_is_made_once(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    assert ask(hub) == ["t1"]
    assert ask(hub, "a", "t1") == []


def test_an_offer_that_was_lost_on_its_way_is_made_again(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    assert ask(hub) == ["t1"]
    assert ask(hub) == ["t1"]


def test_what_has_ended_is_not_offered_again(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    ask(hub)
    hub.counter.report([final("t1")])
    assert [event.task_id for event in hub.poll(0)] == ["t1"]
    assert ask(hub) == []
    # The news crossed: the worker names it still.
    assert ask(hub, "a", "t1") == []
    assert hub.idle == 2


def test_a_report_is_acknowledged_after_the_engine_acted(hub: Hub) -> None:
    future = hub.counter.report([final("t1")])
    assert not future.done()
    hub.poll(0)
    assert not future.done()
    hub.handled()
    assert future.done()


def test_a_report_fails_with_the_engine(hub: Hub) -> None:
    first = hub.counter.report([final("t1")])
    hub.poll(0)
    second = hub.counter.report([final("t2")])
    hub.fail(UnavailableError("gone"))
    for future in (first, second):
        with pytest.raises(UnavailableError):
            future.result(0)
    assert hub.poll(0) == []


def test_tests_end_with_the_engine_that_asked_for_them(hub: Hub) -> None:
    ask(hub)
    for task in ("begun", "sent"):
        submit(hub, task, None)
    assert ask(hub) == ["begun", "sent"]
    submit(hub, "t1")
    assert ask(hub, "a", "begun", capacity=3) == ["sent", "t1"]
    submit(hub, "waiting", None)
    hub.fail(UnavailableError("gone"))
    orders = hub.counter.orders("a")
    assert (orders.offers, orders.cancels) == ((), ("begun",))
    assert ask(hub, "a", "begun") == ["t1"]


def test_what_nobody_fetched_is_given_back(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    submit(hub, "tests", None)
    time.sleep(0.25)
    (event,) = hub.poll(0)
    assert (event.kind, event.task_id) == ("returned", "t1")
    assert ask(hub, "b") == ["tests"]


def test_the_tests_of_a_session_that_is_gone_are_lost(hub: Hub) -> None:
    ask(hub)
    submit(hub, "tests", None)
    submit(hub, "t1")
    assert sorted(ask(hub)) == ["t1", "tests"]
    hub.dismiss(["a"])
    (event,) = hub.poll(0)
    assert (event.kind, event.task_id) == ("lost", "tests")
    assert hub.sessions() == ()


def test_a_cancel_reaches_the_worker_that_has_the_task(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    submit(hub, "t2")
    hub.cancel("t2")
    assert ask(hub) == ["t1"]
    hub.cancel("t1")
    assert hub.counter.orders("a").cancels == ("t1",)
    (event,) = hub.poll(0)
    assert (event.kind, event.task_id) == ("exited", "t2")


def test_a_hub_that_closes_sends_everybody_away(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    hub.close()
    assert hub.counter.orders("a").closing
    assert hub.seats(1) == []
    assert [event.kind for event in hub.poll(0)] == ["returned"]
    with pytest.raises(UnavailableError):
        hub.counter.report([final("t1")]).result(0)


def test_every_beat_is_heard_once(hub: Hub) -> None:
    hub.counter.hear("a", ["s1"])
    assert hub.heard() == {"a": {"s1"}}
    assert hub.heard() == {}


def test_what_was_given_back_outlasts_an_engine_that_could_not_record_it(hub: Hub) -> None:
    ask(hub)
    submit(hub, "t1")
    hub.close()
    hub.counter.report([final("t2")])
    hub.fail(UnavailableError("no database"))
    hub.open()
    assert [(event.kind, event.task_id) for event in hub.poll(0)] == [("returned", "t1")]


def test_tests_that_nobody_fetched_can_be_had_back(hub: Hub) -> None:
    submit(hub, "t1", session=None)
    submit(hub, "t2", session=None)
    assert ask(hub, capacity=1) == ["t1"]
    task = hub.recall()
    assert task is not None
    assert task.id == "t2"
    assert hub.recall() is None
    assert ask(hub, "b") == []
    assert [event.task_id for event in hub.poll(0)] == []


def test_who_was_not_heard_of_for_a_lease_evaluates_nothing(hub: Hub) -> None:
    seen = [hub.able]
    ask(hub)
    seen.append(hub.able)
    time.sleep(0.5)
    seen.append(hub.able)
    hub.counter.hear("a", [])
    seen.append(hub.able)
    assert seen == [False, True, False, True]
