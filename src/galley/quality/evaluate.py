"""Tests on versions: plan, measure, judge. Runs inside a worker, on data files alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from galley.clock import to_datetime
from galley.errors import GalleyError
from galley.project.model import TestSpec
from galley.quality.checks.catalogue import CATALOGUE
from galley.quality.desk import Desk, desk
from galley.quality.functions import call
from galley.quality.literals import CheckError, pasted
from galley.quality.metrics import measure, measure_small
from galley.quality.model import Check, Fact, Judgement
from galley.quality.plan import Plan, Select, alone, plan, text_of
from galley.quality.proofs import Known, prove
from galley.quality.scene import Scene, columns_of
from galley.quality.scope import Scope, scope_of
from galley.quality.verdicts import error_verdict, verdict
from galley.runs.protocol import TestDone, TestTask
from galley.runs.verdict import Metric, Verdict

_KEY_TYPES = ("unique", "unique_combination")
Measured = dict[tuple[str, str, str], Any]
"""Values of terms by table, scope and SQL."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One test on its way: a check, or why there is none."""

    spec: TestSpec
    check: Check | None = None
    problem: str | None = None


def run_tests(task: TestTask) -> TestDone:
    """Evaluate the task's tests on its versions and measure its tables.

    One verdict for each test, in their order. A test that cannot run gets the verdict *error* and
    leaves the others as they are.
    """
    started = time.monotonic()
    metrics = {table: _small(task, table) for table in task.metrics}
    verdicts: tuple[Verdict, ...] = ()
    if task.tests or None in metrics.values():
        with desk(task) as at:
            verdicts = evaluate(task, at)
            metrics = {
                table: measure(at, table) if found is None else found
                for table, found in metrics.items()
            }
    every = tuple(metric for found in metrics.values() for metric in found or ())
    return TestDone("test_done", verdicts, every, time.monotonic() - started)


def _small(task: TestTask, table: str) -> tuple[Metric, ...] | None:
    version = task.versions.get(table)
    if version is None:
        return None
    return measure_small(task.store, version, table)


def evaluate(task: TestTask, at: Desk) -> tuple[Verdict, ...]:
    """The verdicts on all tests of the task."""
    trials = [_trial(spec, task, at) for spec in task.tests]
    checks = [trial.check for trial in trials if trial.check is not None]
    work = plan(checks, lambda check, fact: _proof(at, check.spec.table, check.scope, fact))
    measured = _measure(work, at)
    proved = iter(work.proved)
    return tuple(
        _verdict(trial.check, next(proved), measured, task, at)
        if trial.check is not None
        else error_verdict(trial.spec, trial.problem or "", task.versions)
        for trial in trials
    )


def _trial(spec: TestSpec, task: TestTask, at: Desk) -> Trial:
    try:
        return Trial(spec, check=compiled(spec, task, at))
    except GalleyError as error:
        return Trial(spec, problem=told(error))


def told(error: Exception) -> str:
    """An error in one line, with its hint."""
    if not isinstance(error, GalleyError):
        return f"{type(error).__name__}: {error}"
    return f"{error.message}; {error.hint}" if error.hint else error.message


def compiled(spec: TestSpec, task: TestTask, at: Desk) -> Check:
    """The test as a check. Raises ``CheckError`` when it cannot be one."""
    make = CATALOGUE.get(spec.type)
    if make is None:
        raise CheckError(f"there is no test type {spec.type!r}")
    for table in (spec.table, *spec.reads):
        if table in at.broken:
            raise CheckError(at.broken[table])
    return make(scene_of(spec, task, at))


def scene_of(spec: TestSpec, task: TestTask, at: Desk) -> Scene:
    """What the test's type gets to see."""
    if spec.table not in task.versions:
        raise CheckError(f"table {spec.table} does not exist here")
    columns = columns_of(task.versions[spec.table])
    by_key = {name.lower(): name for name in columns}
    name = by_key.get((task.window_column or "").lower())
    windowed = spec.scope == "window" and name is not None
    scope = (
        scope_of(name, columns[name], task.spans, task.timezone) if windowed and name else Scope()
    )
    return Scene(
        spec=spec,
        versions=task.versions,
        columns=columns,
        scope=scope,
        now=to_datetime(task.now),
        facts=lambda table, fact: _proof(at, table, Scope(), fact),
        variables=at.known,
        keys=_keys(task.tests, spec.table, by_key),
    )


def _keys(tests: tuple[TestSpec, ...], table: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The columns by which the table's tests say that a row is known."""
    named = (
        columns.get(name.lower())
        for test in tests
        if test.table == table and test.type in _KEY_TYPES
        for name in test.params.get("columns", ())
    )
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _proof(at: Desk, table: str, scope: Scope, fact: Fact) -> Known | None:
    files = at.files(table)
    within = scope.whole_files(files) if files is not None else None
    if within is None:
        return None
    return prove(fact, within, columns_of(at.versions[table]))


def _measure(work: Plan, at: Desk) -> Measured:
    measured: Measured = {}
    for select in work.selects:
        measured.update(_select(select, at))
    return measured


def _select(select: Select, at: Desk) -> Measured:
    """The select's values; nothing when it fails, and then each test measures for itself."""
    try:
        row = at.row(select.sql)
    except CheckError:
        return {}
    keys = ((select.table, select.scope, term) for term in select.terms)
    return dict(zip(keys, row, strict=True))


def _verdict(
    check: Check, proved: dict[str, Any], measured: Measured, task: TestTask, at: Desk
) -> Verdict:
    sql, detailed = text_of(check, detailed=False), False
    try:
        values = _values(check, proved, measured, at)
        if check.function is not None:
            judgement = call(check, values, task, at)
        else:
            judgement = check.judge(values)
            detailed = not judgement.holds and judgement.reason is None and bool(check.detail)
        if detailed and check.detail:
            judgement = check.judge({**values, **at.named_row(check.detail)})
        judgement = _with_sample(check, judgement, task, at)
    except Exception as error:  # noqa: BLE001  recorded as the verdict
        shown = pasted(sql, at.known) if sql else None
        return error_verdict(check.spec, told(error), task.versions, sql=shown, scope=check.scope)
    text = text_of(check, detailed=detailed)
    return verdict(
        check.spec,
        judgement,
        task.versions,
        check.scope,
        sql=pasted(text, at.known) if text else None,
        proof=_proof_text(check, proved, at),
    )


def _values(check: Check, proved: dict[str, Any], measured: Measured, at: Desk) -> dict[str, Any]:
    values = dict(proved)
    missing = False
    for name, term in check.terms.items():
        if name not in values:
            key = (check.spec.table, check.scope.sql, term.sql)
            missing = missing or key not in measured
            values[name] = measured.get(key)
    if missing:
        values.update(at.named_row(alone(check)))
    if check.query:
        values.update(at.named_row(check.query))
    return values


def _with_sample(check: Check, judgement: Judgement, task: TestTask, at: Desk) -> Judgement:
    if judgement.holds or judgement.reason or not check.sample or not task.sample_rows:
        return judgement
    return replace(judgement, sample=at.sample(check.sample, task.sample_rows))


def _proof_text(check: Check, proved: dict[str, Any], at: Desk) -> str | None:
    if check.proof or check.query or check.function or set(proved) != set(check.terms):
        return check.proof
    files = at.files(check.spec.table) or ()
    count = len(check.scope.whole_files(files) or ())
    return f"the Parquet footers of {count} file{'' if count == 1 else 's'}"
