"""What must be true of a simulation in the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from sqlalchemy import Connection, select, text

from galley.environments.collection import pins, policy_of
from galley.environments.soundness import catalogue_violations
from galley.lake import collect, refs, sweeping
from galley.lake import tables as lake
from galley.lake.commits import PUBLISHES, walk
from galley.lake.model import RefKind
from galley.lake.trees import lookup, tree
from galley.project.codec import manifest_from_json
from galley.project.model import Manifest, Retention
from galley.runs import records, tables
from galley.runs.finishing import pipeline_code
from galley.runs.graph import selected_steps
from galley.runs.model import Run
from tests.simulation import plan
from tests.simulation.store import SimulatedWarehouse

_STANDING = (RefKind.ENVIRONMENT, RefKind.KITCHEN, RefKind.TAG, RefKind.RUN, RefKind.ATTEMPT)


def violations(connection: Connection, warehouse: SimulatedWarehouse) -> Iterator[str]:
    """Everything that is wrong, in words."""
    yield from connection.scalars(text("SELECT what FROM wrong"))
    yield from catalogue_violations(connection)
    seen = connection.execute(text("SELECT content_id, location FROM seen")).all()
    held = {row[0]: warehouse.held[row[1]] for row in seen}
    yield from _publishes(connection, warehouse, held)
    yield from _returned(connection)
    yield from _zombies(connection, [row[1] for row in seen])
    yield from (f"{path} was read and was gone" for path in warehouse.lost)


def missing(connection: Connection, warehouse: SimulatedWarehouse) -> Iterator[str]:
    """The files that some ref shows and that are gone."""
    for ref in refs.list_refs(connection, plan.PROJECT, _STANDING):
        for version in tree(connection, ref.head).values():
            if version.location not in warehouse.present:
                yield f"{ref.name} shows {version.location}, which is gone"


def shown(connection: Connection, path: str) -> Iterator[str]:
    """The refs that show a file."""
    for ref in refs.list_refs(connection, plan.PROJECT, _STANDING):
        if any(version.location == path for version in tree(connection, ref.head).values()):
            yield ref.name


def left_over(
    connection: Connection,
    warehouse: SimulatedWarehouse,
    kept: Retention,
    now: int,
    forgotten: Collection[str],
) -> Iterator[str]:
    """The files that nothing keeps and that are there after all was collected.

    Files of attempts that the database has forgotten stay: they might be another database's.
    """
    catalogue = collect.read_catalogue(connection, plan.PROJECT)
    policy = policy_of(kept)
    roots = collect.roots(connection, plan.PROJECT, now, policy, pins, catalogue)
    for path in sorted(warehouse.present - catalogue.reached(roots)):
        if sweeping.ids_in(path)[0] not in forgotten:
            yield f"{path} is kept by nothing and was not collected"


def _publishes(
    connection: Connection, warehouse: SimulatedWarehouse, held: dict[str, str]
) -> Iterator[str]:
    """Every publish shows what its version of the project makes, whole, unmixed, and unheld."""
    kinds = [kind.value for kind in PUBLISHES]
    rows = connection.execute(select(lake.commit).where(lake.commit.c.kind.in_(kinds)))
    for row in rows:
        if row.run_id is None:
            continue
        run = records.get_run(connection, row.run_id)
        manifest = _manifest(records.definition_row(connection, run.definition)["body"])
        yield from _publish(connection, warehouse, held, manifest, run, row.id)
        yield from _held(connection, manifest, run, row)


def _publish(
    connection: Connection,
    warehouse: SimulatedWarehouse,
    held: dict[str, str],
    manifest: Manifest,
    run: Run,
    commit: str,
) -> Iterator[str]:
    own = {step.outputs[0]: step for step in selected_steps(manifest, run.request)}
    found, based = lookup(connection, commit, own), lookup(connection, run.base or commit, own)
    e = lake.entry.c
    here = select(e.table_key).where(e.commit_id == commit, e.dropped.is_(False))
    own_commits = select(lake.commit.c.id).where(lake.commit.c.run_id == run.id)
    made = set(connection.scalars(select(e.table_key).where(e.commit_id.in_(own_commits))))
    written = own.keys() & set(connection.scalars(here))
    for table, step in own.items():
        version = found.get(table)
        if table not in made and version != based.get(table):
            # What the run only found there may have been taken back meanwhile.
            continue
        if version is None:
            yield f"publish {commit} of run {run.id} has no {table}"
            continue
        read = {name: held.get(version.inputs.get(name, ""), "?") for name in step.inputs}
        if warehouse.held[version.location] != plan.made(step, read):
            yield f"{table} of publish {commit} is not what run {run.id} makes"
        # What somebody else moved meanwhile may differ: such a table shows as stale.
        for name in sorted(set(step.inputs) & written) if table in written else ():
            if version.inputs.get(name) != found[name].content_id:
                yield f"{table} of publish {commit} was not made from the {name} shown with it"


def _held(connection: Connection, manifest: Manifest, run: Run, commit: object) -> Iterator[str]:
    """A pipeline that a rollback holds does not publish."""
    h = lake.pipeline_hold.c
    created: int = commit.created  # type: ignore[attr-defined]
    holds = select(lake.pipeline_hold).where(h.ref == run.ref, h.at < created)
    for hold in connection.execute(holds):
        stood = hold.released_at is None or created < hold.released_at
        mine = stood and hold.pipeline in run.request.pipelines
        if mine and hold.code in (None, pipeline_code(manifest, hold.pipeline, run.ref)):
            yield f"run {run.id} published {hold.pipeline} to {run.ref}, which was held"


def _returned(connection: Connection) -> Iterator[str]:
    """What a rollback took back is not shown by the ref on which that happened."""
    rows = connection.execute(select(lake.withdrawn)).all()
    by_commit: dict[str, set[str]] = {}
    for row in rows:
        by_commit.setdefault(row.commit_id, set()).add(row.content_id)
    for ref in refs.list_refs(connection, plan.PROJECT, (RefKind.ENVIRONMENT, RefKind.KITCHEN)):
        gone = {
            content
            for commit in walk(connection, ref.head, 1000)
            for content in by_commit.get(commit.id, ())
        }
        for version in tree(connection, ref.head).values():
            if version.content_id in gone:
                yield f"{ref.name} shows {version.location}, which was taken back there"


def _zombies(connection: Connection, locations: list[str]) -> Iterator[str]:
    """No commit shows the work of an attempt that had lost its step."""
    a = tables.attempt.c
    ends = {row.id: row.end for row in connection.execute(select(a.id, a.end))}
    for location in dict.fromkeys(locations):
        attempt = location.rpartition("/")[2].partition(".")[0]
        if ends.get(attempt) != "staged":
            yield f"{location} was committed, and its attempt ended as {ends.get(attempt)}"


@lru_cache(maxsize=64)
def _manifest(body: str) -> Manifest:
    return manifest_from_json(body)
