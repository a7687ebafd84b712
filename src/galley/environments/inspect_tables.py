"""One table as plain values: its present version, where it comes from, what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from galley.clock import iso
from galley.environments.home import Home
from galley.environments.inspect import Facts, missing_table, some_tables, table_history
from galley.environments.inspect_projects import table_node
from galley.environments.inspect_tests import all_tests, tests_facts
from galley.lake import refs, trees
from galley.lake.model import Target
from galley.project.model import Manifest, Step


def table_details(
    connection: Connection,
    home: Home,
    manifest: Manifest | None,
    project: str,
    target: Target,
    name: str,
) -> Facts:
    """A table at a commit: schema, version, who made it from what, and its tests.

    Raises:
        TableNotFoundError: it is not there; names the nearest.
    """
    found = some_tables(connection, home, project, target.ref, target.commit, [name])
    if not found:
        raise missing_table(connection, target.commit, target.ref, name)
    version = trees.lookup(connection, target.commit, [name])[name]
    ref = refs.get_ref(connection, project, target.ref)
    history = table_history(connection, home, ref, target.commit, name, 1)
    maker = manifest.maker(name) if manifest else None
    tests = [one for one in all_tests(manifest) if one[0].table == name] if manifest else []
    return {
        **found[0],
        "project": project,
        "ref": target.ref,
        "commit": target.commit,
        "changed": history[0],
        "inputs": dict(version.inputs),
        "made": {key: version.made.get(key) for key in ("run", "code", "variables")},
        "view": version.view_sql,
        "pipeline": maker.pipeline if maker else None,
        "owner": maker.owner if maker else None,
        "description": maker.description if maker else None,
        "described": dict(maker.columns) if maker else {},
        "tests": tests_facts(connection, project, tests, target.ref),
    }


def lineage_facts(connection: Connection, manifest: Manifest, target: Target, name: str) -> Facts:
    """Everything that a table is made from, and everything that is made from it.

    Raises:
        TableNotFoundError: neither the definitions nor the ref know the table.
    """
    steps = list(manifest.steps.values())
    known = {table for step in steps for table in (*step.inputs, *step.outputs)}
    versions = trees.lookup(connection, target.commit, [name])
    if name not in known and name not in versions:
        raise missing_table(connection, target.commit, target.ref, name)
    above = _reached(name, {table: step.inputs for step in steps for table in step.outputs})
    below = _reached(name, _readers(steps))
    shown = {name, *above, *below}
    versions = trees.lookup(connection, target.commit, shown)
    return {
        "table": name,
        "ref": target.ref,
        "commit": target.commit,
        "tables": [
            {
                **table_node(manifest, table, versions.get(table)),
                "side": "self" if table == name else "above" if table in above else "below",
            }
            for table in sorted(shown)
        ],
        "edges": _edges(steps, above | {name}, below | {name}),
    }


def _readers(steps: Iterable[Step]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in steps:
        for table in step.inputs:
            found.setdefault(table, set()).update(step.outputs)
    return found


def _reached(start: str, following: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    queue = [start]
    while queue:
        for table in following.get(queue.pop(), ()):
            if table not in found and table != start:
                found.add(table)
                queue.append(table)
    return found


def _edges(steps: Iterable[Step], above: set[str], below: set[str]) -> list[Facts]:
    """From table to table by step, among what lies above and among what lies below."""
    return [
        {"from": read, "to": made, "step": step.name}
        for step in steps
        for made in step.outputs
        for read in step.inputs
        if read != made and ({read, made} <= above or {read, made} <= below)
    ]


def metric_facts(row: Mapping[str, Any]) -> Facts:
    """One measurement as ``galley tables metrics --json`` prints it."""
    return {
        "at": iso(row["at"]),
        "column": row["column"],
        "name": row["name"],
        "value": row["value"],
        "text": row["text"],
        "estimated": row["estimated"],
        "window": row["span_start"],
        "content_id": row["content_id"],
        "run": row["run_id"],
        "commit": row["commit_id"],
    }
