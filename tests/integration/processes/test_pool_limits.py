"""Time, memory, cancelling, recycling: what the supervisor ends by itself."""

import os
import signal
import time
from pathlib import Path

import pytest

from galley.runs import processes
from galley.runs.model import Reason

from .conftest import Kitchen, MakeKitchen, gone


def test_a_task_over_its_time_is_killed(kitchen: Kitchen) -> None:
    kitchen.result("echo", value=1)
    begin = time.monotonic()
    event = kitchen.run("sleep", seconds=30, stubborn=True, _timeout=0.3)
    assert (event.kind, event.reason) == ("exited", Reason.TIMEOUT)
    assert "0.3 s" in event.detail
    assert time.monotonic() - begin < 1


def test_a_task_over_its_memory_is_killed(kitchen: Kitchen) -> None:
    event = kitchen.run("grow", megabytes=300, _memory=150 << 20)
    assert (event.kind, event.reason) == ("exited", Reason.OUT_OF_MEMORY)
    assert "its limit is 157 MB" in event.detail


@pytest.mark.parametrize(("stubborn", "code"), [(False, -15), (True, -9)])
def test_cancelling_ends_within_the_deadline(kitchen: Kitchen, stubborn: bool, code: int) -> None:
    task = kitchen.submit("sleep", seconds=30, stubborn=stubborn)
    kitchen.started(task)
    time.sleep(0.2)
    begin = time.monotonic()
    kitchen.pool.cancel(task, grace=0.3)
    event = kitchen.end(task)
    assert (event.reason, event.returncode) == (Reason.CANCELLED, code)
    assert time.monotonic() - begin < 0.8


def test_cancelling_a_task_that_waits(kitchen: Kitchen) -> None:
    running = [kitchen.submit("sleep", seconds=0.5) for _ in range(2)]
    waiting = kitchen.submit("echo", value=1)
    kitchen.pool.cancel(waiting)
    event = kitchen.end(waiting)
    assert (event.reason, event.pid) == (Reason.CANCELLED, None)
    assert [kitchen.end(task).kind for task in running] == ["message", "message"]


@pytest.mark.parametrize("then", ["die", "wait", "return"])
def test_no_descendant_escapes(kitchen: Kitchen, tmp_path: Path, then: str) -> None:
    note = tmp_path / "note"
    task = kitchen.submit("escape", note=str(note), then=then)
    spawned = note.with_suffix(".spawned")
    while not all(file.exists() and file.read_text() for file in (note, spawned)):
        time.sleep(0.01)
    pids = {int(note.read_text()), int(spawned.read_text())}
    if then == "wait":
        assert all(map(processes._running, pids))
        kitchen.pool.cancel(task, grace=0.1)
    kitchen.end(task)
    assert gone(pids, 1)
    assert kitchen.result("echo", value=1) == 1


def test_an_escaped_child_of_a_running_task_is_left_alone(kitchen: Kitchen, tmp_path: Path) -> None:
    note = tmp_path / "note"
    task = kitchen.submit("escape", note=str(note), then="wait")
    kitchen.started(task)
    kitchen.run("leave", how="os._exit")
    while not note.exists() or not note.read_text():
        time.sleep(0.01)
    kitchen.run("leave", how="os._exit")
    assert processes._running(int(note.read_text()))
    kitchen.pool.cancel(task, grace=0)
    kitchen.end(task)
    assert gone(int(note.read_text()), 1)


@pytest.mark.parametrize("what", ["thread", "child", "signal"])
def test_a_worker_that_was_littered_is_not_used_again(make: MakeKitchen, what: str) -> None:
    kitchen = make(slots=1)
    pid = kitchen.result("litter", what=what)
    assert kitchen.result("pid") != pid
    assert gone(pid)


def test_what_can_be_undone_is_undone(make: MakeKitchen) -> None:
    kitchen = make(slots=1)
    before = kitchen.result("state")
    assert kitchen.result("litter", what="state") == before["pid"]
    assert kitchen.result("state") == before
    assert (before["folder"], before["stdin"], before["interrupt"]) == ([], "", True)


def test_workers_are_replaced_by_age_and_by_size(make: MakeKitchen) -> None:
    old = make(slots=1, recycle_after=3)
    pids = [old.result("pid") for _ in range(7)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
    fat = make(slots=1, recycle_memory=1 << 20)
    assert fat.result("pid") != fat.result("pid")


def test_beats_come_by_themselves(make: MakeKitchen) -> None:
    kitchen = make(beat=0.1, ttl=1.0)
    kitchen.pool.start()
    assert kitchen.until(lambda event: event.kind == "beat", 2).kind == "beat"


def test_after_a_sleep_over_the_lease_everything_is_dropped(make: MakeKitchen) -> None:
    kitchen = make(beat=0.2, ttl=0.8)
    tasks = [kitchen.submit("sleep", seconds=30) for _ in range(3)]
    pid = kitchen.started(tasks[1]).pid
    supervisor = kitchen.role("supervisor")
    os.kill(supervisor, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(supervisor, signal.SIGCONT)
    ends = [kitchen.end(task) for task in tasks]
    assert {event.reason for event in ends} == {Reason.LOST_WORKER}
    assert all("the lease is lost" in event.detail for event in ends)
    assert pid is not None
    assert gone(pid)
    assert kitchen.result("echo", value=1) == 1
