"""A project's own function as a test: called with tables, judged by what it returns.

Positional parameters name tables (the subject as the test looks at it: its window and filter),
keyword-only ones variables. It returns a boolean, a boolean with a message, a number (with
``min`` or ``max`` in the test), or the bad rows as a frame.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from galley.lake.handle import Table
from galley.project.model import Source
from galley.quality.checks.custom import judge_number
from galley.quality.checks.words import counted, empty
from galley.quality.desk import Desk
from galley.quality.literals import CheckError, parameters
from galley.quality.model import Check, Judgement, Values
from galley.quality.scene import source_of
from galley.quality.verdicts import plain
from galley.runs.protocol import TestTask
from galley.runs.runner.code import project_code
from galley.runs.runner.results import batches_of, is_table

_FRAMES_SHOWN = 3
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call(check: Check, values: Values, task: TestTask, at: Desk) -> Judgement:
    """Call the check's function and judge its answer.

    Raises ``CheckError`` with the end of the trace for an exception in it, and for an answer that
    says nothing.
    """
    nothing = empty(values)
    if nothing is not None:
        return nothing
    path, _, name = (check.function or "").partition(":")
    with project_code(task.code_dir, path) as code:
        try:
            function = code.function(Source(path, function=name))
            given, named = _arguments(function, check, at)
            answer = function(*given, **named)
            return _judge(answer, values["rows"], check.spec.params, task.sample_rows)
        except CheckError:
            raise
        except (Exception, SystemExit) as error:
            raise CheckError(_trace(error, task.code_dir)) from error


def _arguments(
    function: Callable[..., Any], check: Check, at: Desk
) -> tuple[list[Any], dict[str, Any]]:
    given: list[Any] = []
    named: dict[str, Any] = {}
    known = {name.lower(): value for name, value in at.known.items()}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in _POSITIONAL:
            given.append(_table(name, check, at))
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if name.lower() in known:
                named[name] = known[name.lower()]
            elif parameter.default is inspect.Parameter.empty:
                raise CheckError(f"the function asks for {name!r}, which is no variable")
    return given, named


def _table(name: str, check: Check, at: Desk) -> Table:
    keys = (check.spec.table, *check.spec.reads)
    for key in keys:
        if name.lower() in (key, key.rpartition(".")[2], key.replace(".", "__")):
            return _subject(check, at) if key == check.spec.table else Table(at.con, key)
    raise CheckError(
        f"the function asks for {name!r}, which is no table", hint=f"it has {', '.join(keys)}"
    )


def _subject(check: Check, at: Desk) -> Table:
    if not check.scope.sql and not check.spec.where:
        return Table(at.con, check.spec.table)
    query = f"SELECT * {source_of(check.spec, check.scope)}"
    return Table(at.con, check.spec.table, query, parameters(query, at.known))


def _judge(answer: Any, rows: int, params: dict[str, Any], most: int) -> Judgement:
    if type(answer).__module__ == "numpy" and hasattr(answer, "item"):
        answer = answer.item()
    if isinstance(answer, bool):
        said = "the function says that all is well" if answer else "the function says no"
        return Judgement(answer, said, hard=answer, rows=rows)
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], bool):
        return Judgement(answer[0], str(answer[1]), hard=answer[0], rows=rows)
    if isinstance(answer, int | float):
        if not any(name in params for name in ("min", "max", "warn")):
            raise CheckError(f"the function gave {answer}, and the test has no min or max for it")
        return judge_number(answer, rows, params)
    if not is_table(answer) and not isinstance(answer, list):
        raise CheckError(
            f"the function gave {type(answer).__name__}",
            hint="return a boolean, (boolean, message), a number or the bad rows as a frame",
        )
    return _judge_frame(batches_of(answer, "the test"), rows, most)


def _judge_frame(batches: Iterable[Any], rows: int, most: int) -> Judgement:
    failing = 0
    sample: list[Any] = []
    for batch in batches:
        failing += batch.num_rows
        sample += batch.slice(0, max(most - len(sample), 0)).to_pylist()
    message = f"the function found {counted(failing)}" if failing else "no bad row was found"
    return Judgement(
        failing,
        message,
        hard=not failing,
        rows=rows,
        failing=failing,
        sample=tuple(plain(row) for row in sample),
    )


def _trace(error: BaseException, folder: str) -> str:
    """What was raised, and the last places of the project's own code that led there."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(folder)
    ]
    places = ", ".join(
        f"{frame.filename.removeprefix(folder).lstrip('/')}:{frame.lineno} in {frame.name}"
        for frame in frames[-_FRAMES_SHOWN:]
    )
    text = plain(f"{type(error).__name__}: {error}")
    return f"{text} ({places})" if places else str(text)
