"""Steps over PostgreSQL: through one controller, and through two workers that call over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text

from bench import postgres, projects
from bench.record import Bound, Record
from bench.setting import Setting
from bench.timing import GALLEY, BenchError, environment, galley, median, rounds

TRIVIAL = 1000
PATIENCE = 120.0
PACE = text("SELECT count(*), min(finished), max(finished) FROM run_step WHERE state = 'succeeded'")


def one_controller(setting: Setting) -> tuple[Record, ...]:
    """A thousand steps that do nothing, one after the other, over PostgreSQL."""

    def once(project: Path, url: str, folder: Path) -> float:
        galley(project, "run", extra={"GALLEY_SLOTS": "1", "GALLEY_DATABASE": url})
        return 1000 * _pace(url)

    found = _rounds(setting, once)
    return (
        Record(
            name="step-postgres",
            what=f"the same over PostgreSQL ({TRIVIAL:,} steps, one controller, one slot)",
            value=median(found),
            unit="ms",
            budget=8,
            rounds=found,
        ),
    )


def two_workers(setting: Setting) -> tuple[Record, ...]:
    """A thousand steps that do nothing, through a server and two workers over HTTP."""

    def once(project: Path, url: str, folder: Path) -> float:
        with _at_work(project, url, folder):
            _launch(project, url)
            return 1 / _pace(url)

    found = _rounds(setting, once)
    return (
        Record(
            name="steps-over-http",
            what=f"trivial steps a second, two workers over HTTP ({TRIVIAL:,} steps, PostgreSQL)",
            value=median(found),
            unit="steps/s",
            budget=200,
            bound=Bound.LEAST,
            rounds=found,
        ),
    )


def _rounds(setting: Setting, act: Callable[[Path, str, Path], float]) -> tuple[float, ...]:
    """What ``act`` measures of the project, each time with a new database and folder."""
    with setting.folder() as folder, postgres.server() as server:
        project = projects.trivial(folder / "trivial", TRIVIAL)

        def once(number: int) -> float:
            shutil.rmtree(project / ".galley", ignore_errors=True)
            return act(project, postgres.fresh(server), folder / f"round{number}")

        return rounds(setting.rounds(3), once)


def _pace(url: str) -> float:
    """Seconds from one finished step to the next."""
    engine = create_engine(url)
    with engine.connect() as connection:
        count, first, last = connection.execute(PACE).one()
    engine.dispose()
    if count != TRIVIAL:
        raise BenchError(f"{count} of {TRIVIAL} steps have succeeded")
    return float((last - first) / 1e6 / (count - 1))


@contextmanager
def _at_work(project: Path, url: str, folder: Path) -> Iterator[None]:
    """A server and two workers of one slot each."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    commands = [["server", "--no-api", "--port", str(port)]]
    commands += [
        ["worker", "--server", address, "--slots", "1", "--folder", str(folder / f"w{number}")]
        for number in range(2)
    ]
    started = []
    log = (folder / "log").open("w")
    try:
        for command in commands:
            environ = environment({"GALLEY_DATABASE": url} if command[0] == "server" else {})
            started.append(
                subprocess.Popen(
                    [str(GALLEY), *command], cwd=project, env=environ, stdout=log, stderr=log
                )
            )
            wait_for(address)
        # Until the workers' libraries are loaded.
        time.sleep(5)
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGKILL)
            process.wait()
        log.close()


def wait_for(address: str) -> None:
    """Until a server takes work. Raises BenchError."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):
            urllib.request.urlopen(f"{address}/ready").close()
            return
        time.sleep(0.05)
    raise BenchError(f"{address} is not ready")


def _launch(project: Path, url: str) -> None:
    """Queue a run, as whoever has no engine does, and wait for its end."""
    from galley import bootstrap
    from galley.environments import launch
    from galley.environments.home import Checkout
    from galley.project.compile import compile_project
    from galley.runs import records

    os.environ["GALLEY_DATABASE"] = url
    home = bootstrap.open_home(project / ".galley")
    try:
        manifest = compile_project(project, cache=home.path / "cache")
        wish = launch.Wish(("trivial",), "kitchen/ana")
        with home.database.write() as connection:
            ready = launch.prepare(connection, home, manifest, Checkout(project), wish)
            run = launch.launch(connection, home, ready)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with home.database.read() as connection:
                if records.get_run(connection, run.id).state.terminal:
                    return
            time.sleep(0.2)
        raise BenchError(f"the run did not end within {PATIENCE} s")
    finally:
        del os.environ["GALLEY_DATABASE"]
        home.database.close()
