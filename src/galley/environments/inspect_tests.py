"""Tests as plain values: how they are defined, and what they said last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from galley import codec
from galley.clock import iso
from galley.environments.inspect import Facts
from galley.environments.inspect_projects import test_definition
from galley.environments.inspect_runs import test_facts
from galley.project.model import Manifest, TestSpec
from galley.runs import verdicts
from galley.runs.verdict import Verdict

Defined = tuple[TestSpec, str | None]


def all_tests(manifest: Manifest) -> list[Defined]:
    """Every test of a project with the step it belongs to, by table and name."""
    found: list[Defined] = [
        (spec, step.name) for step in manifest.steps.values() for spec in step.tests
    ]
    found += [(spec, None) for spec in manifest.spanning]
    return sorted(found, key=key)


def key(one: Defined) -> tuple[str, str, str]:
    """What lists of tests are ordered by."""
    spec, step = one
    return spec.table, spec.name, step or ""


def tests_facts(
    connection: Connection, project: str, found: Sequence[Defined], ref: str | None
) -> list[Facts]:
    """Tests with their newest verdicts in a ref (or anywhere), in one statement."""
    pairs = [(spec.table, spec.name) for spec, _ in found]
    newest = verdicts.newest(connection, project, pairs, ref=ref)
    return [
        {**test_definition(spec, step), "last": _last(newest.get((spec.table, spec.name)))}
        for spec, step in found
    ]


def _last(row: Any) -> Facts | None:
    if row is None:
        return None
    said = codec.from_plain(Verdict, row.body)
    return {
        **test_facts(said, row.step, row.reused_from, None),
        "run": row.run_id,
        "at": iso(row.at),
    }
