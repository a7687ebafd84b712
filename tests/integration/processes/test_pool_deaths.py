"""kill -9 of each process of a pool: nothing is left, and the next task works."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from galley.runs import processes
from galley.runs.model import Reason

from .conftest import BODIES, ROOT, Kitchen, MakeKitchen, gone

pytestmark = pytest.mark.kill

ENGINE = """
import sys, time
from pathlib import Path
from galley.runs.pool import Pool, PoolSettings, Submission
folder = Path(sys.argv[1])
pool = Pool(PoolSettings(slots=2, log_dir=folder, entry=sys.argv[2]))
payload = b'{"kind":"call","name":"escape","args":{"note":"%s","then":"wait"}}'
pool.submit(Submission("a", payload % bytes(folder / "note"), "/tmp", "a"))
(folder / "mark").write_text(pool._mark)
while True:
    pool.poll(1)
"""


def busy(kitchen: Kitchen, tmp_path: Path) -> tuple[str, set[int]]:
    """A task with children that left its session; the pids of all processes."""
    note = tmp_path / f"note-{kitchen.count}"
    task = kitchen.submit("escape", note=str(note), then="wait")
    await_file(note.with_suffix(".spawned"))
    kitchen.started(task)
    return task, {int(note.read_text()), int(note.with_suffix(".spawned").read_text())}


def await_file(path: Path) -> None:
    end = time.monotonic() + 10
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_killed_supervisor_takes_everything_along(kitchen: Kitchen, tmp_path: Path) -> None:
    task, escaped = busy(kitchen, tmp_path)
    everything = kitchen.below()
    assert escaped < everything
    os.kill(kitchen.role("supervisor"), signal.SIGKILL)
    event = kitchen.end(task)
    assert (event.kind, event.reason) == ("lost", Reason.LOST_WORKER)
    assert gone(everything)
    assert kitchen.result("echo", value="again") == "again"


def test_a_killed_worker_loses_its_task_only(kitchen: Kitchen, tmp_path: Path) -> None:
    task, escaped = busy(kitchen, tmp_path)
    other = kitchen.submit("sleep", seconds=0.3)
    pid = kitchen.started(task).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    event = kitchen.end(task, 1)
    assert (event.kind, event.reason, event.returncode) == ("exited", Reason.LOST_WORKER, -9)
    assert gone(escaped)
    assert kitchen.end(other).kind == "message"


def test_a_killed_zygote_loses_nothing(kitchen: Kitchen) -> None:
    task = kitchen.submit("sleep", seconds=0.3)
    kitchen.started(task)
    os.kill(kitchen.role("zygote"), signal.SIGKILL)
    assert kitchen.end(task).kind == "message"
    kitchen.run("leave", how="os._exit")
    kitchen.run("leave", how="os._exit")
    assert kitchen.result("echo", value=1) == 1


def test_a_killed_engine_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", ENGINE, str(tmp_path), f"{BODIES}:handlers"]
    engine = subprocess.Popen(arguments, env=environment)
    await_file(tmp_path / "note.spawned")
    mark = (tmp_path / "mark").read_text()
    below = processes.marked(mark)
    assert len(below) >= 5
    engine.kill()
    engine.wait()
    assert gone(below)
    assert processes.marked(mark) == set()


@pytest.mark.parametrize(
    "point",
    [
        "supervisor.started_worker",
        "supervisor.before_forward",
        "worker.task_received",
        "worker.before_final",
        "worker.after_final",
        "zygote.forked",
    ],
)
def test_dying_at_any_point_is_reported(
    make: MakeKitchen, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv("GALLEY_FAULTS", f"{point}:kill:2")
    kitchen = make()
    ends = []
    for number in range(6):
        ends.append(kitchen.run("echo", value=number))
    died = {event.kind for event in ends if not event.final}
    expected = {"supervisor": {"lost"}, "worker": {"exited"}, "zygote": set()}
    if point == "worker.after_final":
        # What was said counts; a next task given to the dying worker may be lost.
        assert ends[1].final
        assert died <= {"exited"}
    else:
        assert died == expected[point.partition(".")[0]]


def test_a_supervisor_asked_to_end_is_replaced(kitchen: Kitchen) -> None:
    task = kitchen.submit("sleep", seconds=30)
    kitchen.started(task)
    os.kill(kitchen.role("supervisor"), signal.SIGTERM)
    assert kitchen.end(task).kind == "lost"
    assert kitchen.result("echo", value=1) == 1


def test_a_pool_outlives_the_thread_that_started_it(kitchen: Kitchen) -> None:
    thread = threading.Thread(target=kitchen.pool.start)
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert kitchen.result("echo", value=1) == 1
    assert {event.kind for event in kitchen.seen} == {"started", "message"}
