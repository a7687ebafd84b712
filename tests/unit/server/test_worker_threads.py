"""What a worker's threads pass to each other, and that they end when it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from galley.errors import UnavailableError, UsageError
from galley.runs.patience import Patience, nap
from galley.server import outbox as module
from galley.server import wire
from galley.server.duties import Duty
from galley.server.link import Link
from galley.server.outbox import MUCH, Outbox
from galley.server.worker import Posting, _Session

FOREVER = 1e6
NOBODY = "http://127.0.0.1:9"


def task(id: str = "t1") -> wire.Task:
    return wire.Task(id=id, token="token", payload="{}", code="abc", log="run/step.1")


def ended(work: Callable[[], object]) -> threading.Thread:
    found = threading.Thread(target=work, daemon=True)
    found.start()
    return found


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """One whose server is away."""
    monkeypatch.setattr(module, "AGAIN", FOREVER)
    monkeypatch.setattr(module, "FOLLOW", FOREVER)
    return Outbox(Link([NOBODY]), tmp_path, {}, print)


def test_a_nap_ends_when_it_is_called_off() -> None:
    asked = iter([False, False, True])
    nap(FOREVER, lambda: next(asked))
    assert list(asked) == []


def test_who_waits_for_a_database_can_be_called_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galley.runs.patience.RETRY", FOREVER)
    asked = iter([False, False, False, True, True])

    def away() -> None:
        raise UnavailableError("away")

    with pytest.raises(UnavailableError):
        Patience(give_up=lambda: next(asked)).until(away)


def test_an_outbox_that_rests_can_be_closed(outbox: Outbox) -> None:
    outbox.put(Duty(task()), wire.Answer(token="token", kind="returned"))
    threads = [ended(outbox.deliver), ended(outbox.follow)]
    outbox.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_large_answers_go_one_by_one(outbox: Outbox) -> None:
    """Together they would be refused, and each would count as one that cannot be taken."""
    for size in (1, MUCH, MUCH, 1, 1):
        answer = wire.Answer(token="token", kind="final", payload="x" * size)
        outbox.put(Duty(task()), answer)
    batches = [[len(answer.payload) for _, answer in outbox._batch() or ()] for _ in range(4)]
    assert batches == [[1], [MUCH], [MUCH], [1, 1]]


def test_orders_are_passed_on_though_a_task_is_over_at_once(tmp_path: Path) -> None:
    (tmp_path / "code" / "abc").mkdir(parents=True)
    told = wire.Registered(session="s", token="s", lease=FOREVER)
    session = _Session(Link([NOBODY]), Posting(tmp_path), told)
    session._draining = True
    passing = ended(lambda: session._pass_on(wire.Orders(tasks=(task(), task("t2")))))
    while not session._duties:
        session._listen()
    session._duties.clear()
    passing.join(10)
    assert not passing.is_alive()
    session._ear.close()
    session._bell.close()


@pytest.mark.parametrize("name", ["missing.pem", "nonsense.pem"])
def test_certificates_that_cannot_be_used_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    with pytest.raises(UsageError, match=name):
        Link([NOBODY], certificates=str(tmp_path / name))
