"""A command in a process of its own, which may be killed at a chosen point.

Processes are forked from a server that has imported everything once.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

from galley import bootstrap, faults
from galley.runs import processes, records
from galley.runs.model import Run
from tests.integration.engine.kit import SLOTS, Works, alive

ROOT = Path(__file__).parents[3]
MARK = "WORKS_COMMAND"


def work(root: str, name: str, run: str, environ: dict[str, str]) -> None:
    """What the process does: follow a run, as a command does."""
    # The server's own environment is that of whichever test wanted the first process.
    os.environ.clear()
    os.environ.update(environ)
    importlib.reload(faults)
    path = Path(root)
    works = Works(path, bootstrap.make_pool(path / "home", SLOTS), name)
    works.pool.start()
    with works.home.database.read() as conn:
        found = records.get_run(conn, run)
    works.follow(found)


@dataclass
class Command:
    """A process that follows one run; ``once`` is the folder in which fired faults are noted."""

    works: Works
    run: Run
    fault: str = ""
    mark: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        self.once = self.works.root / "faults" / self.mark
        self.once.mkdir(parents=True)
        environ = {
            **os.environ,
            "GALLEY_FAULTS": self.fault,
            "GALLEY_FAULTS_ONCE": str(self.once),
            MARK: self.mark,
        }
        if self.works.url:
            environ["GALLEY_DATABASE"] = self.works.url
        arguments = (str(self.works.root), self.works.name, self.run.id, environ)
        self.process = _start(arguments)

    @property
    def fired(self) -> bool:
        """Whether the fault happened."""
        return any(self.once.iterdir())

    def wait(self, seconds: float = 60) -> int:
        """Its exit status, negative for a signal; nothing that it started lives on."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"still at work after {seconds} s"
        self.no_remains()
        return self.process.exitcode

    def kill(self) -> None:
        """SIGKILL to the process itself."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)

    def no_remains(self, seconds: float = 5) -> None:
        """Every process that it started ends with it."""
        end = time.monotonic() + seconds
        while left := alive(f"{MARK}={self.mark}"):
            assert time.monotonic() < end, [processes.tree(pid) for pid in left]
            time.sleep(0.01)


def _start(arguments: tuple[str, str, str, dict[str, str]]) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    before = os.environ.get("PYTHONPATH")
    # The server imports by this path only, and does so when the first process is wanted.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), before)))
    try:
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return process
