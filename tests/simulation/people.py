"""What people do in a simulation: start, stop, pause and resume runs, promote, roll back, tag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TypeVar

from sqlalchemy import Connection

from galley.environments import kitchens, promotion, rollback, tagging
from galley.environments.home import Checkout
from galley.environments.launch import activated
from galley.errors import GalleyError, UnavailableError
from galley.ids import new_id
from galley.lake import refs
from galley.lake import rollback as returning
from galley.lake.commits import walk
from galley.lake.model import PRODUCTION, RefKind
from galley.project.codec import manifest_to_json
from galley.project.model import Manifest
from galley.runs import records
from galley.runs.finishing import refuse_held
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState
from tests.simulation import plan
from tests.simulation.store import SimulatedHome
from tests.simulation.world import MILLISECOND, SECOND, World

T = TypeVar("T")

KITCHENS = ("kitchen/ana", "kitchen/ben")
_NOWHERE = Checkout(folder=SimulatedHome.folder)


class Person:
    """Somebody with the project's present files; everybody has the same."""

    def __init__(
        self, world: World, home: SimulatedHome, files: list[Manifest], places: Sequence[str]
    ) -> None:
        self.world = world
        self.home = home
        self.files = files
        self.places = places
        self.database = home.database

    @property
    def chance(self) -> Random:
        """The world's dice."""
        return self.world.random

    def live(self) -> None:
        """Some runs, with what people do to them."""
        chance = self.chance
        acts = (self._cancel, self._pause, self._roll_back, self._resume, self._promote, self._tag)
        for _ in range(chance.randint(3, 7)):
            self.world.sleep(chance.randrange(SECOND))
            if chance.random() < 0.6:
                self.files.append(plan.next_version(self.files[-1], chance))
            run = self.patiently(self._run)
            if chance.random() < 0.5:
                self.world.sleep(chance.randrange(2 * SECOND))
                self.patiently(partial(chance.choice(acts), run))

    def patiently(self, act: Callable[[], T]) -> T | None:
        """Do something until the database answers; what is refused for a reason is left."""
        while True:
            try:
                return act()
            except UnavailableError:
                self.world.sleep(self.chance.randrange(300 * MILLISECOND))
            except GalleyError:
                return None

    def _run(self) -> Run:
        """Queue a run. A repeated call after a lost reply queues another one."""
        chance = self.chance
        ref = chance.choice(self.places)
        with self.database.write() as connection:
            manifest = self._open(connection, ref)
            names = tuple(manifest.pipelines)
            wanted = names if chance.random() < 0.3 else (chance.choice(names),)
            steps = [step for name in wanted for step in manifest.pipelines[name].steps]
            some = (chance.choice(steps),)
            request = RunRequest(
                wanted,
                ref,
                select=some if chance.random() < 0.1 else (),
                rebuild=some if chance.random() < 0.1 else (),
            )
            refuse_held(connection, manifest, ref, wanted)
            return self._queue(connection, manifest, request, RunCause.MANUAL)

    def _open(self, connection: Connection, name: str) -> Manifest:
        """What is run on a ref: the activated version in an environment, else the files."""
        ref = kitchens.open_ref(connection, plan.PROJECT, name, self.home.actor, self.world.now)
        if ref.kind is RefKind.ENVIRONMENT:
            return activated(connection, ref)[0]
        return self.files[-1]

    def _queue(
        self, connection: Connection, manifest: Manifest, request: RunRequest, cause: RunCause
    ) -> Run:
        now = self.world.now
        run = Run(
            id=new_id(),
            project=plan.PROJECT,
            pipeline=" ".join(request.pipelines),
            ref=request.ref,
            state=RunState.QUEUED,
            intention=Intention.GO,
            cause=cause,
            definition=manifest.hash,
            request=request,
            actor=self.home.actor.name,
            created=now,
        )
        records.save_definition(
            connection,
            id=manifest.hash,
            project=plan.PROJECT,
            body=manifest_to_json(manifest),
            folder=str(_NOWHERE.folder),
            git_commit=None,
            actor=run.actor,
            now=now,
        )
        records.insert_run(connection, run)
        return run

    def _cancel(self, run: Run | None) -> None:
        if run is not None:
            with self.database.write() as connection:
                records.set_intention(connection, run.id, Intention.CANCEL, self.world.now)

    def _pause(self, run: Run | None) -> None:
        if run is None:
            return
        for wish in (Intention.PAUSE, Intention.GO):
            with self.database.write() as connection:
                if records.get_run(connection, run.id).intention is not Intention.CANCEL:
                    records.set_intention(connection, run.id, wish, self.world.now)
            self.world.sleep(self.chance.randrange(SECOND))

    def _resume(self, run: Run | None) -> None:
        if run is None:
            return
        with self.database.write() as connection:
            present = records.get_run(connection, run.id)
            stopped = present.state in (RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED)
            if stopped and present.started:
                manifest = self._open(connection, run.ref)
                request = RunRequest(run.request.pipelines, run.ref, resumes=run.id)
                self._queue(connection, manifest, request, RunCause.RESUME)

    def _promote(self, _run: Run | None) -> None:
        manifest = self.files[-1]
        with self.database.write() as connection:
            wanted = promotion.plan_promotion(
                connection,
                self.home,
                manifest,
                _NOWHERE,
                source=self.places[0],
                target=PRODUCTION,
            )
            self._queue(connection, manifest, wanted.launch.request, RunCause.PROMOTION)

    def _roll_back(self, _run: Run | None) -> None:
        """Take the last publish back, sometimes of one table; lift the holds now and then."""
        ref, chance = self.chance.choice(self.places), self.chance
        tables = (chance.choice(list(self.files[0].steps)),) if chance.random() < 0.3 else None
        with self.database.write() as connection:
            found = returning.plan_rollback(
                connection, plan.PROJECT, ref, now=self.world.now, tables=tables
            )
            rollback.apply(connection, self.home, found, reason="wrong")
        if chance.random() < 0.6:
            self.world.sleep(chance.randrange(SECOND))
            for pipeline in plan.PIPELINES:
                with self.database.write() as connection:
                    rollback.release(connection, self.home, plan.PROJECT, ref, pipeline)

    def _tag(self, _run: Run | None) -> None:
        """Name the state before a ref's present one."""
        ref = self.chance.choice(self.places)
        with self.database.write() as connection:
            head = refs.get_ref(connection, plan.PROJECT, ref).head
            before = walk(connection, head, 2)[-1].id
            name = f"t{self.chance.randrange(1000)}"
            tagging.tag(connection, self.home, plan.PROJECT, name, before)
