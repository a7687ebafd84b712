"""The protocol's values as the bytes that go between the engine and a worker."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast

from galley.codec import from_plain
from galley.errors import InternalError
from galley.runs.protocol import (
    FieldsReply,
    FieldsRequest,
    StepDone,
    StepTask,
    TaskFailed,
    TestDone,
    TestTask,
)

T = TypeVar("T")

_TASKS: dict[str, type] = {"step": StepTask, "test": TestTask}
_ANSWERS: dict[str, type] = {
    "step_done": StepDone,
    "test_done": TestDone,
    "failed": TaskFailed,
    "fields": FieldsRequest,
}


def encode(message: object) -> bytes:
    """A message as JSON. What JSON has no word for (dates, decimals) becomes its text."""
    return json.dumps(message, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def decode_task(data: bytes) -> StepTask | TestTask:
    """What the engine asks of a worker."""
    return cast(StepTask | TestTask, _by_kind(data, _TASKS))


def decode_answer(data: bytes) -> StepDone | TestDone | TaskFailed | FieldsRequest:
    """What a worker says to the engine."""
    return cast(StepDone | TestDone | TaskFailed | FieldsRequest, _by_kind(data, _ANSWERS))


def decode_reply(data: bytes) -> FieldsReply:
    """What the engine says when a worker asked for field ids."""
    return _decoded(_load(data), FieldsReply)


def _by_kind(data: bytes, known: dict[str, type]) -> Any:
    raw = _load(data)
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if kind not in known:
        raise InternalError(f"a message of kind {kind!r} was not expected here")
    return _decoded(raw, known[kind])


def _load(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise InternalError(f"a message is not JSON: {error}") from error


def _decoded(raw: Any, expected: type[T]) -> T:
    try:
        return from_plain(expected, raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InternalError(f"a message is no {expected.__name__}: {error}") from error


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))
