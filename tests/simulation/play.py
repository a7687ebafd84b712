"""One play: engines, people and misfortunes of one seed, and what must be true in the end."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.pool import StaticPool

from galley.db.base import metadata
from galley.errors import GalleyError, UnavailableError
from galley.ids import drawn_from, new_id
from galley.lake import refs, rollback
from galley.lake import tables as lake
from galley.lake.commits import PUBLISHES
from galley.lake.model import PRODUCTION, RefKind
from galley.lake.trees import contents
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.model import Manifest
from galley.runs import records, tables
from galley.runs.engine import Engine
from galley.runs.live import Site
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState
from tests.integration.engine.invariants import catalogue_violations
from tests.simulation import plan
from tests.simulation.workers import SimulatedPool
from tests.simulation.world import CALM, MILLISECOND, SECOND, Misfortune, SimulatedDatabase, World

T = TypeVar("T")

KITCHEN = "kitchen/ana"
LEASE = 2 * SECOND
STORM = 5 * SECOND
AFTERWARDS = 600 * SECOND
SLOTS = 2


@dataclass(frozen=True)
class Ending:
    """What a play came to. ``steps`` counts finished attempts, ``wrong`` says what was violated."""

    seed: int
    steps: int
    runs: int
    transactions: int
    crashes: int
    wrong: tuple[str, ...]


def play(seed: int, misfortune: Misfortune | None = None) -> Ending:
    """Play a seed to its end."""
    world = World(seed, misfortune)
    with drawn_from(world.random.randbytes):
        stage = _Stage(world)
        try:
            ended = stage.play()
            wrong = tuple(stage.violations()) if ended else ("not everything came to an end",)
            return stage.ending(seed, wrong)
        finally:
            world.end()
            stage.database.close()


class _Stage:
    """The database, the engines and the people of one play."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.defects: list[str] = []
        self.database = SimulatedDatabase(world, _template())
        self.site = Site(
            database=self.database,
            home=Path("/simulated"),
            warehouse="/simulated",
            clock=world.clock,
            probe=lambda _step, _folder: None,
            secrets=lambda _manifest, _names, _folder: {},
            threads=1,
            memory=1,
            lease=LEASE,
        )
        self.manifest = plan.first_version(world.random)
        with self.database.look() as connection:
            refs.ensure_project(connection, plan.PROJECT, actor="ana", now=world.now)
            head = refs.get_ref(connection, plan.PROJECT, PRODUCTION).head
            kitchen = RefKind.KITCHEN
            refs.create_ref(
                connection, plan.PROJECT, KITCHEN, kitchen, head, owner="ana", now=world.now
            )

    def play(self) -> bool:
        """A storm, then calm; whether everything came to an end."""
        world = self.world
        for _ in range(world.random.randint(1, 3)):
            self._engine()
        for _ in range(world.random.randint(1, 4)):
            world.spawn(self._person, mortal=False, after=world.random.randrange(STORM // 2))
        world.run(lambda: False, world.now + STORM)
        world.misfortune = CALM
        world.spawn(self._release, mortal=False)
        return world.run(self._over, world.now + AFTERWARDS)

    def _engine(self) -> None:
        """An engine, and another one after its death."""

        def live() -> None:
            try:
                _work(self.world, Engine(self.site, SimulatedPool(self.world, SLOTS), SLOTS))
            except Exception:  # noqa: BLE001
                # Whatever it is, an engine must not end by itself.
                self.defects.append(traceback.format_exc())
            finally:
                self.world.spawn(live, after=self.world.random.randrange(SECOND))

        self.world.spawn(live)

    def _person(self) -> None:
        """Somebody who starts runs and does what people do to them."""
        chance = self.world.random
        for _ in range(chance.randint(1, 3)):
            self.world.sleep(chance.randrange(SECOND))
            if chance.random() < 0.4:
                self.manifest = plan.next_version(self.manifest, chance)
            run = _patiently(self.world, partial(self._launch, self.manifest, None))
            if run is not None and chance.random() < 0.5:
                self.world.sleep(chance.randrange(2 * SECOND))
                act = chance.choice((self._cancel, self._pause, self._roll_back, self._resume))
                _patiently(self.world, partial(act, run))

    def _launch(self, manifest: Manifest, resumes: str | None) -> Run:
        """Queue a run. A repeated call after a lost reply queues another one."""
        run = Run(
            id=new_id(),
            project=plan.PROJECT,
            pipeline=plan.PIPELINE,
            ref=KITCHEN,
            state=RunState.QUEUED,
            intention=Intention.GO,
            cause=RunCause.MANUAL,
            definition=manifest.hash,
            request=RunRequest((plan.PIPELINE,), KITCHEN, resumes=resumes),
            actor="ana",
            created=self.world.now,
        )
        with self.database.write() as connection:
            records.save_definition(
                connection,
                id=manifest.hash,
                project=plan.PROJECT,
                body=manifest_to_json(manifest),
                folder="/simulated",
                git_commit=None,
                actor="ana",
                now=self.world.now,
            )
            records.insert_run(connection, run)
        return run

    def _cancel(self, run: Run) -> None:
        with self.database.write() as connection:
            records.set_intention(connection, run.id, Intention.CANCEL, self.world.now)

    def _pause(self, run: Run) -> None:
        for wish in (Intention.PAUSE, Intention.GO):
            with self.database.write() as connection:
                if records.get_run(connection, run.id).intention is not Intention.CANCEL:
                    records.set_intention(connection, run.id, wish, self.world.now)
            self.world.sleep(self.world.random.randrange(SECOND))

    def _resume(self, run: Run) -> None:
        with self.database.read() as connection:
            present = records.get_run(connection, run.id)
        if present.state in (RunState.FAILED, RunState.CANCELLED) and present.started:
            self._launch(self.manifest, run.id)

    def _roll_back(self, _run: Run) -> None:
        now = self.world.now
        with self.database.write() as connection:
            found = rollback.plan_rollback(connection, plan.PROJECT, KITCHEN, now=now)
            rollback.apply_rollback(connection, found, actor="ana", reason="wrong", now=now)

    def _release(self) -> None:
        """Nothing stays paused for ever."""
        with self.database.write() as connection:
            for run in records.list_runs(connection, limit=1000):
                if run.intention is Intention.PAUSE:
                    records.set_intention(connection, run.id, Intention.GO, self.world.now)

    # What must be true

    def _over(self) -> bool:
        if self.world.switches % 16:
            return False
        with self.database.look() as connection:
            return all(run.state.terminal for run in records.list_runs(connection, limit=1000))

    def violations(self) -> Iterator[str]:
        """Everything that is wrong, in words."""
        yield from self.defects
        with self.database.look() as connection:
            yield from catalogue_violations(connection)
            yield from _mixed(connection)
            yield from _returned(connection)
            yield from _zombies(connection)

    def ending(self, seed: int, wrong: tuple[str, ...]) -> Ending:
        """The record of the play."""
        with self.database.look() as connection:
            ends = list(connection.scalars(select(tables.attempt.c.end)))
            runs = records.list_runs(connection, limit=1000)
        return Ending(
            seed,
            sum(1 for end in ends if end is not None),
            len(runs),
            self.database.transactions,
            self.world.crashes,
            wrong,
        )


def _work(world: World, engine: Engine) -> None:
    """What the process of an engine does until it is killed."""
    _patiently(world, engine.open)
    while True:
        try:
            engine.step(world.random.choice((0.1, 0.3, 1.0)))
        except UnavailableError:
            _patiently(world, engine.reopen)


def _patiently(world: World, act: Callable[[], T]) -> T | None:
    """Do something until the database answers; what is refused for a reason is left."""
    while True:
        try:
            return act()
        except UnavailableError:
            world.sleep(world.random.randrange(300 * MILLISECOND))
        except GalleyError:
            return None


def _mixed(connection: Connection) -> Iterator[str]:
    """Every publish shows what its version of the project makes: whole, unmixed, once."""
    rows = connection.execute(
        select(lake.commit).where(lake.commit.c.kind.in_([kind.value for kind in PUBLISHES]))
    )
    for row in rows:
        if row.run_id is None:
            continue
        definition = records.get_run(connection, row.run_id).definition
        kept = records.definition_row(connection, definition)["body"]
        wanted = plan.truth(manifest_from_json(kept))
        shown = contents(connection, row.id, list(wanted))
        for table, content in wanted.items():
            if shown.get(table) != content:
                yield f"{table} of publish {row.id} is not what run {row.run_id} makes"


def _returned(connection: Connection) -> Iterator[str]:
    """What a rollback took back is shown by no later publish."""
    head = refs.get_ref(connection, plan.PROJECT, KITCHEN).head
    names = list(connection.scalars(select(lake.entry.c.table_key).distinct()))
    shown = contents(connection, head, names)
    withdrawn = set(connection.scalars(select(lake.withdrawn.c.content_id)))
    for table, content in shown.items():
        if content in withdrawn:
            yield f"{table} shows {content}, which was withdrawn"


def _zombies(connection: Connection) -> Iterator[str]:
    """No commit shows the work of an attempt that had lost its step."""
    rows = connection.execute(select(tables.attempt.c.id, tables.attempt.c.end))
    ends = {row.id: row.end for row in rows}
    for location in connection.scalars(select(lake.entry.c.location)):
        attempt = location.rpartition("/")[2].partition(".")[0]
        if ends[attempt] != "staged":
            yield f"{location} was committed, and its attempt ended as {ends[attempt]}"


@cache
def _template() -> sqlite3.Connection:
    """An empty database with the whole schema."""
    raw = sqlite3.connect(":memory:", check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
    return raw
