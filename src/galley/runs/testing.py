"""Tests in a run: which must be evaluated, which verdicts can be used again, what blocks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from galley.lake.model import Span, Version
from galley.project.model import Step, TestSpec
from galley.runs import findings, queue, records
from galley.runs.graph import Node
from galley.runs.live import LiveRun, Site, memory_share
from galley.runs.model import Reason, StepRun, StepState
from galley.runs.protocol import TestTask
from galley.runs.scene import Scene
from galley.runs.verdict import Outcome, Verdict

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

_TIMELY = re.compile(
    r"\$now\b|\b(now|random|uuid|gen_random_uuid|today|get_current_timestamp)\s*\("
    r"|\bcurrent_(date|time|timestamp)\b|\blocal(time|timestamp)\b",
    re.IGNORECASE,
)

NEVER_REUSED = frozenset({"freshness", "python"})
"""Verdicts of these types depend on more than the contents they read."""


@dataclass(frozen=True, slots=True)
class TestWork:
    """The tests of one node on one state of the tables.

    ``known`` are verdicts that bind to the very same contents; ``todo`` must be evaluated.
    """

    __test__ = False

    versions: dict[str, Version]
    contents: dict[str, str]
    spans: tuple[Span, ...]
    known: tuple[tuple[str, Verdict, str], ...]
    todo: tuple[TestSpec, ...]

    @property
    def needed(self) -> bool:
        """Whether a worker has anything to do."""
        return bool(self.todo)


def work_for(
    connection: Connection,
    live: LiveRun,
    node: Node,
    scene: Scene,
    *,
    spans: tuple[Span, ...] = (),
) -> TestWork:
    """Look up which of a node's tests have a verdict on exactly these contents."""
    tables = {table for test in node.tests for table in (test.table, *test.reads)}
    versions = scene.versions(tables)
    contents = scene.contents(versions)
    wanted = {}
    for test in node.tests:
        if _lasting(test):
            wanted[key_of(live, test, contents, spans)] = test
    found = findings.find_verdicts(connection, live.project, wanted)
    known = tuple(
        (key, _as_now(verdict, wanted[key]), run_id) for key, (verdict, run_id) in found.items()
    )
    known += tuple(_waiting(live, node, contents, spans))
    judged = {(verdict.test, verdict.table) for _, verdict, _ in known}
    todo = tuple(test for test in node.tests if (test.name, test.table) not in judged)
    return TestWork(versions, contents, spans, known, todo)


def _waiting(
    live: LiveRun, node: Node, contents: Mapping[str, str], spans: tuple[Span, ...]
) -> Iterator[tuple[str, Verdict, str]]:
    """Tests that a run of selected steps leaves for later: a table they read is not there yet."""
    if not live.run.request.select:
        return
    for test in node.tests:
        missing = [name for name in (test.table, *test.reads) if name not in contents]
        if missing:
            yield (
                key_of(live, test, contents, spans),
                Verdict(
                    test=test.name,
                    test_hash=test.hash,
                    type=test.type,
                    table=test.table,
                    stage=test.stage.value,
                    outcome=Outcome.NOT_EVALUATED,
                    severity=test.severity.value,
                    blocking=test.blocking,
                    reason="disabled",
                    message=f"{', '.join(missing)} is not there yet, and was not selected",
                ),
                "",
            )


def key_of(
    live: LiveRun, test: TestSpec, contents: Mapping[str, str], spans: Iterable[Span]
) -> str:
    """The key of a verdict of ``test`` on these contents, with the variables that it names."""
    read = {name: contents.get(name, "absent") for name in (test.table, *test.reads)}
    values = _values(live, live.manifest.maker(test.table))
    names = set(_VARIABLE.findall(_text(test)))
    named = {name: values[name] for name in sorted(names) if name in values}
    windowed = test.scope == "window" or names & {"start", "end"}
    return findings.verdict_key(test, read, spans if windowed else (), named)


def task_for(site: Site, live: LiveRun, node: Node, work: TestWork, slots: int) -> TestTask:
    """What a worker is told to evaluate."""
    step = node.step or _maker(live, work.todo)
    window = step.window if step else None
    return TestTask(
        kind="test",
        run=live.run.id,
        project=live.project,
        tests=work.todo,
        versions=work.versions,
        code_dir=str(site.code(live.run.definition)),
        warehouse=site.warehouse,
        scratch=str(site.scratch / live.run.id),
        now=live.setting.now,
        variables=_values(live, step),
        spans=work.spans,
        window_column=window.column if window else None,
        timezone=window.timezone if window else "UTC",
        threads=site.threads,
        memory=memory_share(site, slots),
        access=site.access(),
    )


