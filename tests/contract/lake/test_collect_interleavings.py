"""Whatever people, runs and collection do, in any order: what a root reaches is never doomed."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy import select

from galley.db.base import metadata
from galley.db.engine import open_database, sqlite_url
from galley.errors import ConflictError, GalleyError, NotFoundError, UsageError
from galley.lake import collect
from galley.lake import tables as t
from galley.lake.collect import HOUR, Policy
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import PRODUCTION, Change, CommitKind, RefKind
from galley.lake.refs import create_ref, delete_ref, list_refs, move_ref, set_fork_point
from galley.lake.rollback import apply_rollback, plan_rollback
from galley.lake.trees import checkpoint, tree
from tests.lake_cast import SHOP, Shop, change, drop, version

LAKE = [table for table in metadata.sorted_tables if table.name.startswith("lake_")]
TABLES = st.sampled_from(("orders", "customers", "items"))
POLICY = Policy(history=HOUR, publishes=1, quarantine=2 * HOUR)
KINDS = (RefKind.KITCHEN, RefKind.RUN, RefKind.TAG, RefKind.ENVIRONMENT)


class Life(RuleBasedStateMachine):
    """A shop of three tables. ``doomed`` remembers every version whose files may be gone."""

    commits = Bundle("commits")
    contents = Bundle("contents")
    plans = Bundle("plans")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        database = open_database(sqlite_url(folder / "galley.db"))
        self.stack.callback(database.close)
        self.conn = self.stack.enter_context(database.write())
        metadata.create_all(self.conn, LAKE)
        self.shop = Shop(self.conn)
        self.pins: tuple[str, ...] = ()
        self.doomed: set[str] = set()
        self.number = 0

    def teardown(self) -> None:
        self.stack.close()

    def refs(self, kinds: tuple[RefKind, ...] = KINDS) -> list[str]:
        return [ref.name for ref in list_refs(self.conn, SHOP, kinds)]

    def terms(self) -> dict[str, Any]:
        return {"policy": POLICY, "pins": lambda _: self.pins, "now": self.shop.now}

    @rule(target=commits, table=TABLES, at=st.integers(0, 9))
    def write(self, table: str, at: int) -> Any:
        """Somebody makes a new version on some ref that is no tag."""
        self.number += 1
        return self._commit(at, change(table, f"c{self.number}"))

    @rule(target=commits, content=contents, at=st.integers(0, 9))
    def reuse(self, content: tuple[str, str], at: int) -> Any:
        """A run takes a version over that was made some time."""
        return self._commit(at, change(*content))

    @rule(target=commits, content=contents, table=TABLES, at=st.integers(0, 9))
    def adopt(self, content: tuple[str, str], table: str, at: int) -> Any:
        """A run takes files of a version over into a new one: they must be there."""
        self.number += 1
        taken = version(*content).location
        made = self._commit(at, change(table, f"c{self.number}"), takes=(taken,))
        assert not made.values or taken not in self.doomed
        return made

    @rule(target=commits, table=TABLES, at=st.integers(0, 9))
    def take_away(self, table: str, at: int) -> Any:
        return self._commit(at, drop(table))

    @rule(target=contents, commit=commits)
    def remember(self, commit: str) -> Any:
        """A result is kept of a version that was shown then."""
        e = t.entry.c
        rows = self.conn.execute(
            select(e.table_key, e.content_id).where(e.commit_id == commit, e.location.is_not(None))
        )
        return multiple(*((row.table_key, row.content_id) for row in rows))

    @rule(commit=commits, kind=st.sampled_from(KINDS[:3]))
    def root(self, commit: str, kind: RefKind) -> None:
        """A kitchen, a run's ref or a tag at any commit that ever was."""
        self.number += 1
        name = f"{kind.value}/n{self.number}"
        with self._refusable():
            create_ref(self.conn, SHOP, name, kind, commit, owner="ana", now=self.shop.tick())

    @rule(commit=commits, at=st.integers(0, 9))
    def rebase(self, commit: str, at: int) -> None:
        with self._refusable():
            name = self._pick(at)
            ref = self.shop.ref(name)
            set_fork_point(self.conn, ref, commit, who="ana", why="x", now=self.shop.tick())

    @rule(commit=commits, tables=st.sets(TABLES, max_size=2))
    def roll_back(self, commit: str, tables: set[str]) -> None:
        with self._refusable():
            plan = plan_rollback(
                self.conn,
                SHOP,
                PRODUCTION,
                now=self.shop.tick(),
                to=commit,
                tables=tuple(sorted(tables)) or None,
            )
            apply_rollback(self.conn, plan, actor="ana", reason="x", now=self.shop.tick())

    @rule(at=st.integers(0, 9))
    def expire(self, at: int) -> None:
        names = [name for name in self.refs() if name != PRODUCTION]
        if names:
            name = names[at % len(names)]
            self.conn.execute(t.ref.update().where(t.ref.c.name == name).values(protected=False))
            delete_ref(self.conn, self.shop.ref(name), who="ana", why="x", now=self.shop.tick())

    @rule(hours=st.sampled_from((0.5, 1.5, 3)))
    def wait(self, hours: float) -> None:
        self.shop.now += int(hours * HOUR)

    @rule(at=st.integers(0, 9))
    def list_whole_tree(self, at: int) -> None:
        checkpoint(self.conn, self.shop.ref(self._pick(at)).head)

    @initialize(target=commits)
    def begin(self) -> Any:
        """Some publishes that nothing keeps any more, condemned long enough ago."""
        made = [self._commit(0, change("orders", f"first{number}")).values for number in range(4)]
        self.shop.now += 3 * HOUR
        self.round()
        self.shop.now += 3 * HOUR
        return multiple(*(commit for one in made for commit in one))

    @rule(hours=st.sampled_from((0, 3)))
    def round(self, hours: int = 0) -> None:
        """A whole round of collection."""
        self.shop.now += hours * HOUR
        plan = self.plan()
        self.condemn(plan)
        self.doom(plan)
        self.forget(plan)

    @rule(target=plans)
    def plan(self) -> collect.Plan:
        return collect.plan(self.conn, SHOP, self.shop.now, POLICY, lambda _: self.pins)

    @rule(plan=plans)
    def condemn(self, plan: collect.Plan) -> None:
        collect.condemn(self.conn, plan, plan.condemn, by="ana", **self.terms())

    @rule(plan=plans)
    def doom(self, plan: collect.Plan) -> None:
        gone = collect.doom(self.conn, plan, plan.doom, **self.terms())
        self.doomed.update(collect.places(gone))

    @rule(plan=plans)
    def forget(self, plan: collect.Plan) -> None:
        gone = collect.places(plan.unfinished)
        collect.note_removed(self.conn, SHOP, gone, self.shop.now)
        collect.forget(self.conn, plan, **self.terms())

    @invariant()
    def what_roots_reach_is_there(self) -> None:
        """Asked by the plain way of reading a tree, not by the one that collection marks with."""
        r = t.ref.c
        for row in self.conn.execute(select(r.head, r.fork_point)).all():
            for commit in {row.head, row.fork_point or row.head}:
                shown = {one.location for one in tree(self.conn, commit).values()}
                assert not shown & self.doomed

    def _commit(self, at: int, made: Change, takes: tuple[str, ...] = ()) -> Any:
        found: list[str] = []
        with self._refusable():
            ref = self.shop.ref(self._pick(at))
            commit = write_commit(
                self.conn,
                project=SHOP,
                parent=get_commit(self.conn, ref.head),
                kind=CommitKind.PUBLISH if ref.name == PRODUCTION else CommitKind.STEP,
                author="ana",
                message="x",
                now=self.shop.tick(),
                changes=[made],
                takes=takes,
            )
            move_ref(self.conn, ref, commit.id, who="ana", why="x", now=self.shop.now)
            found.append(commit.id)
        return multiple(*found)

    def _pick(self, at: int) -> str:
        names = [name for name in self.refs() if not name.startswith("tag/")]
        return names[at % len(names)]

    def _refusable(self) -> ExitStack:
        """A unit of work that may be refused, and then leaves nothing behind."""
        stack = ExitStack()
        stack.push(lambda kind, error, trace: isinstance(error, REFUSALS))
        stack.enter_context(self.conn.begin_nested())
        return stack


REFUSALS: tuple[type[GalleyError], ...] = (ConflictError, NotFoundError, UsageError)

TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
