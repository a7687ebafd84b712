"""Tasks that go well, and tasks that end badly by themselves."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from galley.runs.model import Reason
from tests.integration.server.kit import until

from .conftest import Kitchen, MakeKitchen


def test_a_task_returns_its_message(kitchen: Kitchen) -> None:
    task = kitchen.submit("echo", value={"rows": 3})
    started, end = kitchen.started(task), kitchen.end(task)
    assert json.loads(end.payload or b"") == {"result": {"rows": 3}}
    assert (end.pid, end.pid_started) == (started.pid, started.pid_started)
    assert end.final
    assert kitchen.pool.idle == 2


def test_more_tasks_than_slots_are_queued(kitchen: Kitchen) -> None:
    tasks = [kitchen.submit("echo", value=number) for number in range(10)]
    assert kitchen.pool.idle == 0
    assert [json.loads(kitchen.end(t).payload or b"")["result"] for t in tasks] == list(range(10))
    assert len({event.pid for event in kitchen.seen if event.pid}) <= 2


def test_tasks_run_side_by_side(kitchen: Kitchen) -> None:
    first, second = kitchen.submit("sleep", seconds=0.3), kitchen.submit("sleep", seconds=0.3)
    assert kitchen.started(first).pid != kitchen.started(second).pid
    kitchen.end(first)
    kitchen.end(second)


def test_a_chain_goes_to_two_workers_by_turns(kitchen: Kitchen) -> None:
    kitchen.result("sleep", seconds=0.3)  # meanwhile the second one gets ready
    pids = [kitchen.started(kitchen.submit("sleep", seconds=0.1)).pid]
    for number in range(2, 6):
        kitchen.end(f"task-{number}")
        pids.append(kitchen.started(kitchen.submit("sleep", seconds=0.1)).pid)
    assert len(set(pids)) == 2
    assert all(one != next_ for one, next_ in pairwise(pids))


def test_one_slot_has_one_worker(make: MakeKitchen) -> None:
    kitchen = make(slots=1)
    pids = {kitchen.run("sleep", seconds=0.05).pid for _ in range(3)}
    assert len(pids) == 1
    assert len(kitchen.below()) == 3  # the supervisor, the zygote, the worker


def test_workers_that_rest_make_room_and_others_come_at_need(make: MakeKitchen) -> None:
    kitchen = make(beat=0.05, rest=0.2)
    at_work = kitchen.submit("question", text="may I end?")
    beside = kitchen.run("pid").pid
    time.sleep(0.6)
    # While anybody is at work nobody has to go, however long they have had nothing to do.
    assert beside in kitchen.below()
    kitchen.pool.reply(at_work, b"")
    kitchen.end(at_work)
    rested = kitchen.below()
    everyone_else = {kitchen.role("supervisor"), kitchen.role("zygote")}
    until(lambda: kitchen.below() == everyone_else, "the workers' end")
    again = kitchen.run("pid")
    assert again.final
    assert again.pid not in rested


def test_a_question_is_answered(kitchen: Kitchen) -> None:
    task = kitchen.submit("question", text="which ids?")
    event = kitchen.until(lambda event: event.kind == "message")
    assert (event.payload, event.final) == (b"which ids?", False)
    kitchen.pool.reply(task, b"7")
    assert json.loads(kitchen.end(task).payload or b"") == {"result": "7"}


def test_a_payload_of_many_megabytes_goes_both_ways(kitchen: Kitchen) -> None:
    text = "x" * (8 << 20)
    assert kitchen.result("echo", value=text) == text


def test_an_exception_becomes_a_failed_message(kitchen: Kitchen) -> None:
    failure = json.loads(kitchen.run("fail", text="no such row").payload or b"")
    assert failure["kind"] == "failed"
    assert failure["reason"] == Reason.USER_ERROR
    assert (failure["error"], failure["message"]) == ("LookupError", "no such row")
    assert "LookupError" in failure["bases"]
    assert "in fail" in failure["trace"]


@pytest.mark.parametrize(
    ("how", "code", "detail"),
    [
        ("os._exit", 0, "exited with code 0 before returning"),
        ("sys.exit", 3, "exited with code 3 before returning"),
        ("SIGKILL", -9, "signal 9 (SIGKILL)"),
        ("segfault", -11, "signal 11 (SIGSEGV)"),
    ],
)
def test_a_worker_that_ends_is_noticed_at_once(
    kitchen: Kitchen, how: str, code: int, detail: str
) -> None:
    kitchen.result("echo", value=1)
    begin = time.monotonic()
    event = kitchen.run("leave", how=how)
    assert time.monotonic() - begin < 1
    assert (event.kind, event.reason, event.returncode) == ("exited", Reason.LOST_WORKER, code)
    assert detail in event.detail
    assert kitchen.result("echo", value=2) == 2


def test_code_versions_never_mix(kitchen: Kitchen, tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "shop.py").write_text(f"VALUE = {version!r}")
    for version in ("one", "two", "one"):
        folder = str(tmp_path / version)
        assert kitchen.result("import_project", module="shop", _code_dir=folder) == version


def test_a_broken_preparation_is_explained(make: MakeKitchen) -> None:
    kitchen = make(entry="tests.integration.processes.bodies:broken_handlers")
    event = kitchen.run("echo", value=1)
    assert (event.kind, event.reason) == ("exited", Reason.USER_ERROR)
    assert "RuntimeError: no such library" in event.detail


def test_workers_see_neither_our_variables_nor_withheld_ones(
    make: MakeKitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GALLEY_SECRET", "DB_PASSWORD", "PLAIN"):
        monkeypatch.setenv(name, "1")
    kitchen = make(withheld=frozenset({"DB_PASSWORD"}))
    names = set(kitchen.result("state")["environment"])
    assert names & {"GALLEY_SECRET", "DB_PASSWORD", "PLAIN"} == {"PLAIN"}
