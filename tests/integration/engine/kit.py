"""A project in a folder, its home, and everything that a test does with both."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from galley import bootstrap, faults
from galley.environments import launch, promotion, resume, rollback
from galley.environments.home import Checkout, Home
from galley.errors import GalleyError
from galley.lake import refs
from galley.lake import rollback as lake_rollback
from galley.lake.model import PRODUCTION, Commit, Format, Version
from galley.lake.reading import connect, mount
from galley.lake.trees import tree
from galley.project.compile import compile_project
from galley.project.model import Manifest
from galley.runs import findings, queue, records
from galley.runs.engine import Engine
from galley.runs.follow import follow
from galley.runs.live import Site
from galley.runs.lockfile import EngineLock
from galley.runs.model import Intention, Run, RunState, StepRun
from galley.runs.pool import Pool
from galley.runs.verdict import Verdict
from tests.s3_cast import Store

KITCHEN = "kitchen/ana"
EVERYWHERE = pytest.mark.parametrize(
    "works", ["folder", pytest.param("store", marks=pytest.mark.s3)], indirect=True
)
"""The test runs once with the tables in the home and once with them in an object store."""
SLOTS = 2
Row = tuple[Any, ...]


class WarmPool(Pool):
    """Workers that outlive an engine, so that not every test loads the libraries again."""

    def close(self) -> None:
        """End what is under way; the processes stay for the next engine."""
        for task in list(self._tasks):
            self.cancel(task, grace=0)
        while self._tasks:
            self.poll(1)
        self._arrived.clear()

    def end(self) -> None:
        """End the processes."""
        super().close()


@dataclass
class Works:
    """One project. ``root`` holds its files in ``project`` and its home in ``home``."""

    root: Path
    pool: Pool
    name: str = "works"
    user: str = "ana"
    url: str | None = None
    store: Store | None = None
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not (self.folder / "galley.yaml").exists():
            self.write("galley.yaml", f"name: {self.name}\n")

    @property
    def folder(self) -> Path:
        return self.root / "project"

    @property
    def place(self) -> bootstrap.Place | None:
        """Where the tables stand, if not in the home."""
        store = self.store
        return bootstrap.Place(store.root, lambda: store.access) if store else None

    @cached_property
    def home(self) -> Home:
        if self.url:
            os.environ["GALLEY_DATABASE"] = self.url
        opened = bootstrap.open_home(self.root / "home", self.place)
        return replace(opened, actor=replace(opened.actor, name=self.user))

    @cached_property
    def site(self) -> Site:
        made = bootstrap.make_site(self.home, SLOTS)
        return replace(made, lease=int(os.environ.get("WORKS_LEASE", made.lease)))

    def write(self, path: str, text: str) -> None:
        """A file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def sql(self, name: str, sql: str, *, pipeline: str = "p", **options: Any) -> None:
        """A SQL step."""
        header = "".join(f"{key}: {_yaml(value)}\n" for key, value in options.items())
        self.write(f"pipelines/{pipeline}/{name}.sql", f"/* @galley\n{header}*/\n{sql}\n")

    def python(self, name: str, code: str, *, pipeline: str = "p") -> None:
        """A file of Python steps."""
        lines = code.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        body = "\n".join(line[indent:] for line in lines)
        self.write(f"pipelines/{pipeline}/{name}.py", f"from galley import step\n\n{body}\n")

    def load(self, name: str, csv: str, *, pipeline: str = "p", **options: Any) -> None:
        """A load step and its CSV file."""
        self.write(f"data/{name}.csv", csv)
        more = "".join(f"{key}: {_yaml(value)}\n" for key, value in options.items())
        text = f"kind: load\npath: data/{name}.csv\n{more}"
        self.write(f"pipelines/{pipeline}/{name}.yaml", text)

    def manifest(self) -> Manifest:
        return compile_project(self.folder, cache=self.home.path / "cache")

    # What people do

    def launch(self, pipeline: str = "p", ref: str = KITCHEN, **wish: Any) -> Run:
        """Queue a run."""
        with self.home.database.write() as conn:
            wanted = launch.Wish((pipeline,), ref, **wish)
            ready = launch.prepare(conn, self.home, self.manifest(), Checkout(self.folder), wanted)
            return self._noted(launch.launch(conn, self.home, ready))

    def launch_promotion(
        self, source: str | None = KITCHEN, target: str = PRODUCTION, **keep: Any
    ) -> Run:
        """Queue a promotion."""
        checkout = Checkout(self.folder)
        with self.home.database.write() as conn:
            plan = promotion.plan_promotion(
                conn, self.home, self.manifest(), checkout, source=source, target=target, **keep
            )
            return self._noted(promotion.promote(conn, self.home, plan))

    def launch_resume(self, run: Run) -> Run:
        """Queue a run that goes on where another stopped."""
        checkout = Checkout(self.folder)
        with self.home.database.write() as conn:
            return self._noted(
                resume.resume(conn, self.home, self.manifest(), checkout, self.get(run))
            )

    def run(self, pipeline: str = "p", ref: str = KITCHEN, **wish: Any) -> Run:
        """Run to the end."""
        return self.follow(self.launch(pipeline, ref, **wish))

    def promote(self, **keep: Any) -> Run:
        """Promote to the end."""
        return self.follow(self.launch_promotion(**keep))

    def resume(self, run: Run) -> Run:
        """Resume to the end."""
        return self.follow(self.launch_resume(run))

    def roll_back(self, ref: str = PRODUCTION, **options: Any) -> Commit:
        """Take the last publish back."""
        with self.home.database.write() as conn:
            plan = lake_rollback.plan_rollback(
                conn, self.name, ref, now=self.home.clock(), **options
            )
            return rollback.apply(conn, self.home, plan, reason="it was wrong")

    def release(self, pipeline: str = "p", ref: str = PRODUCTION) -> int:
        """Let a held pipeline publish again."""
        with self.home.database.write() as conn:
            return rollback.release(conn, self.home, self.name, ref, pipeline)

    def ask(self, run: Run, wish: Intention) -> None:
        """Tell a run to pause, go on or stop."""
        with self.home.database.write() as conn:
            records.set_intention(conn, run.id, wish, self.home.clock())

    # Driving

    def follow(self, run: Run, interrupted: Callable[[], bool] = lambda: False) -> Run:
        """Follow a run as a command does."""
        return follow(
            self.site,
            self.pool,
            run.id,
            slots=SLOTS,
            watch=lambda: None,
            interrupted=interrupted,
        )

    def drive(self, *runs: Run, tick: Callable[[], None] = lambda: None) -> list[Run]:
        """One engine until all these runs have ended; ``tick`` may act between two rounds."""
        engine = Engine(self.site, self.pool, SLOTS)
        with EngineLock(self.home.path) as lock:
            assert lock.acquire()
            engine.open()
            try:
                engine.work(lambda: all(self.get(run).state.terminal for run in runs), tick)
            finally:
                engine.close()
        return [self.get(run) for run in runs]

    def recover(self) -> None:
        """What the next command does: work on everything that is not finished."""
        left = [RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.PUBLISHING]
        with self.home.database.read() as conn:
            self.drive(*records.list_runs(conn, states=left, limit=1000))

    # Looking

    def get(self, run: Run) -> Run:
        with self.home.database.read() as conn:
            return records.get_run(conn, run.id)

    def steps(self, run: Run) -> dict[str, StepRun]:
        with self.home.database.read() as conn:
            return {step.name: step for step in queue.steps_of(conn, run.id)}

    def states(self, run: Run) -> dict[str, str]:
        return {name: step.state.value for name, step in self.steps(run).items()}

    def verdicts(self, run: Run) -> list[Verdict]:
        with self.home.database.read() as conn:
            return findings.verdicts_of(conn, run.id)

    def attempts(self, run: Run) -> list[dict[str, Any]]:
        with self.home.database.read() as conn:
            return records.attempts_of(conn, run.id)

    def head(self, ref: str = KITCHEN) -> str:
        with self.home.database.read() as conn:
            return refs.get_ref(conn, self.name, ref).head

    def tables(self, ref: str = KITCHEN) -> dict[str, Version]:
        """The tables at a ref's head; none where the ref is not there."""
        with self.home.database.read() as conn:
            found = refs.find_ref(conn, self.name, ref)
            return tree(conn, found.head) if found else {}

    def rows(self, table: str, ref: str = KITCHEN) -> list[Row]:
        """What a table holds, sorted; nothing where it is not there."""
        return self.rows_of([table], ref)[table]

    def rows_of(self, tables: Iterable[str], ref: str = KITCHEN) -> dict[str, list[Row]]:
        """What some tables hold at one moment."""
        there = self.tables(ref)
        found: dict[str, list[Row]] = {name: [] for name in tables}
        wanted = {name: there[name] for name in found if name in there}
        if any(version.format is Format.VIEW for version in wanted.values()):
            wanted = there
        if wanted:
            with self._mounted(wanted) as con:
                for name in found.keys() & there.keys():
                    found[name] = con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
        return found

    def query(self, sql: str, ref: str = KITCHEN) -> list[Row]:
        with self._mounted(self.tables(ref)) as con:
            return con.execute(sql).fetchall()

    @contextmanager
    def _mounted(self, tables: dict[str, Version]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that shows tables."""
        warehouse = self.home.store
        with connect(threads=1, memory=1 << 28, scratch=None, warehouse=warehouse) as con:
            versions = {n: v for n, v in tables.items() if v.format is not Format.FILE}
            mount(con, warehouse, versions, project=self.name)
            yield con

    def _noted(self, run: Run) -> Run:
        self.runs.append(run.id)
        return run


def refusal(call: Callable[[], object]) -> GalleyError:
    """The error that a call ends with."""
    try:
        call()
    except GalleyError as error:
        return error
    raise AssertionError("nothing was refused")


def once(condition: Callable[[], bool], act: Callable[[], None]) -> Callable[[], None]:
    """A ``tick`` that acts once, as soon as the condition holds."""
    done = False

    def tick() -> None:
        nonlocal done
        if not done and condition():
            done = True
            act()

    return tick


def at(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> list[str]:
    """Act once as soon as the engine comes to a point; the points it acted at."""
    seen: list[str] = []

    def point(here: str) -> None:
        if here == name and not seen:
            seen.append(here)
            act()

    monkeypatch.setattr(faults, "point", point)
    return seen


def alive(mark: str) -> list[int]:
    """The processes, but for this one, whose environment bears a mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            environ = (process / "environ").read_bytes() if process.name.isdecimal() else b""
        except OSError:
            continue
        if mark.encode() in environ and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
