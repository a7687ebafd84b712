"""Promises that are kept, late, and made good; runs that do not begin; on both databases."""

from pathlib import Path

import pytest

from galley.clock import SECOND
from galley.db.engine import Database
from galley.environments import schedules
from galley.environments.inspect_triggers import (
    coming,
    list_alerts,
    list_fires,
    list_triggers,
    next_facts,
)
from galley.errors import RefusedError, UnauthorizedError, VariableError
from galley.notify.tables import message
from galley.project.schedule import Manual, Parameter, ParameterType, Webhook
from galley.runs import tables
from galley.runs.model import RunState
from galley.runs.schedule_tables import alert
from tests.lake_cast import SHOP
from tests.schedule_cast import HOUR, HOURLY, MIDNIGHT, Works, promise, rule, trigger

SEVEN = MIDNIGHT + 7 * HOUR


@pytest.fixture
def works(database: Database, tmp_path: Path) -> Works:
    return Works(database, tmp_path)


def kinds(works: Works) -> list[tuple[str, bool]]:
    return [(one["kind"], one["open_key"] is not None) for one in works.rows(alert)]


def test_a_promise_that_is_kept_tells_nobody(works: Works) -> None:
    works.activate(promise=promise(), alerts=(rule("json://x"),))
    works.tick()
    works.now = SEVEN - HOUR
    works.manual_run()
    works.tick(SEVEN)
    assert (kinds(works), works.rows(message)) == ([], [])


def test_a_promise_that_is_late_is_made_good(works: Works) -> None:
    works.activate(promise=promise(), alerts=(rule("json://x"),))
    works.tick()
    works.now = SEVEN - 8 * HOUR  # yesterday, so it is not fresh
    works.manual_run()
    works.tick(SEVEN - 1)
    assert kinds(works) == []
    works.tick(SEVEN)
    assert kinds(works) == [("late", True)]
    works.tick(SEVEN + HOUR)
    works.manual_run(state=RunState.CANCELLED)
    works.tick(SEVEN + 2 * HOUR)
    assert kinds(works) == [("late", True)]
    works.manual_run()
    works.tick(SEVEN + 3 * HOUR)
    assert kinds(works) == [("late", False)]
    assert [one["kind"] for one in works.rows(message)] == ["late", "recovered"]
    works.tick(SEVEN + 24 * HOUR)
    assert kinds(works) == [("late", False), ("late", True)]


def test_a_run_that_does_not_begin_is_missing(works: Works) -> None:
    works.activate(trigger(HOURLY, start_within=300.0), alerts=(rule("json://x"),))
    works.tick()
    works.tick(MIDNIGHT + HOUR)
    works.tick(MIDNIGHT + HOUR + 299 * SECOND)
    assert kinds(works) == []
    works.tick(MIDNIGHT + HOUR + 300 * SECOND)
    assert kinds(works) == [("missing", True)]
    works.end(works.runs()[0])
    works.tick(works.now + SECOND)
    assert kinds(works) == [("missing", False)]


def test_failures_in_a_row_are_one_alert(works: Works) -> None:
    works.activate(alerts=(rule("json://x"),))
    works.tick()
    for _ in range(3):
        works.manual_run(state=RunState.FAILED)
        works.tick(works.now + 2 * HOUR)
    (row,) = works.rows(alert)
    assert (row["kind"], row["times"], row["told_as"]) == ("failed", 3, "open")
    assert len(works.rows(message)) == 3
    with works.database.read() as connection:
        (facts,), following = list_alerts(connection, SHOP, only_open=True)
    assert (facts["open"], facts["times"], following) == (True, 3, None)
    assert [one["state"] for one in facts["messages"]] == ["waiting"] * 3


