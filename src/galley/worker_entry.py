"""What a worker process can do: run steps and measure what they made, and evaluate tests.

Apart from ``bootstrap``, because workers hold no database and need none of its libraries.
"""

from __future__ import annotations

from dataclasses import replace

from galley.errors import InternalError
from galley.lake import spare
from galley.lake.model import Format
from galley.quality import handler as tests
from galley.runs import scratch
from galley.runs.messages import decode_task, encode
from galley.runs.protocol import StepDone, StepTask, TaskFailed, TestTask
from galley.runs.runner.handler import Ask, asking, attempt
from galley.runs.worker import IDLE, Handler


def handlers() -> dict[str, Handler]:
    """The handlers by kind of task."""
    return {"step": run_step, "test": tests.handle, IDLE: _prepare}


def run_step(payload: bytes, ask: Ask) -> bytes:
    """Run the step that ``payload`` describes and measure the tables it made."""
    task = decode_task(payload)
    if not isinstance(task, StepTask):
        raise InternalError(f"a task of kind {task.kind!r} is no step")
    try:
        answer = attempt(task, asking(ask))
        return encode(measured(task, answer) if isinstance(answer, StepDone) else answer)
    finally:
        scratch.remove(task.scratch)


def measured(task: StepTask, done: StepDone) -> StepDone:
    """The answer with automatic metrics. A failure to measure is a warning, not the step's end."""
    versions = [change.version for change in done.changes if change.version is not None]
    made = {version.table: version for version in versions if version.format is Format.ICEBERG}
    if not made or task.preview:
        return done
    found = tests.attempt(
        TestTask(
            kind="test",
            run=task.run,
            project=task.project,
            tests=(),
            versions=made,
            code_dir=task.code_dir,
            warehouse=task.warehouse,
            scratch=task.scratch,
            now=task.now,
            metrics=tuple(made),
            threads=task.threads,
            memory=task.memory,
            access=task.access,
        )
    )
    if isinstance(found, TaskFailed):
        warning = f"its metrics could not be measured: {found.message}"
        return replace(done, warnings=(*done.warnings, warning))
    return replace(done, metrics=found.metrics)


def _prepare(_payload: bytes, _ask: object) -> bytes:
    """Open databases for the next task while the engine takes in the last one's result."""
    spare.keep()
    return b""
