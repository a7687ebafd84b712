"""Versions, changes and a project's life, told briefly: what the tests of the lake speak."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from galley.ids import digest
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import (
    PRODUCTION,
    Change,
    Commit,
    CommitKind,
    Format,
    Intent,
    IntentKind,
    Ref,
    RefKind,
    Span,
    Version,
    WindowEntry,
    fingerprint,
)
from galley.lake.publish import apply_publish, plan_publish, prepare
from galley.lake.refs import create_ref, ensure_project, get_ref, move_ref

SCHEMA: tuple[dict[str, Any], ...] = (
    {"id": 1, "name": "day", "type": "date"},
    {"id": 2, "name": "delay", "type": "int"},
)
SHOP = "shop"


def day(number: int) -> Span:
    """One day of January 2026."""
    return Span(f"2026-01-{number:02}", f"2026-01-{number + 1:02}")


def version(table: str, content: str, **values: Any) -> Version:
    """A version whose content has a speaking name."""
    schema = values.pop("schema", SCHEMA)
    defaults: dict[str, Any] = {
        "table_id": digest(table, size=8),
        "format": Format.ICEBERG,
        "location": f"{table}/{content}.metadata.json",
        "schema_fingerprint": fingerprint(schema),
        "rows": 10,
        "bytes": 1000,
        "intent": Intent(values.pop("kind", IntentKind.REPLACE), values.pop("spans", ())),
    }
    return Version(table=table, content_id=content, schema=schema, **{**defaults, **values})


def change(table: str, content: str, **values: Any) -> Change:
    """A change to a version, unguarded."""
    return Change(table, version(table, content, **values))


def windows(table: str, content: str, *days: int) -> Change:
    """Some days of a windowed table, written anew."""
    spans = tuple(day(number) for number in days)
    made = version(table, content, kind=IntentKind.WINDOW, spans=spans)
    return Change(table, made, windows=tuple(window(span, content) for span in spans))


def window(span: Span, content: str) -> WindowEntry:
    """A ledger row."""
    return WindowEntry(span, f"key-{content}", f"{content}-{span.start}", (f"{content}.parquet",))


def drop(table: str) -> Change:
    """Take a table away."""
    return Change(table, None)


@dataclass
class Shop:
    """A project in which Ana owns and runs publish; its clock ticks by the second."""

    conn: Connection
    now: int = 1_770_000_000_000_000
    runs: int = 0

    def __post_init__(self) -> None:
        ensure_project(self.conn, SHOP, actor="ana", now=self.now)

    def tick(self) -> int:
        """The next second."""
        self.now += 1_000_000
        return self.now

    def ref(self, name: str = PRODUCTION) -> Ref:
        """A ref as it is now."""
        return get_ref(self.conn, SHOP, name)

    def open(self, name: str, source: str = PRODUCTION, kind: RefKind = RefKind.KITCHEN) -> Ref:
        """Fork a ref."""
        head = self.ref(source).head
        return create_ref(
            self.conn,
            SHOP,
            name,
            kind,
            head,
            owner="ana",
            now=self.tick(),
            fork_point=head,
            fork_ref=source,
        )

    def start(self, target: str = PRODUCTION) -> Ref:
        """A run's ref, forked from its target."""
        self.runs += 1
        return self.open(f"run/r{self.runs}", target, RefKind.RUN)

    def step(self, ref: Ref, *changes: Change, kind: CommitKind = CommitKind.STEP) -> Commit:
        """One step's commit on a ref as it is now."""
        here = self.ref(ref.name)
        commit = self.write(here.head, changes, kind)
        move_ref(self.conn, here, commit.id, who="ana", why="step", now=self.now)
        return commit

    def write(
        self, parent: str, changes: Sequence[Change], kind: CommitKind = CommitKind.STEP
    ) -> Commit:
        """A commit that no ref points to."""
        return write_commit(
            self.conn,
            project=SHOP,
            parent=get_commit(self.conn, parent),
            kind=kind,
            author="ana",
            message="step",
            now=self.tick(),
            changes=changes,
        )

    def finish(self, run: Ref, target: str = PRODUCTION, code: str | None = None) -> Commit:
        """Publish what a run's ref holds."""
        assert run.fork_point is not None
        proposal = plan_publish(
            self.conn,
            SHOP,
            source_head=self.ref(run.name).head,
            fork_point=run.fork_point,
            target_ref=target,
        )
        plan = prepare(proposal, run_id=run.name, message=run.name, code_version=code)
        return apply_publish(self.conn, plan, actor="ana", now=self.tick())

    def publish(
        self, *changes: Change, target: str = PRODUCTION, code: str | None = None
    ) -> Commit:
        """A whole run: fork, one step, publish."""
        run = self.start(target)
        self.step(run, *changes)
        return self.finish(run, target, code)
