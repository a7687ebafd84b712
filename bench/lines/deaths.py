"""How soon a death is noticed: of a step's process, of all workers, of the engine itself."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.history import rows
from bench.projects import write
from bench.record import Record
from bench.setting import Setting
from bench.timing import GALLEY, BenchError, environment, median, rounds, run

Process = subprocess.Popen[bytes]
PATIENCE = 60.0
_EXITS = """\
import os
import time

from galley import step


@step(materialize="none")
def dies():
    with open({mark!r}, "a") as file:
        print(time.time_ns() // 1000, file=file)
    os._exit(7)
"""
WAITS = """\
import time
from pathlib import Path

from galley import step


@step(materialize="none")
def waits():
    mark = Path({mark!r})
    first = not mark.exists()
    with mark.open("a") as file:
        print(time.time_ns() // 1000, file=file)
    if first:
        time.sleep(600)
"""


def child(setting: Setting) -> tuple[Record, ...]:
    """A step ends its process: from then to the end of the attempt in the database."""
    with setting.folder() as folder:

        def once(number: int) -> float:
            project, mark = project_in(folder / f"p{number}", _EXITS)
            run([GALLEY, "run"], project, expect=1)
            ends = rows(project, "SELECT finished FROM run_attempt ORDER BY epoch")
            pairs = zip(_marks(mark), (int(end) for (end,) in ends), strict=True)
            return max((end - exit_) / 1e6 for exit_, end in pairs)

        found = rounds(setting.rounds(5), once)
    return (
        Record(
            name="child-death",
            what="a child process dies (`os._exit`): until its attempt has ended",
            value=median(found),
            unit="s",
            budget=1,
            notes=("the slowest of the three tries of each run",),
            rounds=found,
        ),
    )


def worker(setting: Setting) -> tuple[Record, ...]:
    """The supervisor and with it every worker is killed: until the step runs again."""

    def kill_supervisor(process: Process, project: Path) -> Process:
        below = psutil.Process(process.pid).children()
        (found,) = [one for one in below if "galley.runs.supervisor" in " ".join(one.cmdline())]
        found.kill()
        return process

    return (
        _lost(
            setting,
            "lost-worker",
            "all workers are lost (`kill -9` of their supervisor): until the step runs again",
            kill_supervisor,
        ),
    )


def engine(setting: Setting) -> tuple[Record, ...]:
    """The whole command is killed: from the next command to the step's next start."""

    def kill_engine(process: Process, project: Path) -> Process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return start(project)

    return (
        _lost(
            setting,
            "lost-engine",
            "the engine is lost (`kill -9` of `galley run`): from the next command until the step "
            "runs again",
            kill_engine,
        ),
    )


def _lost(
    setting: Setting,
    name: str,
    what: str,
    kill: Callable[[Process, Path], Process],
) -> Record:
    with setting.folder() as folder:

        def once(number: int) -> float:
            project, mark = project_in(folder / f"p{number}", WAITS)
            process = start(project)
            try:
                await_marks(mark, 1)
                time.sleep(0.2)
                killed = time.time()
                process = kill(process, project)
                again = await_marks(mark, 2)[1]
                process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()
            return again / 1e6 - killed

        found = rounds(setting.rounds(3), once)
    return Record(name=name, what=what, value=median(found), unit="s", budget=30, rounds=found)


def project_in(folder: Path, code: str) -> tuple[Path, Path]:
    """A project of one step, and the file in which that says when it runs."""
    mark = folder / "marks"
    files = {
        "galley.yaml": "name: deaths\n",
        "pipelines/deaths/step.py": code.format(mark=str(mark)),
    }
    return write(folder, files), mark


def start(project: Path) -> Process:
    """``galley run`` as a process that goes on beside us."""
    return subprocess.Popen(
        [GALLEY, "run"],
        cwd=project,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _marks(mark: Path) -> list[int]:
    """The instants at which the step wrote that it runs, in microseconds."""
    return [int(line) for line in mark.read_text().split()] if mark.exists() else []


def await_marks(mark: Path, count: int, patience: float = PATIENCE) -> list[int]:
    """The instants, once there are so many."""
    end = time.monotonic() + patience
    while len(found := _marks(mark)) < count:
        if time.monotonic() > end:
            raise BenchError(f"the step did not start for the {count}. time")
        time.sleep(0.005)
    return found
