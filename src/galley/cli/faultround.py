"""Killing the engine and its workers on this installation, and looking whether anything was lost.

A throw-away project in the home's scratch folder is run by real commands that are killed at named
points. Its tables and its warehouse are its own. On SQLite so is its database; on PostgreSQL it is
a project of its own name in the same database, removed afterwards.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from galley import bootstrap
from galley.environments.home import Home
from galley.environments.reading import find_target
from galley.environments.removal import remove_project
from galley.environments.soundness import catalogue_violations
from galley.errors import GalleyError, UnavailableError
from galley.ids import new_id
from galley.lake import trees
from galley.lake.presence import damage_of
from galley.lake.warehouse import Warehouse

POINTS = {
    "attempt.before_commit": 3,
    "attempt.before_submit": 3,
    "finish.before_commit": 3,
    "tests.before_submit": 1,
    "tests.before_conclude": 1,
    "publish.before": 1,
    "publish.before_move": 1,
    "publish.after_move": 1,
    "publish.before_commit": 1,
    "publish.after_commit": 1,
    "worker.task_received": 3,
    "worker.before_final": 3,
    "worker.after_final": 3,
    "step.written": 3,
    "write.data": 2,
    "write.data.synced": 2,
    "write.metadata": 2,
    "write.metadata.synced": 2,
    "supervisor.started_worker": 2,
    "supervisor.before_forward": 2,
    "zygote.forked": 1,
}
"""Where something is killed, and up to which passage."""

LONGEST = 120.0
"""Seconds after which a command counts as hanging."""

ROWS = 50
"""Rows of a delivery."""

REF = "kitchen/doctor"
TABLES = ("raw", "doubled", "kept", "checked")
FILES = {
    "galley.yaml": "name: {project}\n",
    "pipelines/faults/raw.yaml": "kind: load\npath: data/raw.csv\ntests: [{{unique: id}}]\n",
    "pipelines/faults/doubled.sql": "SELECT id, batch, 2 * id AS twice FROM raw\n",
    "pipelines/faults/kept.sql": (
        "/* @galley\nmaterialize: append\ncursor: batch\ntests: [{{unique: id}}]\n*/\n"
        "SELECT id, batch FROM raw WHERE batch = (SELECT max(batch) FROM raw)\n"
    ),
    "pipelines/faults/checked.py": (
        "from galley import step\n\n\n@step\ndef checked(doubled, kept):\n"
        '    return doubled.sql("SELECT id, batch, twice FROM doubled")\n'
    ),
}


@dataclass(frozen=True, slots=True)
class Round:
    """One kill: where, whether it came to it, how long until all was well, and what was not."""

    point: str
    killed: bool
    seconds: float
    wrong: tuple[str, ...] = ()


@dataclass
class FaultRound:
    """The project and its rounds. ``folder`` is kept if anything was wrong."""

    folder: Path
    seed: int
    project: str = field(default_factory=lambda: f"doctor_{new_id()[:8]}")
    batch: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311
        for name, text in FILES.items():
            self._write(name, text.format(project=self.project))

    def rounds(self, seconds: float, tell: Callable[[Round], None]) -> list[Round]:
        """Rounds until the time is over, at least one; the first that goes wrong is the last.

        Raises:
            UnavailableError: the project does not even run where nothing is killed.
        """
        end = time.monotonic() + seconds
        self._deliver()
        first = self._command({})
        if first.returncode != 0:
            said = " ".join(first.stderr.split())
            raise UnavailableError(
                f"a throw-away project does not run on this installation: {said}",
                hint="mend what it says first; `galley run` of your own project may say more",
            )
        done: list[Round] = []
        for fault in self._faults():
            done.append(self._round(fault))
            tell(done[-1])
            if done[-1].wrong or time.monotonic() >= end:
                break
        return done

    def remove(self) -> None:
        """Take the project away: its files, and its rows where the database is not its own."""
        with self._open() as home, home.database.write() as connection:
            remove_project(connection, self.project)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _faults(self) -> Iterator[str]:
        while True:
            points = list(POINTS)
            self._chance.shuffle(points)
            for point in points:
                yield f"{point}:kill:{self._chance.randint(1, POINTS[point])}"

    def _round(self, fault: str) -> Round:
        begin = time.monotonic()
        point = fault.split(":", maxsplit=1)[0]
        once = self.folder / "once" / str(self.batch)
        once.mkdir(parents=True)
        self._deliver()
        wrong: list[str] = []
        hit = self._command({"GALLEY_FAULTS": fault, "GALLEY_FAULTS_ONCE": str(once)})
        if hit.returncode not in (0, -signal.SIGKILL):
            wrong.append(f"the command that was hit ended with {hit.returncode}: {hit.stderr}")
        wrong += self._broken(self.batch - 1, self.batch)
        again = self._command({})
        if again.returncode != 0:
            wrong.append(f"the next command ended with {again.returncode}: {again.stderr}")
        wrong += self._broken(self.batch, self.batch) + self._unsound()
        seconds = round(time.monotonic() - begin, 1)
        return Round(point, any(once.iterdir()), seconds, tuple(dict.fromkeys(wrong)))

    def _command(self, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("GALLEY_REF", "GALLEY_LABELS")}
        own = {"GALLEY_HOME": str(self._home), "GALLEY_REF": REF, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "galley", "run"]
        try:
            return subprocess.run(
                command,
                cwd=self._project,
                env=kept | own | environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, -1, "", f"it hung for {LONGEST:.0f} s")

    def _deliver(self) -> None:
        """Another batch of rows."""
        self.batch += 1
        lines = [f"{b * ROWS + n},{b}" for b in range(1, self.batch + 1) for n in range(ROWS)]
        self._write("data/raw.csv", "id,batch\n" + "\n".join(lines) + "\n")

    def _broken(self, least: int, most: int) -> list[str]:
        """What the tables show other than one whole batch among those that are right."""
        shown: dict[str, tuple[int, int, int]] = {}
        with self._open() as home:
            target = find_target(home, self.project, REF)
            site = bootstrap.make_site(home, 1)
            with bootstrap.Reader(home, site, self.project, target) as reader:
                for name in TABLES:
                    query = (
                        f"SELECT count(*), count(DISTINCT id), coalesce(max(batch), 0) FROM {name}"  # noqa: S608
                    )
                    ((rows, ids, batch),) = reader.rows(reader.query(query, {}))
                    shown[name] = (rows, ids, batch)
        wrong = [
            f"table {name} shows {rows} rows, {ids} of them different, of {batch} deliveries"
            for name, (rows, ids, batch) in shown.items()
            if not (rows == ids == batch * ROWS and least <= batch <= most)
        ]
        if len({batch for _, _, batch in shown.values()}) > 1:
            wrong.append(f"half of a run was published: {shown}")
        return wrong

    def _unsound(self) -> list[str]:
        """Broken invariants of runs, steps, attempts and refs, and files that are not there."""
        with self._open() as home:
            target = find_target(home, self.project, REF)
            with home.database.read() as connection:
                wrong = catalogue_violations(connection, self.project)
                versions = trees.tree(connection, target.commit)
            warehouse, seen = Warehouse(home.warehouse), set[str]()
            for version in versions.values():
                wrong += [str(damage) for damage in damage_of(warehouse, version, seen)]
        return wrong

    @contextlib.contextmanager
    def _open(self) -> Iterator[Home]:
        home = bootstrap.open_home(self._home)
        try:
            yield home
        finally:
            home.database.close()

    @property
    def _project(self) -> Path:
        return self.folder / "project"

    @property
    def _home(self) -> Path:
        return self.folder / "home"

    def _write(self, name: str, text: str) -> None:
        path = self._project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def fault_round(
    home: Home, seconds: float, seed: int, tell: Callable[[Round], None]
) -> tuple[list[Round], Path | None]:
    """Rounds in the home's scratch folder; the folder if it is kept because something was wrong.

    Raises:
        UnavailableError: the project cannot be run, or the database does not answer.
    """
    folder = home.path / "scratch" / f"doctor-{new_id()[:8]}"
    found = FaultRound(folder, seed)
    done: list[Round] = []
    try:
        done = found.rounds(seconds, tell)
    finally:
        # What was wrong is evidence; what was only interrupted is rubbish.
        if not any(one.wrong for one in done):
            with contextlib.suppress(GalleyError):
                found.remove()
    return done, folder if any(one.wrong for one in done) else None
