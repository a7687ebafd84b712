"""What the operating system says about processes, read from real ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from galley.runs import processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A session with a marked shell and its child."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 30; true"],
        start_new_session=True,
        env=os.environ | {processes.MARK: "test-mark"},
    )
    while not processes.children(process.pid):
        time.sleep(0.002)
    yield process
    processes.signal_group(process.pid, signal.SIGKILL)
    process.wait()


def test_families_are_found(sleeper: subprocess.Popen[bytes]) -> None:
    family = processes.tree(sleeper.pid)
    assert family == {sleeper.pid} | processes.children(sleeper.pid)
    assert len(family) == 2
    assert sleeper.pid in processes.children(os.getpid())
    assert processes.children(2**22 + 1) == set()


def test_memory_is_measured() -> None:
    pid = os.getpid()
    assert 0 < processes.proportional(pid) <= processes.resident(pid) * 1.1
    assert (processes.memory_over(pid, 1) or 0) > 1 << 20
    assert processes.memory_over(pid, 1 << 50) is None
    assert processes.resident(2**22 + 1) == 0


def test_a_start_time_names_one_process(sleeper: subprocess.Popen[bytes]) -> None:
    started = processes.start_time(sleeper.pid)
    assert started is not None
    assert started >= (processes.start_time(os.getpid()) or 0)
    assert processes.start_time(2**22 + 1) is None


def test_a_process_that_nobody_waited_for_does_not_live(sleeper: subprocess.Popen[bytes]) -> None:
    started = processes.start_time(sleeper.pid)
    assert started is not None
    assert processes.lives(sleeper.pid, started)
    assert not processes.lives(sleeper.pid, started + 1)
    sleeper.kill()
    while processes._running(sleeper.pid):
        time.sleep(0.002)
    assert processes.start_time(sleeper.pid) == started
    assert not processes.lives(sleeper.pid, started)


def test_a_recorded_session_is_killed_even_without_its_leader(
    sleeper: subprocess.Popen[bytes],
) -> None:
    started = processes.start_time(sleeper.pid)
    (child,) = processes.children(sleeper.pid)
    assert started is not None
    processes.kill_recorded(sleeper.pid, started + 1)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()
    processes.kill_recorded(sleeper.pid, started)
    assert not processes._running(child)


def test_marked_processes_are_killed_until_none_is_left(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.marked("test-mark") == processes.tree(sleeper.pid)
    processes.kill_marked("test-mark")
    assert processes.marked("test-mark") == set()
    # Whoever's child is killed first may end by itself meanwhile.
    assert sleeper.wait() in (-signal.SIGKILL, 0)


def test_the_boot_clock_goes_on() -> None:
    first = processes.boottime()
    assert 0 <= processes.boottime() - first < 1
