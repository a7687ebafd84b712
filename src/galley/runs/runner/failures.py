"""An exception as the answer to the engine: what happened, where in the user's files, and why."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Iterator
from typing import Any

from galley.errors import GalleyError, StorageError
from galley.lake.warehouse import errno_in, storage_error
from galley.runs.model import Reason
from galley.runs.protocol import StepTask, TaskFailed
from galley.runs.redact import Redactor
from galley.runs.runner.addresses import password_of, resolve
from galley.runs.runner.results import is_a

_NOT_THE_USERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_SHORTEST_SECRET = 3


def failed(error: BaseException, task: StepTask) -> TaskFailed:
    """Describe why the task failed, with every secret value blotted out."""
    error = _storage(error)
    kind = type(error)
    names = [_qualified(base) for base in kind.__mro__ if base is not object]
    blot = _Blot(task)
    hint = error.hint if isinstance(error, GalleyError) else _hint(error)
    return TaskFailed(
        kind="failed",
        reason=_reason(error).value,
        error=names[0],
        message=blot(_message(error)),
        trace=blot(_trace(error, task)),
        hint=blot(hint) if hint else None,
        where=_where(error, task),
        bases=tuple(dict.fromkeys([*names[1:], *(name.rpartition(".")[2] for name in names)])),
    )


def _storage(error: BaseException) -> BaseException:
    """The disk's own complaints as a ``StorageError``, wherever they came up."""
    number: int | None = None
    if isinstance(error, OSError):
        number = error.errno if error.errno in _NOT_THE_USERS else None
    elif is_a(error, "duckdb", "Error"):
        number = errno_in(str(error))
    if number is None:
        return error
    found = storage_error("the step's data could not be written", number, str(error))
    found.__cause__ = error
    return found


def _reason(error: BaseException) -> Reason:
    if _lacks_memory(error):
        return Reason.OUT_OF_MEMORY
    if isinstance(error, StorageError):
        return Reason.STORAGE
    return Reason.USER_ERROR


def _lacks_memory(error: BaseException) -> bool:
    return any(
        isinstance(one, MemoryError) or is_a(one, "duckdb", "OutOfMemoryException")
        for one in (error, error.__cause__)
    )


def _message(error: BaseException) -> str:
    if isinstance(error, GalleyError):
        return error.message
    if isinstance(error, SystemExit):
        return f"the step called sys.exit({error.code!r})"
    text = str(error).strip()
    # DuckDB's texts begin with their kind; alone, another's may be as little as 'x'.
    if is_a(error, "duckdb", "Error") or not text:
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}"


def _hint(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        return f"install {error.name} for this Python, or put it beside the step's file"
    if _lacks_memory(error):
        return "give the step more memory (`memory:`), or return the rows in batches"
    return None


def _where(error: BaseException, task: StepTask) -> str | None:
    if isinstance(error, GalleyError) and error.where is not None:
        return str(error.where)
    if isinstance(error, SyntaxError) and error.filename and _is_user(error.filename, task):
        return f"{_relative(error.filename, task)}:{error.lineno}"
    frames = _user_frames(error, task)
    if frames:
        return f"{_relative(frames[-1].filename, task)}:{frames[-1].lineno}"
    return f"{task.step.source.path}:{task.step.source.line}"


def _trace(error: BaseException, task: StepTask) -> str:
    """The frames in the user's files, causes first; all frames for a defect of our own."""
    chain = [one for one in _chain(error) if _is_shown(one, task)]
    if not chain and not isinstance(error, GalleyError):
        return "".join(traceback.format_exception(error))
    return "\n\n".join(_lines(one, task) for one in reversed(chain))


def _is_shown(error: BaseException, task: StepTask) -> bool:
    return bool(_user_frames(error, task)) or isinstance(error, SyntaxError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _lines(error: BaseException, task: StepTask) -> str:
    lines = []
    for frame in _user_frames(error, task):
        lines.append(f"{_relative(frame.filename, task)}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line}")
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{_relative(error.filename, task)}:{error.lineno}")
        lines.append(f"    {(error.text or '').strip()}")
    return "\n".join([*lines, f"{_qualified(type(error))}: {error}".removesuffix(": ")])


def _user_frames(error: BaseException, task: StepTask) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if _is_user(frame.filename, task)]


def _is_user(filename: str, task: StepTask) -> bool:
    return filename.startswith((task.code_dir + os.sep, task.project_dir + os.sep))


def _relative(filename: str, task: StepTask) -> str:
    for folder in (task.code_dir, task.project_dir):
        if filename.startswith(folder + os.sep):
            return os.path.relpath(filename, folder).replace(os.sep, "/")
    return filename


def _qualified(kind: type[Any]) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


class _Blot:
    """Takes secret values, and passwords inside addresses, out of a text."""

    def __init__(self, task: StepTask) -> None:
        values = [value for value in task.hidden if len(value) >= _SHORTEST_SECRET]
        passwords = (password_of(address) for address in _addresses(task))
        self._secrets = [*values, *(one for one in passwords if one)]

    def __call__(self, text: str) -> str:
        redactor = Redactor(self._secrets)
        shown = redactor.feed(text.encode("utf-8", "replace")) + redactor.finish()
        return shown.decode("utf-8", "replace")


def _addresses(task: StepTask) -> Iterator[str]:
    for connection in task.connections.values():
        yield resolve(connection.url, task.secrets)
    if task.step.load is not None and task.step.load.url:
        yield resolve(task.step.load.url, task.secrets)