def test_lists_and_what_comes_next(works: Works) -> None:
    works.activate(*(trigger(HOURLY, f"t{n}") for n in range(3)))
    works.tick()
    works.tick(MIDNIGHT + HOUR)
    with works.database.read() as connection:
        some, following = list_triggers(connection, SHOP, limit=2)
        rest, end = list_triggers(connection, SHOP, limit=2, after=following)
        assert [one["trigger"] for one in some + rest] == ["p.t0", "p.t1", "p.t2"]
        assert (end, some[0]["next"]) == (None, "2026-02-03T02:00:00Z")
        assert (some[0]["last_state"], some[0]["on"]) == ("queued", {"expression": "0 * * * *"})
        seen: list[str] = []
        cursor = None
        while True:
            found, cursor = list_fires(connection, SHOP, limit=1, after=cursor)
            seen += [one["trigger"] for one in found]
            if cursor is None:
                break
        assert sorted(seen) == ["p.t0", "p.t1", "p.t2"]
        times = coming(connection, SHOP, works.now, 4)
        assert [one["at"][11:16] for one in times] == ["02:00"] * 3 + ["03:00"]
        armed = schedules.find(connection, SHOP, "t1")
        assert len(next_facts(armed, works.now, 5)) == 5


def test_pause_outlives_a_promotion_and_resume_catches_up_nothing(works: Works) -> None:
    works.activate(trigger(HOURLY))
    works.tick()
    with works.database.write() as connection:
        armed = schedules.find(connection, SHOP, "p")
        schedules.pause(connection, works.home, armed, reason="holiday")
    works.activate(trigger(HOURLY), trigger(HOURLY, "other", paused=True))
    works.tick(MIDNIGHT + 5 * HOUR)
    assert works.fires() == []
    with works.database.write() as connection:
        armed = schedules.find(connection, SHOP, "p.t")
        schedules.resume(connection, works.home, armed)
    works.tick(works.now + 60 * SECOND)
    assert works.fires() == []
    works.tick(MIDNIGHT + 6 * HOUR)
    assert works.fires() == [(MIDNIGHT + 6 * HOUR, "run")]


FORM = (Parameter("day", ParameterType.DATE, required=True),)


def test_a_form_is_filled_in_to_fire(works: Works) -> None:
    works.activate(trigger(Manual("manual"), parameters=FORM))
    works.tick()
    with works.database.write() as connection:
        armed = schedules.find(connection, SHOP, "p.t")
        with pytest.raises(VariableError, match="'day' is needed"):
            schedules.fire_now(connection, works.home, armed, {})
        fired = schedules.fire_now(connection, works.home, armed, {"day": "2026-02-01"})
    (run,) = works.rows(tables.run)
    assert (run["id"], run["actor"]) == (fired.run, "ana")
    assert run["request"]["variables"] == {"p": {"day": "2026-02-01"}}
    assert run["request"]["origins"] == {"p": {"day": "trigger p.t"}}


def test_a_webhook_takes_signed_calls_once(works: Works) -> None:
    works.activate(trigger(Webhook("webhook", "post"), parameters=FORM))
    works.tick()
    body = b'{"day": "2026-02-01", "other": 1}'

    def call(signature: str | None, sent: bytes = body) -> object:
        with works.database.write() as connection:
            told = schedules.Call(sent, signature)
            return schedules.receive(connection, works.home, SHOP, "p.t", told, "key")

    right = schedules.sign("key", body, works.now)
    old = schedules.sign("key", body, works.now - 301 * SECOND)
    for wrong in (None, "", right[:-1] + "0", schedules.sign("other", body, works.now), old):
        with pytest.raises(UnauthorizedError):
            call(wrong)
    with pytest.raises(UnauthorizedError):
        call(right, b"{}")
    assert call(right) is not None
    assert call(right) is None
    assert len(works.runs()) == 1
    with pytest.raises(VariableError, match="no JSON object"):
        call(schedules.sign("key", b"[1]", works.now), b"[1]")
    works.set_trigger(paused=True)
    with pytest.raises(RefusedError):
        call(schedules.sign("key", body, works.now + SECOND))
