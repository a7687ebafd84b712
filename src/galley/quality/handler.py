"""The worker's side of tests: bytes in, bytes out."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from galley.errors import GalleyError, InternalError
from galley.quality.evaluate import run_tests
from galley.runs.messages import decode_task, encode
from galley.runs.model import Reason
from galley.runs.protocol import TaskFailed, TestDone, TestTask


def handle(payload: bytes, ask: Callable[[bytes], bytes]) -> bytes:
    """Run the tests that ``payload`` describes; the answer is a TestDone or a TaskFailed.

    ``ask`` is the worker's channel to the engine; tests have nothing to ask.
    """
    task = decode_task(payload)
    if not isinstance(task, TestTask):
        raise InternalError(f"a task of kind {task.kind!r} holds no tests")
    return encode(attempt(task))


def attempt(task: TestTask) -> TestDone | TaskFailed:
    """Run the tests; a defect of ours is an answer too, so that the run can say what happened."""
    try:
        return run_tests(task)
    except Exception as error:  # noqa: BLE001  recorded as the answer
        known = isinstance(error, GalleyError)
        return TaskFailed(
            kind="failed",
            reason=Reason.USER_ERROR.value,
            error=type(error).__name__,
            message=error.message if isinstance(error, GalleyError) else str(error),
            trace="" if known else "".join(traceback.format_exception(error)),
            hint=error.hint if isinstance(error, GalleyError) else None,
        )
