"""The worker's side of a step: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable

from galley.errors import InternalError
from galley.lake.model import FieldKey
from galley.lake.schema import FieldIds
from galley.runs.messages import decode_reply, decode_task, encode
from galley.runs.protocol import FieldsRequest, StepDone, StepTask, TaskFailed
from galley.runs.runner.failures import failed
from galley.runs.runner.run import run_step

Ask = Callable[[bytes], bytes]


def handle(payload: bytes, ask: Ask) -> bytes:
    """Run the step that ``payload`` describes; the answer is a StepDone or a TaskFailed."""
    task = decode_task(payload)
    if not isinstance(task, StepTask):
        raise InternalError(f"a task of kind {task.kind!r} is no step")
    return encode(attempt(task, asking(ask)))


def attempt(task: StepTask, field_ids: FieldIds) -> StepDone | TaskFailed:
    """Run a step; what goes wrong, ``sys.exit`` in the user's code included, is an answer."""
    try:
        return run_step(task, field_ids)
    except BaseException as error:  # noqa: BLE001  recorded as the answer
        return failed(error, task)


def asking(ask: Ask) -> FieldIds:
    """Field ids from the engine, over the worker's channel."""

    def ids(table_id: str, keys: tuple[FieldKey, ...], at_least: int) -> tuple[int, ...]:
        return decode_reply(ask(encode(FieldsRequest("fields", table_id, keys, at_least)))).ids

    return ids
