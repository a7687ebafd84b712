"""One play: controllers, workers, people and misfortunes of one seed, and what must be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from galley.environments import collection
from galley.errors import GalleyError
from galley.governance.model import Actor
from galley.ids import drawn_from
from galley.lake import refs
from galley.lake.model import PRODUCTION
from galley.project.model import Retention
from galley.runs import records
from galley.runs.model import Intention, RunState
from tests.simulation import plan, verdicts
from tests.simulation.afar import Worker
from tests.simulation.database import SimulatedDatabase
from tests.simulation.people import KITCHENS, Person
from tests.simulation.servers import LEASE, Net, Server
from tests.simulation.store import SimulatedHome, SimulatedSite, SimulatedWarehouse
from tests.simulation.world import AFTERWARDS, SECOND, Host, Misfortune, World

STORM = 40 * SECOND
LONGEST = 600 * SECOND
DAY = 24 * 3600 * SECOND


@dataclass(frozen=True)
class Ending:
    """What a play came to.

    ``turns`` counts how often the world let a process go on until its next pause, ``steps`` the
    finished attempts; ``wrong`` says what was violated.
    """

    seed: int
    turns: int
    steps: int
    runs: int
    published: int
    transactions: int
    crashes: int
    calls: int
    collected: int
    wrong: tuple[str, ...]


def play(seed: int, misfortune: Misfortune | None = None) -> Ending:
    """Play a seed to its end."""
    world = World(seed, misfortune)
    with drawn_from(world.random.randbytes):
        stage = _Stage(world)
        try:
            ended = stage.play()
            wrong = tuple(stage.violations()) if ended else (stage.stuck(),)
            return stage.ending(seed, wrong)
        finally:
            world.end()


class _Stage:
    """The database, the processes and the people of one play.

    On a quarter of the stages there is one engine at a time, as on a SQLite home; on the others
    several share the database.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        chance = world.random
        self.collected = 0
        self.people = 0
        self.over = False
        self.alone = chance.random() < 0.25
        self.afar = chance.random() < 0.6
        self.kept = Retention(
            history=chance.choice((0.0, 0.0, 3.0)),
            publishes=chance.choice((0, 0, 2)),
            quarantine=chance.choice((1.0, 4.0)),
        )
        self.database = SimulatedDatabase(world, alone=self.alone)
        self.warehouse = SimulatedWarehouse()
        object.__setattr__(self.warehouse, "removing", self._removing)
        object.__setattr__(self.warehouse, "needed", self._needed)
        self.site = SimulatedSite(
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
        actor = Actor("ana")
        self.home = SimulatedHome(
            Path("/simulated"), self.database, "/simulated", actor, world.clock
        )
        for view in (self.site, self.home):
            object.__setattr__(view, "warehouse_itself", self.warehouse)
        self.net = Net(world)
        # Where all want to publish to the same place they meet.
        crowded = chance.random() < 0.6
        self.refs = KITCHENS[:1] if crowded else (*KITCHENS, PRODUCTION)
        self.servers: list[Server] = []
        self.files = [plan.first_version(chance, labels=self.afar)]
        with self.database.look() as connection:
            refs.ensure_project(connection, plan.PROJECT, actor="ana", now=world.now)

    def play(self) -> bool:
        """A storm, then calm; whether everything came to an end."""
        world, chance = self.world, self.world.random
        for _ in range(1 if self.alone else chance.randint(2, 4)):
            self._controller()
        if self.afar:
            for number in range(chance.randint(1, 3)):
                # One of them takes what no other can.
                able = number == 0
                self._process(partial(Worker, world, self.net, self.warehouse, able=able))
        for _ in range(chance.randint(3, 5)):
            person = Person(world, self.home, self.files, self.refs)
            self.people += 1
            world.spawn(self._living(person), Host(mortal=False), chance.randrange(3 * SECOND))
        if chance.random() < 0.7:
            self._process(lambda: _Collector(self))
        world.run(self._over, world.now + STORM)
        world.misfortune = AFTERWARDS
        self._release()
        ended = world.run(self._over, world.now + LONGEST)
        world.run(lambda: False, world.now + 3 * LEASE)
        return ended

    def _living(self, person: Person) -> Callable[[], None]:
        def live() -> None:
            person.live()
            self.people -= 1

        return live

    def _controller(self) -> None:
        chance = self.world.random
        afar = self.afar and chance.random() < 0.8
        own = not afar or chance.random() < 0.4
        if self.afar and not self.net.servers and not afar:
            afar = True

        def make() -> Server:
            server = Server(self.world, self.site, self.warehouse, own=own, afar=afar)
            self.servers.append(server)
            if afar:
                self.net.servers = [one for one in self.net.servers if not one.host.dead]
                self.net.servers.append(server)
            return server

        self._process(make)

    def _process(self, make: Callable[[], Server | Worker | _Collector]) -> None:
        """A process, and another one after its death."""

        def live() -> None:
            process = make()

            def life() -> None:
                try:
                    process.run()
                finally:
                    process.host.dead = True
                    if not self.over:
                        after = self.world.random.randrange(SECOND)
                        self.world.spawn(live, Host(mortal=False), after)

            self.world.spawn(life, process.host)

        live()

    def _release(self) -> None:
        """Nothing stays paused for ever."""
        with self.database.look() as connection:
            for run in records.list_runs(connection, limit=1000):
                if run.intention is Intention.PAUSE:
                    records.set_intention(connection, run.id, Intention.GO, self.world.now)

    def collect(self) -> None:
        """One round of collection."""
        wanted = collection.survey(self.home, plan.PROJECT, self.kept)
        collection.carry_out(self.home, wanted)

    # What must be true

    def _over(self) -> bool:
        if self.world.switches % 16 or self.people:
            return False
        query = (
            "SELECT 1 FROM run WHERE state NOT IN "
            "('succeeded', 'failed', 'cancelled', 'superseded') LIMIT 1"
        )
        return self.database.raw.execute(query).fetchone() is None

    def _removing(self, path: str) -> None:
        self.collected += 1
        with self.database.look() as connection:
            for name in verdicts.shown(connection, path):
                self.world.defects.append(f"{path} was collected, and {name} shows it")

    def _needed(self, reader: str, path: str) -> bool:
        """Whether an attempt, or the run whose tests are evaluated, needs a file.

        What is tested before a publish, and its target has left behind, is tested anew.
        """
        query = (
            "SELECT 'running' FROM run_attempt WHERE id = :id AND \"end\" IS NULL "
            "UNION SELECT state FROM run WHERE id = :id AND finished IS NULL"
        )
        row = self.database.raw.execute(query, {"id": reader}).fetchone()
        if row is None or row[0] != RunState.PUBLISHING.value:
            return row is not None
        with self.database.look() as connection:
            return any(verdicts.shown(connection, path))

    def stuck(self) -> str:
        """What did not come to an end."""
        query = (
            "SELECT run.id, run.state, name, s.state FROM run LEFT JOIN run_step AS s "
            "ON run.id = run_id WHERE run.finished IS NULL"
        )
        runs = self.database.raw.execute(query).fetchall()
        return f"not everything came to an end: {runs} {self.world.defects}"

    def violations(self) -> Iterator[str]:
        """Everything that is wrong, in words; in the end all is collected that can be."""
        with self.database.look() as connection:
            yield from verdicts.violations(connection, self.warehouse)
            yield from verdicts.missing(connection, self.warehouse)
        for server in self.servers:
            if not server.host.dead:
                yield from server.leaks()
        world = self.world
        self.over = True
        world.halt()
        for _ in range(3):
            world.now += 8 * DAY
            world.spawn(self.collect, Host(mortal=False))
            world.run(lambda: False, world.now + 30 * SECOND)
        with self.database.look() as connection:
            yield from verdicts.missing(connection, self.warehouse)
            yield from verdicts.left_over(
                connection, self.warehouse, self.kept, world.now, self.database.forgotten
            )
        yield from self.world.defects

    def ending(self, seed: int, wrong: tuple[str, ...]) -> Ending:
        """The record of the play."""

        def count(query: str) -> int:
            (found,) = self.database.raw.execute(query).fetchone()
            return int(found)

        return Ending(
            seed=seed,
            turns=self.world.switches,
            steps=count('SELECT count(*) FROM run_attempt WHERE "end" IS NOT NULL'),
            runs=count("SELECT count(*) FROM run"),
            published=count("SELECT count(*) FROM run WHERE state = 'succeeded'"),
            transactions=self.database.transactions,
            crashes=self.world.crashes,
            calls=self.net.lost,
            collected=self.collected,
            wrong=wrong,
        )


class _Collector:
    """A process that collects again and again."""

    def __init__(self, stage: _Stage) -> None:
        self.stage = stage
        self.host = Host()

    def run(self) -> None:
        """Until killed."""
        world = self.stage.world
        while True:
            world.sleep(world.random.randrange(8 * SECOND))
            try:
                self.stage.collect()
            except GalleyError:
                world.sleep(world.random.randrange(SECOND))
