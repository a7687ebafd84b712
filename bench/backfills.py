"""A home in which a backfill of thousands of hours can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from bench.projects import write
from galley import bootstrap
from galley.environments import launch
from galley.environments.home import Checkout, Home
from galley.ids import digest
from galley.lake import refs
from galley.lake.commits import get_commit, write_commit
from galley.lake.model import (
    Change,
    CommitKind,
    Format,
    Intent,
    IntentKind,
    Span,
    Version,
    WindowEntry,
    fingerprint,
)
from galley.project.compile import compile_project
from galley.project.model import Manifest, Step
from galley.runs.cutting import cut_of
from galley.runs.live import LiveRun, Site, load_live, table_id
from galley.runs.model import Run, RunCause
from galley.runs.planning import plan_step
from galley.runs.scene import Scene

REF = "kitchen/ana"
_SCHEMA = ({"id": 1, "name": "moment", "type": "timestamp"}, {"id": 2, "name": "n", "type": "long"})
_WINDOW = "{column: moment, by: hour, start: 2024-01-01, end: %s}"
_SQL = """\
/* @galley
materialize: window
window: %s
*/
SELECT moment, n FROM %s
WHERE moment >= $start AND moment < $end
"""


@dataclass(frozen=True)
class Hours:
    """A project of windowed steps, each cut from the one before, over a table that is there."""

    home: Home
    site: Site
    manifest: Manifest
    folder: Path

    @classmethod
    def of(cls, folder: Path, steps: int, end: str, name: str = "hours") -> Hours:
        """``steps`` steps whose hours begin with 2024 and end before ``end``."""
        files = {"galley.yaml": f"name: {name}\n", "pipelines/src/raw.sql": "SELECT 1 AS n\n"}
        for number in range(steps):
            source = f"h{number - 1}" if number else "raw"
            files[f"pipelines/p/h{number}.sql"] = _SQL % (_WINDOW % end, source)
        project = write(folder / "project", files)
        home = bootstrap.open_home(folder / "home")
        manifest = compile_project(project, cache=home.path / "cache")
        return cls(home, bootstrap.make_site(home, 2), manifest, project)

    def ask(self) -> Run:
        """Queue a backfill of everything, one window to a run."""
        with self.home.database.write() as connection:
            wish = launch.Wish(("p",), REF, batch=1, cause=RunCause.BACKFILL)
            checkout = Checkout(self.folder)
            wanted = launch.prepare(connection, self.home, self.manifest, checkout, wish)
            return launch.launch(connection, self.home, wanted)

    def fill(self, run: Run, share: float) -> None:
        """Let the first ``share`` of all windows be there, made by the steps as they are now."""
        with self.home.database.write(durable=False) as connection:
            self._commit(connection, [_change("raw", ())])
        live = self._live(run)
        for step in live.manifest.steps.values():
            if step.window is None or not share:
                continue
            with self.home.database.write(durable=False) as connection:
                head = refs.get_ref(connection, self.manifest.project, REF).head
                scene = Scene(connection, self.manifest.project, head, {})
                plan = plan_step(scene, step, live.setting)
                spans = plan.spans[: int(len(plan.spans) * share)]
                entries = [_entry(step, span, plan.span_keys[str(span)]) for span in spans]
                self._commit(connection, [_change(step.outputs[0], entries, step)])

    def _live(self, run: Run) -> LiveRun:
        with self.home.database.read() as connection:
            live = load_live(connection, self.site, run)
        live.setting = replace(live.setting, unbounded=True)
        return live

    def _commit(self, connection: Connection, changes: list[Change]) -> None:
        project, now = self.manifest.project, self.home.clock()
        ref = refs.get_ref(connection, project, REF)
        made = write_commit(
            connection,
            project=project,
            parent=get_commit(connection, ref.head),
            kind=CommitKind.PUBLISH,
            author="ana",
            message="bench",
            now=now,
            changes=changes,
        )
        refs.move_ref(connection, ref, made.id, who="ana", why="bench", now=now)


def _entry(step: Step, span: Span, key: str) -> WindowEntry:
    content = digest(step.name, str(span))
    files = (f"hours/{step.name}/data/{content}.parquet",)
    return WindowEntry(span, key, content, files, step.code_hash)


def _change(
    table: str, entries: tuple[WindowEntry, ...] | list[WindowEntry], step: Step | None = None
) -> Change:
    id = table_id("hours", table)
    version = Version(
        table=table,
        table_id=id,
        format=Format.ICEBERG,
        content_id=digest(table, size=16),
        location=f"hours/{table}-{id[:8]}/metadata/x.metadata.json",
        schema=_SCHEMA,
        schema_fingerprint=fingerprint(_SCHEMA),
        rows=len(entries),
        bytes=1000 * len(entries),
        intent=Intent(IntentKind.WINDOW if entries else IntentKind.REPLACE),
        made={"window": cut_of(step)} if step else {},
        step=step.name if step else None,
    )
    return Change(table, version, windows=tuple(entries))
