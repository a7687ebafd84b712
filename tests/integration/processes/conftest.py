"""Real pools, and a look at whether they leave processes behind."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from galley.runs import processes
from galley.runs.pool import Pool, PoolEvent, PoolSettings, Submission

ROOT = Path(__file__).parents[3]
BODIES = "tests.integration.processes.bodies"


@dataclass
class Kitchen:
    """A pool, and what tests ask of it."""

    pool: Pool
    folder: Path
    mark: str
    seen: list[PoolEvent] = field(default_factory=list)
    count: int = 0

    def submit(self, name: str, **options: Any) -> str:
        """Submit a call of a function of ``bodies``; options of a ``Submission`` have a ``_``."""
        self.count += 1
        task = f"task-{self.count}"
        wishes: dict[str, Any] = {
            "code_dir": "/tmp",
            "log": task,
        }
        wishes |= {key[1:]: value for key, value in options.items() if key.startswith("_")}
        args = {key: value for key, value in options.items() if not key.startswith("_")}
        payload = {"kind": "call", "name": name, "args": args}
        self.pool.submit(Submission(task, json.dumps(payload).encode(), **wishes))
        return task

    def until(self, wanted: Callable[[PoolEvent], bool], seconds: float = 10) -> PoolEvent:
        """The first event, of the past or to come, that is wanted."""
        end = time.monotonic() + seconds
        looked = 0
        while True:
            for event in self.seen[looked:]:
                if wanted(event):
                    return event
            looked = len(self.seen)
            assert time.monotonic() < end, self.seen[-20:]
            self.seen += self.pool.poll(0.2)

    def started(self, task: str) -> PoolEvent:
        """A worker has the task."""
        return self.until(lambda event: event.kind == "started" and event.task_id == task)

    def end(self, task: str, seconds: float = 10) -> PoolEvent:
        """How the task ended."""
        return self.until(lambda event: event.ends and event.task_id == task, seconds)

    def run(self, name: str, **options: Any) -> PoolEvent:
        """Submit and wait for the end."""
        return self.end(self.submit(name, **options))

    def result(self, name: str, **options: Any) -> Any:
        """What the function returned."""
        event = self.run(name, **options)
        assert event.payload is not None, event
        return json.loads(event.payload)["result"]

    def log(self, task: str, stream: str = "out") -> str:
        """What the task printed."""
        path = self.folder / f"{task}.{stream}"
        return path.read_text() if path.exists() else ""

    def below(self) -> set[int]:
        """All processes that belong to the pool."""
        return processes.marked(self.mark)

    def role(self, module: str) -> int:
        """The pid of the supervisor or the zygote."""
        code = f"galley.runs.{module}".encode()
        # Workers have the zygote's command line; they say which they are.
        candidates = self.below() - {event.pid for event in self.seen}
        for pid in sorted(candidates):
            if code in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise AssertionError(f"no {module}")


def gone(pids: set[int] | int, seconds: float = 2) -> bool:
    """Whether the processes have ended, or do so soon (a zombie has)."""
    wanted = {pids} if isinstance(pids, int) else pids
    end = time.monotonic() + seconds
    while any(processes._running(pid) for pid in wanted):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


MakeKitchen = Callable[..., Kitchen]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeKitchen]:
    """Makes pools that are closed, and checked for remains, at the end."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    made: list[Kitchen] = []

    def build(**changes: Any) -> Kitchen:
        folder = tmp_path / f"logs-{len(made)}"
        given: dict[str, Any] = {"slots": 2, "entry": f"{BODIES}:handlers"}
        pool = Pool(PoolSettings(log_dir=folder, **(given | changes)))
        made.append(Kitchen(pool, folder, pool._mark))
        return made[-1]

    yield build
    for kitchen in made:
        kitchen.pool.close()
        assert kitchen.below() == set()
        scratch = kitchen.pool._scratch
        assert not scratch or not Path(scratch).exists()


@pytest.fixture
def kitchen(make: MakeKitchen) -> Kitchen:
    return make()
