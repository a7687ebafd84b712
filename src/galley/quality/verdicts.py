"""From a judgement to a verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from galley.lake.model import Version
from galley.project.model import Severity, TestSpec
from galley.quality.model import Judgement
from galley.quality.scope import Scope
from galley.runs.verdict import Outcome, Verdict

LONGEST_TEXT = 200
_DEEPEST = 20


def verdict(
    spec: TestSpec,
    judgement: Judgement,
    versions: Mapping[str, Version],
    scope: Scope,
    *,
    sql: str | None = None,
    proof: str | None = None,
) -> Verdict:
    """The verdict on a test that ran, or had nothing to look at."""
    return Verdict(
        **_identity(spec, versions),
        outcome=outcome_of(spec, judgement),
        value=plain(judgement.value),
        limits=plain(judgement.limits),
        rows=judgement.rows,
        failing=judgement.failing,
        sql=sql,
        proof=proof,
        reason=judgement.reason,
        message=judgement.message,
        sample=judgement.sample,
        spans=scope.spans,
    )


def error_verdict(
    spec: TestSpec,
    message: str,
    versions: Mapping[str, Version],
    *,
    sql: str | None = None,
    scope: Scope | None = None,
) -> Verdict:
    """The verdict on a test that could not run."""
    return Verdict(
        **_identity(spec, versions),
        outcome=Outcome.ERROR,
        sql=sql,
        message=message,
        spans=scope.spans if scope else (),
    )


def _identity(spec: TestSpec, versions: Mapping[str, Version]) -> dict[str, Any]:
    read = (spec.table, *spec.reads)
    return {
        "test": spec.name,
        "test_hash": spec.hash,
        "type": spec.type,
        "table": spec.table,
        "stage": spec.stage.value,
        "severity": spec.severity.value,
        "blocking": spec.blocking,
        "where": f"{spec.source.path}:{spec.source.line}",
        "contents": {key: versions[key].content_id for key in read if key in versions},
    }


def outcome_of(spec: TestSpec, judgement: Judgement) -> Outcome:
    """Which of the five verdicts it is.

    A test that saw nothing is not evaluated, which is never green and blocks if the test does: a
    check that passes without looking is worse than none. ``when_empty: pass`` allows it by name.
    """
    if judgement.reason is not None:
        allowed = spec.params.get("when_empty") == "pass"
        return Outcome.PASS if allowed else Outcome.NOT_EVALUATED
    if not judgement.hard:
        return Outcome.WARN if spec.severity is Severity.WARN else Outcome.FAIL
    return Outcome.PASS if judgement.soft else Outcome.WARN


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it: times as ISO texts, NaN as text, long texts and bytes cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return plain(bytes(value).hex())
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set):
        return [plain(item, depth + 1) for item in list(value)[:LONGEST_TEXT]]
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
