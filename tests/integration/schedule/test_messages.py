"""Messages that leave: to a real mail server, a real web server, and to some that are none."""

import threading
import time

import pytest

from galley import bootstrap
from galley.clock import SECOND
from galley.notify import outbox
from galley.notify.sending import REPEATED, Sender
from galley.notify.tables import message
from galley.project.schedule import AlertKind
from galley.runs.model import RunState
from galley.runs.schedule_tables import alert
from tests.integration.schedule.conftest import Sink
from tests.schedule_cast import HOUR, HOURLY, Works, rule, trigger


def fail(works: Works) -> None:
    """A run of the pipeline fails, and a tick hears of it."""
    works.manual_run(state=RunState.FAILED)
    works.tick(works.now + SECOND)


def sender(works: Works, limit: float = 20.0) -> Sender:
    return Sender(works.database, lambda: works.now, bootstrap.resolve, limit=limit)


def test_a_failure_is_told_by_mail_and_on_the_web(
    works: Works, mail: Sink, web: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POST", f"http://127.0.0.1:{web.port}/hook")
    address = f"mailto://127.0.0.1:{mail.port}?from=galley@example.org&to=ana@example.org"
    works.activate(trigger(HOURLY), alerts=(rule(address), rule("${post}", AlertKind.FAILED)))
    works.tick()
    fail(works)
    assert sender(works).deliver() == 2
    assert "shop.p failed in production" in mail.found[0]
    assert "said why" in web.found[0]
    assert {one["state"] for one in works.rows(message)} == {"sent"}
    works.manual_run()
    works.tick(works.now + SECOND)
    assert sender(works).deliver() == 1
    assert "is well again" in mail.found[1]
    assert "127.0.0.1" not in next(
        one["recipient"] for one in works.rows(message) if one["recipient"].startswith("$")
    )
    assert sender(works).deliver() == 0


def test_a_server_that_hangs_delays_nothing(works: Works, silent: int, web: Sink) -> None:
    hanging = f"mailto://127.0.0.1:{silent}?from=g@example.org&to=a@example.org"
    works.activate(
        trigger(HOURLY), alerts=(rule(hanging), rule(f"http://127.0.0.1:{web.port}/hook"))
    )
    works.tick()
    fail(works)
    slow = sender(works, limit=4.0)
    begun = time.monotonic()
    assert slow.deliver() == 2
    assert time.monotonic() - begun < 15
    assert len(web.found) == 1
    (left,) = [one for one in works.rows(message) if one["state"] != "sent"]
    assert (left["state"], left["tries"], bool(left["uncertain"])) == ("waiting", 1, True)
    assert "no answer within 4 s" in left["error"]
    assert left["due"] == works.now + outbox.WAITS[0] * SECOND


def test_a_server_that_stops_waits_for_no_mail(works: Works, silent: int) -> None:
    hanging = f"http://127.0.0.1:{silent}/hook"
    works.activate(trigger(HOURLY), alerts=(rule(hanging),))
    works.tick()
    fail(works)
    slow = sender(works, limit=60.0)
    thread = threading.Thread(target=slow.deliver)
    thread.start()
    while works.rows(message)[0]["state"] != "sending":
        time.sleep(0.02)
    slow.close()
    thread.join(10)
    assert not thread.is_alive()
    (row,) = works.rows(message)
    assert row["state"] == "waiting"
    assert slow.deliver() == 0


def test_what_may_have_arrived_says_so_when_it_is_sent_again(works: Works, web: Sink) -> None:
    works.activate(trigger(HOURLY), alerts=(rule(f"http://127.0.0.1:{web.port}/hook"),))
    works.tick()
    fail(works)
    with works.database.write() as connection:
        (held,) = outbox.take(connection, "dead", works.now)
    assert not held.repeat
    assert sender(works).deliver() == 0
    works.now += outbox.HELD
    assert sender(works).deliver() == 1
    assert REPEATED in web.found[0]
    (row,) = works.rows(message)
    assert (row["state"], bool(row["uncertain"])) == ("sent", True)


def test_an_address_that_fails_is_tried_again_and_given_up(works: Works, web: Sink) -> None:
    web.status = 500
    works.activate(trigger(HOURLY), alerts=(rule(f"http://127.0.0.1:{web.port}/hook"),))
    works.tick()
    fail(works)
    assert sender(works).deliver() == 1
    assert works.rows(message)[0]["state"] == "waiting"
    with works.database.write() as connection:
        connection.execute(message.update().values(tries=outbox.TRIES - 1, due=works.now))
    assert sender(works).deliver() == 1
    (row,) = works.rows(message)
    assert (row["state"], row["due"]) == ("failed", None)
    assert "500" in row["error"]


def test_a_secret_that_is_missing_is_said(works: Works) -> None:
    works.activate(trigger(HOURLY), alerts=(rule("${post}"),))
    works.tick()
    fail(works)
    assert sender(works).deliver() == 1
    assert "POST" in works.rows(message)[0]["error"]


def test_what_comes_and_goes_is_told_once_an_hour(works: Works) -> None:
    works.activate(trigger(HOURLY), alerts=(rule("json://127.0.0.1:9"),))
    works.tick()
    for _ in range(5):
        fail(works)
        works.manual_run()
        works.tick(works.now + SECOND)
    assert [one["kind"] for one in works.rows(message)] == ["failed", "recovered"]
    (row,) = works.rows(alert, kind="failed")
    assert (row["times"], row["open_key"]) == (5, None)
    fail(works)
    works.tick(works.now + 100 * SECOND)
    assert len(works.rows(message)) == 2
    works.tick(works.now + HOUR)
    assert [one["kind"] for one in works.rows(message)][2:] == ["failed"]
