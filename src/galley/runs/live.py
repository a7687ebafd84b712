"""A run while an engine works on it: manifest, graph and settings, rebuilt from the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from galley.clock import Clock
from galley.db.engine import Database
from galley.errors import InputDataError
from galley.ids import digest
from galley.lake import refs
from galley.lake.files import Access, no_access
from galley.lake.warehouse import Warehouse
from galley.project import snapshot
from galley.project.codec import manifest_from_json
from galley.project.model import Manifest, Step
from galley.runs import queue, records
from galley.runs.graph import Node, RunGraph, build_graph
from galley.runs.leases import LEASE, Hold
from galley.runs.model import Run, RunCause, StepState
from galley.runs.planning import Setting
from galley.runs.scene import Scene

Probe = Callable[[Step, str], str | None]
"""Looks at what a load step would read and says what it is now (see ``runner.probe``)."""

SecretLookup = Callable[[Manifest, tuple[str, ...], Path], dict[str, str]]
"""The values of the named secrets for a project folder."""


def right() -> bool:
    """A clock that goes by itself."""
    return True


@dataclass(frozen=True, slots=True)
class Site:
    """Where the engine works: the home's database and folders, and what is passed in.

    ``access`` looks up what it takes to reach a warehouse in an object store. ``origin`` names the
    home to those who share its database; ``labels`` are those of its workers (``None``: they take
    everything). ``lease`` is for how many microseconds a claim stands without a heartbeat.
    ``sync`` sets the clock by whom it goes, and says whether it was right.
    """

    database: Database
    home: Path
    warehouse: str
    clock: Clock
    probe: Probe
    secrets: SecretLookup
    threads: int
    memory: int
    access: Callable[[], Access | None] = no_access
    origin: str = ""
    labels: tuple[str, ...] | None = None
    lease: int = LEASE
    sync: Callable[[], bool] = right

    @property
    def store(self) -> Warehouse:
        """The warehouse, and how to reach it. Raises ``UnavailableError`` without its secrets."""
        return Warehouse(self.warehouse, self.access())

    @property
    def shared(self) -> bool:
        """Whether other engines may work over the same database."""
        return not self.database.is_sqlite

    def hold(self, owner: str) -> Hold:
        """A hold of an owner from now on."""
        return Hold(owner, self.clock() + self.lease)

    @property
    def logs(self) -> Path:
        """The folder of attempts' logs."""
        return self.home / "logs"

    @property
    def scratch(self) -> Path:
        """The folder for temporary files of attempts."""
        return self.home / "scratch"

    def code(self, definition: str) -> Path:
        """The folder with the pinned files of a project version."""
        return self.home / "code" / definition[:32]


@dataclass(slots=True)
class LiveRun:
    """One run under way. Only ``run`` and the two caches change.

    ``probes`` remembers what load steps saw; ``test_losses`` counts, by step run, how often the
    process that evaluated its tests was lost.
    """

    run: Run
    manifest: Manifest
    graph: RunGraph
    folder: Path
    setting: Setting
    probes: dict[str, str | None] = field(default_factory=dict)
    test_losses: dict[str, int] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The project's name."""
        return self.run.project

    def node(self, name: str) -> Node:
        """The node of a step run."""
        return self.graph.nodes[name]

    def scene(self, connection: Connection) -> Scene:
        """The tables as this run's steps see them now."""
        head = refs.get_ref(connection, self.project, self.run.ref_name).head
        return Scene(connection, self.project, head, self.run.pins, base=self.run.base)


def load_live(connection: Connection, site: Site, run: Run) -> LiveRun:
    """Put a run's context together from what the database keeps of it."""
    row = records.definition_row(connection, run.definition)
    manifest = _manifest(row["body"])
    request = run.request
    head, base = _left(connection, run)
    setting = Setting(
        project=run.project,
        variables=request.variables,
        toolchain=manifest.toolchain,
        now=run.created,
        windows=request.windows,
        source=request.source,
        rebuild=frozenset(request.rebuild),
        earlier=_earlier(connection, request.resumes),
        earlier_head=head,
        earlier_base=base,
        since=request.since,
        forward_only=request.forward_only,
        unbounded=run.cause in (RunCause.PROMOTION, RunCause.BACKFILL),
    )
    graph = build_graph(manifest, request)
    if not site.code(run.definition).exists():
        # It was asked for in another home.
        packed = records.archive_of(connection, run.definition)
        snapshot.unpack(packed, site.code(run.definition))
    folder = Path(row["folder"])
    if not folder.is_dir():
        # It is on another machine, or was never on one: what the version brings is all there is.
        folder = site.code(run.definition)
    return LiveRun(run, manifest, graph, folder, setting)


@lru_cache(maxsize=8)
def _manifest(body: str) -> Manifest:
    """A manifest never changes, and all runs of a backfill have the same."""
    return manifest_from_json(body)


def prime_probes(live: LiveRun, site: Site) -> None:
    """Look once, before any transaction, at what the run's load steps would read.

    What cannot be read is left out: the step itself says why when it comes to it.
    """
    for node in live.graph.nodes.values():
        if node.step is not None and node.step.load is not None:
            with suppress(InputDataError):
                live.probes[node.step.name] = site.probe(node.step, str(live.folder))


def with_probes(live: LiveRun, site: Site, step: Step) -> Setting:
    """The run's setting with what the load step ``step`` would read now."""
    if step.load is None:
        return live.setting
    if step.name not in live.probes:
        live.probes[step.name] = site.probe(step, str(live.folder))
    return replace(live.setting, probes=dict(live.probes))


def table_id(project: str, table: str) -> str:
    """The stable id of a table: the same on every ref, and after dropping and making it again."""
    return digest("table", project, table)


def _earlier(connection: Connection, run_id: str | None) -> Mapping[str, tuple[str, str]]:
    if run_id is None:
        return {}
    usable = {StepState.SUCCEEDED, StepState.REUSED, StepState.BLOCKED, StepState.STAGED}
    return {
        step.name: (step.key, run_id)
        for step in queue.steps_of(connection, run_id)
        if step.key is not None and step.state in usable
    }


def _left(connection: Connection, run: Run) -> tuple[str | None, str | None]:
    """Where the run that is resumed left its staged tables, and where it had begun."""
    if run.request.staged is not None:
        staged = refs.get_ref(connection, run.project, run.request.staged)
        return staged.head, staged.fork_point
    if run.request.resumes is None:
        return None, None
    earlier = records.get_run(connection, run.request.resumes)
    left = refs.find_ref(connection, run.project, earlier.ref_name)
    return (left.head, left.fork_point) if left else (None, None)


def memory_share(site: Site, slots: int) -> int:
    """Bytes that one of ``slots`` attempts may use for queries."""
    return max(site.memory // max(slots, 1), 256 << 20)


def step_values(values: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """The bound variables that a step names; steps that take ``variables`` get all."""
    if "variables" in step.wants:
        return dict(values)
    return {name: values[name] for name in step.variables if name in values}
