"""Projects and their pipelines as plain values: what they are made of, and how they fared last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from galley.clock import iso
from galley.environments.definitions import Shown
from galley.environments.inspect import Facts
from galley.environments.inspect_runs import list_facts
from galley.environments.inspect_triggers import Rhythm, rhythms
from galley.environments.launch import kept_code
from galley.errors import NotFoundError, UsageError
from galley.lake import refs, trees, withdrawals
from galley.lake.model import Ref, RefKind, Target, Version
from galley.lake.names import listed, nearest
from galley.project.model import Manifest, Pipeline, Step, TestSpec
from galley.runs import listing
from galley.runs.graph import selected_steps
from galley.runs.model import Run, StepRun

HISTORY = 20
"""Runs in a pipeline's strip."""


def project_facts(
    connection: Connection, names: Sequence[str], folders: Mapping[str, Any], now: int
) -> list[Facts]:
    """Projects, each with its environments and its newest run."""
    return [
        {
            "project": name,
            "folder": str(folders[name]) if name in folders else None,
            "environments": [
                ref.name for ref in refs.list_refs(connection, name, (RefKind.ENVIRONMENT,))
            ],
            "last_run": _last(connection, name, now),
        }
        for name in names
    ]


def _last(connection: Connection, project: str, now: int) -> Facts | None:
    found = list_facts(connection, listing.page(connection, listing.Wanted(project), limit=1), now)
    return found[0] if found else None


def code_facts(shown: Shown) -> Facts:
    """Which definitions are shown."""
    return {
        "version": shown.manifest.hash,
        "origin": shown.origin.value,
        "git_commit": shown.checkout.git_commit,
    }


def find_pipeline(manifest: Manifest, name: str) -> Pipeline:
    """A pipeline. Raises NotFoundError with the nearest name."""
    if name in manifest.pipelines:
        return manifest.pipelines[name]
    meant = nearest(name, manifest.pipelines)
    raise NotFoundError(
        f"the project {manifest.project} has no pipeline {name}",
        hint=f"did you mean {meant}?" if meant else f"there are: {listed(manifest.pipelines)}",
        details={"nearest": meant},
    )


def only_pipeline(manifest: Manifest) -> str:
    """The pipeline that is meant where none is named. Raises UsageError unless there is but one."""
    known = list(manifest.pipelines)
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(
            f"the project {manifest.project} has no pipeline",
            hint="put a .sql or .py file into pipelines/NAME/, or: galley add FILE",
        )
    raise UsageError(
        f"the project has {len(known)} pipelines; say which one",
        hint=f"one of: {', '.join(sorted(known))}",
    )


def pipelines_facts(
    connection: Connection,
    manifest: Manifest,
    found: Sequence[Pipeline],
    ref: str | None,
    now: int,
) -> list[Facts]:
    """Pipelines in one line each, with their newest runs in a ref (or anywhere)."""
    names = [one.name for one in found]
    runs = listing.newest(connection, manifest.project, names, ref=ref, each=HISTORY)
    rows = list_facts(connection, [run for one in runs.values() for run in one], now)
    by_id = {row["run"]: row for row in rows}
    held = {h.pipeline for h in withdrawals.holds(connection, manifest.project, ref)} if ref else ()
    known = rhythms(connection, manifest.project, ref, names) if ref else {}
    return [
        {
            **_head(manifest, one, known.get(one.name)),
            "held": one.name in held,
            "last_run": by_id[runs[one.name][0].id] if runs[one.name] else None,
            "history": [by_id[run.id] for run in runs[one.name]],
        }
        for one in found
    ]


def _head(manifest: Manifest, one: Pipeline, rhythm: Rhythm | None) -> Facts:
    steps = [manifest.steps[name] for name in one.steps]
    return {
        "name": one.name,
        "description": one.description,
        "owner": one.owner or manifest.owner,
        "priority": one.priority,
        "concurrency": one.concurrency,
        "schedule": rhythm.said if rhythm else None,
        "next": iso(rhythm.next) if rhythm else None,
        "steps": len(steps),
        "tables": sorted({table for step in steps for table in step.outputs}),
        "tests": len(tests_of(manifest, one)),
    }


def tests_of(manifest: Manifest, one: Pipeline) -> list[tuple[TestSpec, str | None]]:
    """The tests that look at what a pipeline makes or reads, each with its step."""
    own = {table for name in one.steps for table in manifest.steps[name].outputs}
    found: list[tuple[TestSpec, str | None]] = [
        (spec, name) for name in one.steps for spec in manifest.steps[name].tests
    ]
    return found + [(spec, None) for spec in manifest.spanning if spec.table in own]


