"""Runs as plain values for every edge: the dictionaries that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from galley import codec
from galley.clock import iso
from galley.environments.home import Home
from galley.environments.inspect import Facts, location_of
from galley.environments.inspect_backfill import backfill_facts
from galley.environments.inspect_waits import list_waits, run_waits
from galley.errors import NotFoundError, UsageError
from galley.lake import refs, trees
from galley.lake.names import nearest
from galley.lake.warehouse import Warehouse
from galley.runs import findings, queue, records
from galley.runs.model import Run, RunState, StepRun, StepType
from galley.runs.tables import run as run_table
from galley.runs.tables import verdict as verdict_table
from galley.runs.verdict import Verdict

MOST_CHILDREN = 1000
"""So many runs of a backfill are named; ``backfill`` counts them all."""


def get_run(connection: Connection, run_id: str) -> Run:
    """A run by its whole id. Raises NotFoundError with the nearest of the newest ones."""
    found = records.find_run(connection, run_id)
    if found is not None:
        return found
    meant = nearest(run_id, records.newest_ids(connection, 200))
    raise NotFoundError(
        f"there is no run {run_id}",
        hint=f"did you mean {meant}?" if meant else None,
        details={"nearest": meant},
    )


def find_run(connection: Connection, project: str, text: str) -> Run:
    """The run whose id begins with ``text``; ``last`` is the newest.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several.
    """
    if text == "last":
        newest = records.list_runs(connection, project, limit=1)
        if newest:
            return newest[0]
        raise NotFoundError("nothing has run here yet", hint="galley run")
    found = records.find_runs(connection, project, text)
    if text in found:
        found = [text]
    if not found:
        known = [run.id for run in records.list_runs(connection, project, limit=200)]
        meant = nearest(text, known)
        raise NotFoundError(
            f"there is no run that begins with {text}",
            hint=f"did you mean {meant}?" if meant else "see `galley runs`",
        )
    if len(found) > 1:
        raise UsageError(
            f"{text} begins several runs: {', '.join(found[:5])}", hint="give more of its id"
        )
    return records.get_run(connection, found[0])


def pipelines_run(connection: Connection, project: str) -> frozenset[str]:
    """The names of the pipelines that have run; a promotion runs several at once."""
    named = select(run_table.c.pipeline).where(run_table.c.project == project).distinct()
    return frozenset(name for names in connection.scalars(named) for name in names.split())


def run_facts(connection: Connection, run: Run) -> Facts:
    """A run as ``galley run --json`` prints it."""
    steps = queue.steps_of(connection, run.id)
    return {
        "run": run.id,
        "project": run.project,
        "pipeline": run.pipeline,
        "ref": run.ref,
        "base": run.base,
        "state": run.state.value,
        "asked": run.intention.value,
        "published": run.state is RunState.SUCCEEDED,
        "commit": run.commit,
        "reason": run.reason.value if run.reason else None,
        "message": run.message,
        "cause": run.cause.value,
        "actor": run.actor,
        "created": iso(run.created),
        "started": iso(run.started),
        "finished": iso(run.finished),
        "seconds": _seconds(run.started, run.finished),
        "steps": [step_facts(step) for step in steps if step.type is StepType.STEP],
        "tests": tests_of(connection, run),
        "warnings": warnings_of(connection, run.id),
        "children": _children(connection, run),
        "backfill": backfill_facts(connection, run),
    }


def run_details(connection: Connection, home: Home, run: Run) -> Facts:
    """A run as ``galley show --json`` prints it: its facts and how each came about."""
    definition = records.definition_row(connection, run.definition)
    request = run.request
    attempts = records.attempts_of(connection, run.id)
    names = {step.id: step.name for step in queue.steps_of(connection, run.id)}
    return {
        **run_facts(connection, run),
        "definition": run.definition,
        "git_commit": definition["git_commit"],
        "folder": definition["folder"],
        "resumes": request.resumes,
        "windows": list(request.windows) if request.windows else None,
        "select": list(request.select),
        "rebuild": list(request.rebuild),
        "variables": variable_facts(request.variables, request.origins),
        "pins": run.pins,
        "attempts": [attempt_facts(row, names, str(home.path / "logs")) for row in attempts],
        "tables": _made_by(connection, home.store, run),
        "waits": run_waits(connection, run, home.clock()),
    }


def variable_facts(
    values: Mapping[str, Mapping[str, Any]], origins: Mapping[str, Mapping[str, str]]
) -> list[Facts]:
    """Bound variables with the place each was set."""
    return [
        {
            "pipeline": pipeline,
            "name": name,
            "value": value,
            "origin": origins.get(pipeline, {}).get(name, "project"),
        }
        for pipeline, bound in values.items()
        for name, value in sorted(bound.items())
    ]


def tests_of(connection: Connection, run: Run) -> list[Facts]:
    """The newest verdict of every test of a run, those that did not pass first."""
    allowed = findings.overrides(connection, records.resumed(connection, run), run.created)
    rows = connection.execute(
        select(verdict_table)
        .where(verdict_table.c.run_id == run.id)
        .order_by(verdict_table.c.at, verdict_table.c.id)
    )
    newest = {(row.test, row.table_key): row for row in rows}
    found = [
        test_facts(
            codec.from_plain(Verdict, row.body),
            row.step,
            row.reused_from,
            allowed.get((row.test, row.table_key)),
        )
        for row in newest.values()
    ]
    order = {"error": 0, "fail": 1, "not_evaluated": 2, "warn": 3, "pass": 4}
    return sorted(found, key=lambda test: (order[test["verdict"]], not test["blocking"]))


def warnings_of(connection: Connection, run_id: str) -> list[str]:
    """What steps warned of while they ran."""
    said: dict[str, None] = {}
    for event in records.events_since(connection, run_id, 0, 10_000):
        for text in (event["body"] or {}).get("warnings", ()):
            said[f"{event['step']}: {text}" if event["step"] else str(text)] = None
    return list(said)


def list_facts(connection: Connection, runs: Sequence[Run], now: int) -> list[Facts]:
    """Runs in one line each; the steps are those that people wrote."""
    ids = [run.id for run in runs]
    states = queue.counts(connection, ids, kind=StepType.STEP) if ids else {}
    waits = list_waits(connection, runs, now)
    return [
        {
            "run": run.id,
            "project": run.project,
            "pipeline": run.pipeline,
            "ref": run.ref,
            "state": run.state.value,
            "asked": run.intention.value,
            "published": run.state is RunState.SUCCEEDED,
            "reason": run.reason.value if run.reason else None,
            "message": run.message,
            "cause": run.cause.value,
            "actor": run.actor,
            "commit": run.commit,
            "parent": run.request.parent,
            "created": iso(run.created),
            "started": iso(run.started),
            "finished": iso(run.finished),
            "seconds": _seconds(
                run.started, run.finished or (None if run.started is None else now)
            ),
            "steps": {state.value: number for state, number in states.get(run.id, {}).items()},
            "waits": waits.get(run.id),
        }
        for run in runs
    ]


def step_facts(step: StepRun) -> Facts:
    return {
        "name": step.name,
        "state": step.state.value,
        "reason": step.reason.value if step.reason else None,
        "message": step.message,
        "rows": step.rows,
        "bytes": step.bytes,
        "seconds": step.seconds,
        "started": iso(step.started),
        "finished": iso(step.finished),
        "reused_from": step.reused_from,
        "why": step.why,
        "windows": [str(span) for span in step.spans],
        "attempts": step.attempts,
        "hint": step.detail.get("hint"),
        "where": step.detail.get("where"),
        "trace": step.detail.get("trace"),
    }


def test_facts(
    verdict: Verdict, step: str, reused_from: str | None, override: Mapping[str, Any] | None
) -> Facts:
    return {
        "name": verdict.test,
        "type": verdict.type,
        "table": verdict.table,
        "step": step,
        "stage": verdict.stage,
        "verdict": verdict.outcome.value,
        "severity": verdict.severity,
        "blocking": verdict.blocking,
        "blocks": verdict.blocks and override is None,
        "override": {"by": override["by"], "reason": override["reason"]} if override else None,
        "value": verdict.value,
        "limits": verdict.limits,
        "rows": verdict.rows,
        "failing": verdict.failing,
        "sql": verdict.sql,
        "proof": verdict.proof,
        "message": verdict.message,
        "reason": verdict.reason,
        "sample": list(verdict.sample),
        "reused": reused_from is not None,
        "reused_from": reused_from,
        "where": verdict.where,
    }


def attempt_facts(row: Mapping[str, Any], names: Mapping[str, str], folder: str) -> Facts:
    log = f"{folder}/{row['log']}" if row["log"] else None
    return {
        "attempt": row["id"],
        "step": names.get(row["step_run_id"]),
        "epoch": row["epoch"],
        "started": iso(row["started"]),
        "finished": iso(row["finished"]),
        "seconds": _seconds(row["started"], row["finished"]),
        "end": row["end"],
        "error": row["error"],
        "pid": row["pid"],
        "out": f"{log}.out" if log else None,
        "err": f"{log}.err" if log else None,
    }


def _children(connection: Connection, run: Run) -> list[str]:
    if not run.is_backfill:
        return []
    children = select(run_table.c.id).where(run_table.c.parent == run.id)
    return list(connection.scalars(children.order_by(run_table.c.created).limit(MOST_CHILDREN)))


def _made_by(connection: Connection, warehouse: Warehouse, run: Run) -> list[Facts]:
    """The versions that a run made, on its own ref or in the commit that published it."""
    staged = refs.find_ref(connection, run.project, run.ref_name)
    head = run.commit or (staged.head if staged else None)
    if head is None:
        return []
    tree = trees.tree(connection, head)
    wanted = _outputs(connection, run)
    return [
        {
            "name": name,
            "content_id": version.content_id,
            "rows": version.rows,
            "bytes": version.bytes,
            "location": location_of(warehouse, version),
            "made_by": version.made.get("run"),
            "inputs": dict(version.inputs),
        }
        for name, version in sorted(tree.items())
        if version.step in wanted
    ]


def _outputs(connection: Connection, run: Run) -> Collection[str]:
    return {step.name for step in queue.steps_of(connection, run.id)}


def _seconds(started: int | None, finished: int | None) -> float | None:
    if started is None or finished is None:
        return None
    return (finished - started) / 1_000_000
