"""The worker's side: bytes in, bytes out, field ids asked of the engine."""

import pytest

from galley.errors import InternalError
from galley.runs.messages import decode_answer, encode
from galley.runs.protocol import FieldsReply, FieldsRequest, StepDone, TaskFailed
from galley.runs.runner.handler import handle
from tests.runner_cast import Bench


def test_a_step_over_the_wire(bench: Bench) -> None:
    asked: list[FieldsRequest] = []

    def ask(question: bytes) -> bytes:
        request = decode_answer(question)
        assert isinstance(request, FieldsRequest)
        asked.append(request)
        return encode(FieldsReply("fields", tuple(range(1, len(request.keys) + 1))))

    task = bench.task(bench.sql("t", "SELECT 1 AS a, 'x' AS b"))
    done = decode_answer(handle(encode(task), ask))
    assert isinstance(done, StepDone)
    assert [key.name for key in asked[0].keys] == ["a", "b"]
    assert done.changes[0].version is not None
    assert [column["id"] for column in done.changes[0].version.schema] == [1, 2]


def test_a_failure_over_the_wire(bench: Bench) -> None:
    task = bench.task(bench.sql("t", "SELECT 1 AS a FROM nowhere"))
    failed = decode_answer(handle(encode(task), lambda question: b""))
    assert isinstance(failed, TaskFailed)


def test_what_is_no_step() -> None:
    with pytest.raises(InternalError):
        handle(b'{"kind": "else"}', lambda question: b"")