def pipeline_facts(
    connection: Connection, shown: Shown, one: Pipeline, ref: Ref, target: Target, now: int
) -> Facts:
    """A pipeline with its graph, and the last state of each step in a ref."""
    manifest = shown.manifest
    runs = listing.newest(connection, manifest.project, [one.name], ref=ref.name, each=HISTORY)
    mine = runs[one.name]
    last = listing.last_steps(connection, [run.id for run in mine[:5]])
    steps = [manifest.steps[name] for name in one.steps]
    tables = {table for step in steps for table in (*step.inputs, *step.outputs)}
    versions = trees.lookup(connection, target.commit, tables)
    (line,) = pipelines_facts(connection, manifest, [one], ref.name, now)
    by_id = {run.id: run for run in mine}
    return {
        **line,
        "project": manifest.project,
        "ref": ref.name,
        "commit": target.commit,
        "code": code_facts(shown),
        "variables": [
            {"name": name, "value": value}
            for name, value in sorted({**manifest.variables, **one.variables}.items())
        ],
        "steps": [step_definition(step, last.get(step.name), by_id) for step in steps],
        "tables": [table_node(manifest, name, versions.get(name)) for name in sorted(tables)],
        "edges": edges(manifest, steps),
        "tests": [test_definition(spec, step) for spec, step in tests_of(manifest, one)],
    }


def step_definition(step: Step, last: StepRun | None, runs: Mapping[str, Run]) -> Facts:
    """A step as it is defined, and how it fared last."""
    return {
        "name": step.name,
        "kind": step.kind.value,
        "materialize": step.materialize.value,
        "description": step.description,
        "owner": step.owner,
        "tags": list(step.tags),
        "inputs": list(step.inputs),
        "outputs": list(step.outputs),
        "window": step.window.by.value if step.window else None,
        "where": f"{step.source.path}:{step.source.line}",
        "sql": step.sql,
        "tests": len(step.tests),
        "last": last_facts(last, runs) if last else None,
    }


def last_facts(step: StepRun, runs: Mapping[str, Run]) -> Facts:
    """How a step fared in the newest run that had it."""
    run = runs[step.run_id]
    return {
        "run": run.id,
        "run_state": run.state.value,
        "state": step.state.value,
        "reason": step.reason.value if step.reason else None,
        "message": step.message,
        "rows": step.rows,
        "seconds": step.seconds,
        "started": iso(step.started),
        "finished": iso(step.finished),
    }


def table_node(manifest: Manifest, name: str, version: Version | None) -> Facts:
    """A table of a graph: who makes it, and what is there of it."""
    maker = manifest.maker(name)
    return {
        "name": name,
        "step": maker.name if maker else None,
        "pipeline": maker.pipeline if maker else None,
        "rows": version.rows if version else None,
        "bytes": version.bytes if version else None,
        "content_id": version.content_id if version else None,
        "untested": version.untested if version else None,
    }


def edges(manifest: Manifest, steps: Iterable[Step]) -> list[Facts]:
    """Who reads what from whom; what no step of the project makes comes from ``null``."""
    found: dict[tuple[str | None, str], list[str]] = {}
    for step in steps:
        for table in step.inputs:
            maker = manifest.maker(table)
            if maker is None or maker.name != step.name:
                found.setdefault((maker.name if maker else None, step.name), []).append(table)
    return [{"from": a, "to": b, "tables": tables} for (a, b), tables in found.items()]


def run_edges(connection: Connection, run: Run) -> list[Facts]:
    """Who reads what from whom among the steps of a run."""
    manifest, _ = kept_code(connection, run.definition)
    if run.is_backfill:
        return []
    return edges(manifest, selected_steps(manifest, run.request))


def test_definition(spec: TestSpec, step: str | None) -> Facts:
    """A test as it is defined."""
    return {
        "name": spec.name,
        "type": spec.type,
        "table": spec.table,
        "step": step,
        "stage": spec.stage.value,
        "severity": spec.severity.value,
        "blocking": spec.blocking,
        "params": spec.params,
        "description": spec.description,
        "dimension": spec.dimension,
        "owner": spec.owner,
        "tags": list(spec.tags),
        "where": f"{spec.source.path}:{spec.source.line}",
    }
