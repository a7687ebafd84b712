"""One attempt of one step, from the task to what it made."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from galley import faults
from galley.errors import InternalError, StepError, Where
from galley.lake.schema import FieldIds
from galley.project.model import StepKind
from galley.runs.protocol import StepDone, StepTask
from galley.runs.runner.load import run_load
from galley.runs.runner.preview import Preview
from galley.runs.runner.python import run_python
from galley.runs.runner.sink import Sink, Staging
from galley.runs.runner.sql import run_sql


def run_step(task: StepTask, ask_fields: FieldIds) -> StepDone:
    """Do the step's work; with ``task.preview`` show that many rows and write nothing.

    On any error what was written is removed again.

    Raises:
        GalleyError: with the place in the user's files.
        Exception: whatever a Python step raises.
    """
    started = time.perf_counter()
    Path(task.scratch).mkdir(parents=True, exist_ok=True)
    if task.preview:
        return _previewed(task, started)
    staging = Staging(task, ask_fields)
    try:
        modules, warnings = _run(task, staging)
        faults.point("step.written")
        changes = staging.finish()
    except BaseException:
        # What cannot be removed now is found by its attempt later; why it failed matters more.
        with suppress(OSError):
            staging.abort()
        raise
    return StepDone(
        kind="step_done",
        changes=changes,
        rows=staging.rows,
        bytes=staging.size(changes),
        seconds=time.perf_counter() - started,
        modules=modules,
        warnings=warnings,
    )


def _previewed(task: StepTask, started: float) -> StepDone:
    preview = Preview(task.preview)
    modules, warnings = _run(task, preview)
    return StepDone(
        kind="step_done",
        changes=(),
        rows=preview.rows,
        bytes=0,
        seconds=time.perf_counter() - started,
        modules=modules,
        warnings=warnings,
        preview=preview.shown(),
    )


Ran = tuple[tuple[str, ...], tuple[str, ...]]
"""The modules that were loaded, and warnings."""


def _run(task: StepTask, sink: Sink) -> Ran:
    runner = _RUNNERS.get(task.step.kind)
    if runner is None:
        raise InternalError(f"no runner for steps of kind {task.step.kind}")
    _check_inputs(task)
    return runner(task, sink)


def _check_inputs(task: StepTask) -> None:
    """A step that is run alone may read what was never made."""
    step = task.step
    for name in step.inputs:
        if name not in task.inputs and name not in step.outputs:
            raise StepError(
                f"the step {step.name} reads {name}, and there is no table {name} yet",
                where=Where(step.source.path, step.source.line),
                hint=f"run the step that makes {name} first, or both together",
            )


def _sql(task: StepTask, sink: Sink) -> Ran:
    run_sql(task, sink)
    return (), ()


def _python(task: StepTask, sink: Sink) -> Ran:
    return run_python(task, sink), ()


def _load(task: StepTask, sink: Sink) -> Ran:
    return (), run_load(task, sink)


_RUNNERS: dict[StepKind, Callable[[StepTask, Sink], Ran]] = {
    StepKind.SQL: _sql,
    StepKind.PYTHON: _python,
    StepKind.LOAD: _load,
}