def conclude(
    connection: Connection,
    live: LiveRun,
    step_run: StepRun,
    work: TestWork,
    verdicts: Iterable[Verdict],
    now: int,
) -> StepState | None:
    """Store what the tests said and move the step on: its consumers are released, or it is blocked.

    Returns the step's state, or ``None`` if the step was lost to someone else.
    """
    judged = list(work.known)
    specs = {(test.name, test.table): test for test in work.todo}
    for verdict in verdicts:
        spec = specs[(verdict.test, verdict.table)]
        judged.append((key_of(live, spec, work.contents, work.spans), verdict, ""))
    blocking = _blocking(connection, live, judged, now)
    to = _outcome(step_run, bool(blocking))
    values: dict[str, Any] = {}
    if blocking:
        values = {"reason": Reason.TEST_FAILED.value, "message": _summary(blocking)}
    if not queue.move_step(connection, step_run, to, now, **values):
        return None
    rows = [(key, verdict, run_id or None) for key, verdict, run_id in judged]
    findings.save_verdicts(connection, live.project, live.run.id, step_run.name, rows, now)
    _tell(connection, live, step_run, [verdict for _, verdict, _ in judged], now)
    if to.good:
        consumers = live.graph.consumers[step_run.name]
        queue.release_consumers(connection, live.run.id, consumers, now)
    else:
        names = live.graph.downstream(step_run.name)
        queue.fail_downstream(connection, live.run.id, names, step_run.name, now)
    return to


def _lasting(test: TestSpec) -> bool:
    """Whether a verdict still holds later on the same contents."""
    return test.type not in NEVER_REUSED and not _TIMELY.search(_text(test))


def _text(test: TestSpec) -> str:
    return json.dumps(test.params, sort_keys=True) + (test.where or "")


def requested_spans(live: LiveRun) -> tuple[Span, ...]:
    """The windows that the run was asked for, as one span."""
    asked = live.setting.windows
    return (Span(*asked),) if asked is not None else ()


def _outcome(step_run: StepRun, blocked: bool) -> StepState:
    if blocked:
        return StepState.BLOCKED
    if step_run.reused_from is not None:
        return StepState.REUSED
    return StepState.SUCCEEDED


def _blocking(
    connection: Connection, live: LiveRun, judged: Iterable[tuple[str, Verdict, str]], now: int
) -> list[Verdict]:
    blocking = {key: verdict for key, verdict, _ in judged if verdict.blocks}
    if not blocking:
        return []
    allowed = findings.overridden(connection, records.resumed(connection, live.run), now)
    return [verdict for key, verdict in blocking.items() if key not in allowed]


def _summary(blocking: list[Verdict]) -> str:
    first = blocking[0]
    text = f"test {first.test} on {first.table}: {first.message or first.outcome.value}"
    more = len(blocking) - 1
    return f"{text} (and {more} more)" if more else text


def _tell(
    connection: Connection, live: LiveRun, step_run: StepRun, verdicts: list[Verdict], now: int
) -> None:
    if verdicts:
        counts: dict[str, int] = {}
        for verdict in verdicts:
            counts[verdict.outcome.value] = counts.get(verdict.outcome.value, 0) + 1
        queue.emit(connection, live.run.id, "tests", now, step=step_run.name, body=counts)


def _as_now(verdict: Verdict, test: TestSpec) -> Verdict:
    """An earlier verdict under the test's present name and consequences."""
    return replace(
        verdict,
        test=test.name,
        table=test.table,
        blocking=test.blocking,
        severity=test.severity.value,
        stage=test.stage.value,
    )


def _maker(live: LiveRun, tests: Sequence[TestSpec]) -> Step | None:
    """The step whose windows the tests of a node without a step are about, if there is one."""
    if not tests:
        return None
    return live.manifest.maker(tests[0].table)


def _values(live: LiveRun, step: Step | None) -> dict[str, Any]:
    """The variables a test may name: those of the step's pipeline, or of all of the run."""
    if step is not None:
        return dict(live.setting.values(step))
    return {k: v for values in live.setting.variables.values() for k, v in values.items()}
