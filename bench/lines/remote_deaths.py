"""How soon a lost `galley worker` is noticed by its server, over HTTP and at the real lease."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from bench.history import rows
from bench.lines.deaths import WAITS, await_marks, project_in, start
from bench.lines.shared import wait_for
from bench.record import Record
from bench.setting import Setting
from bench.timing import GALLEY, environment, median, rounds

PATIENCE = 120.0
OWNER = """
    SELECT session.id, session.pid FROM run_worker_session AS session
    JOIN run_attempt AS attempt ON attempt.owner = session.id
"""


def worker(setting: Setting) -> tuple[Record, ...]:
    """A worker is killed with its supervisor: until another one runs the step."""
    with setting.folder() as folder:
        here = rounds(setting.rounds(3), lambda n: _lost(folder / f"here{n}", far=False))
        far = rounds(setting.rounds(3), lambda n: _lost(folder / f"far{n}", far=True))
    said = "a `galley worker` is lost (`kill -9`, its supervisor too), the lease as shipped"
    where = "on the server's machine"
    return (
        Record(
            name="lost-worker-http",
            what=f"{said}, {where}: until another worker runs the step",
            value=median(here),
            unit="s",
            budget=30,
            rounds=here,
        ),
        Record(
            name="lost-worker-far",
            what=f"{said}, on another machine: until another worker runs the step",
            value=median(far),
            unit="s",
            budget=90,
            rounds=far,
            notes=("its session is recorded as one of another host, whose processes nobody sees",),
        ),
    )


def _lost(folder: Path, *, far: bool) -> float:
    project, mark = project_in(folder, WAITS)
    with _served(project, folder):
        run = start(project)
        try:
            await_marks(mark, 1)
            time.sleep(1)
            ((session, pid),) = rows(project, OWNER)
            if far:
                _move_away(project, session)
            killed = time.time()
            _kill(pid)
            again = await_marks(mark, 2, PATIENCE)[1]
            run.wait(PATIENCE)
        finally:
            run.kill()
            run.wait()
    return again / 1e6 - killed


def _kill(pid: int) -> None:
    """The worker and its supervisor; the processes of steps end with that."""
    one = psutil.Process(pid)
    for process in [*one.children(), one]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _move_away(project: Path, session: str) -> None:
    """Let a session be of another machine."""
    path = project / ".galley" / "galley.db"
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.execute(
            "UPDATE run_worker_session SET host = 'elsewhere', boot_id = NULL WHERE id = ?",
            (session,),
        )


@contextmanager
def _served(project: Path, folder: Path) -> Iterator[None]:
    """A server without processes of its own, and two workers of one slot each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    commands = [["server", "--port", str(port)]]
    commands += [
        ["worker", "--server", address, "--slots", "1", "--folder", str(folder / f"w{number}")]
        for number in range(2)
    ]
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("w") as log:
        try:
            for command in commands:
                process = subprocess.Popen(
                    [str(GALLEY), *command],
                    cwd=project,
                    env=environment(),
                    stdout=log,
                    stderr=log,
                )
                started.append(process)
                wait_for(address)
            # Until the workers' libraries are loaded.
            time.sleep(5)
            yield
        finally:
            for process in started:
                process.kill()
                process.wait()
