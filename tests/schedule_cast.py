"""A project with triggers, activated without a single step being run; its clock stands still."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from galley.clock import SECOND
from galley.db.engine import Database
from galley.environments.home import Home
from galley.environments.scheduler import Scheduler, Ticked
from galley.governance.model import Actor
from galley.ids import digest, new_id
from galley.lake.refs import get_ref
from galley.project.codec import manifest_to_json
from galley.project.model import Connection, Environment, Manifest, Pipeline
from galley.project.schedule import (
    AlertKind,
    AlertRule,
    Cron,
    Every,
    On,
    Promise,
    Schedule,
    Trigger,
)
from galley.runs import queue, records, schedule_tables, tables
from galley.runs.model import RunState
from tests.lake_cast import SHOP, Shop, change

HOUR = 3600 * SECOND
MIDNIGHT = 1_770_076_800_000_000
"""2026-02-03T00:00Z, a Tuesday."""

HOURLY = Cron("cron", "0 * * * *")
MINUTELY = Every("every", 60.0)


def trigger(on: On, name: str = "t", pipeline: str = "p", **options: Any) -> Trigger:
    """A trigger of a pipeline."""
    return Trigger(name, pipeline, on, "pipelines/p/pipeline.yaml", 1, **options)


def rule(to: str, *on: AlertKind, cooldown: float = 3600.0) -> AlertRule:
    """An alert's rule."""
    return AlertRule((to,), on or tuple(AlertKind), "galley.yaml", 1, cooldown)


def promise(at: str = "07:00", **options: Any) -> Promise:
    """What the pipeline promises."""
    return Promise(at, "UTC", "pipelines/p/pipeline.yaml", 1, **options)


@dataclass
class Works:
    """A home with the project ``shop``; ``now`` is what its clock says."""

    database: Database
    folder: Path
    now: int = MIDNIGHT
    published: int = 0
    connections: dict[str, Connection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.shop():
            pass

    @property
    def home(self) -> Home:
        return Home(self.folder, self.database, "", Actor("ana"), lambda: self.now)

    @contextmanager
    def shop(self) -> Iterator[Shop]:
        """The project's lake."""
        with self.database.write() as connection:
            found = Shop(connection, now=self.now, runs=self.published)
            yield found
            self.published = found.runs

    def activate(self, *triggers: Trigger, **schedules: Any) -> str:
        """Promote a version with these triggers; ``promise`` and ``alerts`` are of the pipeline p.

        Returns the version's hash.
        """
        names = {"p"} | {one.pipeline for one in triggers}
        pipelines = {
            name: Pipeline(
                name,
                (),
                schedule=Schedule(
                    tuple(one for one in triggers if one.pipeline == name),
                    **(schedules if name == "p" else {}),
                ),
            )
            for name in sorted(names)
        }
        manifest = Manifest(
            project=SHOP,
            hash="",
            steps={},
            pipelines=pipelines,
            spanning=(),
            variables={"day": "none"},
            environments={"production": Environment("production")},
            connections=self.connections,
            secrets={"post": "env:POST"},
            reads=(),
            files={},
            toolchain="",
        )
        manifest = replace(manifest, hash=digest(manifest_to_json(manifest)))
        with self.shop() as shop:
            self._keep(shop, manifest)
            shop.publish(change("code", manifest.hash), code=manifest.hash)
        return manifest.hash

    def _keep(self, shop: Shop, manifest: Manifest) -> None:
        records.save_definition(
            shop.conn,
            id=manifest.hash,
            project=SHOP,
            body=manifest_to_json(manifest),
            folder=str(self.folder),
            git_commit=None,
            actor="ana",
            now=self.now,
        )

    def publish(self, *tables: tuple[str, str]) -> None:
        """Put other contents into tables of production."""
        with self.shop() as shop:
            shop.publish(*(change(table, content) for table, content in tables))

    def tick(self, to: int | None = None) -> Ticked:
        """A look at the present time, or at another one from then on."""
        self.now = self.now if to is None else to
        scheduler = Scheduler(self.home)
        done = scheduler.tick(self.now)
        found = done
        while done.more:
            done = scheduler.tick(self.now)
            found = replace(found, fired=found.fired + done.fired)
        return replace(found, more=False)

    def rows(self, table: Any, **values: Any) -> list[dict[str, Any]]:
        """Rows of a table, oldest first."""
        query = select(table)
        for name, value in values.items():
            query = query.where(table.c[name] == value)
        named = [table.c[name] for name in ("created", "opened") if name in table.c]
        order = (*named, *table.primary_key)
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query.order_by(*order))]

    def fires(self) -> list[tuple[int, str]]:
        """When fires were due, and what became of them, in order."""
        found = self.rows(schedule_tables.fire)
        return sorted((one["at"], one["outcome"]) for one in found)

    def runs(self) -> list[str]:
        """The ids of the runs that were fired, oldest first."""
        return [one["id"] for one in self.rows(tables.run, cause="trigger")]

    def end(self, run: str, state: RunState = RunState.SUCCEEDED) -> None:
        """Have a run begin on what production shows now, and end."""
        with self.database.write() as connection:
            head = get_ref(connection, SHOP, "production").head
            values = {"base": head, "started": self.now}
            queue.move_run(connection, run, RunState.RUNNING, self.now, **values)
            if state is RunState.SUCCEEDED:
                queue.move_run(connection, run, RunState.PUBLISHING, self.now)
            queue.move_run(connection, run, state, self.now, message="said why")

    def manual_run(self, pipeline: str = "p", state: RunState = RunState.SUCCEEDED) -> str:
        """A run that somebody asked for in production, to its end."""
        with self.database.write() as connection:
            (row,) = connection.execute(select(tables.definition.c.id).limit(1))
            run = new_id()
            values = {
                "id": run,
                "project": SHOP,
                "pipeline": pipeline,
                "ref": "production",
                "state": "queued",
                "intention": "go",
                "cause": "manual",
                "definition": row.id,
                "request": {"pipelines": [pipeline], "ref": "production"},
                "actor": "ana",
                "origin": "",
                "created": self.now,
            }
            connection.execute(insert(tables.run), [values])
        self.end(run, state)
        return run

    def trigger_row(self, name: str = "p.t") -> dict[str, Any]:
        """A trigger as it is kept."""
        (row,) = self.rows(schedule_tables.trigger, name=name)
        return row

    def set_trigger(self, **values: Any) -> None:
        """Change all triggers."""
        with self.database.write() as connection:
            connection.execute(update(schedule_tables.trigger).values(**values))
