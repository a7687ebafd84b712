"""A home whose tables have real files, written by attempts, and a clock that one can turn."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import delete, insert, select, update

from galley import bootstrap
from galley.environments import collection, compaction
from galley.environments.collection import Outcome
from galley.environments.home import Home
from galley.ids import digest, new_id
from galley.lake import field_ids, footprints, metadata, reading, refs, trees
from galley.lake import tables as lake
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import (
    PRODUCTION,
    Change,
    Commit,
    CommitKind,
    FieldKey,
    RefKind,
    Span,
    Version,
)
from galley.lake.warehouse import Warehouse
from galley.lake.writing import TableWrite, WriteJob
from galley.project.model import Retention
from galley.runs.tables import attempt

ROOT = Path(__file__).parents[1]
SHOP = "shop"
DAY = 24 * 3600 * 1_000_000
FRUGAL = Retention(history=86400.0, publishes=1, quarantine=86400.0, runs=86400.0)
Rows = list[tuple[Any, ...]]


@dataclass
class Store:
    """One project in a home of its own. ``now`` moves only when told."""

    folder: Path
    con: duckdb.DuckDBPyConnection = field(init=False)
    home: Home = field(init=False)
    now: int = 1_770_000_000_000_000

    def __post_init__(self) -> None:
        opened = bootstrap.open_home(self.folder / "home")
        self.home = replace(opened, clock=lambda: self.now)
        self.con = reading.connect(threads=1, memory=1 << 28, scratch=None)
        with self.home.database.write() as conn:
            refs.ensure_project(conn, SHOP, actor="ana", now=self.now)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.home.warehouse)

    def close(self) -> None:
        self.con.close()
        self.home.database.close()

    def wait(self, days: float = 1.1) -> None:
        self.now += int(days * DAY)

    def head(self, ref: str = PRODUCTION) -> str:
        with self.home.database.read() as conn:
            return refs.get_ref(conn, SHOP, ref).head

    def write(self, sql: str, table: str = "orders", ref: str = PRODUCTION, **job: Any) -> Commit:
        """A whole attempt: its files, then its commit on a ref."""
        return self.commit([self.attempt(sql, table, ref, **job)], ref)

    def attempt(
        self,
        sql: str,
        table: str = "orders",
        ref: str = PRODUCTION,
        *,
        materialize: str = "table",
        span: Span | None = None,
        end: str | None = "staged",
        id: str | None = None,
    ) -> Change:
        """The files of an attempt that has ended so (``None``: it has not), not yet committed."""
        with self.home.database.read() as conn:
            base = trees.lookup(conn, refs.get_ref(conn, SHOP, ref).head, [table]).get(table)
        id = id or self.begin()
        job = WriteJob(
            self.warehouse,
            SHOP,
            table,
            digest("table", SHOP, table),
            id,
            base,
            materialize,
            window_column="day" if span else None,
            window_unit="day" if span else None,
            key=("x",) if materialize == "merge" else (),
        )
        write = TableWrite(job, self._field_ids)
        write.write_query(self.con, sql, {}, span)
        change = write.finish({str(span): "key"} if span else {})
        self.end(id, end)
        return change

    def begin(self) -> str:
        """The row of an attempt that may write."""
        id = new_id()
        with self.home.database.write() as conn:
            conn.execute(
                insert(attempt).values(
                    id=id,
                    step_run_id=id,
                    run_id="",
                    epoch=1,
                    owner="",
                    base="",
                    plan={},
                    contents={},
                    started=self.now,
                )
            )
        return id

    def end(self, id: str, end: str | None) -> None:
        with self.home.database.write() as conn:
            conn.execute(update(attempt).where(attempt.c.id == id).values(end=end))

    def commit(
        self, changes: Iterable[Change], ref: str = PRODUCTION, takes: Iterable[str] = ()
    ) -> Commit:
        with self.home.database.write() as conn:
            here = refs.get_ref(conn, SHOP, ref)
            self.now += 1_000_000
            made = write_commit(
                conn,
                project=SHOP,
                parent=get_commit(conn, here.head),
                kind=CommitKind.PUBLISH if here.kind is RefKind.ENVIRONMENT else CommitKind.STEP,
                author="ana",
                message="step",
                now=self.now,
                changes=[replace(change, guarded=False) for change in changes],
                takes=list(takes),
            )
            refs.move_ref(conn, here, made.id, who="ana", why="step", now=self.now)
            return made

    def open(self, name: str, head: str | None = None, kind: RefKind = RefKind.KITCHEN) -> None:
        with self.home.database.write() as conn:
            at = head or refs.get_ref(conn, SHOP, PRODUCTION).head
            refs.create_ref(conn, SHOP, name, kind, at, owner="ana", now=self.now, fork_point=at)

    def drop(self, name: str) -> None:
        with self.home.database.write() as conn:
            found = refs.get_ref(conn, SHOP, name)
            conn.execute(delete(lake.ref).where(lake.ref.c.name == found.name))
            conn.execute(delete(lake.ref_log).where(lake.ref_log.c.name == found.name))

    def collect(self, kept: Retention = FRUGAL) -> Outcome:
        """Plan and do."""
        return collection.carry_out(self.home, collection.survey(self.home, SHOP, kept))

    def collect_all(self) -> Outcome:
        """Whatever nothing keeps goes: the quarantine is waited for."""
        self.collect()
        self.wait()
        return self.collect()

    def environ(self, fault: str) -> dict[str, str]:
        """What a process needs to be killed at a point."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "GALLEY_FAULTS": fault, "PYTHONPATH": os.pathsep.join(paths)}

    def files(self) -> set[str]:
        return {path for path, _ in self.warehouse.list_files(SHOP)}

    def versions(self, commit: str) -> dict[str, Version]:
        with self.home.database.read() as conn:
            return trees.tree(conn, commit)

    def rows(self, versions: Mapping[str, Version]) -> dict[str, Rows]:
        """What tables hold, read from their files."""
        with reading.connect(threads=1, memory=1 << 28, scratch=None) as con:
            reading.mount(con, self.warehouse, versions, project=SHOP)
            return {
                name: con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
                for name in versions
            }

    def kept(self) -> dict[str, dict[str, Version]]:
        """The tables of every commit that a ref, its fork point or a hold keeps, read plainly."""
        with self.home.database.read() as conn:
            found = set(conn.scalars(select(lake.ref.c.head)))
            found |= {one for one in conn.scalars(select(lake.ref.c.fork_point)) if one}
            return {commit: trees.tree(conn, commit) for commit in found}

    def _field_ids(self, table: str, keys: tuple[FieldKey, ...], at_least: int) -> tuple[int, ...]:
        with self.home.database.write() as conn:
            return field_ids.allocate(conn, table, keys, at_least)


def forget_caches() -> None:
    """What this process remembers of files must not hide that they are gone."""
    reading._recent.clear()
    metadata.read_metadata.cache_clear()
    footprints._listed.cache_clear()
    footprints._named.cache_clear()


if __name__ == "__main__":
    store = Store(Path(sys.argv[1]), now=int(sys.argv[2]))
    if len(sys.argv) > 3:
        for one in compaction.find_scattered(store.home, SHOP).tables:
            compaction.compact(store.home, SHOP, one)
    else:
        store.collect()
