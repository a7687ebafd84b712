"""Python steps: a function of tables, called once or once per window."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import ResultError, StepError, Where
from galley.lake import types
from galley.lake.handle import Table
from galley.lake.model import Span
from galley.lake.schema import columns_of
from galley.project.model import Materialize, Step
from galley.project.names import hint_for
from galley.runs.protocol import StepTask
from galley.runs.runner.arguments import has_value, keyword
from galley.runs.runner.code import project_code
from galley.runs.runner.inputs import Inputs
from galley.runs.runner.results import ACCEPTED, batches_of, check_columns, described, is_table
from galley.runs.runner.session import session
from galley.runs.runner.sink import Sink
from galley.runs.runner.stored import file_change

if TYPE_CHECKING:
    import pyarrow as pa

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def run_python(task: StepTask, sink: Sink) -> tuple[str, ...]:
    """Call the step's function and hand its results to ``sink``.

    Returns the project's modules that were loaded though the step's hash does not cover them.

    Raises:
        ResultError: the function returned something that is not what the step makes.
        Exception: whatever the function raises.
    """
    step = task.step
    known = {step.source.path, *step.modules}
    with project_code(task.code_dir, step.source.path) as code, _working_in(task.project_dir):
        function = code.function(step.source)
        with Inputs(task, sink) as inputs:
            results = _Results(task, sink)
            for span in task.spans or (None,):
                arguments, keywords = _arguments(function, task, inputs, span)
                with _one_process():
                    value = function(*arguments, **keywords)
                results.take(value, span)
            results.settle()
        code.note()
        return tuple(path for path in code.loaded() if path not in known)


@contextmanager
def _one_process() -> Iterator[None]:
    """End a process that the user's code forked and that came back: only one may answer."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(0)


def _produced(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches, which a generator of the user may still be making."""
    while True:
        with _one_process():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _working_in(folder: str) -> Iterator[None]:
    """Let relative paths in the user's code start at the project's folder."""
    if not Path(folder).is_dir():
        yield
        return
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _arguments(
    function: Callable[..., Any], task: StepTask, inputs: Inputs, span: Span | None
) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        optional = parameter.default is not inspect.Parameter.empty
        if parameter.kind in _POSITIONAL:
            # A step's inputs are the tables of its positional parameters, in their order.
            if len(positional) >= len(task.step.inputs):
                raise _unknown(name, task)
            positional.append(inputs.table(task.step.inputs[len(positional)]))
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY and (
            not optional or has_value(task, name)
        ):
            keywords[name] = keyword(task, name, span)
    return positional, keywords


def _unknown(name: str, task: StepTask) -> StepError:
    return StepError(
        f"the step {task.step.name} has a parameter {name!r}, which is none of its tables",
        where=Where(task.step.source.path, task.step.source.line),
        hint=hint_for(name, task.step.inputs, "it reads"),
    )


class _Results:
    """Takes what the calls return to the outputs."""

    def __init__(self, task: StepTask, sink: Sink) -> None:
        self._task = task
        self._sink = sink
        self._who = f"the step {task.step.name}"
        self._schemas: dict[str, pa.Schema] = {}
        self._empty: list[tuple[str, Span | None]] = []

    def take(self, value: Any, span: Span | None) -> None:
        """Deliver one call's result."""
        materialize = self._task.step.materialize
        if materialize is Materialize.NONE:
            return
        for output, part in by_output(value, self._task.step).items():
            if materialize is Materialize.FILE:
                self._sink.add(file_change(self._task, output, part))
            else:
                self._deliver(output, part, span)

    def settle(self) -> None:
        """Write the windows that came without rows and columns, now that columns are known."""
        for output, span in self._empty:
            if output in self._schemas:
                self._sink.batches(output, [self._schemas[output].empty_table()], span)
            else:
                self._write_nothing(output, span)

    def _deliver(self, output: str, value: Any, span: Span | None) -> None:
        if isinstance(value, Table):
            self._sink.query(output, value.connection, value.query, value.parameters, span)
            return
        batches = _produced(batches_of(value, self._who))
        first = next(batches, None)
        if first is None:
            if output in self._task.inputs:
                # It is read by the windows after this one.
                self._write_nothing(output, span)
            else:
                self._empty.append((output, span))
            return
        check_columns(first.schema.names, self._who)
        self._schemas.setdefault(output, first.schema)
        second = next(batches, None)
        rows = [first] if second is None else chain((first, second), batches)
        self._sink.batches(output, rows, span)

    def _write_nothing(self, output: str, span: Span | None) -> None:
        columns = columns_of(self._task.bases.get(output))
        if not columns:
            raise ResultError(
                f"{self._who} returned no rows, and nothing says which columns {output} has",
                hint="return an Arrow table or a frame that has its columns though no rows",
            )
        selected = ", ".join(
            f"CAST(NULL AS {types.to_duckdb(one.type)}) AS {types.quote(one.name)}"
            for one in columns
        )
        with session(self._task, inputs=False) as connection:
            self._sink.query(output, connection, f"SELECT {selected} WHERE false", {}, span)


def by_output(value: Any, step: Step) -> dict[str, Any]:
    """The parts of a result by the table they are for.

    Raises:
        ResultError: nothing came back, or outputs are missing or unknown.
    """
    outputs = step.outputs
    if isinstance(value, Mapping) and _is_by_output(value, outputs):
        return _checked({str(key).lower(): part for key, part in value.items()}, step)
    if len(outputs) == 1:
        if value is None:
            raise ResultError(
                f"the step {step.name} returned nothing (None), and {outputs[0]} was due",
                where=Where(step.source.path, step.source.line),
                hint=f'{ACCEPTED}; a step that makes no table says materialize="none"',
            )
        return {outputs[0]: value}
    raise ResultError(
        f"the step {step.name} makes {', '.join(outputs)} and returned {described(value)}",
        where=Where(step.source.path, step.source.line),
        hint=f"return a dict: {{{', '.join(f'{name!r}: …' for name in outputs)}}}",
    )


def _is_by_output(value: Mapping[Any, Any], outputs: tuple[str, ...]) -> bool:
    if len(outputs) > 1:
        return True
    keys = {str(key).lower() for key in value}
    return keys == set(outputs) and not _is_column(next(iter(value.values())))


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not is_table(value)


def _checked(parts: dict[str, Any], step: Step) -> dict[str, Any]:
    missing = [name for name in step.outputs if parts.get(name) is None]
    extra = sorted(parts.keys() - set(step.outputs))
    if not missing and not extra:
        return parts
    said = []
    if missing:
        said.append(f"without {', '.join(missing)}")
    if extra:
        said.append(f"with {', '.join(extra)}, which it does not make")
    raise ResultError(
        f"the step {step.name} returned a dict {' and '.join(said)}",
        where=Where(step.source.path, step.source.line),
        hint=f"it makes {', '.join(step.outputs)}",
    )
