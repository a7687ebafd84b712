"""A PostgreSQL server that crashes, restarts and cuts connections while runs are at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from galley.errors import UnavailableError
from galley.runs import sessions
from galley.runs.follow import follow
from galley.runs.model import Run, RunState
from tests.integration.engine.driver import Command
from tests.integration.engine.invariants import violations
from tests.integration.engine.kit import SLOTS, WarmPool, Works
from tests.integration.engine.plant import Plant
from tests.pg_cast import Server, serving

LEASE = 2_000_000
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL "
    "AND pid <> pg_backend_pid() AND random() < 0.5"
)
DEADLOCKS = "SELECT coalesce(sum(deadlocks), 0) FROM pg_stat_database"

pytestmark = [pytest.mark.postgres, pytest.mark.kill]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that only these tests crash."""
    with serving() as found:
        yield found


@pytest.fixture
def works(
    tmp_path: Path, warm: WarmPool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Works]:
    """A project whose home is on it."""
    with server.database() as name:
        url = server.url(name)
        monkeypatch.setenv("WORKS_LEASE", str(LEASE))
        monkeypatch.setenv("GALLEY_DATABASE", url)
        found = Works(tmp_path, warm, url=url)
        yield found
        assert violations(found.home) == []
        assert server.administer(DEADLOCKS) == [(0,)]
        found.home.database.close()


def restart(server: Server, mode: str) -> None:
    if mode == "kill":
        server.kill()
        time.sleep(0.5)
    else:
        server.stop(mode)
    server.start()


def harassed(server: Server, act: Callable[[], object], times: int, pause: float) -> None:
    """Do something to the server again and again."""
    for _ in range(times):
        time.sleep(pause)
        act()


def at_work(works: Works, run: Run) -> list[Command]:
    """Two commands that both work on a run."""
    commands = [Command(works, run), Command(works, run)]
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with works.home.database.read() as conn:
            if len(sessions.open_sessions(conn)) >= len(commands):
                break
        time.sleep(0.02)
    return commands


def grown(works: Works, seed: int) -> tuple[Plant, Run]:
    """A random project at its second batch."""
    plant = Plant(works, seed=seed)
    assert works.run().state is RunState.SUCCEEDED
    plant.grow()
    return plant, works.launch()


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("immediate", marks=pytest.mark.long),
        pytest.param("fast", marks=pytest.mark.long),
        "kill",
    ],
)
def test_a_restart_under_load_loses_and_doubles_nothing(
    works: Works, server: Server, mode: str
) -> None:
    plant, run = grown(works, seed=len(mode))
    commands = at_work(works, run)
    harassed(server, lambda: restart(server, mode), times=2, pause=0.7)
    assert [command.wait() for command in commands] == [0, 0]
    assert works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


@pytest.mark.parametrize("seed", [1, 2])
def test_connections_that_are_cut_at_random(works: Works, server: Server, seed: int) -> None:
    plant, run = grown(works, seed)
    commands = at_work(works, run)
    chance = Random(seed)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.05, 0.4))
        server.administer(CUT)
    assert [command.wait() for command in commands] == [0, 0]
    assert works.get(run).state is RunState.SUCCEEDED
    assert plant.shown() == 2


def away(server: Server, after: float, seconds: float) -> threading.Thread:
    """Crash the server after a while, and start it again."""

    def act() -> None:
        time.sleep(after)
        server.stop()
        time.sleep(seconds)
        server.start()

    found = threading.Thread(target=act)
    found.start()
    return found


def test_a_command_waits_and_says_so(works: Works, server: Server) -> None:
    works.python(
        "one", "import time\n\n@step\ndef one():\n    time.sleep(1.5)\n    return [{'a': 1}]"
    )
    run = works.launch()
    told: list[str] = []
    crash = away(server, 0.7, 1.5)
    ended = follow(
        works.site,
        works.pool,
        run.id,
        slots=SLOTS,
        watch=lambda: None,
        interrupted=lambda: False,
        tell=told.append,
    )
    crash.join()
    assert ended.state is RunState.SUCCEEDED
    assert len(told) == 2, told
    assert "does not answer" in told[0] or "is going down" in told[0]
    assert "waiting up to 300 s for it" in told[0]
    assert told[1].startswith("it answers again after")


def test_who_interrupts_the_wait_leaves_at_once(works: Works, server: Server) -> None:
    works.python(
        "one", "import time\n\n@step\ndef one():\n    time.sleep(2)\n    return [{'a': 1}]"
    )
    run = works.launch()
    crash = away(server, 0.5, 3)
    begin = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        works.follow(run, interrupted=lambda: time.monotonic() - begin > 1.5)
    assert time.monotonic() - begin < 3
    crash.join()
    assert caught.value.hint
    works.recover()
    assert works.get(run).state is RunState.SUCCEEDED
